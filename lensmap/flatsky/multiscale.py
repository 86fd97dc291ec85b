# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Kaiser-Squires maps at several smoothings for the price of a few transforms."""

import numpy as np
import scipy.fft

from lensmap.flatsky.kaiser_squires import padded_shape, shear_kernel
from lensmap.flatsky.smoothing import gaussian_transfer
from lensmap.utils import n_threads

__all__ = ["multiscale_convergence"]


def multiscale_convergence(gamma, sigmas, *, padding=1.5):
    """Invert a shear field and smooth it, at several scales.

    Smoothing is plain: where there are no data, shear is 0, and so it is outside of the array.

    Parameters
    ----------
    gamma : array_like
        Complex shear in the pixel basis, ``(ny, nx)``, finite everywhere. Its precision is kept.
    sigmas : sequence of float
        The standard deviations of the Gaussians in pixels; 0 does not smooth.
    padding : float
        The field is surrounded with zeros to this multiple of its size.

    Yields
    ------
    `numpy.ndarray`
        Complex, ``(ny, nx)``: E + i B, one for each of ``sigmas``.
    """
    gamma = np.asarray(gamma)
    dtype = np.complex64 if gamma.dtype in (np.float32, np.complex64) else np.complex128
    real = np.empty(0, dtype).real.dtype
    ny, nx = gamma.shape
    shape = padded_shape(gamma.shape, padding)
    workers = n_threads(shape[0] * shape[1])
    # Axis by axis, so that rows that are only padding are neither transformed nor returned.
    work = scipy.fft.fft(gamma.astype(dtype, copy=False), shape[1], axis=1, workers=workers)
    work = scipy.fft.fft(work, shape[0], axis=0, workers=workers, overwrite_x=True)
    work *= shear_kernel(shape, np.dtype(dtype).name).conj()
    for sigma in sigmas:
        along_y, along_x = (gaussian_transfer(n, sigma).astype(real) for n in shape)
        part = work * along_y[:, np.newaxis]
        part *= along_x
        part = scipy.fft.ifft(part, axis=0, workers=workers, overwrite_x=True)[:ny]
        yield scipy.fft.ifft(part, axis=1, workers=workers)[:, :nx]
