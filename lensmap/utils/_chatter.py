# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Capture of messages that C libraries write directly to the standard error stream."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["kept_from_terminal"]


@contextmanager
def kept_from_terminal() -> Iterator[None]:
    """Capture the standard error stream while a block runs, and show it only if the block fails.

    C libraries write directly to the file descriptor, so that `contextlib.redirect_stderr` does
    not capture their messages.

    Yields
    ------
    None
        Nothing.
    """
    try:
        sys.stderr.flush()
        terminal = os.dup(2)
    except (AttributeError, OSError):  # no standard error stream
        yield
        return
    try:
        file = tempfile.TemporaryFile()
    except OSError:  # no directory for temporary files; the messages are shown
        os.close(terminal)
        yield
        return
    with file as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(terminal, kept.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
