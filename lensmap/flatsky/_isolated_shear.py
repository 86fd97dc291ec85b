# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The shear of a mass distribution on a flat grid that is surrounded by empty space."""

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike
from scipy import special

from lensmap.flatsky._kaiser_squires import shear_kernel

__all__ = ["isolated_shear"]


def isolated_shear(kappa: ArrayLike) -> np.ndarray:
    r"""Return the shear of a convergence field that is 0 outside the grid.

    Parameters
    ----------
    kappa : array_like
        The convergence, real and finite, ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        The complex shear in the basis of the pixel axes, complex128, ``(ny, nx)``.

    Notes
    -----
    The shear kernel, the shear of a point mass, falls with distance as :math:`1 / r^2`. It is cut
    off at a radius R that is at least the largest distance between two pixels, so the result does
    not change. The cutoff multiplies the Fourier transform of the kernel by
    :math:`1 - 2 J_1(k R) / (k R)`. In a box that is larger than the grid by R, the periodic images
    of the mass then do not reach the grid.
    """
    kappa = np.asarray(kappa, dtype=float)
    ny, nx = kappa.shape
    cut = np.hypot(ny, nx)
    box = tuple(scipy.fft.next_fast_len(int(np.ceil(n + cut)), real=True) for n in (ny, nx))
    kernel = shear_kernel(box)[:, : box[1] // 2 + 1]
    ky, kx = scipy.fft.fftfreq(box[0])[:, np.newaxis], scipy.fft.rfftfreq(box[1])
    k = np.maximum(2 * np.pi * cut * np.hypot(kx, ky), 1e-6)
    transform = scipy.fft.rfft2(kappa, box) * (1 - 2 * special.j1(k) / k)
    gamma = scipy.fft.irfft2(transform * kernel.real, box)[:ny, :nx].astype(complex)
    gamma.imag = scipy.fft.irfft2(transform * kernel.imag, box)[:ny, :nx]
    return gamma
