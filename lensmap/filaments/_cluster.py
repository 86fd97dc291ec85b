# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The shear of the cluster from which filaments start, and its fit by generalized least squares."""

from typing import NamedTuple

import numpy as np
from astropy import units as u

from lensmap.cosmology import get_cosmology, sigma_crit
from lensmap.flatsky import WienerSolver
from lensmap.halos import HaloLens, NFWLens, concentration
from lensmap.typing import CosmologyLike, RedshiftLike

__all__ = ["ClusterFit", "ClusterModel", "fit_cluster"]

# The lowest mass, below which halos do not differ from noise, and the largest one, in solar masses.
_MIN_MASS_MSUN, _MAX_MASS_MSUN = 3e12, 1e16

# The standard deviations of the priors: of the logarithm of the concentration at fixed mass, of the
# offsets of the center in units of the inner radius, and of each component of the ellipticity. The
# mass has none.
_LN_CONCENTRATION_SIGMA, _OFFSET_SIGMA, _ELLIPTICITY_SIGMA = 0.35, 0.1, 0.4
_LN_MASS_SIGMA = 1e3

# Steps of the numerical derivatives, in units of the parameters (logarithms, pixels, ellipticity).
_STEPS = np.array([0.02, 0.02, 0.05, 0.05, 0.01, 0.01])

# The largest ellipticity, the number of radii of the tables, and the number of steps of the fit.
_MAX_ELLIPTICITY, _N_RADII, _N_ITERATIONS = 0.6, 600, 6
_FIRST_MASS_MSUN = 3e14


class ClusterModel:
    """The reduced shear of an NFW halo on the pixels of a grid.

    Parameters
    ----------
    shape : tuple of int
        The shape of the grid, ``(ny, nx)``.
    center : tuple of float
        The pixel position ``(x, y)`` from which the offsets of the halo are measured.
    pixel_scale : float
        The side of a pixel in radians.
    z_lens : float
        The redshift of the halo.
    z_source : float or `lensmap.cosmology.SourceRedshifts`
        The redshift of the galaxies, or their redshift distribution.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        center: tuple[float, float],
        pixel_scale: float,
        z_lens: float,
        z_source: RedshiftLike,
        cosmology: CosmologyLike,
    ) -> None:
        self._cosmology = get_cosmology(cosmology)
        self._z_lens = z_lens
        self._lens = NFWLens(z_lens, self._cosmology)
        critical = sigma_crit(z_lens, z_source, self._cosmology)
        self._critical = critical.to_value(u.solMass / u.Mpc**2)
        y, x = np.indices(shape, dtype=float)
        self._dx, self._dy = x - center[0], y - center[1]
        self._radius = np.geomspace(1e-3, 6 * np.hypot(*shape), _N_RADII)
        self._theta = self._radius * pixel_scale

    def __call__(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the convergence and shear of the halo.

        Parameters
        ----------
        parameters : `numpy.ndarray`
            The logarithms of the mass M200c (solar masses) and of the concentration c200c, the
            offsets (x, y) of the center in pixels and the two components of the ellipticity,
            ``(6,)``.

        Returns
        -------
        kappa, gamma : `numpy.ndarray`
            Convergence and complex shear at the centers of the pixels, ``(ny, nx)``.
        """
        ln_mass, ln_c, x, y, e1, e2 = parameters
        sigma, excess = self._lens.surface_density(self._theta, ln_mass, ln_c)
        e = min(np.hypot(e1, e2), _MAX_ELLIPTICITY)
        lens = HaloLens(
            self._radius, sigma / self._critical, (sigma + excess) / self._critical, e,
            0.5 * np.arctan2(e2, e1) * u.rad,
        )
        return lens(self._dx - x, self._dy - y)

    def reduced_shear(self, parameters: np.ndarray) -> np.ndarray:
        """Return the complex reduced shear of the halo, ``(ny, nx)``; see `__call__`."""
        kappa, gamma = self(parameters)
        return gamma / (1 - kappa)

    def ln_concentration(self, ln_mass: float) -> float:
        """Return the logarithm of the mean concentration of halos with a mass."""
        return float(np.log(concentration(np.exp(ln_mass) * u.solMass, self._z_lens,
                                          self._cosmology)))


class ClusterFit(NamedTuple):
    """A cluster that was fitted to the shear.

    Attributes
    ----------
    parameters : `numpy.ndarray`
        The best fit, in the order of `ClusterModel`, ``(6,)``.
    errors : `numpy.ndarray`
        The standard deviations of the fitted parameters, ``(6,)``; 0 for those that are fixed.
    derivatives : `numpy.ndarray`
        The derivatives of the reduced shear by the free parameters, complex, ``(n, ny, nx)``.
    precision : `numpy.ndarray`
        The inverse variance of the prior of each free parameter, ``(n,)``.
    pull : `numpy.ndarray`
        The mean of the prior minus the best fit, for each free parameter, ``(n,)``.
    """

    parameters: np.ndarray
    errors: np.ndarray
    derivatives: np.ndarray
    precision: np.ndarray
    pull: np.ndarray


def fit_cluster(
    model: ClusterModel,
    shear: np.ndarray,
    solver: WienerSolver,
    inner_radius: float,
    *,
    elliptical: bool,
) -> ClusterFit:
    """Fit a halo to the shear by Gauss-Newton steps, with priors on all parameters but the mass.

    Parameters
    ----------
    model : ClusterModel
        The model of the shear.
    shear : `numpy.ndarray`
        The complex reduced shear, ``(ny, nx)``.
    solver : `lensmap.flatsky.WienerSolver`
        The covariance of the shear.
    inner_radius : float
        The radius in pixels at which filaments begin, to which the prior of the center is relative.
    elliptical : bool
        Whether the ellipticity is free. If False, the halo is round.

    Returns
    -------
    ClusterFit
        The best fit. Its mass is at least 3e12 solar masses.
    """
    n = 6 if elliptical else 4
    sigma = np.array([_LN_MASS_SIGMA, _LN_CONCENTRATION_SIGMA,
                      *[_OFFSET_SIGMA * inner_radius] * 2, *[_ELLIPTICITY_SIGMA] * 2])[:n]
    precision = sigma**-2
    best = np.zeros(6)
    best[0] = np.log(_FIRST_MASS_MSUN)
    best[1] = model.ln_concentration(best[0])
    for _ in range(_N_ITERATIONS):
        derivatives, pull, step, covariance = _step(model, best, shear, solver, precision)
        if np.all(np.abs(step) < 0.05 * np.sqrt(np.diag(covariance))):
            break
        best[:n] += np.clip(step, -1.0 * _limits(inner_radius)[:n], _limits(inner_radius)[:n])
        best[0] = np.clip(best[0], np.log(_MIN_MASS_MSUN), np.log(_MAX_MASS_MSUN))
        best[1] = np.clip(best[1], np.log(0.5), np.log(30))
        best[2:4] = np.clip(best[2:4], -0.5 * inner_radius, 0.5 * inner_radius)
        e = np.hypot(*best[4:])
        best[4:] *= min(1, 0.9 * _MAX_ELLIPTICITY / max(e, 1e-9))
    derivatives, pull, _, covariance = _step(model, best, shear, solver, precision)
    errors = np.zeros(6)
    errors[:n] = np.sqrt(np.diag(covariance))
    return ClusterFit(best, errors, derivatives, precision, pull)


def _limits(inner_radius):
    """Return the largest change of each parameter in a step of the fit."""
    return np.array([1.0, 0.5, 0.2 * inner_radius, 0.2 * inner_radius, 0.15, 0.15])


def _step(model, best, shear, solver, precision):
    """Return the derivatives of the model, the pull of the prior, the step and its covariance."""
    n = len(precision)
    derivatives = []
    for i in range(n):
        change = np.zeros(6)
        change[i] = _STEPS[i]
        high, low = (model.reduced_shear(best + sign * change) for sign in (1, -1))
        derivatives.append((high - low) / (2 * _STEPS[i]))
    derivatives = np.array(derivatives)
    mean = np.zeros(n)
    mean[0], mean[1] = best[0], model.ln_concentration(best[0])
    pull = mean - best[:n]
    weighted = solver.weigh(derivatives).reshape(n, -1)
    matrix = (weighted.conj() @ derivatives.reshape(n, -1).T).real + np.diag(precision)
    residual = (shear - model.reduced_shear(best)).ravel()
    covariance = np.linalg.inv(matrix)
    step = covariance @ ((weighted.conj() @ residual).real + precision * pull)
    return derivatives, pull, step, covariance
