# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Measure`: one statistic of a validation, from the maps of a field to a section of the report."""

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
    """One statistic of maps: measured field by field, pooled over fields, shown in the report.

    A statistic is a subclass in a file of its own and an instance in `MEASURES`.

    Must implement: ``name`` and `measure`. May override: all else.

    Attributes
    ----------
    name : str
        The key of the statistic in the record of a field.
    parts : tuple of str
        The parts of a validation in which it is measured, of `PARTS`.
    keys : dict
        From the names of its tables to the columns that identify a row, besides ``estimator``.
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
            The field and its maps; `ComaMaps` in the part ``"coma"``.

        Returns
        -------
        dict
            From the names of estimators to dicts of arrays; the name `TRUTH` holds what belongs
            to the field itself. An estimator without the statistic is left out.
        """

    def pool(self, records: "Records") -> dict[str, QTable]:
        """Combine the records of all fields to tables.

        Parameters
        ----------
        records : Records
            The records of this statistic, by part.

        Returns
        -------
        dict
            From the names in ``keys`` to tables with a column ``estimator``, the columns of
            ``keys``, and the errors of columns in ``..._err``. A table without data is left out.
        """
        return {}

    def conclude(self, results: "ValidationResults") -> list[tuple[str, str]]:
        """State the main result, for the top of the report.

        Parameters
        ----------
        results : ValidationResults
            All results.

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
            The page.
        results : ValidationResults
            All results.
        """


@dataclass(frozen=True)
class Records:
    """The records of one statistic.

    Attributes
    ----------
    parts : dict
        From the names of parts to lists with the record of each field; an empty list for a part
        that was left out.
    numbers : dict
        From the names of parts to the numbers of the fields.
    estimators, more : dict
        From names to facts of `estimator_facts`.
    resources : dict
        From the names of estimators to time and memory, of `Resources`.
    """

    parts: Mapping[str, Sequence[Mapping]]
    numbers: Mapping[str, Sequence[int]] = field(default_factory=dict)
    estimators: Mapping[str, Mapping] = field(default_factory=dict)
    more: Mapping[str, Mapping] = field(default_factory=dict)
    resources: Mapping[str, Mapping] = field(default_factory=dict)

    def has(self, part: str) -> bool:
        """Return whether a part has fields."""
        return bool(self.parts.get(part))

    def names(self, part: str = "fields") -> list[str]:
        """Return the names of the estimators of a part."""
        return list(self.more if part == "more" else self.estimators)

    def each(self, part: str, name: str, array: str) -> list[np.ndarray]:
        """Return an array of one estimator, or of the truth, for each field that has it."""
        return [record[name][array] for record in self.parts[part]
                if array in record.get(name, {})]


def table_of_each(names: Iterable[str], make: Callable[[str], QTable]) -> QTable:
    """Stack the tables of several estimators, with the column ``estimator`` in front.

    Parameters
    ----------
    names : iterable of str
        The estimators, at least one.
    make : callable
        Returns the table of an estimator.

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
