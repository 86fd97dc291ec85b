# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tables in text files: CSV, ECSV, and columns separated by blanks."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from astropy.io import ascii as astropy_ascii
from astropy.table import Column
from astropy.table.meta import get_header_from_yaml
from astropy.utils.data import get_readable_fileobj

from lensmap.catalog.files._source import TableSource, make_column

__all__ = ["open_text"]

_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_DELIMITERS = (",", ";", "\t", "|")
_BETWEEN_WORDS = re.compile(r"[\s,;|]+")
_SEXAGESIMAL = re.compile(r"[+-]?\d+[:hd]\d+.*")
# Characters beyond ASCII as they are escaped for astropy's parser.
_ESCAPED = re.compile(r"\\(?:x([89a-f][0-9a-f])|u([0-9a-f]{4})|U([0-9a-f]{8}))")
# SExtractor describes each column in a line of its own, such as "#   2 ALPHA_J2000   Text [deg]".
_NUMBERED_NAME = re.compile(r"#\s*(\d+)\s+(\S+)(?:.*\[([^\]]*)\]\s*$)?")


@contextmanager
def open_text(path: str) -> Iterator[TableSource]:
    """Open the table of a text file.

    The names of the columns are in the first line, in the last comment line before the data, or
    in numbered comment lines, one name each, as SExtractor writes them.

    Parameters
    ----------
    path : str
        The file, possibly compressed.

    Yields
    ------
    TableSource
        The table.

    Raises
    ------
    ValueError
        If no line names the columns.
    """
    with get_readable_fileobj(path, encoding="binary") as file:
        content = file.read()
    encoding = next(
        (name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8"
    )
    if b"\0" in content[:10_000] and encoding != "utf-16":
        raise ValueError("it is a binary file, not text")
    text = content.decode(encoding, "replace")
    del content  # each copy of a large table counts
    if "\r" in text[:10_000]:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    read = _ecsv if text.startswith("# %ECSV") else _plain
    texts = [text]
    del text
    yield read(path, texts)


def _ecsv(path: str, texts: list[str]) -> TableSource:
    lines, end = _comments(texts[0])
    header = get_header_from_yaml([line[2:] for line in lines[1:]])
    described = {str(item["name"]): item for item in header["datatype"]}
    delimiter = header.get("delimiter", " ")
    first, body = _first_line(texts[0], end)
    names = _split(first, delimiter)
    if names != list(described):
        raise ValueError(
            "the column names in the ECSV header differ from those in the line above the data"
        )
    vectors = {name for name, item in described.items() if "[" in str(item.get("subtype", ""))}
    units = {name: item.get("unit") for name, item in described.items()}
    masks = {f"{name}.mask" for name in names} & set(names)
    rows = _Rows(texts.pop(), body, delimiter, names)

    def read(wanted: list[str]) -> dict[str, Column]:
        extra = [f"{name}.mask" for name in wanted if f"{name}.mask" in masks]
        columns = rows.parse([*wanted, *extra])
        result = {}
        for name in wanted:
            values, mask = columns[name]
            if name in vectors:
                values = np.array([json.loads(item) for item in values])
            if f"{name}.mask" in extra:
                mask = columns[f"{name}.mask"][0] == "True"
            result[name] = make_column(values, name, units[name], mask)
        return result

    return TableSource(
        path, [name for name in names if name not in masks], read, meta=header.get("meta")
    )


def _plain(path: str, texts: list[str]) -> TableSource:
    comments, end = _comments(texts[0])
    first, body = _first_line(texts[0], end)
    delimiter = _delimiter(first)
    names = _split(first, delimiter)
    units: dict[str, Any] = {}
    words = _BETWEEN_WORDS.split(first.strip())
    if 2 * sum(map(_is_number, words)) >= len(words):
        body = end
        names, units = _commented_names(comments, len(names), delimiter)
    if not names:
        raise ValueError("no line of the file names the columns; add them as the first line")
    rows = _Rows(texts.pop(), body, delimiter, names)

    def read(wanted: list[str]) -> dict[str, Column]:
        columns = rows.parse(wanted)
        return {
            name: make_column(values, name, units.get(name), mask)
            for name, (values, mask) in columns.items()
        }

    return TableSource(path, names, read)


def _comments(text: str) -> tuple[list[str], int]:
    """Return the comments and blank lines at the top of a text, and the index where they end."""
    lines, begin = [], 0
    while begin < len(text):
        line, end = _first_line(text, begin)
        if line.strip() and not line.lstrip().startswith("#"):
            break
        lines.append(line.strip())
        begin = end
    return lines, begin


def _first_line(text: str, begin: int) -> tuple[str, int]:
    """Return the line that begins at an index of a text, and the index of the next line."""
    end = text.find("\n", begin)
    end = len(text) if end < 0 else end
    return text[begin:end], end + 1


def _delimiter(line: str) -> str:
    """Return the separator that the line contains most often; a blank if it contains none."""
    best = max(_DELIMITERS, key=line.count)
    return best if best in line else " "


def _split(line: str, delimiter: str) -> list[str]:
    words = csv.reader([line.strip()], delimiter=delimiter, skipinitialspace=True)
    parts = next(words, [])
    if delimiter == " ":
        return [part for part in parts if part]
    return [part.strip() for part in parts]


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return word == "" or _SEXAGESIMAL.fullmatch(word) is not None
    return True


def _commented_names(
    comments: list[str], n_columns: int, delimiter: str
) -> tuple[list[str], dict[str, Any]]:
    """Return the column names and units in the comments above data; no names if there are none."""
    numbered = [match for match in map(_NUMBERED_NAME.fullmatch, comments) if match]
    if [int(match[1]) for match in numbered] == list(range(1, n_columns + 1)):
        return [match[2] for match in numbered], {match[2]: match[3] for match in numbered}
    for line in reversed(comments):
        names = _split(line.lstrip("#"), delimiter)
        if len(names) == n_columns and not any(map(_is_number, names)):
            return names, {}
    return [], {}


class _Rows:
    """The rows of a text table, ready for astropy's fast parser.

    Parameters
    ----------
    text : str
        The text.
    begin : int
        The index in ``text`` of the first character of the first row.
    delimiter : str
        The delimiter.
    names : list of str
        The names of all columns.
    """

    def __init__(self, text: str, begin: int, delimiter: str, names: list[str]) -> None:
        self.delimiter, self.names = delimiter, names
        body = text[begin:]
        del text
        self.is_empty = not body or body.isspace()
        self.is_ascii = body.isascii()
        if not self.is_ascii:  # the parser takes ASCII only
            body = body.encode("ascii", "backslashreplace").decode("ascii")
        # Numbers as names, since names in files may repeat or contain the delimiter.
        header = delimiter.join(f"c{i}" for i in range(len(names)))
        self.text = f"{header}\n{body}"

    def parse(self, wanted: list[str]) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
        """Parse the columns with the names ``wanted``.

        Return, for each column, the values, and a mask that is True for empty cells or None.
        """
        if self.is_empty:
            return {name: (np.empty(0), None) for name in wanted}
        numbers = {name: f"c{self.names.index(name)}" for name in wanted}
        table = astropy_ascii.read(
            self.text,
            format="fast_basic" if self.delimiter == " " else "fast_csv",
            delimiter=self.delimiter,
            include_names=list(numbers.values()),
        )
        result = {}
        for name, number in numbers.items():
            mask = getattr(table[number], "mask", None)
            values = np.asarray(table[number])
            if not self.is_ascii and values.dtype.kind == "U":
                values = np.array([_ESCAPED.sub(_character, value) for value in values.tolist()])
            result[name] = values, (None if mask is None else np.asarray(mask))
        return result


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1] or match[2] or match[3], 16))
