# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""CPUs and memory available to this process, given its CPU affinity and control groups."""

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
        The number of CPUs in the affinity mask, or the CPU quota of the control groups (rounded
        up) if that is smaller; at least 1.
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
        The physical memory or the memory limit of the control groups, whichever is smaller, in
        bytes. None if the system reports neither.
    """
    limits = [int(text) for text in _group_values("memory", "memory.max", "memory.limit_in_bytes")
              if text.isdecimal()]
    try:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # Windows
        pass
    # In version 1 of control groups, a value of about 2**63 means no limit.
    return min(limits, default=None)


@lru_cache(maxsize=1)  # because every Fourier transform needs the quota
def _cpu_quota():
    """Return the lowest number of CPUs that a control group allows, rounded up; else infinite."""
    pairs = [text.split() for text in _group_values("cpu", "cpu.max", None)]
    pairs += zip(
        _group_values("cpu", None, "cpu.cfs_quota_us"),
        _group_values("cpu", None, "cpu.cfs_period_us"),
        strict=False,
    )
    # Without a quota, version 2 of control groups reports "max", and version 1 reports -1.
    quotas = [math.ceil(int(quota) / int(period)) for quota, period in pairs if quota.isdecimal()]
    return min(quotas, default=math.inf)


def _group_values(controller, unified, legacy):
    """Read a file of limits in each Linux control group of this process and in all parent groups.

    Parameters
    ----------
    controller : str
        The name of the controller in version 1 of control groups, such as ``"cpu"``.
    unified, legacy : str or None
        The name of the file in version 2 (unified) and in version 1 (legacy); None skips the
        version.

    Returns
    -------
    list of str
        The content of each file that exists and is not empty.
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
        # Inside a container, the group's path may be invisible; the root folder is then the group.
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
