# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tables that commands write, in the format that the suffix says."""

from lensmap.utils import FITS_SUFFIXES, HDF5_SUFFIXES, has_suffix, import_optional, set_formats

__all__ = ["show_table", "table_format", "write_table"]

_FORMATS = {
    FITS_SUFFIXES: ("fits", {}),
    (".ecsv",): ("ascii.ecsv", {}),
    # A name of its own: astropy warns about its default. The meta is left out unless asked for.
    HDF5_SUFFIXES: ("hdf5", {"path": "table", "serialize_meta": True}),
    (".parquet", ".parq"): ("parquet", {}),
    (".csv",): ("ascii.csv", {}),
    (".vot", ".votable", ".xml"): ("votable", {}),
}
_PACKAGES = {"hdf5": ("h5py", "h5py"), "parquet": ("pyarrow", "'lensmap[io]'")}


def table_format(path):
    """Return the format that a suffix stands for.

    Parameters
    ----------
    path : path-like
        The name of a table's file.

    Returns
    -------
    name : str
        The format by its name in `astropy.table`.
    options : dict
        What `astropy.table.Table.write` needs for it.

    Raises
    ------
    ValueError
        If it stands for none.
    ImportError
        If the format needs a package that is missing.
    """
    for suffixes, (name, options) in _FORMATS.items():
        if has_suffix(path, suffixes):
            if name in _PACKAGES:
                package, install = _PACKAGES[name]
                import_optional(package, purpose=f"a table in {name}", install=install)
            return name, options
    known = ", ".join(suffix for suffixes in _FORMATS for suffix in suffixes)
    raise ValueError(f"a table's file must end in one of {known}, not {str(path)!r}")


def show_table(table, formats):
    """Print a table, whole.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table; it is not changed.
    formats : dict
        From columns to how their numbers are written, such as ``".2f"``.
    """
    table = table.copy()
    for name, text in formats.items():
        table[name].info.format = text
    print("\n".join(table.pformat(max_lines=-1, max_width=-1)))


def write_table(table, path):
    """Write a table in the format that the suffix says, whatever was there before.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    path : path-like
        Where to.
    """
    name, options = table_format(path)
    if name == "ascii.csv":
        # astropy would write what is shown, not all digits
        table = set_formats(table.copy(), dict.fromkeys(table.colnames, ""))
    table.write(path, format=name, overwrite=True, **options)
