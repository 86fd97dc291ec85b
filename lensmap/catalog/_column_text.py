# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Parser of the parameter ``columns`` in the form of a text, ``PRESET,ours=theirs,...``."""

from __future__ import annotations

from lensmap.utils import ParameterError

__all__ = ["read_columns_text"]


def read_columns_text(text: str) -> tuple[str | None, dict[str, str | None]]:
    """Parse the choice of columns in a text, such as ``hsc-y3,redshift=photoz_best,m=none``.

    Parameters
    ----------
    text : str
        Optionally the name of a preset or the path of its file, and pairs such as ``ra=NAME`` of
        lensmap's column name and a column name or expression of the table, separated by commas.
        Commas within parentheses, brackets, quotes or backticks do not separate.

    Returns
    -------
    preset : str or None
        The preset. None if the text has no preset.
    columns : dict
        The table's column names or expressions, keyed by lensmap's column names. None for columns
        to leave out.

    Raises
    ------
    ParameterError
        If the text has another form.
    """
    preset: str | None = None
    columns: dict[str, str | None] = {}
    for item in _split(text):
        ours, equals, theirs = (part.strip() for part in item.partition("="))
        if not equals and ours and preset is None and not columns:
            preset = ours
            continue
        if not (equals and ours) or theirs.startswith("="):
            raise ParameterError(
                "columns",
                "a preset, changes to it such as redshift=photoz_best,m=none, or both",
                repr(item.strip()),
            )
        if ours in columns:
            raise ParameterError("columns", f"{ours} once", "twice", verb="name")
        if theirs.startswith("`") and theirs.endswith("`") and theirs.count("`") == 2:
            theirs = theirs[1:-1]
        # "m=" says the same as "m=none".
        columns[ours] = None if theirs.lower() in ("none", "") else theirs
    return preset, columns


def _split(text: str) -> list[str]:
    """Split a text at the commas that are outside parentheses and quotes."""
    items, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"`":
            quote = character
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        if character == "," and not quote and depth <= 0:
            items.append("")
        else:
            items[-1] += character
    return items
