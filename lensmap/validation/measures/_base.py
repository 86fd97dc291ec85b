# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Measure`: base class of the statistics of a validation."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from astropy.table import QTable, vstack

if TYPE_CHECKING:
    from lensmap.validation.report._page import ReportPage
    from lensmap.validation.report._results import ValidationResults

__all__ = ["Measure", "Records", "table_of_each"]


class Measure(ABC):
    """Base class of a statistic of maps, such as the RMS error or the power spectrum.

    A statistic is measured field by field, combined over all fields (pooled) and shown in the
    report. Each statistic is a subclass in a file of its own, with an instance in `MEASURES`. A
    subclass must define ``name`` and `measure`, and may override everything else.

    Attributes
    ----------
    name : str
        The key of the statistic among the measurements of a field.
    parts : tuple of str
        The parts of a validation in which the statistic is measured, such as ``"fields"`` and
        ``"null"``.
    keys : dict
        For each table of the statistic, keyed by its name, the columns that, together with
        ``estimator``, identify a row.
    """

    name: ClassVar[str]
    parts: ClassVar[tuple[str, ...]] = ("fields",)
    keys: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    @abstractmethod
    def measure(self, field: Any) -> dict[str, dict[str, np.ndarray]]:
        """Measure the maps of one field.

        Parameters
        ----------
        field : FieldMaps or ComaMaps
            The field and its maps: `ComaMaps` in the part ``"coma"``, `FieldMaps` in all others.

        Returns
        -------
        dict
            A dict of arrays for each estimator, keyed by its name. The key ``"truth"`` holds the
            arrays of the true map or of the field itself. Estimators for which the statistic is not
            defined are left out.
        """

    def pool(self, records: "Records") -> dict[str, QTable]:
        """Combine the measurements of all fields into tables.

        Parameters
        ----------
        records : Records
            The measurements of this statistic in all fields.

        Returns
        -------
        dict
            The tables, keyed by the names in ``keys``. Each has a column ``estimator``, the columns
            listed in ``keys``, and columns of results, with their errors in ``..._err``. A table
            without data is left out.
        """
        return {}

    def conclude(self, results: "ValidationResults") -> list[tuple[str, str]]:
        """Return the main result in sentences, shown at the top of the report.

        Parameters
        ----------
        results : ValidationResults
            The results of the validation: the tables of all statistics.

        Returns
        -------
        list of tuple
            Pairs of a heading and one or more sentences.
        """
        return []

    def section(self, page: "ReportPage", results: "ValidationResults") -> None:
        """Add the section of the statistic to the report.

        Parameters
        ----------
        page : ReportPage
            The content of the report.
        results : ValidationResults
            The results of the validation: the tables of all statistics.
        """


@dataclass(frozen=True)
class Records:
    """The measurements (records) of one statistic in all fields of a validation.

    Attributes
    ----------
    parts : dict
        For each part of the validation, keyed by its name, a list with the measurements of each
        field. The list is empty for a part that was left out.
    numbers : dict
        For each part, keyed by its name, a list with the number of each field.
    estimators, more : dict
        The dicts returned by `estimator_facts` for the estimators of the convergence, and for the
        slow estimators, keyed by their names.
    others : dict
        The dicts of estimators of other quantities, of which only detections are measured.
    resources : dict
        A dict with the attributes of `Resources` for each estimator, keyed by its name.
    """

    parts: Mapping[str, Sequence[Mapping]]
    numbers: Mapping[str, Sequence[int]] = field(default_factory=dict)
    estimators: Mapping[str, Mapping] = field(default_factory=dict)
    more: Mapping[str, Mapping] = field(default_factory=dict)
    resources: Mapping[str, Mapping] = field(default_factory=dict)
    others: Mapping[str, Mapping] = field(default_factory=dict)

    def has(self, part: str) -> bool:
        """Return whether any field of a part, such as ``"null"``, is measured."""
        return bool(self.parts.get(part))

    def names(self, part: str = "fields") -> list[str]:
        """Return the names of the estimators that map the fields of a part, such as ``"null"``."""
        return list(self.more if part == "more" else self.estimators)

    def detection_names(self) -> list[str]:
        """Return the names of all estimators whose detections of clusters are measured."""
        return [*self.estimators, *self.others]

    def each(self, part: str, name: str, array: str) -> list[np.ndarray]:
        """Return one measured array of an estimator for each field of a part.

        ``part`` is the name of the part, such as ``"fields"``. ``name`` is the name of the
        estimator, or ``"truth"`` for the true maps. ``array`` is the name of the array. Fields
        without this array are left out.
        """
        return [record[name][array] for record in self.parts[part]
                if array in record.get(name, {})]


def table_of_each(names: Iterable[str], make: Callable[[str], QTable]) -> QTable:
    """Stack the tables of several estimators and insert ``estimator`` as the first column.

    Parameters
    ----------
    names : iterable of str
        The names of the estimators, at least one.
    make : callable
        Function that takes the name of an estimator and returns its table.

    Returns
    -------
    `~astropy.table.QTable`
        The rows of all estimators.
    """
    tables = []
    for name in names:
        table = make(name)
        table.add_column(np.full(len(table), name), name="estimator", index=0)
        tables.append(table)
    return vstack(tables, metadata_conflicts="silent")
