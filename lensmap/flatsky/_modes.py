# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Fourier transforms and filters of zero-padded fields, without storing the padded field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from lensmap.utils import check_memory, chunk_slices, n_threads, thread_map

__all__ = ["as_complex", "column_blocks", "filter_modes", "from_modes", "to_modes"]

_BLOCK_MODES = 2**18  # so that a block fits into the processor's cache


def as_complex(field: ArrayLike) -> np.ndarray:
    """Convert a field to complex64 if it is in single precision, and otherwise to complex128."""
    field = np.asarray(field)
    single = field.dtype in (np.float32, np.complex64)
    return field.astype(np.complex64 if single else np.complex128, copy=False)


def to_modes(field: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the Fourier transform of a field zero-padded to ``shape``."""
    workers = n_threads(shape[0] * shape[1])
    # Transform axis by axis, so that rows of padding are not transformed along x.
    work = scipy.fft.fft(field, shape[1], axis=1, workers=workers)
    return scipy.fft.fft(work, shape[0], axis=0, workers=workers, overwrite_x=True)


def from_modes(modes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the inverse Fourier transform, cropped from the padded grid to ``shape``.

    The array ``modes`` is overwritten.
    """
    workers = n_threads(modes.size)
    work = scipy.fft.ifft(modes, axis=0, workers=workers, overwrite_x=True)[: shape[0]]
    return scipy.fft.ifft(work, axis=1, workers=workers)[:, : shape[1]]


def column_blocks(n_rows: int, n_columns: int) -> list[slice]:
    """Divide the columns of an array into blocks that fit into the processor's cache.

    Parameters
    ----------
    n_rows, n_columns : int
        The shape of the array.

    Returns
    -------
    list of slice
        The slice of columns of each block.
    """
    return chunk_slices(n_columns, max(8, _BLOCK_MODES // n_rows))


def filter_modes(
    field: np.ndarray,
    shape: tuple[int, int],
    multiply: Callable[[np.ndarray, slice], object],
) -> np.ndarray:
    """Filter a field in Fourier space, with zero padding.

    The columns of the padded field are processed in blocks. Rows of padding are neither stored nor
    transformed along x.

    Parameters
    ----------
    field : `numpy.ndarray`
        The field, real or complex, ``(ny, nx)``. Its precision is kept.
    shape : tuple of int
        The shape of the padded field, ``(ny, nx)``.
    multiply : callable
        A function that takes a block of Fourier modes and the slice of its columns, and multiplies
        the modes by the filter in place. It is called in several threads. The Fourier transform of
        a real field has ``nx // 2 + 1`` columns, as in `scipy.fft.rfft`.

    Returns
    -------
    `numpy.ndarray`
        The filtered field, ``(ny, nx)``, real or complex like ``field``.

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
