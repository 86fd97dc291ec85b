# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The Kaiser-Squires relation between shear and convergence on a flat, square grid."""

from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from lensmap.flatsky._modes import as_complex, column_blocks, filter_modes
from lensmap.utils import thread_map

__all__ = ["shear_kernel", "shear_to_convergence", "convergence_to_shear", "padded_shape"]

# Larger kernels are not cached, because they take hundreds of megabytes.
_MAX_CACHED_PIXELS = 4_200_000


def shear_kernel(shape: tuple[int, int], dtype: str = "complex128") -> np.ndarray:
    r"""Return the Kaiser-Squires kernel D on a grid of discrete frequencies.

    .. math:: D = \frac{\ell_1^2 - \ell_2^2 + 2 i \ell_1 \ell_2}{\ell^2},
              \qquad \tilde\gamma = D \tilde\kappa, \qquad D(0) = 0

    The frequency :math:`\ell_1` is along x (the second axis of arrays), and :math:`\ell_2` is along
    y (the first axis). With this sign, a positive mass causes tangential shear.

    Parameters
    ----------
    shape : tuple of int
        The shape of the grid, ``(ny, nx)``.
    dtype : str
        ``"complex128"`` or ``"complex64"``.

    Returns
    -------
    `numpy.ndarray`
        The kernel, complex, ``(ny, nx)``, with the frequencies in the order of `scipy.fft.fftfreq`.
        The array is read-only, because it may be cached.

    References
    ----------
    Kaiser & Squires 1993, ApJ 404, 441, eq. 2.1.2; the sign is that of Bartelmann & Schneider
    2001, Phys. Rep. 340, 291, eq. 4.4.
    """
    ny, nx = shape
    make = _cached_kernel if ny * nx <= _MAX_CACHED_PIXELS else _whole_kernel
    return make((ny, nx), dtype)


def _whole_kernel(shape: tuple[int, int], dtype: str) -> np.ndarray:
    """Compute the Kaiser-Squires kernel of a large grid in blocks, to limit the memory."""
    kernel = np.empty(shape, dtype)

    def fill(columns: slice) -> None:
        kernel[:, columns] = _make_kernel(shape, dtype, columns)

    thread_map(fill, column_blocks(*shape), kernel.size)
    kernel.flags.writeable = False
    return kernel


_cached_kernel = lru_cache(maxsize=4)(_whole_kernel)


def kernel_columns(
    shape: tuple[int, int], columns: slice, dtype: str = "complex128"
) -> np.ndarray:
    """Return some columns of the kernel of ``shear_kernel``, without computing the whole kernel.

    Parameters
    ----------
    shape : tuple of int
        The shape of the whole kernel, ``(ny, nx)``.
    columns : slice
        The columns to return, as a slice of the whole kernel.
    dtype : str
        ``"complex128"`` or ``"complex64"``.

    Returns
    -------
    `numpy.ndarray`
        The columns of the kernel, complex, ``(ny, n)``. The array may be read-only.
    """
    ny, nx = shape
    if ny * nx <= _MAX_CACHED_PIXELS:
        return _cached_kernel((ny, nx), dtype)[:, columns]
    return _make_kernel((ny, nx), dtype, columns)


def _make_kernel(shape: tuple[int, int], dtype: str, columns: slice) -> np.ndarray:
    ny, nx = shape
    l1 = scipy.fft.fftfreq(nx)[np.newaxis, columns]
    l2 = scipy.fft.fftfreq(ny)[:, np.newaxis]
    l_squared = l1**2 + l2**2
    l_squared[l_squared == 0] = 1.0  # gives D(0) = 0: shear does not measure the mean kappa
    cross = 2.0 * l1 * l2
    # The Nyquist frequency represents both +l and -l, for which the cross term has opposite signs.
    # It is set to their mean, 0. Otherwise, the map of a real kappa's shear would not be real, and
    # a mirrored field would not give a mirrored map.
    if nx % 2 == 0:
        cross[:, np.arange(nx)[columns] == nx // 2] = 0.0
    if ny % 2 == 0:
        cross[ny // 2, :] = 0.0
    kernel = np.empty(cross.shape, dtype)
    kernel.real, kernel.imag = (l1**2 - l2**2) / l_squared, cross / l_squared
    return kernel


def padded_shape(shape: tuple[int, int], padding: float) -> tuple[int, int]:
    """Return the shape of a zero-padded field, rounded up to lengths with fast transforms.

    Parameters
    ----------
    shape : tuple of int
        The shape of the field, ``(ny, nx)``.
    padding : float
        The ratio of the side of the padded field to that of the field. With 1, the field is treated
        as periodic, and its shape is not changed.

    Returns
    -------
    tuple of int
        The shape of the padded field, ``(ny, nx)``.
    """
    ny, nx = shape
    if padding == 1:
        return ny, nx
    return (
        scipy.fft.next_fast_len(int(np.ceil(padding * ny))),
        scipy.fft.next_fast_len(int(np.ceil(padding * nx))),
    )


def shear_to_convergence(gamma: ArrayLike, *, padding: float = 2.0) -> np.ndarray:
    r"""Invert a shear field: :math:`\tilde\kappa = D^* \tilde\gamma`.

    D is the Kaiser-Squires kernel of ``shear_kernel``, and a tilde denotes the Fourier transform.

    Parameters
    ----------
    gamma : array_like
        Complex shear :math:`\gamma_1 + i \gamma_2` in the basis of the pixel axes, ``(ny, nx)``,
        finite everywhere. Its precision (complex64 or complex128) is kept.
    padding : float
        The ratio of the side of the zero-padded field to that of the field. With 1, the field is
        treated as periodic.

    Returns
    -------
    `numpy.ndarray`
        The complex convergence, ``(ny, nx)``. The real part is the convergence (E-mode), and the
        imaginary part is the B-mode. The mean over the padded field is 0.

    References
    ----------
    Kaiser & Squires 1993, ApJ 404, 441.
    """
    return _transform(gamma, padding, inverse=True)


def convergence_to_shear(kappa: ArrayLike, *, padding: float = 1.0) -> np.ndarray:
    r"""Return the shear of a convergence field: :math:`\tilde\gamma = D \tilde\kappa`.

    D is the Kaiser-Squires kernel of ``shear_kernel``, and a tilde denotes the Fourier transform.

    Parameters
    ----------
    kappa : array_like
        The convergence, ``(ny, nx)``, finite everywhere. Complex values are E + i B.
    padding : float
        The ratio of the side of the zero-padded field to that of the field. With 1, the field is
        treated as periodic, which is exact for periodic fields.

    Returns
    -------
    `numpy.ndarray`
        Complex shear :math:`\gamma_1 + i \gamma_2` in the basis of the pixel axes, ``(ny, nx)``.
    """
    return _transform(kappa, padding, inverse=False)


def _transform(field: ArrayLike, padding: float, *, inverse: bool) -> np.ndarray:
    field = as_complex(field)
    shape = padded_shape(field.shape, padding)

    def multiply(modes: np.ndarray, columns: slice) -> None:
        kernel = kernel_columns(shape, columns, field.dtype.name)
        modes *= kernel.conj() if inverse else kernel

    return filter_modes(field, shape, multiply)
