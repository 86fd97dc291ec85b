# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Kaiser-Squires maps at several smoothing scales, from a single forward transform."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from lensmap.flatsky._kaiser_squires import padded_shape, shear_kernel
from lensmap.flatsky._modes import as_complex, from_modes, to_modes
from lensmap.flatsky._smoothing import gaussian_transfer

__all__ = ["multiscale_convergence"]


def multiscale_convergence(
    gamma: ArrayLike, smoothings: Iterable[float], *, padding: float = 1.5
) -> Iterator[np.ndarray]:
    """Invert a shear field, and smooth the convergence at several scales.

    The smoothing is not normalized by weights: the shear is taken as 0 in pixels without data and
    outside the array.

    Parameters
    ----------
    gamma : array_like
        Complex shear in the basis of the pixel axes, ``(ny, nx)``, finite everywhere. Its precision
        is kept.
    smoothings : iterable of float
        The standard deviations of the Gaussians in pixels. 0 does not smooth.
    padding : float
        The ratio of the side of the zero-padded field to that of the field. With 1, the field is
        treated as periodic.

    Yields
    ------
    `numpy.ndarray`
        The map E + i B for one of the ``smoothings``, complex, ``(ny, nx)``.
    """
    gamma = as_complex(gamma)
    real = gamma.real.dtype
    shape = padded_shape(gamma.shape, padding)
    modes = to_modes(gamma, shape)
    modes *= shear_kernel(shape, gamma.dtype.name).conj()
    for smoothing in smoothings:
        along_y, along_x = (gaussian_transfer(n, smoothing).astype(real) for n in shape)
        smoothed = modes * along_y[:, np.newaxis]
        smoothed *= along_x
        yield from_modes(smoothed, gamma.shape)
