# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tables in FITS files."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Column
from astropy.utils.exceptions import AstropyUserWarning

from lensmap.catalog.files._source import TableSource, choose_table, make_column
from lensmap.catalog.files._versions import name_version
from lensmap.utils import ParameterError, find_hdus, list_names, printable

__all__ = ["open_fits"]

_CHUNK_BYTES = 8 * 2**20

# Cards about the display and the meaning of columns. astropy would parse them for all columns, and
# an invalid card of a column that is not needed would be an error.
_UNUSED_CARDS = re.compile(
    r"(TDISP|TDIM|TUNIT|TUCD|TUTYP|TCOMM|TCTYP|TCUNI|TCRPX|TCRVL|TCDLT|TRPOS)\d+"
)
_Z_GRID = "Z_GRID"  # the redshifts of p(z)

_STRUCTURE = re.compile(
    r"(XTENSION|BITPIX|NAXIS\d*|[PG]COUNT|TFIELDS|THEAP|EXTNAME|EXTVER|CHECKSUM|DATASUM|COMMENT|"
    r"HISTORY|T[A-Z]{3,5}\d+|)"
)


@contextmanager
def open_fits(
    path: str, suits: Callable[[list[str]], bool] | None, hdu: int | str | None = None
) -> Iterator[TableSource]:
    """Open a table in a FITS file.

    Parameters
    ----------
    path : str
        The file, possibly compressed.
    suits : callable or None
        A function that takes column names and returns whether a table with these columns can be
        used, which chooses among several tables of the file. If None, any table can be used.
    hdu : int, str or None
        The number or name of the HDU, or ``"NAME,EXTVER"``. If None, the only HDU whose table can
        be used.

    Yields
    ------
    TableSource
        The table.

    Raises
    ------
    ValueError
        If the file is incomplete, or no table can be chosen.
    """
    with ExitStack() as stack:
        with _warnings_of_fits():
            hdus = stack.enter_context(fits.open(path, memmap=True, character_as_bytes=True))
            tables = [
                _source(path, number, item)
                for number, item in enumerate(hdus)
                if isinstance(item, (fits.BinTableHDU, fits.TableHDU))
            ]
            chosen = _chosen(tables, path, hdu, hdus) if hdu is not None else None
        if chosen is None:
            yield choose_table(tables, suits, path, "hdu")
        else:
            yield name_version(chosen, [table.name for table in tables])


@contextmanager
def _warnings_of_fits() -> Iterator[None]:
    """Ignore header cards that violate the FITS standard; raise an error for incomplete files."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        warnings.filterwarnings("error", "File may have been truncated", AstropyUserWarning)
        yield


def _chosen(tables: list[TableSource], path: str, hdu: int | str, hdus: Any) -> TableSource:
    """Return the table of the HDU that the user chose."""
    numbers = find_hdus(hdus, hdu)
    chosen = [table for table in tables if table.key in numbers]
    if len(chosen) == 1:
        return chosen[0]
    places = list_names((table.place for table in chosen or tables), quoted=False) or "no table"
    raise ParameterError(
        "hdu", f"the number or name of one table in {path!r}", repr(hdu),
        f"the file has {places}",
    )


def _source(path: str, number: int, hdu: Any) -> TableSource:
    header = hdu.header
    n_columns = header.get("TFIELDS", 0)
    names = [str(header.get(f"TTYPE{i}", f"col{i}")).strip() for i in range(1, n_columns + 1)]
    units = [header.get(f"TUNIT{i}") for i in range(1, n_columns + 1)]
    meta = {
        key: header[key] for key in header if not _STRUCTURE.fullmatch(key)
    }
    if (n_cards := header.count(_Z_GRID) if _Z_GRID in header else 0) > 1:
        # astropy writes lists in the meta of a table as one card for each value.
        meta[_Z_GRID] = [header[_Z_GRID, i] for i in range(n_cards)]
    place = f"HDU {number}" + (f" {printable(hdu.name)!r}" if hdu.name else "")

    def read(
        wanted: list[str], start: int = 0, stop: int | None = None
    ) -> dict[str, Column]:
        rows = slice(start, header["NAXIS2"] if stop is None else stop)
        for card in [key for key in header if _UNUSED_CARDS.fullmatch(key)]:
            del header[card]
        with _warnings_of_fits():
            indices = {name: names.index(name) for name in wanted}
            plain = [i for i in indices.values() if _is_plain(hdu, i)]
            values = _read_plain(path, hdu, plain, rows)
            return {
                name: _column(hdu, i, name, units[i], values.get(i), rows)
                for name, i in indices.items()
            }

    # A compressed file is read as a whole in any case.
    in_parts = isinstance(hdu, fits.BinTableHDU) and not hdu.fileinfo()["file"].compression
    return TableSource(
        path, names, read, meta=meta, place=place, key=number, name=hdu.name,
        n_rows=header["NAXIS2"], read_rows=read if in_parts else None,
    )


def _is_plain(hdu: Any, i: int) -> bool:
    """Return whether the column with the index ``i`` holds numbers without scaling."""
    column = hdu.columns[i]
    return (
        isinstance(hdu, fits.BinTableHDU)
        and re.fullmatch(r"1?[BIJKED]", str(column.format)) is not None
        and column.bscale in (None, "", 1)
        and column.bzero in (None, "", 0)
    )


def _read_plain(
    path: str, hdu: Any, indices: list[int], selected: slice
) -> dict[int, np.ndarray]:
    """Read unscaled columns of numbers in one pass over the rows, a few MB at a time.

    A memory map would be read once for each column, and would count as memory of the process.
    ``indices`` are the numbers of the columns, from 0, and ``selected`` are the rows to read.
    Return the values of each column, keyed by its index. The dict is empty for compressed files.
    """
    place = hdu.fileinfo()
    file = place["file"]
    if file.compression or file.mode != "readonly" or not indices:
        return {}
    dtype = hdu.columns.dtype.newbyteorder(">")
    n_all, width = hdu.header["NAXIS2"], hdu.header["NAXIS1"]
    n_rows = selected.stop - selected.start
    if dtype.itemsize != width:
        return {}
    fields = {i: dtype.names[i] for i in indices}
    values = {
        i: np.empty(n_rows, dtype[field].newbyteorder("=")) for i, field in fields.items()
    }
    n_chunk = max(1, _CHUNK_BYTES // max(width, 1))
    with open(path, "rb") as stream:
        stream.seek(place["datLoc"] + selected.start * width)
        for begin in range(0, n_rows, n_chunk):
            n = min(n_chunk, n_rows - begin)
            rows = np.frombuffer(stream.read(n * width), dtype=dtype)
            if len(rows) < n:
                n_read = selected.start + begin + len(rows)
                raise ValueError(f"the file ends after {n_read} of {n_all} rows")
            for i, field in fields.items():
                values[i][begin : begin + n] = rows[field]
    return values


def _column(
    hdu: Any, i: int, name: str, unit: Any, values: np.ndarray | None, rows: slice
) -> Column:
    """Return the column with the index ``i`` of an HDU.

    The values of the selected ``rows`` are read from the HDU if ``values`` is None.
    """
    column = hdu.columns[i]
    if re.match(r"\d*[PQ]", str(column.format)):
        raise ValueError(
            f"the column {printable(name)!r} holds arrays of variable length (FITS format "
            f"{column.format}); use a column with one number per row"
        )
    if values is None:
        n_rows = hdu.header["NAXIS2"]
        # Of a slice, astropy converts only the rows of the slice.
        data = hdu.data if rows == slice(0, n_rows) else hdu.data[rows]
        values = np.asarray(data.field(i))
        # The copy outlives the file, is contiguous, and has the byte order of the machine.
        values = np.array(values, dtype=values.dtype.newbyteorder("="))
    mask = None
    if column.null not in (None, "") and values.dtype.kind in "iu":
        mask = values == int(column.null) * int(column.bscale or 1) + int(column.bzero or 0)
    return make_column(values, name, unit, mask)
