# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Surface densities of NFW halos averaged over wrong centers, for fits to stacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import ive

from lensmap.halos._nfw_lens import NFWLens

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

__all__ = ["MiscenteredLens"]

# The radii at which the average is computed: a logarithmic grid from a fraction of the smallest
# radius to the largest.
_N_RADII, _SMALLEST = 200, 0.02

# Beyond this radius, in units of the offsets' sigma, wrong centers change the surface density by
# less than 0.1 per cent.
_FAR = 40.0

# The nodes of the integral over the distance r from the halo's center, with r in units of sigma:
# one panel in ln r below the first number, then panels of the width of the second.
_FIRST, _WIDTH = 0.25, 0.5
_N_FIRST, _N_NODES = 24, 4


class MiscenteredLens(NFWLens):
    r"""Mean surface density of NFW halos of which some have a wrong center.

    The offsets of wrong centers have a Rayleigh distribution. The mean surface density is

    .. math:: (1 - f)\, \Sigma(R) + f \int_0^\infty \frac{d}{\sigma^2}
              e^{-d^2 / 2 \sigma^2}\, \Sigma(R \mid d)\, \mathrm{d}d

    where :math:`\Sigma(R \mid d)` is averaged over a circle of radius R about a point at the
    distance d from the center of the halo.

    Parameters
    ----------
    z_lens : float
        The redshift of the halos.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.
    fraction : float
        The fraction f of the halos with a wrong center, 0 to 1.
    offset : float
        The parameter sigma of the offsets, an angle in radians.

    References
    ----------
    Yang et al. 2006, MNRAS 373, 1159 (average over offsets); Johnston et al. 2007,
    arXiv:0709.1159, sec. 4.3 (Rayleigh distribution).
    """

    def __init__(self, z_lens: float, cosmology: FLRW, fraction: float, offset: float) -> None:
        super().__init__(z_lens, cosmology)
        self._fraction, self._sigma = fraction, offset
        self._limits: tuple[float, float] | None = None

    def surface_density(
        self, theta: np.ndarray, ln_m200c: float, ln_c200c: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean surface density and its excess, as `NFWLens.surface_density`.

        Parameters
        ----------
        theta : `numpy.ndarray`
            Angular distances from the assumed centers, radians; any shape.
        ln_m200c, ln_c200c : float
            Natural logarithms of the mass M200c (solar masses) and of the concentration c200c.

        Returns
        -------
        sigma, excess : `numpy.ndarray`
            The mean surface density at each angle, and the mean within the angle minus it. Both
            are in solar masses per square proper Mpc, with the same shape as ``theta``.
        """
        (f, sigma, excess), (g, wrong_sigma, wrong_excess) = self.by_center(
            theta, ln_m200c, ln_c200c
        )
        return f * sigma + g * wrong_sigma, f * excess + g * wrong_excess

    def by_center(
        self, theta: np.ndarray, ln_m200c: float, ln_c200c: float
    ) -> list[tuple[float, np.ndarray, np.ndarray]]:
        """Return the surface densities about right and about wrong centers.

        Parameters
        ----------
        theta, ln_m200c, ln_c200c
            As for `surface_density`.

        Returns
        -------
        list of tuple
            For right and for wrong centers: the fraction of the centers, and the mean surface
            density and excess surface density about them.
        """
        sigma, excess = super().surface_density(theta, ln_m200c, ln_c200c)
        self._prepare(float(theta.min()), float(theta.max()))
        radii = self._radii
        mean, _ = super().surface_density(radii, ln_m200c, ln_c200c)
        at_nodes, _ = super().surface_density(self._nodes, ln_m200c, ln_c200c)
        mean[: len(self._kernel)] = self._kernel @ at_nodes
        # The mass within each radius, of splines in the logarithm of the radius; the mean surface
        # density hardly varies within the smallest radius.
        log_theta, log_radii = np.log(theta), np.log(radii)
        wrong = CubicSpline(log_radii, mean)(log_theta)
        mass = CubicSpline(log_radii, mean * radii**2).antiderivative()(log_theta)
        within = (mean[0] * radii[0] ** 2 + 2 * mass) / theta**2
        f = self._fraction
        return [(1 - f, sigma, excess), (f, wrong, within - wrong)]

    def _prepare(self, low: float, high: float) -> None:
        """Compute the weights of the average for radii from ``low`` to ``high``, radians.

        Rayleigh offsets are a Gaussian convolution, whose integral over directions is a Bessel
        function of the distance r from the halo's center and of the radius.
        """
        if self._limits == (low, high):
            return
        self._limits, sigma = (low, high), self._sigma
        self._radii = np.geomspace(_SMALLEST * low, high, _N_RADII)
        near = self._radii[self._radii < _FAR * sigma] / sigma
        nodes, weights = np.polynomial.legendre.leggauss(_N_FIRST)
        span = np.log(_FIRST / 1e-6)
        first = _FIRST * np.exp(span * (nodes - 1) / 2)
        first_weights = weights * span / 2 * first
        nodes, weights = np.polynomial.legendre.leggauss(_N_NODES)
        starts = np.arange(_FIRST, near.max(initial=0) + 8 + _WIDTH, _WIDTH)
        others = (starts[:, np.newaxis] + _WIDTH * (nodes + 1) / 2).ravel()
        r = np.append(first, others)
        dr = np.append(first_weights, np.tile(weights * _WIDTH / 2, len(starts)))
        radius = near[:, np.newaxis]
        self._nodes = r * sigma
        self._kernel = np.exp(-((radius - r) ** 2) / 2) * ive(0, radius * r) * r * dr
