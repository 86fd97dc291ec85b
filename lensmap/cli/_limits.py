# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The limit on the number of threads that ``--threads`` sets for one command."""

import os
from contextlib import contextmanager

from lensmap.utils import limit_threads

__all__ = ["limited_threads"]


@contextmanager
def limited_threads(number):
    """Limit the number of threads while a block runs.

    Parameters
    ----------
    number : int or None
        The largest number of threads; None sets no limit.

    Yields
    ------
    None
        Nothing.
    """
    if number is None:
        yield
        return
    before = dict(os.environ)
    limit_threads(number)
    changed = {name for name, value in os.environ.items() if before.get(name) != value}
    try:
        yield
    finally:
        for name in changed:
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)
