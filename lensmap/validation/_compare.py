# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Scores of the maps of several estimators from the same simulated data, and their differences."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor

import numpy as np
from astropy import units as u
from astropy.table import QTable, Table

from lensmap import __version__
from lensmap.scores import paired_difference
from lensmap.typing import ProgressLike
from lensmap.utils import ParameterError, ParameterTypeError, check_number, set_formats
from lensmap.validation._facts import estimator_facts, require_convergence
from lensmap.validation._field_maps import MapMaker, map_fields, purpose_of
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
    executor: Executor | Callable[[], Executor] | None = None,
    progress: ProgressLike = None,
    visit: Callable | None = None,
) -> QTable:
    """Score the maps of several estimators on the same simulated data.

    Parameters
    ----------
    estimators : dict
        The estimators, keyed by name. An estimator is any object with a method
        ``reconstruct(grid)`` like that of `lensmap.Estimator`. Estimators run in this process,
        while other processes draw the next fields.
    setup : ValidationSetup
        The simulated fields and the survey. Maps of null fields (without lensing) are scored by
        `null_scores`, all other maps by `score_map`.
    n_fields : int
        The number of fields, at least 1.
    seed : int
        The seed of the series of simulated fields. The fields depend on the seed and on ``setup``
        only, and no training or tuning uses them.
    first : int
        The number of the first field. Set it to continue a series, or to split one over machines.
    above : float
        The convergence of the estimated map above which pixels count as high. Some scores are for
        high pixels only, see `score_map`.
    workers : int or None
        The number of processes that draw fields. If None, one for each CPU that this process may
        use, but no more than fit into memory. Memory does not grow with the number of fields.
    executor : `concurrent.futures.Executor`, callable or None
        An executor with ``workers`` workers that draws the fields, or a callable that makes one. If
        None, new processes draw the fields.
    progress : None, bool or callable
        If True, a progress bar is shown. A callable is called as ``progress(done, total)`` after
        each field. If None or False, nothing is shown.
    visit : callable or None
        Function called for each field with the field number, the ``Observation`` and a dict from
        estimator names to maps, to measure other quantities. The maps are not kept afterwards.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each field and estimator, with ``field``, ``estimator``, ``n_masked`` (the number
        of pixels that the estimator masks in addition to the mask of the data), the scores of
        `score_map` (or of `null_scores`), and ``seconds``, the time taken to make the map.
        ``meta`` holds the set-up, the seed and the estimators.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range, or an estimator does not return a map
        with the shape of the grid.

    Notes
    -----
    A pixel that is masked in any of the maps is left out of the scores of all maps, so that all
    scores refer to the same pixels. For the coverage, the uncertainty of a map is taken as the half
    width of a 68 per cent error bar and, multiplied by 1.96, of a 95 per cent error bar. No
    coverage is computed for an uncertainty of kind ``"noise"``, which does not include the full
    uncertainty with respect to the true convergence. Other processes draw fields while the maps
    are timed; use ``workers=1`` to time the estimators alone. The first map of an estimator may
    take longer than the others.
    """
    if visit is not None and not callable(visit):
        raise ParameterTypeError(
            "visit", "None or a function visit(number, observation, maps)", repr(visit)
        )
    check_number(above, "above", "finite")
    if isinstance(estimators, Mapping):
        require_convergence(
            estimators, "estimators", "validate measures their detections of clusters"
        )
    fields = map_fields(
        estimators, setup, n_fields, seed=seed, first=first, workers=workers, executor=executor,
        progress=progress,
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
        series=purpose_of(setup),
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
        A table returned by `compare`.
    estimator, reference : str
        The names of the two estimators.
    metrics : sequence of str
        The columns to compare.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each metric, with ``metric``, ``estimator``, ``reference``, and the attributes of
        `~lensmap.scores.PairedDifference`: the number of fields, the mean difference, its
        significance, the mean ratio and the ratio of sums, with errors. Differences are estimator
        minus reference; ratios are estimator over reference.

    Raises
    ------
    TypeError, ValueError
        If ``scores`` is not a table returned by `compare`, lacks an estimator or a metric, or has
        different fields for the two estimators.
    """
    if not isinstance(scores, Table):
        raise ParameterTypeError("scores", "a table returned by compare", type(scores).__name__)
    missing = [name for name in ("field", "estimator", *metrics) if name not in scores.colnames]
    if missing:
        raise ParameterError(
            "scores", f"columns named {', '.join(map(repr, missing))}",
            remedy="pass a table returned by compare, and {metrics} from its columns",
            verb="have",
        )
    both = [_rows_of(scores, name) for name in (estimator, reference)]
    if not np.array_equal(*(rows["field"] for rows in both)):
        raise ParameterError(
            "scores", f"rows of the same fields for {estimator!r} and {reference!r}",
            remedy="call compare with both estimators", verb="have",
        )
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
        raise ParameterError(
            "scores", f"rows of the estimator {name!r}", remedy=f"it has rows of {names}",
            verb="have",
        )
    rows.sort("field")
    return rows
