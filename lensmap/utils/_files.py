# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Atomic writing of files, and file suffixes."""

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lensmap.typing import PathLike

__all__ = ["FITS_SUFFIXES", "HDF5_SUFFIXES", "atomic_write", "has_suffix", "remove_leftovers"]

# The name of a temporary file of ``atomic_write`` contains this mark, followed by the eight random
# characters of `tempfile.mkstemp`.
_MARK = "-lensmap-"
_LEFTOVER = re.compile(rf"\..*{_MARK}[a-z0-9_]{{8}}(\..*)?")

#: Suffixes of FITS and HDF5 files, lower case.
FITS_SUFFIXES = (".fits", ".fit", ".fits.gz", ".fit.gz")
HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf")


def has_suffix(path: PathLike, suffixes: tuple[str, ...]) -> bool:
    """Test whether a file name ends in one of several suffixes, ignoring case.

    Parameters
    ----------
    path : path-like
        The file.
    suffixes : tuple of str
        The suffixes, lower case, such as ``FITS_SUFFIXES``.

    Returns
    -------
    bool
        True if the name ends in one of the suffixes.
    """
    return Path(path).name.lower().endswith(suffixes)


@contextmanager
def atomic_write(path: PathLike, *, overwrite: bool = False) -> Iterator[Path]:
    """Write to a temporary file that replaces ``path`` when the block succeeds.

    After an interruption, ``path`` has either its old content or the complete new one. Only a
    killed process leaves a temporary file, which `remove_leftovers` deletes. At the end of the
    block, the file and its directory entry are flushed to the disk, so that they survive a power
    failure.

    Parameters
    ----------
    path : path-like
        The final name. The temporary file lies in the same directory, so that the rename is atomic.
    overwrite : bool
        Whether an existing file may be replaced.

    Yields
    ------
    pathlib.Path
        The temporary name, with the same suffix as ``path``.

    Raises
    ------
    FileExistsError
        If ``path`` exists and ``overwrite`` is False.
    FileNotFoundError
        If the directory does not exist.
    PermissionError
        If the directory cannot be written to.
    """
    path = Path(path)
    _check_target(path, overwrite)
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem}{_MARK}",
            suffix="".join(path.suffixes[-2:]) or ".tmp",
            dir=path.parent,
        )
    except OSError as error:
        if not (isinstance(error, PermissionError) or error.errno == errno.EROFS):
            raise
        raise PermissionError(
            f"cannot write to the directory {str(path.parent)!r}: no permission; use another "
            "directory"
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _give_ordinary_permissions(temporary)
        # Without this, a power failure may leave an empty file under the new name.
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        # Another process may have created the file in the meantime.
        _check_target(path, overwrite)
        os.replace(temporary, path)
        _sync_directory(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: PathLike) -> list[str]:
    """Remove the temporary files of ``atomic_write`` that killed processes left behind.

    Call this only while no process is writing to the folder.

    Parameters
    ----------
    folder : path-like
        The folder; its subfolders are not searched.

    Returns
    -------
    list of str
        The names of the files that were removed.
    """
    names = [path.name for path in Path(folder).iterdir() if _LEFTOVER.fullmatch(path.name)]
    for name in names:
        Path(folder, name).unlink(missing_ok=True)
    return sorted(names)


def _sync_directory(folder):
    """Flush a directory's entries to the disk, if the system supports it."""
    if os.name != "posix":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a directory that may be written to, but not read
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems
            raise
    finally:
        os.close(handle)


def _check_target(path, overwrite):
    if path.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a directory: give the name of a file")
    if path.exists() and not overwrite:
        raise FileExistsError(f"the file {str(path)!r} exists; overwrite=True replaces it")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"the directory {str(path.parent)!r} does not exist: create the directory first"
        )


def _give_ordinary_permissions(path):
    """Give a file the permissions that the user's ordinary new files have (umask).

    Temporary files are otherwise readable by the user alone.
    """
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)
