# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What was measured field by field, in a folder that a stopped run goes on with."""

import json
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lensmap.utils import LensmapWarning, atomic_write, warn_user

__all__ = ["RecordFolder"]

_SETTINGS, _DATA = "settings.json", "data"

# Said for the reader; what was measured by another version still counts.
_VERSION = "lensmap"


class RecordFolder:
    """A folder with one file for each field of each part of a validation.

    Parameters
    ----------
    folder : path-like
        The folder, made if need be.
    settings : dict or None
        What all that is in it has in common, as JSON can hold it; None takes what is there.
    addable : tuple of str
        Which of them may come later: one that is empty there becomes what is asked for, and one
        that is there stays when nothing is asked for.

    Raises
    ------
    NotADirectoryError
        If it is a file.
    FileNotFoundError
        If there is nothing to take.
    ValueError
        If it holds records of other settings.
    """

    def __init__(self, folder, settings=None, addable=()):
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise NotADirectoryError(f"folder must be a directory, but {str(folder)!r} is a file")
        path = self.folder / _SETTINGS
        there = _read_json(path) if path.exists() else None
        if settings is None:
            if there is None:
                raise FileNotFoundError(f"{str(folder)!r} holds no validation")
            settings = there
        settings = json.loads(json.dumps(settings))  # tuples become lists, as in the file
        if there is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write_json(path, settings)
        else:
            begun = dict(there)
            for name in addable:
                there[name] = there[name] or settings[name]
                settings[name] = settings[name] or there[name]
            _check_settings(there, settings, folder)
            if there != begun:
                _write_json(path, there)
        self.settings = settings

    def _path(self, part, number):
        return self.folder / _DATA / part / f"{number:06d}.npz"

    def numbers(self, part):
        """Return the numbers of the fields that are there.

        Parameters
        ----------
        part : str
            Of which part.

        Returns
        -------
        list of int
            Rising.
        """
        return sorted(int(path.stem) for path in self._path(part, 0).parent.glob("[0-9]*.npz"))

    def notes(self, name):
        """Return what `note` wrote, or an empty dict.

        Parameters
        ----------
        name : str
            What of.
        """
        path = self.folder / f"{name}.json"
        return _read_json(path) if path.exists() else {}

    def note(self, name, values):
        """Write a few values that are of no single field.

        Parameters
        ----------
        name : str
            What of.
        values : dict
            As JSON can hold it.
        """
        _write_json(self.folder / f"{name}.json", values)

    @contextmanager
    def timed(self, part):
        """Add the time that a block takes to that of a part, also if it is stopped.

        Parameters
        ----------
        part : str
            Which part.

        Yields
        ------
        None
            Nothing.
        """
        start = time.monotonic()
        try:
            yield
        finally:
            times = self.notes("seconds")
            times[part] = times.get(part, 0.0) + time.monotonic() - start
            self.note("seconds", times)

    def save(self, part, number, record):
        """Write the record of a field.

        Parameters
        ----------
        part : str
            Of which part.
        number : int
            Of the field.
        record : dict
            From names to arrays, text, or dicts of these.
        """
        path = self._path(part, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, overwrite=True) as temporary:
            with open(temporary, "wb") as file:
                np.savez_compressed(file, **_flat(record))

    def load(self, part, n=None):
        """Read the records of the first fields.

        Parameters
        ----------
        part : str
            Of which part.
        n : int or None
            How many, those with numbers below that; None takes all.

        Returns
        -------
        list of dict
            As they were saved, text as arrays of text.
        """
        records = []
        for number in self.numbers(part):
            if n is None or number < n:
                with np.load(self._path(part, number), allow_pickle=False) as file:
                    records.append(_nested(file))
        return records


def _read_json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is broken: take a new folder") from error


def _write_json(path, values):
    with atomic_write(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def _check_settings(there, settings, folder):
    differ = [name for name in {**there, **settings} if there.get(name) != settings.get(name)]
    if differ == [_VERSION]:
        warn_user(
            f"{str(folder)!r} was begun by lensmap {there.get(_VERSION)}, and this is "
            f"{settings.get(_VERSION)}: what is there may have been measured in another way",
            LensmapWarning,
            "version_changed",
        )
    elif differ:
        name = next(name for name in differ if name != _VERSION)
        raise ValueError(
            f"{str(folder)!r} holds a validation with another {name} ({there.get(name)!r}, not "
            f"{settings.get(name)!r}): take a new folder"
        )


def _flat(record, prefix=""):
    flat = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = np.asarray(value)
    return flat


def _nested(file):
    record = {}
    for key in file.files:
        *parents, name = key.split(".")
        place = record
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = file[key]
    return record
