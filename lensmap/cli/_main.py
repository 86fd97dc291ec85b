# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The entry point, which sets the thread limits before it imports libraries that read them."""

import os
import sys
from contextlib import contextmanager

from lensmap.cli._completion import complete, is_wanted
from lensmap.cli._limits import limited
from lensmap.cli._signals import Terminated, termination

__all__ = ["main"]


def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str or None
        The words after ``lensmap``. If None, the command-line arguments of this process.

    Returns
    -------
    int
        The exit code; ``lensmap --help`` lists all exit codes.

    Raises
    ------
    SystemExit
        With exit code 2 after wrong usage, and with 0 after ``--help`` and ``--version``.
    """
    if argv is None and is_wanted():
        complete()
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        with termination(), _standard_streams(), limited(_threads_of(words)):
            from lensmap.cli._program import run_program

            return run_program(words)
    except Terminated as stop:  # the command had not begun
        return int(stop.code)


def _threads_of(words):
    """Return the number after ``--threads``; None if it is missing or invalid."""
    for i, word in enumerate(words):
        following = words[i + 1] if i + 1 < len(words) else ""
        text = following if word == "--threads" else word.removeprefix("--threads=")
        if word.startswith("--threads") and text.isdecimal() and int(text) > 0:
            return int(text)
    return None


@contextmanager
def _standard_streams():
    """Replace closed standard streams, and raise no error if the reader of a stream has ended."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # Otherwise the next opened file would get this number, and C libraries write to it.
            os.open(os.devnull, os.O_RDWR)
    before = sys.stdout, sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        sys.stdout, sys.stderr = (nowhere if stream is None else stream for stream in before)
        try:
            yield
        finally:
            for stream in (sys.stdout, sys.stderr):
                _flush(stream)
            sys.stdout, sys.stderr = before


def _flush(stream):
    """Flush a stream; if this fails, redirect it, so that the interpreter does not fail at exit."""
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
