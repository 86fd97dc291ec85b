# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Memory limits, which are checked before large computations."""

import os
import re
import sys
from pathlib import Path

from lensmap.utils._exceptions import ParameterError
from lensmap.utils._limits import system_memory

__all__ = ["check_memory", "free_memory", "limit_memory", "memory_limit", "peak_memory"]

_VARIABLE = "LENSMAP_MEMORY_LIMIT"

_UNITS = {"": 1, "B": 1} | {
    f"{prefix}{suffix}": base ** (i + 1)
    for suffix, base in (("B", 1000), ("iB", 1024))
    for i, prefix in enumerate("kMGT" if base == 1000 else "KMGT")
}


def memory_limit(limit: float | str | None = None) -> int | None:
    """Return the memory that lensmap may use.

    Parameters
    ----------
    limit : int, str or None
        A number of bytes, or text such as ``"8 GiB"``. If None, the environment variable
        ``LENSMAP_MEMORY_LIMIT`` sets the limit. If that is not set, the limit is the memory of the
        machine or of the control group (container, batch job).

    Returns
    -------
    int or None
        The limit in bytes; None if the system reports no limit.

    Raises
    ------
    ValueError
        If the limit is not an amount of memory.
    """
    name, remedy = "limit", None
    if limit is None:
        name, limit = _VARIABLE, os.environ.get(_VARIABLE)
        remedy = "correct or unset this environment variable"
    if limit is None:
        return system_memory()
    number, unit = re.findall(r"^\s*([0-9.]+(?:e[0-9]+)?|)\s*(.*?)\s*$", str(limit), re.S)[0]
    try:
        size = int(float(number) * _UNITS[unit])
    except (KeyError, ValueError):
        size = 0
    if size < 1:
        raise ParameterError(name, "an amount of memory, such as '8 GiB'", repr(limit), remedy)
    return size


def limit_memory(size: int) -> None:
    """Limit the memory of this process and of processes that it starts later.

    Parameters
    ----------
    size : int
        The memory limit in bytes, which `check_memory` applies.
    """
    os.environ[_VARIABLE] = str(size)


def free_memory(limit: float | str | None = None) -> int | None:
    """Return the memory that is available for new computations.

    Parameters
    ----------
    limit : int, str or None
        A number of bytes, or text such as ``"8 GiB"``. If None, the limit that `memory_limit`
        returns by default.

    Returns
    -------
    int or None
        The limit minus the memory that this process already uses (subtracted on Linux only), in
        bytes; None without a limit.
    """
    limit = memory_limit(limit)
    return None if limit is None else limit - _held_memory()


def _held_memory():
    """Return the memory that this process uses now, in bytes; 0 if it is not known."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def peak_memory() -> int | None:
    """Return the largest memory that this process has used so far.

    Returns
    -------
    int or None
        The largest resident memory in bytes; None on Windows.
    """
    # On Linux, getrusage of a new process begins with the peak memory of its parent.
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        status = ""
    match = re.search(r"^VmHWM:\s*(\d+) kB", status, re.M)
    if match is not None:
        return int(match[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)


def check_memory(
    estimate: float, task: str, remedy: str, limit: float | str | None = None
) -> None:
    """Raise MemoryError if a computation needs more memory than is available.

    Parameters
    ----------
    estimate : float
        The additional peak memory of the computation, in bytes.
    task : str
        The name of the computation, such as ``"a map of 100 x 100 pixels"``, as the subject of the
        error message.
    remedy : str
        The advice at the end of the error message.
    limit : int, str or None
        A number of bytes, or text such as ``"8 GiB"``. If None, the limit that `memory_limit`
        returns by default.

    Raises
    ------
    MemoryError
        If the estimate exceeds the available memory.
    """
    free = free_memory(limit)
    if free is not None and estimate > free:
        raise MemoryError(
            f"{task} would need {_amount(estimate)} of memory, but only {_amount(max(free, 0))} of "
            f"the limit of {_amount(memory_limit(limit))} are free: {remedy}"
        )


def _amount(size):
    """Return a number of bytes as text, such as ``3.2 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1000 or unit == "TiB":
            return f"{size:.3g} {unit}"
        size /= 1024
