# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The exit codes of all commands."""

from enum import IntEnum

__all__ = ["ExitCode", "exit_codes_text"]


class ExitCode(IntEnum):
    """The exit codes of all commands."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    WRONG = 3
    UNDECIDED = 4
    PARTIAL = 5
    INTERRUPTED = 130
    TERMINATED = 143

    @property
    def status(self):
        """The name of the exit code in JSON records."""
        return self.name.lower()


_MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "failed, with an error message",
    ExitCode.USAGE: "the command line or the option file is not valid",
    ExitCode.WRONG: "checked and wrong: the sign convention, or a file that verify tests",
    ExitCode.UNDECIDED: "checked and undecided",
    ExitCode.PARTIAL: "only a part of the work could be done",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C)",
    ExitCode.TERMINATED: "terminated (SIGTERM or SIGHUP)",
}


def exit_codes_text(codes=ExitCode):
    """Return the exit codes and their meanings as lines of a help text.

    Parameters
    ----------
    codes : iterable of ExitCode
        The exit codes to list. The default lists all exit codes.

    Returns
    -------
    str
        A heading and one line for each code.
    """
    lines = [f"  {code.value:<4d} {_MEANINGS[code]}" for code in codes]
    return "\n".join(["exit codes:", *lines])
