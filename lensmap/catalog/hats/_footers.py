# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Footers of the Parquet files of a HATS folder: rows, pixels and digests."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lensmap.catalog.hats._arrow import HEALPIX_COLUMN, import_parquet

__all__ = ["Footer", "footer_digest", "read_footer"]


@dataclass(frozen=True)
class Footer:
    """Facts of a Parquet file from its footer alone.

    Attributes
    ----------
    path : `pathlib.Path`
        The file.
    n_rows : int
        The number of rows; 0 for a damaged file.
    ends : `numpy.ndarray`
        The row after the last of each row group, int64.
    lowest, highest : `numpy.ndarray` or None
        The smallest and the largest HEALPix pixel of order 29 in each row group, int64. None if
        the file has no such statistics.
    error : str or None
        Why the file cannot be read. None if the footer is fine.
    """

    path: Path
    n_rows: int
    ends: np.ndarray
    lowest: np.ndarray | None = None
    highest: np.ndarray | None = None
    error: str | None = None


def read_footer(path: Path) -> Footer:
    """Read the footer of a Parquet file.

    Parameters
    ----------
    path : `pathlib.Path`
        The file.

    Returns
    -------
    Footer
        The footer; of a damaged file, one with its ``error`` and without rows.
    """
    parquet = import_parquet()
    try:
        metadata = parquet.read_metadata(path)
    # pyarrow raises errors of several classes for broken files.
    except Exception as error:  # noqa: BLE001
        return Footer(path, 0, np.zeros(0, dtype=np.int64), error=str(error).strip())
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    ends = np.cumsum([group.num_rows for group in groups], dtype=np.int64)
    names = [metadata.schema.column(i).path for i in range(metadata.num_columns)]
    lowest = highest = None
    if HEALPIX_COLUMN in names:
        statistics = [group.column(names.index(HEALPIX_COLUMN)).statistics for group in groups]
        if all(one is not None and one.has_min_max for one in statistics):
            lowest = np.array([one.min for one in statistics], dtype=np.int64)
            highest = np.array([one.max for one in statistics], dtype=np.int64)
    return Footer(path, metadata.num_rows, ends, lowest, highest)


def footer_digest(path: Path) -> tuple[int, str]:
    """Return the size of a Parquet file and the SHA-256 digest of its footer.

    The footer has the number of rows, the smallest and largest values of all columns and the
    places of the data, so that nearly every change of the data changes it. A file without a valid
    footer has the digest of its last 8 bytes.

    Parameters
    ----------
    path : `pathlib.Path`
        The file.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        file.seek(max(0, size - 8))
        end = file.read()
        length = int.from_bytes(end[:4], "little") + 8 if end[4:] == b"PAR1" else 8
        file.seek(max(0, size - length))
        return size, hashlib.sha256(file.read()).hexdigest()
