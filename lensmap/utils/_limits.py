# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""CPUs and memory available to this process, by its affinity and control groups."""

import math
import os
from functools import lru_cache
from pathlib import Path

__all__ = ["n_cpus", "system_memory"]

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


def n_cpus():
    """Return the number of CPUs that this process may use.

    Returns
    -------
    int
        The CPUs in the affinity mask, at most the quota of the control groups (rounded up), and at
        least 1.
    """
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity
        count = os.cpu_count() or 1
    return max(1, min(count, _cpu_quota()))


def system_memory():
    """Return the memory that this process may use.

    Returns
    -------
    int or None
        The physical memory or the limit of the control groups in bytes, whichever is smaller. None
        if the system reports neither.
    """
    limits = [int(text) for text in _group_values("memory", "memory.max", "memory.limit_in_bytes")
              if text.isdecimal()]
    try:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # Windows
        pass
    # A group without a limit has about 2**63 in version 1.
    return min(limits, default=None)


@lru_cache(maxsize=1)  # every Fourier transform needs it
def _cpu_quota():
    """Return the lowest quota of the control groups in CPUs, rounded up; infinite without one."""
    pairs = [text.split() for text in _group_values("cpu", "cpu.max", None)]
    pairs += zip(
        _group_values("cpu", None, "cpu.cfs_quota_us"),
        _group_values("cpu", None, "cpu.cfs_period_us"),
        strict=False,
    )
    # No quota is "max" in version 2 and -1 in version 1.
    quotas = [math.ceil(int(quota) / int(period)) for quota, period in pairs if quota.isdecimal()]
    return min(quotas, default=math.inf)


def _group_values(controller, unified, legacy):
    """Return the contents of a file in the control groups of this process and their parents.

    Parameters
    ----------
    controller : str
        The name of the controller in version 1.
    unified, legacy : str or None
        The name of the file in version 2 and in version 1; None skips that version.
    """
    texts = []
    for line in _read(_OWN_GROUPS).splitlines():
        number, names, path = line.split(":", 2)
        if number == "0" and unified is not None:
            root, name = _CGROUPS, unified
        elif controller in names.split(",") and legacy is not None:
            root, name = _CGROUPS / controller, legacy
        else:
            continue
        # Inside a container, the group's own path may be invisible, and the root is the group.
        group = root.joinpath(path.lstrip("/"))
        for folder in (group, *group.parents):
            texts.append(_read(folder / name).strip())
            if folder == root:
                break
    return [text for text in texts if text]


def _read(path):
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
