# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The progress of long commands: a bar in a terminal, one line a minute elsewhere."""

import sys
import time

from lensmap.cli._messages import say

__all__ = ["ProgressLines", "show_progress"]

_INTERVAL_S = 60.0


def show_progress(arguments):
    """Return how a command shows its progress.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments of the command.

    Returns
    -------
    bool or callable
        False with ``--quiet``; True, which shows bars, if the standard error stream is a terminal;
        otherwise `ProgressLines`.
    """
    if arguments.quiet:
        return False
    return True if sys.stderr is not None and sys.stderr.isatty() else ProgressLines()


class ProgressLines:
    """A function of the numbers done and total, which prints a line a minute.

    Nothing is printed in the first minute.

    Parameters
    ----------
    clock : callable
        A function that returns the time in seconds.
    """

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._began = self._last = clock()
        self._done, self._total = 0, None
        self._has_printed = False

    def __call__(self, done, total):
        """Print a line if the last one is a minute old, or if a loop with lines ends.

        Parameters
        ----------
        done, total : int
            The number of finished items, and that of all items.
        """
        now = self._clock()
        if total != self._total or done <= self._done:
            # Another loop; its first item took the time since the last call.
            self._began = self._last_call if self._total is not None else self._began
            self._has_printed = False
        self._done, self._total, self._last_call = done, total, now
        is_end = done >= total
        if (is_end and not self._has_printed) or (not is_end and now - self._last < _INTERVAL_S):
            return
        self._last, self._has_printed = now, True
        spent = now - self._began
        left = "" if is_end else f", about {_duration(spent / done * (total - done))} left"
        say(f"{done} of {total} done after {_duration(spent)}{left}")


def _duration(seconds):
    """Return a duration as text, such as ``"3 min"`` or ``"2 h 5 min"``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
