# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tables in the format that the file's suffix stands for, with a record of their making."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lensmap.utils._exceptions import ParameterError
from lensmap.utils._files import FITS_SUFFIXES, HDF5_SUFFIXES, has_suffix
from lensmap.utils._fits_files import write_fits_table
from lensmap.utils._hdf5 import recorded_hdf5_file
from lensmap.utils._optional import import_optional
from lensmap.utils._provenance import provenance
from lensmap.utils._seal import UNSEALED, seal
from lensmap.utils._tables import set_formats

if TYPE_CHECKING:
    from astropy.table import Table

    from lensmap.typing import PathLike

__all__ = ["table_format", "write_table"]

_FORMATS = {
    FITS_SUFFIXES: "fits",
    (".ecsv",): "ascii.ecsv",
    HDF5_SUFFIXES: "hdf5",
    (".parquet", ".parq"): "parquet",
    (".csv",): "ascii.csv",
    (".vot", ".votable", ".xml"): "votable",
}
_PACKAGES = {"hdf5": ("h5py", "h5py"), "parquet": ("pyarrow", "'lensmap[io]'")}


def table_format(path: PathLike) -> str:
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


def write_table(table: Table, path: PathLike, format: str | None = None, **entries: Any) -> None:
    """Write a table with a record of its making; an existing file is replaced.

    CSV files have no place for the record.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    path : path-like
        The file.
    format : str or None
        The format of the file, as `table_format` returns it. If None, that of its suffix.
    **entries
        Further entries of the record, such as ``results``.
    """
    _WRITERS[table_format(path) if format is None else format](table, path, entries)


def _write_csv(table, path, entries):
    # astropy would write only the displayed digits
    table = set_formats(table.copy(), dict.fromkeys(table.colnames, ""))
    table.write(path, format="ascii.csv", overwrite=True)


def _write_hdf5(table, path, entries):
    with recorded_hdf5_file(path, **entries) as file:
        # Without serialize_meta, astropy drops the meta.
        table.write(file, format="hdf5", path="table", serialize_meta=True)


def _write_votable(table, path, entries):
    from astropy.io.votable import from_table
    from astropy.io.votable.tree import Info

    tree = from_table(table)  # it drops the meta
    record = json.dumps(provenance(**entries, seal=UNSEALED))
    tree.resources[0].infos.append(Info(name="provenance", value=record))
    tree.to_xml(str(path))
    seal(path)


def _write_with_meta(format):
    def write(table, path, entries):
        table = table.copy(copy_data=False)
        table.meta = {**table.meta, "provenance": provenance(**entries, seal=UNSEALED)}
        table.write(path, format=format, overwrite=True)
        seal(path)

    return write


_WRITERS = {
    "fits": lambda table, path, entries: write_fits_table(table, path, **entries),
    "ascii.csv": _write_csv,
    "hdf5": _write_hdf5,
    "votable": _write_votable,
    "ascii.ecsv": _write_with_meta("ascii.ecsv"),
    "parquet": _write_with_meta("parquet"),
}
