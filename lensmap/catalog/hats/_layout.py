# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The layout of a HATS folder: paths of partitions, and their HEALPix pixels.

A partition is one pixel of the nested scheme: ``dataset/Norder=K/Dir=D/Npix=N.parquet``, where
``D`` is ``N`` rounded down to a multiple of 10 000, or a folder ``Npix=N`` of Parquet files. The
format is described in the IVOA note on HATS (https://www.ivoa.net/documents/Notes/HATS/).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lensmap.utils import ParameterError, missing_file

__all__ = [
    "DATASET", "HEALPIX_ORDER", "PartitionFiles", "SCHEMA", "SUFFIX",
    "find_partitions", "main_table", "partition_path", "pixel_ranges", "read_properties",
]

#: The folder of the partitions within a HATS folder.
DATASET = "dataset"

#: The HEALPix order of the column ``_healpix_29``.
HEALPIX_ORDER = 29

SUFFIX = ".parquet"

#: The version of the form of partitions.
SCHEMA = 1

_DIRECTORY_SIZE = 10_000
_ORDER = re.compile(r"Norder=(\d+)", re.IGNORECASE)
_PIXEL = re.compile(r"Npix=(\d+)(?:\.parquet|\.parq|\.pq)?", re.IGNORECASE)
_COLLECTION = "collection.properties"


class PartitionFiles(NamedTuple):
    """The files of one partition.

    Attributes
    ----------
    order, pixel : int
        The HEALPix order, and the number of the pixel in the nested scheme.
    paths : tuple of `pathlib.Path`
        The Parquet files, sorted by name.
    """

    order: int
    pixel: int
    paths: tuple[Path, ...]


def partition_path(dataset: Path, order: int, pixel: int) -> Path:
    """Return the path of the file of a partition.

    Parameters
    ----------
    dataset : `pathlib.Path`
        The folder of the partitions.
    order, pixel : int
        The HEALPix order, and the number of the pixel in the nested scheme.
    """
    directory = pixel // _DIRECTORY_SIZE * _DIRECTORY_SIZE
    return dataset / f"Norder={order}" / f"Dir={directory}" / f"Npix={pixel}{SUFFIX}"


def pixel_ranges(
    orders: Iterable[int] | np.ndarray, pixels: Iterable[int] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the first pixel of order 29 in each pixel, and the first one beyond it.

    Parameters
    ----------
    orders, pixels : array_like
        HEALPix orders and pixels of the nested scheme, ``(n,)``.

    Returns
    -------
    first, end : `numpy.ndarray`
        The ranges, int64, ``(n,)``.
    """
    shift = 2 * (HEALPIX_ORDER - np.asarray(orders, dtype=np.int64))
    pixels = np.asarray(pixels, dtype=np.int64)
    return pixels << shift, (pixels + 1) << shift


def main_table(folder: Path) -> Path:
    """Return the folder of the main table of a collection; ``folder`` itself if it is none.

    Parameters
    ----------
    folder : `pathlib.Path`
        A HATS folder, or a collection of a main table with its margin caches and indices.

    Raises
    ------
    ValueError
        If the properties of the collection do not name an existing folder of its main table.
    """
    properties = folder / _COLLECTION
    if not properties.is_file():
        return folder
    name = read_properties(properties).get("hats_primary_table_url", "")
    table = folder / name
    if not name or not table.is_dir():
        raise ParameterError(
            "folder", "a HATS collection with its main table", repr(str(folder)),
            f"its file {_COLLECTION!r} names the main table {name!r}, which is not a folder in "
            "the collection; give the folder of the main table",
        )
    return table


def read_properties(path: Path) -> dict[str, str]:
    """Return the entries of a properties file, lines of ``key=value``.

    Parameters
    ----------
    path : `pathlib.Path`
        The file. Lines that begin with ``#`` are comments.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    entries = (line.partition("=") for line in lines if not line.lstrip().startswith("#"))
    # Java, whose format this is, escapes some characters.
    return {key.strip(): value.strip().replace("\\", "") for key, sign, value in entries if sign}


def find_partitions(folder: Path) -> list[PartitionFiles]:
    """Return the partitions of a HATS folder, in the order of their pixels on the nested curve.

    Only the names of folders and files are read. Neither ``partition_info.csv`` nor ``_metadata``
    nor the properties are needed.

    Parameters
    ----------
    folder : `pathlib.Path`
        The folder, with the subfolder ``dataset`` or with the folders ``Norder=K`` themselves.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If the folder holds no partitions, or if partitions overlap.
    """
    if not folder.is_dir():
        raise missing_file(folder, "folder", "there is no folder {!r}")
    dataset = folder / DATASET if (folder / DATASET).is_dir() else folder
    partitions = []
    for order_folder in dataset.iterdir():
        match = _ORDER.fullmatch(order_folder.name)
        if match is not None and order_folder.is_dir():
            partitions += _partitions_below(order_folder, int(match[1]))
    if not partitions:
        raise ParameterError(
            "folder", "a HATS folder, with partitions such as dataset/Norder=3/Dir=0/"
            "Npix=12.parquet", repr(str(folder)), "it holds none; 'lensmap partition' makes a "
            "HATS folder of other files",
        )
    first, _ = pixel_ranges(*zip(*((part.order, part.pixel) for part in partitions), strict=True))
    # A pixel comes before its children, so that overlapping partitions are neighbors.
    ranked = sorted(zip(first.tolist(), partitions, strict=True), key=lambda t: (t[0], t[1].order))
    partitions = [part for _, part in ranked]
    _check_overlap(partitions)
    return partitions


def _check_overlap(partitions: Iterable[PartitionFiles]) -> None:
    """Raise a ValueError if partitions overlap.

    Parameters
    ----------
    partitions : iterable of PartitionFiles
        The partitions, sorted by their first pixel of order 29, then by order.
    """
    before = None
    for part in partitions:
        (first,), (end,) = pixel_ranges([part.order], [part.pixel])
        if before is not None and first < before[0]:
            raise ParameterError(
                "folder", "a HATS folder whose partitions do not overlap",
                f"one with {str(before[1].paths[0])!r} and {str(part.paths[0])!r}, whose pixels "
                "overlap", "remove one of the two, or make the folder again",
            )
        before = end, part


def _partitions_below(folder: Path, order: int) -> list[PartitionFiles]:
    """Return the partitions in a folder ``Norder=K``, which may have folders ``Dir=D``."""
    found: dict[int, list[Path]] = {}
    for parent, folders, files in os.walk(folder):
        for name in sorted(folders):
            match = _PIXEL.fullmatch(name)
            if match is not None:  # a partition that is a folder of files
                paths = sorted(
                    path for path in Path(parent, name).rglob("*")
                    if path.is_file() and not path.name.startswith((".", "_"))
                )
                found.setdefault(int(match[1]), []).extend(paths)
        folders[:] = [name for name in folders if _PIXEL.fullmatch(name) is None]
        for name in files:
            match = _PIXEL.fullmatch(name)
            if match is not None:
                found.setdefault(int(match[1]), []).append(Path(parent, name))
    for pixel in found:
        if order > HEALPIX_ORDER or pixel >= 12 * 4**order:
            raise ParameterError(
                "folder", "a HATS folder", remedy=f"in {str(folder)!r}, Npix={pixel} is not a "
                f"HEALPix pixel of order {order}",
            )
    return [PartitionFiles(order, pixel, tuple(paths)) for pixel, paths in found.items() if paths]
