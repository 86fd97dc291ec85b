# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The columns of a table that a catalog needs, elements of vector columns among them."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from lensmap.catalog.files import TableSource
from lensmap.utils import ParameterError, printable

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["column_and_element", "element_of", "needed_columns"]

_ELEMENT = re.compile(r"(.+)\[(\d+)\]")


def column_and_element(name: str, colnames: Container[str]) -> tuple[str | None, int | None]:
    """Return the column that a name stands for, and the element of a vector column.

    Parameters
    ----------
    name : str
        The name of a column, or of an element of a vector column, such as ``"g[0]"``.
    colnames : container of str
        The column names of the table.

    Returns
    -------
    column : str or None
        The name of the column; None if the table does not have it.
    element : int or None
        The index of the element, from 0. None if the name stands for a whole column.
    """
    if name in colnames:
        return name, None
    match = _ELEMENT.fullmatch(name) if isinstance(name, str) else None
    if match is not None and match[1] in colnames:
        return match[1], int(match[2])
    return None, None


def needed_columns(table: Table | TableSource, names: Iterable[str]) -> dict[str, Any]:
    """Return columns of a table by name; of a table in a file, only these columns are read.

    A table of one row whose cells hold one value for each galaxy, as IDL writes structures of
    arrays, is returned with one row for each galaxy.

    Parameters
    ----------
    table : `~astropy.table.Table` or TableSource
        The table.
    names : iterable of str
        Names of columns, and of elements of vector columns, such as ``"g[0]"``.

    Returns
    -------
    dict
        The columns, which share the data of the table where that is possible.

    Raises
    ------
    ValueError
        If the table lacks a column, a vector column lacks an element, or the columns differ in
        their length.
    """
    places = {}
    for name in names:
        column, element = column_and_element(name, table.colnames)
        if column is None:
            raise ValueError(f"the table has no column {printable(name)!r}")
        places[name] = column, element
    if isinstance(table, TableSource):
        table.load(column for column, _ in places.values())
    columns = {
        name: table[column] if element is None else element_of(table[column], column, element)
        for name, (column, element) in places.items()
    }
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        rows = ", ".join(f"{printable(name)} has {n}" for name, n in lengths.items())
        raise ValueError(
            f"the columns of a table must have the same number of rows, but {rows}"
        )
    shapes = {np.shape(column) for column in columns.values()}
    if len(shapes) == 1 and len(shape := shapes.pop()) == 2 and shape[0] == 1 < shape[1]:
        return {name: column[0] for name, column in columns.items()}
    return columns


def element_of(column: Any, name: str, element: int) -> Any:
    """Return one element of each row of a vector column.

    Parameters
    ----------
    column : `~astropy.table.Column` or `~astropy.units.Quantity`
        The column.
    name : str
        The name of the column, for messages.
    element : int
        The number of the element, from 0.

    Returns
    -------
    `~astropy.table.Column` or `~astropy.units.Quantity`
        The elements, one per row.

    Raises
    ------
    ValueError
        If the column has no such element.
    """
    shape = np.shape(column)
    if len(shape) != 2 or element >= shape[1]:
        has = {1: "holds one number per row"}.get(
            len(shape), f"has the shape {shape[1:]} in each row"
        )
        raise ParameterError(
            "columns",
            f"elements that the column {printable(name)!r} has",
            f"'{printable(name)}[{element}]'",
            f"the column {printable(name)!r} {has}",
            verb="name",
        )
    return column[:, element]
