# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tables that commands write, in the format that the file's suffix stands for."""

from lensmap.utils import (
    FITS_SUFFIXES,
    HDF5_SUFFIXES,
    ParameterError,
    has_suffix,
    hdf5_file,
    import_optional,
    set_formats,
)

__all__ = ["format_table", "table_format", "write_table"]

_FORMATS = {
    FITS_SUFFIXES: "fits",
    (".ecsv",): "ascii.ecsv",
    HDF5_SUFFIXES: "hdf5",
    (".parquet", ".parq"): "parquet",
    (".csv",): "ascii.csv",
    (".vot", ".votable", ".xml"): "votable",
}
_PACKAGES = {"hdf5": ("h5py", "h5py"), "parquet": ("pyarrow", "'lensmap[io]'")}


def table_format(path):
    """Return the astropy format that the suffix of a file stands for.

    Parameters
    ----------
    path : path-like
        The file of a table.

    Returns
    -------
    str
        The name of the format in `astropy.table`.

    Raises
    ------
    ValueError
        If the suffix is not known.
    ImportError
        If the format needs a package that is not installed.
    """
    for suffixes, name in _FORMATS.items():
        if has_suffix(path, suffixes):
            if name in _PACKAGES:
                package, install = _PACKAGES[name]
                import_optional(package, purpose=f"a table in {name}", install=install)
            return name
    known = ", ".join(suffix for suffixes in _FORMATS for suffix in suffixes)
    raise ParameterError("path", f"one of {known}", repr(str(path)), verb="end in")


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


def write_table(table, path):
    """Write a table in the format of the file's suffix; an existing file is replaced.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    path : path-like
        The file.
    """
    name = table_format(path)
    if name == "hdf5":
        with hdf5_file(path) as file:
            # Without serialize_meta, astropy drops the meta.
            table.write(file, format=name, path="table", serialize_meta=True)
        return
    if name == "ascii.csv":
        # astropy would write only the displayed digits
        table = set_formats(table.copy(), dict.fromkeys(table.colnames, ""))
    table.write(path, format=name, overwrite=True)
