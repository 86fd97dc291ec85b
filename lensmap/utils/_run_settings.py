# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Plain settings of runs: comparison, growth, and their form in files and messages."""

import json
import numbers
import re

from lensmap.utils._exceptions import OtherSettingsError
from lensmap.utils._files import atomic_write
from lensmap.utils._serialize import UNIT_SUFFIXES
from lensmap.utils._validation import check_count

__all__ = ["SettingsFile", "differences", "merged", "write_json"]

_NAME = "settings.json"

_LONGEST = 60  # characters of a value in a message

_MISSING = "nothing"

_PARAMETER = re.compile(r"[a-z]\w*")


class SettingsFile:
    """The file ``settings.json`` of a run folder.

    Parameters
    ----------
    folder : `pathlib.Path`
        The folder.
    kind : str
        The kind of the run.
    schema, algorithm, remedy : int, str
        As for `RunFolder`.

    Attributes
    ----------
    path : `pathlib.Path`
        The file.
    schema : int
        As given.
    """

    def __init__(self, folder, kind, schema, algorithm=1, remedy="use another folder"):
        self._remedy = remedy
        self._folder, self.path = str(folder), folder / _NAME
        self._kind, self.schema = kind, check_count(schema, "schema", minimum=1)
        self._algorithm = check_count(algorithm, "algorithm", minimum=1)

    def read(self):
        """Return the content of the file.

        Returns
        -------
        dict or None
            ``run`` (the kind), ``schema``, ``algorithm``, ``lensmap`` (the version) and
            ``settings``; None if there is no file.

        Raises
        ------
        ValueError
            If the file is of another form.
        """
        try:
            stored = json.loads(self.path.read_text(encoding="utf-8"))
            if stored.keys() >= {"run", "schema", "algorithm", "lensmap", "settings"}:
                return stored
        except FileNotFoundError:
            return None
        except (ValueError, AttributeError):
            pass
        raise ValueError(f"{str(self.path)!r} is broken, or not of lensmap: use another folder")

    def write(self, settings, version):
        """Write the file.

        Parameters
        ----------
        settings : dict
            Plain settings.
        version : str
            The version of lensmap.
        """
        head = {"run": self._kind, "schema": self.schema, "algorithm": self._algorithm}
        write_json(self.path, {**head, "lensmap": version, "settings": settings})

    def check_kind(self, stored):
        """Refuse a run of another kind.

        Parameters
        ----------
        stored : dict
            As of `read`.

        Raises
        ------
        ValueError
            If it is of another kind.
        """
        if stored["run"] != self._kind:
            raise ValueError(
                f"{self._folder!r} holds no {self._kind}, but a {stored['run']}: use another folder"
            )

    def check_schema(self, stored):
        """Refuse a run of another schema.

        Parameters
        ----------
        stored : dict
            As of `read`.

        Raises
        ------
        ValueError
            If it has another schema.
        """
        if stored["schema"] != self.schema:
            raise ValueError(
                f"{self._was_made(stored)} with schema {stored['schema']}, and this lensmap reads "
                f"schema {self.schema}: use another folder"
            )

    def _was_made(self, stored):
        return f"the {self._kind} in {self._folder!r} was made by lensmap {stored['lensmap']}"

    def compared(self, stored, asked, addable, fillable):
        """Return the settings of a run that resumes.

        Parameters
        ----------
        stored : dict
            As of `read`.
        asked : dict
            The plain settings of the run.
        addable, fillable : collection of str
            As for `RunFolder`.

        Returns
        -------
        dict
            The stored settings with what the run adds.

        Raises
        ------
        ValueError
            If the run is of another kind, schema or algorithm, or has other settings.
        """
        self.check_kind(stored)
        self.check_schema(stored)
        if stored["algorithm"] != self._algorithm:
            raise OtherSettingsError(
                f"{self._was_made(stored)} by algorithm {stored['algorithm']}, and this lensmap "
                f"has algorithm {self._algorithm}: {self._remedy}"
            )
        settings = merged(stored["settings"], asked, addable, fillable)
        differ = differences(settings, merged(asked, settings, addable, fillable))
        if differ:
            raise OtherSettingsError(
                f"{self._folder!r} holds another {self._kind}: {'; '.join(differ)}; {self._remedy}"
            )
        return settings


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
        Such as ``"{seed} was 0 and is now 1"``, with placeholders as in `ParameterError`.
    """
    lines = []
    for name in {**before, **now}:
        one, other = before.get(name, _MISSING), now.get(name, _MISSING)
        if one == other:
            continue
        one, other = _by_number(one, other), _by_number(other, one)
        if isinstance(one, dict) and isinstance(other, dict) and _title(one) == _title(other):
            lines += differences(one, other, f"{prefix}{name}.")
            continue
        short, unit = _split_unit(name)
        # A placeholder, which the command line shows as its option.
        whole = prefix + short if prefix or not _PARAMETER.fullmatch(short) else f"{{{short}}}"
        lines.append(f"{whole} was {_shown(one, unit)} and is now {_shown(other, unit)}")
    return lines


def _by_number(value, other):
    """Return a list of objects as a dict by number, if it compares with another that way."""
    both = isinstance(value, list) and isinstance(other, list) and len(value) == len(other)
    if both and any(isinstance(item, dict) for item in (*value, *other)):
        return {str(i): item for i, item in enumerate(value)}
    return value


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


def write_json(path, values):
    """Write plain values for people, each list of numbers in one line; whole or not at all.

    Parameters
    ----------
    path : path-like
        The file, which is replaced if it exists.
    values : object
        Plain values.
    """
    text = json.dumps(values, indent=1)
    # No string holds the line break.
    text = re.sub(
        r"\[\n[^][{}\"]*\]", lambda match: json.dumps(json.loads(match[0])), text
    )
    with atomic_write(path, overwrite=True) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
