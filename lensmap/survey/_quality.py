# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Maps of the quality of the data on the pixels of a tile."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from lensmap.flatsky import gaussian_smooth
from lensmap.grid import ShearGrid

__all__ = ["QUALITY", "quality_planes"]

#: The names of the quality maps, and what they hold.
QUALITY = {
    "unmasked": "fraction of the pixel that is not masked",
    "density": "effective number density of galaxies, arcmin^-2",
    "sigma_e": "dispersion of the reduced shear of single galaxies per component",
    "redshift": "weighted mean redshift of the galaxies",
    "efficiency": "weighted mean lensing efficiency of the galaxies",
    "kernel": "share of the smoothing kernel that lies on unmasked pixels",
    "edge": "distance to the nearest masked or empty area, degrees",
    "n_tiles": "number of tiles that contribute",
}

# The smoothing of the maps of galaxies, and of the kernel of estimators that do not smooth, arcmin.
_SMOOTHING_ARCMIN = 2.0


def quality_planes(
    grid: ShearGrid,
    means: Mapping[str, tuple[np.ndarray, np.ndarray]],
    masked: np.ndarray,
    scale: float,
    smoothing: float,
    max_edge: float,
) -> dict[str, np.ndarray]:
    r"""Return the quality maps on the pixels of a tile.

    Parameters
    ----------
    grid : ShearGrid
        The binned galaxies.
    means : dict
        The sums of weight times a quantity, and of the weights of galaxies that have it, ``(ny,
        nx)`` each, by the name of the map of the mean of this quantity.
    masked : `numpy.ndarray`
        True for pixels that the map masks, bool, ``(ny, nx)``.
    scale : float
        The side of a pixel, degrees.
    smoothing : float
        The standard deviation of the smoothing of the estimator, degrees; 0 if it does not smooth.
    max_edge : float
        The largest distance to an edge that the tile can know, degrees.

    Returns
    -------
    dict
        Arrays ``(ny, nx)`` by the names in `QUALITY`, apart from ``unmasked`` and ``n_tiles``. The
        effective density is :math:`(\sum w)^2 / \sum w^2` per area (Heymans et al. 2012, MNRAS 427,
        146). ``sigma_e`` is NaN where no galaxy is near, and the maps of ``means`` are where no
        galaxy that has the quantity is near.
    """
    sigma = _SMOOTHING_ARCMIN / 60 / scale
    used = gaussian_smooth((~grid.mask).astype(float), sigma)
    sum_w, sum_w2, noise = (
        gaussian_smooth(plane, sigma) for plane in (grid.sum_w, grid.sum_w2, grid.noise_sum)
    )
    pixel_area = (scale * 60) ** 2  # arcmin^2
    some = (sum_w > 1e-9 * sum_w.max()) & (used > 1e-6)
    planes = {
        "density": np.nan_to_num(
            _ratio(sum_w**2, sum_w2 * np.maximum(used, 1e-6), some) / pixel_area
        ),
        "sigma_e": np.sqrt(_ratio(noise, sum_w2, some)),
    }
    for name, sums in means.items():
        above, below = (gaussian_smooth(plane, sigma) for plane in sums)
        near = below > 1e-9 * sum_w.max()
        planes[name] = _ratio(above, below, near)
    kernel = max(smoothing / scale, 1.0) if smoothing else sigma
    planes["kernel"] = gaussian_smooth((~masked).astype(float), kernel)
    framed = np.pad(~masked, 1)  # the map ends where galaxies end
    edge = ndimage.distance_transform_edt(framed)[1:-1, 1:-1] * scale
    planes["edge"] = np.minimum(edge, max_edge)
    return planes


def _ratio(above: np.ndarray, below: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Return the ratio of two maps where both hold data, NaN elsewhere."""
    return np.divide(above, below, out=np.full_like(above, np.nan), where=where & (below > 0))
