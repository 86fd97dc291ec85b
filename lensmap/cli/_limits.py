# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The limits of ``--threads`` and ``--memory-limit``, which hold for one command."""

import os
from contextlib import contextmanager

from lensmap.utils import limit_threads

__all__ = ["limited"]


@contextmanager
def limited(threads, memory=None):
    """Limit the number of threads and the memory while a block runs.

    Parameters
    ----------
    threads : int or None
        The largest number of threads; None sets no limit.
    memory : int or None
        The memory limit in bytes; None sets no limit.

    Yields
    ------
    None
        Nothing.
    """
    before = dict(os.environ)
    if threads is not None:
        limit_threads(threads)
    if memory is not None:
        from lensmap.utils import limit_memory  # imports numpy, after the thread limit is set

        limit_memory(memory)
    changed = {name for name, value in os.environ.items() if before.get(name) != value}
    try:
        yield
    finally:
        for name in changed:
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)
