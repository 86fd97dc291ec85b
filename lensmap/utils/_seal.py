# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A digest of a whole file within the file itself, for formats without checksums of their own."""

from __future__ import annotations

import hashlib
import mmap
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensmap.typing import PathLike

__all__ = ["UNSEALED", "is_sealed", "seal"]

_MARK = b"lensmap-sha256:"
_ZEROS = b"0" * 64

#: The text that a file contains once, uncompressed, before `seal` puts the digest in its place.
UNSEALED = (_MARK + _ZEROS).decode()

_CHUNK = 2**20


def seal(path: PathLike) -> None:
    """Put the SHA-256 digest of a file in the place of `UNSEALED`; do nothing without this text.

    The digest is that of the file with zeros in the place of the digest.

    Parameters
    ----------
    path : path-like
        The file, which is changed in place.
    """
    with open(path, "rb+") as file, _content(file) as content:
        start = content.find(UNSEALED.encode())
        if start >= 0:
            start += len(_MARK)
            content[start:start + len(_ZEROS)] = _digest(content, start).encode()
            content.flush()


def is_sealed(path: PathLike) -> bool | None:
    """Test whether a file has the digest that `seal` put into it.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    bool or None
        True if the file is unchanged, False if it was changed. None if it has no digest.
    """
    with open(path, "rb") as file, _content(file, write=False) as content:
        matches = list(re.finditer(_MARK + rb"([0-9a-f]{64})", content))
        marks = [(match.start(1), match.group(1).decode()) for match in matches]
        del matches  # they hold the memory map
        if not marks:
            # A changed byte of the mark itself must not make the file one without a digest.
            return None
        return any(_digest(content, start) == text for start, text in marks)


def _content(file, *, write=True):
    """Return the content of an open file as a memory map."""
    if file.seek(0, 2) == 0:  # an empty file cannot be mapped
        return memoryview(b"") if not write else mmap.mmap(-1, 1)
    access = mmap.ACCESS_WRITE if write else mmap.ACCESS_READ
    return mmap.mmap(file.fileno(), 0, access=access)


def _digest(content, start):
    """Return the SHA-256 digest of a file with zeros from ``start`` on in place of its digest."""
    digest, end = hashlib.sha256(), start + len(_ZEROS)
    for first, last in ((0, start), (end, len(content))):
        if first == end:
            digest.update(_ZEROS)
        for position in range(first, last, _CHUNK):
            digest.update(content[position:min(position + _CHUNK, last)])
    return digest.hexdigest()
