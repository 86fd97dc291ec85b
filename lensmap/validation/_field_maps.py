# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Maps of the same simulated fields by several estimators."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
from astropy import units as u

from lensmap.grid import ShearGrid
from lensmap.maps import ConvergenceMap
from lensmap.scores import null_scores, score_map
from lensmap.simulate import draw_fields
from lensmap.typing import ProgressLike
from lensmap.utils import ParameterError, ParameterTypeError, check_count
from lensmap.validation._facts import quantity_of
from lensmap.validation._parts import TRUTH
from lensmap.validation._setup import Observation, ValidationSetup, series_seed

__all__ = ["FieldMaps", "MapMaker", "check_estimators", "error_about_truth", "map_fields",
           "purpose_of", "timed_map"]


class MapMaker(Protocol):
    """Any object with a method ``reconstruct(grid)`` like that of `lensmap.Estimator`."""

    def reconstruct(self, grid: ShearGrid) -> ConvergenceMap:
        """Make a convergence map from a shear grid (binned shear data)."""


@dataclass(frozen=True, eq=False)
class FieldMaps:
    """A simulated field and the maps that several estimators made of it.

    Attributes
    ----------
    number : int
        The number of the field in the series of fields, from 0.
    setup : ValidationSetup
        The model of the simulated fields and of the survey.
    observation : Observation
        The true convergence and the data.
    maps : dict
        The `~lensmap.ConvergenceMap` of each estimator, keyed by the name of the estimator.
    seconds : dict
        The time taken to make each map, seconds, keyed by the name of the estimator; NaN for maps
        that another program made.
    others : dict
        Maps of other quantities than the convergence, such as aperture masses, keyed by the name of
        the estimator.
    """

    number: int
    setup: ValidationSetup
    observation: Observation
    maps: Mapping[str, ConvergenceMap]
    seconds: Mapping[str, float]
    others: Mapping[str, ConvergenceMap] = field(default_factory=dict)

    @property
    def grid(self) -> ShearGrid:
        """The binned shear data."""
        return self.observation.grid

    @property
    def pixel_scale(self) -> u.Quantity:
        """The angular side length of a pixel."""
        return self.setup.sky.pixel_scale

    @cached_property
    def mask(self) -> np.ndarray:
        """Bool, ``(ny, nx)``: True where the data or at least one of the maps is masked."""
        return np.logical_or.reduce(
            [self.grid.mask, *(kappa.mask for kappa in self.maps.values())]
        )

    @property
    def truth(self) -> np.ndarray:
        """The true convergence, ``(ny, nx)``."""
        return self.observation.truth

    @cached_property
    def estimates(self) -> dict[str, np.ndarray]:
        """The estimated convergence, float64, ``(ny, nx)``, keyed by the name of the estimator."""
        return {name: np.asarray(kappa.data, dtype=float) for name, kappa in self.maps.items()}

    def scores(self, above: float = 0.1) -> dict[str, dict[str, float | u.Quantity]]:
        """Score all maps against the true convergence, on the same pixels.

        Parameters
        ----------
        above : float
            The convergence of the estimated map above which pixels count as high. Some scores are
            for high pixels only, see `score_map`.

        Returns
        -------
        dict
            A dict for each estimator, keyed by its name. It has ``n_masked``, the number of pixels
            that the estimator masks in addition to the mask of the data; the scores of `score_map`
            (or of `null_scores` for null fields); and ``seconds``, the time taken to make the map.
        """
        scores = {}
        for name, kappa in self.maps.items():
            if self.setup.null:
                numbers = null_scores(kappa.data, self.mask, pixel_scale=self.pixel_scale)
            else:
                error = error_about_truth(kappa)
                numbers = score_map(self.truth, kappa.data, self.mask, error, above=above)
            n_masked = int(np.count_nonzero(kappa.mask & ~self.grid.mask))
            scores[name] = {"n_masked": n_masked, **numbers, "seconds": self.seconds[name]}
        return scores


def error_about_truth(kappa: ConvergenceMap) -> np.ndarray | dict[int, np.ndarray] | None:
    """Return the uncertainty of a map with respect to the true convergence.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map, with or without an uncertainty.

    Returns
    -------
    `numpy.ndarray`, dict or None
        The standard deviation, ``(ny, nx)``, in a form that `score_map` accepts. If the uncertainty
        is the half-width of an interval instead, a dict from its confidence in per cent to the
        half-width. None if the map has no uncertainty, or one that includes only the noise.
    """
    if kappa.uncertainty is None or kappa.meta.get("uncertainty") == "noise":
        return None
    error = kappa.uncertainty.array
    if "confidence" in kappa.meta:  # half-width of an interval, not a standard deviation
        return {round(100 * kappa.meta["confidence"]): error}
    return error


def purpose_of(setup: ValidationSetup) -> Literal["validation", "null"]:
    """Return the purpose of the fields of a set-up, for the parameter ``purpose`` of `series_seed`.

    The purpose is ``"null"`` for null fields (without lensing), and otherwise ``"validation"``.
    """
    return "null" if setup.null else "validation"


def map_fields(
    estimators: Mapping[str, MapMaker],
    setup: ValidationSetup,
    n_fields: int,
    *,
    seed: int = 0,
    first: int = 0,
    skip: Collection[int] = (),
    workers: int | None = None,
    executor: Executor | Callable[[], Executor] | None = None,
    progress: ProgressLike = None,
) -> Iterator[FieldMaps]:
    """Draw simulated fields and map each of them with several estimators.

    Parameters
    ----------
    estimators : dict
        The estimators, keyed by name. An estimator is any object with a method
        ``reconstruct(grid)`` like that of `lensmap.Estimator`.
    setup : ValidationSetup
        The simulated fields and the survey.
    n_fields : int
        The number of fields, at least 1.
    seed : int
        The seed of the series of simulated fields.
    first : int
        The number of the first field.
    skip : collection of int
        The numbers of the fields to leave out.
    workers : int or None
        The number of processes that draw fields. If None, one for each CPU that this process may
        use, but no more than fit into memory.
    executor : `concurrent.futures.Executor`, callable or None
        An executor with ``workers`` workers that draws the fields, or a callable that makes one. If
        None, new processes draw the fields.
    progress : None, bool or callable
        If True, a progress bar is shown. A callable is called as ``progress(done, total)`` after
        each field. If None or False, nothing is shown.

    Yields
    ------
    FieldMaps
        A field and the maps that the estimators made of it.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range, or an estimator does not return a map
        with the shape of the grid.
    """
    check_estimators(estimators)
    if not isinstance(setup, ValidationSetup):
        raise ParameterTypeError("setup", "a ValidationSetup", type(setup).__name__)
    fields = draw_fields(
        setup,
        check_count(n_fields, "n_fields", minimum=1),
        seed=series_seed(purpose_of(setup), seed),
        first=first,
        skip=skip,
        workers=workers,
        executor=executor,
        progress=progress,
    )
    skip = set(skip)
    numbers = (i for i in range(first, first + n_fields) if i not in skip)
    return _map_each(estimators, setup, zip(numbers, fields, strict=True))


def _map_each(estimators, setup, fields):
    for number, observation in fields:
        maps, others, seconds = {}, {}, {}
        for name, estimator in estimators.items():
            made, seconds[name] = timed_map(name, estimator, observation.grid)
            if not getattr(estimator, "is_timed", True):
                seconds[name] = np.nan
            (maps if quantity_of(estimator) == "kappa" else others)[name] = made
        yield FieldMaps(number, setup, observation, maps, seconds, others)


def check_estimators(estimators: Mapping[str, MapMaker]) -> None:
    """Raise an error unless a parameter is a dict of at least one estimator, keyed by its name.

    Parameters
    ----------
    estimators : dict
        The value of the parameter ``estimators``.

    Raises
    ------
    TypeError, ValueError
        If it is no such dict, or has the name of the true map as a key.
    """
    if not isinstance(estimators, Mapping):
        raise ParameterTypeError(
            "estimators", "a dict of estimators with their names as keys",
            type(estimators).__name__,
        )
    if not estimators:
        raise ParameterError("estimators", "at least one estimator", "an empty dict", verb="hold")
    for name, estimator in estimators.items():
        if not isinstance(name, str):
            raise ParameterTypeError("estimators", "strings as keys", repr(name), verb="have")
        if name == TRUTH:
            raise ParameterError(
                "estimators", f"no key {TRUTH!r}", remedy="this is the name of the true map",
                verb="have",
            )
        if not callable(getattr(estimator, "reconstruct", None)):
            raise ParameterTypeError(
                "estimators", "objects with a method reconstruct(grid)",
                f"{estimator!r} as {name!r}", verb="hold",
            )


def timed_map(
    name: str, estimator: MapMaker, grid: ShearGrid
) -> tuple[ConvergenceMap, float]:
    """Make a map from a shear grid and measure the time this takes.

    Parameters
    ----------
    name : str
        The name of the estimator, for the error message.
    estimator : object
        The estimator, with a method ``reconstruct(grid)``.
    grid : ShearGrid
        The binned shear data.

    Returns
    -------
    kappa : `~lensmap.ConvergenceMap`
        The map made by the estimator.
    seconds : float
        The time taken to make the map, in seconds.

    Raises
    ------
    ValueError
        If the estimator does not return a map with the shape of the grid.
    """
    start = time.perf_counter()
    kappa = estimator.reconstruct(grid)
    seconds = time.perf_counter() - start
    if getattr(kappa, "shape", None) != grid.shape:
        raise ValueError(
            f"reconstruct of the estimator {name!r} must return a map of the shape of the grid, "
            f"{grid.shape} (ny, nx), not a {type(kappa).__name__} of the shape "
            f"{getattr(kappa, 'shape', None)}"
        )
    return kappa, seconds
