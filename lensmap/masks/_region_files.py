# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Readers of region files: DS9, CRTF and FITS region tables.

The parsers of the `regions` package leave out shapes and frames that they do not support, so a mask
would become smaller unnoticed. Here a warning counts and names the regions that are left out, and
an invalid region is an error that names its line.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import QTable

from lensmap.masks._shapes import Component
from lensmap.utils import MapWarning, printable, warn_user

__all__ = ["read_fits_regions", "read_text_regions"]

# Shapes without an area. They mark something and mask nothing.
_WITHOUT_AREA = {"point", "line", "text", "vector", "ruler", "compass", "projection", "segment",
                 "symbol"}

_DS9_FRAMES = re.compile(
    r"^(image|icrs|fk5|j2000|fk4|b1950|galactic|ecliptic|linear|amplifier|detector|physical|tile"
    r"|wcs[a-z0-9]?)\b",
    re.IGNORECASE,
)

_SHAPE = {
    "ds9": re.compile(r"^#?\s*[+-]?\s*([a-zA-Z]\w*)"),
    "crtf": re.compile(r"^[+-]?\s*(?:ann\s+)?([a-zA-Z]\w*)", re.IGNORECASE),
}

# What the `regions` package warns about shapes and frames that it does not know.
_UNSUPPORTED = re.compile("supported|not a valid frame|frame was not found|columns are missing")

# The number of passed-over regions that a warning describes.
_MAX_NAMED = 3


@dataclass(frozen=True)
class _Statement:
    """A region in a text file.

    Attributes
    ----------
    line : int
        The number of the line, from 1.
    text : str
        The text of the region, such as ``"circle(10, 20, 30)"``.
    context : str
        The earlier line of the file that sets the frame or the global properties of the region.
    shape : str
        The name of the shape, in lower case.
    """

    line: int
    text: str
    context: str
    shape: str


def read_text_regions(path: Path, file_format: str) -> list[Any]:
    """Read the regions of a DS9 or CRTF (CASA region text format) file.

    Parameters
    ----------
    path : `pathlib.Path`
        The file.
    file_format : {"ds9", "crtf"}
        The format.

    Returns
    -------
    list of `regions.Region`
        The regions; at least one.

    Raises
    ------
    ValueError
        If there is no region, or if a region cannot be used. The message names its line.

    Warns
    -----
    MapWarning
        If the file holds regions that the `regions` package does not support.
    """
    from regions import Regions

    text = path.read_text(encoding="utf-8", errors="replace")
    statements = list(_statements(text, file_format))
    with_area = [statement for statement in statements if statement.shape not in _WITHOUT_AREA]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            regions = list(Regions.parse(text, format=file_format))
        except Exception:  # noqa: BLE001 - the parsers raise errors of any class
            if not with_area:
                raise
            regions = []
    if not with_area:
        raise ValueError(_no_region(statements))
    if not caught and len(regions) >= len(statements):
        return regions
    return _read_singly(path, file_format, with_area)


def _no_region(statements: list[_Statement]) -> str:
    if statements:
        return "there is no region with an area in it: points, lines and text have none"
    return "there is no region in it"


def _read_singly(path: Path, file_format: str, statements: list[_Statement]) -> list[Any]:
    """Parse the regions of a text file one at a time, so that an error can name the line."""
    regions, passed_over = [], []
    for number, statement in enumerate(statements, start=1):
        label = f"region {number} (line {statement.line}), {_short(statement.text)}"
        parsed = _parse(f"{statement.context}\n{statement.text}", file_format, label)
        regions += parsed
        if not parsed:
            passed_over.append(label)
    if not regions:
        raise ValueError(
            f"the regions package supports none of its regions, such as {passed_over[0]}"
        )
    _warn_passed_over(path, passed_over, len(statements))
    return regions


def _parse(source: Any, file_format: str, label: str) -> list[Any]:
    """Parse the text of a region; return no region if the `regions` package does not support it."""
    from regions import Regions

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            regions = list(Regions.parse(source, format=file_format))
        except Exception as error:  # noqa: BLE001 - the parsers raise errors of any class
            raise ValueError(f"{label}, cannot be used: {_reason(error)}") from error
    texts = [str(warning.message) for warning in caught]
    # Warnings about colors and the like leave the region as it is.
    if not regions and not any(_UNSUPPORTED.search(text) for text in texts):
        raise ValueError(f"{label}, cannot be used: {_reason(None)}")
    return regions


def _reason(error: Exception | None) -> str:
    """Return the cause of an error of the parsers, if its text was written for users."""
    if isinstance(error, ValueError) and "Cannot parse" not in str(error):
        return printable(error)
    return (
        "its numbers cannot be read; write them as in 'circle(150.1, 2.2, 0.01)', with all values "
        "of the shape"
    )


def _warn_passed_over(path: Path, passed_over: list[str], total: int) -> None:
    if not passed_over:
        return
    named = "; ".join(passed_over[:_MAX_NAMED])
    more = len(passed_over) - _MAX_NAMED
    warn_user(
        f"{len(passed_over)} of {total} regions in the mask file {str(path)!r} are left out, "
        f"because the regions package does not support their shape or frame: {named}"
        + (f"; and {more} more" if more > 0 else "")
        + ". Replace them by circles, ellipses, boxes or polygons on the sky",
        MapWarning,
        "regions_left_out",
        "mask",
    )


def _short(text: str) -> str:
    text = printable(text)
    return text if len(text) <= 60 else text[:57] + "..."


def _statements(text: str, file_format: str) -> Iterator[_Statement]:
    """Yield each region of a text file, with the earlier line that sets its frame or properties."""
    context = "#CRTFv0" if file_format == "crtf" else ""
    for number, line in enumerate(text.splitlines(), start=1):
        for part in _split(line) if file_format == "ds9" else [line.strip()]:
            if not part or (part.startswith("#") and not re.match(r"#\s*text\s*\(", part)):
                continue
            if part.lower().startswith("global"):
                if file_format == "crtf":
                    context = f"#CRTFv0\n{part}"
                continue
            if file_format == "ds9" and _DS9_FRAMES.match(part) and "(" not in part.split("#")[0]:
                context = part
                continue
            shape = _SHAPE[file_format].match(part)
            if shape is not None and not part.lower().startswith("# composite"):
                yield _Statement(number, part, context, shape[1].lower())


def _split(line: str) -> list[str]:
    """Split a line of a DS9 file at semicolons, except in text enclosed in braces."""
    return [part.strip() for part in re.split(r";(?![^{]*\})", line)]


def read_fits_regions(hdu: Any, label: str) -> list[Any]:
    """Read a FITS region table.

    Shapes of the same COMPONENT are intersected, and a shape that begins with an exclamation mark
    stands for its outside (FITS region convention, McDowell & Rots 1998). Without COMPONENT,
    excluded shapes are cut out of all others, as in DS9.

    Parameters
    ----------
    hdu : `~astropy.io.fits.BinTableHDU`
        The table, with the columns SHAPE, X and Y.
    label : str
        The name of the file for messages.

    Returns
    -------
    list of `regions.Region` or Component
        The regions; at least one.

    Raises
    ------
    ValueError
        If there is no region, or if a region cannot be used. The message names its row.

    Warns
    -----
    MapWarning
        If the table holds regions that the `regions` package does not support.
    """
    table = QTable.read(hdu)
    table.rename_columns(table.colnames, [name.upper() for name in table.colnames])
    table.keep_columns([name for name in ("SHAPE", "X", "Y", "R", "ROTANG", "COMPONENT")
                        if name in table.colnames])
    if hdu.header.get("ORIGIN") != "astropy/regions":
        # FITS pixels are counted from 1, while the regions package reads and writes this table as
        # if they were counted from 0.
        for axis in ("X", "Y"):
            table[axis] = np.asarray(table[axis], dtype=float) - 1
    components = table["COMPONENT"] if "COMPONENT" in table.colnames else None
    plain = table.copy()
    if components is not None:
        plain.remove_column("COMPONENT")  # the parser would drop the exclamation mark
    regions, passed_over, members = [], [], []
    for i in range(len(table)):
        name = str(table["SHAPE"][i]).strip()
        if name.lower().lstrip("!") in _WITHOUT_AREA:
            continue
        row = f"region {i + 1}, {name}"
        parsed = _parse(plain[i:i + 1], "fits", row)
        if not parsed:
            passed_over.append(row)
        regions += parsed
        members += [None if components is None else int(components[i])] * len(parsed)
    if not regions:
        raise ValueError("there is no region with an area in it: points, lines and text have none")
    _warn_passed_over(Path(label), passed_over, len(regions) + len(passed_over))
    return regions if components is None else _united(regions, members)


def _united(regions: list[Any], members: list[Any]) -> list[Component]:
    """Group the regions of a FITS region table into components.

    The regions of a component are intersected. ``members`` holds the number of the component of
    each region.
    """
    return [
        Component([region for region, member in zip(regions, members, strict=True)
                   if member == component])
        for component in sorted(set(members))
    ]
