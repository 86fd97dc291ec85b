# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The files that describe a HATS folder to other programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lensmap import __version__
from lensmap.catalog.hats._arrow import COORDINATES, HEALPIX_COLUMN, import_parquet
from lensmap.catalog.hats._layout import HEALPIX_ORDER, SUFFIX, PartitionFiles
from lensmap.utils import atomic_write, creation_date

__all__ = ["DESCRIPTIONS", "PROPERTIES", "write_metadata"]

PROPERTIES = "hats.properties"

# LSDB of before 2025 reads the second name.
_PROPERTIES_FILES = ("properties", PROPERTIES)
_PARTITION_INFO = "partition_info.csv"

#: The files that describe the partitions of a folder.
DESCRIPTIONS = (*_PROPERTIES_FILES, _PARTITION_INFO)


def write_metadata(
    folder: Path,
    dataset: Path,
    partitions: Sequence[PartitionFiles],
    *,
    name: str,
    extra: Mapping[str, Any],
) -> None:
    """Write the properties, the list of partitions and the metadata of all Parquet files.

    Parameters
    ----------
    folder : `pathlib.Path`
        The HATS folder.
    dataset : `pathlib.Path`
        The present folder of the partitions.
    partitions : sequence of PartitionFiles
        The partitions, sorted along the nested curve, each with one file.
    name : str
        The name of the catalog.
    extra : dict
        Further entries of the properties.
    """
    parquet = import_parquet()
    footers = []
    for part in partitions:
        (path,) = part.paths
        footer = parquet.read_metadata(path)
        footer.set_file_path(path.relative_to(dataset).as_posix())
        footers.append(footer)
    schema = parquet.read_schema(partitions[0].paths[0])
    n_rows = sum(footer.num_rows for footer in footers)
    largest = max(footer.num_rows for footer in footers)
    with atomic_write(dataset / "_common_metadata", overwrite=True) as temporary:
        parquet.write_metadata(schema, temporary)
    with atomic_write(dataset / "_metadata", overwrite=True) as temporary:
        parquet.write_metadata(schema, temporary, metadata_collector=footers)
    lines = ["Norder,Npix", *(f"{part.order},{part.pixel}" for part in partitions)]
    _write_text(folder / _PARTITION_INFO, lines)
    size = sum(path.stat().st_size for part in partitions for path in part.paths)
    area = sum(4.0 ** -part.order for part in partitions) / 12
    entries = {
        "obs_collection": name,
        "dataproduct_type": "object",
        "hats_nrows": n_rows,
        "hats_col_ra": COORDINATES[0],
        "hats_col_dec": COORDINATES[1],
        "hats_col_healpix": HEALPIX_COLUMN,
        "hats_col_healpix_order": HEALPIX_ORDER,
        "hats_max_rows": largest,
        "hats_order": max(part.order for part in partitions),
        "hats_npix_suffix": SUFFIX,
        "moc_sky_fraction": f"{area:.6g}",
        "hats_builder": f"lensmap {__version__}",
        "hats_creation_date": creation_date().strftime("%Y-%m-%dT%H:%MUTC"),
        "hats_estsize": max(1, size // 1024),
        "hats_release_date": "2025-08-22",  # of the version of the format
        "hats_version": "v1.0",
        **extra,
    }
    lines = ["#HATS catalog", *(f"{key}={value}" for key, value in entries.items())]
    for file in _PROPERTIES_FILES:
        _write_text(folder / file, lines)


def _write_text(path: Path, lines: Sequence[str]) -> None:
    with atomic_write(path, overwrite=True) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
