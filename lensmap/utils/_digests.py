# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Sizes and digests that identify the input files of a run."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lensmap.utils._provenance import RUN_RECORD

if TYPE_CHECKING:
    from lensmap.typing import PathLike

__all__ = ["file_digest", "folder_digest", "visible_files"]

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


def folder_digest(path: PathLike) -> dict[str, Any]:
    """Return the size and a digest of the files in a folder and its subfolders.

    Hidden files are left out, and so is the record of the run that wrote the folder, which holds a
    date.

    Parameters
    ----------
    path : path-like
        The folder.

    Returns
    -------
    dict
        ``files``, the number of files; ``bytes``, their size; and ``sha256``, the digest of their
        names and of the result of `file_digest` for each. Folders of more than 1 GB have
        ``sha256_of_ends`` instead, the digest of the names, sizes and the first and last MiB of
        all files.

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    names = visible_files(path)
    size = sum((Path(path) / name).stat().st_size for name in names)
    is_large = size > _MAX_SHA256_BYTES
    digest = hashlib.sha256()
    for name in names:
        facts = _digest_of_ends(Path(path) / name) if is_large else file_digest(Path(path) / name)
        digest.update(json.dumps([name, facts], sort_keys=True).encode())
    kind = "sha256_of_ends" if is_large else "sha256"
    return {"files": len(names), "bytes": size, kind: digest.hexdigest()}


def _digest_of_ends(path):
    """Return the size of a file, and the SHA-256 digest of its first and last MiB."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        ends = hashlib.sha256(file.read(_END_BYTES))
        file.seek(max(_END_BYTES, size - _END_BYTES))
        ends.update(file.read())
    return {"bytes": size, "sha256": ends.hexdigest()}


def visible_files(path: PathLike) -> list[str]:
    """Return the names of the files in a folder and its subfolders, sorted.

    Hidden files and the record of a run are left out.

    Parameters
    ----------
    path : path-like
        The folder.

    Returns
    -------
    list of str
        The names relative to the folder, with "/" between their parts.
    """
    names = (file.relative_to(path) for file in Path(path).rglob("*") if file.is_file())
    return sorted(
        name.as_posix() for name in names
        if name.name != RUN_RECORD and not any(part.startswith(".") for part in name.parts)
    )
