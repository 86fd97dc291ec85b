# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Scores of maps against the truth: correlation, RMS error, loss, slopes and coverage."""

from collections.abc import Mapping

import numpy as np
from astropy.table import QTable, vstack

from lensmap.validation._compare import contrast
from lensmap.validation._summary import summarize_scores
from lensmap.validation.measures._base import Measure, Records, table_of_each
from lensmap.validation.measures._record import numbers_of, scalar_record

__all__ = ["Scores", "all_scores", "best_linear", "score_rows", "score_table"]

# Columns in the report: heading, quantity, decimals. They fill two tables, to fit the page width.
_NEARNESS = (
    ("r", "pearson_r", 4), ("RMSE", "rmse", 5), ("L", "loss", 1), ("L of H21", "loss_h21", 1),
)
_CALIBRATION = (
    ("slope", "slope", 3), ("truth/map above 0.1", "ratio_above", 3), ("TLS", "tls_slope", 3),
    ("TLS from r", "tls_slope_of_r", 3), ("within 68 %", "coverage_68", 3),
    ("within 95 %", "coverage_95", 3),
)


class Scores(Measure):
    """The scores of `lensmap.scores.score_map`, and differences from the best linear estimator.

    The tables ``summary``, ``masked`` and ``more`` have the mean scores over fields, as returned by
    `summarize_scores`: for the fields of the set-up, for the masked fields, and for all estimators
    on the fields that the slow estimators map. The table ``contrasts`` compares each estimator with
    the best linear estimator field by field. It has the mean differences in ``pearson_r`` and
    ``rmse``, the mean ratio of RMS errors ``rmse_ratio``, and the ratio of the losses summed over
    fields ``loss_ratio``.
    """

    name = "scores"
    parts = ("fields", "masked", "more")
    keys = {"summary": (), "masked": (), "more": (), "contrasts": ("reference",)}

    def measure(self, field):
        return {name: {"scores": scalar_record(scores)} for name, scores in field.scores().items()}

    def pool(self, records):
        tables = {}
        for part, table in (("fields", "summary"), ("masked", "masked")):
            if records.has(part):
                tables[table] = summarize_scores(score_table(records, part))
        if records.has("more"):
            tables["more"] = summarize_scores(_with_slow(records))
        contrasts = _contrasts(records, tables.get("summary"))
        return tables if contrasts is None else {**tables, "contrasts": contrasts}

    def conclude(self, results):
        from lensmap.validation.report._conclusions import calibrated_maps, nearest_maps

        scores = score_table(results.records_of(self.name), "fields")
        summary = results.tables["summary"]
        return [*nearest_maps(scores, summary), *calibrated_maps(summary)]

    def section(self, page, results):
        from lensmap.validation.report._figures_curves import plot_scores

        tables = results.tables
        page.section(
            "Distance from the truth",
            "r: correlation of pixels. RMSE: root mean square error, means removed. L: the loss "
            "of Cha et al. 2025, eq. 8, summed over 512 x 512 pixels; L of H21: with exponent 1.",
            "slope: regression of the truth on the map, 1 for a calibrated map. truth/map above "
            "0.1: ratio of the sums over pixels where the map is above 0.1. TLS: slope of the map "
            "on the truth by total least squares; TLS from r: the value for a calibrated map of "
            "the same r. within 68 %: fraction of the pixels with the truth within the error.",
        )
        _score_tables(page, results.names, tables["summary"])
        page.figure("scores", plot_scores(tables["summary"], page.styles),
                    "Correlation, error and loss: means over fields with their errors.")
        if "contrasts" in tables:
            reference = str(tables["contrasts"]["reference"][0])
            page.text(f"Differences from {reference}, the best linear estimator, field by field. "
                      "All estimators share the scatter between fields, so these errors are "
                      "smaller than those above.")
            page.estimator_table(tables["contrasts"], results.names, (
                ("r, difference", "pearson_r", 4), ("RMSE, ratio", "rmse_ratio", 4),
                ("L, ratio", "loss_ratio", 3)))
        if "masked" in tables:
            fraction = 100 * results.settings["mask_fraction"]
            page.subsection("Masked fields", f"The same fields and galaxies with {fraction:.0f} "
                            "per cent of each field masked by holes and a ragged edge. Scores are "
                            "of unmasked pixels.")
            _score_tables(page, results.names, tables["masked"])
        if "more" in tables:
            page.subsection("Slow estimators", f"On the first {results.n_fields['more']} fields, "
                            "beside the other estimators on the same fields.")
            _score_tables(page, [*results.names, *results.more_names], tables["more"])


def _score_tables(page, names, table):
    for columns in (_NEARNESS, _CALIBRATION):
        page.estimator_table(table, names, columns)


def score_rows(records: Records, part: str) -> list[dict]:
    """Return the scores of each field and estimator in a part of the validation.

    Parameters
    ----------
    records : Records
        The measurements of the statistic `Scores` or `NullFields` in all fields.
    part : str
        The name of the part of the validation, such as ``"masked"``.

    Returns
    -------
    list of dict
        A dict for each field and estimator, with ``field`` (the number of the field), ``estimator``
        (its name) and the scores.
    """
    return [
        {"field": number, "estimator": name, **numbers_of(arrays["scores"])}
        for number, record in zip(records.numbers[part], records.parts[part], strict=True)
        for name, arrays in record.items()
    ]


def score_table(records: Records, part: str) -> QTable:
    """Return the scores of each field and estimator in a part of the validation as a table.

    Parameters
    ----------
    records : Records
        The measurements of the statistic `Scores` or `NullFields` in all fields.
    part : str
        The name of the part of the validation, such as ``"masked"``.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each field and estimator, with ``field``, ``estimator`` and the scores, as in the
        table that `lensmap.validation.compare` returns.
    """
    return QTable(score_rows(records, part))


def _with_slow(records):
    """Return the scores of all estimators on the fields that the slow estimators map.

    The result is a table with a row for each field and estimator.
    """
    rows = score_rows(records, "more")
    numbers = {row["field"] for row in rows}
    others = [row for row in score_rows(records, "fields") if row["field"] in numbers]
    return QTable(others + rows)


def best_linear(estimators: Mapping[str, Mapping], summary: QTable) -> str | None:
    """Return the linear estimator whose maps correlate best with the truth.

    Parameters
    ----------
    estimators : dict
        The dict returned by `estimator_facts` for each estimator, keyed by its name.
    summary : `~astropy.table.QTable`
        The mean scores, as returned by `summarize_scores`.

    Returns
    -------
    str or None
        The name of the estimator; None if no estimator is linear.
    """
    r = {str(row["estimator"]): row["pearson_r"] for row in summary}
    linear = [name for name, facts in estimators.items() if facts["linear"] and name in r]
    return max(linear, key=r.__getitem__, default=None)


def _contrasts(records, summary):
    """Return a table of the differences in score of all estimators from the best linear estimator.

    ``summary`` is the table of mean scores. The result is None if there are fewer than two fields,
    or no estimators to compare.
    """
    if summary is None or len(records.parts["fields"]) < 2:
        return None
    reference = best_linear(records.estimators, summary)
    others = [name for name in records.names() if name != reference]
    if reference is None or not others:
        return None
    scores = score_table(records, "fields")
    return table_of_each(others, lambda name: _contrast(scores, name, reference))


def _contrast(scores, name, reference):
    r, rmse, loss = contrast(scores, name, reference, ("pearson_r", "rmse", "loss"))
    return QTable([{
        "reference": reference,
        "pearson_r": r["difference"], "pearson_r_err": r["difference_err"],
        "rmse": rmse["difference"], "rmse_err": rmse["difference_err"],
        "rmse_ratio": rmse["mean_ratio"], "rmse_ratio_err": rmse["mean_ratio_err"],
        "loss_ratio": loss["ratio_of_sums"], "loss_ratio_err": loss["ratio_of_sums_err"],
    }])


def all_scores(records: Records) -> QTable:
    """Return the scores of all fields of a validation in one table.

    Parameters
    ----------
    records : Records
        The measurements of the statistic `Scores` in all fields.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each part of the validation, field and estimator, with ``part`` as the first
        column. The table is empty if no fields are measured.
    """
    tables = []
    for part in Scores.parts:
        if records.has(part):
            table = score_table(records, part)
            table.add_column(np.full(len(table), part), name="part", index=0)
            tables.append(table)
    return vstack(tables, metadata_conflicts="silent") if tables else QTable()
