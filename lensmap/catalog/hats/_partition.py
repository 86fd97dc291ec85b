# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`partition_catalog`: partition files of galaxies into a HATS folder, in bounded memory."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lensmap.catalog._decision import WHERE_KEY, Decision
from lensmap.catalog._declarations import check_arguments
from lensmap.catalog._preset import DENSITY
from lensmap.catalog.hats._arrow import COORDINATES, import_parquet
from lensmap.catalog.hats._catalog import HatsCatalog
from lensmap.catalog.hats._input import InputSettings, file_facts
from lensmap.catalog.hats._inspection import Inspection, inspect_files
from lensmap.catalog.hats._layout import DATASET, find_partitions, main_table, read_properties
from lensmap.catalog.hats._metadata import PROPERTIES
from lensmap.catalog.hats._positions import import_hpgeom
from lensmap.catalog.hats._tasks import PART_ROWS, PartitionRun
from lensmap.catalog.hats._write import (
    check_local,
    complete_folder,
    partition_meta,
    present_names,
)
from lensmap.utils import (
    CatalogWarning,
    IncompleteRunError,
    OutputExistsError,
    ParameterError,
    RunFolder,
    check_count,
    list_names,
    memory_limit,
    missing_file,
    named_parameter,
    warn_user,
)

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from numpy.typing import ArrayLike

    from lensmap.catalog._convention import Convention
    from lensmap.typing import PathLike, ProgressLike

__all__ = ["partition_catalog"]

_KIND, _SCHEMA, _ALGORITHM = "partitioned catalog", 1, 1

_WORK = "data"

_DEFAULT_MEMORY = 8e9  # where the system states no limit


def partition_catalog(
    files: PathLike | Iterable[PathLike],
    folder: PathLike,
    columns: PathLike | Mapping[str, str | None] | None = None,
    convention: Convention | None = None,
    kind: str | None = None,
    *,
    where: str | None = None,
    frame: str | None = None,
    response: float | ArrayLike | str | None = None,
    units: Mapping[str, str] | None = None,
    z_grid: ArrayLike | None = None,
    keep: str | Iterable[str] = (),
    name: str | None = None,
    rows_per_partition: int = 1_000_000,
    max_memory: float | str | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: ProgressLike = None,
    overwrite: bool = False,
    take_over: bool = False,
    format: str | None = None,
    **kwargs: Any,
) -> HatsCatalog:
    r"""Partition files of galaxies by HEALPix pixel into a HATS folder of Parquet files.

    Files of any size are read in parts. The same call resumes an interrupted run, and finished
    parts are not read again. The galaxies of a partition are sorted by file and row, so that
    interruptions, the number of workers and the memory do not change the files.

    Values are stored as they are: the sign convention, the calibration and the condition ``where``
    are applied when the folder is read. Unusable rows are kept, too, unless they have no position.

    Parameters
    ----------
    files : path-like or sequence of path-like
        The files, all that `ShearCatalog.read` reads. They must have the same columns in the same
        convention; their names may differ. Their order determines the order of galaxies.
    folder : path-like
        The HATS folder, on a local or network file system; created if it does not exist.
    columns, convention, kind
        As for `ShearCatalog`. Columns with a role are stored under lensmap's names, and
        expressions as their values. Convention and kind are recorded unless nothing declares them.
    where : str or None
        The condition on rows, as for `ShearCatalog`, which the folder remembers: all rows are
        stored, with the columns of the condition, and `HatsCatalog` and `ShearCatalog.read` apply
        it. If None, there is none.
    frame, response, units, z_grid
        As for `ShearCatalog`.
    keep : sequence of str
        Further columns to store, under their own names.
    name : str or None
        The name of the catalog in its properties. If None, the name of the folder.
    rows_per_partition : int
        The largest number of galaxies of a partition, unless a pixel of order 10 (3.4 arcmin)
        has more.
    max_memory : int, str or None
        The memory that all processes together may use, in bytes or as text such as ``"8 GiB"``.
        If None, half of the memory of the machine or the control group.
    workers : int or None
        The number of processes. If None, one for each CPU; one for small files.
    executor : `concurrent.futures.Executor` or None
        The executor that runs the work. If None, new processes on this machine.
    progress : None, bool or callable
        True shows progress bars for counting, sorting and writing. A callable is called as
        ``progress(done, total)``. None or False shows nothing.
    overwrite : bool
        Whether to replace an existing catalog, which stays until the new one is complete, or to
        begin an interrupted run again.
    take_over : bool
        Whether to take over the folder of a run on another machine that was killed.
    format : str or None
        The format of all files, as for `ShearCatalog.read`.
    **kwargs
        ``hdu`` and ``path``, the place of the table in each file, as for `ShearCatalog.read`.

    Returns
    -------
    HatsCatalog
        The partitioned catalog.

    Raises
    ------
    FileNotFoundError
        If a file does not exist.
    ValueError
        If files differ in their columns or declarations, if there is no galaxy with a position,
        or if the folder is on an object store, or holds a catalog of other files or settings.
    RuntimeError
        At the end, if files are damaged: the message names them, and the folder holds the galaxies
        of the others. A call with ``overwrite=True`` partitions all files again.
    FileExistsError
        If the folder holds other files.
    OSError
        If the disk is full.
    ImportError
        If pyarrow or hpgeom is not installed.

    Warns
    -----
    CatalogWarning
        If rows without a position are left out, or if rows do not fulfill the conditions that the
        survey documents for its shear sample.
    ConventionWarning
        As for `ShearCatalog`.

    Examples
    --------
    >>> from lensmap.catalog import partition_catalog
    >>> survey = partition_catalog(["a.fits", "b.fits"], "survey", "hsc-y3")  # doctest: +SKIP
    """
    import_parquet()
    import_hpgeom()
    folder = check_local(folder)
    paths = _paths(files)
    given = check_arguments(convention=convention, kind=kind, frame=frame, response=response)
    keep = (keep,) if isinstance(keep, str) else tuple(keep)
    options = {key: value for key, value in {"format": format, **kwargs}.items()
               if value is not None}
    if wrong := set(options) - {"format", "hdu", "path"}:
        raise TypeError(f"partition_catalog has no parameter {sorted(wrong)[0]!r}")
    settings = InputSettings(columns, given, where, units, keep, options)
    memory = float(memory_limit(max_memory) or _DEFAULT_MEMORY)
    if max_memory is None:
        memory *= 0.5  # other processes and the cache of the disk need the rest
    stored = {
        "files": [file_facts(path) for path in paths], "columns": _plain_columns(columns), **given,
        "where": where, "units": None if units is None else dict(units), "keep": list(keep),
        "z_grid": None if z_grid is None else np.asarray(z_grid, dtype=float), **options,
        "rows_per_partition": check_count(rows_per_partition, "rows_per_partition", minimum=1),
    }
    _check_folder(folder, overwrite)
    with RunFolder(
        folder, stored, schema=_SCHEMA, kind=_KIND, algorithm=_ALGORITHM, take_over=take_over,
        overwrite=overwrite, remedy="use another folder, or {overwrite=True}",
        discard=_begin_again,
    ) as run:
        work = run.path.absolute() / _WORK  # workers may have another working directory
        if (run.path / DATASET).is_dir() and not work.is_dir():
            return _finished(run.path)
        found, parts = _sorted(run, paths, settings, lambda found: PartitionRun(
            work, found.files, settings, rows_per_partition,
            _meta(found.decision, found.meta, where, z_grid), memory,
            workers=workers, executor=executor, progress=progress,
        ))
        failed = found.failed
        parts.write()
        _warn(parts, found.decision)
        names = [paths[number] for number in sorted(failed)]
        _complete(run.path, work, name, names, len(paths))
    if failed:
        raise _incomplete(folder, len(paths), names, next(iter(failed.values())))
    return HatsCatalog(folder)


def _paths(files: PathLike | Iterable[PathLike]) -> list[str]:
    """Return the paths of the files; a HATS folder stands for the files of its partitions."""
    if isinstance(files, (str, os.PathLike)):
        files = [files]
    paths: list[str] = []
    for file in (os.fspath(file) for file in files):
        if Path(file).is_dir():
            with named_parameter("folder", "files"):
                parts = find_partitions(main_table(Path(file)))
            paths += [str(path) for part in parts for path in part.paths]
        elif not Path(file).exists():
            raise missing_file(file, "files")
        else:
            paths.append(str(file))
    if not paths:
        raise ParameterError("files", "at least one file", "none", verb="have")
    known: set[str] = set()
    for path in paths:
        if (real := os.path.realpath(path)) in known:
            raise ParameterError(
                "files", "each file once", f"{path!r} twice", "each galaxy would count twice",
                verb="have",
            )
        known.add(real)
    return paths


def _plain_columns(columns: Any) -> Any:
    """Return the parameter ``columns`` as JSON holds it."""
    if columns is None or isinstance(columns, str):
        return columns
    return dict(columns) if isinstance(columns, Mapping) else os.fspath(columns)


def _check_folder(folder: Path, overwrite: bool) -> None:
    """Raise FileExistsError if the folder holds files that would be replaced by another run's."""
    if not folder.is_dir() or (folder / "settings.json").is_file():
        return
    names = present_names(folder)
    if names and not (overwrite and DATASET in names):
        what = "a catalog that partition_catalog did not write" if DATASET in names else (
            f"{names[0]!r}, which is no part of a partitioned catalog"
        )
        raise OutputExistsError(
            f"the folder {str(folder)!r} holds {what}: give the name of a new folder"
        )


def _sorted(
    run: RunFolder,
    paths: Sequence[str],
    settings: InputSettings,
    make: Callable[[Inspection], PartitionRun],
) -> tuple[Inspection, PartitionRun]:
    """Inspect the files, count their galaxies and sort them.

    If this fails for all files, the folder is left as it was, for a call with other parameters.
    ``make`` returns the steps of the run.
    """
    try:
        found = inspect_files(paths, settings)
        parts = make(found)
    except (TypeError, ValueError):
        run.abandon()
        raise
    try:
        parts.count(found.failed)
    except ParameterError as error:
        if error.parameter == "files":  # there are no galaxies
            run.abandon()
        raise
    parts.sort(found.failed)
    if len(found.failed) == len(paths):
        run.abandon()
        raise next(iter(found.failed.values()))
    return found, parts


def _begin_again(folder: Path) -> None:
    """Mark a folder as unfinished, and remove the temporary files of an earlier run.

    The catalog in the folder stays until the new one is complete. As long as the folder of the
    temporary files exists, it is not taken for the result of the present run.
    """
    work = folder / _WORK
    work.mkdir(exist_ok=True)
    # The division of files into parts goes last: the other files are those of its parts.
    for path in sorted(work.iterdir(), key=lambda path: path.name == PART_ROWS):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _finished(folder: Path) -> HatsCatalog:
    """Return the catalog of a finished run, or raise the error that it ended with."""
    entries = read_properties(folder / PROPERTIES)
    if entries.get("lensmap_damaged_files"):
        names = entries["lensmap_damaged_files"].split(", ")
        raise _incomplete(folder, int(entries["lensmap_files"]), names, None)
    return HatsCatalog(folder)


def _incomplete(
    folder: Path, n_files: int, names: Sequence[str], error: Exception | None
) -> IncompleteRunError:
    first = "" if error is None else f" (first error: {error})"
    result = IncompleteRunError(
        f"{len(names)} of {n_files} files could not be read: {list_names(names)}{first}; the "
        f"galaxies of the others are in the folder {str(folder)!r}; repair these files or leave "
        "them out, and partition all files again with overwrite"
    )
    result.__cause__ = error
    return result


def _meta(
    decision: Decision, meta: Mapping[str, Any], where: str | None, z_grid: Any
) -> dict[str, Any]:
    """Return the meta of partitions: declarations, preset, condition and redshifts of p(z)."""
    declared = decision.declared
    known = {name: getattr(declared, name) if declared.origins[name] != "default" else None
             for name in ("convention", "kind")}
    stored = partition_meta(frame=declared.frame, response=declared.response, **known)
    if decision.choice.preset is not None:
        stored["LMPRESET"] = Path(decision.choice.preset).name
    if where is not None:
        stored[WHERE_KEY] = where
    if DENSITY not in decision.choice.mapping:
        if z_grid is not None:
            raise ParameterError(
                "z_grid", "None for a catalog without p(z)", "given",
                "name the column of p(z) by {columns={'pz': ...}}",
            )
    else:
        folded = {str(key).lower(): value for key, value in meta.items()}
        grid = folded.get("z_grid") if z_grid is None else z_grid
        if grid is not None:
            stored["z_grid"] = np.asarray(grid, dtype=float).tolist()
    return stored


def _warn(parts: PartitionRun, decision: Decision) -> None:
    """Warn about rows without a position, and about rows that the survey excludes."""
    if parts.n_without_position:
        warn_user(
            f"{parts.n_without_position} of {parts.n_rows} rows are left out of the partitions: "
            f"their {' or '.join(COORDINATES)} is missing or not an angle on the sky",
            CatalogWarning,
            "rows_left_out",
        )
    flagged: Counter[str] = parts.flagged
    if +flagged:
        counts = ", ".join(f"{n} do not fulfill {text}" for text, n in flagged.items() if n)
        whole = " and ".join(text for text, n in flagged.items() if n)
        warn_user(
            f"the catalog includes rows that {decision.choice.preset!r} excludes from its shear "
            f"sample: of {parts.n_rows} rows, {counts}; their columns are stored, and "
            f"{{where={whole!r}}} leaves them out when the catalog is read",
            CatalogWarning,
            "flagged_rows",
            "where",
            placeholders=True,
        )


def _complete(
    folder: Path, work: Path, name: str | None, damaged: Sequence[str], n_files: int
) -> None:
    """Move the partitions to their place, and remove the temporary files."""
    extra: dict[str, Any] = {}
    if damaged:
        names = ", ".join(Path(path).name for path in damaged)
        extra = {"lensmap_files": n_files, "lensmap_damaged_files": names}
    complete_folder(
        folder, work / DATASET, name=folder.resolve().name if name is None else name, extra=extra
    )
    old = folder / ".lensmap-finished"
    shutil.rmtree(old, ignore_errors=True)
    work.rename(old)  # now the run counts as finished
    shutil.rmtree(old, ignore_errors=True)
