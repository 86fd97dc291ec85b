# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The entry point. It imports little, because libraries make their threads when imported."""

import os
import sys
from contextlib import contextmanager

from lensmap.cli._limits import limited_threads

__all__ = ["main"]


def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str or None
        The words after ``lensmap``; None takes those of the process.

    Returns
    -------
    int
        The exit code, which ``lensmap --help`` explains.

    Raises
    ------
    SystemExit
        With the code 2 after wrong usage, with 0 after ``--help`` and ``--version``.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    with _standard_streams(), limited_threads(_threads_of(words)):
        from lensmap.cli._program import run_program

        return run_program(words)


def _threads_of(words):
    """Return the number after ``--threads``, None without a valid one."""
    for i, word in enumerate(words):
        following = words[i + 1] if i + 1 < len(words) else ""
        text = following if word == "--threads" else word.removeprefix("--threads=")
        if word.startswith("--threads") and text.isdecimal() and int(text) > 0:
            return int(text)
    return None


@contextmanager
def _standard_streams():
    """Replace standard streams that are closed, and end quietly if their reader is gone."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # Otherwise the next file would get the number, and the text of C libraries.
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
    """Flush a stream; if that fails, keep the interpreter from trying again when it ends."""
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
