# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Errors of disks that are full, with the file that could not be written."""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lensmap.typing import PathLike
from lensmap.utils._leftovers import remove_leftovers, temporary_path

__all__ = ["FullDiskError", "full_disk_named", "is_full_disk", "temporary_folder"]

# A full disk, a full quota, and the largest file that the system or the user's limits allow.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

# numpy's `tofile` gives no number if only a part of an array fits onto the disk.
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")


class FullDiskError(OSError):
    """The error raised when a file cannot be written because its disk is full.

    Parameters
    ----------
    number : int
        The error number of the system.
    message : str
        The message, with the path of the file.
    """

    def __init__(self, number: int, message: str) -> None:
        super().__init__(number, message)

    def __str__(self) -> str:
        return str(self.args[1])


def is_full_disk(error: BaseException | None) -> bool:
    """Return whether an error, or one of its causes, reports a full disk.

    Parameters
    ----------
    error : BaseException or None
        The error.

    Returns
    -------
    bool
        True for a full disk, an exceeded quota, and a file that is too large for its disk.
    """
    return _number_of(error) is not None


@contextmanager
def full_disk_named(
    path_of: Callable[[], PathLike],
    remedy: str = "free some space, or use another directory",
) -> Iterator[None]:
    """Name the file in the error that a full disk causes while a block runs.

    Parameters
    ----------
    path_of : callable
        A function without parameters that returns the path of the file. It is called after an
        error.
    remedy : str
        The advice to the user.

    Yields
    ------
    None
        Nothing.

    Raises
    ------
    FullDiskError
        If the block raises an error that reports a full disk.
    """
    try:
        yield
    except FullDiskError:
        raise
    except Exception as error:
        number = _number_of(error)  # astropy's FITS writer drops the number, but keeps the cause
        if number is None:
            raise
        raise FullDiskError(number, _describe(path_of(), number, remedy)) from error


@contextmanager
def temporary_folder(prefix: str, folder: PathLike | None = None) -> Iterator[str]:
    """Make a folder for temporary files, and remove it at the end of a ``with`` block.

    What a killed process leaves in ``folder`` is removed by the next call for the same directory.

    Parameters
    ----------
    prefix : str
        The beginning of the name.
    folder : path-like or None
        The directory in which the folder is made; None for that of the environment variable
        TMPDIR, or of the system.

    Yields
    ------
    str
        The path of the folder.

    Raises
    ------
    FullDiskError
        If the disk of the folder is full.
    OSError
        If no temporary folder can be made.
    """
    remedy = "free some space" + (
        "" if folder else ", or set the environment variable TMPDIR to another directory"
    )
    try:
        directory = tempfile.mkdtemp(prefix=prefix) if folder is None else _new(prefix, folder)
    except OSError as error:
        if folder is not None and not is_full_disk(error):
            raise
        where = _temporary_directory() if folder is None else f"the directory {str(folder)!r}"
        text = f"cannot make a temporary folder in {where} ({error.strerror}): {remedy}"
        number = _number_of(error)
        if number is not None:
            raise FullDiskError(number, text) from error
        raise OSError(text) from error
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _new(prefix, folder):
    """Make a folder whose name shows, after the process was killed, that it can be removed."""
    remove_leftovers(folder)
    path = temporary_path(Path(folder, prefix.strip(".-"))).with_suffix("")
    path.mkdir(mode=0o700)
    return str(path)


def _temporary_directory():
    """Return the directory of temporary files as text."""
    given = os.environ.get("TMPDIR")
    try:
        return f"the directory {tempfile.gettempdir()!r}"
    except OSError:  # Python tries TMPDIR, the directories of the system and the working directory
        return (f"the directory {given!r} (TMPDIR) or " if given else "") + "the system's directory"


def _number_of(error):
    """Return the number of the full-disk error that an error is or was caused by, or None."""
    while error is not None:
        if isinstance(error, OSError):
            if error.errno in _FULL:
                return error.errno
            if error.errno is None and _SHORT_WRITE.fullmatch(str(error)):
                return errno.ENOSPC
        error = error.__cause__ or error.__context__
    return None


def _describe(path, number, remedy):
    path, reason = Path(path), os.strerror(number)
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError:
        space = ""
    else:
        space = f", {free / 1e6:.3g} MB are free in {str(path.parent)!r}"
    return f"cannot write to {str(path)!r} ({reason}{space}): {remedy}"
