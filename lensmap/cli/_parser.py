# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The parser of the command line: commands, their common options, and option files."""

import argparse

from lensmap.cli._common import add_common_options
from lensmap.cli._config import config_words, long_option, read_config, toml_settings
from lensmap.cli._exit_codes import exit_codes_text
from lensmap.cli.commands import (
    _check,
    _demo,
    _filaments,
    _inject,
    _partition,
    _peaks,
    _profile,
    _reconstruct,
    _simulate,
    _survey,
    _train,
    _validate,
    _verify,
)

__all__ = ["Parser", "UsageError", "parse_words"]

_COMMANDS = (
    _demo, _reconstruct, _check, _peaks, _profile,
    _filaments, _inject, _partition, _survey, _simulate, _train, _validate, _verify,
)


class UsageError(Exception):
    """An error about a word of the command line or a key of an option file.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        The parser of the command.
    message : str
        The error message of argparse.
    """

    def __init__(self, parser, message):
        super().__init__(message)
        self.parser = parser

    @property
    def command(self):
        """The name of the command, such as ``"simulate survey"``; None without a command."""
        return self.parser.prog.partition(" ")[2] or None


class Parser(argparse.ArgumentParser):
    """An argument parser that raises `UsageError` instead of ending the process."""

    def error(self, message):
        """Raise a `UsageError`."""
        raise UsageError(self, message)


def parse_words(words):
    """Parse the command line; its options take precedence over those of the ``--config`` file.

    Parameters
    ----------
    words : list of str
        The words after ``lensmap``.

    Returns
    -------
    argparse.Namespace
        The arguments of the command. Further attributes are ``words``, the given words; ``run``,
        the function of the command; ``command``, the name of the command; ``option_names``, a dict
        from each ``dest`` to its option, and from other parameters of Python, or settings such as
        ``"errors='bootstrap'"``, to the words for them; and ``settings``, all options of the run by
        their long names, which ``--save-config`` writes and ``--json`` records.

    Raises
    ------
    UsageError
        If the command line or the option file is not valid.
    """
    parser, command = make_parser(words)
    _check_values(words, parser if command is None else command)
    given, settings = _given_options(words), {}
    if "config" in given:
        settings = _settings_below(command, given)
        _set_defaults(command, words, settings, given["config"])
    arguments = parser.parse_args(words, argparse.Namespace(words=words, settings=None))
    arguments.settings = toml_settings(command, given, settings)
    return arguments


def _check_values(words, parser):
    """Raise a UsageError if the value of an option is ``--``, which argparse takes for no value."""
    for word in words:
        if word == "--":
            return
        if word.startswith("--") and word.endswith("=--"):
            raise UsageError(parser, f"argument {word[:-3]}: the value must not be '--'")


def make_parser(words, *, add_help=True):
    """Return the main parser, and the parser of the command that the words name, or None.

    Only this command gets its options, because adding options imports the modules that define
    them.
    """
    from lensmap import __version__

    parser = Parser(
        prog="lensmap",
        description="Mass maps from weak-lensing shear catalogs.",
        epilog="'lensmap COMMAND --help' shows the options of a command, with examples.\n\n"
        + exit_codes_text(),
        add_help=add_help,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if add_help:
        parser.add_argument("--version", action="version", version=f"lensmap {__version__}")
    return parser, _add_commands(parser, _COMMANDS, words)


def _add_commands(parser, modules, words, *, above=""):
    """Add the command of each module, and the subcommands of modules with ``COMMANDS``.

    ``above`` is the name of the command that has the modules as its subcommands, such as
    ``"simulate"``; empty for the main parser. Return the parser of the command that ``words`` name,
    or None.
    """
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    chosen = None
    for module in modules:
        command = subparsers.add_parser(
            module.NAME,
            help=module.SUMMARY,
            description=module.DESCRIPTION,
            epilog=module.EXAMPLES,
            add_help=parser.add_help,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if words[:1] != [module.NAME]:
            continue
        name = f"{above} {module.NAME}".strip()
        if hasattr(module, "COMMANDS"):
            chosen = _add_commands(command, module.COMMANDS, words[1:], above=name)
            continue
        chosen = command
        module.add_arguments(command)
        add_common_options(command)
        names = getattr(module, "PARAMETERS", {}) | _option_names(command)
        command.set_defaults(run=module.run, command=name, option_names=names)
    return chosen


def _option_names(command):
    """Return a dict from each ``dest`` to its long option, or to a positional argument's name."""
    return {
        action.dest: long_option(action) or f"the {action.dest}" for action in command._actions
    }


def _given_options(words):
    """Return the words given on the command line for each option, keyed by ``dest``."""
    try:
        return vars(_relaxed_parser(words, convert=False).parse_args(words))
    except UsageError:  # the full parser reports the error with its usage, or shows the help
        return {}


def _relaxed_parser(words, *, convert):
    """Return a parser for a part of the options: none is required, and none has a default.

    Such a parser shows which options the command line gives, and converts the options of a file.
    If ``convert`` is False, the parser leaves all values as text.
    """
    parser, command = make_parser(words, add_help=False)
    for action in () if command is None else command._actions:
        action.required, action.default = False, argparse.SUPPRESS
        if not action.option_strings and action.nargs is None:
            action.nargs = "?"
        if not convert:
            action.type = None
    for group in () if command is None else command._mutually_exclusive_groups:
        group.required = False
    return parser


def _settings_below(command, given):
    """Return the options of the option file that the command line does not override."""
    try:
        settings = read_config(command, given["config"])
    except (OSError, ValueError) as error:
        raise UsageError(command, str(error)) from error
    overridden = set(given)
    for group in command._mutually_exclusive_groups:
        members = {action.dest for action in group._group_actions}
        if members & given.keys():
            overridden |= members
    return {dest: value for dest, value in settings.items() if dest not in overridden}


def _set_defaults(command, words, settings, path):
    """Set the options of an option file as defaults of the parser of a command.

    ``settings`` are the options as returned by `_settings_below`, and ``path`` is the file, for
    error messages. Values are converted as on the command line. An option with such a default is no
    longer required.
    """
    name = command.prog.split()[1:]
    try:
        parser = _relaxed_parser(words, convert=True)
        values = vars(parser.parse_args([*name, *config_words(command, settings)]))
    except UsageError as error:
        raise UsageError(command, f"{str(path)!r}: {error}") from error
    command.set_defaults(**{dest: value for dest, value in values.items() if dest in settings})
    for action in command._actions:
        action.required = action.required and action.dest not in settings
    for group in command._mutually_exclusive_groups:
        members = {action.dest for action in group._group_actions}
        group.required = group.required and not members & settings.keys()
