# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The completion of command lines by the shell, with the package argcomplete."""

import os

__all__ = ["complete", "is_wanted"]


def is_wanted():
    """Return whether the shell asks for completions, not for the run of a command."""
    return "_ARGCOMPLETE" in os.environ


def complete():
    """Give the shell the completions of its command line, and end the process.

    Without argcomplete there are no completions.
    """
    try:
        import argcomplete
        from argcomplete.lexers import split_line
    except ImportError:
        os._exit(1)
    from lensmap.cli._parser import make_parser

    *_, words, _ = split_line(os.environ["COMP_LINE"], int(os.environ["COMP_POINT"]))
    # The program is the first word, or the third as in "python -m lensmap".
    first = int(os.environ["_ARGCOMPLETE"])
    # Only the command that the line names gets its options.
    argcomplete.autocomplete(make_parser(words[first:])[0], always_complete_options="long")
