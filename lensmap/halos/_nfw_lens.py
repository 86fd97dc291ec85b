# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""NFW surface densities as plain numbers, for fits that evaluate the profile many times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u

from lensmap.halos._nfw import radius_200c
from lensmap.halos._profiles import nfw_mean_sigma, nfw_sigma, nfw_surface_scale

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

__all__ = ["NFWLens"]

# Projected radii below this number of scale radii are replaced by it, because the surface density
# diverges at the center.
_MIN_X = 1e-6


class NFWLens:
    """Surface density profiles of NFW halos at one redshift, for any mass and concentration.

    Parameters
    ----------
    z_lens : float
        The redshift of the halos.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.
    """

    def __init__(self, z_lens: float, cosmology: FLRW) -> None:
        self._distance = cosmology.angular_diameter_distance(z_lens).to_value(u.Mpc)
        # r200c is proportional to the cube root of the mass.
        self._unit_radius = radius_200c(1 * u.solMass, z_lens, cosmology).to_value(u.Mpc)

    def surface_density(
        self, theta: np.ndarray, ln_m200c: float, ln_c200c: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the surface density and the excess surface density of a halo.

        Parameters
        ----------
        theta : `numpy.ndarray`
            Angular distances from the center, radians; any shape.
        ln_m200c, ln_c200c : float
            Natural logarithms of the mass M200c (solar masses) and of the concentration c200c.

        Returns
        -------
        sigma, excess : `numpy.ndarray`
            The surface density at each angle, and the mean surface density within the angle minus
            the surface density at the angle. Both are in solar masses per square proper Mpc, with
            the same shape as ``theta``.
        """
        c = np.exp(ln_c200c)
        scale_radius = self._unit_radius * np.exp(ln_m200c / 3) / c
        unit = nfw_surface_scale(np.exp(ln_m200c), scale_radius, c)
        x = np.maximum(theta * self._distance / scale_radius, _MIN_X)
        sigma = nfw_sigma(x)
        return sigma * unit, (nfw_mean_sigma(x) - sigma) * unit

    def by_center(
        self, theta: np.ndarray, ln_m200c: float, ln_c200c: float
    ) -> list[tuple[float, np.ndarray, np.ndarray]]:
        """Return the surface densities about each kind of center, such as right and wrong centers.

        The mean reduced shear of a stack is that of each kind of center, averaged: it is not the
        reduced shear of the mean surface density.

        Parameters
        ----------
        theta, ln_m200c, ln_c200c
            As for `surface_density`.

        Returns
        -------
        list of tuple
            For each kind of center: the fraction of the centers, and the surface density and excess
            surface density about them, as `surface_density` returns. All centers of this class are
            right.
        """
        return [(1.0, *self.surface_density(theta, ln_m200c, ln_c200c))]
