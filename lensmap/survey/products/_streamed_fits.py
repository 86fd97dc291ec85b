# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""HDUs of FITS files whose data are written in parts, before their number of rows is known."""

from __future__ import annotations

import io
from typing import IO, Any

import numpy as np
from astropy.io import fits

from lensmap.utils import add_checksums, creation_date

__all__ = ["GrowingHDU", "hdu_bytes"]

_BLOCK = 2880
_ALL_ONES = 2**32 - 1
_NO_CHECKSUM = "0" * 16

# Characters between the digits, the upper-case and the lower-case letters, which a checksum avoids.
_PUNCTUATION = {*range(0x3A, 0x41), *range(0x5B, 0x61)}


def hdu_bytes(*hdus: Any) -> bytes:
    """Return HDUs with checksums as the bytes of a file.

    Parameters
    ----------
    *hdus : HDUs
        The HDUs, of which the first may be a primary HDU.

    Returns
    -------
    bytes
        The bytes, without a primary HDU if there is none among ``hdus``.
    """
    has_primary = isinstance(hdus[0], fits.PrimaryHDU)
    file = fits.HDUList(list(hdus) if has_primary else [fits.PrimaryHDU(), *hdus])
    add_checksums(file)
    stream = io.BytesIO()
    file.writeto(stream)
    # An empty primary HDU is one block.
    return stream.getvalue()[0 if has_primary else _BLOCK:]


class GrowingHDU:
    """An HDU at the end of an open file, whose data are appended.

    Parameters
    ----------
    file : file
        The file, open for reading and writing in binary mode, at the place of the HDU.
    header : `~astropy.io.fits.Header`
        The header of the HDU with any number of rows.
    rows_keyword : str
        The keyword of the number of rows: ``NAXIS1`` for an image of one dimension, ``NAXIS2`` for
        a table.

    Attributes
    ----------
    n_rows : int
        The number of rows that are written.
    """

    def __init__(self, file: IO[bytes], header: fits.Header, rows_keyword: str) -> None:
        self._file, self._header, self._keyword = file, header.copy(), rows_keyword
        when = creation_date().isoformat().removesuffix("+00:00")
        self._header["CHECKSUM"] = _NO_CHECKSUM, f"HDU checksum updated {when}"
        self._header["DATASUM"] = _NO_CHECKSUM, f"data unit checksum updated {when}"
        self._place = file.tell()
        self._header_size = file.write(self._header.tostring().encode("ascii"))
        self._size, self._sum, self._rest = 0, 0, b""
        self.n_rows = 0

    def append(self, values: np.ndarray) -> None:
        """Write further rows.

        Parameters
        ----------
        values : `numpy.ndarray`
            The rows, ``(n,)``, of the type of the data. They are written with the largest byte
            first, as FITS has it.
        """
        data = values.astype(values.dtype.newbyteorder(">"), copy=False).tobytes()
        self._file.write(data)
        self._add(data)
        self._size += len(data)
        self.n_rows += len(values)

    def finish(self) -> None:
        """Complete the data and the header of the HDU; the file is then at its end."""
        padding = b"\0" * (-self._size % _BLOCK)
        self._file.write(padding)
        self._add(padding)
        end = self._file.tell()
        self._header[self._keyword] = self.n_rows
        data_sum = _folded(self._sum)
        self._header["DATASUM"] = str(data_sum)
        total = _folded(data_sum + _sum_of(self._header.tostring().encode("ascii")))
        self._header["CHECKSUM"] = _encoded(_ALL_ONES - total)
        header = self._header.tostring().encode("ascii")
        if len(header) != self._header_size:  # it would overwrite the data
            raise RuntimeError("the header of a growing HDU has changed its size")
        self._file.seek(self._place)
        self._file.write(header)
        self._file.seek(end)

    def _add(self, data):
        """Add data to the checksum; up to three bytes wait for the next data."""
        data = self._rest + data
        whole = len(data) - len(data) % 4
        self._sum += _sum_of(data[:whole])
        self._rest = data[whole:]


def _sum_of(data):
    """Return the sum of the 32-bit integers of some bytes."""
    return int(np.frombuffer(data, ">u4").sum(dtype=np.uint64))


def _folded(total):
    """Return a 32-bit one's complement sum."""
    while total > _ALL_ONES:
        total = (total & _ALL_ONES) + (total >> 32)
    return total


def _encoded(value):
    """Return a 32-bit integer as the 16 characters of the keyword CHECKSUM.

    Each byte is the sum of four characters, which are moved away from punctuation in pairs. The
    text begins at the last byte of a 32-bit word, hence the rotation at the end.

    References
    ----------
    FITS standard 4.0, appendix J.2.
    """
    columns = []
    for shift in (24, 16, 8, 0):
        quotient, remainder = divmod(value >> shift & 0xFF, 4)
        codes = [quotient + ord("0")] * 4
        codes[0] += remainder
        while _PUNCTUATION & {*codes}:
            for first, second in ((0, 1), (2, 3)):
                if _PUNCTUATION & {codes[first], codes[second]}:
                    codes[first] += 1
                    codes[second] -= 1
        columns.append(codes)
    text = "".join(chr(columns[byte][i]) for i in range(4) for byte in range(4))
    return text[-1] + text[:-1]
