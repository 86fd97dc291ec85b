# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The galaxies of a survey as a HATS folder, from whatever the user gives."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from lensmap.catalog import (
    OPTIONAL,
    REQUIRED,
    HatsCatalog,
    ShearCatalog,
    convention_signs,
    partition_catalog,
)
from lensmap.survey._tile_galaxies import READ_STEPS
from lensmap.survey._tile_map import TileTask
from lensmap.survey._tiles import Tile
from lensmap.utils import (
    CatalogWarning,
    IncompleteRunError,
    LostExecutorError,
    OtherSettingsError,
    ParameterError,
    ParameterTypeError,
    RunFolder,
    check_no_address,
    exact_dumps,
    list_names,
    named_parameter,
    temporary_folder,
    warn_user,
)

__all__ = ["as_source", "check_same_sky", "tile_digests"]

#: The folder of the partitioned galaxies in the folder of a survey.
CATALOG = "catalog"

# The digest of the catalog in memory of which the partitions are, and the errors of files.
_CATALOG_NOTES, _FILE_NOTES = "catalog", "damaged_files"


def as_source(
    source: Any,
    folder: RunFolder,
    settings: dict[str, Any],
    also: Mapping[str, tuple[str, str]],
    *,
    parts: Sequence[str] = (),
    update: bool = False,
    progress: Any = None,
    **work: Any,
) -> HatsCatalog:
    """Return the galaxies of a survey as a HATS folder; files are partitioned into one first.

    Parameters
    ----------
    source : object
        The galaxies, as for `map_survey`.
    folder : ``lensmap.utils.RunFolder``
        The folder of the survey.
    settings : dict
        Parameters of `lensmap.ShearCatalog`.
    also : dict
        The pairs of columns that are mapped besides the shear, by the names of their maps.
    parts : sequence of str
        The column that names the parts of the survey, if there is one.
    update, progress
        As for `map_survey`.
    **work
        ``workers`` and ``executor``, as for `map_survey`.

    Returns
    -------
    HatsCatalog
        The galaxies.

    Raises
    ------
    TypeError, ValueError
        If the source or its columns cannot be used, or positions are not ICRS.
    """
    extra_columns = [*_columns_of(also), *parts]
    path = _path_in_lsdb(source)
    if path is not None:
        source = path
    if isinstance(source, HatsCatalog):
        if settings:
            raise ParameterTypeError(
                "source", f"files, for the parameters {', '.join(settings)}", "a HatsCatalog",
                "give these parameters to HatsCatalog",
            )
        found = source
    elif isinstance(source, ShearCatalog):
        found = _of_catalog(source, folder, settings, also, parts)
    elif isinstance(source, (str, PathLike)) and Path(source).is_dir():
        with named_parameter("folder", "source"):
            found = HatsCatalog(source, **settings)
    else:
        found = _of_files(
            _as_files(source), folder, settings, extra_columns, update, progress, work
        )
    _check_columns(found, _columns_of(also), parts)
    if found.frame not in ("icrs", "fk5"):
        raise ParameterError(
            "source", "positions in ICRS for a survey", repr(found.frame),
            "convert the positions and the ellipticities, which refer to the north of the frame",
            verb="have",
        )
    return found


def _check_columns(found: HatsCatalog, also: Sequence[str], parts: Sequence[str]) -> None:
    """Raise an error if columns that are mapped, or that name parts, cannot be used."""
    for parameter, names in (("also_map", also), ("calibrate_by", parts)):
        missing = [name for name in names if name not in found.colnames]
        if missing:
            raise ParameterError(
                parameter, f"columns of the catalog, {list_names(found.colnames)}",
                list_names(missing), verb="name",
            )
    own = [name for name in parts if name.lower() in (*REQUIRED, *OPTIONAL)]
    if own:
        raise ParameterError(
            "calibrate_by", "a column that names parts",
            f"{own[0]!r}, one of lensmap's own columns",
        )
    own = [name for name in (*also, *parts) if name in found.column_names]
    if own:
        raise ParameterError(
            "also_map", "columns other than those of the galaxies themselves", list_names(own),
            "store the columns under other names", verb="name",
        )


def _path_in_lsdb(source: Any) -> Path | None:
    """Return the folder of a catalog that was opened with lsdb; None for anything else."""
    structure = getattr(source, "hc_structure", None)
    for name in ("catalog_path", "catalog_base_dir"):
        path = getattr(structure, name, None)
        if path is not None:
            return Path(str(path))
    return None


def _as_files(source: Any) -> list[Path]:
    if isinstance(source, (str, PathLike)):
        source = [source]
    if not isinstance(source, Iterable):
        raise ParameterTypeError(
            "source", "a HATS folder, catalog files, a HatsCatalog or a ShearCatalog",
            type(source).__name__,
        )
    files = list(source)
    if not files or not all(isinstance(file, (str, PathLike)) for file in files):
        raise ParameterTypeError(
            "source", "one or more paths of catalog files", repr(files)[:100],
        )
    for file in files:
        check_no_address(file, "source")
    folders = [str(file) for file in files if Path(file).is_dir()]
    if folders:
        raise ParameterError(
            "source", "one HATS folder, or files", f"the folder {folders[0]!r} among others",
        )
    return [Path(file).absolute() for file in files]  # workers may have another working directory


def _of_files(
    files: list[Path],
    folder: RunFolder,
    settings: dict[str, Any],
    extra_columns: Sequence[str],
    update: bool,
    progress: Any,
    work: dict[str, Any],
) -> HatsCatalog:
    """Partition files; those that are damaged are noted in the folder.

    With ``update``, files that have changed are partitioned anew.
    """
    target = folder.path.absolute() / CATALOG
    settings = dict(settings)
    ellipticity = settings.pop("max_ellipticity", None)
    executor = work.get("executor")
    if executor is not None and callable(executor):
        executor = None  # partitioning is bound by the disk: processes of this machine do it

    def partitioned(place: Path, **more: Any) -> HatsCatalog:
        return partition_catalog(
            files, place, keep=tuple(extra_columns), progress=progress, name=folder.path.name,
            workers=work.get("workers"), executor=executor, take_over=True, **settings, **more,
        )

    _tidied(target)
    errors = {}
    try:
        found = _up_to_date(folder, target, partitioned, update)
    except LostExecutorError:
        raise
    except IncompleteRunError as error:
        errors = {"message": str(error)}
        found = HatsCatalog(target)
    folder.note(_FILE_NOTES, errors)
    if ellipticity is not None:
        found = HatsCatalog(target, max_ellipticity=ellipticity)
    return found


def _up_to_date(
    folder: RunFolder, target: Path, partitioned: Callable[..., HatsCatalog], update: bool
) -> HatsCatalog:
    """Return the partitions of files, which are made anew if they are of other files or columns."""
    try:
        return partitioned(target)
    except OtherSettingsError as error:
        if folder.is_new:  # the partitions are those of a call that was abandoned
            return partitioned(target, overwrite=True)
        if not update:
            raise _changed(folder) from error
    _replaced(target, partitioned)
    return HatsCatalog(target)


def _changed(folder: RunFolder) -> ParameterError:
    """Return the error about files that have changed since the folder was begun."""
    return ParameterError(
        "source", f"the files with which the map in {str(folder.path)!r} was begun",
        "files that have changed since",
        "use {update=True} to map the tiles that changed, with the calibration and the models that "
        "were fitted then, or another folder",
    )


def _tidied(target: Path) -> None:
    """Finish a replacement of partitions that was interrupted."""
    new, old = (target.with_name(f"{target.name}-{name}") for name in ("new", "old"))
    if old.exists() and not target.exists():
        new.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _replaced(target: Path, partitioned: Callable[..., HatsCatalog]) -> None:
    """Partition changed files beside the old partitions, and replace these when all is done.

    The same call resumes an interrupted partitioning. An error about damaged files is raised after
    the replacement.
    """
    new = target.with_name(f"{target.name}-new")
    problem = None
    try:
        partitioned(new)
    except OtherSettingsError:  # the files have changed once more
        shutil.rmtree(new)
        partitioned(new)
    except LostExecutorError:
        raise
    except IncompleteRunError as error:
        problem = error
    check_same_sky(HatsCatalog(target).partition_digests(), HatsCatalog(new).partition_digests())
    old = target.with_name(f"{target.name}-old")
    shutil.rmtree(old, ignore_errors=True)
    target.rename(old)
    new.rename(target)
    shutil.rmtree(old)
    if problem is not None:
        raise problem


def check_same_sky(before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Check that a catalog may be a later state of another one.

    Parameters
    ----------
    before, now : dict
        The digests of the partitions of both, by order and pixel, such as ``"5/1023"``.

    Raises
    ------
    ParameterError
        If they have no part of the sky in common.

    Warns
    -----
    CatalogWarning
        If all of several partitions have changed.
    """
    spans = [
        sorted((pixel << 2 * (29 - order), (pixel + 1) << 2 * (29 - order))
               for order, pixel in (map(int, name.split("/")) for name in digests))
        for digests in (before, now)
    ]
    starts = np.array([start for start, _ in spans[0]])
    ends = np.array([end for _, end in spans[0]])
    if not any(np.any((starts < end) & (start < ends)) for start, end in spans[1]):
        raise ParameterError(
            "source", "a later state of the catalog with which the map was begun",
            "one of another part of the sky", "use another folder for another survey",
        )
    if len(before) > 1 and not {*before.items()} & {*now.items()}:
        warn_user(
            f"all {len(before)} partitions of the catalog have changed: the map keeps the "
            "calibration and the models that were fitted to those before; use another folder if "
            "this is another catalog",
            CatalogWarning, "all_changed",
        )


def _columns_of(also: Mapping[str, tuple[str, str]]) -> list[str]:
    """Return the columns of pairs, each once."""
    return list(dict.fromkeys(name for pair in also.values() for name in pair))


def _of_catalog(
    catalog: ShearCatalog,
    folder: RunFolder,
    settings: dict[str, Any],
    also: Mapping[str, tuple[str, str]],
    parts: Sequence[str],
) -> HatsCatalog:
    """Write a catalog in memory to a HATS folder, if it is not there yet."""
    if settings:
        raise ParameterTypeError(
            "source", f"files, for the parameters {', '.join(settings)}", "a ShearCatalog",
            "give these parameters to ShearCatalog",
        )
    target = folder.path.absolute() / CATALOG
    digest = {"sha256": hashlib.sha256(exact_dumps(catalog.table)).hexdigest()}
    if folder.notes(_CATALOG_NOTES) != digest:
        with temporary_folder("lensmap-catalog-", folder.path) as temporary:
            path = Path(temporary, "catalog.fits")
            table = catalog.table
            # The ellipticities are celestial; other columns are as in the table of the user.
            for pair in also.values():
                for name, sign in zip(pair, convention_signs(catalog.convention), strict=True):
                    if sign < 0 and name in table.colnames:
                        table[name] = -table[name]
            table.write(path)
            partition_catalog(
                [path], target, keep=(*_columns_of(also), *parts), name=folder.path.name, workers=1,
                overwrite=True, frame=catalog.frame,
            )
        folder.note(_CATALOG_NOTES, digest)
    return HatsCatalog(target, max_ellipticity=max(2.0, catalog.max_ellipticity))


def tile_digests(source: HatsCatalog, task: TileTask, tiles: Sequence[int]) -> dict[int, str]:
    """Return the digests of the files whose galaxies tiles use.

    Parameters
    ----------
    source : HatsCatalog
        The galaxies.
    task : TileTask
        What all tiles share.
    tiles : sequence of int
        The nested indices of the tiles.

    Returns
    -------
    dict
        A digest for each tile, of the partitions that overlap with the tile and its margin.
    """
    digests = source.partition_digests()
    parts = [(part.order, part.pixel) for part in source.partitions]
    order = task.order + READ_STEPS
    result = {}
    for tile in tiles:
        lattice = Tile(task.order, tile, task.margin).lattice(task.scale, task.offset, task.turn)
        covered = lattice.covering_pixels(order)
        used = [
            [f"{level}/{pixel}", digests[f"{level}/{pixel}"]] for level, pixel in parts
            if _overlaps(level, pixel, order, covered)
        ]
        result[tile] = hashlib.sha256(json.dumps(used).encode()).hexdigest()
    return result


def _overlaps(order: int, pixel: int, other: int, covered: np.ndarray) -> bool:
    """Return whether a pixel overlaps with any of the pixels ``covered`` of the order ``other``."""
    if order <= other:
        shift = 2 * (other - order)
        first = np.searchsorted(covered, pixel << shift)
        return bool(first < len(covered) and covered[first] < (pixel + 1) << shift)
    place = np.searchsorted(covered, pixel >> (2 * (order - other)))
    return bool(place < len(covered) and covered[place] == pixel >> (2 * (order - other)))
