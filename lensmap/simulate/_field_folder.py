# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The function `simulate_fields`, which writes a series of simulated fields to a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lensmap.simulate._parallel import run_series
from lensmap.simulate.fields import check_field_file
from lensmap.utils import RunFolder, check_choice, check_count, finish, to_plain

if TYPE_CHECKING:
    from lensmap.typing import PathLike, ProgressLike

__all__ = ["FieldFolder", "simulate_fields"]

_SUFFIXES = {"fits": ".fits", "hdf5": ".h5"}

_SCHEMA = 1

# Increased whenever the same settings give different fields.
_ALGORITHM = 1


def simulate_fields(
    model: Any,
    folder: PathLike,
    n_fields: int,
    *,
    seed: int = 0,
    format: Literal["fits", "hdf5"] = "fits",
    workers: int | None = None,
    executor: Executor | Callable[[], Executor] | None = None,
    progress: ProgressLike = None,
    take_over: bool = False,
) -> list[Path]:
    """Draw a series of simulated fields, and write them to files in a folder.

    The same call resumes an interrupted run, and a call with a larger ``n_fields`` extends the
    series. ``settings.json`` in the folder holds the parameters of the model.

    Parameters
    ----------
    model : HaloModelField, ClusterField or object
        The model, with ``prepare()``, ``draw(rng)`` and ``get_params()``.
    folder : path-like
        The folder; created if it does not exist.
    n_fields : int
        The total number of fields, including those that are already in the folder.
    seed : int
        The random seed of the series, which together with the number of a field determines it.
    format : {"fits", "hdf5"}
        The format of the files.
    workers : int or None
        The number of worker processes. If None, one for each CPU, but no more than fit into
        memory.
    executor : `concurrent.futures.Executor`, callable or None
        An executor, or a callable that makes one. If None, new processes draw the fields.
    progress : None, bool or callable
        True shows a progress bar. A callable is called as ``progress(done, total)`` after each
        field. None or False shows nothing.
    take_over : bool
        Whether to take over the folder of a run that was killed. A run that is still alive
        can then no longer write to the folder.

    Returns
    -------
    list of `pathlib.Path`
        The paths of the files, ordered by field and source redshift: ``field_0000.fits``, or
        ``field_0000_z1.0.fits`` for a model with several source redshifts.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, the folder holds a series with other settings, or a file in it
        cannot be read.
    RuntimeError
        If another run holds the folder, or some fields could not be drawn; the files of the other
        fields are kept.
    OSError
        If the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> from astropy import units as u
    >>> from lensmap.simulate import HaloModelField, simulate_fields
    >>> model = HaloModelField(z_source=0.6, shape=(32, 32), pixel_scale=3 * u.arcmin)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = simulate_fields(model, folder, 2, workers=1)
    >>> [path.name for path in paths]
    ['field_0000.fits', 'field_0001.fits']
    """
    check_count(n_fields, "n_fields")
    with FieldFolder(folder, model, seed=seed, format=format, take_over=take_over) as fields:
        fields.draw(fields.missing(n_fields), workers, executor, progress)
    return fields.paths(n_fields)


class FieldFolder:
    """The folder of a series of simulated fields, to which fields can be added.

    Parameters
    ----------
    folder : path-like
        The folder; created if it does not exist.
    model : object
        The model, with ``prepare()``, ``draw(rng)`` and ``get_params()``.
    seed : int
        The seed of the series.
    format : {"fits", "hdf5"}
        The format of the files.
    take_over : bool
        Whether to take over the folder of a run that was killed. A run that is still alive
        can then no longer write to the folder.
    """

    def __init__(
        self, folder: PathLike, model: Any, *, seed: int, format: str, take_over: bool = False
    ) -> None:
        check_choice(format, "format", tuple(_SUFFIXES))
        self._model, self._seed = model, check_count(seed, "seed")
        z_source: Any = getattr(model, "z_source", None)
        several = isinstance(z_source, (list, tuple, np.ndarray))
        parts = [f"_z{z}" for z in z_source] if several else [""]
        self._names = [f"field_{{:04d}}{part}{_SUFFIXES[format]}" for part in parts]
        self._run = RunFolder(
            folder, {**to_plain(model), "seed": seed, "format": format}, schema=_SCHEMA,
            kind="series of fields", algorithm=_ALGORITHM, products=("field_*",),
            take_over=take_over,
        )

    def __enter__(self) -> FieldFolder:
        return self

    def __exit__(self, *error: object) -> None:
        self._run.close()

    def paths(self, n: int) -> list[Path]:
        """Return the paths of the files of the first ``n`` fields.

        Parameters
        ----------
        n : int
            The number of fields.

        Returns
        -------
        list of `pathlib.Path`
            The paths, ordered by field and source redshift.
        """
        return [self._run.path / name.format(i) for i in range(n) for name in self._names]

    def missing(self, n: int) -> list[int]:
        """Return the numbers of the fields, among the first ``n``, that lack a file.

        Parameters
        ----------
        n : int
            The number of fields.

        Returns
        -------
        list of int
            The numbers of the fields, in increasing order.
        """
        return self._run.missing_files(self._names, n, check_field_file)

    def draw(
        self,
        numbers: Sequence[int],
        workers: int | None = None,
        executor: Executor | Callable[[], Executor] | None = None,
        progress: ProgressLike = None,
    ) -> None:
        """Draw fields and write their files.

        Parameters
        ----------
        numbers : sequence of int
            The numbers of the fields.
        workers : int or None
            The number of worker processes. If None, one for each CPU, but no more than fit into
            memory.
        executor : `concurrent.futures.Executor`, callable or None
            An executor, or a callable that makes one. If None, new processes draw the fields.
        progress : None, bool or callable
            True shows a progress bar. A callable is called as ``progress(done, total)`` after
            each field. None or False shows nothing.
        """
        if not numbers:
            return
        outcomes = run_series(
            self._model, numbers, seed=self._seed, workers=workers, executor=executor,
            progress=progress, then=partial(_write_field, self._run.path, self._names),
        )
        finish(outcomes, "fields", str(self._run.path))


def _write_field(folder, names, field, seed):
    """Write the files of a field that do not exist yet; one file for each source redshift.

    ``names`` are the file names, with ``{}`` or the like in place of the number of the field.
    ``seed`` is the `~numpy.random.SeedSequence` of the field, whose ``spawn_key[0]`` is this
    number. The process that drew the field calls this function.
    """
    planes = field if isinstance(field, list) else [field]
    for name, plane in zip(names, planes, strict=True):
        path = folder / name.format(seed.spawn_key[0])
        if not path.exists():
            plane.write(path, overwrite=True)
