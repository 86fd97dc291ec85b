# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`RunFolder`: a folder with the results of a run, from which the same call resumes."""

from __future__ import annotations

import hashlib
import json
import shutil
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from lensmap import __version__
from lensmap.utils._addresses import check_no_address
from lensmap.utils._exceptions import LensmapWarning, warn_user
from lensmap.utils._folder_lock import FolderLock
from lensmap.utils._leftovers import remove_leftovers
from lensmap.utils._provenance import RUN_RECORD
from lensmap.utils._reading import reading
from lensmap.utils._record_files import read_record, read_stamp, write_record
from lensmap.utils._run_settings import SettingsFile, write_json
from lensmap.utils._serialize import to_plain

__all__ = ["RunFolder"]

_DATA = "data"
_ALL_RECORDS = f"{_DATA}/**/[0-9]*.npz"


class RunFolder:
    """A folder with the settings and results of a run, from which the same call resumes.

    A run consists of numbered items, such as simulated fields. ``settings.json`` holds the
    settings, the versions of the schema and of the algorithm, and the version of lensmap. A run
    with the same settings, schema and algorithm resumes; for any other run, an error lists the
    differences. Only one run at a time can hold the folder. The run releases the folder in `close`,
    at the end of a ``with`` block, or when the process ends. The subfolder ``data`` has one file
    with the results of each finished item (its record). A run may write further files (products)
    next to this subfolder. All files are written atomically.

    Parameters
    ----------
    path : path-like
        The folder, on a local or network file system; created if it does not exist.
    settings : dict
        All settings on which the items depend, of types that ``lensmap.utils.to_plain`` converts.
    schema : int
        The version of the format of the files.
    kind : str
        The kind of run, as a noun for messages, such as ``"validation"``.
    algorithm : int
        The version of the algorithm, increased when the same settings give different numbers.
    addable : collection of str
        Names of settings that a later run may extend: dicts by new keys, lists by new elements at
        the end, numbers by larger values.
    fillable : collection of str
        Names of settings that may be empty at first and set by a later run.
    products : collection of str
        Glob patterns for the file names of the products, such as ``"field_*"``.
    take_over : bool
        Whether to take over the folder of a run that was killed. A run that is still alive
        can then no longer write to the folder.
    overwrite : bool
        Whether to remove the records and products of an earlier run of the same kind.
    remedy : str
        The advice in error messages about other settings or another algorithm.
    version : str
        The version of lensmap.
    discard : callable or None
        A function of the folder that removes further results, such as folders, if ``overwrite`` is
        True. It is called before the settings of the earlier run are removed, so that results are
        never beside the settings of another run. None removes nothing else.

    Attributes
    ----------
    path : `pathlib.Path`
        The folder.
    settings : dict
        The settings as plain values, including the additions of earlier runs.
    version : str
        The version of lensmap that created the folder.
    is_new : bool
        Whether this call began the run.

    Raises
    ------
    NotADirectoryError
        If ``path`` is a file.
    ValueError
        If the folder holds a run with other settings, schema or algorithm, or results without
        settings; or if ``path`` is the address of an object store.
    RuntimeError
        If another run holds the folder.

    Warns
    -----
    LensmapWarning
        If another version of lensmap created the folder.
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
        discard: Callable[[Path], object] | None = None,
    ) -> None:
        self._discard, self.is_new = discard, False
        self._kind, self._products, self._algorithm = kind, tuple(products), algorithm
        self._open_settings = {*addable, *fillable}
        requested = json.loads(json.dumps(to_plain(settings)))
        self.path, self.version = _check_path(path), version
        self._file = SettingsFile(self.path, kind, schema, algorithm, remedy)
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock: FolderLock | None = FolderLock(self.path, take_over=take_over)
        self._release = weakref.finalize(self, self._lock.release)
        try:
            self._remove_leftovers()
            if overwrite:
                self._clear()
            self._begin(requested, addable, fillable)
            # It describes a finished run, and this run may write further files.
            (self.path / RUN_RECORD).unlink(missing_ok=True)
        except BaseException:
            self._release()
            raise

    @classmethod
    def read(cls, path: str | PathLike, *, schema: int, kind: str = "run") -> RunFolder:
        """Open the folder of a run for reading, even while the run is still working in it.

        Parameters
        ----------
        path : path-like
            The folder.
        schema : int
            The version of the format of the files.
        kind : str
            The kind of run, such as ``"validation"``.

        Returns
        -------
        RunFolder
            The folder, open for reading only.

        Raises
        ------
        FileNotFoundError
            If the folder holds no run.
        ValueError
            If the folder holds a run of another kind or schema.
        """
        self = cls.__new__(cls)
        self.path, self._kind = _check_path(path), kind
        self._lock, self._open_settings, self.is_new = None, set(), False
        self._file = SettingsFile(self.path, kind, schema)
        stored = self._file.read()
        if stored is None:
            raise FileNotFoundError(
                f"the folder {str(self.path)!r} holds no {kind}, because it has no file "
                f"{self._file.path.name!r}: check the path"
            )
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
        """Release the folder, so that another run may write to it."""
        if self._lock is not None and self._release.alive:
            self._remove_leftovers()
            self._release()

    # --- settings ---------------------------------------------------------------------------

    def _begin(self, requested, addable, fillable):
        """Write the settings to a new folder, or compare them with the stored ones.

        ``requested`` has the settings as plain values. ``addable`` and ``fillable`` are the names
        of settings that this run may extend or set.
        """
        stored = self._file.read()
        if stored is None:
            self._check_empty()
            self.is_new = True
            self._file.write(requested, self.version)
            self.settings = requested
            return
        self.settings = self._file.compared(stored, requested, addable, fillable)
        if stored["lensmap"] != self.version:
            warn_user(
                f"the {self._kind} in the folder {str(self.path)!r} was begun with lensmap "
                f"{stored['lensmap']} and goes on with lensmap {self.version}: the numbers of the "
                "two versions may differ",
                LensmapWarning,
                "version_changed",
            )
            self.version = stored["lensmap"]
        if self.settings != stored["settings"]:
            self._file.write(self.settings, self.version)

    def _check_empty(self):
        """Raise a ValueError if the folder holds results of a run, but no settings."""
        patterns = (*self._products, _ALL_RECORDS)
        foreign = sorted(path.name for pattern in patterns for path in self.path.glob(pattern))
        if foreign:
            raise ValueError(
                f"the folder {str(self.path)!r} holds results ({_abbreviate(foreign)}), but no "
                f"file {self._file.path.name!r} with their settings: use another folder"
            )

    def _clear(self):
        """Remove the results and the settings of an earlier run of the same kind."""
        stored = self._file.read()
        if stored is not None:
            self._file.check_kind(stored)
        if self._discard is not None:
            self._discard(self.path)
        if stored is None:
            return
        patterns = (*self._products, _ALL_RECORDS, f"{_DATA}/*.json")
        items = [path for pattern in patterns for path in self.path.glob(pattern)
                 if path.suffix != ".npz" or path.stem.isdecimal()]
        # The settings are removed last, because items without settings would be an error.
        for path in (*items, self._file.path):
            path.unlink()

    def abandon(self) -> None:
        """Remove the settings and records of a run that failed at its very beginning, and close it.

        The folder of an earlier run is not changed: only the call that began a run abandons it.
        Without this, the same folder would refuse the corrected settings of the next call.
        """
        if self._lock is None or not self.is_new:
            return
        shutil.rmtree(self.path / _DATA, ignore_errors=True)
        self._file.path.unlink(missing_ok=True)
        self.close()
        if not any(self.path.iterdir()):
            self.path.rmdir()

    def _remove_leftovers(self):
        folders = {(self.path / pattern).parent for pattern in self._products}
        for folder in {self.path, *folders, *(self.path / _DATA).glob("**/")}:
            if folder.is_dir():
                # This run holds the folder, so that no process of another machine writes to it.
                remove_leftovers(folder, of_other_machines=True)

    # --- records ----------------------------------------------------------------------------

    def _records(self, part):
        """Return the paths of the existing result files (records), in the order of their numbers.

        ``part`` is the part of the run, a subfolder of ``data``. Other files, such
        as the copy "000001 (1).npz" of a record, are not records.
        """
        paths = (self.path / _DATA / part).glob("[0-9]*.npz")
        return sorted(
            (path for path in paths
             if path.stem.isdecimal() and path == self._record(part, int(path.stem))),
            key=lambda path: int(path.stem),
        )

    def _record(self, part, number):
        """Return the path of the result file (record) of an item, which need not exist.

        ``part`` is the part of the run, a subfolder of ``data``; ``number`` is the number of the
        item.
        """
        return self.path / _DATA / part / f"{number:06d}.npz"

    @property
    def _stamp(self):
        """The dict that each result file of this run holds to identify the run.

        Its values are a hash of the settings, the version of the algorithm and the version of
        lensmap.
        """
        fixed = {name: value for name, value in self.settings.items()
                 if name not in self._open_settings}
        text = json.dumps([self._kind, self._file.schema, fixed], sort_keys=True)
        return {"run": hashlib.sha256(text.encode()).hexdigest()[:16],
                "algorithm": self._algorithm, "lensmap": __version__}

    def numbers(self, part: str = "") -> list[int]:
        """Return the numbers of the items whose results are in the folder.

        Parameters
        ----------
        part : str
            The part of the run, a subfolder of ``data``; empty for ``data`` itself.

        Returns
        -------
        list of int
            The numbers of the items, in increasing order.
        """
        return sorted(int(path.stem) for path in self._records(part))

    def missing(self, n: int | Sequence[int], part: str = "") -> list[int]:
        """Return the numbers of the items that have no readable file of results (record).

        Parameters
        ----------
        n : int or sequence of int
            The number of items, which are numbered from 0, or the numbers of the items.
        part : str
            The part of the run, a subfolder of ``data``; empty for ``data`` itself.

        Returns
        -------
        list of int
            The numbers of the items, in the order of ``n``.

        Raises
        ------
        ValueError
            If a record belongs to another run or algorithm.

        Warns
        -----
        LensmapWarning
            If a record cannot be read, and therefore counts as missing.
        """
        items = range(n) if isinstance(n, int) else n
        existing, unreadable = set(self.numbers(part)), []
        for number in sorted(existing & set(items)):
            path = self._record(part, number)
            try:
                stamp = read_stamp(path)
            except ValueError:
                unreadable.append(number)
            else:
                self._check_stamp(path, stamp)
        if unreadable:
            names = [self._record(part, number).name for number in unreadable]
            warn_user(
                f"the folder {str(self._record(part, 0).parent)!r} holds damaged files "
                f"({_abbreviate(names)}), whose results will be computed again",
                LensmapWarning,
                "unreadable_records",
            )
        return [number for number in items if number not in existing or number in unreadable]

    def _check_stamp(self, path, stamp):
        """Raise a ValueError if a result file is from other settings or another algorithm.

        ``stamp`` is the dict in the file that identifies its run; None if the file has none.
        """
        stamp, expected = stamp or {}, self._stamp
        if stamp.get("run") != expected["run"]:
            raise ValueError(
                f"the file {str(path)!r} was made with other settings than this {self._kind}: move "
                "the file to another folder and repeat the call, which computes its content again"
            )
        if stamp.get("algorithm") != expected["algorithm"]:
            raise ValueError(
                f"the file {str(path)!r} was made with version {stamp.get('algorithm')} of the "
                f"algorithm, but the installed lensmap has version {expected['algorithm']}: use "
                "another folder"
            )

    def save(self, number: int, record: Mapping[str, Any], part: str = "") -> None:
        """Write the results of an item to its file (record).

        Parameters
        ----------
        number : int
            The number of the item.
        record : dict
            The results: arrays, text, `~astropy.table.Table`, or dicts of these, keyed by name.
        part : str
            The part of the run, a subfolder of ``data``; empty for ``data`` itself.

        Raises
        ------
        RuntimeError
            If the folder is read-only, closed, or taken over by another run.
        """
        self._check_ours()
        path = self._record(part, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_record(path, record, self._stamp)

    def remove(self, part: str) -> None:
        """Remove the records of a part of the run, to be made anew.

        Parameters
        ----------
        part : str
            The part of the run, a subfolder of ``data``.
        """
        self._check_ours()
        for path in self._records(part):
            path.unlink()

    def load(
        self, number: int, part: str = "", convert: Callable[[dict[str, Any]], Any] | None = None
    ) -> Any:
        """Read the results of an item from its file (record).

        Parameters
        ----------
        number : int
            The number of the item.
        part : str
            The part of the run, a subfolder of ``data``; empty for ``data`` itself.
        convert : callable or None
            A function of the record, whose errors show that the file is damaged. None for the
            record itself.

        Returns
        -------
        object
            The record, a dict with text as string arrays and tables as `~astropy.table.QTable`, or
            what ``convert`` returns.

        Raises
        ------
        FileNotFoundError
            If the item has no record.
        ValueError
            If the record cannot be read; the message names its file.
        """
        return read_record(self._record(part, number), convert)

    def notes(self, name: str) -> dict[str, Any]:
        """Return the values about the run as a whole that `note` wrote.

        Parameters
        ----------
        name : str
            The name of the notes, and of their file in ``data``.

        Returns
        -------
        dict
            The values; empty if there are no notes of this name.
        """
        path = self.path / _DATA / f"{name}.json"
        try:
            with reading(path, "notes", "delete the file and repeat the run"):
                return dict(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}

    def note(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a few values about the run as a whole to a JSON file.

        Parameters
        ----------
        name : str
            The name of the notes, and of their file in ``data``.
        values : dict
            The values, of types that JSON can hold.

        Raises
        ------
        RuntimeError
            If the folder is read-only, closed, or taken over by another run.
        """
        self._check_ours()
        (self.path / _DATA).mkdir(exist_ok=True)
        write_json(self.path / _DATA / f"{name}.json", values)

    def _check_ours(self):
        """Raise a RuntimeError if this run may not write to the folder."""
        if self._lock is None:
            raise RuntimeError(
                f"cannot write to the folder {str(self.path)!r}, which was opened for reading only"
            )
        self._lock.check()

    # --- products ---------------------------------------------------------------------------

    def missing_files(
        self, names: Sequence[str], n: int, check: Callable[[Path], object]
    ) -> list[int]:
        """Return the numbers of the items for which an output file (product) is missing.

        Parameters
        ----------
        names : list of str
            The file names of the products of one item, as format strings for the item's number,
            such as ``"field_{:04d}.fits"``.
        n : int
            The number of items, which are numbered from 0.
        check : callable
            Called with the path of each product; it raises OSError or ValueError for a product
            that cannot be read.

        Returns
        -------
        list of int
            The numbers of the items, in increasing order.

        Raises
        ------
        ValueError
            If a product cannot be read. It is not replaced, since it may be a file of the user.
        """
        missing, unreadable = [], {}
        for number in range(n):
            paths = [self.path / name.format(number) for name in names]
            if not all(path.exists() for path in paths):
                missing.append(number)
            for path in filter(Path.exists, paths):
                try:
                    check(path)
                except (OSError, ValueError) as error:
                    unreadable[path.name] = error
        if unreadable:
            raise ValueError(
                f"the folder {str(self.path)!r} holds files that are damaged or that another "
                f"program wrote ({_abbreviate(list(unreadable))}): move these files to another "
                "folder and repeat the call, which makes them again (the error of the first file: "
                f"{next(iter(unreadable.values()))})"
            )
        return missing


def _check_path(path):
    check_no_address(path, "folder")
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(
            f"folder must be a directory, but {str(path)!r} is a file: use another name"
        )
    return path


def _abbreviate(names):
    """Return the first three of a list of names and the number of the others, as text."""
    first = ", ".join(names[:3])
    return first if len(names) <= 3 else f"{first} and {len(names) - 3} more"
