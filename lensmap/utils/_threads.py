# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Threads for computations that release Python's global interpreter lock (wcslib, numpy, FFTs).

This module imports neither numpy nor astropy, because thread limits must be set before these load.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from lensmap.utils._limits import n_cpus

__all__ = ["chunk_slices", "limit_threads", "n_threads", "n_workers", "thread_map"]

# The limit is an environment variable, so that child processes inherit it.
_VARIABLE = "LENSMAP_THREADS"

# The variable by which batch jobs limit the threads of each process.
_OPENMP = "OMP_NUM_THREADS"

# Variables that limit the thread pools of libraries under numpy, scipy, TensorFlow and others.
_OTHER_VARIABLES = (
    _OPENMP, "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS",
)

# Starting a thread takes longer than processing fewer elements than this.
_MIN_ELEMENTS = 50_000


def n_threads(size: int | None = None) -> int:
    """Return the number of threads worth using for an amount of work.

    Parameters
    ----------
    size : int or None
        The number of array elements to process. If None, all available threads are returned.

    Returns
    -------
    int
        1 for fewer than 50 000 elements. Otherwise the smallest of the number of CPUs that this
        process may use, the limit set by `limit_threads`, and OMP_NUM_THREADS.
    """
    if size is not None and size < _MIN_ELEMENTS:
        return 1
    number = n_workers()
    # OpenMP allows a list, with one number for each level of nested threads. An invalid value is
    # ignored, as OpenMP does.
    outermost = os.environ.get(_OPENMP, "").split(",")[0].strip()
    if outermost.isdecimal() and int(outermost) > 0:
        number = min(number, int(outermost))
    return number


def n_workers() -> int:
    """Return the default number of processes for independent tasks.

    OMP_NUM_THREADS does not limit it, because that is the number of threads of each process.

    Returns
    -------
    int
        The number of CPUs that this process may use, or the limit set by `limit_threads` if that
        is smaller.
    """
    limit = os.environ.get(_VARIABLE)
    if limit is None:
        return n_cpus()
    if not (limit.isdecimal() and int(limit) > 0):
        from lensmap.utils._exceptions import ParameterError

        raise ParameterError(
            _VARIABLE, "a whole number of at least 1", repr(limit),
            "correct or unset this environment variable",
        )
    return min(int(limit), n_cpus())


def limit_threads(number: int) -> None:
    """Limit the number of threads of this process and of processes that it starts later.

    Libraries read the limit only once, when they are loaded (BLAS) or first used (TensorFlow).
    Later limits do not change them.

    Parameters
    ----------
    number : int
        The largest number of threads.
    """
    for name in (_VARIABLE, *_OTHER_VARIABLES):
        os.environ[name] = str(number)


def thread_map(function: Callable, items: Iterable, size: int | None = None) -> list:
    """Apply a function to each item, with one thread per core.

    Parameters
    ----------
    function : callable
        Called as ``function(item)``.
    items : iterable
        The items.
    size : int or None
        The number of array elements that one call processes. With fewer than 50 000, a single
        thread is used. None uses all available threads.

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
        The slices, in order; an empty list if ``n`` is 0.
    """
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
