# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A table in a file whose columns are read when they are needed, and the choice among tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from astropy.table import Column, MaskedColumn

from lensmap.utils import ParameterError, list_names, printable

__all__ = ["TableSource", "choose_table", "make_column"]

# The largest number of tables that an error lists.
_MAX_TABLES = 6


class TableSource:
    """A table in an open file.

    Only requested columns are parsed, so an invalid unit, format or type of another column is not
    an error.

    Parameters
    ----------
    path : str
        The file, for messages.
    colnames : sequence of str
        The names of all columns, in the file's order.
    read : callable
        A function that takes a list of names and returns a dict of columns by name.
    meta : dict or None
        The metadata of the table. None if the file has none.
    place : str
        The place of the table in the file for messages, such as ``"HDU 1 'SHEAR'"``. Empty if the
        file holds one table only.
    key : object
        The value of the parameter ``hdu`` or ``path`` that selects this table of the file.
    name : str or None
        The name of the table in the file, such as the path of its group. If None, the name is
        ``key``.
    n_rows : int or None
        The number of rows, if parts of the table can be read. Otherwise None.
    read_rows : callable or None
        A function that takes a list of names, the first row and the row after the last, and
        returns a dict of columns by name. None if only the whole table can be read.
    """

    def __init__(
        self,
        path: str,
        colnames: Sequence[str],
        read: Callable[[list[str]], dict[str, Column]],
        *,
        meta: dict[str, Any] | None = None,
        place: str = "",
        key: Any = None,
        name: str | None = None,
        n_rows: int | None = None,
        read_rows: Callable[[list[str], int, int], dict[str, Column]] | None = None,
    ) -> None:
        self.path, self.colnames, self.place, self.key = path, list(colnames), place, key
        self.name = str(key) if name is None else name
        self.meta = {} if meta is None else dict(meta)
        self.meta.pop("__serialized_columns__", None)  # of use to astropy only
        self._read, self._read_rows = read, read_rows
        self.n_rows = None if read_rows is None else n_rows
        self._columns: dict[str, Column] = {}

    def load(self, names: Iterable[str]) -> None:
        """Read columns together, which is faster than one after the other.

        Parameters
        ----------
        names : iterable of str
            The names of the columns.

        Raises
        ------
        ValueError
            If several columns have the same name.
        """
        wanted = [name for name in dict.fromkeys(names) if name not in self._columns]
        counts = Counter(self.colnames)
        for name in wanted:
            if counts[name] > 1:
                raise ValueError(
                    f"{self.path!r} has {counts[name]} columns of the name {printable(name)!r}, "
                    "so that the name does not tell which one to read; rename them in the file"
                )
        if wanted:
            self._columns.update(self._read(wanted))

    def part(self, start: int, stop: int) -> TableSource:
        """Return a part of the table, of which only the rows of the part are read.

        Parameters
        ----------
        start, stop : int
            The first row, and the row after the last.

        Raises
        ------
        ValueError
            If only the whole table can be read, so that ``n_rows`` is None.
        """
        read_rows = self._read_rows
        if read_rows is None or self.n_rows is None:
            raise ValueError(f"{self.path!r} can be read as a whole only")
        stop = min(stop, self.n_rows)
        return TableSource(
            self.path, self.colnames, lambda wanted: read_rows(wanted, start, stop),
            meta=self.meta, place=self.place, key=self.key, name=self.name,
        )

    def __getitem__(self, name: str) -> Column:
        """Return a column by its name; read it from the file if it was not read before."""
        self.load([name])
        return self._columns[name]


def make_column(
    values: Any, name: str, unit: Any = None, mask: np.ndarray | None = None
) -> Column:
    """Return a column of a table.

    Parameters
    ----------
    values : array_like
        The values, ``(n, ...)``.
    name : str
        The name of the column.
    unit : str, `~astropy.units.Unit` or None
        The unit as written in the file; astropy need not know it. None if there is no unit.
    mask : `numpy.ndarray` or None
        True for missing values. None if no value is missing.

    Returns
    -------
    `~astropy.table.Column`
        The column; it shares the values.
    """
    if isinstance(unit, bytes):
        unit = unit.decode("utf-8", "replace")
    if isinstance(unit, str):
        unit = unit.strip() or None
    if mask is not None and np.any(mask):
        if np.ndim(values) > np.ndim(mask):  # one mask for all elements of a vector
            mask = np.broadcast_to(np.reshape(mask, (-1, *[1] * (np.ndim(values) - 1))),
                                   np.shape(values))
        return MaskedColumn(values, name=name, unit=unit, mask=mask, copy=False)
    return Column(values, name=name, unit=unit, copy=False)


def choose_table(
    tables: Sequence[TableSource],
    suits: Callable[[list[str]], bool] | None,
    path: str,
    parameter: str,
) -> TableSource:
    """Choose the table to read among those of a file.

    Parameters
    ----------
    tables : sequence of TableSource
        The tables of the file.
    suits : callable or None
        A function that takes column names and returns whether a table with these columns can be
        used. If None, any table can be used.
    path : str
        The file, for messages.
    parameter : str
        The parameter that chooses a table, ``"hdu"`` or ``"path"``.

    Returns
    -------
    TableSource
        The only table, or the only one that can be used. The tables of the sheared versions of the
        same galaxies are one table.

    Raises
    ------
    ValueError
        If the file holds no table, or if none or several of its tables can be used.
    """
    from lensmap.catalog.files._versions import join_versions, name_version

    if not tables:
        raise ValueError("it holds no table")
    names = [table.name for table in tables]
    tables = join_versions(tables)
    if len(tables) == 1:
        return name_version(tables[0], names)
    usable = [table for table in tables if suits is None or suits(table.colnames)]
    if len(usable) == 1:
        return name_version(usable[0], names)
    choice = f"{{{parameter}={(usable or tables)[0].key!r}}}"
    if usable:
        places = list_names((table.place for table in usable), quoted=False)
        raise ParameterError(
            parameter,
            f"the table to read among those of {path!r}",
            remedy=f"{len(usable)} tables have the columns that are needed, {places}; "
            f"give, for example, {choice}",
            verb="name",
        )
    listed = "; ".join(
        f"{table.place} has {list_names(table.colnames) or 'no columns'}"
        for table in tables[:_MAX_TABLES]
    )
    if len(tables) > _MAX_TABLES:
        listed += f"; and {len(tables) - _MAX_TABLES} more tables"
    raise ParameterError(
        parameter,
        f"the table to read among the {len(tables)} of {path!r}",
        remedy=f"no table has columns of known names: {listed}; give, for example, {choice}, and "
        "{columns={'ra': ..., 'dec': ..., 'e1': ..., 'e2': ...}}",
        verb="name",
    )
