# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`RunFolder`: the settings and the finished items of a run, from which the same call resumes."""

from __future__ import annotations

import hashlib
import json
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from lensmap import __version__
from lensmap.utils._exceptions import LensmapWarning, ParameterError, warn_user
from lensmap.utils._files import remove_leftovers
from lensmap.utils._folder_lock import FolderLock
from lensmap.utils._record_files import UNREADABLE, read_record, read_stamp, write_record
from lensmap.utils._run_settings import SettingsFile, write_json
from lensmap.utils._serialize import to_plain

__all__ = ["RunFolder"]

_DATA = "data"
_ALL_RECORDS = f"{_DATA}/**/[0-9]*.npz"


class RunFolder:
    """A folder that a run fills item by item, and from which the same call resumes it.

    ``settings.json`` holds the settings, the numbers of the schema and of the algorithm, and the
    version of lensmap. A run with the same ones resumes; any other is refused with what differs.
    Only one run at a time has the folder, until `close`, the end of a ``with`` block or of the
    process. Records of items lie in ``data``; a run may have products of its own beside them.
    Every file is there whole or not at all.

    Parameters
    ----------
    path : path-like
        The folder, on a local or network file system; made if need be.
    settings : dict
        Everything that the items depend on, in terms that ``lensmap.utils.to_plain`` knows.
    schema : int
        The number of the form of the folder's files.
    kind : str
        The kind of the run, a noun for messages, such as ``"validation"``.
    algorithm : int
        The number of the algorithm: it grows whenever the same settings give other numbers.
    addable : collection of str
        Settings that may grow: dicts by keys, lists at their end, numbers upward.
    fillable : collection of str
        Settings that may be empty at first and be given later.
    products : collection of str
        Patterns of the names of the run's own products, such as ``"field_*"``.
    take_over : bool
        Whether the folder is taken from another run that has it, which is dead.
    overwrite : bool
        Whether records and products of an earlier run of the same kind are removed.
    remedy : str
        The advice for a run with other settings or of another algorithm.
    version : str
        The version of lensmap.

    Attributes
    ----------
    path : `pathlib.Path`
        The folder.
    settings : dict
        The plain settings, with what earlier runs added.
    version : str
        The version of lensmap that began the folder.

    Raises
    ------
    NotADirectoryError
        If ``path`` is a file.
    ValueError
        If the folder holds a run of other settings, another schema or algorithm, or files that are
        not of lensmap; or if it is an object store.
    RuntimeError
        If another run has the folder.

    Warns
    -----
    LensmapWarning
        If another version of lensmap began the folder.
    """

    def __init__(
        self,
        path: str | PathLike,
        settings: Mapping[str, Any],
        *,
        schema: int,
        kind: str = "run",
        algorithm: int = 1,
        addable: Collection[str] = (),
        fillable: Collection[str] = (),
        products: Collection[str] = (),
        take_over: bool = False,
        overwrite: bool = False,
        remedy: str = "use another folder",
        version: str = __version__,
    ) -> None:
        self._kind, self._products, self._algorithm = kind, tuple(products), algorithm
        self._open_settings = {*addable, *fillable}
        asked = json.loads(json.dumps(to_plain(settings)))
        self.path, self.version = _check_path(path), version
        self._file = SettingsFile(self.path, kind, schema, algorithm, remedy)
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock: FolderLock | None = FolderLock(self.path, take_over=take_over)
        self._release = weakref.finalize(self, self._lock.release)
        try:
            self._remove_leftovers()
            if overwrite:
                self._clear()
            self._begin(asked, addable, fillable)
        except BaseException:
            self._release()
            raise

    @classmethod
    def read(cls, path: str | PathLike, *, schema: int, kind: str = "run") -> RunFolder:
        """Open a folder for reading; another run may have it.

        Parameters
        ----------
        path : path-like
            The folder.
        schema, kind : int, str
            As for `RunFolder`.

        Returns
        -------
        RunFolder
            The folder, to which nothing can be saved.

        Raises
        ------
        FileNotFoundError
            If it holds no run.
        ValueError
            If it holds a run of another kind or schema.
        """
        self = cls.__new__(cls)
        self.path, self._kind = _check_path(path), kind
        self._lock, self._open_settings = None, set()
        self._file = SettingsFile(self.path, kind, schema)
        stored = self._file.read()
        if stored is None:
            raise FileNotFoundError(f"{str(self.path)!r} holds no {kind}")
        self._file.check_kind(stored)
        self._file.check_schema(stored)
        self.settings, self.version = stored["settings"], stored["lensmap"]
        return self

    def __repr__(self):
        return f"<RunFolder {str(self.path)!r}: {self._kind}>"

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the folder back, so that another run may have it."""
        if self._lock is not None and self._release.alive:
            self._remove_leftovers()
            self._release()

    # --- settings ---------------------------------------------------------------------------

    def _begin(self, asked, addable, fillable):
        """Write the settings to a new folder, or compare them with those that it has."""
        stored = self._file.read()
        if stored is None:
            self._check_empty()
            self._file.write(asked, self.version)
            self.settings = asked
            return
        self.settings = self._file.compared(stored, asked, addable, fillable)
        if stored["lensmap"] != self.version:
            warn_user(
                f"{str(self.path)!r} was begun by lensmap {stored['lensmap']}, and this is "
                f"{self.version}: what it holds may differ from what is added",
                LensmapWarning,
                "version_changed",
            )
            self.version = stored["lensmap"]
        if self.settings != stored["settings"]:
            self._file.write(self.settings, self.version)

    def _check_empty(self):
        """Refuse a folder with items, but without settings."""
        patterns = (*self._products, _ALL_RECORDS)
        foreign = sorted(path.name for pattern in patterns for path in self.path.glob(pattern))
        if foreign:
            raise ValueError(
                f"{str(self.path)!r} holds {_some(foreign)} but no {self._file.path.name} that "
                "says how they were made: use another folder"
            )

    def _clear(self):
        """Remove the items and the settings of an earlier run of this kind."""
        stored = self._file.read()
        if stored is None:
            return
        self._file.check_kind(stored)
        patterns = (*self._products, _ALL_RECORDS, f"{_DATA}/*.json")
        items = [path for pattern in patterns for path in self.path.glob(pattern)]
        # The settings last: without them, items that are left would be foreign.
        for path in (*items, self._file.path):
            path.unlink()

    def _remove_leftovers(self):
        for folder in (self.path, *(self.path / _DATA).glob("**/")):
            if folder.is_dir():
                remove_leftovers(folder)

    # --- records ----------------------------------------------------------------------------

    def _records(self, part):
        return sorted((self.path / _DATA / part).glob("[0-9]*.npz"))

    def _record(self, part, number):
        return self.path / _DATA / part / f"{number:06d}.npz"

    @property
    def _stamp(self):
        """The origin of the records of this run."""
        fixed = {name: value for name, value in self.settings.items()
                 if name not in self._open_settings}
        text = json.dumps([self._kind, self._file.schema, fixed], sort_keys=True)
        return {"run": hashlib.sha256(text.encode()).hexdigest()[:16],
                "algorithm": self._algorithm, "lensmap": __version__}

    def numbers(self, part: str = "") -> list[int]:
        """Return the numbers of the records of a part.

        Parameters
        ----------
        part : str
            The part of the run.

        Returns
        -------
        list of int
            Rising.
        """
        return sorted(int(path.stem) for path in self._records(part))

    def missing(self, n: int, part: str = "") -> list[int]:
        """Return the numbers below ``n`` that have no record.

        Parameters
        ----------
        n : int
            The number of items.
        part : str
            The part of the run.

        Returns
        -------
        list of int
            Rising.

        Raises
        ------
        ValueError
            If a record is not of this run, or of another algorithm.

        Warns
        -----
        LensmapWarning
            If a record cannot be read: it counts as missing.
        """
        existing, unreadable = set(self.numbers(part)), []
        for number in sorted(existing & set(range(n))):
            path = self._record(part, number)
            try:
                stamp = read_stamp(path)
            except UNREADABLE:
                unreadable.append(number)
            else:
                self._check_stamp(path, stamp)
        if unreadable:
            names = [self._record(part, number).name for number in unreadable]
            warn_user(
                f"{_some(names)} in {str(self._record(part, 0).parent)!r} cannot be read and will "
                "be made anew",
                LensmapWarning,
                "unreadable_records",
            )
        return [number for number in range(n) if number not in existing or number in unreadable]

    def _check_stamp(self, path, stamp):
        stamp, own = stamp or {}, self._stamp
        if stamp.get("run") != own["run"]:
            raise ValueError(
                f"{str(path)!r} is not of this {self._kind}: move it away, and the same call makes "
                "its own"
            )
        if stamp.get("algorithm") != own["algorithm"]:
            raise ValueError(
                f"{str(path)!r} was made by algorithm {stamp.get('algorithm')}, and this lensmap "
                f"has algorithm {own['algorithm']}: use another folder"
            )

    def save(self, number: int, record: Mapping[str, Any], part: str = "") -> None:
        """Write the record of an item.

        Parameters
        ----------
        number : int
            The number of the item.
        record : dict
            From names to arrays, text, `~astropy.table.Table`, or dicts of these.
        part : str
            The part of the run.

        Raises
        ------
        RuntimeError
            If the folder is open for reading only, was closed, or was taken over by another run.
        """
        self._check_ours()
        path = self._record(part, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_record(path, record, self._stamp)

    def load(self, number: int, part: str = "") -> dict[str, Any]:
        """Read the record of an item.

        Parameters
        ----------
        number : int
            The number of the item.
        part : str
            The part of the run.

        Returns
        -------
        dict
            As it was saved; text as arrays of text, tables as `~astropy.table.QTable`.

        Raises
        ------
        FileNotFoundError
            If the item has no record.
        ValueError
            If the record cannot be read.
        """
        path = self._record(part, number)
        try:
            return read_record(path)
        except FileNotFoundError:
            raise
        except UNREADABLE as error:
            raise ValueError(
                f"{str(path)!r} cannot be read ({error}): delete it, and the same call makes it "
                "anew"
            ) from error

    def notes(self, name: str) -> dict[str, Any]:
        """Return what `note` wrote.

        Parameters
        ----------
        name : str
            The name of the notes.

        Returns
        -------
        dict
            Empty if nothing was written.
        """
        path = self.path / _DATA / f"{name}.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise ValueError(f"{str(path)!r} cannot be read ({error}): delete it") from error

    def note(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a few values that belong to no single item.

        Parameters
        ----------
        name : str
            The name of the notes.
        values : dict
            The values, as JSON can hold them.

        Raises
        ------
        RuntimeError
            As for `save`.
        """
        self._check_ours()
        (self.path / _DATA).mkdir(exist_ok=True)
        write_json(self.path / _DATA / f"{name}.json", values)

    def _check_ours(self):
        if self._lock is None:
            raise RuntimeError(f"{str(self.path)!r} is open for reading only")
        self._lock.check()

    # --- products ---------------------------------------------------------------------------

    def missing_files(
        self, names: Sequence[str], n: int, check: Callable[[Path], object]
    ) -> list[int]:
        """Return the numbers below ``n`` that lack a product.

        Parameters
        ----------
        names : list of str
            The names of the products of one item, with a place for its number, such as
            ``"field_{:04d}.fits"``.
        n : int
            The number of items.
        check : callable
            Called with the path of each product; raises OSError or ValueError if it cannot be read.

        Returns
        -------
        list of int
            Rising.

        Raises
        ------
        ValueError
            If a product cannot be read: it may be a file of the user's.
        """
        missing, unreadable = [], []
        for number in range(n):
            paths = [self.path / name.format(number) for name in names]
            if not all(path.exists() for path in paths):
                missing.append(number)
            for path in filter(Path.exists, paths):
                try:
                    check(path)
                except UNREADABLE:
                    unreadable.append(path.name)
        if unreadable:
            raise ValueError(
                f"{_some(unreadable)} in {str(self.path)!r} cannot be read, or is of another "
                "origin: move it away, and the same call makes it anew"
            )
        return missing


def _check_path(path):
    if "://" in str(path):
        raise ParameterError(
            "folder", "on a local or network file system", repr(str(path)),
            "write to one, and copy the results",
        )
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"folder must be a directory, but {str(path)!r} is a file")
    return path


def _some(names):
    """Return a few of many names."""
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
