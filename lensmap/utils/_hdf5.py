# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Writing of HDF5 files on disks that may be full."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from lensmap.typing import PathLike
from lensmap.utils._optional import import_optional
from lensmap.utils._provenance import provenance
from lensmap.utils._seal import UNSEALED, seal

if TYPE_CHECKING:
    import h5py

__all__ = ["hdf5_file", "recorded_hdf5_file"]


@contextmanager
def hdf5_file(path: PathLike) -> Iterator[h5py.File]:
    """Open a new HDF5 file in memory, and write it to a path when the block succeeds.

    On a full disk, the HDF5 library may close a file of zeros without an error, or crash when the
    process ends. The file of this function is written by Python, which raises the system's error.

    Parameters
    ----------
    path : path-like
        The file, which is replaced.

    Yields
    ------
    h5py.File
        The file.

    Raises
    ------
    ImportError
        If h5py is not installed.
    OSError
        If the file cannot be written.
    """
    h5py = import_optional("h5py", purpose="HDF5", install="h5py")
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        yield file
    with open(path, "wb") as stream:
        stream.write(buffer.getbuffer())


@contextmanager
def recorded_hdf5_file(path: PathLike, **entries: Any) -> Iterator[h5py.File]:
    """Open a new HDF5 file like `hdf5_file`, which records its making and contains its digest.

    The record is the attribute ``provenance`` of the file, as JSON.

    Parameters
    ----------
    path : path-like
        The file, which is replaced.
    **entries
        Further entries of the record.

    Yields
    ------
    h5py.File
        The file.
    """
    with hdf5_file(path) as file:
        # Bytes of fixed length lie in one piece in the file, as the seal needs.
        text = json.dumps(provenance(**entries, seal=UNSEALED))
        file.attrs["provenance"] = np.bytes_(text.encode())
        yield file
    seal(path)
