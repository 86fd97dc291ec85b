# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`FolderLock`: exclusive access to a folder, also on network file systems and after crashes."""

import json
import os
import threading
import uuid
from contextlib import suppress
from pathlib import Path

from lensmap.utils._exceptions import InUseError
from lensmap.utils._full_disk import full_disk_named, is_full_disk
from lensmap.utils._processes import has_ended, machine, start_time

__all__ = ["FolderLock"]

_NAME = ".lensmap-lock"

_HEARTBEAT = 60.0  # seconds
_STALE = 600.0  # seconds without a heartbeat


class FolderLock:
    """A lock file that gives one run exclusive access to a folder.

    A thread updates the modification time of the file every minute (the heartbeat). The lock of a
    dead process is replaced: at once if the process ran on this machine (Linux only), otherwise
    when the last heartbeat is 10 minutes old.

    Parameters
    ----------
    folder : path-like
        An existing folder.
    take_over : bool
        Whether to take over the folder of a run that was killed. A run that is still alive
        gets a RuntimeError in its next `check`.

    Raises
    ------
    RuntimeError
        If another run holds the folder.
    """

    def __init__(self, folder, *, take_over=False):
        self._path = Path(folder) / _NAME
        self._token, self._pid = uuid.uuid4().hex, os.getpid()
        with full_disk_named(lambda: self._path):
            self._acquire(folder, take_over)
            self._remove_leftovers()
        self._stop = threading.Event()
        # The thread holds no reference to this object, so that the lock is released when the
        # object is garbage-collected.
        threading.Thread(
            target=_beat, args=(self._path, self._token, self._stop), daemon=True
        ).start()

    def _acquire(self, folder, take_over):
        """Create the lock file; raise InUseError while another run holds it."""
        while not self._make():
            holder, age = _holder(self._path), _age(self._path)
            if not take_over and not _is_stale(holder, age):
                raise InUseError(_in_use(folder, holder, age))
            self._remove(holder)

    def _aside(self, purpose):
        """Return the path of a temporary file for this lock; ``purpose`` is a part of its name."""
        return self._path.with_name(f"{_NAME}-{self._token}-{purpose}")

    def _make(self):
        """Try to create the lock file for this process, and return whether it was created."""
        # The lock file is made as a hard link, so that other processes never see it incomplete.
        temporary, text = self._aside("new"), json.dumps({**_identity(), "token": self._token})
        try:
            temporary.write_text(text, encoding="utf-8")
            os.link(temporary, self._path)
        except FileExistsError:
            return False
        except OSError as error:
            if is_full_disk(error):
                raise
            try:  # a file system without links
                with open(self._path, "x", encoding="utf-8") as file:
                    file.write(text)
            except FileExistsError:
                return False
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def _remove(self, holder):
        """Remove the lock file of a dead process, unless another process has replaced it meanwhile.

        ``holder`` is the content of the lock file, as returned by `_holder`.
        """
        aside = self._aside("old")
        with suppress(FileNotFoundError):
            os.rename(self._path, aside)
            if _holder(aside).get("token") != holder.get("token"):
                with suppress(OSError):
                    os.link(aside, self._path)
            aside.unlink()

    def _remove_leftovers(self):
        """Remove temporary files of processes that were killed while they created a lock."""
        for path in list(self._path.parent.glob(f"{_NAME}-*")):
            if _age(path) > _STALE:
                path.unlink(missing_ok=True)

    def check(self):
        """Check that this run still holds the folder.

        Raises
        ------
        RuntimeError
            If another run took the folder over, or `release` was called.
        """
        if self._stop.is_set() or _holder(self._path).get("token") != self._token:
            raise RuntimeError(
                f"this run can no longer write to the folder {str(self._path.parent)!r}, because "
                "another run has taken the folder over, or this run has closed it: start this run "
                "again when no other run uses the folder"
            )

    def release(self):
        """Release the folder; further calls do nothing."""
        # A forked child has a copy of this object, but does not hold the folder.
        if self._stop.is_set() or os.getpid() != self._pid:
            return
        self._stop.set()
        if _holder(self._path).get("token") == self._token:
            self._path.unlink(missing_ok=True)


def _beat(path, token, stop):
    """Update the modification time of the lock file until the lock is released or taken over.

    ``token`` identifies the lock; ``stop`` is an event that is set at the release.
    """
    while not stop.wait(_HEARTBEAT):
        with suppress(OSError):
            if _holder(path).get("token") != token:
                return
            os.utime(path)


def _identity():
    """Return a dict that identifies this process, unique until the machine is restarted."""
    pid = os.getpid()
    return {**machine(), "pid": pid, "started": start_time(pid)}


def _is_stale(holder, age):
    """Return whether the process that holds a lock is dead, so that the lock may be replaced.

    ``holder`` is the content of the lock file, and ``age`` the seconds since its last heartbeat.
    """
    here = _identity()
    same_machine = here["boot"] is not None and all(
        here[name] == holder.get(name) for name in ("host", "boot", "namespace")
    )
    if same_machine and has_ended(holder["pid"], holder["started"]):
        return True
    return age > _STALE


def _holder(path):
    """Return the content of a lock file; an empty dict if it is missing or incomplete."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}


def _age(path):
    """Return the seconds since the last heartbeat, measured by the clock of the file system."""
    probe = path.with_name(f"{_NAME}-{uuid.uuid4().hex}-now")
    try:
        beat = path.stat().st_mtime
        probe.touch()
        return probe.stat().st_mtime - beat
    except FileNotFoundError:  # the lock was released
        return float("inf")
    finally:
        probe.unlink(missing_ok=True)


def _in_use(folder, holder, age):
    return (
        f"the folder {str(folder)!r} is in use by another run (process {holder.get('pid')} on the "
        f"machine {holder.get('host')!r}, last sign of life {max(age, 0):.0f} s ago): wait until "
        "that run has ended, use another folder, or, if that run is dead, take over its folder "
        "with {take_over=True}"
    )
