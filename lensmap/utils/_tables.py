# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Display formats of table columns."""

from collections.abc import Mapping

from astropy.table import Table

__all__ = ["set_formats"]


def set_formats(table: Table, formats: Mapping[str, str], *, others: str | None = None) -> Table:
    """Set the display formats of a table's columns in place; values are unchanged.

    Slices and stacks of the table keep the formats and all digits, and so do ECSV and FITS files.
    In plain-text formats such as CSV, astropy writes only the displayed digits.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    formats : dict
        The formats, keyed by column name, such as ``{"ra dec": ".5f"}``; a key may hold several
        names separated by spaces. Names that the table lacks are ignored.
    others : str or None
        The format of all other floating-point columns. If None, their formats are unchanged.

    Returns
    -------
    `~astropy.table.Table`
        The same table.
    """
    format_of = {name: text for names, text in formats.items() for name in names.split()}
    for name in table.colnames:
        text = format_of.get(name, others if table[name].dtype.kind == "f" else None)
        if text is not None:
            table[name].info.format = text
    return table
