# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Kaiser-Squires maps at several smoothings for the price of a few transforms."""

import numpy as np

from lensmap.flatsky._kaiser_squires import from_modes, padded_shape, shear_kernel, to_modes
from lensmap.flatsky._smoothing import gaussian_transfer

__all__ = ["multiscale_convergence"]


def multiscale_convergence(gamma, smoothings, *, padding=1.5):
    """Invert a shear field and smooth it, at several scales.

    Smoothing is plain: where there are no data, shear is 0, and so it is outside of the array.

    Parameters
    ----------
    gamma : array_like
        Complex shear in the pixel basis, ``(ny, nx)``, finite everywhere. Its precision is kept.
    smoothings : sequence of float
        The standard deviations of the Gaussians in pixels; 0 does not smooth.
    padding : float
        The field is surrounded with zeros to this multiple of its size.

    Yields
    ------
    `numpy.ndarray`
        Complex, ``(ny, nx)``: E + i B, one for each of ``smoothings``.
    """
    gamma = np.asarray(gamma)
    dtype = np.complex64 if gamma.dtype in (np.float32, np.complex64) else np.complex128
    real = np.empty(0, dtype).real.dtype
    shape = padded_shape(gamma.shape, padding)
    work = to_modes(gamma.astype(dtype, copy=False), shape)
    work *= shear_kernel(shape, np.dtype(dtype).name).conj()
    for smoothing in smoothings:
        along_y, along_x = (gaussian_transfer(n, smoothing).astype(real) for n in shape)
        part = work * along_y[:, np.newaxis]
        part *= along_x
        yield from_modes(part, gamma.shape)
