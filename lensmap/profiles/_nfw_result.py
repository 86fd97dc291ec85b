# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The result of an NFW fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.table import QTable
from scipy import stats

from lensmap.halos import NFWHalo, convert_mass, radius_200c
from lensmap.profiles._fit_profile import lens_model
from lensmap.profiles._html import html_of_fit
from lensmap.profiles._nfw_search import chi_squared, mass_intervals
from lensmap.profiles._radii import as_angles
from lensmap.utils import (
    check_count,
    check_number,
    import_optional,
    seeded_generator,
    set_formats,
)

if TYPE_CHECKING:
    from astropy.coordinates import BaseCoordinateFrame, SkyCoord

    from lensmap.profiles._fit_data import FitData
    from lensmap.profiles._halo_parameters import HaloParameters, HaloValues
    from lensmap.typing import RNGLike

__all__ = ["NFWFit", "densities_of_fit"]


@dataclass(frozen=True, eq=False)
class NFWFit:
    """The best-fit NFW halos, with errors.

    Masses and concentrations are scalars for one halo, and have the shape ``(n_halos,)`` for
    several halos.

    Attributes
    ----------
    m200c : `~astropy.units.Quantity`
        The mass M200c, solar masses (without h).
    m200c_low, m200c_high : `~astropy.units.Quantity`
        The ends of the 68 per cent interval of M200c, where chi^2, minimized over the other
        parameters, exceeds its minimum by 1.
    c200c : float or `numpy.ndarray`
        The concentration c200c.
    names : list of str
        Names of the free parameters: ``ln_m200c``, ``ln_c200c``, ``east`` and ``north``. For
        several halos, the number of the halo is appended, as in ``ln_m200c_1``.
    values : `numpy.ndarray`
        Best-fit values of the free parameters, ``(n,)``; ``east`` and ``north`` in radians.
    covariance : `numpy.ndarray`
        Covariance of the free parameters, from the curvature of chi^2 at the minimum, ``(n, n)``.
    chi2 : float
        chi^2 of the data at the minimum, without the contribution of the prior.
    n_data : int
        The number of data values.
    success : bool
        Whether the search converged, with all parameters within their limits and an upper limit
        for each mass.
    message : str
        The reason why the search stopped, or the cause of its failure.
    position : `~astropy.coordinates.SkyCoord` or None
        The best-fit center if the center is free, otherwise the input position; None for a
        profile.
    miscentering : tuple or None
        ``(fraction, sigma)`` of the wrong centers in the fitted stack, as given to `fit_nfw`. None
        if all centers are right.
    """

    m200c: u.Quantity
    m200c_low: u.Quantity
    m200c_high: u.Quantity
    c200c: float | np.ndarray
    names: list[str]
    values: np.ndarray
    covariance: np.ndarray
    chi2: float
    n_data: int
    success: bool
    message: str
    _data: FitData = field(repr=False)
    _parameters: HaloParameters = field(repr=False)
    position: SkyCoord | None = None
    miscentering: tuple[float, u.Quantity] | None = None
    _frame: BaseCoordinateFrame | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.position is None:
            return
        # Offsets are along the axes of the data's frame. The result keeps the frame of the input.
        fitted = [
            center.transform_to(self._frame)
            .spherical_offsets_by(halo.east * u.rad, halo.north * u.rad)
            .transform_to(center.frame)
            for center, halo in zip(self.position, self._halos(), strict=True)
        ]
        position = fitted[0] if len(fitted) == 1 else type(self.position)(fitted)
        object.__setattr__(self, "position", position)

    def _repr_html_(self) -> str:
        return html_of_fit(self)

    def _halos(self) -> list[HaloValues]:
        return self._parameters.halos(self.values)

    @property
    def z_lens(self) -> float | np.ndarray:
        """The redshift of the halo; for several halos, an array with their redshifts."""
        z = self._parameters.z_lens
        return float(z[0]) if len(z) == 1 else z

    @property
    def m200c_err(self) -> u.Quantity:
        """Half the width of the 68 per cent interval of the mass M200c, solar masses."""
        return (self.m200c_high - self.m200c_low) / 2

    @property
    def degrees_of_freedom(self) -> int:
        """The number of data values minus the number of free parameters."""
        return self.n_data - len(self.values)

    @property
    def priors(self) -> dict[str, dict[str, object]]:
        """The priors of the mass (``m200c_msun``, solar masses) and the concentration (``c200c``).

        Each is a dict with ``prior``, its form as text; ``low`` and ``high``, the limits of a free
        parameter; and ``scatter_ln``, the standard deviation of a log-normal prior. A free center
        has a flat prior.
        """
        return self._parameters.describe_priors()

    @property
    def concentration(self) -> str | float:
        """The treatment of the concentration, as given to `fit_nfw`."""
        return self._parameters.concentration

    @property
    def r200c(self) -> u.Quantity:
        """The radius r200c, within which the mean density is 200 times critical, proper Mpc."""
        return radius_200c(self.m200c, self.z_lens, self._parameters.cosmology)

    def halo(self, i: int = 0) -> NFWHalo:
        """Return the best-fit halo, as an `~lensmap.halos.NFWHalo`.

        Parameters
        ----------
        i : int
            The index of the halo, from 0.

        Returns
        -------
        `~lensmap.halos.NFWHalo`
            The halo with the best-fit mass and concentration.
        """
        halo = self._halos()[i]
        return NFWHalo(np.exp(halo.ln_m200c) * u.solMass, float(np.exp(halo.ln_c200c)),
                       float(self._parameters.z_lens[i]), cosmology=self._parameters.cosmology)

    def tangential_shear(self, radius: u.Quantity, i: int = 0) -> np.ndarray:
        """Return the reduced tangential shear of a best-fit halo, averaged over the sources.

        Parameters
        ----------
        radius : `~astropy.units.Quantity`
            Projected radius, angles or proper lengths at the lens, any shape.
        i : int
            The index of the halo, from 0. The other halos do not contribute.

        Returns
        -------
        `numpy.ndarray`
            The reduced tangential shear, with the same shape as ``radius``. For a fit with
            ``miscentering``, it is the mean about right and wrong centers.
        """
        inverse, ratio = self._data.efficiency(i)
        inverse = inverse * u.Mpc**2 / u.solMass
        shear = np.zeros(radius.shape)
        for fraction, sigma, excess in densities_of_fit(self, radius, i):
            kappa, gamma = (sigma * inverse).to_value(u.one), (excess * inverse).to_value(u.one)
            shear += fraction * gamma / (1 - ratio * kappa)
        return shear

    def interval(self, confidence: float = 0.95) -> tuple[u.Quantity, u.Quantity]:
        """Return the interval of the mass M200c at any confidence.

        Parameters
        ----------
        confidence : float
            The probability that the interval contains the true mass, between 0.01 and 0.9999. At
            the ends of the interval, chi^2, minimized over the other parameters, exceeds its
            minimum by the quantile of the chi^2 distribution of one degree of freedom, such as 3.84
            for 0.95. ``m200c_low`` and ``m200c_high`` are the interval for 0.6827.

        Returns
        -------
        low, high : `~astropy.units.Quantity`
            The ends of the interval, solar masses, with the shape of ``m200c``. Without a lower or
            upper limit in the data, they are 1e12 and 1e16 solar masses.

        Raises
        ------
        TypeError, ValueError
            If ``confidence`` is not a number, or out of range.

        Warns
        -----
        LensmapWarning
            If a mass has no upper limit, or chi^2 is lower at another mass than that of the fit.

        Examples
        --------
        >>> low, high = fit.interval(0.95)  # doctest: +SKIP
        """
        check_number(confidence, "confidence", "between 0.01 and 0.9999", low=0.01, high=0.9999)
        increase = float(stats.chi2.ppf(confidence, 1))
        ends = mass_intervals(self._data, self._parameters, self.values, increase) * u.solMass
        return (ends[0, 0], ends[0, 1]) if len(ends) == 1 else (ends[:, 0], ends[:, 1])

    def mass(self, definition: str) -> tuple[u.Quantity, ...]:
        """Convert the mass and its interval to another mass definition.

        Parameters
        ----------
        definition : str
            The mass definition, such as ``"500c"``, ``"200m"`` or ``"vir"``.

        Returns
        -------
        tuple of `~astropy.units.Quantity`
            The mass and the lower and upper end of its 68 per cent interval, all converted with the
            best-fit concentration.
        """
        shape = np.shape(self.m200c.value)
        masses = []
        for value in (self.m200c, self.m200c_low, self.m200c_high):
            converted = [
                convert_mass(one, c, float(z), "200c", definition, self._parameters.cosmology)[0]
                for one, c, z in zip(np.atleast_1d(value), np.atleast_1d(self.c200c),
                                     self._parameters.z_lens, strict=True)
            ]
            masses.append(u.Quantity(converted).reshape(shape))
        return tuple(masses)

    def model(self) -> np.ndarray:
        """Return the best-fit model of the fitted data.

        Returns
        -------
        `numpy.ndarray`
            One value for each fitted bin (reduced tangential shear), galaxy (complex reduced shear)
            or pixel (convergence minus its mean).
        """
        return self._data.model(self._halos())

    def measured(self) -> np.ndarray:
        """Return the fitted data, in the order of `model`.

        Returns
        -------
        `numpy.ndarray`
            The measured counterparts of the values of `model`.
        """
        return self._data.measured

    def sample(
        self,
        n_samples: int = 2000,
        *,
        n_walkers: int | None = None,
        burn_in: int = 300,
        rng: RNGLike = None,
    ) -> QTable:
        """Draw samples from the posterior with emcee, which must be installed.

        The priors are the same as in the fit. The prior of the mass is flat in its logarithm.

        Parameters
        ----------
        n_samples : int
            The minimum number of samples. It is rounded up to a multiple of ``n_walkers``.
        n_walkers : int or None
            The number of walkers. If None, four for each free parameter, but at least 16.
        burn_in : int
            The number of steps to discard at the start of the chain.
        rng : None, int or `numpy.random.Generator`
            Seed or generator for the chain; None draws a new seed in each call.

        Returns
        -------
        `~astropy.table.QTable`
            One row for each sample, with a column for each free parameter: ``m200c`` (solar
            masses), ``c200c``, ``east`` and ``north`` (arcmin). For several halos, the number of
            the halo is appended to the names. ``meta`` contains the ``seed``.

        Raises
        ------
        ImportError
            If emcee is not installed.
        TypeError, ValueError
            If a parameter is invalid.

        References
        ----------
        Foreman-Mackey et al. 2013, PASP 125, 306.
        """
        emcee = import_optional("emcee", purpose="samples of the posterior",
                                install="lensmap[sample]")
        check_count(n_samples, "n_samples", minimum=1)
        generator, seed = seeded_generator(rng)
        p = self._parameters
        if n_walkers is None:
            n_walkers = max(16, 4 * p.n)
        check_count(n_walkers, "n_walkers", minimum=2 * p.n)

        def log_probability(vector: np.ndarray) -> float:
            if np.any(vector < p.low) or np.any(vector > p.high):
                return -np.inf
            return -0.5 * chi_squared(self._data, p, vector)

        spread = np.sqrt(np.diag(self.covariance))
        start = np.clip(
            self.values + 0.1 * spread * generator.standard_normal((n_walkers, p.n)), p.low, p.high
        )
        sampler = emcee.EnsembleSampler(n_walkers, p.n, log_probability)
        state = np.random.RandomState(int(generator.integers(2**31))).get_state()
        sampler.random_state = state
        sampler.run_mcmc(start, burn_in + -(-n_samples // n_walkers))
        chain = sampler.get_chain(discard=burn_in, flat=True)
        columns = {}
        for name, values in zip(p.names, chain.T, strict=True):
            if name.startswith("ln_m200c"):
                columns[name[3:]] = np.exp(values) * u.solMass
            elif name.startswith("ln_"):
                columns[name[3:]] = np.exp(values)
            else:
                columns[name] = np.degrees(values) * 60 * u.arcmin
        return set_formats(QTable(columns, meta=seed), {}, others=".4g")


def densities_of_fit(
    fit: NFWFit, radius: u.Quantity, i: int = 0
) -> list[tuple[float, u.Quantity, u.Quantity]]:
    """Return the surface densities of a best-fit halo about each kind of center.

    Parameters
    ----------
    fit : NFWFit
        The fit.
    radius : `~astropy.units.Quantity`
        Projected radius, angles or proper lengths at the lens, any shape.
    i : int
        The index of the halo, from 0.

    Returns
    -------
    list of tuple
        For right centers and, if the fit has ``miscentering``, for wrong centers: the fraction of
        the centers, the mean surface density about them, and its excess. The densities are in solar
        masses per square proper Mpc, with the same shape as ``radius``.
    """
    p, halo = fit._parameters, fit._halos()[i]
    unit = u.solMass / u.Mpc**2
    z_lens = p.z_lens[i : i + 1]
    lens = lens_model(z_lens, fit.miscentering, p.cosmology)
    theta = as_angles(np.ravel(radius), z_lens, 1, p.cosmology, "radius")
    return [
        (fraction, sigma.reshape(radius.shape) * unit, excess.reshape(radius.shape) * unit)
        for fraction, sigma, excess in lens.by_center(theta, halo.ln_m200c, halo.ln_c200c)
    ]
