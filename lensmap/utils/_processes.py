# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Identifiers of processes, by which files of a process that has ended are recognized."""

import hashlib
import os
import socket
from pathlib import Path

__all__ = ["has_ended", "machine", "machine_code", "start_time"]


def machine():
    """Return what distinguishes the process numbers of this machine from those of others.

    Returns
    -------
    dict
        ``host``, the name; ``boot``, the identifier of the start of the machine; and
        ``namespace``, the namespace of its process numbers. The last two are None if unknown.
    """
    return {
        "host": socket.gethostname(),
        "boot": _text("/proc/sys/kernel/random/boot_id"),
        # Process numbers are unique within a container only.
        "namespace": _link("/proc/self/ns/pid"),
    }


def machine_code():
    """Return eight hexadecimal characters that stand for `machine`."""
    return hashlib.sha256(repr(machine()).encode()).hexdigest()[:8]


def start_time(pid):
    """Return the start time of a process in clock ticks since boot.

    Parameters
    ----------
    pid : int
        The process number.

    Returns
    -------
    str or None
        The start time; None if the process has ended, or on systems without ``/proc``.
    """
    text = _text(f"/proc/{pid}/stat")
    if text is None:
        return None
    # The name of the program, in parentheses, may contain blanks.
    values = text.rpartition(")")[2].split()
    return None if values[0] in "ZX" else values[19]


def has_ended(pid, started):
    """Return whether a process of this machine has ended.

    Parameters
    ----------
    pid : int
        The process number.
    started : str or None
        The start time of the process, as returned by `start_time`; None if unknown.

    Returns
    -------
    bool
        True if the process has certainly ended.
    """
    if started is not None:
        # A later process may have the same number, but not the same start time.
        return start_time(pid) != started
    if os.name != "posix":
        return False
    try:
        os.kill(pid, 0)  # sends no signal
    except ProcessLookupError:
        return True
    except OSError:
        pass
    return False


def _text(path):
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None


def _link(path):
    try:
        return os.readlink(path)
    except OSError:
        return None
