# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Plain settings of runs: comparison, growth, and their form in files and messages."""

import json
import numbers
import re

from lensmap.utils._serialize import UNIT_SUFFIXES

__all__ = ["differences", "dump_json", "merged"]

_LONGEST = 60  # characters of a value in a message

_MISSING = "nothing"


def merged(stored, asked, addable, fillable):
    """Return stored settings with what a later run adds to them.

    Parameters
    ----------
    stored, asked : dict
        Plain settings.
    addable, fillable : collection of str
        As for `RunFolder`.

    Returns
    -------
    dict
        The stored settings, grown where the asked ones extend them.
    """
    result = dict(stored)
    for name in (*addable, *fillable):
        old, new = stored.get(name), asked.get(name)
        if new and (not old or name in addable and _extends(new, old)):
            result[name] = new
        elif name in addable and isinstance(old, dict) and isinstance(new, dict):
            result[name] = {**new, **old}
    return result


def _extends(new, old):
    if isinstance(new, list) and isinstance(old, list):
        return new[: len(old)] == old
    return _is_number(new) and _is_number(old) and new > old


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def differences(before, now, prefix=""):
    """Return what differs between two plain settings, in words.

    Parameters
    ----------
    before, now : dict
        Plain settings.
    prefix : str
        The name of the setting that they are parts of, with a dot.

    Returns
    -------
    list of str
        Such as ``"seed was 0 and is now 1"``.
    """
    lines = []
    for name in {**before, **now}:
        one, other = before.get(name, _MISSING), now.get(name, _MISSING)
        if one == other:
            continue
        if isinstance(one, dict) and isinstance(other, dict) and _title(one) == _title(other):
            lines += differences(one, other, f"{prefix}{name}.")
            continue
        short, unit = _split_unit(name)
        lines.append(f"{prefix}{short} was {_shown(one, unit)} and is now {_shown(other, unit)}")
    return lines


def _title(value):
    """Return the name and the class of an object that became a dict."""
    return value.get("name"), value.get("class")


def _split_unit(name):
    for suffix in UNIT_SUFFIXES:
        if name.endswith(f"_{suffix}"):
            return name.removesuffix(f"_{suffix}"), f" {suffix.replace('_', ' ')}"
    return name, ""


def _shown(value, unit):
    if isinstance(value, dict):
        value = next(filter(None, _title(value)), value)
    if isinstance(value, list):
        value = " ".join(_shown(item, "") for item in value)
    if isinstance(value, float):
        value = f"{value:.10g}"
    text = "none" if value is None else f"{value}{unit}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def dump_json(values):
    """Return plain values as JSON for people, each list of numbers in one line.

    Parameters
    ----------
    values : object
        Plain values.

    Returns
    -------
    str
        The text.
    """
    text = json.dumps(values, indent=1)
    return re.sub(r"\[[^][{}\"]*\]", lambda match: json.dumps(json.loads(match[0])), text)
