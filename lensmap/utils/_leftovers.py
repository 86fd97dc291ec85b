# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Names of temporary files and folders, and removal of those that killed processes left behind.

The name of a temporary file is hidden, and holds the machine, the number and the start time of the
process that writes it: ``.NAME-lensmap-MACHINE-NUMBER-START-RANDOM.SUFFIX``.
"""

import os
import re
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from lensmap.typing import PathLike
from lensmap.utils._processes import has_ended, machine_code, start_time

__all__ = ["remove_leftovers", "temporary_path"]

_MARK = "-lensmap-"
_LEFTOVER = re.compile(rf"\..*{_MARK}([0-9a-f]{{8}})-(\d+)-(\d*)-[0-9a-f]{{8}}(\..*)?")

# File systems allow names of 255 bytes.
_MAX_STEM_BYTES = 150


def temporary_path(path: PathLike) -> Path:
    """Return a new name for the temporary file that will replace a file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    pathlib.Path
        A hidden file in the same directory and with the same suffix, which does not exist.
    """
    path, pid = Path(path), os.getpid()
    compressed = path.suffix.lower() in (".gz", ".bz2", ".xz")
    suffix = "".join(path.suffixes[-2:]) if compressed else path.suffix or ".tmp"
    stem = path.stem.encode()[:_MAX_STEM_BYTES].decode(errors="ignore")
    process = f"{machine_code()}-{pid}-{start_time(pid) or ''}"
    return path.with_name(f".{stem}{_MARK}{process}-{secrets.token_hex(4)}{suffix}")


def remove_leftovers(folder: PathLike, *, of_other_machines: bool = False) -> list[str]:
    """Remove the temporary files and folders that killed processes left in a folder.

    They are those of ``atomic_write`` and ``temporary_folder``. What belongs to a process that is
    still alive on this machine is kept.

    Parameters
    ----------
    folder : path-like
        The folder; its subfolders are not searched.
    of_other_machines : bool
        Whether to remove the files of processes on other machines, too. These may be alive, so
        that the caller must know that none of them writes to the folder.

    Returns
    -------
    list of str
        The sorted names of the files and folders that were removed.
    """
    removed, here = [], None
    try:
        names = [name for name in os.listdir(folder) if _MARK in name]
    except OSError:  # a directory that may be written to, but not read
        return []
    for name in names:
        match = _LEFTOVER.fullmatch(name)
        if match is None:
            continue
        here = machine_code() if here is None else here
        machine, pid, started = match[1], int(match[2]), match[3] or None
        if has_ended(pid, started) if machine == here else of_other_machines:
            # Another process may remove the same file at the same time.
            path = Path(folder, name)
            with suppress(OSError):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
                removed.append(name)
    return sorted(removed)
