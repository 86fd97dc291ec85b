# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Folders that appear under their name when they are complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lensmap.utils import OutputExistsError, full_disk_named, temporary_folder

__all__ = ["HIPS_PROPERTIES", "new_folder"]

#: The file that each HiPS folder has.
HIPS_PROPERTIES = "properties"


@contextmanager
def new_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Fill a temporary folder that gets its final name when the block succeeds.

    Parameters
    ----------
    path : `pathlib.Path`
        The final name. The temporary folder lies beside it.
    overwrite : bool
        Whether a HiPS folder of this name may be replaced. Other folders are never replaced.

    Yields
    ------
    `pathlib.Path`
        The temporary folder.

    Raises
    ------
    FileExistsError
        If ``path`` exists and may not be replaced.
    FileNotFoundError
        If the directory of ``path`` does not exist.
    FullDiskError
        If the disk is full.
    """
    target = Path(os.path.realpath(path))
    _check(path, target, overwrite)
    with full_disk_named(lambda: path), temporary_folder(f".{target.name}-", target.parent) as work:
        new, old = Path(work, "new"), Path(work, "old")
        new.mkdir()
        yield new
        _check(path, target, overwrite)
        if target.exists():
            os.replace(target, old)
        os.replace(new, target)


def _check(path, target, overwrite):
    """Raise OSError unless a folder can be written to the path."""
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"the directory {str(target.parent)!r} does not exist: create the directory first"
        )
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not (target / HIPS_PROPERTIES).is_file():
        raise FileExistsError(
            f"{str(path)!r} exists and is not a HiPS folder, which alone would be replaced: give "
            "another name"
        )
    if not overwrite:
        raise OutputExistsError(f"the folder {str(path)!r} exists; {{overwrite=True}} replaces it")
