# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Words in, exit code out: 0 done, 1 an error, 2 wrong usage, 3 a convention clearly wrong."""

import argparse
import logging
import signal
import sys
import warnings
from contextlib import contextmanager

from astropy import log

from lensmap.cli._messages import say, with_options
from lensmap.cli.commands import (
    _check as check,
)
from lensmap.cli.commands import (
    _demo as demo,
)
from lensmap.cli.commands import (
    _filaments as filaments,
)
from lensmap.cli.commands import (
    _inject as inject,
)
from lensmap.cli.commands import (
    _peaks as peaks,
)
from lensmap.cli.commands import (
    _profile as profile,
)
from lensmap.cli.commands import (
    _reconstruct as reconstruct,
)
from lensmap.cli.commands import (
    _simulate as simulate,
)
from lensmap.cli.commands import (
    _train as train,
)
from lensmap.cli.commands import (
    _validate as validate,
)
from lensmap.utils import LensmapWarning, ParameterError

__all__ = ["main"]

_COMMANDS = (
    demo, reconstruct, check, peaks, profile, filaments, inject, simulate, train, validate,
)


def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str or None
        The words after ``lensmap``; None takes those of the process.

    Returns
    -------
    int
        The exit code: 0 done, 1 an error, 2 wrong usage, 3 (``check``) a convention that is
        clearly wrong.
    """
    arguments = _parser().parse_args(argv)
    arguments.words = sys.argv[1:] if argv is None else list(argv)
    if arguments.debug:
        return arguments.run(arguments)
    with warnings.catch_warnings(), _plain_log(), _tidy_termination():
        warnings.showwarning = _show_warning
        try:
            return arguments.run(arguments)
        except KeyboardInterrupt:
            say("interrupted; nothing was left half written")
            return 130
        # The user gets one line; --debug shows where it came from.
        except Exception as error:  # noqa: BLE001
            say("error: " + _error_text(error, arguments))
            return 1


def _error_text(error, arguments):
    """Return an error's message with options of the command in place of parameters of Python."""
    options = {name: "--" + name.replace("_", "-") for name in vars(arguments)} | arguments.renamed
    text = str(error).strip() or type(error).__name__
    if isinstance(error, ParameterError):
        text = error.describe(options.get(error.parameter))
    return with_options(text, options)


@contextmanager
def _tidy_termination():
    """Turn SIGTERM, by which batch systems end a job, into an exit that tidies up."""

    def leave(number, frame):
        raise SystemExit(128 + number)

    try:
        before = signal.signal(signal.SIGTERM, leave)
    except ValueError:  # not in the main thread, which alone gets signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _parser():
    from lensmap import __version__

    parser = argparse.ArgumentParser(
        prog="lensmap",
        description="Mass maps from weak-lensing shear catalogs.",
        epilog="'lensmap COMMAND --help' shows the options of a command, with examples. "
        "Exit codes: 0 done, 1 error, 2 wrong usage, 3 (check) the declared convention is "
        "clearly wrong.",
    )
    parser.add_argument("--version", action="version", version=f"lensmap {__version__}")
    _add_commands(parser, _COMMANDS)
    return parser


def _add_commands(parser, modules):
    """Add the commands that modules describe, and below a module with ``COMMANDS`` those.

    A module's ``RENAMED`` is a dict from parameters of Python, as errors name them, to its options
    where these are called otherwise.
    """
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in modules:
        command = commands.add_parser(
            module.NAME,
            help=module.SUMMARY,
            description=module.DESCRIPTION,
            epilog=module.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if hasattr(module, "COMMANDS"):
            _add_commands(command, module.COMMANDS)
            continue
        module.add_arguments(command)
        command.add_argument(
            "--debug", action="store_true", help="show the traceback of an error"
        )
        command.set_defaults(run=module.run, renamed=getattr(module, "RENAMED", {}))


def _show_warning(message, category, filename, lineno, file=None, line=None):
    """Show lensmap's warnings without their class, which says nothing to those who ask."""
    what = "" if issubclass(category, LensmapWarning) else f"{category.__name__}: "
    say(f"warning: {what}{message}")


class _PlainHandler(logging.Handler):
    """Log records as lines of the command, without the place in the sources."""

    def emit(self, record):
        say(record.getMessage())


@contextmanager
def _plain_log():
    """Show astropy's log, which is lensmap's, too, on the standard error stream."""
    handlers, log.handlers = log.handlers, [_PlainHandler()]
    try:
        yield
    finally:
        log.handlers = handlers
