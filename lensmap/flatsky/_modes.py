# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Filters of a field that is surrounded with zeros, without an array of that size."""

import scipy.fft

from lensmap.utils import chunk_slices, n_threads, thread_map

__all__ = ["filter_modes", "column_blocks"]

# Modes are worked on in blocks of this many, which stay in the cache.
_BLOCK = 2**18


def column_blocks(n_rows, n_columns):
    """Cut an array into blocks of columns.

    Parameters
    ----------
    n_rows, n_columns : int
        The shape of the array.

    Returns
    -------
    list of slice
        Of columns.
    """
    return chunk_slices(n_columns, max(8, _BLOCK // n_rows))


def filter_modes(field, shape, multiply):
    """Filter a field by a function of its modes.

    The padded field is made column by column: of its rows, only those of the field itself exist
    at once, and nothing of them is transformed that is only padding.

    Parameters
    ----------
    field : `numpy.ndarray`
        Real or complex, ``(ny, nx)``. Its precision is kept.
    shape : tuple of int
        ``(ny, nx)`` of the transform; the field is surrounded with zeros to it.
    multiply : callable
        Called with a block of modes, which it multiplies in place, and with the slice of the
        columns of the transform that it is; of real fields there are only ``nx // 2 + 1`` columns,
        as of `scipy.fft.rfft`. On several threads at a time.

    Returns
    -------
    `numpy.ndarray`
        ``(ny, nx)``, as real or complex as the field.
    """
    ny, nx = field.shape
    threads = n_threads(shape[0] * shape[1])
    real = field.dtype.kind == "f"
    forward, backward = (
        (scipy.fft.rfft, scipy.fft.irfft) if real else (scipy.fft.fft, scipy.fft.ifft)
    )
    work = forward(field, shape[1], axis=1, workers=threads)

    def through(columns):
        modes = scipy.fft.fft(work[:, columns], shape[0], axis=0)
        multiply(modes, columns)
        work[:, columns] = scipy.fft.ifft(modes, axis=0, overwrite_x=True)[:ny]

    thread_map(through, column_blocks(shape[0], work.shape[1]), shape[0] * shape[1])
    more = {} if real else {"overwrite_x": True}
    return backward(work, shape[1], axis=1, workers=threads, **more)[:, :nx]
