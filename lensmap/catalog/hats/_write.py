# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`write_hats`: write galaxies by HEALPix pixel as a HATS folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sized
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import log

from lensmap.catalog._decision import SCHEMA_KEY
from lensmap.catalog._declarations import check_arguments, declaring_meta
from lensmap.catalog.hats._arrow import (
    COORDINATES,
    HEALPIX_COLUMN,
    arrow_schema,
    arrow_table,
    import_parquet,
    stored_column,
)
from lensmap.catalog.hats._layout import (
    DATASET,
    SCHEMA,
    find_partitions,
    partition_path,
    pixel_ranges,
)
from lensmap.catalog.hats._metadata import DESCRIPTIONS, PROPERTIES, write_metadata
from lensmap.catalog.hats._positions import finest_pixels, has_position
from lensmap.utils import (
    FolderLock,
    OutputExistsError,
    ParameterError,
    atomic_write,
    check_count,
    check_no_address,
    track,
)

if TYPE_CHECKING:
    import pyarrow
    from astropy.table import Table

    from lensmap.catalog._convention import Convention, Response
    from lensmap.typing import PathLike, ProgressLike

__all__ = [
    "check_local", "complete_folder", "discard_catalog", "partition_meta", "present_names",
    "write_hats", "write_partition",
]

_UNFINISHED = ".lensmap-unfinished"

# Rows that Parquet holds in one group, which is the least that is read.
_GROUP_ROWS = 2**18


def write_hats(
    folder: PathLike,
    partitions: Iterable[tuple[int, int, Mapping[str, Any] | Table]],
    *,
    name: str | None = None,
    convention: Convention = "celestial",
    kind: str = "shear",
    frame: str = "icrs",
    response: Response | None = None,
    units: Mapping[str, str] | None = None,
    meta: Mapping[str, Any] | None = None,
    total: int | None = None,
    overwrite: bool = False,
    progress: ProgressLike = None,
) -> None:
    r"""Write galaxies by HEALPix pixel as a HATS folder of Parquet files.

    One partition is in memory at a time. The folder is complete or, after an error or a kill, has
    no partitions, or those that it had before: all files lie in a hidden subfolder until the last
    one is written.
    `HatsCatalog` and `ShearCatalog.read` read the folder, and so does LSDB.

    Parameters
    ----------
    folder : path-like
        The folder, on a local or network file system; created if it does not exist.
    partitions : iterable of tuple
        ``(order, pixel, columns)`` for each partition, in any order: the HEALPix order, the pixel
        in the nested scheme, and its galaxies as a table or a dict of arrays ``(n,)``. The columns
        have lensmap's names (see `ShearCatalog`): ``ra`` and ``dec`` in degrees, ``e1``, ``e2``
        and optional columns; further columns keep their names. All partitions must have the same
        columns. Partitions without galaxies are left out. Positions are stored in double
        precision, lensmap's other columns in single precision.
    name : str or None
        The name of the catalog in its properties. If None, the name of the folder.
    convention, kind, frame, response
        As for `ShearCatalog`: those of the columns, which are stored as they are.
    units : dict or None
        The units of further columns, keyed by name, for the metadata. If None, they have none.
    meta : dict or None
        Further entries of the metadata of each file, such as ``{"z_grid": [...]}``, of plain
        types. If None, there are none.
    total : int or None
        The number of partitions, for the progress. If None, the length of ``partitions``; without
        a length, no progress is shown.
    overwrite : bool
        Whether to replace the partitions of an existing HATS folder.
    progress : None, bool or callable
        True shows a progress bar. A callable is called as ``progress(done, total)``. None or False
        shows nothing.

    Raises
    ------
    FileExistsError
        If the folder holds partitions or other files, and ``overwrite`` is False.
    ValueError
        If the partitions differ in their columns, overlap, or hold galaxies of other pixels or
        without a position; or if there is no galaxy at all.
    ImportError
        If pyarrow or hpgeom is not installed.

    Examples
    --------
    >>> from lensmap.catalog import write_hats
    >>> galaxies = {"ra": [45.0, 45.1], "dec": [0.1, 0.2], "e1": [0.1, 0.0], "e2": [0.0, 0.2]}
    >>> write_hats("galaxies", [(0, 4, galaxies)])  # doctest: +SKIP
    """
    import_parquet()
    folder = check_local(folder)
    stored = partition_meta(convention=convention, kind=kind, frame=frame, response=response)
    stored |= dict(meta or {})
    if total is None and isinstance(partitions, Sized):
        total = len(partitions)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(folder)
    unfinished = folder / _UNFINISHED
    try:
        _check_empty(folder, overwrite)
        shutil.rmtree(unfinished, ignore_errors=True)  # of a killed process
        shown = track(partitions, total or 0, progress if total else None, "partitions")
        schema: pyarrow.Schema | None = None
        for order, pixel, columns in shown:
            schema = write_partition(
                unfinished, order, pixel, columns, frame=frame, schema=schema, meta=stored,
                units=units or {},
            )
        if schema is None or not unfinished.is_dir():
            raise ParameterError("partitions", "at least one galaxy", "none", verb="hold")
        complete_folder(folder, unfinished, name=folder.resolve().name if name is None else name)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        lock.release()


def check_local(folder: PathLike) -> Path:
    """Return the path of a folder to write, and raise a ParameterError for an object store."""
    check_no_address(folder, "folder")
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"{str(folder)!r} is a file: give the name of a folder")
    return path


def _check_empty(folder: Path, overwrite: bool) -> None:
    """Raise FileExistsError if the folder holds files that would be replaced."""
    names = present_names(folder)
    if not names:
        return
    if not {DATASET, PROPERTIES} & {*names}:
        raise OutputExistsError(
            f"the folder {str(folder)!r} holds {names[0]!r}, which is no part of a HATS folder: "
            "give the name of a new folder"
        )
    if not overwrite:
        raise OutputExistsError(
            f"the folder {str(folder)!r} holds a catalog; {{overwrite=True}} replaces it"
        )


def present_names(folder: Path) -> list[str]:
    """Return the names of a HATS folder that a folder holds already, sorted."""
    names = {DATASET, *DESCRIPTIONS, "settings.json", "data"}
    return sorted(path.name for path in folder.iterdir() if path.name in names)


def partition_meta(
    *, convention: Convention | None, kind: str | None, frame: str, response: Response | None,
) -> dict[str, Any]:
    """Return the metadata of partitions: what their columns e1 and e2 are.

    Parameters
    ----------
    convention, kind, frame, response
        As for `ShearCatalog`. A convention or kind that is None is not declared.

    Returns
    -------
    dict
        The entries, which `ShearCatalog` reads, and the schema of the partitions.
    """
    given = check_arguments(convention=convention, kind=kind, frame=frame, response=response)
    meta = declaring_meta(kind or "", given["frame"], given.get("response"))
    meta["CONVENTN"] = given.get("convention")
    meta["KIND"] = given.get("kind")
    return {key: value for key, value in meta.items() if value is not None} | {
        SCHEMA_KEY: SCHEMA
    }


def write_partition(
    dataset: Path,
    order: int,
    pixel: int,
    columns: Mapping[str, Any] | Table,
    *,
    frame: str,
    schema: pyarrow.Schema | None,
    meta: Mapping[str, Any],
    units: Mapping[str, Any],
) -> pyarrow.Schema | None:
    """Write one partition; do nothing without galaxies.

    Parameters
    ----------
    dataset : `pathlib.Path`
        The folder of the partitions, which need not exist.
    order, pixel, columns
        The partition, as for `write_hats`.
    frame : str
        The frame of the positions.
    schema : pyarrow.Schema or None
        The schema of the other partitions. None for the first partition.
    meta, units : dict
        The meta of the tables, and the units of columns.

    Returns
    -------
    pyarrow.Schema or None
        The schema of the partition; ``schema`` without galaxies.

    Raises
    ------
    ValueError
        If the partition has other columns than the schema, or galaxies of other pixels.
    """
    parquet = import_parquet()
    order = check_count(order, "order", minimum=0)
    columns = {key: stored_column(key, columns[key]) for key in _names(columns)}
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1 or not {*COORDINATES, "e1", "e2"} <= columns.keys():
        raise ParameterError(
            "partitions", "columns ra, dec, e1 and e2 of one length",
            ", ".join(f"{key} ({len(values)})" for key, values in columns.items()), verb="have",
        )
    if lengths == {0}:
        return schema
    _check_positions(columns, order, pixel, frame)
    if schema is None:
        schema = arrow_schema(columns, meta, units)
    path = partition_path(dataset, order, int(pixel))
    if path.exists():
        raise ParameterError(
            "partitions", "each pixel once", f"the pixel {pixel} of order {order} twice",
            verb="have",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [field.name for field in schema if str(field.type) == "string"]
    with atomic_write(path) as temporary:
        parquet.write_table(
            arrow_table(columns, schema), temporary, row_group_size=_GROUP_ROWS,
            use_dictionary=texts, compression="zstd", compression_level=1,
            write_page_checksum=True,
        )
    return schema


def _names(columns: Mapping[str, Any] | Table) -> list[str]:
    return list(getattr(columns, "colnames", columns))


def _check_positions(
    columns: dict[str, np.ndarray], order: int, pixel: int, frame: str
) -> None:
    """Add the pixels of order 29 to columns, and check that they lie in the partition."""
    ra, dec = (columns[key] for key in COORDINATES)
    if not has_position(ra, dec).all():
        raise ParameterError(
            "partitions", "positions of all galaxies", f"{np.count_nonzero(~has_position(ra, dec))}"
            f" of {len(ra)} galaxies of the pixel {pixel} of order {order} without one",
            "leave these galaxies out", verb="have",
        )
    if HEALPIX_COLUMN not in columns:
        columns[HEALPIX_COLUMN] = finest_pixels(ra, dec, frame)
    (first,), (end,) = pixel_ranges([order], [pixel])
    pixels = columns[HEALPIX_COLUMN]
    outside = int(np.count_nonzero((pixels < first) | (pixels >= end)))
    if outside:
        raise ParameterError(
            "partitions", f"galaxies in the HEALPix pixel {pixel} of order {order} (nested scheme)",
            f"{outside} of {len(pixels)} galaxies elsewhere", verb="hold",
        )


def complete_folder(
    folder: Path, unfinished: Path, *, name: str, extra: Mapping[str, Any] | None = None
) -> None:
    """Write the metadata of a HATS folder, and move its partitions to their place.

    Parameters
    ----------
    folder : `pathlib.Path`
        The HATS folder.
    unfinished : `pathlib.Path`
        The folder of the partitions, on the same file system.
    name : str
        The name of the catalog.
    extra : dict or None
        Further entries of the properties. If None, there are none.
    """
    partitions = find_partitions(unfinished)
    # The old partitions go first: with the metadata of others, they would look like a whole.
    discard_catalog(folder)
    write_metadata(folder, unfinished, partitions, name=name, extra=extra or {})
    unfinished.rename(folder / DATASET)  # the last step, before which there are no partitions
    log.info(f"lensmap: {len(partitions)} partitions are in {str(folder)!r}")


def discard_catalog(folder: Path) -> None:
    """Remove the partitions of a HATS folder, and then the files that describe them.

    Parameters
    ----------
    folder : `pathlib.Path`
        The folder.
    """
    old = folder / f"{_UNFINISHED}-old"
    shutil.rmtree(old, ignore_errors=True)  # of a killed process
    if (folder / DATASET).exists():
        (folder / DATASET).rename(old)
    for name in DESCRIPTIONS:
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(old, ignore_errors=True)
