# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The settings of runs as plain values: how they are stored, compared and extended."""

import json
import numbers
import re

from lensmap.utils._exceptions import OtherSettingsError
from lensmap.utils._files import atomic_write
from lensmap.utils._serialize import UNIT_SUFFIXES
from lensmap.utils._validation import check_count

__all__ = ["SETTINGS_FILE", "SettingsFile", "differences", "merged", "write_json"]

#: The name of the file in the folder of a run that holds its settings.
SETTINGS_FILE = "settings.json"

_MAX_CHARACTERS = 60  # of a setting's value in a message

_MISSING = "nothing"

_PARAMETER = re.compile(r"[a-z]\w*")


class SettingsFile:
    """The file ``settings.json`` in the folder of a run.

    Parameters
    ----------
    folder : `pathlib.Path`
        The folder of the run.
    kind : str
        The kind of run, such as ``"validation"``.
    schema : int
        The version of the format of the files.
    algorithm : int
        The version of the algorithm, increased when the same settings give different numbers.
    remedy : str
        The advice in error messages about other settings or another algorithm.

    Attributes
    ----------
    path : `pathlib.Path`
        The file.
    schema : int
        The version of the format of the files.
    """

    def __init__(self, folder, kind, schema, algorithm=1, remedy="use another folder"):
        self._remedy = remedy
        self._folder, self.path = str(folder), folder / SETTINGS_FILE
        self._kind, self.schema = kind, check_count(schema, "schema", minimum=1)
        self._algorithm = check_count(algorithm, "algorithm", minimum=1)

    def read(self):
        """Return the content of the settings file.

        Returns
        -------
        dict or None
            ``run`` (the kind of run), ``schema``, ``algorithm``, ``lensmap`` (the version) and
            ``settings``; None if there is no file.

        Raises
        ------
        ValueError
            If the file is no settings file of lensmap.
        """
        try:
            stored = json.loads(self.path.read_text(encoding="utf-8"))
            if stored.keys() >= {"run", "schema", "algorithm", "lensmap", "settings"}:
                return stored
        except FileNotFoundError:
            return None
        except (ValueError, AttributeError):
            pass
        raise ValueError(
            f"the file {str(self.path)!r} does not hold the settings of a lensmap run, or is "
            "damaged: use another folder"
        )

    def write(self, settings, version):
        """Write the settings file.

        Parameters
        ----------
        settings : dict
            The settings as plain values.
        version : str
            The version of lensmap.
        """
        head = {"run": self._kind, "schema": self.schema, "algorithm": self._algorithm}
        write_json(self.path, {**head, "lensmap": version, "settings": settings})

    def check_kind(self, stored):
        """Check that the stored run is of the same kind as the present run.

        Parameters
        ----------
        stored : dict
            The content of the file, as returned by `read`.

        Raises
        ------
        ValueError
            If the stored run is of another kind.
        """
        if stored["run"] != self._kind:
            raise ValueError(
                f"the folder {self._folder!r} must hold a {self._kind}, not a {stored['run']}: use "
                "another folder"
            )

    def check_schema(self, stored):
        """Check that the stored run has the schema (version of the file format) of the present run.

        Parameters
        ----------
        stored : dict
            The content of the file, as returned by `read`.

        Raises
        ------
        ValueError
            If the stored run has another schema.
        """
        if stored["schema"] != self.schema:
            raise ValueError(
                f"{self._was_made(stored)} with version {stored['schema']} of the file format, but "
                f"the installed lensmap reads version {self.schema} only: use another folder"
            )

    def _was_made(self, stored):
        version = stored["lensmap"]
        return f"the {self._kind} in the folder {self._folder!r} was made by lensmap {version}"

    def compared(self, stored, requested, addable, fillable):
        """Compare the settings of a resuming run with the stored settings.

        Parameters
        ----------
        stored : dict
            The content of the file, as returned by `read`.
        requested : dict
            The settings of the resuming run, as plain values.
        addable, fillable : collection of str
            Names of settings that a later run may extend (dicts by new keys, lists by new elements
            at the end, numbers by larger values), and of settings that a later run may set if they
            are empty.

        Returns
        -------
        dict
            The stored settings, including the additions of the resuming run.

        Raises
        ------
        ValueError
            If the stored run is of another kind, schema or algorithm, or has other settings.
        """
        self.check_kind(stored)
        self.check_schema(stored)
        if stored["algorithm"] != self._algorithm:
            raise OtherSettingsError(
                f"{self._was_made(stored)} with version {stored['algorithm']} of the algorithm, "
                f"but the installed lensmap has version {self._algorithm}: {self._remedy}"
            )
        settings = merged(stored["settings"], requested, addable, fillable)
        lines = differences(settings, merged(requested, settings, addable, fillable))
        if lines:
            raise OtherSettingsError(
                f"the folder {self._folder!r} holds a {self._kind} with other settings: "
                f"{'; '.join(lines)}; {self._remedy}"
            )
        return settings


def merged(stored, requested, addable, fillable):
    """Return stored settings with the additions of a later run.

    Parameters
    ----------
    stored, requested : dict
        The settings in the folder and those of the later run, as plain values.
    addable, fillable : collection of str
        Names of settings that a later run may extend (dicts by new keys, lists by new elements at
        the end, numbers by larger values), and of settings that a later run may set if they are
        empty.

    Returns
    -------
    dict
        The stored settings, extended by the requested settings where this is allowed.
    """
    result = dict(stored)
    for name in (*addable, *fillable):
        old, new = stored.get(name), requested.get(name)
        if new and (not old or name in addable and _extends(new, old)):
            result[name] = new
        elif name in addable and isinstance(old, dict) and isinstance(new, dict):
            result[name] = {**new, **old}
    return result


def _extends(new, old):
    """Return whether a setting only extends an earlier value of the same setting.

    This is the case if the list ``new`` begins with the list ``old``, or if the number ``new`` is
    larger than ``old``.
    """
    if isinstance(new, list) and isinstance(old, list):
        return new[: len(old)] == old
    return _is_number(new) and _is_number(old) and new > old


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def differences(before, now, prefix=""):
    """Describe the differences between the settings of two runs.

    Parameters
    ----------
    before, now : dict
        The earlier and the present settings, as plain values.
    prefix : str
        The name of the enclosing setting, followed by a dot; empty at the top level.

    Returns
    -------
    list of str
        Descriptions such as ``"{seed} was 0 and is now 1"``. The braces mark the name of a
        parameter, which the command line replaces by the name of its option.
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
        # The name is a placeholder, which the command line replaces by its option.
        whole = prefix + short if prefix or not _PARAMETER.fullmatch(short) else f"{{{short}}}"
        old, new = _format_value(one, unit), _format_value(other, unit)
        lines.append(f"{whole} was {old} and is now {new}")
    return lines


def _by_number(value, other):
    """Return the value of a setting, converted so that two lists are compared item by item.

    If ``value`` and ``other`` are lists of equal length that hold dicts, the result is a dict of
    the items of ``value``, keyed by their index as text. Otherwise, it is ``value`` itself.
    """
    both = isinstance(value, list) and isinstance(other, list) and len(value) == len(other)
    if both and any(isinstance(item, dict) for item in (*value, *other)):
        return {str(i): item for i, item in enumerate(value)}
    return value


def _title(value):
    """Return the name and the class of an object from its stored dict; None for a missing entry."""
    return value.get("name"), value.get("class")


def _split_unit(name):
    """Split the stored name of a setting, such as "scale_arcmin", into "scale" and " arcmin"."""
    for suffix in UNIT_SUFFIXES:
        if name.endswith(f"_{suffix}"):
            return name.removesuffix(f"_{suffix}"), f" {suffix.replace('_', ' ')}"
    return name, ""


def _format_value(value, unit):
    """Return the value of a setting as text for a message, with its unit, shortened if too long."""
    if isinstance(value, dict):
        value = next(filter(None, _title(value)), value)
    if isinstance(value, list):
        value = " ".join(_format_value(item, "") for item in value)
    if isinstance(value, float):
        value = f"{value:.10g}"
    text = "none" if value is None else f"{value}{unit}"
    return text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}..."


def write_json(path, values):
    """Write plain values to a readable JSON file, atomically, with lists of numbers on one line.

    Parameters
    ----------
    path : path-like
        The file, which is replaced if it exists.
    values : object
        Values of types that JSON can hold.
    """
    text = json.dumps(values, indent=1)
    # JSON strings contain no line breaks, so the pattern matches only lists.
    text = re.sub(
        r"\[\n[^][{}\"]*\]", lambda match: json.dumps(json.loads(match[0])), text
    )
    with atomic_write(path, overwrite=True) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
