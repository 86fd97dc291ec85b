# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Shape noise of linear mass maps."""

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from lensmap.flatsky._kaiser_squires import kernel_columns, padded_shape
from lensmap.flatsky._modes import column_blocks, filter_modes
from lensmap.flatsky._smoothing import gaussian_transfer
from lensmap.utils import chunk_slices, thread_map

__all__ = ["linear_noise"]


def linear_noise(
    variance: ArrayLike, smoothing: float, *, padding: float = 2.0
) -> np.ndarray:
    r"""Return the noise of a smoothed Kaiser-Squires map, given the noise of the shear.

    The variance of the convergence is the convolution :math:`|K|^2 * \mathrm{variance}`, where K is
    the kernel that smooths and inverts the shear. Both shear components are assumed to have the
    same noise, so the E-mode and the B-mode have the same noise, too.

    Parameters
    ----------
    variance : array_like
        The noise variance of each shear component in each pixel before smoothing, ``(ny, nx)``. The
        noise must be independent between pixels. The precision of the array is kept.
    smoothing : float
        The standard deviation of the Gaussian in pixels. 0 does not smooth.
    padding : float
        The ratio of the side of the zero-padded field to that of the field. With 1, the field is
        treated as periodic.

    Returns
    -------
    `numpy.ndarray`
        The standard deviation of the E-mode, which is also that of the B-mode, ``(ny, nx)``.
    """
    variance = np.asarray(variance)
    if variance.dtype != np.float32:
        variance = variance.astype(float)
    shape = padded_shape(variance.shape, padding)
    response = _response(shape, smoothing, variance.dtype)

    def multiply(modes: np.ndarray, columns: slice) -> None:
        block = response[:, columns]
        modes[: len(block)] *= block
        modes[len(block) :] *= block[1 : shape[0] - len(block) + 1][::-1]

    result = filter_modes(variance, shape, multiply)
    return np.sqrt(np.clip(result, 0.0, None, out=result), out=result)


def _response(shape: tuple[int, int], smoothing: float, dtype: np.dtype) -> np.ndarray:
    """Return a quadrant of the Fourier transform of :math:`|K|^2`.

    K is the kernel that smooths shear with a Gaussian of standard deviation ``smoothing`` (pixels)
    and inverts it to convergence. ``shape`` is the shape of the padded field. The quadrant is real,
    ``(ny // 2 + 1, nx // 2 + 1)``. It is sufficient, because :math:`|K|^2` and its transform are
    even along both axes: if one of the frequencies changes sign, the Kaiser-Squires kernel changes
    to its complex conjugate.
    """
    ny, nx = shape
    rows, columns = ny // 2 + 1, nx // 2 + 1
    along_y, along_x = (gaussian_transfer(n, smoothing) for n in shape)
    complex_ = np.result_type(dtype, np.complex64)
    half = np.empty((rows, nx), complex_)  # y >= 0, all l1

    def transform_columns(block: slice) -> None:
        kernel = kernel_columns(shape, block, complex_.name) * along_y[:, np.newaxis]
        kernel *= along_x[block]
        part = scipy.fft.ifft(kernel.astype(complex_, copy=False), axis=0, overwrite_x=True)
        half[:, block] = part[:rows]
        # By symmetry, the value at (-l1, y) equals the value at (l1, -y).
        half[:, -np.arange(block.start, block.stop) % nx] = part[-np.arange(rows) % ny]

    thread_map(transform_columns, column_blocks(ny, columns), ny * nx)
    result = np.empty((rows, columns), dtype)

    def square_rows(block: slice) -> None:
        part = scipy.fft.ifft(half[block], axis=1)
        square = np.square(part.real) + np.square(part.imag)
        result[block] = scipy.fft.rfft(square, axis=1).real

    thread_map(square_rows, chunk_slices(rows, 16), ny * nx)

    def transform_back(block: slice) -> None:
        part = result[:, block]
        whole = np.concatenate([part, part[1 : ny - rows + 1][::-1]])
        result[:, block] = scipy.fft.rfft(whole, axis=0).real

    thread_map(transform_back, column_blocks(ny, columns), ny * nx)
    return result
