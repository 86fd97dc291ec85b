# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Least-squares search of the best-fit halos, and confidence intervals of their masses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from astropy import units as u
from scipy.optimize import OptimizeResult, brentq, least_squares

from lensmap.utils import LensmapWarning, warn_user

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike

    from lensmap.profiles._fit_data import FitData
    from lensmap.profiles._halo_parameters import HaloParameters

__all__ = ["best_fit", "chi_squared", "mass_intervals"]

# If chi^2 is lower than the minimum by more than this, the point belongs to another minimum, and
# the search restarts from it.
_MIN_DECREASE = 0.01
_MAX_RESTARTS = 5

# The model of a map is adapted to the halos until their masses change by less than this fraction.
_MASS_CHANGE = 3e-3
_MAX_ADAPTATIONS = 8

# A parameter closer to a limit than this fraction of its range counts as at the limit.
_LIMIT_FRACTION = 1e-3


class _Optimum(NamedTuple):
    """The minimum of chi^2, with the errors of the parameters.

    Attributes
    ----------
    result : `~scipy.optimize.OptimizeResult`
        The minimum, as returned by the least-squares fit.
    covariance : `numpy.ndarray`
        Covariance of the parameters, ``(n, n)``.
    intervals : list of list of float or None
        Lower and upper end of the interval of ln M200c for each halo; None if a lower minimum was
        found after each of the allowed restarts of the search.
    """

    result: OptimizeResult
    covariance: np.ndarray
    intervals: list[list[float]] | None


def best_fit(data: FitData, parameters: HaloParameters) -> dict[str, Any]:
    """Fit halos by least squares.

    Parameters
    ----------
    data : FitData
        The data, with their model.
    parameters : HaloParameters
        The free parameters, with their limits and priors.

    Returns
    -------
    dict
        The attributes of the `NFWFit`, keyed by name.

    Warns
    -----
    LensmapWarning
        If the search did not converge, a parameter is at a limit, or a mass has no upper limit.
    """
    start = _adapt(data, parameters)
    result, covariance, intervals = _search(data, parameters, start)
    values, halos = result.x, parameters.halos(result.x)
    failure = None
    if intervals is None:
        failure = (
            f"chi^2 has several minima, and each of {_MAX_RESTARTS} restarts of the search found a "
            "lower one"
        )
        width = np.sqrt(np.diag(covariance))
        intervals = [[values[k] - width[k], values[k] + width[k]]
                     for k in map(parameters.index_of_mass, range(parameters.n_halos))]
    failure = _limit_message(parameters, values, intervals) or failure
    message = failure or result.message
    success = bool(result.success) and failure is None
    if not success:
        warn_user(
            f"the fit did not converge to a halo ({message}): its best-fit parameters are "
            "unreliable, and its attribute success is False",
            LensmapWarning,
            "no_convergence",
        )
    masses = np.exp([halo.ln_m200c for halo in halos]) * u.solMass
    concentrations = np.exp([halo.ln_c200c for halo in halos])
    low, high = np.exp(np.array(intervals)).T * u.solMass
    if parameters.n_halos == 1:
        masses, low, high = masses[0], low[0], high[0]
    return {
        "m200c": masses, "m200c_low": low, "m200c_high": high,
        "c200c": float(concentrations[0]) if parameters.n_halos == 1 else concentrations,
        "names": parameters.names, "values": values, "covariance": covariance,
        "chi2": float(np.sum(data.residuals(halos) ** 2)), "n_data": data.n,
        "success": success, "message": message, "_data": data, "_parameters": parameters,
    }


def mass_intervals(
    data: FitData, parameters: HaloParameters, values: np.ndarray, increase: float
) -> np.ndarray:
    """Return the masses at which chi^2 exceeds its minimum by a given number.

    Parameters
    ----------
    data : FitData
        The data, with their model adapted to the best-fit halos.
    parameters : HaloParameters
        The free parameters, with their limits and priors.
    values : `numpy.ndarray`
        The best-fit free parameters, ``(n,)``.
    increase : float
        The increase of chi^2, minimized over the other parameters.

    Returns
    -------
    `numpy.ndarray`
        Lower and upper end of the interval of M200c for each halo, solar masses, ``(n_halos, 2)``.

    Warns
    -----
    LensmapWarning
        If chi^2 is lower at another mass than at ``values``, or a mass has no upper limit. The end
        of an interval without a limit is the limit of the search range.
    """
    optimum = _search(data, parameters, values, increase)
    masses = [parameters.index_of_mass(i) for i in range(parameters.n_halos)]
    intervals = optimum.intervals
    message = None
    if intervals is None or np.ptp([values, optimum.result.x], axis=0)[masses].max() > 0.01:
        message = "chi^2 has several minima, and the fit did not find the lowest one"
        # Without a lowest minimum, all masses of the search range are possible.
        intervals = intervals or [[parameters.low[k], parameters.high[k]] for k in masses]
    message = message or _limit_message(parameters, optimum.result.x, intervals)
    if message is not None:
        warn_user(
            f"the interval of the mass is unreliable: {message}", LensmapWarning, "no_convergence"
        )
    return np.exp(intervals)


def chi_squared(data: FitData, parameters: HaloParameters, vector: ArrayLike) -> float:
    """Return the chi^2 of the data plus that of the priors, for given free parameters."""
    return float(np.sum(_residuals(data, parameters, vector) ** 2))


def _residuals(data: FitData, parameters: HaloParameters, vector: ArrayLike) -> np.ndarray:
    """Return the residuals of the data followed by those of the priors, in units of the errors."""
    return np.concatenate([data.residuals(parameters.halos(vector)), parameters.prior(vector)])


def _adapt(data: FitData, parameters: HaloParameters) -> np.ndarray | None:
    """Adapt the model of a map to the best-fit halos; return their parameters, ``(n,)``.

    The result is None if the model needs no adaptation, as that of shear.
    """
    if not data.adapts:
        return None
    start = None
    for _ in range(_MAX_ADAPTATIONS):
        before, (result, _) = start, _minimum(data, parameters, start=start)
        start = result.x
        masses = [parameters.index_of_mass(i) for i in range(parameters.n_halos)]
        if before is not None and np.ptp([before, start], axis=0)[masses].max() < _MASS_CHANGE:
            break
        data.adapt(parameters.halos(start))
    return start


def _search(
    data: FitData,
    parameters: HaloParameters,
    start: np.ndarray | None = None,
    increase: float = 1.0,
) -> _Optimum:
    """Find the minimum of chi^2, the covariance of the parameters and the intervals of the masses.

    The search begins at ``start``, ``(n,)``, or at the default parameters if it is None. At the
    ends of the intervals, chi^2 exceeds its minimum by ``increase``.
    While the interval of a mass is computed, a lower chi^2 may be found, which belongs to another
    minimum. The search for the minimum is then restarted from there, a few times at most.
    """
    result, lowest = _minimum(data, parameters, start=start)
    for _ in range(_MAX_RESTARTS):
        covariance = np.linalg.pinv(result.jac.T @ result.jac)
        try:
            return _Optimum(result, covariance, [
                _interval(data, parameters, result.x, lowest, covariance, i, increase)
                for i in range(parameters.n_halos)
            ])
        except _LowerMinimum as lower:
            result, lowest = _minimum(data, parameters, start=lower.vector)
    return _Optimum(result, covariance, None)


def _limit_message(
    parameters: HaloParameters, values: np.ndarray, intervals: list[list[float]]
) -> str | None:
    """Return a message if the fit reached a limit of the search range, else None.

    The limit may be reached by the best-fit ``values`` of the parameters, ``(n,)``, or by the upper
    end of the interval of a mass. ``intervals`` are the lower and upper ends of ln M200c of each
    halo.
    """
    margin = _LIMIT_FRACTION * (parameters.high - parameters.low)
    inside = (parameters.low + margin < values) & (values < parameters.high - margin)
    at_limit = [name for name, ok in zip(parameters.names, inside, strict=True) if not ok]
    if at_limit:
        return f"the best fit is at a limit of the search range of {', '.join(at_limit)}"
    masses = map(parameters.index_of_mass, range(parameters.n_halos))
    unbounded = [
        parameters.names[k]
        for k, (_, high) in zip(masses, intervals, strict=True) if high >= parameters.high[k]
    ]
    return f"the data give no upper limit of {', '.join(unbounded)}" if unbounded else None


def _minimum(
    data: FitData,
    parameters: HaloParameters,
    held: dict[int, float] | None = None,
    start: np.ndarray | None = None,
) -> tuple[OptimizeResult, float]:
    """Minimize chi^2 over the parameters that are not held fixed.

    Parameters
    ----------
    data : FitData
        The data.
    parameters : HaloParameters
        The free parameters.
    held : dict or None
        The values of the parameters to hold fixed, keyed by index. If None, all are free.
    start : `numpy.ndarray` or None
        The initial vector, ``(n,)``. If None, ``parameters.start()``.

    Returns
    -------
    result : `~scipy.optimize.OptimizeResult`
        The minimum. Its ``x`` contains only the parameters that are not held fixed.
    chi2 : float
        chi^2 at the minimum.
    """
    held = held or {}
    start = parameters.start() if start is None else np.array(start, dtype=float)
    start = np.clip(start, parameters.low + 1e-9, parameters.high - 1e-9)
    for i, value in held.items():
        start[i] = value
    free = np.array([i for i in range(parameters.n) if i not in held], dtype=int)

    def residuals(values: np.ndarray) -> np.ndarray:
        vector = start.copy()
        vector[free] = values
        return _residuals(data, parameters, vector)

    if len(free) == 0:
        return OptimizeResult(x=start[free]), float(np.sum(residuals(start[free]) ** 2))
    result = least_squares(
        residuals, start[free], bounds=(parameters.low[free], parameters.high[free]),
        x_scale=parameters.scale[free], ftol=1e-10, xtol=1e-10, gtol=1e-10,
    )
    return result, 2 * result.cost


class _LowerMinimum(Exception):
    """The chi^2 at the parameters ``vector`` is below the minimum that the search found."""

    def __init__(self, vector: np.ndarray) -> None:
        super().__init__()
        self.vector = vector


def _interval(
    data: FitData,
    parameters: HaloParameters,
    values: np.ndarray,
    lowest: float,
    covariance: np.ndarray,
    i: int,
    increase: float,
) -> list[float]:
    """Return the interval of ln M200c of halo i, from the profile chi^2.

    At the ends of the interval, chi^2 minimized over the other parameters exceeds its minimum by
    ``increase``.

    Parameters
    ----------
    data : FitData
        The data.
    parameters : HaloParameters
        The free parameters.
    values : `numpy.ndarray`
        The parameters at the minimum, ``(n,)``.
    lowest : float
        chi^2 at the minimum.
    covariance : `numpy.ndarray`
        Covariance of the parameters, ``(n, n)``, which sets the step of the search.
    i : int
        The index of the halo.
    increase : float
        The increase of chi^2; 1 for the 68 per cent interval.

    Returns
    -------
    list of float
        Lower and upper end, within the limits of ln M200c.

    Raises
    ------
    _LowerMinimum
        If chi^2 falls below ``lowest`` during the search for the ends.
    """
    index = parameters.index_of_mass(i)
    best = values[index]
    low, high = parameters.low[index], parameters.high[index]
    free = np.arange(parameters.n) != index
    excesses = {best: -increase}

    def excess(value: float) -> float:
        """Return the lowest chi^2 at a fixed ln M200c, minus its value at the ends."""
        if value not in excesses:
            result, chi2 = _minimum(data, parameters, {index: value}, values)
            if chi2 < lowest - _MIN_DECREASE:
                vector = np.array(values)
                vector[index] = value
                vector[free] = result.x
                raise _LowerMinimum(vector)
            excesses[value] = chi2 - lowest - increase
        return excesses[value]

    step = max(2.0 * np.sqrt(increase * max(covariance[index, index], 0.0)), 1e-3)
    ends = []
    for sign, limit in ((-1, low), (1, high)):
        end = best
        while excess(end) < 0 and end != limit:
            end = np.clip(end + sign * step, low, high)
        ends.append(end if excess(end) < 0 else brentq(excess, best, end, xtol=1e-4))
    return ends
