# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Scores of several estimators on the same simulated data, and their differences."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from astropy import units as u
from astropy.table import QTable, Table

from lensmap import __version__
from lensmap.scores import paired_difference
from lensmap.typing import ProgressLike
from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    check_number,
    set_formats,
)
from lensmap.validation._facts import estimator_facts
from lensmap.validation._field_maps import MapMaker, map_fields, series_name
from lensmap.validation._setup import ValidationSetup

__all__ = ["compare", "contrast"]


def compare(
    estimators: Mapping[str, MapMaker],
    setup: ValidationSetup,
    n_fields: int = 50,
    *,
    seed: int = 0,
    first: int = 0,
    above: float = 0.1,
    workers: int | None = None,
    progress: ProgressLike = None,
    visit: Callable | None = None,
) -> QTable:
    """Score the maps of several estimators on the same simulated data.

    Parameters
    ----------
    estimators : dict
        From names to estimators, with ``reconstruct(grid)`` as `lensmap.Estimator` has it. They
        run in this process, while other processes draw the next fields.
    setup : ValidationSetup
        The simulated fields and the survey. Maps of null fields have the scores of `null_scores`.
    n_fields : int
        The number of fields, at least 1.
    seed : int
        The number of the series of fields, see ``series_seed``: no training or tuning uses its
        fields. The fields do not depend on the estimators or the number of workers.
    first : int
        The number of the first field, to continue or to share a series.
    above : float
        The convergence of a map above which pixels count as high, see `score_map`.
    workers : int or None
        The number of processes that draw fields, as for `lensmap.simulate.draw_fields`. Memory
        does not grow with the number of fields.
    progress : None, bool or callable
        As for ``lensmap.utils.track``.
    visit : callable or None
        Called for each field with its number, the ``Observation`` and a dict of the maps by name,
        to measure other quantities. Maps are not kept.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each field and estimator: ``field``, ``estimator``, ``n_masked`` (the pixels
        that the estimator masks beyond the mask of the data), the numbers of `score_map` (or
        `null_scores`), and ``seconds``, the time of the map. ``meta`` holds the set-up, the seed
        and the estimators.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range, or an estimator returns no map of the
        grid's shape.

    Notes
    -----
    A pixel that one map masks is left out of the scores of all maps, so that all scores are of the
    same pixels. The coverage is that of the maps' uncertainty as a 68 per cent error and, times
    1.96, a 95 per cent error. An uncertainty that covers the ``"noise"`` only is no error about the
    truth and has no coverage. Other processes draw fields while times are measured;
    ``workers=1`` leaves the machine to the estimator. The first map of an estimator may take
    longer than the others.
    """
    if visit is not None and not callable(visit):
        raise ParameterTypeError("visit", "None or a callable", repr(visit))
    check_number(above, "above", "finite")
    fields = map_fields(
        estimators, setup, n_fields, seed=seed, first=first, workers=workers, progress=progress
    )
    rows = []
    for field in fields:
        for name, scores in field.scores(above).items():
            rows.append({"field": field.number, "estimator": name, **scores})
        if visit is not None:
            visit(field.number, field.observation, field.maps)
    table = QTable(rows)
    table["seconds"].unit = u.s
    set_formats(table, {"seconds": ".3g"}, others=".4g")
    table.meta.update(
        setup=setup.describe(),
        series=series_name(setup),
        seed=int(seed),
        above=float(above),
        estimators={name: estimator_facts(estimator) for name, estimator in estimators.items()},
        lensmap=__version__,
    )
    return table


def contrast(
    scores: Table,
    estimator: str,
    reference: str,
    metrics: Sequence[str] = ("pearson_r", "rmse", "loss", "loss_h21"),
) -> QTable:
    """Compare two estimators field by field.

    Parameters
    ----------
    scores : `~astropy.table.Table`
        A table of `compare`.
    estimator, reference : str
        The names of the two estimators.
    metrics : sequence of str
        The columns to compare.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each metric: ``metric``, ``estimator``, ``reference``, and the numbers of
        `~lensmap.scores.PairedDifference`, of the estimator minus or over the reference.

    Raises
    ------
    TypeError, ValueError
        If ``scores`` is no table of `compare`, or lacks an estimator, a metric, or a field of one
        of the two.
    """
    if not isinstance(scores, Table):
        raise ParameterTypeError("scores", "a table of compare", type(scores).__name__)
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
        names = ", ".join(repr(str(other)) for other in dict.fromkeys(scores["estimator"]))
        raise ParameterError("scores", f"rows of {name!r}", f"only of {names}", verb="have")
    rows.sort("field")
    return rows
