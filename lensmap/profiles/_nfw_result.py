# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`NFWFit`: what a fit of NFW halos found."""

from dataclasses import dataclass, field

import numpy as np
from astropy import units as u
from astropy.table import QTable
from scipy.optimize import brentq, least_squares

from lensmap.halos import NFWHalo, convert_mass, radius_200c
from lensmap.utils import (
    LensmapWarning,
    check_count,
    import_optional,
    seeded_generator,
    set_formats,
    warn_user,
)

__all__ = ["NFWFit", "best_fit"]

# A chi^2 that is lower by more than this is another minimum; so often the search starts anew.
_LOWER = 0.01
_RESTARTS = 5


@dataclass(frozen=True, eq=False)
class NFWFit:
    """The halos that fit best, and how well they are known.

    Numbers of one halo are scalars, those of several have the shape ``(n_halos,)``.

    Attributes
    ----------
    m200c : `~astropy.units.Quantity`
        The mass, solar masses (without h).
    m200c_low, m200c_high : `~astropy.units.Quantity`
        Its 68 per cent interval: where chi^2, the other parameters at their best, is 1 above the
        smallest.
    c200c : float or `numpy.ndarray`
        The concentration.
    position : `~astropy.coordinates.SkyCoord` or None
        The center, moved if it was free; None of a profile.
    names : list of str
        The parameters: ``ln_m200c``, ``ln_c200c``, and ``east`` and ``north`` (radians), each with
        the number of the halo where there are several.
    values : `numpy.ndarray`
        Their best values.
    covariance : `numpy.ndarray`
        Their covariance, from the curvature at the best.
    chi2 : float
        Of the data, without the prior.
    n_data : int
        How many data there are.
    success : bool
        Whether the search converged, away from the ends of what it tries, to a mass with an upper
        limit.
    message : str
        What it says of it.
    """

    m200c: u.Quantity
    m200c_low: u.Quantity
    m200c_high: u.Quantity
    c200c: object
    names: list
    values: np.ndarray
    covariance: np.ndarray
    chi2: float
    n_data: int
    success: bool
    message: str
    _data: object = field(repr=False)
    _parameters: object = field(repr=False)
    position: object = None
    _frame: object = field(default=None, repr=False)

    def __post_init__(self):
        if self.position is None:
            return
        # Offsets are along the axes of the data, positions in the frame of the user.
        moved = [
            center.transform_to(self._frame).spherical_offsets_by(east * u.rad, north * u.rad)
            .transform_to(center.frame)
            for center, (_, _, east, north) in zip(self.position, self._halos(), strict=True)
        ]
        position = moved[0] if len(moved) == 1 else type(self.position)(moved)
        object.__setattr__(self, "position", position)

    def _halos(self):
        return self._parameters.halos(self.values)

    @property
    def z_lens(self):
        """The redshift of the halo, or of each."""
        z = self._parameters.z_lens
        return float(z[0]) if len(z) == 1 else z

    @property
    def m200c_err(self):
        """Half the width of the 68 per cent interval of the mass."""
        return (self.m200c_high - self.m200c_low) / 2

    @property
    def degrees_of_freedom(self):
        """Data less parameters."""
        return self.n_data - len(self.values)

    @property
    def r200c(self):
        """The radius within which the mean density is 200 times the critical one, proper Mpc."""
        return radius_200c(self.m200c, self.z_lens, self._parameters.cosmology)

    def halo(self, i=0):
        """Return the best halo.

        Parameters
        ----------
        i : int
            Which, of several.

        Returns
        -------
        `~lensmap.halos.NFWHalo`
            The halo.
        """
        ln_m, ln_c, _, _ = self._halos()[i]
        return NFWHalo(np.exp(ln_m) * u.solMass, float(np.exp(ln_c)),
                       float(self._parameters.z_lens[i]), cosmology=self._parameters.cosmology)

    def tangential_shear(self, radius, i=0):
        """Return the reduced tangential shear of the best halo, as the sources see it on average.

        Parameters
        ----------
        radius : `~astropy.units.Quantity`
            Angles, or proper lengths at the lens, any shape.
        i : int
            Which halo, of several; the others add nothing.

        Returns
        -------
        `numpy.ndarray`
            Of the shape of ``radius``.
        """
        halo = self.halo(i)
        inverse, ratio = self._data.efficiency(i)
        inverse = inverse * u.Mpc**2 / u.solMass
        kappa = (halo.surface_density(radius) * inverse).to_value(u.one)
        mean = (halo.mean_surface_density(radius) * inverse).to_value(u.one)
        return (mean - kappa) / (1 - ratio * kappa)

    def mass(self, definition):
        """Return the mass in another definition, with its interval.

        Parameters
        ----------
        definition : str
            Such as ``"500c"``, ``"200m"`` or ``"vir"``.

        Returns
        -------
        tuple of `~astropy.units.Quantity`
            The mass and the ends of its 68 per cent interval, at the best concentration.
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

    def model(self):
        """Return the best model of the data.

        Returns
        -------
        `numpy.ndarray`
            The reduced tangential shear of the bins of a profile, the complex reduced shear of
            galaxies, or the convergence of pixels, for those data that were used.
        """
        return self._data.model(self._halos())

    def measured(self):
        """Return the data that were fitted, as `model` is ordered.

        Returns
        -------
        `numpy.ndarray`
            Reduced shear, or the convergence less its mean.
        """
        return self._data.measured

    def sample(self, n_samples=2000, *, n_walkers=None, burn_in=300, rng=None):
        """Draw from the posterior with emcee, which must be installed.

        The priors are those of the fit, flat in the logarithm of the mass.

        Parameters
        ----------
        n_samples : int
            How many samples, at least.
        n_walkers : int or None
            How many walkers; None takes four for each parameter, and 16 at least.
        burn_in : int
            Steps that are thrown away.
        rng : None, int or `numpy.random.Generator`
            The source of random numbers.

        Returns
        -------
        `~astropy.table.QTable`
            A column for each parameter: ``m200c`` (solar masses), ``c200c``, ``east``, ``north``
            (arcmin), with the number of the halo where there are several; ``meta`` has the
            ``seed``.

        References
        ----------
        Foreman-Mackey et al. 2013, PASP 125, 306.
        """
        emcee = import_optional("emcee", purpose="samples of the posterior",
                                install="lensmap[sample]")
        check_count(n_samples, "n_samples", minimum=1)
        rng, seed = seeded_generator(rng)
        p = self._parameters
        if n_walkers is None:
            n_walkers = max(16, 4 * p.n)
        check_count(n_walkers, "n_walkers", minimum=2 * p.n)

        def log_probability(vector):
            if np.any(vector < p.low) or np.any(vector > p.high):
                return -np.inf
            return -0.5 * _chi2(self._data, p, vector)

        spread = np.sqrt(np.diag(self.covariance))
        start = np.clip(
            self.values + 0.1 * spread * rng.standard_normal((n_walkers, p.n)), p.low, p.high
        )
        sampler = emcee.EnsembleSampler(n_walkers, p.n, log_probability)
        state = np.random.RandomState(int(rng.integers(2**31))).get_state()
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


def best_fit(data, parameters):
    """Find the best halos.

    Parameters
    ----------
    data : object
        What is fitted, with ``residuals``.
    parameters : HaloParameters
        What is varied.

    Returns
    -------
    dict
        The attributes of an `NFWFit`.
    """
    found, lowest = _minimum(data, parameters)
    for _ in range(_RESTARTS):
        covariance = np.linalg.pinv(found.jac.T @ found.jac)
        try:
            ends = [
                _interval(data, parameters, found.x, lowest, covariance, i)
                for i in range(parameters.n_halos)
            ]
            break
        except _LowerMinimum as lower:
            # The search stopped beside the best: it goes on from what the interval came upon.
            found, lowest = _minimum(data, parameters, start=lower.vector)
            ends = None
    halos = parameters.halos(found.x)
    steady = ends is not None
    if not steady:
        width = np.sqrt(np.diag(covariance))
        ends = [[found.x[k] - width[k], found.x[k] + width[k]]
                for k in map(parameters.index_of_mass, range(parameters.n_halos))]
    masses = np.exp([halo[0] for halo in halos])
    concentrations = np.exp([halo[1] for halo in halos])
    low, high = np.exp(np.array(ends)).T
    at_end = [
        name for name, value, a, b in
        zip(parameters.names, found.x, parameters.low, parameters.high, strict=True)
        if not a + 1e-3 * (b - a) < value < b - 1e-3 * (b - a)
    ]
    message = found.message
    unbounded = [
        parameters.names[parameters.index_of_mass(i)]
        for i in range(parameters.n_halos)
        if ends[i][1] >= parameters.high[parameters.index_of_mass(i)]
    ]
    if at_end:
        message = f"at an end of what is tried: {', '.join(at_end)}"
    elif unbounded:
        message = f"the data set no upper limit: {', '.join(unbounded)}"
    elif not steady:
        message = f"chi^2 has several minima, and a lower one was found {_RESTARTS} times"
    success = bool(found.success) and steady and not at_end and not unbounded
    if not success:
        warn_user(
            f"the fit did not converge to a halo: {message}", LensmapWarning, "no_convergence"
        )
    one = parameters.n_halos == 1
    as_mass = (lambda v: v[0] * u.solMass) if one else (lambda v: v * u.solMass)
    return {
        "m200c": as_mass(masses), "m200c_low": as_mass(low), "m200c_high": as_mass(high),
        "c200c": float(concentrations[0]) if one else concentrations,
        "names": parameters.names, "values": found.x, "covariance": covariance,
        "chi2": float(np.sum(data.residuals(halos) ** 2)), "n_data": data.n,
        "success": success, "message": message, "_data": data, "_parameters": parameters,
    }


def _all_residuals(data, parameters, vector):
    return np.concatenate([data.residuals(parameters.halos(vector)), parameters.prior(vector)])


def _chi2(data, parameters, vector):
    return float(np.sum(_all_residuals(data, parameters, vector) ** 2))


def _minimum(data, parameters, held=None, start=None):
    """Find the best, with some parameters held, by their index; return it and its chi^2."""
    held = held or {}
    start = parameters.start() if start is None else np.array(start, dtype=float)
    start = np.clip(start, parameters.low + 1e-9, parameters.high - 1e-9)
    for i, value in held.items():
        start[i] = value
    free = np.array([i for i in range(parameters.n) if i not in held], dtype=int)

    def residuals(part):
        vector = start.copy()
        vector[free] = part
        return _all_residuals(data, parameters, vector)

    if len(free) == 0:
        return None, float(np.sum(residuals(start[free]) ** 2))
    found = least_squares(
        residuals, start[free], bounds=(parameters.low[free], parameters.high[free]),
        x_scale=parameters.scale[free], ftol=1e-10, xtol=1e-10, gtol=1e-10,
    )
    return found, 2 * found.cost


class _LowerMinimum(Exception):
    """There is a better place than the best."""

    def __init__(self, vector):
        super().__init__()
        self.vector = vector


def _interval(data, parameters, values, lowest, covariance, i):
    """Return where chi^2 is 1 above the smallest, ln M, the other parameters at their best."""
    which = parameters.index_of_mass(i)
    best = values[which]
    low, high = parameters.low[which], parameters.high[which]
    free = np.arange(parameters.n) != which
    known = {best: -1.0}

    def above(value):
        if value not in known:
            found, chi2 = _minimum(data, parameters, {which: value}, values)
            if chi2 < lowest - _LOWER:
                vector = np.array(values)
                vector[which] = value
                if found is not None:
                    vector[free] = found.x
                raise _LowerMinimum(vector)
            known[value] = chi2 - lowest - 1.0
        return known[value]

    step = max(2.0 * np.sqrt(max(covariance[which, which], 0.0)), 1e-3)
    ends = []
    for sign, limit in ((-1, low), (1, high)):
        end = best
        while above(end) < 0 and end != limit:
            end = np.clip(end + sign * step, low, high)
        ends.append(end if above(end) < 0 else brentq(above, best, end, xtol=1e-4))
    return ends
