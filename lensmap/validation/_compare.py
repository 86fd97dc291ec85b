# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Estimators at work on the same data, and the scores of their maps."""

import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from astropy import units as u
from astropy.table import QTable, Table

from lensmap import __version__
from lensmap.scores import null_scores, paired_difference, score_map
from lensmap.simulate import draw_fields
from lensmap.utils import check_count, check_number, set_formats
from lensmap.validation._facts import estimator_facts
from lensmap.validation._setup import Observation, ValidationSetup, series_seed

__all__ = ["FieldMaps", "compare", "contrast", "error_about_truth", "field_scores", "map_fields"]


def compare(
    estimators,
    setup,
    n_fields=50,
    *,
    seed=0,
    first=0,
    above=0.1,
    workers=None,
    progress=None,
    visit=None,
):
    """Let estimators make maps of the same simulated data, and score each map.

    Parameters
    ----------
    estimators : dict
        From names to estimators, with ``reconstruct(grid)`` as `lensmap.Estimator` has it. They
        work in this process, while others draw the next fields.
    setup : ValidationSetup
        What is simulated. Without lensing (``null``), maps have the scores of `null_scores`.
    n_fields : int
        How many fields, at least 1.
    seed : int
        Which series of fields, see `series_seed`: none of them is one of training or tuning. The
        same for a seed, whatever the estimators and the number of workers.
    first : int
        The number of the first field: a series can go on where another call ended, or be shared.
    above : float
        The prediction above which pixels count as high, see `score_map`.
    workers : int or None
        How many processes draw fields, as for `lensmap.simulate.draw_fields`. Memory does not
        grow with the number of fields.
    progress : None, bool or callable
        As for `lensmap.utils.track`.
    visit : callable or None
        Called for each field with its number, the `Observation` and a dict of the maps by name,
        for whatever else is to be measured on them. Maps are not kept.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each field and estimator: ``field``, ``estimator``, ``n_masked`` (the pixels
        that the estimator leaves out of its map, beyond those of the mask), what `score_map` (or
        `null_scores`) gives, and ``seconds``, the time of the map. In ``meta`` the set-up, the
        seed and the estimators.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range, or an estimator returns something
        else than a map of the grid's shape.

    Notes
    -----
    Pixels that one of the maps leaves out are left out of the scores of all: they are of the same
    pixels. The coverage is that of the maps' uncertainty, as 68 per cent and, times 1.96, as
    95 per cent, unless a map says that it is ``"noise"`` only: that is no error about the truth.
    Times are taken while other processes draw fields; ``workers=1`` leaves the machine to the
    estimator. The first map of an estimator may take longer than all others.
    """
    if visit is not None and not callable(visit):
        raise TypeError(f"visit must be None or a callable, not {visit!r}")
    check_number(above, "above", "finite")
    fields = map_fields(
        estimators, setup, n_fields, seed=seed, first=first, workers=workers, progress=progress
    )
    rows = []
    for field in fields:
        rows += field_scores(field, setup, above)
        if visit is not None:
            visit(field.number, field.observation, field.maps)
    table = QTable(rows)
    table["seconds"].unit = u.s
    set_formats(table, {"seconds": ".3g"}, others=".4g")
    table.meta.update(
        setup=setup.describe(),
        series=_series(setup),
        seed=int(seed),
        above=float(above),
        estimators={name: estimator_facts(estimator) for name, estimator in estimators.items()},
        lensmap=__version__,
    )
    return table


class FieldMaps(NamedTuple):
    """A field, and what estimators made of it.

    Attributes
    ----------
    number : int
        Of the field in its series.
    observation : Observation
        The truth and the data.
    maps : dict
        From the names of estimators to their `~lensmap.ConvergenceMap`.
    seconds : dict
        How long each took.
    """

    number: int
    observation: Observation
    maps: dict
    seconds: dict

    @property
    def mask(self):
        """The pixels that the mask or one of the maps leaves out, ``(ny, nx)``."""
        return np.logical_or.reduce(
            [self.observation.grid.mask, *(kappa.mask for kappa in self.maps.values())]
        )


def map_fields(
    estimators, setup, n_fields, *, seed=0, first=0, skip=(), workers=None, progress=None
):
    """Let estimators make maps of the same simulated data.

    Parameters
    ----------
    estimators, setup, n_fields, seed, first : object
        As for `compare`.
    skip : collection of int
        The numbers of fields that are left out.
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
        raise TypeError(f"setup must be a ValidationSetup, not {type(setup).__name__}")
    fields = draw_fields(
        setup,
        check_count(n_fields, "n_fields", minimum=1),
        seed=series_seed(_series(setup), seed),
        first=first,
        skip=skip,
        workers=workers,
        progress=progress,
    )
    skip = set(skip)
    numbers = (i for i in range(first, first + n_fields) if i not in skip)
    return _map_each(estimators, zip(numbers, fields, strict=True))


def _map_each(estimators, fields):
    for number, observation in fields:
        maps, seconds = {}, {}
        for name, estimator in estimators.items():
            maps[name], seconds[name] = _timed(name, estimator, observation.grid)
        yield FieldMaps(number, observation, maps, seconds)


def _series(setup):
    return "null" if setup.null else "validation"


def _check_estimators(estimators):
    if not isinstance(estimators, Mapping):
        raise TypeError(
            "estimators must be a dict from names to estimators, not "
            f"{type(estimators).__name__}"
        )
    if not estimators:
        raise ValueError("estimators must hold at least one estimator, but is empty")
    for name, estimator in estimators.items():
        if not isinstance(name, str):
            raise TypeError(f"the names of estimators must be words, not {name!r}")
        if not callable(getattr(estimator, "reconstruct", None)):
            raise TypeError(f"the estimator {name!r} has no reconstruct(grid): {estimator!r}")


def _timed(name, estimator, grid):
    start = time.perf_counter()
    kappa = estimator.reconstruct(grid)
    seconds = time.perf_counter() - start
    if getattr(kappa, "shape", None) != grid.shape:
        raise ValueError(
            f"the estimator {name!r} must return a map of the grid's shape {grid.shape} (ny, nx), "
            f"not {kappa!r}"
        )
    return kappa, seconds


def field_scores(field, setup, above=0.1):
    """Return the rows of `compare` for a field: all scores are of the same pixels.

    Parameters
    ----------
    field : FieldMaps
        The field.
    setup : ValidationSetup
        What it is of.
    above : float
        As for `compare`.

    Returns
    -------
    list of dict
        One for each estimator.
    """
    truth, grid, mask = field.observation.truth, field.observation.grid, field.mask
    rows = []
    for name, kappa in field.maps.items():
        if setup.null:
            scores = null_scores(kappa.data, mask, pixel_scale=setup.sky.pixel_scale)
        else:
            scores = score_map(truth, kappa.data, mask, error_about_truth(kappa), above=above)
        rows.append({
            "field": field.number,
            "estimator": name,
            "n_masked": int(np.count_nonzero(kappa.mask & ~grid.mask)),
            **scores,
            "seconds": field.seconds[name],
        })
    return rows


def error_about_truth(kappa):
    """Return the error about the truth as `score_map` takes it, None if the map has none."""
    if kappa.uncertainty is None or kappa.meta.get("uncertainty") == "noise":
        return None
    error = kappa.uncertainty.array
    if "confidence" in kappa.meta:  # half an interval, and not a standard deviation
        return {round(100 * kappa.meta["confidence"]): error}
    return error


def contrast(scores, estimator, reference, metrics=("pearson_r", "rmse", "loss", "loss_h21")):
    """Compare two estimators field by field.

    Parameters
    ----------
    scores : `~astropy.table.Table`
        What `compare` returned.
    estimator, reference : str
        The names of the two.
    metrics : sequence of str
        Which columns.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each metric: ``metric``, ``estimator``, ``reference``, and what
        `PairedDifference` holds, of the estimator less or over the reference.

    Raises
    ------
    TypeError, ValueError
        If ``scores`` is no table of `compare`, or an estimator, a metric or a field of one of the
        two is missing in it.
    """
    if not isinstance(scores, Table):
        raise TypeError(f"scores must be a table of compare, not {type(scores).__name__}")
    missing = [name for name in ("field", "estimator", *metrics) if name not in scores.colnames]
    if missing:
        raise ValueError(f"scores has no column {', '.join(map(repr, missing))}")
    both = [_rows_of(scores, name) for name in (estimator, reference)]
    if not np.array_equal(*(rows["field"] for rows in both)):
        raise ValueError(f"{estimator!r} and {reference!r} were not scored on the same fields")
    rows = []
    for metric in metrics:
        difference = paired_difference(*(np.array(part[metric], dtype=float) for part in both))
        rows.append({
            "metric": metric,
            "estimator": estimator,
            "reference": reference,
            **difference._asdict(),
        })
    return set_formats(QTable(rows), {}, others=".4g")


def _rows_of(scores, name):
    rows = scores[scores["estimator"] == name]
    if len(rows) == 0:
        known = ", ".join(repr(str(other)) for other in dict.fromkeys(scores["estimator"]))
        raise ValueError(f"there are no scores of {name!r}; there are those of {known}")
    rows.sort("field")
    return rows
