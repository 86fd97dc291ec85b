# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Sizes and digests that identify the input files of a run."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lensmap.typing import PathLike

__all__ = ["file_digest"]

_MAX_SHA256_BYTES = 10**9
_END_BYTES = 2**20


def file_digest(path: PathLike) -> dict[str, Any]:
    """Return the size and a digest of a file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    dict
        ``bytes``, the size, and for files of up to 1 GB ``sha256``, the digest of the content.
        Reading larger files would take longer than many runs; they have ``sha256_of_ends``, the
        digest of their first and last MiB, and ``modified``, the time of their last change in UTC.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    size = Path(path).stat().st_size
    with open(path, "rb") as file:
        if size <= _MAX_SHA256_BYTES:
            return {"bytes": size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
        ends = hashlib.sha256(file.read(_END_BYTES))
        file.seek(-_END_BYTES, 2)
        ends.update(file.read())
    modified = datetime.fromtimestamp(Path(path).stat().st_mtime, timezone.utc)
    return {
        "bytes": size,
        "sha256_of_ends": ends.hexdigest(),
        "modified": modified.isoformat(timespec="seconds"),
    }
