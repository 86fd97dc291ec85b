# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Figures of maps of large parts of the sky."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from astropy import units as u

from lensmap.maps import HealpixMap
from lensmap.plotting._maps import _LABELS, _MASKED, _NAMES, _default_colors, _extend
from lensmap.sphere import HealpixPixels
from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    check_choice,
    import_optional,
    missing_file,
    reading,
)

if TYPE_CHECKING:
    from lensmap.typing import PathLike

__all__ = ["plot_sky"]

_Quantity = Literal["kappa", "kappa_b", "snr", "uncertainty", "counts"]

# The quantities of the files of a survey map, by the layer that the file names.
_QUANTITIES = {"kappa": "kappa", "kappa_b": "kappa_b", "error": "uncertainty", "counts": "counts"}
_LAYER_CARD = "LMLAYER"

_COUNTS_LABEL = r"galaxies per arcmin$^2$"

# The pixels along the side of a square with the area of the map: the figure has no more.
_PIXELS_PER_SIDE = 600

_MAX_COVERAGE_NSIDE = 32

_SIZE_INCH = (9.0, 5.5)
_RASTER_PIXELS, _LABEL_SIZE = 1600, 11


def plot_sky(
    kappa: HealpixMap | PathLike | Any,
    *,
    quantity: _Quantity | None = None,
    colorbar: bool = True,
    title: str | None = None,
    **kwargs: Any,
) -> Any:
    """Draw a map of a large part of the sky in the equal-area McBryde-Thomas projection.

    The figure shows the part of the sky that the map holds, in the frame of the map. Pixels
    without data are gray. Pixels that are smaller than those of the figure are averaged.

    Parameters
    ----------
    kappa : HealpixMap, path-like or `healsparse.HealSparseMap`
        The map, or a HealSparse file of one quantity, such as ``kappa.hsp`` of a survey. A file is
        read at the resolution of the figure, so that maps of any size can be drawn.
    quantity : {"kappa", "kappa_b", "snr", "uncertainty", "counts"} or None
        The quantity to draw. For a file or a HealSparse map, it only determines the colors and the
        label. None draws kappa; for a file of a survey, the layer that it holds. Galaxy counts are
        drawn as numbers per square arcminute.
    colorbar : bool
        Whether to draw a color bar beside the map.
    title : str or None
        The title; None draws no title.
    **kwargs
        Further parameters of `skyproj.McBrydeSkyproj.draw_hspmap`. By default, the color scale of
        ``kappa``, ``kappa_b`` and ``snr`` is symmetric about 0.

    Returns
    -------
    `skyproj.McBrydeSkyproj`
        The projection. Its attribute ``ax`` holds the matplotlib axes, whose methods draw in sky
        coordinates in degrees, as in ``ax.plot(lon, lat, "o")``.

    Raises
    ------
    ImportError
        If skyproj is not installed.
    ValueError
        If the map does not have the quantity, or has no unmasked pixel.

    Examples
    --------
    >>> from lensmap.plotting import plot_sky
    >>> sky = plot_sky("survey/kappa.hsp")  # doctest: +SKIP
    >>> sky.ax.plot(clusters["ra"], clusters["dec"], "o")  # doctest: +SKIP
    """
    skyproj = import_optional("skyproj", purpose="a picture of the sky", install="'lensmap[plot]'")
    from matplotlib import pyplot

    if quantity is not None:
        check_choice(quantity, "quantity", tuple(_LABELS))
    sparse, quantity = _sparse_map(kappa, quantity)
    index = sparse.valid_pixels
    if len(index) == 0:
        raise ParameterError("kappa", "an unmasked pixel", "none", verb="have")
    values = np.asarray(sparse[index], float)
    is_galactic = isinstance(kappa, HealpixMap) and kappa.pixels.frame == "galactic"
    figure = pyplot.figure(figsize=_SIZE_INCH)
    sky = skyproj.McBrydeSkyproj(
        ax=figure.add_subplot(), lon_0=_central_longitude(sparse.nside_sparse, index),
        galactic=is_galactic,
    )
    sky.ax.set_frame_on(True)  # without a frame, the background is not drawn
    sky.ax.set_facecolor(_MASKED)
    names = ("Galactic longitude", "Galactic latitude") if is_galactic else ("RA", "Dec")
    sky.ax.set_xlabel(f"{names[0]} (deg)", fontsize=_LABEL_SIZE)
    sky.ax.set_ylabel(f"{names[1]} (deg)", fontsize=_LABEL_SIZE)
    options = {"xsize": _RASTER_PIXELS, **_default_colors(values, quantity, kwargs), **kwargs}
    image = sky.draw_hspmap(sparse, **options)[0]
    if colorbar:
        label = _COUNTS_LABEL if quantity == "counts" else _LABELS[quantity]
        sky.draw_colorbar(
            label=label, location="right", pad=0.05, fraction=0.04, aspect=25,
            extend=_extend(image, values),
        )
    if title:
        sky.ax.set_title(title, pad=22)
    return sky


def _sparse_map(kappa, quantity):
    """Return a HealSparse map of a quantity at the resolution of the figure, and the quantity."""
    healsparse = import_optional(
        "healsparse", purpose="a picture of the sky", install="'lensmap[survey]'"
    )
    if isinstance(kappa, HealpixMap):
        quantity = quantity or "kappa"
        sparse = _of_healpix_map(healsparse, kappa, quantity)
    elif isinstance(kappa, (str, os.PathLike)):
        return _of_file(healsparse, kappa, quantity)
    elif isinstance(kappa, healsparse.HealSparseMap):
        sparse, quantity = kappa, quantity or "kappa"
        _check_one_quantity(sparse, "the map")
    else:
        raise ParameterTypeError(
            "kappa", "a HealpixMap, a HealSparseMap or the path of a HealSparse file",
            type(kappa).__name__,
        )
    area = sparse.n_valid * _pixel_area(sparse.nside_sparse)
    nside = _figure_nside(sparse.nside_sparse, area)
    reduction = "sum" if quantity == "counts" else "mean"
    if nside < sparse.nside_sparse:
        sparse = sparse.degrade(nside, reduction=reduction)
    return _per_area(sparse) if quantity == "counts" else sparse, quantity


def _of_healpix_map(healsparse, kappa, quantity):
    """Return a HealSparse map of a quantity of a map."""
    arrays = {
        "kappa": kappa.data, "kappa_b": kappa.kappa_b, "counts": kappa.counts,
        "uncertainty": None if kappa.uncertainty is None else kappa.uncertainty.array,
    }
    values = kappa.snr if quantity == "snr" else arrays[quantity]
    if values is None:
        raise ParameterError(
            "quantity", "one that the map has", repr(quantity),
            f"this map has no {_NAMES[quantity]}",
        )
    coverage = min(_MAX_COVERAGE_NSIDE, kappa.nside)
    sparse = healsparse.HealSparseMap.make_empty(coverage, kappa.nside, np.float64)
    has_value = np.isfinite(values) & ~kappa.mask
    sparse.update_values_pix(kappa.index[has_value], np.asarray(values, float)[has_value])
    return sparse


def _of_file(healsparse, path, quantity):
    """Return the map of a HealSparse file, read at the resolution of the figure."""
    if not Path(path).is_file():
        raise missing_file(path, text="there is no file {!r}: check the path")
    with reading(path, "map"):
        try:
            coverage = healsparse.HealSparseCoverage.read(str(path))
        except NotImplementedError as error:
            raise ValueError("it is not a HealSparse file") from error
        (covered,) = np.nonzero(coverage.coverage_mask)
        if len(covered) == 0:
            raise ParameterError("kappa", "an unmasked pixel", "none", verb="have")
        # The type and the metadata are those of any part of the map.
        first = healsparse.HealSparseMap.read(str(path), pixels=covered[:1])
        _check_one_quantity(first, repr(str(path)))
        if quantity is None:
            quantity = _QUANTITIES.get((first.metadata or {}).get(_LAYER_CARD), "kappa")
        area = len(covered) * _pixel_area(coverage.nside_coverage)
        nside = _figure_nside(coverage.nside_sparse, area)
        options = {}
        if nside < coverage.nside_sparse:
            reduction = "sum" if quantity == "counts" else "mean"
            options = {"degrade_nside": nside, "reduction": reduction}
        sparse = healsparse.HealSparseMap.read(str(path), **options)
    return _per_area(sparse) if quantity == "counts" else sparse, quantity


def _check_one_quantity(sparse, name):
    if sparse.is_rec_array or sparse.dtype == bool or sparse.is_wide_mask_map:
        raise ParameterError(
            "kappa", "a map of one quantity, a number for each pixel", name,
            "give one of its fields, such as HealSparseMap[FIELD]"
            if sparse.is_rec_array else "draw another layer",
        )


def _pixel_area(nside):
    return HealpixPixels(nside).area


def _figure_nside(nside, area):
    """Return the resolution of the figure of a map with an area (steradian)."""
    while nside > _MAX_COVERAGE_NSIDE and _pixel_area(nside // 2) < area / _PIXELS_PER_SIDE**2:
        nside //= 2
    return nside


def _per_area(sparse):
    """Return a map of galaxy counts as numbers per square arcminute."""
    healsparse = import_optional(
        "healsparse", purpose="a picture of the sky", install="'lensmap[survey]'"
    )
    density = healsparse.HealSparseMap.make_empty(
        sparse.nside_coverage, sparse.nside_sparse, np.float64
    )
    index = sparse.valid_pixels
    area = (_pixel_area(sparse.nside_sparse) * u.sr).to_value(u.arcmin**2)
    density.update_values_pix(index, np.asarray(sparse[index], float) / area)
    return density


def _central_longitude(nside, index):
    """Return the longitude of the middle of some pixels, in degrees."""
    lon, lat = np.radians(HealpixPixels(nside).centers(index))
    x, y = np.mean(np.cos(lat) * np.cos(lon)), np.mean(np.cos(lat) * np.sin(lon))
    return float(np.degrees(np.arctan2(y, x)) % 360)
