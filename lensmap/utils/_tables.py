# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Display formats of table columns."""

from collections.abc import Mapping

from astropy.table import Table

__all__ = ["set_formats"]


def set_formats(table: Table, formats: Mapping[str, str], *, others: str | None = None) -> Table:
    """Set the display formats of a table's columns in place; values are unchanged.

    Slices, stacks, ECSV and FITS files keep the formats and all digits. astropy writes plain text,
    such as CSV, with the displayed digits.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    formats : dict
        Format specifications by column names, such as ``{"ra dec": ".5f"}``; names are separated by
        spaces. Names that the table lacks are ignored.
    others : str or None
        The format of all other floating-point columns; None leaves them unchanged.

    Returns
    -------
    `~astropy.table.Table`
        ``table``.
    """
    format_of = {name: text for names, text in formats.items() for name in names.split()}
    for name in table.colnames:
        text = format_of.get(name, others if table[name].dtype.kind == "f" else None)
        if text is not None:
            table[name].info.format = text
    return table
