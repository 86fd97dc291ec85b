# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Estimators made from their names for a validation, and slow variants with averages or samples."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor

from lensmap.estimators import CNNReconstructor, Estimator, WienerFilter, make_estimator
from lensmap.typing import ProgressLike
from lensmap.utils import ParameterError
from lensmap.validation._setup import ValidationSetup
from lensmap.validation._tuning import Tuner

__all__ = ["estimator_label", "long_estimators", "named_estimators"]

# Linear solves for the uncertainty of the Wiener filter; each solve gives two posterior samples.
_N_SOLUTIONS = 15


def named_estimators(
    names: Sequence[str],
    setup: ValidationSetup,
    *,
    n_tuning: int = 8,
    seed: int = 0,
    workers: int | None = None,
    executor: Executor | Callable[[], Executor] | None = None,
    progress: ProgressLike = None,
) -> dict[str, Estimator]:
    """Make estimators from their names, and tune those whose name ends in ``:tuned``.

    Parameters
    ----------
    names : sequence of str
        Strings that `lensmap.estimators.make_estimator` accepts, such as ``"ks150"``,
        ``"ks(smoothing=2arcmin)"``, ``"cnn:lensmap"`` and ``"mine.py:Mine"``. ``"ks:tuned"`` is
        Kaiser-Squires with the best smoothing, ``"wiener:tuned"`` the Wiener filter with the best
        prior, and ``"me:tuned"`` and ``"mcalens:tuned"`` the maximum-entropy method and MCALens
        with this prior; see `tune_linear`.
    setup : ValidationSetup
        The simulated fields and the survey for which estimators are tuned. Tuning draws fields that
        no validation uses.
    n_tuning : int
        The number of fields used for tuning.
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

    Returns
    -------
    dict
        The estimators, keyed by name. A class from a file is listed under its name without the
        path. Networks that can predict the errors of their maps do so (``uncertainty="network"``),
        which takes no extra time.

    Raises
    ------
    TypeError, ValueError
        If a name is not recognized, or occurs twice.
    """
    estimators: dict[str, Estimator] = {}
    untuned = set()

    def wait(estimator):
        # Tuning takes a minute, so check all names before it starts.
        untuned.add(label)
        return Tuner.check(estimator)

    for name in names:
        label = estimator_label(name)
        if label in estimators:
            raise ParameterError(
                "names", "different from each other", f"{label!r} twice",
                "a class in a Python file is named without the path" if ".py:" in name else None,
            )
        estimator = make_estimator(name, tune=wait)
        if getattr(estimator, "geometry", "plane") != "plane":
            raise ParameterError(
                "names", "only methods that make maps on a plane", repr(label),
                "the simulated fields are planes; leave out this method", verb="contain",
            )
        estimators[label] = _with_errors(estimator)
    tuner = Tuner(
        setup, n_tuning, seed=seed, workers=workers, executor=executor, progress=progress
    )
    return {label: tuner(one) if label in untuned else one for label, one in estimators.items()}


def estimator_label(name: str) -> str:
    """Return the name of an estimator for tables: the text without the path of a Python file.

    Parameters
    ----------
    name : str
        The text that names the estimator, as for `named_estimators`.

    Returns
    -------
    str
        The name.
    """
    path, colon, rest = name.partition(".py:")
    return rest.strip() if colon else path.strip()


def _with_errors(estimator):
    if not isinstance(estimator, CNNReconstructor) or estimator.uncertainty is not None:
        return estimator
    from lensmap.networks import as_network

    predicts = as_network(estimator.network).predicts_errors
    return estimator.replace(uncertainty="network") if predicts else estimator


def long_estimators(estimators: Mapping[str, object]) -> dict[str, Estimator]:
    """Return slow variants of estimators: symmetrized maps, and errors from posterior samples.

    Parameters
    ----------
    estimators : dict
        The estimators, keyed by name.

    Returns
    -------
    dict
        The variants, keyed by name. Each network has a variant ``"NAME x 8"``, which averages over
        the eight rotations and reflections of the field. Each network that predicts errors also
        has ``"NAME 95 %"``, with 95 per cent intervals. Each Wiener filter has ``"NAME
        posterior"``, with errors from posterior samples.
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
