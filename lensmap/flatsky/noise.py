# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What shape noise becomes in a linear mass map."""

import numpy as np
import scipy.fft

from lensmap.flatsky.kaiser_squires import padded_shape, shear_kernel
from lensmap.flatsky.smoothing import gaussian_transfer
from lensmap.utils import n_threads

__all__ = ["linear_noise"]


def linear_noise(variance, sigma, *, padding=2.0):
    r"""Return the standard deviation of a smoothed Kaiser-Squires map from that of its pixels.

    With K the kernel of smoothing and inversion together, the variance of the convergence is
    :math:`|K|^2 * \mathrm{variance}`: both shear components carry the same noise, and E and B
    get the same.

    Parameters
    ----------
    variance : array_like
        The variance of each shear component in each pixel (before smoothing), independent
        between pixels, ``(ny, nx)``.
    sigma : float
        The standard deviation of the Gaussian in pixels.
    padding : float
        As for `shear_to_convergence`.

    Returns
    -------
    `numpy.ndarray`
        The noise of the convergence (of E and of B alike), ``(ny, nx)``.
    """
    ny, nx = np.shape(variance)
    shape = padded_shape((ny, nx), padding)
    workers = n_threads(shape[0] * shape[1])
    response = shear_kernel(shape) * np.outer(
        gaussian_transfer(shape[0], sigma), gaussian_transfer(shape[1], sigma)
    )
    kernel_squared = np.abs(scipy.fft.ifft2(response, workers=workers)) ** 2
    spectrum = scipy.fft.rfft2(kernel_squared, workers=workers)
    spectrum *= scipy.fft.rfft2(np.asarray(variance, dtype=float), shape, workers=workers)
    result = scipy.fft.irfft2(spectrum, shape, workers=workers)[:ny, :nx]
    return np.sqrt(np.clip(result, 0.0, None))
