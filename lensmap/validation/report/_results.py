# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ValidationResults`: what the fields of a validation say together, as tables."""

from functools import cached_property

import numpy as np
from astropy.table import QTable, vstack

from lensmap.scores import pool_coverage
from lensmap.validation._compare import contrast
from lensmap.validation._records import RecordFolder
from lensmap.validation._summary import summarize_scores
from lensmap.validation.measures import (
    COVERAGE_COLUMNS,
    DEFINITIONS,
    NULL_EDGES,
    RANKINGS,
    ComaSky,
    arm_rates,
    autocorrelation,
    distribution,
    pool_completeness,
    pool_masses,
    pool_masses_of_coma,
    pool_purity,
    pool_residuals,
    relation_by_scale,
    scores_of,
)

__all__ = ["ValidationResults"]

#: The name of the true maps where they stand beside those of estimators.
TRUTH = "truth"


class ValidationResults:
    """The results of a validation, as far as it went; every number with its error from the fields.

    Make one with `read`. Tables have a column ``estimator``, and are None where the part that they
    are of was left out.

    Parameters
    ----------
    records : RecordFolder
        What was measured.

    Attributes
    ----------
    records : RecordFolder
        What was measured.
    names : list of str
        The estimators.
    """

    def __init__(self, records):
        self.records = records
        self.names = list(records.settings["estimators"])
        self.more_names = list(records.settings["more"])

    @classmethod
    def read(cls, folder):
        """Read the results of a folder.

        Parameters
        ----------
        folder : path-like
            What `validate` filled.

        Returns
        -------
        ValidationResults
            The results.

        Raises
        ------
        FileNotFoundError
            If there is no validation in it.
        """
        return cls(RecordFolder(folder))

    @cached_property
    def parts(self):
        """The records by part."""
        return {part: self.records.load(part)
                for part in ("fields", "null", "masked", "coma", "more")}

    @property
    def n_fields(self):
        """How many fields each part has."""
        return {part: len(records) for part, records in self.parts.items()}

    def _scores(self, part):
        records = self.parts[part]
        return QTable(scores_of(records)) if records else None

    @cached_property
    def scores(self):
        """The scores of `compare`, a row for each field and estimator; ``part`` says whether of the
        fields, of masked ones, or of the estimators that took long."""
        tables = []
        for part in ("fields", "masked", "more"):
            table = self._scores(part)
            if table is not None:
                table.add_column(np.full(len(table), part), name="part", index=0)
                tables.append(table)
        return _stack(tables) if tables else None

    @cached_property
    def summary(self):
        """What `summarize_scores` makes of the scores of fields."""
        return self._summary("fields")

    @property
    def best_linear(self):
        """The linear estimator with the highest correlation, None if there is none."""
        facts = self.records.settings["estimators"]
        linear = [name for name in self.names if facts[name]["linear"]]
        r = {str(row["estimator"]): row["pearson_r"] for row in self.summary}
        return max(linear, key=r.get, default=None)

    @cached_property
    def contrasts(self):
        """Each estimator beside the best linear one, field by field: the differences of
        ``pearson_r`` and ``rmse``, the mean ratio ``rmse_ratio`` and the ratio of sums
        ``loss_ratio``; None without a linear one, or with less than two fields."""
        reference = self.best_linear
        if reference is None or len(self.names) < 2 or self.n_fields["fields"] < 2:
            return None
        scores, rows = self._scores("fields"), []
        for name in self.names:
            if name == reference:
                continue
            r, rmse, loss = contrast(scores, name, reference, ("pearson_r", "rmse", "loss"))
            rows.append({
                "estimator": name, "reference": reference,
                "pearson_r": r["difference"], "pearson_r_err": r["difference_err"],
                "rmse": rmse["difference"], "rmse_err": rmse["difference_err"],
                "rmse_ratio": rmse["mean_ratio"], "rmse_ratio_err": rmse["mean_ratio_err"],
                "loss_ratio": loss["ratio_of_sums"], "loss_ratio_err": loss["ratio_of_sums_err"],
            })
        return QTable(rows)

    @cached_property
    def masked(self):
        """The same of masked fields."""
        return self._summary("masked")

    @cached_property
    def more(self):
        """The same of the estimators that took long, and of all others on the same fields."""
        rows = scores_of(self.parts["more"])
        if not rows:
            return None
        numbers = {row["field"] for row in rows}
        others = [row for row in scores_of(self.parts["fields"]) if row["field"] in numbers]
        return summarize_scores(QTable(others + rows))

    @cached_property
    def null(self):
        """What `summarize_scores` makes of the scores of skies without lensing, with the
        ``mode``."""
        table = self._summary("null")
        if table is None:
            return None
        modes = []
        for i in range(len(self.names)):
            pdf = self._null_pdf(i, together=2)
            modes.append(float(np.mean([pdf[name][np.argmax(pdf["pdf"])]
                                        for name in ("bin_low", "bin_high")])))
        table["mode"] = modes
        return table

    def _summary(self, part):
        table = self._scores(part)
        return None if table is None else summarize_scores(table)

    def _null_pdf(self, which, together=4):
        return distribution([r["counts"][which] for r in self.parts["null"]], NULL_EDGES, together)

    @cached_property
    def null_distribution(self):
        """The distribution of kappa without lensing: ``bin_low``, ``bin_high``, ``pdf``,
        ``pdf_err``."""
        # Without the last bins, which hold all that is beyond.
        return self._of_each("null", self.names, lambda i: self._null_pdf(i)[1:-1])

    @cached_property
    def distribution(self):
        """The distribution of kappa: ``bin_low``, ``bin_high``, ``pdf``, ``pdf_err``; the truth,
        too."""
        counts = [record["counts"] for record in self.parts["fields"]]
        return self._of_each("fields", [TRUTH, *self.names],
                             lambda i: distribution([one[i] for one in counts]))

    @cached_property
    def autocorrelation(self):
        """The autocorrelation of maps less their means, and of the truth: ``theta``, ``xi`` (the
        mean over fields), ``xi_err``, and ``xi_low`` and ``xi_high``, between which 68 per cent of
        the fields are."""
        scales = [record["scales"] for record in self.parts["fields"]]
        return self._of_each("fields", [TRUTH, *self.names],
                             lambda i: autocorrelation(scales, i))

    @cached_property
    def by_scale(self):
        """How maps follow the truth by multipole ``ell``: ``correlation``, the cross power over the
        root of the product of both powers, and ``power_ratio``, of the map to the truth."""
        scales = [record["scales"] for record in self.parts["fields"]]
        return self._of_each("fields", self.names, lambda i: relation_by_scale(scales, i + 1))

    def relation(self, which):
        """Return how often pixels have which true kappa and which in a map.

        Parameters
        ----------
        which : int
            The map, from 0.

        Returns
        -------
        `numpy.ndarray`
            ``(100, 100)``, the truth along the first axis.
        """
        return np.sum([record["relation"][which] for record in self.parts["fields"]], axis=0)

    def _clusters(self, part="fields"):
        return [record["clusters"] for record in self.parts[part] if "clusters" in record]

    @property
    def definitions(self):
        """The definitions of a cluster for which there are any."""
        clusters = self._clusters()
        return [name for name in DEFINITIONS if all(f"purity_{name}" in one for one in clusters)]

    @cached_property
    def completeness(self):
        """Completeness by ``definition`` of a cluster (``"paper"``, peaks of the truth, or
        ``"halo"``), ``ranking`` (``"all"`` peaks of the map or the ``"highest"`` 20 per square
        degree) and mass (``bin_low`` to ``bin_high``): ``n`` clusters, ``rate``, ``chance`` and,
        without chance, ``corrected``."""
        clusters = self._clusters()
        return self._of_each("fields", self.names, lambda i: _stack([
            _with(pool_completeness(clusters, i, definition, ranking), definition, ranking)
            for definition in self.definitions for ranking in RANKINGS
        ]))

    @cached_property
    def purity(self):
        """The same of peaks that are clusters of at least 1e14 solar masses; ``n`` peaks."""
        clusters = self._clusters()
        return self._of_each("fields", self.names, lambda i: _stack([
            _with(QTable([pool_purity(clusters, i, definition, ranking)]), definition, ranking)
            for definition in self.definitions for ranking in RANKINGS
        ]))

    @cached_property
    def masses(self):
        """Masses within 1 Mpc by true mass (``bin_low`` to ``bin_high``): ``n``, the ``ratio`` of
        the sums
        in the map to the truth, and the ``scatter`` of the ratio of single clusters."""
        return self._of_each("fields", self.names, lambda i: self._mass_pools[i][0])

    @cached_property
    def mass_lines(self):
        """The regressions of these masses: ``slope`` of the map on the truth, ``true_on_map``, and
        the correlation ``r``."""
        return self._of_each("fields", self.names, lambda i: QTable([self._mass_pools[i][1]]))

    @cached_property
    def _mass_pools(self):
        clusters = self._clusters()
        return [pool_masses(clusters, i) for i in range(len(self.names))]

    @cached_property
    def residuals(self):
        """Residuals by distance to the edge (``bin_low`` to ``bin_high``): ``n`` pixels, ``bias``,
        ``rms``
        and ``relative``, the rms over that of the truth."""
        return self._residuals("fields")

    @cached_property
    def masked_residuals(self):
        """The same of masked fields: by distance to the edge or a hole."""
        return self._residuals("masked")

    def _residuals(self, part):
        records = [record["residuals"] for record in self.parts[part]]
        return self._of_each(part, self.names, lambda i: pool_residuals(records, i))

    @cached_property
    def coverage(self):
        """How often the truth is within the error, by the predicted kappa, of estimators that give
        errors about the truth; as `lensmap.scores.pool_coverage` has it."""
        parts = {"fields": self.names, "more": self.more_names}
        tables = []
        for part, names in parts.items():
            records = self.parts[part]
            for i, name in enumerate(names):
                arrays = [record["coverage"][i] for record in records]
                if arrays and np.any(np.isfinite(arrays[0][3])):
                    fields = [QTable(list(one), names=COVERAGE_COLUMNS) for one in arrays]
                    tables.append(_named(pool_coverage(fields), name))
        return _stack(tables) if tables else None

    @cached_property
    def coma_masses(self):
        """The mass of the mock of Coma by NFW fits, 1e14 solar masses, a dict: ``true``, ``mean``,
        ``scatter``, the mean ends of the intervals ``mean_low`` and ``mean_high``, ``log_ratio``,
        the mean of ln(fit / true), and ``covered``, the part of the 68 per cent intervals that hold
        the truth."""
        records = self.parts["coma"]
        return pool_masses_of_coma(records, ComaSky()) if records else None

    @cached_property
    def coma_arms(self):
        """How often arms of the mock of Coma are ``found``, and the ``false`` rate of the same test
        without arms, by ``test`` (``"excess"`` of kappa, or ``"paths"``) and ``threshold``."""
        records = self.parts["coma"]
        return self._of_each("coma", self.names,
                             lambda i: QTable(arm_rates(records, i, ComaSky())))

    @cached_property
    def resources(self):
        """The time and the memory of a map: ``seconds``, ``first_seconds``, ``memory``."""
        rows = [{"estimator": name, **numbers}
                for name, numbers in self.records.notes("resources").items()]
        return QTable(rows) if rows else None

    def _of_each(self, part, names, make):
        if not self.parts[part]:
            return None
        return _stack([_named(make(i), name) for i, name in enumerate(names)])


def _named(table, name):
    table.add_column(np.full(len(table), name), name="estimator", index=0)
    return table


def _with(table, definition, ranking):
    for name, value in (("definition", definition), ("ranking", ranking)):
        table.add_column(np.full(len(table), value), name=name)
    return table


def _stack(tables):
    return vstack(tables, metadata_conflicts="silent")
