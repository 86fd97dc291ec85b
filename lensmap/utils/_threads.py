# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Threads for work that releases the interpreter lock: wcslib, loops of numpy, FFTs.

Importing this module loads neither numpy nor astropy, whose threads it limits.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from lensmap.utils._limits import n_cpus

__all__ = ["chunk_slices", "limit_threads", "n_threads", "thread_map"]

# An environment variable, so that processes that this one starts inherit the limit.
_VARIABLE = "LENSMAP_THREADS"

# The thread pools of the libraries that numpy, scipy, TensorFlow and others bring along.
_OTHER_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS",
)

# Fewer elements than this take less time than the start of a thread.
_MIN_ELEMENTS = 50_000


def n_threads(size: int | None = None) -> int:
    """Return the number of threads that pay for an amount of work.

    Parameters
    ----------
    size : int or None
        The number of elements to work on; None returns all threads that the process may use.

    Returns
    -------
    int
        At least 1, and at most the CPUs of the process and the limit of `limit_threads`.
    """
    if size is not None and size < _MIN_ELEMENTS:
        return 1
    limit = os.environ.get(_VARIABLE)
    if limit is None:
        return n_cpus()
    if not (limit.isdecimal() and int(limit) > 0):
        from lensmap.utils._exceptions import ParameterError

        raise ParameterError(_VARIABLE, "a whole number of at least 1", repr(limit))
    return min(int(limit), n_cpus())


def limit_threads(number: int) -> None:
    """Limit the threads of this process, and of processes that it starts later.

    Libraries read their limits when they are loaded (BLAS) or first used (TensorFlow): those that
    already run keep their threads.

    Parameters
    ----------
    number : int
        The largest number of threads of one piece of work.
    """
    for name in (_VARIABLE, *_OTHER_VARIABLES):
        os.environ[name] = str(number)


def thread_map(function: Callable, items: Iterable, size: int | None = None) -> list:
    """Apply a function to each item, with one thread per core.

    Parameters
    ----------
    function : callable
        The function of one item.
    items : iterable
        The items.
    size : int or None
        The number of array elements that one call works on, as for ``n_threads``.

    Returns
    -------
    list
        The results, in the order of the items.
    """
    items = list(items)
    threads = n_threads(size)
    if len(items) < 2 or threads == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def chunk_slices(n: int, size: int) -> list[slice]:
    """Divide ``range(n)`` into consecutive slices of at most ``size`` elements.

    Parameters
    ----------
    n : int
        The number of elements.
    size : int
        The largest length of a slice.

    Returns
    -------
    list of slice
        Empty for ``n`` of 0.
    """
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
