# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`RecordFolder`: a folder with the measurements of a validation, which can resume from it."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

from lensmap.typing import PathLike
from lensmap.utils import RunFolder

__all__ = ["RecordFolder"]

_KIND, _SCHEMA = "validation", 1

# Increase this whenever the same settings would give different numbers.
_ALGORITHM = 1

# The files of the report, which a new validation must not replace if they are the user's.
_REPORT = ("report.html", "results.ecsv", "scores.ecsv")


class RecordFolder:
    """The folder of a validation, with a file of measurements (record) for each simulated field.

    The fields belong to parts of the validation: ``"fields"``, ``"null"`` (without lensing),
    ``"masked"``, ``"coma"`` (mocks of the Coma cluster) and ``"more"`` (for slow estimators).

    Parameters
    ----------
    folder : path-like
        The folder, made if necessary.
    settings : dict or None
        The settings of the validation, including the version of ``lensmap``. If None, the folder
        is opened for reading only.
    addable : tuple of str
        Names of settings that may be empty at first and set in a later run.
    take_over : bool
        Whether to take over the folder of a run that was killed. A run that is still alive
        can then no longer write to the folder.

    Attributes
    ----------
    folder : `pathlib.Path`
        The path of the folder.
    settings : dict
        The settings as plain values, including those from earlier runs.

    Raises
    ------
    FileNotFoundError
        If the folder is opened for reading and holds no validation.
    NotADirectoryError
        If ``folder`` is a file.
    ValueError
        If the folder holds a run of another kind, or a validation with other settings.
    RuntimeError
        If another run uses the folder.
    """

    def __init__(
        self,
        folder: PathLike,
        settings: Mapping | None = None,
        addable: Collection[str] = (),
        *,
        take_over: bool = False,
    ):
        if settings is None:
            self._run = RunFolder.read(folder, schema=_SCHEMA, kind=_KIND)
        else:
            settings = dict(settings)
            self._run = RunFolder(
                folder, settings, version=settings.pop("lensmap"), schema=_SCHEMA, kind=_KIND,
                algorithm=_ALGORITHM, fillable=addable, products=_REPORT, take_over=take_over,
            )
        self.folder = self._run.path
        self.settings = {**self._run.settings, "lensmap": self._run.version}
        self.notes, self.note, self.numbers = self._run.notes, self._run.note, self._run.numbers

    def __enter__(self) -> "RecordFolder":
        return self

    def __exit__(self, *error):
        self._run.close()

    def missing(self, part: str, n: int) -> list[int]:
        """Return the numbers of the fields that are not measured yet.

        Parameters
        ----------
        part : str
            The name of the part of the validation, such as ``"null"`` or ``"masked"``.
        n : int
            The number of fields, which are numbered from 0.

        Returns
        -------
        list of int
            The numbers in increasing order.
        """
        return self._run.missing(n, part)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Context manager that adds the duration of a block to the total duration of a part.

        The total is stored in the folder, even if the block is interrupted.

        Parameters
        ----------
        part : str
            The name of the part of the validation, such as ``"null"`` or ``"masked"``.

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

    def save(self, part: str, number: int, record: Mapping) -> None:
        """Write the measurements of a field to its file (record).

        Parameters
        ----------
        part : str
            The name of the part of the validation, such as ``"null"`` or ``"masked"``.
        number : int
            The number of the field.
        record : dict
            The measurements: arrays, text, or dicts of these, keyed by name.
        """
        self._run.save(number, record, part)

    def load(
        self, part: str, n: int | None = None, convert: Callable[[dict], dict] | None = None
    ) -> list[dict]:
        """Read the measurements of all fields of a part, in the order of the fields.

        Parameters
        ----------
        part : str
            The name of the part of the validation, such as ``"null"`` or ``"masked"``.
        n : int or None
            Read only fields with numbers below this. If None, all fields.
        convert : callable or None
            A function to apply to each record. None for the records themselves.

        Returns
        -------
        list of dict
            The measurements of each field, keyed by name. Text is returned as arrays of text.
        """
        return [self._run.load(number, part, convert) for number in self.numbers(part)
                if n is None or number < n]
