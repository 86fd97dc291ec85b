# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files that are there whole or not at all."""

import errno
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

__all__ = ["FITS_SUFFIXES", "HDF5_SUFFIXES", "atomic_write", "has_suffix"]

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
    file, and no temporary file stays behind.

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
            prefix=f".{path.stem}-", suffix="".join(path.suffixes[-2:]) or ".tmp", dir=path.parent
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
    finally:
        temporary.unlink(missing_ok=True)


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
