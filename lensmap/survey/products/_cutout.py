# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Parts of a survey map on the pixels of an image, read from its HealSparse files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.maps import ConvergenceMap, HealpixMap, pixel_areas
from lensmap.sphere import HealpixPixels
from lensmap.survey.products._healsparse import META_CARD
from lensmap.survey.products._standard import FILES
from lensmap.utils import (
    ParameterError,
    check_celestial_wcs,
    check_memory,
    chunk_slices,
    import_optional,
    pixel_size,
    reading,
)

if TYPE_CHECKING:
    from astropy.wcs import WCS

    from lensmap.typing import PathLike

__all__ = ["read_cutout"]

# Larger pixels would lie on coverage pixels that are not read.
_MAX_PIXEL_ARCMIN = 30.0

# For the positions of a pixel, and for the values and weights of its four neighbors.
_BYTES_PER_PIXEL = 400.0

# The subpixels of an image pixel, per HEALPix pixel and direction, and the most in one step.
_SUBPIXELS_PER_PIXEL, _MAX_SUBPIXELS = 2, 1_000_000


def read_cutout(folder: PathLike, wcs: WCS) -> ConvergenceMap:
    """Read a part of a survey map on the pixels of an image.

    Only the coverage pixels of the HealSparse files that the image needs are read. Kappa, the
    B-mode and the error are interpolated as by `HealpixMap.cutout
    <lensmap.maps.HealpixMap.cutout>`. Galaxy counts are distributed over the pixels by area.

    Parameters
    ----------
    folder : path-like
        The folder of the survey, with ``kappa.hsp``, and with ``kappa_b.hsp``, ``error.hsp``,
        ``counts.hsp`` and ``footprint.hsp`` if the survey map has these layers.
    wcs : `~astropy.wcs.WCS`
        Any celestial WCS with its ``array_shape``, in any frame, with pixels below 30 arcmin.

    Returns
    -------
    ConvergenceMap
        The map on these pixels. Pixels outside of the survey are masked.

    Raises
    ------
    FileNotFoundError
        If the folder has no ``kappa.hsp``.
    ImportError
        If healsparse is not installed.
    ValueError
        If the image does not overlap the survey, or a file is damaged or of another map.
    """
    wcs = check_celestial_wcs(wcs)
    healsparse = import_optional(
        "healsparse", purpose="a cutout of a survey map", install="'lensmap[survey]'"
    )
    files = {name: Path(folder, file) for name, file in FILES.items()}
    if not files["kappa"].is_file():
        raise FileNotFoundError(
            f"the folder {str(folder)!r} has no file kappa.hsp: give the folder of a survey map "
            "or, if its tiles have changed, write the maps by repeating the run"
        )
    scale = pixel_size(wcs, wcs.array_shape).to_value(u.arcmin)
    if not scale <= _MAX_PIXEL_ARCMIN:
        raise ParameterError(
            "wcs", f"of pixels of at most {_MAX_PIXEL_ARCMIN:g} arcmin", f"{scale:.3g} arcmin",
            "read the map with HealpixMap.read and degrade it",
        )
    ny, nx = wcs.array_shape
    check_memory(_BYTES_PER_PIXEL * ny * nx, f"a cutout of {ny} x {nx} pixels",
                 "use larger pixels or a smaller image")
    nside, covered = _coverage(healsparse, files["kappa"])
    pixels = HealpixPixels(nside)
    index = np.unique(_interpolated_pixels(wcs, pixels))
    needed = _coverage_pixels(index, pixels, covered)
    if len(needed) == 0:
        raise ParameterError("wcs", "the survey", "none of it", verb="overlap",
                             remedy="the file kappa.hsp has the footprint")
    parts = {
        name: _read(healsparse, path, needed, nside)
        for name, path in files.items() if path.is_file()
    }
    kappa = _healpix_map(parts, pixels, index)
    cutout = kappa.cutout(wcs)
    if "counts" in parts:
        cutout = cutout.replace(counts=_counts(wcs, parts["counts"], pixels))
    return cutout


def _coverage(healsparse, path):
    """Return the nside of a file, and which coverage pixels it holds."""
    with reading(path, "map"):
        try:
            coverage = healsparse.HealSparseCoverage.read(str(path))
        except NotImplementedError as error:
            raise ValueError("it is not a HealSparse file") from error
        return coverage.nside_sparse, coverage.coverage_mask


def _interpolated_pixels(wcs, pixels):
    """Return the nested indices of the pixels between which an image is interpolated."""
    from astropy_healpix.core import bilinear_interpolation_weights

    ny, nx = wcs.array_shape
    x, y = np.meshgrid(np.arange(nx), np.arange(ny))
    lon, lat = _on_sky(wcs, x.ravel(), y.ravel())
    ring, _ = bilinear_interpolation_weights(lon * u.deg, lat * u.deg, pixels.nside, order="ring")
    return pixels.from_ring(ring.ravel())


def _on_sky(wcs, x, y):
    """Return the ICRS positions of pixels in degrees, without those that are not on the sky."""
    sky = SkyCoord(wcs.pixel_to_world(x, y)).icrs
    lon, lat = sky.ra.deg, sky.dec.deg
    on_sky = np.isfinite(lon) & np.isfinite(lat)
    return lon[on_sky], lat[on_sky]


def _coverage_pixels(index, pixels, covered):
    """Return the coverage pixels to read, with the neighbors that an image may touch."""
    import hpgeom

    nside = int(np.sqrt(len(covered) / 12))
    shift = 2 * (pixels.order - (nside.bit_length() - 1))
    inner = np.unique(index >> shift)
    around = np.unique([*inner, *hpgeom.neighbors(nside, inner).ravel()])
    around = around[around >= 0]  # some pixels have seven neighbors
    return around[covered[around]] if covered[inner].any() else np.empty(0, np.int64)


def _read(healsparse, path, needed, nside):
    """Return the part of a HealSparse map in coverage pixels; None if it holds none of them."""
    nside_of_file, covered = _coverage(healsparse, path)
    if nside_of_file != nside:
        raise ValueError(
            f"the maps in {str(path.parent)!r} do not belong together: {path.name} has the nside "
            f"{nside_of_file}, and kappa.hsp {nside}; write all files of the survey again"
        )
    needed = needed[covered[needed]]
    if len(needed) == 0:
        return None
    with reading(path, "map"):
        return healsparse.HealSparseMap.read(str(path), pixels=needed)


def _healpix_map(parts: dict[str, Any], pixels: HealpixPixels, index: np.ndarray) -> HealpixMap:
    """Return the map in some pixels; ``parts`` are HealSparse maps, or None without any data."""
    def values(name):
        if name not in parts:
            return None
        result = np.full(len(index), np.nan)
        if parts[name] is not None:
            valid = parts[name].get_values_pix(index, valid_mask=True)
            result[valid] = parts[name].get_values_pix(index[valid])
        return result

    mask = None
    if "mask" in parts:
        mask = (np.ones(len(index), bool) if parts["mask"] is None
                else ~parts["mask"].get_values_pix(index))
    meta = json.loads((parts["kappa"].metadata or {}).get(META_CARD, "{}"))
    return HealpixMap(
        values("kappa"), pixels, index, mask=mask, kappa_b=values("kappa_b"),
        uncertainty=values("error"), meta=meta,
    )


def _counts(wcs: WCS, counts: Any, pixels: HealpixPixels) -> np.ndarray:
    """Return the galaxy counts of image pixels.

    The galaxies of a HEALPix pixel are distributed evenly over it. The density of an image pixel is
    the mean of those at its subpixels.
    """
    ny, nx = wcs.array_shape
    density = np.zeros((ny, nx))
    if counts is None:
        return density
    scale = float(pixel_size(wcs, wcs.array_shape) / pixels.scale)
    n_sub = max(2, int(np.ceil(_SUBPIXELS_PER_PIXEL * scale)))
    offsets = (np.arange(n_sub) + 0.5) / n_sub - 0.5
    for rows in chunk_slices(ny, max(1, _MAX_SUBPIXELS // (nx * n_sub**2))):
        y, x, dy, dx = np.meshgrid(
            np.arange(rows.start, rows.stop), np.arange(nx), offsets, offsets, indexing="ij"
        )
        sky = SkyCoord(wcs.pixel_to_world((x + dx).ravel(), (y + dy).ravel())).icrs
        on_sky = np.isfinite(sky.ra.deg) & np.isfinite(sky.dec.deg)
        number = np.zeros(x.size)
        nested = pixels.at(sky.ra.deg[on_sky], sky.dec.deg[on_sky])
        number[on_sky] = counts.get_values_pix(nested)
        density[rows] = number.reshape(x.shape).mean(axis=(2, 3))
    return density * pixel_areas(wcs, (ny, nx)) / pixels.area
