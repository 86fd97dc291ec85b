# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`RecordFolder`: the records of a validation field by field, from which it resumes."""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from lensmap.typing import PathLike
from lensmap.utils import RunFolder

__all__ = ["RecordFolder"]

_KIND, _SCHEMA = "validation", 1

# To be raised whenever the same settings give other numbers.
_ALGORITHM = 1


class RecordFolder:
    """The `lensmap.utils.RunFolder` of a validation, with records of each field by part.

    Parameters
    ----------
    folder : path-like
        The folder, made if necessary.
    settings : dict or None
        The settings of the validation, with the version of ``lensmap``; None opens a folder for
        reading.
    addable : tuple of str
        Settings that may be empty at first and be given later.
    take_over : bool
        As for `lensmap.utils.RunFolder`.

    Attributes
    ----------
    folder : `pathlib.Path`
        The folder.
    settings : dict
        The settings as plain values, with those of earlier runs.

    Raises
    ------
    FileNotFoundError
        If the folder to be read holds no validation.
    NotADirectoryError, ValueError, RuntimeError
        As for `lensmap.utils.RunFolder`.
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
                algorithm=_ALGORITHM, fillable=addable, take_over=take_over,
            )
        self.folder = self._run.path
        self.settings = {**self._run.settings, "lensmap": self._run.version}
        self.notes, self.note, self.numbers = self._run.notes, self._run.note, self._run.numbers

    def __enter__(self) -> "RecordFolder":
        return self

    def __exit__(self, *error):
        self._run.close()

    def missing(self, part: str, n: int) -> list[int]:
        """Return the numbers below ``n`` of the fields that have no record.

        Parameters
        ----------
        part : str
            The part of the validation.
        n : int
            The number of fields.

        Returns
        -------
        list of int
            Rising.
        """
        return self._run.missing(n, part)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Add the time of a block to that of a part, also if it is interrupted.

        Parameters
        ----------
        part : str
            The part of the validation.

        Yields
        ------
        None
            No value.
        """
        start = time.monotonic()
        try:
            yield
        finally:
            times = self.notes("seconds")
            times[part] = times.get(part, 0.0) + time.monotonic() - start
            self.note("seconds", times)

    def save(self, part: str, number: int, record: Mapping) -> None:
        """Write the record of a field.

        Parameters
        ----------
        part : str
            The part of the validation.
        number : int
            The number of the field.
        record : dict
            From names to arrays, text, or dicts of these.
        """
        self._run.save(number, record, part)

    def load(self, part: str, n: int | None = None) -> list[dict]:
        """Read the records of the first fields.

        Parameters
        ----------
        part : str
            The part of the validation.
        n : int or None
            Fields with numbers below this; None takes all.

        Returns
        -------
        list of dict
            The records, text as arrays of text.
        """
        return [self._run.load(number, part) for number in self.numbers(part)
                if n is None or number < n]
