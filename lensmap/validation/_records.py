# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`RecordFolder`: a folder with a record of each field, from which a validation can resume."""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from lensmap.typing import PathLike
from lensmap.utils import RunFolder

__all__ = ["RecordFolder"]

_KIND, _SCHEMA = "validation", 1

# Increase this whenever the same settings would give different numbers.
_ALGORITHM = 1


class RecordFolder:
    """The folder of a validation, with one record for each field of each part.

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
        As for `lensmap.utils.RunFolder`.

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
        """Return the numbers, below ``n``, of the fields without a record.

        Parameters
        ----------
        part : str
            The part of the validation.
        n : int
            The number of fields.

        Returns
        -------
        list of int
            The numbers in increasing order.
        """
        return self._run.missing(n, part)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Context manager that adds the time of a block to the total time of a part.

        The time is recorded even if the block is interrupted.

        Parameters
        ----------
        part : str
            The part of the validation.

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
        """Write the record of a field.

        Parameters
        ----------
        part : str
            The part of the validation.
        number : int
            The number of the field.
        record : dict
            Arrays, text, or dicts of these, keyed by name.
        """
        self._run.save(number, record, part)

    def load(self, part: str, n: int | None = None) -> list[dict]:
        """Read the records of a part, in the order of the fields.

        Parameters
        ----------
        part : str
            The part of the validation.
        n : int or None
            Read only fields with numbers below this. If None, all fields.

        Returns
        -------
        list of dict
            The records. Text is returned as arrays of text.
        """
        return [self._run.load(number, part) for number in self.numbers(part)
                if n is None or number < n]
