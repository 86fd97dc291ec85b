# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tables as text for people."""

from lensmap.utils import set_formats

__all__ = ["format_table"]


def format_table(table, formats):
    """Return a table as text, with all rows and columns.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table; it is not changed.
    formats : dict
        The format of the numbers in a column, such as ``".2f"``, keyed by the name of the column.

    Returns
    -------
    str
        The lines of the table.
    """
    table = set_formats(table.copy(), formats)
    return "\n".join(table.pformat(max_lines=-1, max_width=-1))
