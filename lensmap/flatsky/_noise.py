# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What shape noise becomes in a linear mass map."""

import numpy as np
import scipy.fft

from lensmap.flatsky._kaiser_squires import kernel_columns, padded_shape
from lensmap.flatsky._modes import column_blocks, filter_modes
from lensmap.flatsky._smoothing import gaussian_transfer
from lensmap.utils import chunk_slices, thread_map

__all__ = ["linear_noise"]


def linear_noise(variance, smoothing, *, padding=2.0):
    r"""Return the standard deviation of a smoothed Kaiser-Squires map from that of its pixels.

    With K the kernel of smoothing and inversion together, the variance of the convergence is
    :math:`|K|^2 * \mathrm{variance}`: both shear components carry the same noise, and E and B
    get the same.

    Parameters
    ----------
    variance : array_like
        The variance of each shear component in each pixel (before smoothing), independent
        between pixels, ``(ny, nx)``. Its precision is kept.
    smoothing : float
        The standard deviation of the Gaussian in pixels.
    padding : float
        As for `shear_to_convergence`.

    Returns
    -------
    `numpy.ndarray`
        The noise of the convergence (of E and of B alike), ``(ny, nx)``.
    """
    variance = np.asarray(variance)
    if variance.dtype != np.float32:
        variance = variance.astype(float)
    shape = padded_shape(variance.shape, padding)
    response = _response(shape, smoothing, variance.dtype)

    def multiply(modes, columns):
        part = response[:, columns]
        modes[: len(part)] *= part
        modes[len(part) :] *= part[1 : shape[0] - len(part) + 1][::-1]

    result = filter_modes(variance, shape, multiply)
    return np.sqrt(np.clip(result, 0.0, None, out=result), out=result)


def _response(shape, smoothing, dtype):
    """Return the transform of :math:`|K|^2`, a real quadrant: ``(ny // 2 + 1, nx // 2 + 1)``.

    D is its own conjugate when one of the frequencies changes its sign, so that :math:`|K|^2` is
    even along both axes and so is its transform.
    """
    ny, nx = shape
    rows, columns = ny // 2 + 1, nx // 2 + 1
    along_y, along_x = (gaussian_transfer(n, smoothing) for n in shape)
    complex_ = np.result_type(dtype, np.complex64)
    half = np.empty((rows, nx), complex_)  # y >= 0, all l1

    def along_columns(block):
        kernel = kernel_columns(shape, block, complex_.name) * along_y[:, np.newaxis]
        kernel *= along_x[block]
        part = scipy.fft.ifft(kernel.astype(complex_, copy=False), axis=0, overwrite_x=True)
        half[:, block] = part[:rows]
        # What belongs to -l1 is the same at -y.
        half[:, -np.arange(block.start, block.stop) % nx] = part[-np.arange(rows) % ny]

    thread_map(along_columns, column_blocks(ny, columns), ny * nx)
    result = np.empty((rows, columns), dtype)

    def along_rows(block):
        part = scipy.fft.ifft(half[block], axis=1)
        square = np.square(part.real) + np.square(part.imag)
        result[block] = scipy.fft.rfft(square, axis=1).real

    thread_map(along_rows, chunk_slices(rows, 16), ny * nx)

    def back_along_columns(block):
        part = result[:, block]
        whole = np.concatenate([part, part[1 : ny - rows + 1][::-1]])
        result[:, block] = scipy.fft.rfft(whole, axis=0).real

    thread_map(back_along_columns, column_blocks(ny, columns), ny * nx)
    return result
