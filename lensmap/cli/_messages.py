# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Messages of commands: one line each, with option names in place of parameter names."""

import ast
import logging
import os
import re
import sys

from lensmap.utils import (
    LensmapWarning,
    ParameterError,
    RunError,
    printable,
)

__all__ = [
    "CheckFailure", "CombinationError", "OptionError", "OptionNames", "error_record",
    "load_networks", "print_text", "say",
]

# Longer names of files are cut in messages.
_MAX_NAME_LENGTH = 100

LOGGER = logging.getLogger("lensmap.cli")


def say(text, level=logging.INFO):
    """Print a message as one line on the standard error stream and in the file of ``--log``.

    Parameters
    ----------
    text : str
        The message.
    level : int
        The level of the message, as in `logging`; ``--quiet`` shows warnings and errors only.
    """
    # A terminal would obey control characters, such as those in a column name.
    LOGGER.log(level, "%s", printable(" ".join(text.removeprefix("lensmap: ").split())))


def print_text(text):
    """Print a result on the standard output.

    Characters that the encoding of the output lacks are escaped. No error is raised if the program
    that reads the output has ended.

    Parameters
    ----------
    text : str
        The text.

    Raises
    ------
    OSError
        If the output cannot be written.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except BrokenPipeError:
        pass


def load_networks():
    """Import Keras, before work that would be lost if it cannot be imported."""
    from lensmap.networks import load_network  # noqa: F401


class OptionError(ValueError):
    """An error about an option of the command line.

    Parameters
    ----------
    parameter : str
        The ``dest`` of the option.
    message : str
        The message, with the option's name.
    code : str
        A stable name for the cause.
    """

    def __init__(self, parameter, message, code="option"):
        super().__init__(message)
        self.parameter, self.code = parameter, code

    def to_record(self):
        """Return the error as plain values: ``code``, ``parameter`` and ``message``."""
        return {"code": self.code, "parameter": self.parameter, "message": str(self)}


class CombinationError(OptionError):
    """An error about options that exclude each other, or that lack another option.

    Such an error is one of usage, like an option that does not exist.
    """

    def __init__(self, parameter, message):
        super().__init__(parameter, message, "combination")


class CheckFailure(Exception):
    """The error that ends a command with ``--strict`` if the sign convention fails its test.

    The test has shown that the convention is wrong, or is undecided.

    Parameters
    ----------
    message : str
        The verdict.
    code : str
        A stable name for the verdict.
    exit_code : ExitCode
        The exit code of the command.
    numbers : dict
        The result of the check, for the JSON record.
    """

    parameter = "convention"

    def __init__(self, message, code, exit_code, numbers):
        super().__init__(message)
        self.code, self.exit_code, self.numbers = code, exit_code, numbers

    def to_record(self):
        """Return the error as plain values: ``code``, ``parameter`` and ``message``."""
        return {"code": self.code, "parameter": self.parameter, "message": str(self)}


class OptionNames:
    """The names of the options that set the Python parameters of a command.

    Parameters
    ----------
    options : dict
        The names of options, keyed by parameter, such as ``{"z_lens": "--redshift"}``. A key with
        a value, such as ``"errors='bootstrap'"``, has the words for this setting.
    """

    def __init__(self, options):
        self.options = options

    def __call__(self, name, value=None):
        """Return the words that set a parameter on the command line, such as ``--z-lens 0.3``.

        ``name`` is the Python name of the parameter. ``value`` is the literal of its value as text,
        or None for the option alone. Parameters without an option keep their Python form.
        """
        if f"{name}={value}" in self.options:
            return self.options[f"{name}={value}"]
        if name not in self.options:
            return name if value is None else f"{name}={value}"
        return " ".join([self.options[name], *_words(value)])


def _words(literal):
    """Convert the text of a Python literal to the words that follow an option.

    True, the value of a flag, needs no word. None stands for an option without a value.
    """
    if literal is None:
        return []
    value = ast.literal_eval(literal)
    if isinstance(value, dict):
        words = ("..." if item is ... else "none" if item is None else item
                 for item in value.values())
        return [",".join(f"{key}={word}" for key, word in zip(value, words, strict=True))]
    return [] if value is True else [str(value)]


def error_record(error, names):
    """Return an error or a warning as plain values, with option names for parameter names.

    Parameters
    ----------
    error : Exception
        The error, or the warning of lensmap.
    names : OptionNames
        The option names of the command.

    Returns
    -------
    dict
        ``code``, ``parameter`` (None if the error concerns no single parameter) and ``message``.
    """
    if isinstance(error, (CheckFailure, OptionError)):
        return error.to_record()
    if isinstance(error, (ParameterError, RunError, LensmapWarning)):
        return error.to_record() | {"message": error.describe(names)}
    kind = type(error).__name__
    text = _text_of_system(error) or " ".join(str(error).split()) or kind
    return {"code": snake_case(kind.removesuffix("Error")), "parameter": None, "message": text}


def _text_of_system(error):
    """Return the message of an error of the operating system about a file; None for others."""
    if not isinstance(error, OSError) or error.strerror is None or error.filename is None:
        return None
    name = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else error.filename
    name = str(name)
    if len(name) > _MAX_NAME_LENGTH:
        name = f"{name[:_MAX_NAME_LENGTH]}..."
    return f"cannot use the file {name!r}: {error.strerror}"


def snake_case(name):
    """Return the name of a class in lower case, with underscores between its words.

    Parameters
    ----------
    name : str
        The name of the class, such as ``"FileNotFound"``.

    Returns
    -------
    str
        The converted name, such as ``"file_not_found"``.
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
