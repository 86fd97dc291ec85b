# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Work shared by threads comes back complete and in order."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmap.utils import _threads as threads
from lensmap.utils import chunk_slices, n_threads, thread_map


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


@given(st.integers(0, 500), st.integers(1, 60))
def test_slices_cover_all_once(n, size):
    slices = chunk_slices(n, size)
    assert [i for part in slices for i in range(n)[part]] == list(range(n))
    assert all(1 <= part.stop - part.start <= size for part in slices)
    assert len(slices) == -(-n // size)


def test_little_work_is_not_worth_a_thread():
    assert threads.n_threads(10) == 1
    assert threads.n_threads(10**7) == threads.n_threads()
