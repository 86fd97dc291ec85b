# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ValidationResults`: the tables that combine all fields of a validation."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from astropy.table import QTable

from lensmap.typing import PathLike
from lensmap.validation._parts import PARTS
from lensmap.validation._records import RecordFolder
from lensmap.validation.measures import MEASURES, Records, all_scores, best_linear, unpack

__all__ = ["ValidationResults"]


class ValidationResults:
    """The results of a finished or interrupted validation, as tables over all fields.

    Errors are from the scatter between fields. Use `read` to read the results from a folder.

    Parameters
    ----------
    records : RecordFolder
        The folder of the validation.

    Attributes
    ----------
    records : RecordFolder
        The folder of the validation.
    settings : dict
        The set-up, the seed and the estimators as plain values.
    names, more_names : list of str
        The names of the estimators of the convergence, and the names of the slow estimators, which
        map only the first fields.
    detection_names : list of str
        The names of the estimators whose detections of clusters are measured: those of ``names``,
        and of other quantities, such as aperture masses.
    """

    def __init__(self, records: RecordFolder):
        self.records = records
        self.settings = records.settings
        facts = self.settings["estimators"]
        self._others = {name: one for name, one in facts.items() if "quantity" in one}
        self._estimators = {name: one for name, one in facts.items() if name not in self._others}
        self.names = list(self._estimators)
        self.detection_names = [*self.names, *self._others]
        self.more_names = list(self.settings["more"])

    @classmethod
    def read(cls, folder: PathLike) -> "ValidationResults":
        """Read the results from the folder of a validation.

        Parameters
        ----------
        folder : path-like
            The folder that was passed to `validate`.

        Returns
        -------
        ValidationResults
            The results.

        Raises
        ------
        FileNotFoundError
            If the folder holds no validation.
        ValueError
            If the folder holds a run of another kind, or its schema version is not supported.
        """
        return cls(RecordFolder(folder))

    @cached_property
    def _records(self) -> dict[str, list[dict]]:
        return {part: self.records.load(part, convert=unpack) for part in PARTS}

    @property
    def n_fields(self) -> dict[str, int]:
        """The number of measured fields in each part of the validation, keyed by part."""
        return {part: len(records) for part, records in self._records.items()}

    def records_of(self, name: str) -> Records:
        """Return the measurements of one statistic in all fields.

        Parameters
        ----------
        name : str
            The name of the statistic, such as ``"scores"``.

        Returns
        -------
        Records
            The measurements in the fields of all parts of the validation.
        """
        return Records(
            parts={part: [record.get(name, {}) for record in records]
                   for part, records in self._records.items()},
            numbers={part: self.records.numbers(part) for part in PARTS},
            estimators=self._estimators,
            others=self._others,
            more=self.settings["more"],
            resources=self.records.notes("resources"),
        )

    @cached_property
    def tables(self) -> Mapping[str, QTable]:
        """The tables of all statistics, keyed by name, such as ``"summary"``.

        Each table has a column ``estimator``. Tables about fields that were not drawn, such as null
        fields, are missing.
        """
        tables: dict[str, QTable] = {}
        for measure in MEASURES:
            tables |= measure.pool(self.records_of(measure.name))
        return tables

    @cached_property
    def scores(self) -> QTable:
        """The scores of the maps of single fields.

        The table has a row for each part of the validation, field and estimator.
        """
        return all_scores(self.records_of("scores"))

    @property
    def best_linear(self) -> str | None:
        """The name of the linear estimator whose maps correlate best with the truth, or None."""
        return best_linear(self._estimators, self.tables["summary"])

    @property
    def area_deg2(self) -> float:
        """The unmasked area of all fields of the set-up together, in square degrees."""
        chosen = (self.scores["part"] == "fields") & (self.scores["estimator"] == self.names[0])
        pixel_deg = self.settings["setup"]["sky"]["pixel_scale_arcmin"] / 60
        return float(np.sum(self.scores["n_pixels"][chosen])) * pixel_deg**2
