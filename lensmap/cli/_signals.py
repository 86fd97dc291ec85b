# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""SIGTERM and SIGHUP as exceptions, so that a run removes its temporary files."""

import signal
from contextlib import contextmanager

from lensmap.cli._exit_codes import ExitCode

__all__ = ["Terminated", "termination"]


class Terminated(SystemExit):
    """The exception that ends a run after a signal."""


@contextmanager
def termination():
    """Raise `Terminated` in a ``with`` block when the process gets SIGTERM or SIGHUP.

    Further signals are ignored, because a closed terminal and a batch system send more than one,
    which would interrupt the removal of temporary files.
    """
    before = {}

    def leave(number, frame):
        for handled in before:
            signal.signal(handled, signal.SIG_IGN)
        raise Terminated(ExitCode.TERMINATED)

    try:
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # A signal that is already ignored, for example by nohup, stays ignored.
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, leave)
    except ValueError:  # only the main thread can handle signals
        pass
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
