# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files that are there whole or not at all."""

import errno
import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path

__all__ = ["FITS_SUFFIXES", "HDF5_SUFFIXES", "atomic_write", "has_suffix", "remove_leftovers"]

# A temporary file of `atomic_write`: the mark, then the eight characters of `tempfile.mkstemp`.
_MARK = "-lensmap-"
_LEFTOVER = re.compile(rf"\..*{_MARK}[a-z0-9_]{{8}}(\..*)?")

#: What names of files of a kind end in, in lower case.
FITS_SUFFIXES = (".fits", ".fit", ".fits.gz", ".fit.gz")
HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf")


def has_suffix(path, suffixes):
    """Say whether the name of a file ends in one of some suffixes, in any case.

    Parameters
    ----------
    path : path-like
        The file.
    suffixes : tuple of str
        In lower case, such as ``FITS_SUFFIXES``.

    Returns
    -------
    bool
        Whether it does.
    """
    return Path(path).name.lower().endswith(suffixes)


@contextmanager
def atomic_write(path, *, overwrite=False):
    """Give a temporary name to write to, and move it to ``path`` when all went well.

    Whatever interrupts the writing, ``path`` holds either what it held before or the whole new
    file. Only a process that is killed leaves its temporary file, see `remove_leftovers`. When the
    block ends, the file and its name are on the disk, and survive a power cut.

    Parameters
    ----------
    path : path-like
        Where the file shall be. The temporary file lies beside it, so that the move is atomic.
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
        raise PermissionError(f"cannot write to the directory {str(path.parent)!r}") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _give_ordinary_permissions(temporary)
        # Without this, a power cut may leave the new name with nothing in it.
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        # A second look: another process may have made the file in the meantime.
        _check_target(path, overwrite)
        os.replace(temporary, path)
        _sync_directory(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder):
    """Remove the temporary files that killed processes left behind in `atomic_write`.

    No process may be writing to the folder.

    Parameters
    ----------
    folder : path-like
        The folder; folders in it are not searched.

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
    """Bring the names of a directory's files to the disk, where the system can do that."""
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
        raise IsADirectoryError(f"{str(path)!r} is a directory, not the name of a file")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{str(path)!r} exists; overwrite=True replaces it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the directory {str(path.parent)!r} does not exist")


def _give_ordinary_permissions(path):
    """Undo mkstemp's private mode: the file gets what the user's umask gives to any other."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)
