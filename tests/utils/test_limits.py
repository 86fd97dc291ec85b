# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""CPUs and memory of control groups, and the refusal of work that does not fit."""

import math

import pytest

from lensmap.utils import (
    check_memory,
    free_memory,
    limit_threads,
    memory_limit,
    n_threads,
    peak_memory,
)
from lensmap.utils import _limits as limits
from lensmap.utils import _threads as threads


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Write files of control groups; return what they limit this process to."""
    monkeypatch.setattr(limits, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(limits, "_OWN_GROUPS", tmp_path / "own")

    def limited_by(own, files):
        (tmp_path / "own").write_text(own)
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        limits._cpu_quota.cache_clear()
        return limits._cpu_quota(), limits.system_memory()

    yield limited_by
    limits._cpu_quota.cache_clear()


@pytest.mark.parametrize(
    ("own", "files", "quota", "memory"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "150000 100000", "a/b/memory.max": "max",
                       "a/memory.max": "1000000"}, 2, 1000000),
        ("0::/not/seen\n", {"cpu.max": "max 100000", "memory.max": "2000000"}, math.inf, 2000000),
        ("4:memory:/a\n1:cpu,cpuacct:/b\n0::/\n",
         {"memory/a/memory.limit_in_bytes": "3000000", "cpu/b/cpu.cfs_quota_us": "50000",
          "cpu/b/cpu.cfs_period_us": "100000"}, 1, 3000000),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
         math.inf, None),
        ("", {}, math.inf, None),
    ],
    ids=["version 2", "container", "version 1", "no quota", "no groups"],
)
def test_control_groups(groups, own, files, quota, memory):
    everything = limits.system_memory()
    assert groups(own, files) == (quota, everything if memory is None else memory)
    assert n_threads() <= max(1, quota)


def test_limit_of_threads(monkeypatch):
    for name in (threads._VARIABLE, *threads._OTHER_VARIABLES):
        monkeypatch.setenv(name, "7")  # restored afterwards
    limit_threads(1)
    assert n_threads() == 1 and threads.os.environ["OMP_NUM_THREADS"] == "1"
    limit_threads(10**6)
    assert n_threads() == limits.n_cpus()
    monkeypatch.setenv("LENSMAP_THREADS", "many")
    with pytest.raises(ValueError, match="LENSMAP_THREADS must be a whole number"):
        n_threads()


@pytest.mark.parametrize(
    ("limit", "size"),
    [(1000, 1000), (2e9, 2 * 10**9), ("8 GiB", 2**33), ("1.5kB", 1500), ("1e6", 10**6)],
)
def test_amounts(limit, size):
    assert memory_limit(limit) == size


@pytest.mark.parametrize("limit", ["", "much", "8 Gib", "-1", 0, "1.2.3"])
def test_no_amount(limit):
    with pytest.raises(ValueError, match="limit must be an amount of memory, such as '8 GiB', not"):
        memory_limit(limit)


def test_what_does_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr("lensmap.utils._memory._held_memory", lambda: 2**29)
    check_memory(1e6, "A map", "use larger pixels", "1 GiB")
    assert free_memory("1 GiB") == 2**29
    with pytest.raises(MemoryError) as caught:
        check_memory(2**41, "A map of 9 x 9 pixels", "use larger pixels", "1.5 GiB")
    assert str(caught.value) == (
        "A map of 9 x 9 pixels would need 2 TiB of memory, but only 1 GiB of the limit of 1.5 GiB "
        "are free: use larger pixels"
    )
    with pytest.raises(MemoryError):
        check_memory(1e18, "A map", "use larger pixels")
    monkeypatch.setenv("LENSMAP_MEMORY_LIMIT", "1 MiB")
    with pytest.raises(MemoryError, match="0 B of the limit of 1 MiB"):
        check_memory(2e6, "A map", "use larger pixels")
    monkeypatch.setenv("LENSMAP_MEMORY_LIMIT", "little")
    with pytest.raises(ValueError, match="LENSMAP_MEMORY_LIMIT must be"):
        check_memory(2e6, "A map", "use larger pixels")


def test_this_process_holds_something():
    assert 20e6 < memory_limit() - free_memory() < memory_limit()


def test_a_system_that_says_nothing(monkeypatch):
    monkeypatch.setattr("lensmap.utils._memory.system_memory", lambda: None)
    check_memory(1e30, "A map", "use larger pixels")


def test_peak_memory_keeps_the_largest():
    held = bytearray(b"1" * 300_000_000)
    peak = peak_memory()
    del held
    if peak is not None:  # Windows does not report it
        assert 3e8 < peak < 1e12
        assert peak_memory() >= peak
