# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Run one command: print its result, write the JSON record and the log, return the exit code."""

import argparse
import json
import logging
import sys
import time
import warnings
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from astropy import log

from lensmap.cli._config import write_config
from lensmap.cli._exit_codes import ExitCode
from lensmap.cli._files import check_files, writes_results
from lensmap.cli._limits import limited
from lensmap.cli._messages import (
    LOGGER,
    CheckFailure,
    CombinationError,
    OptionError,
    OptionNames,
    error_record,
    print_text,
    say,
    snake_case,
)
from lensmap.cli._parser import Parser, UsageError, parse_words
from lensmap.cli._recorded_inputs import record_outputs, record_run
from lensmap.cli._result import Result
from lensmap.cli._signals import Terminated
from lensmap.utils import (
    CatalogWarning,
    RUN_RECORD,
    UNSEALED,
    IncompleteRunError,
    LensmapWarning,
    add_provenance,
    atomic_write,
    peak_memory,
    plain,
    printable,
    printable_lines,
    provenance,
    recording,
    seal,
)

__all__ = ["run_program"]

# What ends a command with the option --strict only.
_STRICT = (CatalogWarning, CheckFailure)


def run_program(words):
    """Run a command.

    Parameters
    ----------
    words : list of str
        The words after ``lensmap``.

    Returns
    -------
    int
        The exit code.
    """
    try:
        with warnings.catch_warnings(record=True) as early:
            warnings.simplefilter("always", LensmapWarning)
            arguments = parse_words(words)
    except UsageError as error:
        _record_usage_error(error, words)
        return argparse.ArgumentParser.error(error.parser, printable_lines(str(error)))
    with limited(arguments.threads, arguments.memory_limit):
        return int(_Run(arguments, early).finish())


class _Run:
    """One run of a command, which collects the warnings and errors for its JSON record.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments of the command, as `parse_words` returns them.
    early : iterable of `warnings.WarningMessage`
        The warnings of the parser, to be shown when the run begins.
    """

    def __init__(self, arguments, early=()):
        self.arguments, self.early = arguments, early
        self.record_file = None  # until the file of --json was checked
        self.warnings, self.errors = [], []
        self.names = OptionNames(arguments.option_names)

    def finish(self):
        """Run the command, print its result, and return the exit code."""
        began = time.monotonic()
        with ExitStack() as stack:
            stack.enter_context(recording({}))
            stack.enter_context(_messages(self.arguments))
            stack.enter_context(warnings.catch_warnings())
            warnings.showwarning = self._show_warning
            if getattr(self.arguments, "strict", False):
                warnings.filterwarnings("error", category=CatalogWarning)
            # Warnings about broken plug-ins. Each is shown once, although plug-ins are loaded
            # whenever a parser is made.
            for one in {str(one.message): one for one in self.early}.values():
                self._show_warning(one.message, one.category, one.filename, one.lineno)
            try:
                result = self._result(stack)
            # The user gets one line; --debug shows where the error came from.
            except BaseException as error:  # noqa: BLE001
                result = Result(
                    numbers=getattr(error, "numbers", {}), code=self._code_of(error)
                )
                if self.arguments.debug and not isinstance(error, Terminated):
                    self._write_record(result)
                    raise
            code = self._print(result)
            say(_usage_of_machine(began), logging.DEBUG)
        return code

    def _result(self, stack):
        arguments = self.arguments
        self._check_reports(stack)
        check_files(arguments, arguments.option_names)
        if arguments.save_config is not None:
            write_config(
                arguments.settings, arguments.save_config, overwrite=arguments.overwrite
            )
        if self.record_file is not None or writes_results(arguments):
            # The digests are those of the files before the command reads them.
            add_provenance(**record_run(arguments))
        return arguments.run(arguments)

    def _check_reports(self, stack):
        """Check that the files of ``--log`` and ``--json`` can be written, and open the log."""
        arguments = self.arguments
        check_files(arguments, arguments.option_names, outputs=("json", "log"))
        if arguments.log is not None:
            stack.enter_context(_log_file(arguments.log))
            say(f"lensmap {' '.join(arguments.words)}", logging.DEBUG)
        if arguments.json not in (None, "-") and not arguments.overwrite:
            _check_record(arguments.json)
        self.record_file = arguments.json

    def _code_of(self, error):
        """Report an exception to the user, add it to the JSON record, and return its exit code."""
        if isinstance(error, Terminated):
            say("terminated; nothing was left half written", logging.ERROR)
            return ExitCode.TERMINATED
        if isinstance(error, KeyboardInterrupt):
            say("interrupted; nothing was left half written", logging.ERROR)
            return ExitCode.INTERRUPTED
        if not isinstance(error, Exception):
            raise error
        record = error_record(error, self.names)
        self.errors.append(record)
        because = ""
        if getattr(self.arguments, "strict", False) and isinstance(error, _STRICT):
            because = " (an error because of --strict)"
        say(f"error: {record['message']}{because}", logging.ERROR)
        if isinstance(error, CheckFailure):
            return error.exit_code
        if isinstance(error, CombinationError):
            return ExitCode.USAGE
        return ExitCode.PARTIAL if isinstance(error, IncompleteRunError) else ExitCode.FAILED

    def _show_warning(self, message, category, filename, lineno, file=None, line=None):
        """Show a warning as one line, and add it to the JSON record.

        The class of the warning is shown only for warnings of other packages.
        """
        if isinstance(message, LensmapWarning):
            record = error_record(message, self.names)
            text = record["message"]
        else:
            code = snake_case(category.__name__.removesuffix("Warning")) or "warning"
            record = {"code": code, "parameter": None, "message": str(message)}
            text = f"{category.__name__}: {message}"
        if record not in self.warnings:
            self.warnings.append(record)
        say(f"warning: {text}", logging.WARNING)

    def _print(self, result):
        """Print the result as text, write the JSON record, and return the exit code."""
        code = result.code
        if not (self.arguments.quiet or self.record_file == "-") and str(result):
            code = self._print_text(str(result), result, code)
        return self._write_record(result, code)

    def _print_text(self, text, result, code):
        """Print text on the standard output, and return the exit code of the run.

        The exit code is ``code`` if the text is printed or the program that reads the output has
        ended. After any other failure, it is the exit code of the error.
        """
        try:
            print_text(printable_lines(text))
        except OSError as error:
            reason = f"cannot write to the standard output: {error.strerror}"
            files = ", ".join(map(str, result.outputs)) or result.numbers.get("folder")
            written = f"; the output is complete: {files}" if files else ""
            return self._code_of(OSError(reason + written))
        return code

    def _write_record(self, result, code=None):
        """Write the JSON record to the file of ``--json``, and return the exit code of the run.

        The folder of a result gets the record, too. ``code`` is the exit code so far; None takes
        that of the result.
        """
        code = result.code if code is None else code
        if self.record_file is None and result.folder is None:
            return code
        text = _record_text(
            self.arguments.command, result, code, self.warnings, self.errors,
            record_outputs(result, self.arguments),
        )
        if result.folder is not None:
            try:
                _write_text(text, result.folder / RUN_RECORD)
            except OSError as error:
                return self._code_of(error)
        if self.record_file is None:
            return code
        if self.record_file == "-":
            return self._print_text(text, result, code)
        try:
            _write_text(text, self.record_file)
        except OSError as error:
            return self._code_of(error)
        return code


def _record_text(command, result, code, warned, errors, outputs=()):
    """Return the JSON record of a run as text; ``schemas.json`` describes it.

    ``warned`` and ``errors`` are lists of dicts with ``code``, ``parameter`` and ``message``;
    ``outputs`` is the result of `record_outputs`.
    """
    record = {
        "schema": None,
        "lensmap": None,
        "command": command,
        "status": code.status,
        "exit_code": int(code),
        "date": None,
        "command_line": None,
        "arguments": None,
        "inputs": [],
        "outputs": outputs,
        "warnings": warned,
        "errors": errors,
        **result.numbers,
        **provenance(command=command),
        "seal": UNSEALED,
    }
    return json.dumps(plain(record), indent=1, allow_nan=False)


def _write_text(text, path):
    with atomic_write(path, overwrite=True) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
        seal(temporary)


def _check_record(path):
    """Raise an OptionError if the file exists and is not a JSON record of a lensmap command."""
    if not Path(path).exists():
        return
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        is_record = {"schema", "lensmap", "command", "status"} <= content.keys()
    except (ValueError, AttributeError):
        is_record = False
    if not is_record:
        raise OptionError(
            "json",
            f"--json: the file {path!r} exists, and no lensmap command wrote it as its --json "
            "file: give another name, or add --overwrite to replace the file",
            "file_exists",
        )


def _record_usage_error(error, words):
    """Write the JSON record of a usage error, if the command line has the option ``--json``."""
    parser = Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--json")
    try:
        path = parser.parse_known_args(words)[0].json
    except UsageError:
        return
    record = {"code": "usage", "parameter": None, "message": str(error)}
    text = _record_text(error.command, Result(), ExitCode.USAGE, [], [record])
    if path == "-":
        with suppress(OSError):
            print_text(text)
    elif path is not None:
        try:
            _check_record(path)
            _write_text(text, path)
        except (OSError, ValueError):  # the usage error is reported instead
            pass


class _StandardError(logging.Handler):
    """A handler that prints each message as one line of standard error, unless it is closed."""

    def emit(self, record):
        try:
            print(f"lensmap: {_one_line(record)}", file=sys.stderr)
        except OSError:
            pass


class _LogFile(logging.FileHandler):
    """A handler that writes each message as one line of a file; a full disk raises no error."""

    def format(self, record):
        when = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(record.created))
        return f"{when} {record.levelname} {_one_line(record)}"

    def handleError(self, record):
        pass


def _one_line(record):
    return printable(" ".join(record.getMessage().removeprefix("lensmap: ").split()))


@contextmanager
def _messages(arguments):
    """Print the messages of lensmap and of astropy's log on standard error while a block runs."""
    handler = _StandardError()
    handler.setLevel(
        logging.WARNING if arguments.quiet else logging.DEBUG if arguments.verbose else logging.INFO
    )
    before = log.handlers, log.level, LOGGER.level, LOGGER.propagate
    log.handlers, LOGGER.handlers, LOGGER.propagate = [handler], [handler], False
    LOGGER.setLevel(logging.DEBUG)
    if arguments.verbose:
        log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        LOGGER.handlers = []
        log.handlers, level, LOGGER.level, LOGGER.propagate = before
        log.setLevel(level)


@contextmanager
def _log_file(path):
    handler = _LogFile(path, encoding="utf-8")
    for logger in (log, LOGGER):
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in (log, LOGGER):
            logger.removeHandler(handler)
        handler.close()


def _usage_of_machine(began):
    """Return the duration and the peak memory of a run, as text.

    ``began`` is the value of `time.monotonic` at the beginning of the run.
    """
    text = f"took {time.monotonic() - began:.1f} s"
    peak = peak_memory()
    return text if peak is None else f"{text} and at most {peak / 1e6:.0f} MB of memory"
