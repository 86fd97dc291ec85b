# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Masks on HEALPix pixels: FITS maps, arrays with their pixelization, and HealSparse maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from lensmap.masks._positions import Positions
from lensmap.masks._values import Values
from lensmap.utils import check_memory, frame_of_healpix, import_healsparse

__all__ = ["HealSparseSource", "HealpixSource", "from_healpix_array", "from_healpix_hdu",
           "is_healsparse", "read_healsparse"]

_PIXEL_COLUMNS = ("PIXEL", "PIX", "HPIX", "IPIX", "HEALPIX")


class HealpixSource:
    """A mask on HEALPix pixels; positions in pixels without a value are outside the mask.

    Parameters
    ----------
    nside : int
        The HEALPix resolution parameter.
    order : {"ring", "nested"}
        The order of the pixels.
    frame : str
        The name of the celestial frame in `astropy.coordinates`.
    inside : `numpy.ndarray`
        True for pixels inside the mask, bool, ``(12 nside^2,)`` or of the length of ``pixels``.
    pixels : `numpy.ndarray` or None
        The HEALPix index of each pixel in ``inside``. None if ``inside`` has all pixels.
    """

    kind = "a HEALPix map"

    def __init__(
        self,
        nside: int,
        order: str,
        frame: str,
        inside: np.ndarray,
        pixels: np.ndarray | None = None,
    ) -> None:
        self.nside, self.order, self.frame = nside, order, frame
        if pixels is not None:
            self._pixels: np.ndarray | None = np.sort(np.asarray(pixels)[inside])
        else:
            self._pixels, self._inside = None, inside

    def contains(self, positions: Positions) -> np.ndarray:
        """Return whether each position lies in a pixel inside the mask, bool, ``(n,)``.

        `SkyMask` decides whether the inside or, for a footprint, the outside is excluded.
        """
        from astropy_healpix import HEALPix

        sky = positions.sky.transform_to(self.frame).spherical
        finite = np.flatnonzero(np.isfinite(sky.lon.deg))
        result = np.zeros(len(positions), dtype=bool)
        if len(finite) == 0:
            return result
        grid = HEALPix(self.nside, self.order)
        pixel = grid.lonlat_to_healpix(sky.lon[finite], sky.lat[finite])
        if self._pixels is None:
            result[finite] = self._inside[pixel]
        elif len(self._pixels):
            index = np.minimum(np.searchsorted(self._pixels, pixel), len(self._pixels) - 1)
            result[finite] = self._pixels[index] == pixel
        return result


def from_healpix_array(array: Any, grid: Any, values: Values) -> HealpixSource:
    """Convert an array of HEALPix pixel values to a mask source.

    The mask source is an object that tests whether positions lie inside the mask. ``grid``, an
    ``astropy_healpix.HEALPix``, defines the pixels, and ``values`` is the rule that says which
    pixel values are inside the mask.
    """
    array = np.ma.asarray(array) if isinstance(array, np.ma.MaskedArray) else np.asarray(array)
    if array.shape != (grid.npix,):
        raise ValueError(
            f"the HEALPix mask must have {grid.npix} values for nside {grid.nside}, not the shape "
            f"{array.shape}"
        )
    if grid.frame is None:
        raise ValueError("the HEALPix object needs a frame, such as HEALPix(..., frame='icrs')")
    inside, _ = values.select(array, None, "the HEALPix mask")
    return HealpixSource(grid.nside, grid.order, grid.frame.name, inside)


def from_healpix_hdu(hdu: Any, values: Values, name: str, part: str | None) -> HealpixSource:
    """Convert a HEALPix table of a FITS file to a mask source.

    Parameters
    ----------
    hdu : `~astropy.io.fits.BinTableHDU`
        The table, with implicit or explicit pixel numbers.
    values : Values
        The rule that says which pixel values are inside the mask.
    name : str
        The name of the file for messages.
    part : str or None
        The name of the column with the mask. None if there is only one.

    Returns
    -------
    HealpixSource
        The mask source, an object that tests whether positions lie inside the mask.

    Raises
    ------
    ValueError
        If the header is not that of a HEALPix map, or if it is not clear which column is the mask.

    Warns
    -----
    MapWarning
        If the header does not name the frame.
    """
    header = hdu.header
    table = Table.read(hdu)
    explicit = (
        str(header.get("INDXSCHM", "IMPLICIT")).strip().upper() == "EXPLICIT"
        or str(header.get("OBJECT", "")).strip().upper() == "PARTIAL"
    )
    names, pixel_column = list(table.colnames), None
    if explicit:
        pixel_column = next((n for n in names if n.upper() in _PIXEL_COLUMNS), names[0])
        names.remove(pixel_column)
    column = _column(names, part, name, hdu)
    array = np.ma.ravel(table[column]) if hasattr(table[column], "mask") else np.ravel(
        np.asarray(table[column]))
    pixels = None if pixel_column is None else np.ravel(np.asarray(table[pixel_column]))
    nside = _nside(header, len(array), explicit)
    order = {"RING": "ring", "NESTED": "nested", "NEST": "nested"}.get(
        str(header.get("ORDERING", "")).strip().upper()
    )
    if order is None:
        raise ValueError(
            f"ORDERING of a HEALPix map must be RING or NESTED, not {header.get('ORDERING')!r}"
        )
    if pixels is not None and len(pixels) and (pixels.min() < 0 or pixels.max() >= 12 * nside**2):
        raise ValueError(f"the column {pixel_column!r} holds numbers that are not pixels of nside "
                         f"{nside}")
    inside, _ = values.select(array, header, f"the column {column!r} of {name}")
    frame = frame_of_healpix(header, f"the HEALPix mask in {name!r}", "mask")
    return HealpixSource(nside, order, frame, inside, pixels)


def _column(names: list[str], part: str | None, name: str, hdu: Any) -> str:
    if part is not None:
        matching = [n for n in names if n.upper() == part.upper()]
        if not matching:
            raise ValueError(f"it has no column {part!r}; its columns are {', '.join(names[:12])}")
        return matching[0]
    if len(names) != 1:
        raise ValueError(
            f"it holds several columns, of which any may be the mask: {', '.join(names[:12])}; "
            f"name one, as in '{name}[{hdu.name or 1}][{names[-1] if names else 'COLUMN'}]'"
        )
    return names[0]


def _nside(header: Any, n: int, explicit: bool) -> int:
    nside = header.get("NSIDE")
    if nside is None and not explicit:
        nside = round((n / 12) ** 0.5)
    if not isinstance(nside, int) or nside < 1 or nside & (nside - 1):
        raise ValueError(f"NSIDE of a HEALPix map must be a power of 2, not {nside!r}")
    if not explicit and n != 12 * nside**2:
        raise ValueError(
            f"a HEALPix map of nside {nside} must have {12 * nside**2} pixels, not {n}"
        )
    return nside


def is_healsparse(hdus: Any) -> bool:
    """Return whether an open FITS file (an ``HDUList``) is a HealSparse map."""
    return any(
        str(hdu.header.get("PIXTYPE", "")).strip().upper() == "HEALSPARSE" for hdu in hdus
    )


def read_healsparse(path: Path, values: Values) -> HealSparseSource:
    """Read a HealSparse map (HEALPix pixels of a part of the sky) as a mask.

    Parameters
    ----------
    path : `pathlib.Path`
        The file.
    values : Values
        The rule that says which pixel values are inside the mask.

    Returns
    -------
    HealSparseSource
        The mask source, an object that tests whether positions lie inside the mask.

    Raises
    ------
    ImportError
        If healsparse is not installed.
    """
    healsparse = import_healsparse("a HealSparse mask")
    return HealSparseSource(healsparse.HealSparseMap.read(str(path)), values, str(path))


class HealSparseSource:
    """A mask from a HealSparse map; positions in pixels without a value are outside the mask."""

    kind = "a HealSparse map"

    def __init__(self, sparse: Any, values: Values, name: str = "the HealSparse map") -> None:
        if sparse.is_rec_array:
            raise ValueError(
                f"{name} has several fields, {', '.join(sparse.dtype.names)}: give one of them, "
                "such as HealSparseMap[FIELD]"
            )
        self._map, self._name = sparse, name
        metadata = dict(sparse.metadata or {})
        if sparse.is_wide_mask_map:
            # Each byte holds eight bits. Unused bits would go unnoticed in a part of the map.
            known = np.array([(1 << sparse.wide_mask_maxbits) - 1], dtype=np.uint64)
            self._rule = values.rule(known, metadata, name)
        elif sparse.dtype == bool:
            self._rule = values.rule(np.array([True]), metadata, name)
        else:
            check_memory(
                24.0 * sparse.n_valid, f"reading {name}", "use a HealSparse map of lower resolution"
            )
            self._rule = values.rule(
                np.asarray(sparse.get_values_pix(sparse.valid_pixels)), metadata, name
            )

    def _flags(self, pixels: np.ndarray) -> np.ndarray:
        """Return the flag bits of HealSparse pixels as integers, int64, ``(n,)``.

        HealSparse stores the bits of a wide mask as several bytes for each pixel.
        """
        wide = np.atleast_2d(self._map.get_values_pix(pixels))
        if wide.shape[-1] > 8:
            raise ValueError(f"{self._name} has more than 64 bits, which is not supported")
        flags = np.zeros(len(pixels), dtype=np.int64)
        for i in range(wide.shape[-1]):
            flags |= wide[:, i].astype(np.int64) << (8 * i)
        return flags

    def contains(self, positions: Positions) -> np.ndarray:
        """Return whether each position lies in a pixel inside the mask, bool, ``(n,)``.

        `SkyMask` decides whether the inside or, for a footprint, the outside is excluded.
        """
        import hpgeom

        sky = positions.sky
        finite = np.flatnonzero(np.isfinite(sky.ra.deg))
        result = np.zeros(len(positions), dtype=bool)
        if len(finite) == 0:
            return result
        pixels = hpgeom.angle_to_pixel(
            self._map.nside_sparse, sky.ra.deg[finite], sky.dec.deg[finite]
        )
        if self._map.is_wide_mask_map:
            result[finite] = self._rule(self._flags(pixels))
            return result
        valid = self._map.get_values_pix(pixels, valid_mask=True)
        if valid.any():
            result[finite[valid]] = self._rule(
                np.asarray(self._map.get_values_pix(pixels[valid]))
            )
        return result
