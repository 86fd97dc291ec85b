# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tuning of linear estimators, for a fair comparison with other methods."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from functools import cached_property
from typing import NamedTuple

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.cosmology import convergence_power, get_cosmology
from lensmap.estimators import Estimator, KaiserSquires, MaximumEntropy, MCALens, WienerFilter
from lensmap.flatsky import measure_power
from lensmap.scores import pearson_r, rmse
from lensmap.simulate import draw_fields, resolution_transfer
from lensmap.typing import ProgressLike
from lensmap.utils import ParameterError, ParameterTypeError, check_count, set_formats
from lensmap.validation._setup import Observation, ValidationSetup, series_seed

__all__ = ["Tuner", "TunedLinear", "measured_power", "tune_linear"]

_SMOOTHINGS = (0.5, 0.6, 0.7, 0.85, 1.0, 1.25, 1.5, 2.0, 2.5) * u.arcmin

# As long as the largest smoothing is the best, try a larger one, up to the maximum.
_SMOOTHING_STEP, _MAX_SMOOTHING = 1.25, 30 * u.arcmin


class TunedLinear(NamedTuple):
    """The linear estimators with their best parameters, and the scores of all parameters tried.

    Attributes
    ----------
    kaiser_squires : KaiserSquires
        Kaiser-Squires with the smoothing that has the lowest error.
    wiener : WienerFilter
        The Wiener filter with the better of two priors: the power spectrum measured on the tuning
        fields, or the theoretical power spectrum.
    scores : `~astropy.table.QTable`
        A row for each set of parameters, with ``method``, ``smoothing`` (NaN for the Wiener
        filter), ``rmse`` (the RMS error over the pixels of all fields) and ``pearson_r`` (the
        correlation with the truth, mean over fields).
    """

    kaiser_squires: KaiserSquires
    wiener: WienerFilter
    scores: QTable


def tune_linear(
    setup: ValidationSetup,
    n_fields: int = 8,
    *,
    seed: int = 0,
    smoothings: u.Quantity = _SMOOTHINGS,
    workers: int | None = None,
    executor: Executor | Callable[[], Executor] | None = None,
    progress: ProgressLike = None,
) -> TunedLinear:
    """Find the best smoothing of Kaiser-Squires and the best prior of the Wiener filter.

    The best parameters have the lowest root mean square error on simulated fields. These fields
    have the same set-up as the fields of `compare`, but are never used by `compare`.

    Parameters
    ----------
    setup : ValidationSetup
        The simulated fields and the survey. If the set-up has null fields, estimators are tuned on
        lensed fields instead.
    n_fields : int
        The number of fields, at least 1. All fields are held in memory.
    seed : int
        The seed of the series of fields used for tuning.
    smoothings : `~astropy.units.Quantity`
        The smoothing angles to try for Kaiser-Squires. As long as the largest angle is the best,
        larger angles are tried.
    workers : int or None
        The number of processes that draw fields. If None, one for each CPU that this process may
        use, but no more than fit into memory.
    executor : `concurrent.futures.Executor`, callable or None
        An executor with ``workers`` workers that draws the fields, or a callable that makes one. If
        None, new processes draw the fields.
    progress : None, bool or callable
        If True, a progress bar is shown. A callable is called as ``progress(done, total)`` after
        each field. If None or False, nothing is shown.

    Returns
    -------
    TunedLinear
        The two tuned estimators and the table of scores.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.
    """
    if not isinstance(setup, ValidationSetup):
        raise ParameterTypeError("setup", "a ValidationSetup", type(setup).__name__)
    check_count(n_fields, "n_fields", minimum=1)
    smoothings = u.Quantity(smoothings).to(u.arcmin)
    if smoothings.ndim != 1 or len(smoothings) == 0 or not np.all(smoothings > 0):
        raise ParameterError(
            "smoothings", "a one-dimensional array of positive angles", str(smoothings)
        )
    setup = setup.replace(null=False)
    observations = list(
        draw_fields(
            setup, n_fields, seed=series_seed("tuning", seed), workers=workers, executor=executor,
            progress=progress,
        )
    )
    by_smoothing = _try_smoothings(observations, np.sort(smoothings))
    best = min(by_smoothing, key=by_smoothing.__getitem__)
    power = measured_power(observations, setup)
    filters = {
        "Wiener, measured power": WienerFilter(power=power, dtype="float32"),
        "Wiener, power of the theory": _theoretical(setup),
    }
    rows = [("Kaiser-Squires", smoothing, *score) for smoothing, score in by_smoothing.items()]
    errors = {}
    for name, wiener in filters.items():
        score = errors[name] = _score(wiener, observations)
        rows.append((name, np.nan * u.arcmin, *score))
    scores = QTable(rows=rows, names=("method", "smoothing", "rmse", "pearson_r"))
    set_formats(scores, {}, others=".4g")
    return TunedLinear(_kaiser_squires(best), filters[min(errors, key=errors.__getitem__)], scores)


def _try_smoothings(observations, smoothings):
    """Score Kaiser-Squires maps with several smoothings on simulated fields.

    Return a dict from each smoothing angle to ``(rmse, correlation)``, as returned by `_score`. As
    long as the largest smoothing is the best, a larger smoothing is added.
    """
    scores = {s: _score(_kaiser_squires(s), observations) for s in smoothings}
    while True:
        largest = max(scores)
        larger = largest * _SMOOTHING_STEP
        if min(scores, key=scores.__getitem__) != largest or larger > _MAX_SMOOTHING:
            return scores
        scores[larger] = _score(_kaiser_squires(larger), observations)


def _kaiser_squires(smoothing):
    return KaiserSquires(smoothing=smoothing, dtype="float32")


def _score(estimator, observations):
    """Return the RMS error and the correlation with the truth of an estimator's maps.

    The RMS error is over the unmasked pixels of all fields; the correlation is the mean over
    fields. The RMS error comes first, so that comparing two results compares their RMS errors.
    """
    squares, correlations, n = 0.0, [], 0
    for truth, grid, _ in observations:
        kappa = estimator.reconstruct(grid)
        n_pixels = np.count_nonzero(~kappa.mask)
        squares += n_pixels * rmse(truth, kappa.data, kappa.mask) ** 2
        n += n_pixels
        correlations.append(pearson_r(truth, kappa.data, kappa.mask))
    return float(np.sqrt(squares / n)), float(np.mean(correlations))


def measured_power(
    observations: Iterable[Observation], setup: ValidationSetup
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean power spectrum of the true convergence of simulated fields.

    The spectrum is divided by the pixel window, since the Wiener filter applies the window itself.
    Power aliased from above the Nyquist frequency of the grid remains, about ten per cent near the
    highest multipoles.

    Parameters
    ----------
    observations : iterable of Observation
        The simulated fields.
    setup : ValidationSetup
        The set-up of the fields.

    Returns
    -------
    tuple of `numpy.ndarray`
        The multipoles and the power at these multipoles, ``(n,)`` each, for the parameter ``power``
        of `WienerFilter`.
    """
    pixel = setup.sky.pixel_scale.to_value(u.rad)
    return measure_power((truth for truth, *_ in observations), pixel)[:2]


def _theoretical(setup):
    sky = setup.sky
    code = getattr(sky, "power", "halofit")
    if sky.resolution is None:
        # Leave out a default cosmology, so that the repr in reports stays short.
        cosmology = None if sky.cosmology == get_cosmology(None) else sky.cosmology
        return WienerFilter(
            power=code, z_source=sky.z_source, cosmology=cosmology, dtype="float32"
        )
    ell = np.geomspace(1.0, 1e6, 400)
    power = convergence_power(ell, sky.z_source, sky.cosmology, power=code)
    power = power * resolution_transfer(ell, sky.resolution) ** 2
    # The filter needs positive power at all multipoles, also where the resolution removes it.
    return WienerFilter(power=(ell, np.maximum(power, 1e-20 * power.max())), dtype="float32")


class Tuner:
    """Callable that returns the tuned variant of an estimator, for `make_estimator`.

    All estimators are tuned on the same simulated fields, which are drawn at the first call.

    Parameters
    ----------
    setup : ValidationSetup
        The simulated fields and the survey.
    n_fields : int
        The number of fields used for tuning, at least 1.
    seed : int
        The seed of the series of fields used for tuning.
    workers : int or None
        The number of processes that draw fields. If None, one for each CPU that this process may
        use, but no more than fit into memory.
    executor : `concurrent.futures.Executor`, callable or None
        An executor with ``workers`` workers that draws the fields, or a callable that makes one. If
        None, new processes draw the fields.
    progress : None, bool or callable
        If True, a progress bar is shown. A callable is called as ``progress(done, total)`` after
        each field. If None or False, nothing is shown.
    """

    def __init__(
        self,
        setup: ValidationSetup,
        n_fields: int = 8,
        *,
        seed: int = 0,
        workers: int | None = None,
        executor: Executor | Callable[[], Executor] | None = None,
        progress: ProgressLike = None,
    ):
        self._arguments = (setup, n_fields)
        self._options = {
            "seed": seed, "workers": workers, "executor": executor, "progress": progress,
        }

    @cached_property
    def _tuned(self):
        tuned = tune_linear(*self._arguments, **self._options)
        # The priors of the other methods have the power spectrum of the Wiener filter.
        prior = {name: getattr(tuned.wiener, name) for name in _PRIOR}
        return {
            KaiserSquires: tuned.kaiser_squires,
            WienerFilter: tuned.wiener,
            MaximumEntropy: MaximumEntropy(**prior, dtype="float32"),
            MCALens: MCALens(**prior, dtype="float32"),
        }

    @staticmethod
    def check(estimator: Estimator) -> Estimator:
        """Check that an estimator can be tuned and leaves the parameters to be tuned unset.

        Parameters
        ----------
        estimator : Estimator
            The estimator.

        Returns
        -------
        Estimator
            The same estimator.

        Raises
        ------
        ValueError
            If the estimator cannot be tuned, or sets a parameter that tuning would set.
        """
        tuned = _TUNED_PARAMETERS.get(type(estimator))
        if tuned is None:
            names = " or ".join(cls.__name__ for cls in _TUNED_PARAMETERS)
            raise ParameterError(
                "estimator", names, type(estimator).__name__, "only these can be tuned"
            )
        given = [name for name in _given_parameters(estimator) if name in tuned]
        if given:
            raise ParameterError(
                given[0], f"left out of a {type(estimator).__name__} that is tuned",
                remedy="tuning finds its value; leave out ':tuned' to choose the value yourself",
            )
        return estimator

    def __call__(self, estimator: Estimator) -> Estimator:
        """Return the tuned variant of an estimator; all parameters but the tuned ones are kept.

        Parameters
        ----------
        estimator : KaiserSquires, WienerFilter, MaximumEntropy or MCALens
            The estimator.

        Returns
        -------
        Estimator
            The tuned estimator.

        Raises
        ------
        ValueError
            If the estimator cannot be tuned, or sets a parameter that tuning would set.
        """
        self.check(estimator)
        return self._tuned[type(estimator)].replace(**_given_parameters(estimator))


# The parameters that set the power spectrum of a prior.
_PRIOR = ("power", "z_source", "cosmology")

# The parameters that tuning sets.
_TUNED_PARAMETERS = {
    KaiserSquires: ("smoothing",),
    WienerFilter: _PRIOR,
    MaximumEntropy: _PRIOR,
    MCALens: _PRIOR,
}


def _given_parameters(estimator):
    """Return the parameters of an estimator that differ from the defaults."""
    defaults = type(estimator)().get_params()
    return {name: value for name, value in estimator.get_params().items()
            if repr(value) != repr(defaults[name])}
