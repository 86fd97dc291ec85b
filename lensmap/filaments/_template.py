# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The convergence and shear of the filament template of the matched filter."""

import numpy as np

from lensmap.flatsky import isolated_shear

__all__ = ["arm_convergence", "arm_template"]

# The convergence of a pixel is the mean over this many points along each axis.
_N_POINTS = 4


def arm_convergence(
    dx: np.ndarray, dy: np.ndarray, direction: float, radii: tuple[float, float], core: float
) -> np.ndarray:
    r"""Return the convergence of a filament of unit amplitude.

    At the distance h from the axis, the convergence is 1 for :math:`h < h_c`, and otherwise
    :math:`1 / \left(1 + ((h - h_c) / h_c)^2\right)`. It is 0 outside the ring between the two
    radii, and in the half of the plane opposite to the filament.

    Parameters
    ----------
    dx, dy : `numpy.ndarray`
        Offsets from the center, of the same shape.
    direction : float
        The direction of the filament in radians, from +x to +y.
    radii : tuple of float
        The radii at which the filament begins and ends, in the unit of the offsets.
    core : float
        The half-width :math:`h_c` of the core, in the unit of the offsets.

    Returns
    -------
    `numpy.ndarray`
        The convergence, with the shape of the offsets.

    References
    ----------
    Maturi & Merten 2013, A&A 559, A112 (the template of a filament); HyeongHan et al. 2024,
    Nature Astronomy 8, 377.
    """
    along = dx * np.cos(direction) + dy * np.sin(direction)
    across = np.abs(dy * np.cos(direction) - dx * np.sin(direction))
    profile = 1 / (1 + (np.maximum(across - core, 0) / core) ** 2)
    radius = np.hypot(dx, dy)
    inside = (along > 0) & (radius > radii[0]) & (radius < radii[1])
    return np.where(inside, profile, 0.0)


def arm_template(
    shape: tuple[int, int],
    center: tuple[float, float],
    direction: float,
    radii: tuple[float, float],
    core: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the convergence and shear of a filament of unit amplitude, averaged over pixels.

    Parameters
    ----------
    shape : tuple of int
        The shape of the grid, ``(ny, nx)``. It must contain the filament.
    center : tuple of float
        The pixel position ``(x, y)`` of the center.
    direction : float
        The direction of the filament in radians, from +x to +y.
    radii : tuple of float
        The radii at which the filament begins and ends, in pixels.
    core : float
        The half-width of the core in pixels.

    Returns
    -------
    kappa : `numpy.ndarray`
        The convergence, ``(ny, nx)``.
    gamma : `numpy.ndarray`
        The complex shear in the basis of the pixel axes, ``(ny, nx)``.
    """
    y, x = np.indices(shape, dtype=float)
    kappa = np.zeros(shape)
    points = (np.arange(_N_POINTS) + 0.5) / _N_POINTS - 0.5
    for step_y in points:
        for step_x in points:
            kappa += arm_convergence(
                x + (step_x - center[0]), y + (step_y - center[1]), direction, radii, core
            )
    kappa /= _N_POINTS**2
    return kappa, isolated_shear(kappa)
