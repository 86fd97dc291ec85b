# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tables in VOTables."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

import numpy as np
from astropy.io import votable
from astropy.table import Column
from astropy.utils.data import get_readable_fileobj

from lensmap.catalog.files._source import TableSource, choose_table, make_column
from lensmap.utils import ParameterError, list_names, printable

__all__ = ["open_votable"]

_TABLE = re.compile(rb"<(?:\w+:)?TABLE\b.*?</(?:\w+:)?TABLE\s*>", re.DOTALL)
_DATA = re.compile(rb"<(?:\w+:)?DATA\b.*?</(?:\w+:)?DATA\s*>", re.DOTALL)
_FIELD = re.compile(rb"<(?:\w+:)?FIELD\b[^>]*>")
# Attributes that astropy does not need for the numbers, but that are errors if they are invalid.
_UNUSED = re.compile(
    rb"\s(?:width|precision|unit|ucd|utype|xtype|type)\s*=\s*(?:\"[^\"]*\"|'[^']*')"
)


@contextmanager
def open_votable(
    path: str, suits: Callable[[list[str]], bool] | None, within: str | None = None
) -> Iterator[TableSource]:
    """Open a table of a VOTable.

    Parameters
    ----------
    path : str
        The file, possibly compressed.
    suits : callable or None
        A function that takes column names and returns whether a table with these columns can be
        used, which chooses among several tables of the file. If None, any table can be used.
    within : str or None
        The ID, the name or the number, from 0, of the table. If None, the only table that can be
        used.

    Yields
    ------
    TableSource
        The table.

    Raises
    ------
    ValueError
        If no table can be chosen.
    """
    with get_readable_fileobj(path, encoding="binary") as file:
        content = file.read()
    described = _describe_tables(content)
    content = _FIELD.sub(lambda match: _UNUSED.sub(b"", match[0]), content)
    tables = [_source(path, content, number, one) for number, one in enumerate(described)]
    if within is not None:
        tables = [
            table
            for table, one in zip(tables, described, strict=True)
            if str(within) in (one["ID"], one["name"], str(table.key))
        ]
        if not tables:
            places = [one["ID"] or one["name"] or str(i) for i, one in enumerate(described)]
            raise ParameterError(
                "path",
                f"the ID, name or number of a table in {path!r}",
                repr(within),
                f"the file has {list_names(places) or 'no table'}",
            )
    yield choose_table(tables, suits, path, "path")


def _describe_tables(content: bytes) -> list[dict[str, Any]]:
    """Return a dict for each table: its ID, name, fields (name and unit) and parameters."""
    tables: list[dict[str, Any]] = []
    for element in ElementTree.fromstring(_DATA.sub(b"", content)).iter():
        tag = element.tag.rpartition("}")[2]
        if tag == "TABLE":
            tables.append(
                {"ID": element.get("ID"), "name": element.get("name"), "fields": [], "meta": {}}
            )
        elif tag == "FIELD" and tables:
            name = element.get("name") or element.get("ID") or ""
            tables[-1]["fields"].append((name.strip(), element.get("unit")))
        elif tag == "PARAM" and tables:
            tables[-1]["meta"][element.get("name")] = element.get("value")
    return tables


def _only(content: bytes, number: int) -> bytes:
    """Return a VOTable that has only the table with this number.

    Astropy would otherwise read the selected columns of all tables.
    """
    spans = [match.span() for match in _TABLE.finditer(content)]
    if len(spans) < 2:
        return content
    begin, end = spans[number]
    return content[: spans[0][0]] + content[begin:end] + content[spans[-1][1] :]


def _source(path: str, content: bytes, number: int, described: dict[str, Any]) -> TableSource:
    names = [name for name, _ in described["fields"]]
    units = [unit for _, unit in described["fields"]]

    def read(wanted: list[str]) -> dict[str, Column]:
        indices = [names.index(name) for name in wanted]
        with warnings.catch_warnings():
            # Almost no VOTable keeps to the standard in every detail.
            warnings.simplefilter("ignore")
            parsed = votable.parse(
                io.BytesIO(_only(content, number)),
                columns=indices,
                invalid="mask",
                verify="ignore",
            )
        table = parsed.get_first_table()
        array = table.array
        columns = {}
        for name, index in zip(wanted, indices, strict=True):
            field = table.all_fields[index].ID
            values, mask = array.data[field], np.ma.getmaskarray(array)[field]
            if mask.ndim > 1 and values.ndim == 1:
                mask = mask.any(axis=tuple(range(1, mask.ndim)))
            columns[name] = make_column(np.ascontiguousarray(values), name, units[index], mask)
        return columns

    title = described["ID"] or described["name"]
    place = f"table {number}" + (f" {printable(title)!r}" if title else "")
    return TableSource(
        path, names, read, meta=described["meta"], place=place, key=str(number)
    )
