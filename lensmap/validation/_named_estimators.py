# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Estimators by name for a validation, tuned where the name says so, and slow variants of them."""

from collections.abc import Mapping, Sequence

from lensmap.estimators import CNNReconstructor, Estimator, WienerFilter, make_estimator
from lensmap.typing import ProgressLike
from lensmap.utils import ParameterError
from lensmap.validation._setup import ValidationSetup
from lensmap.validation._tuning import Tuner

__all__ = ["long_estimators", "named_estimators"]

# Solutions for the error of the Wiener filter; each gives two samples of the posterior.
_N_SOLUTIONS = 15


def named_estimators(
    names: Sequence[str],
    setup: ValidationSetup,
    *,
    n_tuning: int = 8,
    seed: int = 0,
    workers: int | None = None,
    progress: ProgressLike = None,
) -> dict[str, Estimator]:
    """Make estimators by their names.

    Parameters
    ----------
    names : sequence of str
        Texts for `lensmap.estimators.make_estimator`, such as ``"ks150"``,
        ``"ks(smoothing=2arcmin)"``, ``"cnn:lensmap"`` and ``"mine.py:Mine"``. ``"ks:tuned"`` has
        the best smoothing and ``"wiener:tuned"`` the best prior, see `tune_linear`.
    setup : ValidationSetup
        The fields and the survey to tune for; tuning uses another series of fields.
    n_tuning : int
        The number of fields for tuning.
    seed, workers, progress : object
        As for `tune_linear`.

    Returns
    -------
    dict
        From names to estimators; a class in a file has the name after the colon. Networks that
        predict errors do so (``uncertainty="network"``), since that takes no time.

    Raises
    ------
    TypeError, ValueError
        If a name cannot be understood, or occurs twice.
    """
    estimators: dict[str, Estimator] = {}
    untuned = set()

    def wait(estimator):
        # Tuning takes a minute, so all names are checked before.
        untuned.add(label)
        return Tuner.check(estimator)

    for name in names:
        label = _label(name)
        if label in estimators:
            raise ParameterError("names", "different", f"twice {label!r}")
        estimators[label] = _with_errors(make_estimator(name, tune=wait))
    tuner = Tuner(setup, n_tuning, seed=seed, workers=workers, progress=progress)
    return {label: tuner(one) if label in untuned else one for label, one in estimators.items()}


def _label(name):
    """Return the text itself, or the name in a file without the path."""
    path, colon, rest = name.partition(".py:")
    return rest.strip() if colon else path.strip()


def _with_errors(estimator):
    if not isinstance(estimator, CNNReconstructor) or estimator.uncertainty is not None:
        return estimator
    from lensmap.networks import as_network

    predicts = as_network(estimator.network).predicts_errors
    return estimator.replace(uncertainty="network") if predicts else estimator


def long_estimators(estimators: Mapping[str, object]) -> dict[str, Estimator]:
    """Return slow variants of estimators: means over symmetries, and errors by sampling.

    Parameters
    ----------
    estimators : dict
        From names to estimators.

    Returns
    -------
    dict
        For each network the mean over the eight rotations and mirrors, ``"... x 8"``, and, for
        networks that predict errors, the 95 per cent interval, ``"... 95 %"``; for each Wiener
        filter the errors of its posterior, ``"... posterior"``.
    """
    variants: dict[str, Estimator] = {}
    for name, estimator in estimators.items():
        if isinstance(estimator, WienerFilter):
            variants[f"{name} posterior"] = estimator.replace(
                uncertainty="posterior", n_realizations=_N_SOLUTIONS
            )
        if isinstance(estimator, CNNReconstructor):
            variants[f"{name} x 8"] = estimator.replace(symmetrize=True)
            if estimator.uncertainty == "network":
                variants[f"{name} 95 %"] = estimator.replace(confidence=0.95)
    return variants
