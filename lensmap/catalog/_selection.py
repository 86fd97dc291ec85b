# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Selection of the rows of a table by a condition, and columns computed from other columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
from astropy.table import Column, MaskedColumn

from lensmap.catalog._evaluation import Condition, Values
from lensmap.catalog._expressions import Expression
from lensmap.catalog._names import ColumnNames
from lensmap.catalog._needed import column_and_element, element_of
from lensmap.catalog._ranges import RANGES, is_placeholder
from lensmap.utils import ParameterError, ParameterTypeError

__all__ = [
    "RowSelection", "column_of", "columns_in", "computed_column", "has_columns_in", "is_computed",
]


class RowSelection:
    """The rows of a table that fulfill a condition.

    Parameters
    ----------
    where : str
        The condition, in the language of `Expression`.

    Raises
    ------
    TypeError
        If ``where`` is not a str.
    ValueError
        If ``where`` is not a condition.
    """

    def __init__(self, where: str) -> None:
        if not isinstance(where, str):
            raise ParameterTypeError(
                "where", "a str such as 'redshift < 1.5 and flag == 0'", type(where).__name__,
                "catalog.select(rows) takes a boolean array",
            )
        self.expression = Expression(where, "where")

    def columns(self, names: Iterable[str], mapping: Mapping[str, str] | None = None) -> list[str]:
        """Return the columns of a table that the condition uses.

        Parameters
        ----------
        names : iterable of str
            The column names of the table.
        mapping : dict or None
            The table's column names, keyed by lensmap's column names. The condition may use names
            of either kind. If None, it may use the table's names only.

        Returns
        -------
        list of str
            The names as the table spells them, each once.

        Raises
        ------
        ValueError
            If the condition names a column that the table lacks.
        """
        known = ColumnNames(names)
        found = self._find(known, mapping or {})
        return list(dict.fromkeys(
            column for theirs in found.values() for column in columns_in(theirs, known)
        ))

    def own_columns(self, names: Iterable[str]) -> list[str]:
        """Return the columns of a table that the condition itself names.

        Parameters
        ----------
        names : iterable of str
            The column names of the table.

        Returns
        -------
        list of str
            The names as the table spells them, each once. Lensmap's names of columns that have
            other names in the table are left out.
        """
        known = ColumnNames(names)
        found = [_finder(known)(name) for name, _, _ in self.expression.names]
        return list(dict.fromkeys(
            column for theirs in found if theirs is not None for column in columns_in(theirs, known)
        ))

    def rows(
        self, table: Mapping[str, Any], mapping: Mapping[str, str]
    ) -> tuple[np.ndarray, dict[str, int]]:
        """Evaluate the condition.

        Parameters
        ----------
        table : dict
            The columns that the condition uses, keyed by their names in the table.
        mapping : dict
            The table's column names, keyed by lensmap's column names.

        Returns
        -------
        rows : `numpy.ndarray`
            True for the selected rows, bool, ``(n,)``.
        missing : dict
            The number of rows without a value, keyed by the name of the column. Columns without
            missing values have no entry.

        Raises
        ------
        ValueError
            If the condition names a column that the table lacks, or is no condition.
        """
        found = self._find(ColumnNames(table), mapping)
        ours = {theirs: name for name, theirs in mapping.items()}
        columns, missing = {}, {}
        for name, theirs in found.items():
            values = column_of(table, theirs)
            values = columns[name] = self._without_placeholders(values, ours.get(theirs))
            if values.missing is not None:
                missing[theirs] = int(np.count_nonzero(values.missing))
        result = self.expression.evaluate(columns)
        if not isinstance(result, Condition):
            raise ParameterError(
                "where", "a condition", repr(self.expression.text),
                "compare the value, as in flag == 0",
            )
        return np.broadcast_to(np.asarray(result.yes, dtype=bool), _n_rows(table)), missing

    def _find(self, names: ColumnNames, mapping: Mapping[str, str]) -> dict[str, str]:
        find_theirs = _finder(names)

        def find(name: str) -> str | None:
            theirs = find_theirs(name)
            return mapping.get(name) if theirs is None else theirs

        return self.expression.columns(find, names)

    def _without_placeholders(self, values: Values, ours: str | None) -> Values:
        """Return the values of a column with placeholders, such as -99, marked as missing.

        Numbers that are not finite and redshifts that are not plausible are marked, too.
        Placeholders and redshifts that the condition itself names are not marked. ``ours`` is
        lensmap's name of the column, or None if the column is not one of lensmap's.
        """
        if values.is_text or values.data.dtype.kind == "b":
            return values
        named = self.expression.numbers
        bad = is_placeholder(values.data)
        if bad is not None and named:
            bad = bad & ~np.isin(values.data, list(named))
        if ours == "redshift" and values.data.dtype.kind in "if":
            outside = ~RANGES[ours].contains(values.data)
            if named:
                outside &= ~np.isin(values.data, list(named))
            bad = outside if bad is None else bad | outside
        if values.data.dtype.kind == "f":
            finite = np.isfinite(values.data)
            if not finite.all():
                bad = ~finite if bad is None else bad | ~finite
        if bad is None or not bad.any():
            return values
        return Values(values.data, bad if values.missing is None else bad | values.missing)


def is_computed(theirs: str, names: Iterable[str]) -> bool:
    """Return whether a column is given by an expression instead of its name in the table.

    Parameters
    ----------
    theirs : str
        A name or an expression, such as ``"sqrt(var_e)"``.
    names : iterable of str
        The column names of the table.
    """
    return theirs not in names and any(sign in theirs for sign in "()+-*/[]` ")


def columns_in(theirs: str, names: ColumnNames) -> list[str]:
    """Return the columns of a table that a column name or an expression needs.

    Parameters
    ----------
    theirs : str
        A column name of the table or an expression.
    names : ColumnNames
        The column names of the table.

    Returns
    -------
    list of str
        The names as the table spells them.
    """
    if names.find(theirs) is not None:
        return [theirs]
    expression = Expression(theirs, "columns")
    return list(dict.fromkeys(
        found.rpartition("[")[0] if found.endswith("]") and found not in names.names else found
        for found in expression.columns(_finder(names), names).values()
    ))


def has_columns_in(theirs: str, names: ColumnNames) -> bool:
    """Return whether a table has all columns that an expression of a preset needs.

    Parameters
    ----------
    theirs : str
        The expression.
    names : ColumnNames
        The column names of the table.
    """
    find = _finder(names)
    return all(find(name) is not None for name, _, _ in _expression(theirs).names)


@cache
def _expression(text: str) -> Expression:
    return Expression(text, "columns")


def computed_column(table: Mapping[str, Any], theirs: str) -> Any:
    """Return a column of a table, or compute a column by an expression.

    Parameters
    ----------
    table : dict
        The columns, keyed by their names in the table.
    theirs : str
        The name of a column, or an expression of columns.

    Returns
    -------
    `~astropy.table.Column` or `~astropy.units.Quantity`
        The column.

    Raises
    ------
    ValueError
        If the result of the expression is not numbers.
    """
    if theirs in table:
        return table[theirs]
    names = ColumnNames(table)
    expression = Expression(theirs, "columns")
    found = expression.columns(_finder(names), names)
    columns = {name: column_of(table, source) for name, source in found.items()}
    for name, values in columns.items():
        bad = None if values.is_text else is_placeholder(values.data)
        if bad is not None:
            columns[name] = Values(
                values.data, bad if values.missing is None else bad | values.missing
            )
    result = expression.evaluate(columns)
    if not isinstance(result, Values) or result.is_text:
        raise ParameterError(
            "columns", "names of columns, or expressions that give numbers", repr(theirs)
        )
    data = np.asarray(result.data)
    data = np.broadcast_to(data if data.dtype.kind == "f" else data.astype(float), _n_rows(table))
    unit = None
    if len(found) == 1 and theirs.endswith("]"):  # an element has the unit of its column
        unit = getattr(table[next(iter(found.values())).rpartition("[")[0]], "unit", None)
    if result.missing is None:
        return Column(data, unit=unit)
    return MaskedColumn(data, mask=result.missing, unit=unit)


def column_of(table: Mapping[str, Any], theirs: str) -> Values:
    """Return the values of a column, or of an element of a column of vectors."""
    name, element = column_and_element(theirs, table)
    if name is None:
        return _values_of(computed_column(table, theirs))
    if element is not None:
        return _values_of(element_of(table[name], name, element))
    values = _values_of(table[name])
    if values.data.ndim != 1:
        raise ParameterError(
            "columns", "columns of one number per row", repr(theirs),
            f"each row of the column {name!r} has the shape {values.data.shape[1:]}; its first "
            f"element is {name}[0]", verb="name",
        )
    return values


def _n_rows(table: Mapping[str, Any]) -> int:
    return len(next(iter(table.values()))) if table else 0


def _values_of(column: Any) -> Values:
    mask = getattr(column, "mask", None)
    data = np.asarray(getattr(column, "value", column))
    if data.dtype.kind in "iuf" and not data.dtype.isnative:  # FITS is big-endian
        data = data.astype(data.dtype.newbyteorder("="))
    if mask is None or not np.any(mask):
        return Values(data)
    return Values(data, np.broadcast_to(np.asarray(mask), data.shape))


def _finder(names: ColumnNames) -> Any:
    def find(name: str) -> str | None:
        theirs = names.find(name)
        if theirs is None and name.endswith("]"):
            column, _, index = name[:-1].rpartition("[")
            vector = names.find(column)
            return None if vector is None else f"{vector}[{index}]"
        return theirs

    return find
