# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Comparison of a map of the sphere with the true convergence, by scale and by zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.maps import HealpixMap
from lensmap.sphere import HealpixPixels, SphericalTransform, gaussian_window
from lensmap.utils import ParameterError, check_angle

if TYPE_CHECKING:
    from lensmap.typing import AngleLike

__all__ = ["MAX_NSIDE", "MIN_SHARE", "compare_maps"]

#: The highest resolution at which maps are compared.
MAX_NSIDE = 1024

#: A pixel of this resolution counts if at least this share of it is unmasked in both maps.
MIN_SHARE = 0.9

# The edges of the multipole bins.
_EDGES = (20, 30, 50, 100, 200, 400, 700, 1100, 1500, 2000)


def compare_maps(
    kappa: HealpixMap,
    truth: HealpixMap,
    *,
    smoothing: AngleLike | None = None,
    apodization: AngleLike = 0.5 * u.deg,
) -> QTable:
    r"""Compare a map with the true convergence in bins of the multipole.

    Both maps are multiplied by the same mask, which falls smoothly to 0 at edges and holes.

    Parameters
    ----------
    kappa : HealpixMap
        The map.
    truth : HealpixMap
        The true convergence, at least where the map is unmasked.
    smoothing : `~astropy.units.Quantity`, str or None
        The standard deviation of the Gaussian smoothing of the map, an angle, by which the truth is
        smoothed as well. None does not smooth.
    apodization : `~astropy.units.Quantity` or str
        The width of the zone in which the mask falls to 0.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin: its edges ``ell_low`` and ``ell_high``; ``transfer``,
        :math:`C(\kappa, \mathrm{truth}) / C(\mathrm{truth}, \mathrm{truth})`; ``correlation``,
        :math:`C(\kappa, \mathrm{truth})` over the root of the product of the two powers; and
        ``power``, the ratio of the two powers. The noise is part of the power of the map.

    Raises
    ------
    ValueError
        If the maps do not overlap.
    """
    nside = min(MAX_NSIDE, kappa.nside, truth.nside)
    index, one, other = _on_common_pixels(kappa, truth, nside)
    pixels = HealpixPixels(nside)
    width = check_angle(apodization, "apodization").to_value(u.rad)
    lmax = min(2 * nside - 1, _EDGES[-1])
    transform = SphericalTransform(pixels, index, lmax)
    mask = _apodized(pixels, index, width)
    modes = [transform.to_coefficients(mask * values) for values in (one, other)]
    if smoothing is not None:
        sigma = check_angle(smoothing, "smoothing").to_value(u.rad)
        # The smoothing of the truth, on the masked sky.
        smoothed = transform.smooth(other, gaussian_window(sigma, lmax)) / np.maximum(
            transform.smooth(np.ones(len(index)), gaussian_window(sigma, lmax)), 0.5
        )
        modes[1] = transform.to_coefficients(mask * smoothed)
    cross, own, true = (
        transform.power(*pair) for pair in ((modes[0], modes[1]), (modes[0],), (modes[1],))
    )
    number = 2 * np.arange(lmax + 1) + 1
    rows = []
    for low, high in zip(_EDGES[:-1], _EDGES[1:], strict=True):
        if low > lmax:
            break
        bins = slice(low, min(high, lmax + 1))
        x, a, b = (float(np.sum((number * power)[bins])) for power in (cross, own, true))
        rows.append((low, high, x / b, x / np.sqrt(a * b), a / b))
    table = QTable(rows=rows, names=("ell_low", "ell_high", "transfer", "correlation", "power"))
    table.meta = {"nside": nside, "sky_fraction": float(np.sum(mask) * pixels.area / (4 * np.pi))}
    return table


def _on_common_pixels(
    kappa: HealpixMap, truth: HealpixMap, nside: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pixels that both maps fill, and the means of the maps in them."""
    found = []
    for one in (kappa, truth):
        steps = 2 * (one.pixels.order - HealpixPixels(nside).order)
        good = ~one.mask
        parent, place = np.unique(one.index[good] >> steps, return_inverse=True)
        count = np.bincount(place)
        full = count >= MIN_SHARE * 4 ** (steps // 2)
        found.append((parent[full], (np.bincount(place, one.data[good]) / count)[full]))
    index, first, second = np.intersect1d(found[0][0], found[1][0], return_indices=True)
    if len(index) == 0:
        raise ParameterError("truth", "the area of the map", "none of it", verb="cover")
    return index, found[0][1][first], found[1][1][second]


def _apodized(pixels: HealpixPixels, index: np.ndarray, width: float) -> np.ndarray:
    """Return a mask that is 1 inside, and falls to 0 within a width (radians) of an edge."""
    lmax = int(min(2 * pixels.nside, 6 / width))
    transform = SphericalTransform(pixels, index, lmax)
    near = transform.smooth(np.ones(len(index)), gaussian_window(0.4 * width, lmax))
    return np.clip((near - 0.6) / 0.4, 0, 1) ** 2
