# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Work that is shared by threads: wcslib, numpy's loops and FFTs release the interpreter lock."""

import os
from concurrent.futures import ThreadPoolExecutor

__all__ = ["n_threads", "thread_map", "chunk_slices"]


# Work on fewer elements than this is done before another thread has started.
_WORTH_A_THREAD = 50_000


def n_threads(size=None):
    """Return how many threads are worth having.

    Parameters
    ----------
    size : int or None
        How many elements there are to work on; None asks for the cores that the process may use.

    Returns
    -------
    int
        At least 1.
    """
    if size is not None and size < _WORTH_A_THREAD:
        return 1
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # not on macOS and Windows
        return max(1, os.cpu_count() or 1)


def thread_map(function, items, size=None):
    """Apply a function to each item on as many threads as there are cores.

    Parameters
    ----------
    function : callable
        Called with one item.
    items : iterable
        The items.
    size : int or None
        How many elements an item works on, as for `n_threads`.

    Returns
    -------
    list
        The results, in the order of the items (whichever thread was first).
    """
    items = list(items)
    threads = n_threads(size)
    if len(items) < 2 or threads == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def chunk_slices(n, size):
    """Cut ``range(n)`` into slices of at most ``size``, in order.

    Parameters
    ----------
    n : int
        How many elements.
    size : int
        The largest length of a slice.

    Returns
    -------
    list of slice
        Empty for ``n`` of 0.
    """
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
