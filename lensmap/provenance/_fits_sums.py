# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The checksums of FITS files, tested on all bytes of each HDU."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from lensmap.utils import check_number_of_hdus

if TYPE_CHECKING:
    from lensmap.typing import PathLike

__all__ = ["wrong_hdus"]

_CHUNK = 2880 * 1024
_ALL_ONES = 2**32 - 1


def wrong_hdus(path: PathLike) -> tuple[list[str], list[str]]:
    """Test the keyword CHECKSUM of each HDU of a FITS file.

    astropy tests the header as it reads it, and so does not see changes in the padding of a header,
    among others. This function adds up the bytes of the file.

    Parameters
    ----------
    path : path-like
        The file, which may be compressed by gzip.

    Returns
    -------
    wrong, without : list of str
        The names of the HDUs with a wrong checksum, and of those without one; ``HDU 2`` is the one
        with the number 2, if it has no name.

    Raises
    ------
    OSError, ValueError
        If the file is incomplete or damaged.

    References
    ----------
    FITS standard 4.0, appendix J: the 32-bit one's complement sum of an HDU with a CHECKSUM card is
    -0.
    """
    with fits.open(path) as hdus:
        check_number_of_hdus(hdus)
        spans = []
        for number, hdu in enumerate(hdus):
            place = hdu.fileinfo()
            name = hdu.name or ("PRIMARY" if number == 0 else f"HDU {number}")
            spans.append((name, place["datLoc"] + place["datSpan"], "CHECKSUM" in hdu.header))
    wrong, without, position = [], [], 0
    with _opened(path) as file:
        for name, end, has_checksum in spans:
            is_right = _sum(file, end - position) == _ALL_ONES
            position = end
            if not has_checksum:
                without.append(name)
            elif not is_right:
                wrong.append(name)
        if file.read(1):
            raise ValueError("the file goes on after its last HDU")
    return wrong, without


def _opened(path):
    with open(path, "rb") as file:
        is_compressed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if is_compressed else open(path, "rb")


def _sum(file, size):
    """Return the 32-bit one's complement sum of the next ``size`` bytes of a file."""
    total = 0
    while size > 0:
        chunk = file.read(min(size, _CHUNK))
        if not chunk or len(chunk) % 4:
            raise ValueError("the file ends too early: truncated")
        total += int(np.frombuffer(chunk, ">u4").sum(dtype=np.uint64))
        size -= len(chunk)
    while total > _ALL_ONES:
        total = (total & _ALL_ONES) + (total >> 32)
    return total
