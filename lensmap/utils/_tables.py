# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How many digits of a table are shown: those that mean something."""

__all__ = ["set_formats"]


def set_formats(table, formats, *, others=None):
    """Say how the numbers of a table are printed; the numbers themselves stay as they are.

    The formats go along with columns into parts of the table, stacks, ECSV and FITS files, which
    have all digits nevertheless. Plain text, such as CSV, is written by astropy as it is printed.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table; it is changed.
    formats : dict
        From names of columns, separated by spaces, to how their numbers are written, such as
        ``{"ra dec": ".5f"}``. Columns that are not there are passed over.
    others : str or None
        The same for all other columns of floating-point numbers; None leaves them.

    Returns
    -------
    `~astropy.table.Table`
        ``table``.
    """
    wanted = {name: text for names, text in formats.items() for name in names.split()}
    for name in table.colnames:
        text = wanted.get(name, others if table[name].dtype.kind == "f" else None)
        if text is not None:
            table[name].info.format = text
    return table
