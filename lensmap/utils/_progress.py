# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One meaning of ``progress=`` for all long work."""

__all__ = ["track"]


def track(iterable, total, progress=None, description=""):
    """Pass an iterable through, reporting how far it is.

    Parameters
    ----------
    iterable : iterable
        What is done, item by item.
    total : int
        How many items there are.
    progress : None, bool or callable
        None or False is silent, True shows a bar on the standard error stream, and a callable
        is called with ``(done, total)`` after each item.
    description : str
        What the bar is called.

    Returns
    -------
    iterator
        The items of ``iterable``.

    Raises
    ------
    TypeError
        If ``progress`` is none of these; at once, not when the first item is asked for.
    """
    if progress is None or progress is False:
        return iter(iterable)
    if progress is True:
        from tqdm import tqdm

        return iter(tqdm(iterable, total=total, desc=description))
    if callable(progress):
        return _report(iterable, total, progress)
    raise TypeError(f"progress must be None, a bool or a callable, not {progress!r}")


def _report(iterable, total, progress):
    for done, item in enumerate(iterable, start=1):
        yield item
        progress(done, total)
