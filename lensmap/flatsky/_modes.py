# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Fourier transforms and filters of zero-padded fields, without an array of the padded size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from lensmap.utils import check_memory, chunk_slices, n_threads, thread_map

__all__ = ["as_complex", "column_blocks", "filter_modes", "from_modes", "to_modes"]

_BLOCK_MODES = 2**18  # fit in the cache


def as_complex(field: ArrayLike) -> np.ndarray:
    """Return a field as complex64 if it is in single precision, else as complex128."""
    field = np.asarray(field)
    single = field.dtype in (np.float32, np.complex64)
    return field.astype(np.complex64 if single else np.complex128, copy=False)


def to_modes(field: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the Fourier transform of a field zero-padded to ``shape``."""
    workers = n_threads(shape[0] * shape[1])
    # Axis by axis, so that rows of padding are not transformed.
    work = scipy.fft.fft(field, shape[1], axis=1, workers=workers)
    return scipy.fft.fft(work, shape[0], axis=0, workers=workers, overwrite_x=True)


def from_modes(modes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the inverse transform without the padding around ``shape``; overwrites ``modes``."""
    workers = n_threads(modes.size)
    work = scipy.fft.ifft(modes, axis=0, workers=workers, overwrite_x=True)[: shape[0]]
    return scipy.fft.ifft(work, axis=1, workers=workers)[:, : shape[1]]


def column_blocks(n_rows: int, n_columns: int) -> list[slice]:
    """Divide the columns of an array into blocks.

    Parameters
    ----------
    n_rows, n_columns : int
        The shape of the array.

    Returns
    -------
    list of slice
        The columns of each block.
    """
    return chunk_slices(n_columns, max(8, _BLOCK_MODES // n_rows))


def filter_modes(
    field: np.ndarray,
    shape: tuple[int, int],
    multiply: Callable[[np.ndarray, slice], object],
) -> np.ndarray:
    """Filter a zero-padded field by a function of its modes.

    The columns of the padded field are processed in blocks, and rows of padding are neither stored
    nor transformed.

    Parameters
    ----------
    field : `numpy.ndarray`
        Real or complex, ``(ny, nx)``. Its precision is kept.
    shape : tuple of int
        The shape of the padded field, ``(ny, nx)``.
    multiply : callable
        Called with a block of modes, to be multiplied in place, and the slice of its columns, in
        several threads. The transform of a real field has ``nx // 2 + 1`` columns, as that of
        `scipy.fft.rfft`.

    Returns
    -------
    `numpy.ndarray`
        The filtered field, ``(ny, nx)``, real or complex as ``field``.

    Raises
    ------
    MemoryError
        If the transform would not fit into memory.
    """
    ny, nx = field.shape
    threads = n_threads(shape[0] * shape[1])
    item = np.result_type(field.dtype, np.complex64).itemsize
    check_memory(
        item * (float(ny) * (shape[1] + 0.25 * nx) + 4 * threads * _BLOCK_MODES),
        f"the transform of {ny} x {nx} pixels, padded to {shape[0]} x {shape[1]},",
        "use larger pixels, less padding or single precision",
    )
    real = field.dtype.kind == "f"
    forward, backward = (
        (scipy.fft.rfft, scipy.fft.irfft) if real else (scipy.fft.fft, scipy.fft.ifft)
    )
    work = forward(field, shape[1], axis=1, workers=threads)

    def filter_columns(columns: slice) -> None:
        modes = scipy.fft.fft(work[:, columns], shape[0], axis=0)
        multiply(modes, columns)
        work[:, columns] = scipy.fft.ifft(modes, axis=0, overwrite_x=True)[:ny]

    thread_map(filter_columns, column_blocks(shape[0], work.shape[1]), shape[0] * shape[1])
    options: dict[str, Any] = {} if real else {"overwrite_x": True}
    return backward(work, shape[1], axis=1, workers=threads, **options)[:, :nx]
