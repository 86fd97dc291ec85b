# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Progress reports for the parameter ``progress``."""

import sys
from collections.abc import Iterable, Iterator

from lensmap.typing import ProgressLike
from lensmap.utils._exceptions import ParameterTypeError

__all__ = ["track"]


def track(
    iterable: Iterable, total: int, progress: ProgressLike = None, description: str = ""
) -> Iterator:
    """Iterate over items and report the progress.

    Parameters
    ----------
    iterable : iterable
        The items.
    total : int
        The number of items.
    progress : None, bool or callable
        If None or False, nothing is shown. True shows a progress bar on the standard error stream.
        A callable is called as ``progress(done, total)`` after each item.
    description : str
        The label of the progress bar.

    Returns
    -------
    iterator
        The items of ``iterable``.

    Raises
    ------
    TypeError
        If ``progress`` is of another type. The error is raised before the iteration begins.
    """
    # Without a standard error stream, as in a daemon, there is no place for a bar.
    if progress is None or progress is False or (progress is True and sys.stderr is None):
        return iter(iterable)
    if progress is True:
        from tqdm import tqdm

        return iter(tqdm(iterable, total=total, desc=description))
    if callable(progress):
        return _report(iterable, total, progress)
    raise ParameterTypeError(
        "progress", "True, False, None or a function of the numbers done and total", repr(progress)
    )


def _report(iterable, total, progress):
    for done, item in enumerate(iterable, start=1):
        yield item
        progress(done, total)
