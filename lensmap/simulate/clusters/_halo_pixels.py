# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Convergence and shear of individual halos, averaged over pixels, from analytic profiles.

No Fourier transform is used. Therefore there are no periodic images and no oscillations at a cusp,
and halos need no truncation. `lensmap.simulate.halo_model._painting` is less accurate, but can
paint a very large number of halos.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["pixel_means", "radial_nodes"]

_N_NODES = 3000

# Pairs (radius, n): the mean over a pixel within this radius of the center of the halo, in pixels,
# is integrated with n x n points.
_REFINEMENTS = ((40.0, 2), (10.0, 4), (3.0, 16), (1.5, 48))
_RULES = {n: np.polynomial.legendre.leggauss(n) for _, n in _REFINEMENTS}


def radial_nodes(shape: tuple[int, int], x: float, y: float) -> np.ndarray:
    """Return the radii at which the profiles of a `lensmap.halos.HaloLens` are tabulated.

    Parameters
    ----------
    shape : tuple of int
        The shape of the field in pixels, ``(ny, nx)``.
    x, y : float
        The pixel position of the center of the halo, inside or outside the field.

    Returns
    -------
    `numpy.ndarray`
        Radii in pixels, ``(n,)``, from 1e-5 pixels to three times the distance of the farthest
        corner of the field. This covers the elliptical radii of halos with axis ratios down to
        1/9.
    """
    far_x, far_y = (max(abs(c), abs(n - 1 - c)) + 1 for c, n in ((x, shape[1]), (y, shape[0])))
    return np.geomspace(1e-5, 3.0 * np.hypot(far_x, far_y), _N_NODES)


def pixel_means(
    lens: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    shape: tuple[int, int],
    x: float,
    y: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the convergence and shear of a halo, averaged over pixels.

    Far from the halo, the values at the centers of the pixels are used instead of the means.

    Parameters
    ----------
    lens : callable
        A function that returns convergence and shear for given offsets (in pixels) from the center
        of the halo, such as a `lensmap.halos.HaloLens`.
    shape : tuple of int
        The shape of the field in pixels, ``(ny, nx)``.
    x, y : float
        The pixel position of the center of the halo.

    Returns
    -------
    kappa, gamma : `numpy.ndarray`
        Convergence and complex shear in double precision, ``(ny, nx)``.
    """
    dy, dx = np.meshgrid(np.arange(shape[0]) - y, np.arange(shape[1]) - x, indexing="ij")
    kappa, gamma = lens(dx, dy)
    for radius, n in _REFINEMENTS:
        near = tuple(
            slice(max(int(np.ceil(center - radius)), 0), max(int(center + radius) + 1, 0))
            for center in (y, x)
        )
        if dx[near].size:
            kappa[near], gamma[near] = _integrated(lens, dx[near], dy[near], n)
    return kappa, gamma


def _integrated(lens, dx, dy, n):
    """Return the convergence and complex shear of a lens, averaged over pixels.

    The pixels have their centers at offsets ``dx`` and ``dy`` (pixels, any shape) from the center
    of the lens. The averages are Gaussian quadratures with n x n points in each pixel.
    """
    nodes, weights = _RULES[n]
    step_y, step_x = np.meshgrid(nodes / 2, nodes / 2, indexing="ij")
    weight = np.outer(weights, weights).ravel() / 4
    kappa, gamma = lens(dx[..., None] + step_x.ravel(), dy[..., None] + step_y.ravel())
    return kappa @ weight, gamma @ weight
