# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which galaxy belongs to which pixels: worked out once, used for the data and for noise."""

from dataclasses import dataclass

import numpy as np

from lensmap.grid._projection import PixelFrame
from lensmap.masks import SkyMask, excluded, pixel_mask
from lensmap.utils import check_choice, chunk_slices, thread_map

__all__ = ["MapPixels", "PixelAssignment"]

_CHUNK = 500_000

# Galaxies that are this many times fewer than the pixels are added one by one: to make the sums
# of all pixels anew, most of them 0, would take longer.
_FEW = 8


@dataclass(frozen=True, eq=False)
class MapPixels:
    """What belongs to a map whatever its galaxies: worked out once for all pieces of a catalog.

    Attributes
    ----------
    frame : PixelFrame
        Its pixels as seen from the sky of the catalog.
    mask : `lensmap.masks.SkyMask` or None
        As it was given.
    excluded : `numpy.ndarray`
        Bool, ``(ny, nx)``: the pixels that are excluded.
    """

    frame: PixelFrame
    mask: SkyMask | None
    excluded: np.ndarray

    @classmethod
    def from_wcs(cls, wcs, mask, frame):
        """Work it out.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`
            A celestial WCS with its ``array_shape``.
        mask : object or None
            What `lensmap.masks.SkyMask` takes.
        frame : str or PixelFrame
            The frame of the catalog, or the pixels as seen from there.

        Returns
        -------
        MapPixels
            What is needed of the map.
        """
        pixels = frame if isinstance(frame, PixelFrame) else PixelFrame(wcs, frame)
        _ = pixels.parity  # refuses a WCS that is folded, before any work
        if mask is not None and not isinstance(mask, SkyMask):
            mask = SkyMask(mask)  # read once, not for each chunk of galaxies
        return cls(pixels, mask, pixel_mask(mask, wcs) | pixels.off_sky)


class PixelAssignment:
    """The galaxies of a catalog that fall on a map, and the pixels they contribute to.

    Parameters
    ----------
    catalog : ShearCatalog
        The galaxies.
    wcs : `~astropy.wcs.WCS`
        A celestial WCS with its ``array_shape``.
    mask : object or None
        What `lensmap.masks.SkyMask` takes: galaxies inside are left out.
    scheme : {"nearest", "cloud-in-cell"}
        Whether a galaxy counts in the pixel that it falls in, or is shared by the four nearest
        ones in proportion to the overlap of a pixel-sized cloud.
    pixels : MapPixels or None
        What is known of the same ``wcs`` and ``mask`` already; None works it out.

    Attributes
    ----------
    pixel : `numpy.ndarray`
        Int, ``(n_used,)``: the flat index of the pixel that each galaxy falls in.
    shear : `numpy.ndarray`
        Complex64, ``(n_used,)``: ellipticities in the pixel basis, not calibrated.
    weight : `numpy.ndarray` or None
        ``(n_used,)``; None if all weights are 1.
    mask : `numpy.ndarray`
        Bool, ``(ny, nx)``: the pixels that are excluded.
    n_outside, n_masked : int
        How many galaxies fall off the map, and how many into the mask.
    """

    def __init__(self, catalog, wcs, mask=None, *, scheme="nearest", pixels=None):
        self.scheme = check_choice(scheme, "scheme", ("nearest", "cloud-in-cell"))
        self.catalog = catalog
        if pixels is None:
            pixels = MapPixels.from_wcs(wcs, mask, catalog.frame)
        self.frame, mask, self.mask = pixels.frame, pixels.mask, pixels.excluded
        self.parity = self.frame.parity
        _ = self.frame._direction  # made here once, not in each thread
        parts = thread_map(
            lambda rows: self._assign(rows, mask), chunk_slices(len(catalog), _CHUNK)
        )
        self.n_outside = sum(part["n_outside"] for part in parts)
        self.n_masked = sum(part["n_masked"] for part in parts)
        self.pixel, self.shear, self._rows = (
            np.concatenate([part[name] for part in parts]) for name in ("pixel", "shear", "rows")
        )
        self._xy = None
        if scheme == "cloud-in-cell":
            self._xy = tuple(
                np.concatenate([part[name] for part in parts]) for name in ("x", "y")
            )
        self.weight = self.column("weight")

    @property
    def shape(self):
        """``(ny, nx)``."""
        return self.frame.shape

    def column(self, name):
        """Return a column of the catalog for the galaxies used; None if there is none."""
        values = self.catalog[name]
        if values is None:
            return None
        return values if len(self._rows) == len(values) else values[self._rows]

    def _assign(self, rows, mask):
        lon, lat = self.catalog.ra[rows], self.catalog.dec[rows]
        x, y = self.frame.positions(lon, lat)
        ny, nx = self.shape
        with np.errstate(invalid="ignore"):
            inside = (x >= -0.5) & (x < nx - 0.5) & (y >= -0.5) & (y < ny - 0.5)
        keep = np.flatnonzero(inside)
        n_inside = len(keep)
        if mask is not None:
            keep = keep[~excluded(mask, x[keep], y[keep], self.frame.wcs)]
        # Indices are the galaxies' place in the catalog; a slice of all rows stays a view.
        whole = len(keep) == len(x)
        lon, lat, x, y = (a if whole else a[keep] for a in (lon, lat, x, y))
        pixel = np.floor(y + 0.5).astype(np.intp)
        pixel *= nx
        pixel += np.floor(x + 0.5).astype(np.intp)
        shear = np.empty(len(x), dtype=np.complex64)
        e1, e2 = self.catalog.e1[rows], self.catalog.e2[rows]
        shear.real, shear.imag = (e1, e2) if whole else (e1[keep], e2[keep])
        shear *= self.frame.rotation(lon, lat, pixel)
        if self.parity < 0:
            np.conj(shear, out=shear)
        part = {
            "pixel": pixel,
            "shear": shear,
            "rows": keep + rows.start,
            "n_outside": len(inside) - n_inside,
            "n_masked": n_inside - len(keep),
        }
        if self.scheme == "cloud-in-cell":
            part |= {"x": x, "y": y}
        return part

    def to_pixel_basis(self, c1, c2):
        """Turn a spin-2 column pair of the galaxies used to the pixel basis; complex64."""
        values = np.empty(len(c1), dtype=np.complex64)
        values.real, values.imag = c1, c2
        lon, lat = self.catalog.ra[self._rows], self.catalog.dec[self._rows]
        return self.frame.to_pixel_basis(values, self.frame.rotation(lon, lat, self.pixel))

    def counts(self):
        """Return the number of galaxies in each pixel, int64, ``(ny, nx)``."""
        return np.bincount(self.pixel, minlength=self._n_pixels).reshape(self.shape)

    def add_counts(self, onto):
        """Add the number of galaxies in each pixel to an array of int64, ``(ny, nx)``."""
        _add(onto, self.pixel, None)

    def sums(self, *columns, power=1, onto=None):
        """Sum columns over the galaxies of each pixel.

        Parameters
        ----------
        *columns : `numpy.ndarray`
            Real values of the galaxies used.
        power : {1, 2}
            A galaxy that is shared by pixels contributes with its share to this power.
        onto : sequence of `numpy.ndarray` or None
            Float64, ``(ny, nx)``, one for each column: what the sums are added to, in place. None
            makes new ones.

        Returns
        -------
        list of `numpy.ndarray`
            Float64, ``(ny, nx)`` each.
        """
        if self.scheme == "nearest":
            targets = [(self.pixel, None)]
        else:
            targets = list(self._clouds())
        if onto is None:
            onto = [np.zeros(self.shape) for _ in columns]

        def total(pair):
            values, result = pair
            for pixel, share in targets:
                _add(result, pixel, values if share is None else values * share**power)
            return result

        return thread_map(total, zip(columns, onto, strict=True), len(self.pixel))

    @property
    def _n_pixels(self):
        return self.shape[0] * self.shape[1]

    def _clouds(self):
        """Yield the four pixels of each galaxy and its share in them; off the map it is 0."""
        ny, nx = self.shape
        excluded_pixels = self.mask.ravel()
        x, y = self._xy
        left, below = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
        part_x, part_y = x - left, y - below
        for dy, share_y in ((0, 1 - part_y), (1, part_y)):
            for dx, share_x in ((0, 1 - part_x), (1, part_x)):
                column, row = left + dx, below + dy
                good = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
                pixel = np.where(good, row * nx + column, 0)
                # A cloud must not leak into a masked pixel.
                good &= ~excluded_pixels[pixel]
                yield pixel, share_y * share_x * good


def _add(result, pixel, values):
    """Add values (None: 1 each) to an array, at flat indices that may come more than once."""
    flat = result.reshape(-1)  # a view, also of the real part of a complex array
    if len(pixel) * _FEW > flat.size:
        flat += np.bincount(pixel, values, minlength=flat.size)
    else:
        # numpy is ten times as slow if it has to cast
        np.add.at(flat, pixel, 1 if values is None else np.ascontiguousarray(values, flat.dtype))
