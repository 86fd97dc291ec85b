# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Work shared by threads comes back complete and in order."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmap.utils import _threads as threads
from lensmap.utils import chunk_slices, limit_threads, n_threads, n_workers, thread_map


@pytest.mark.parametrize("cores", [1, 3])
def test_order_whichever_is_first(monkeypatch, cores):
    monkeypatch.setattr(threads, "n_threads", lambda size=None: cores)

    def slow_first(item):
        time.sleep(0.02 if item == 0 else 0.0)
        return item**2

    assert thread_map(slow_first, iter(range(7))) == [0, 1, 4, 9, 16, 25, 36]


def test_really_in_parallel(monkeypatch):
    monkeypatch.setattr(threads, "n_threads", lambda size=None: 2)
    barrier = threading.Barrier(2, timeout=10)  # breaks unless two wait at the same time
    thread_map(lambda item: barrier.wait(), range(2))


def test_no_items():
    assert thread_map(abs, []) == []


def test_error_comes_out(monkeypatch):
    monkeypatch.setattr(threads, "n_threads", lambda size=None: 2)
    with pytest.raises(ZeroDivisionError):
        thread_map(lambda item: 1 // item, [1, 0, 1])


def test_n_threads(monkeypatch):
    assert n_threads() >= 1
    monkeypatch.delattr(threads.os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(threads.os, "cpu_count", lambda: None)
    assert n_threads() == 1


@pytest.mark.parametrize(
    ("value", "number"),
    [("1", 1), ("3", 3), (" 2 ", 2), ("4,2,1", 4), ("99", 8), (None, 8), ("", 8), ("0", 8),
     ("-1", 8), ("many", 8), ("2.5", 8)],
)
def test_openmp_limits_threads_but_not_workers(monkeypatch, value, number):
    monkeypatch.setattr(threads, "n_cpus", lambda: 8)
    monkeypatch.delenv("LENSMAP_THREADS", raising=False)
    if value is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert (n_threads(), n_threads(10**6), n_workers()) == (number, number, 8)
    assert n_threads(10) == 1


def test_the_smallest_limit_holds(monkeypatch):
    monkeypatch.setattr(threads, "n_cpus", lambda: 8)
    for name in (threads._VARIABLE, *threads._OTHER_VARIABLES):
        monkeypatch.setenv(name, "7")  # restored afterwards
    for lensmap, openmp, number in ((2, 5, 2), (5, 2, 2), (9, 9, 8)):
        monkeypatch.setenv("LENSMAP_THREADS", str(lensmap))
        monkeypatch.setenv("OMP_NUM_THREADS", str(openmp))
        assert (n_threads(), n_workers()) == (number, min(lensmap, 8))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    limit_threads(4)  # as --threads 4 does, which wins over the environment
    assert (n_threads(), n_workers()) == (4, 4)


@given(st.integers(0, 500), st.integers(1, 60))
def test_slices_cover_all_once(n, size):
    slices = chunk_slices(n, size)
    assert [i for part in slices for i in range(n)[part]] == list(range(n))
    assert all(1 <= part.stop - part.start <= size for part in slices)
    assert len(slices) == -(-n // size)


def test_little_work_is_not_worth_a_thread():
    assert threads.n_threads(10) == 1
    assert threads.n_threads(10**7) == threads.n_threads()
