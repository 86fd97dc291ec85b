# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Estimators by name, tuned where they have something to tune, and those of the user."""

import importlib
import inspect
import sys
from pathlib import Path

from astropy import units as u

from lensmap.estimators import CNNReconstructor, KaiserSquires, WienerFilter
from lensmap.validation._tuning import tune_linear

__all__ = ["LINEAR_NAMES", "NETWORK_NAMES", "long_estimators", "named_estimators"]

#: Kaiser-Squires as Cha et al. 2025 take it for comparison, and the best of the linear methods.
LINEAR_NAMES = ("ks150", "ks", "wiener")
NETWORK_NAMES = ("h21like", "cha2025", "lensmap")

# Solutions for the error of the Wiener filter; each gives two samples of the posterior.
_N_SOLUTIONS = 15


def named_estimators(names, setup, *, n_tuning=8, seed=0, workers=None, progress=None):
    """Make estimators by their names.

    Parameters
    ----------
    names : sequence of str
        Each one of

        - ``"ks150"``: Kaiser-Squires with a smoothing of 150 arcsec; ``"ks"``: with the best;
          ``"wiener"``: the Wiener filter with the best prior; see `tune_linear`;
        - ``"h21like"``, ``"cha2025"``, ``"lensmap"``: `lensmap.CNNReconstructor` with that network,
          and with its errors, if it says them;
        - a file of weights (``.h5``);
        - an estimator of your own: ``module:name`` or ``file.py:name``, a class that needs no
          arguments, a function that returns one, or one itself.
    setup : ValidationSetup
        What is to be mapped, on other fields of which the linear methods are tuned.
    n_tuning : int
        On how many.
    seed, workers, progress : object
        As for `tune_linear`.

    Returns
    -------
    dict
        From names to estimators; one of your own has the name after the colon.

    Raises
    ------
    ValueError
        If there is no such estimator, or a name is there twice.
    """
    estimators = {}
    rivals = None
    for name in names:
        # Tuning takes a minute: what is wrong with the others is told before.
        made = None if name in LINEAR_NAMES[1:] else _made(name)
        key = name.rpartition(":")[2]
        if key in estimators:
            raise ValueError(f"names must differ, but two estimators are called {key!r}")
        estimators[key] = made
    for name in estimators:
        if estimators[name] is None:
            if rivals is None:
                rivals = tune_linear(setup, n_tuning, seed=seed, workers=workers,
                                     progress=progress)
            estimators[name] = rivals.kaiser_squires if name == "ks" else rivals.wiener
    return estimators


def _made(name):
    if name == LINEAR_NAMES[0]:
        return KaiserSquires(smoothing=150 * u.arcsec, dtype="float32")
    if name in NETWORK_NAMES or name.endswith(".h5"):
        return _with_errors(CNNReconstructor(network=name))
    if ":" in name:
        return _own(name)
    raise ValueError(
        f"there is no estimator {name!r}: there are "
        f"{', '.join((*LINEAR_NAMES, *NETWORK_NAMES))}; a file of weights (.h5); and your own, "
        "module:Name or file.py:Name"
    )


def _with_errors(estimator):
    from lensmap.networks import as_network

    predicts = as_network(estimator.network).predicts_errors
    return estimator.replace(uncertainty="network") if predicts else estimator


def _own(name):
    where, _, what = name.rpartition(":")
    module = _from_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
    try:
        found = getattr(module, what)
    except AttributeError:
        raise ValueError(f"{where!r} has no {what!r}") from None
    if inspect.isclass(found) or not hasattr(found, "reconstruct"):
        if not callable(found):
            raise ValueError(f"{name!r} must be an estimator, or make one, not {found!r}")
        found = found()
    if not callable(getattr(found, "reconstruct", None)):
        raise ValueError(f"{name!r} must have reconstruct(grid), as lensmap.Estimator has it")
    return found


def _from_file(path):
    if not path.is_file():
        raise ValueError(f"there is no file {str(path)!r}")
    if path.stem in sys.modules:
        return sys.modules[path.stem]
    # Found by its name by other processes, too, which measure time and memory.
    sys.path.insert(0, str(path.resolve().parent))
    return importlib.import_module(path.stem)


def long_estimators(estimators):
    """Return the variants of estimators that take long: averages, and errors by sampling.

    Parameters
    ----------
    estimators : dict
        From names to estimators.

    Returns
    -------
    dict
        Of networks the mean over the eight rotations and mirrors, ``"... x 8"``, and, of those that
        say their errors, the 95 per cent interval, ``"... 95 %"``; of Wiener filters that with the
        errors of the posterior, ``"... posterior"``.
    """
    found = {}
    for name, estimator in estimators.items():
        if isinstance(estimator, WienerFilter):
            found[f"{name} posterior"] = estimator.replace(
                uncertainty="posterior", n_realizations=_N_SOLUTIONS
            )
        if isinstance(estimator, CNNReconstructor):
            found[f"{name} x 8"] = estimator.replace(symmetrize=True)
            if estimator.uncertainty == "network":
                found[f"{name} 95 %"] = estimator.replace(confidence=0.95)
    return found
