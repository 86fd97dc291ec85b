# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Opening of tables: the format of a file, and errors that name it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astropy.table import Table
from astropy.utils.data import get_readable_fileobj
from astropy.utils.exceptions import AstropyDeprecationWarning

from lensmap.catalog.files._source import TableSource
from lensmap.utils import (
    FITS_SUFFIXES,
    HDF5_SUFFIXES,
    ParameterError,
    missing_file,
    printable,
)

if TYPE_CHECKING:
    from lensmap.typing import PathLike

__all__ = ["check_no_choice", "open_table", "read_table"]

_MAGIC = {
    b"SIMPLE  =": "fits",
    b"\x89HDF\r\n\x1a\n": "hdf5",
    b"PAR1": "parquet",
    b"# %ECSV": "text",
}
_SUFFIXES = {
    **dict.fromkeys([suffix for suffix in FITS_SUFFIXES if suffix.count(".") == 1], "fits"),
    **dict.fromkeys(HDF5_SUFFIXES, "hdf5"),
    **dict.fromkeys((".parquet", ".parq", ".pq"), "parquet"),
    **dict.fromkeys((".vot", ".votable", ".xml"), "votable"),
    **dict.fromkeys((".csv", ".ecsv", ".tsv", ".txt", ".dat", ".cat", ".tab", ".asc"), "text"),
}
# The names of formats in astropy that are read here; the others are read as a whole.
_FORMATS = {
    "fits": "fits",
    "hdf5": "hdf5",
    "parquet": "parquet",
    "votable": "votable",
    **dict.fromkeys(("ascii.ecsv", "ecsv", "ascii.csv", "csv", "ascii.fast_csv"), "text"),
}
# The parameter that chooses a table in a file.
_CHOICES = {"fits": "hdu", "hdf5": "path", "votable": "path"}


@contextmanager
def open_table(
    path: PathLike,
    /,
    *,
    suits: Callable[[list[str]], bool] | None = None,
    format: str | None = None,
    **kwargs: Any,
) -> Iterator[TableSource]:
    """Open a table in a file. Only the requested columns are read.

    Parameters
    ----------
    path : path-like
        The file.
    suits : callable or None
        A function that takes column names and returns whether a table with these columns can be
        used, which chooses among several tables of a file. If None, any table can be used.
    format : str or None
        The name of the file's format in `astropy.table`. If None, the format is determined from
        the content and the name of the file.
    **kwargs
        ``hdu``, the number or name of an HDU in a FITS file; ``path``, the path of a dataset or
        group in an HDF5 file, or the ID, name or number of a table in a VOTable. Other parameters
        are those of `astropy.table.Table.read`, which then reads the whole table.

    Yields
    ------
    TableSource
        The table.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file cannot be read as a table, or no table can be chosen.
    ImportError
        If the format needs a package that is not installed.
    """
    name = str(path)
    with ExitStack() as stack:
        with _errors_that_name(path, kwargs):
            kind = _kind(path, format)
            choice = {_CHOICES[kind]} if kind in _CHOICES else set()
            if kind is None or set(kwargs) - choice - {"hdu", "path"}:
                source = _whole(name, format, kwargs)
            else:
                _check_choice(name, kind, set(kwargs) - choice)
                reader = _reader(kind)
                source = stack.enter_context(
                    reader(name, suits, *kwargs.values()) if choice else reader(name)
                )

        def naming(read: Callable[..., Any]) -> Callable[..., Any]:
            def read_or_name(*arguments: Any) -> Any:
                with _errors_that_name(path, kwargs):
                    return read(*arguments)

            return read_or_name

        source._read = naming(source._read)
        if source._read_rows is not None:
            source._read_rows = naming(source._read_rows)
        yield source


def _reader(kind: str) -> Callable[..., Any]:
    if kind == "fits":
        from lensmap.catalog.files._fits import open_fits

        return open_fits
    if kind == "hdf5":
        from lensmap.catalog.files._hdf5 import open_hdf5

        return open_hdf5
    if kind == "parquet":
        from lensmap.catalog.files._parquet import open_parquet

        return open_parquet
    if kind == "votable":
        from lensmap.catalog.files._votable import open_votable

        return open_votable
    from lensmap.catalog.files._text import open_text

    return open_text


def _check_choice(name: str, kind: str, wrong: set[str]) -> None:
    """Raise a ParameterError if ``wrong`` holds ``"hdu"`` or ``"path"``.

    ``wrong`` are the given parameters that do not suit the format of the file. ``name`` is the name
    of the file, and ``kind`` its format.
    """
    for parameter in wrong:
        suited = {"hdu": "FITS file", "path": "HDF5 file or a VOTable"}[parameter]
        raise ParameterError(
            parameter, f"in a {suited}",
            remedy=f"{name!r} is read as {kind}, so leave {{{parameter}}} out",
            verb="name a table",
        )


def _kind(path: PathLike, format: str | None) -> str | None:
    """Return the kind of a file, from its content and its suffix; None if only astropy knows it."""
    if format is not None:
        return _FORMATS.get(format)
    with get_readable_fileobj(str(path), encoding="binary") as file:
        begin = file.read(1024)
    for mark in (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"):
        begin = begin.removeprefix(mark)
    for magic, kind in _MAGIC.items():
        if begin.startswith(magic):
            return kind
    if b"<VOTABLE" in begin:
        return "votable"
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in (".gz", ".bz2", ".xz"):
        suffixes.pop()
    return _SUFFIXES.get(suffixes[-1]) if suffixes else None


def check_no_choice(given: Mapping[str, Any], path: PathLike) -> None:
    """Raise an error if parameters that choose a table or a format are given for a folder.

    Parameters
    ----------
    given : dict
        The parameters by name. Those that are None are not given.
    path : path-like
        The folder.
    """
    for name, value in given.items():
        if value is not None:
            raise ParameterError(
                name, "None for a folder of Parquet files", repr(value),
                f"{str(path)!r} is a folder, so leave {{{name}}} out",
            )


def _whole(name: str, format: str | None, kwargs: dict[str, Any]) -> TableSource:
    """Read all columns of the table in the file ``name`` with astropy."""
    table = Table.read(name, format=format, **kwargs)
    return TableSource(
        name, table.colnames, lambda wanted: {key: table[key] for key in wanted}, meta=table.meta
    )


@contextmanager
def _errors_that_name(path: PathLike, kwargs: dict[str, Any]) -> Iterator[None]:
    """Convert the errors of parsers to errors that name the file."""
    if not Path(path).exists():
        raise missing_file(path)
    if Path(path).is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a directory, not a table")
    try:
        with warnings.catch_warnings():
            # if the specified HDU is missing, astropy would read another one with a warning
            warnings.filterwarnings(
                "error", "Specified hdu=.* not found", AstropyDeprecationWarning
            )
            yield
    except ImportError as error:
        remedy = "install it with: python -m pip install 'lensmap[io]'"
        text = str(error) if "pip install" in str(error) else f"{error}; {remedy}"
        raise ImportError(f"cannot read {str(path)!r}: {text}") from error
    except (PermissionError, IsADirectoryError, ParameterError, MemoryError):
        raise
    # The parsers of broken files raise errors of any class.
    except Exception as error:  # noqa: BLE001
        if isinstance(error, TypeError) and "unexpected keyword" in str(error):
            raise TypeError(f"reading a table: {error}") from error
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        if reason.startswith("Specified hdu"):
            raise ParameterError(
                "hdu", f"the number or name of one table in {str(path)!r}", repr(kwargs["hdu"])
            ) from error
        if reason.startswith("Format could not be identified"):  # followed by all formats
            reason = "its name and content do not determine its format, or the file is damaged"
        raise ValueError(
            f"cannot read {str(path)!r} as a table: {printable(reason)}"
        ) from error


def read_table(path: PathLike, /, *, format: str | None = None, **kwargs: Any) -> Table:
    """Read a whole table, and raise a ValueError for any file that cannot be parsed.

    Parameters
    ----------
    path : path-like
        The file.
    format : str or None
        The name of the file's format in `astropy.table`. If None, the format is determined from
        the name and content of the file.
    **kwargs
        Further parameters of `astropy.table.Table.read`, such as ``path``, the path of a table
        within an HDF5 file.

    Returns
    -------
    `~astropy.table.Table`
        The table.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file cannot be read as a table.
    ImportError
        If the format needs a package that is not installed.
    """
    with _errors_that_name(path, kwargs):
        return Table.read(path, format=format, **kwargs)
