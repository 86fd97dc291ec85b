# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Atomic writing of files, and file suffixes."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lensmap.typing import PathLike
from lensmap.utils._exceptions import OutputExistsError
from lensmap.utils._full_disk import full_disk_named
from lensmap.utils._leftovers import remove_leftovers, temporary_path

__all__ = [
    "FITS_SUFFIXES",
    "HDF5_SUFFIXES",
    "NETWORK_SUFFIXES",
    "atomic_write",
    "atomic_writes",
    "has_suffix",
]

#: Suffixes of FITS and HDF5 files, lower case.
FITS_SUFFIXES = (".fits", ".fit", ".fits.gz", ".fit.gz")
HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf")

#: Suffixes of the files of neural networks: weights, and whole Keras models.
NETWORK_SUFFIXES = (".h5", ".keras")


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
    killed process leaves a temporary file, which the next call for the same directory removes. At
    the end of the block, the file and its directory entry are flushed to the disk, so that they
    survive a power failure. A file that is replaced keeps its permissions. If ``path`` is a
    symbolic link, the file that it leads to is written.

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
        If ``path`` exists and ``overwrite`` is False, or ``path`` is a device, pipe or socket.
    IsADirectoryError
        If ``path`` is a directory.
    FileNotFoundError
        If the directory does not exist.
    PermissionError
        If the directory cannot be written to.
    FullDiskError
        If the disk is full.
    """
    with atomic_writes([path], overwrite=overwrite) as temporaries:
        yield temporaries[0]


@contextmanager
def atomic_writes(paths: Iterable[PathLike], *, overwrite: bool = False) -> Iterator[list[Path]]:
    """Write several files that belong together; see `atomic_write`.

    No file gets its final name before all are complete and flushed to the disk.

    Parameters
    ----------
    paths : iterable of path-like
        The final names, in the order of the renames.
    overwrite : bool
        Whether existing files may be replaced.

    Yields
    ------
    list of pathlib.Path
        The temporary names.
    """
    outputs: list[_Output] = []
    try:
        with full_disk_named(lambda: _last_written(outputs)):
            for path in paths:
                outputs.append(_Output(path, overwrite))
                outputs[-1].create()
            yield [output.temporary for output in outputs]
            for output in outputs:
                output.complete()
            for output in outputs:
                os.replace(output.temporary, output.target)
            for folder in {output.target.parent for output in outputs}:
                _sync_directory(folder)
    finally:
        for output in outputs:
            output.temporary.unlink(missing_ok=True)


class _Output:
    """A file to write, at the end of symbolic links, and its temporary file."""

    def __init__(self, path, overwrite):
        self.path, self._overwrite = Path(path), overwrite
        self.target = Path(os.path.realpath(path))
        self._check()
        self.temporary = temporary_path(self.target)

    def create(self):
        """Create the temporary file."""
        folder = self.target.parent
        remove_leftovers(folder)
        # The umask of the user applies to new files. Until it is complete, the successor of a
        # private file must not be readable by others.
        mode = 0o600 if self.target.exists() else 0o666
        try:
            os.close(os.open(self.temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode))
        except OSError as error:
            if not (isinstance(error, PermissionError) or error.errno == errno.EROFS):
                raise
            raise PermissionError(
                f"cannot write to the directory {str(folder)!r}: no permission; use another "
                "directory"
            ) from error

    def complete(self):
        """Set the permissions of the temporary file, and flush it to the disk."""
        # Another process may have created the file in the meantime.
        self._check()
        with open(self.temporary, "rb+") as file:
            # Without this, a power failure may leave an empty file under the new name. Some file
            # systems report only here that the disk is full.
            os.fsync(file.fileno())
        if self.target.exists():
            _keep_permissions(self.target.stat(), self.temporary)

    def _check(self):
        """Raise OSError unless a file can be written to the path."""
        path, target = str(self.path), self.target
        if target.is_dir():
            raise IsADirectoryError(f"{path!r} is a directory: give the name of a file")
        if target.is_symlink():
            raise FileExistsError(
                f"{path!r} is a symbolic link that leads to itself: give another name"
            )
        if target.exists() and not target.is_file():
            raise FileExistsError(
                f"{path!r} is a device, pipe or socket, which a file cannot replace: give another "
                "name"
            )
        if target.exists() and not self._overwrite:
            raise OutputExistsError(f"the file {path!r} exists; {{overwrite=True}} replaces it")
        if not target.parent.is_dir():
            raise FileNotFoundError(
                f"the directory {str(target.parent)!r} does not exist: create the directory first"
            )


def _keep_permissions(status, path):
    """Give a file the permissions and, if allowed, the owner of the file that it replaces."""
    if os.name == "posix":
        with suppress(OSError):
            os.chown(path, status.st_uid, status.st_gid)
    path.chmod(stat.S_IMODE(status.st_mode))


def _last_written(outputs):
    """Return the path of the file that was being written when an error occurred."""
    def changed(output):
        try:
            return output.temporary.stat().st_mtime_ns
        except OSError:  # the file could not be created
            return float("inf")

    return max(outputs, key=changed).path


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
