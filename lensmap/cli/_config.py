# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Option files: TOML files whose keys are the long names of options."""

import argparse
import difflib
import tomllib
from pathlib import Path

from lensmap.cli._messages import OptionError
from lensmap.utils import atomic_write, missing_file

__all__ = ["config_words", "long_option", "read_config", "toml_settings", "write_config"]

# Options that an option file cannot set.
_NO_SETTINGS = ("help", "config", "save_config")


def read_config(command, path):
    """Read an option file.

    Parameters
    ----------
    command : argparse.ArgumentParser
        The parser of the command.
    path : path-like
        The option file.

    Returns
    -------
    dict
        The value of each option in the file, keyed by the ``dest`` of the option.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is not a TOML file, a key is not an option of the command, or a value has a
        type that its option does not take.
    """
    if not Path(path).is_file():
        raise missing_file(path, "--config", "--config: there is no file {!r}")
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"the option file {str(path)!r} is not a TOML file: {error}") from error
    options, settings = _options(command), {}
    for key, value in content.items():
        if key not in options:
            (nearest,) = difflib.get_close_matches(key, options, n=1, cutoff=0)
            raise ValueError(
                f"the option file {str(path)!r} sets {key!r}, but this command has no option "
                f"'--{key}'; the most similar option is '--{nearest}'"
            )
        _check_value(options[key], key, value, path)
        settings[options[key].dest] = value
    return settings


def config_words(command, settings):
    """Convert the options of a file to words of the command line.

    Parameters
    ----------
    command : argparse.ArgumentParser
        The parser of the command.
    settings : dict
        The options, as returned by ``read_config``.

    Returns
    -------
    list of str
        The words, such as ``["--threads=2", "--overwrite"]``.
    """
    words = []
    for key, action in _options(command).items():
        value = settings.get(action.dest)
        if value is True:
            words.append(f"--{key}")
        elif value is False:
            words += [word for word in action.option_strings if word == f"--no-{key}"]
        elif value is None:
            continue
        elif action.nargs is None or action.nargs == "?":
            # Only an option that may be repeated has a list, which gives one word for each value.
            items = value if isinstance(value, list) else [value]
            words += [f"--{key}={item}" for item in items]
        else:
            words += [f"--{key}", *map(str, value if isinstance(value, list) else [value])]
    return words


def toml_settings(command, given, settings):
    """Return all options of a run, for `write_config`.

    Parameters
    ----------
    command : argparse.ArgumentParser
        The parser of the command.
    given : dict
        The words given on the command line, keyed by ``dest``.
    settings : dict
        The options of a file, as returned by `read_config`.

    Returns
    -------
    dict
        The value of each option, keyed by its long name. The value is that of the command line,
        else that of the file, else the default.
    """
    chosen = {**settings, **given}
    excluded = {
        action.dest
        for group in command._mutually_exclusive_groups
        for action in group._group_actions
        if any(member.dest in chosen for member in group._group_actions)
    }
    result = {}
    for key, action in _options(command).items():
        value = chosen.get(action.dest)
        if value is None and action.dest not in excluded:
            value = _default_of(action)
        if value is not None:
            result[key] = [*map(_number, value)] if isinstance(value, list) else _number(value)
    return result


def write_config(settings, path, *, overwrite):
    """Write an option file.

    Parameters
    ----------
    settings : dict
        The options, as returned by `toml_settings`.
    path : path-like
        The option file. It is left untouched if it already has the same content.
    overwrite : bool
        Whether a file with other content may be replaced.

    Raises
    ------
    OptionError
        If the file has other content and may not be replaced.
    """
    import tomli_w

    text = tomli_w.dumps(settings)
    if Path(path).exists():
        if Path(path).read_text(encoding="utf-8", errors="replace") == text:
            return
        if not overwrite:
            raise OptionError(
                "save_config",
                f"--save-config: the file {path!r} exists with other content; --overwrite replaces "
                "it",
                "file_exists",
            )
    with atomic_write(path, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _default_of(action):
    """Return the default value of an option; None if the option is unset by default."""
    value = action.default
    unset = value is None or value is False or value in ([], {}, argparse.SUPPRESS)
    return None if unset else value


def _options(command):
    """Return the argparse actions of the options that a file may set, keyed by long name."""
    return {
        long_option(action).removeprefix("--"): action
        for action in command._actions
        if action.option_strings and action.dest not in _NO_SETTINGS
    }


def long_option(action):
    """Return the first long option of an argparse action; None for a positional argument."""
    return next((word for word in action.option_strings if word.startswith("--")), None)


def _check_value(action, key, value, path):
    """Raise ValueError if a value in an option file has a type that its option does not take.

    ``action`` is the argparse action of the option, ``key`` its name in the file, and ``path`` the
    file.
    """
    items = value if isinstance(value, list) else [value]
    several = action.nargs not in (None, 0, "?") or isinstance(action, argparse._AppendAction)
    flag = isinstance(value, bool) and action.nargs in (0, "?")
    plain = all(isinstance(item, (str, int, float)) for item in items) and not any(
        isinstance(item, bool) for item in items
    )
    if flag or (plain and action.nargs != 0 and (several or not isinstance(value, list))):
        return
    allowed = "true or false" if action.nargs == 0 else (
        "a string or number" + (", or a list of them" if several else "")
    )
    raise ValueError(
        f"in the option file {str(path)!r}, the value of {key!r} must be {allowed}, not {value!r}"
    )


def _number(value):
    """Convert a word to a number if the number prints as the same word; else return the word."""
    for convert in (int, float):
        try:
            number = convert(value)
        except (TypeError, ValueError):
            continue
        if str(number) == value:
            return number
    return value
