# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The maps that several estimators make of the same simulated fields."""

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
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
from lensmap.validation._parts import TRUTH
from lensmap.validation._setup import Observation, ValidationSetup, series_seed

__all__ = ["FieldMaps", "MapMaker", "error_about_truth", "map_fields", "series_name", "timed_map"]


class MapMaker(Protocol):
    """Any estimator: an object with ``reconstruct(grid)``, as `lensmap.Estimator` has it."""

    def reconstruct(self, grid: ShearGrid) -> ConvergenceMap:
        """Make a map of a grid."""


@dataclass(frozen=True, eq=False)
class FieldMaps:
    """A field, and the maps that estimators made of it.

    Attributes
    ----------
    number : int
        The number of the field in its series.
    setup : ValidationSetup
        The set-up of the field.
    observation : Observation
        The truth and the data.
    maps : dict
        From the names of estimators to their `~lensmap.ConvergenceMap`.
    seconds : dict
        From the names of estimators to the time of the map.
    """

    number: int
    setup: ValidationSetup
    observation: Observation
    maps: Mapping[str, ConvergenceMap]
    seconds: Mapping[str, float]

    @property
    def grid(self) -> ShearGrid:
        """The binned data."""
        return self.observation.grid

    @property
    def pixel_scale(self) -> u.Quantity:
        """The side of a pixel, an angle."""
        return self.setup.sky.pixel_scale

    @cached_property
    def mask(self) -> np.ndarray:
        """The pixels that the data or one of the maps mask, bool, ``(ny, nx)``."""
        return np.logical_or.reduce(
            [self.grid.mask, *(kappa.mask for kappa in self.maps.values())]
        )

    @property
    def truth(self) -> np.ndarray:
        """The true convergence, ``(ny, nx)``."""
        return self.observation.truth

    @cached_property
    def estimates(self) -> dict[str, np.ndarray]:
        """From the names of estimators to the convergence, float64, ``(ny, nx)``."""
        return {name: np.asarray(kappa.data, dtype=float) for name, kappa in self.maps.items()}

    def scores(self, above: float = 0.1) -> dict[str, dict[str, float | u.Quantity]]:
        """Score all maps on the same pixels.

        Parameters
        ----------
        above : float
            The convergence of a map above which pixels count as high, see `score_map`.

        Returns
        -------
        dict
            From the names of estimators to ``n_masked``, the numbers of `score_map` (or
            `null_scores`), and ``seconds``.
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
    """Return the error of a map about the truth in the form of `score_map`.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.

    Returns
    -------
    `numpy.ndarray`, dict or None
        ``(ny, nx)``; a dict from the percentage where the error is half an interval; None where
        the map has no error, or an error of the noise only.
    """
    if kappa.uncertainty is None or kappa.meta.get("uncertainty") == "noise":
        return None
    error = kappa.uncertainty.array
    if "confidence" in kappa.meta:  # half an interval, not a standard deviation
        return {round(100 * kappa.meta["confidence"]): error}
    return error


def series_name(setup: ValidationSetup) -> Literal["validation", "null"]:
    """Return the purpose of the series of fields that a set-up is measured on."""
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
    progress: ProgressLike = None,
) -> Iterator[FieldMaps]:
    """Make maps of the same simulated data with several estimators.

    Parameters
    ----------
    estimators, setup, n_fields, seed, first : object
        As for `compare`.
    skip : collection of int
        The numbers of fields to leave out.
    workers, progress : object
        As for `compare`.

    Yields
    ------
    FieldMaps
        One for each field.

    Raises
    ------
    TypeError, ValueError
        As for `compare`.
    """
    _check_estimators(estimators)
    if not isinstance(setup, ValidationSetup):
        raise ParameterTypeError("setup", "a ValidationSetup", type(setup).__name__)
    fields = draw_fields(
        setup,
        check_count(n_fields, "n_fields", minimum=1),
        seed=series_seed(series_name(setup), seed),
        first=first,
        skip=skip,
        workers=workers,
        progress=progress,
    )
    skip = set(skip)
    numbers = (i for i in range(first, first + n_fields) if i not in skip)
    return _map_each(estimators, setup, zip(numbers, fields, strict=True))


def _map_each(estimators, setup, fields):
    for number, observation in fields:
        maps, seconds = {}, {}
        for name, estimator in estimators.items():
            maps[name], seconds[name] = timed_map(name, estimator, observation.grid)
        yield FieldMaps(number, setup, observation, maps, seconds)


def _check_estimators(estimators):
    if not isinstance(estimators, Mapping):
        raise ParameterTypeError(
            "estimators", "a dict from names to estimators", type(estimators).__name__
        )
    if not estimators:
        raise ParameterError("estimators", "at least one estimator", "an empty dict", verb="hold")
    for name, estimator in estimators.items():
        if not isinstance(name, str):
            raise ParameterTypeError("estimators", "strings as names", repr(name), verb="have")
        if name == TRUTH:
            raise ParameterError(
                "estimators", f"names other than {TRUTH!r}", remedy="the true map has this name",
                verb="have",
            )
        if not callable(getattr(estimator, "reconstruct", None)):
            raise ParameterTypeError(
                "estimators", "objects with reconstruct(grid)", f"{name!r}: {estimator!r}",
                verb="have",
            )


def timed_map(
    name: str, estimator: MapMaker, grid: ShearGrid
) -> tuple[ConvergenceMap, float]:
    """Make a map of a grid and measure the time.

    Parameters
    ----------
    name : str
        The name of the estimator, for the error message.
    estimator : object
        With ``reconstruct(grid)``.
    grid : ShearGrid
        The binned data.

    Returns
    -------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    seconds : float
        The time that it took.

    Raises
    ------
    ValueError
        If the estimator returns no map of the grid's shape.
    """
    start = time.perf_counter()
    kappa = estimator.reconstruct(grid)
    seconds = time.perf_counter() - start
    if getattr(kappa, "shape", None) != grid.shape:
        raise ValueError(
            f"the estimator {name!r} must return a map of the grid's shape {grid.shape} (ny, nx), "
            f"not {kappa!r}"
        )
    return kappa, seconds
