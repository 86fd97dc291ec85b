# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The Kaiser-Squires relation between shear and convergence on a flat, square grid."""

from functools import lru_cache

import numpy as np
import scipy.fft

from lensmap.flatsky._modes import column_blocks, filter_modes
from lensmap.utils import n_threads, thread_map

__all__ = ["shear_kernel", "shear_to_convergence", "convergence_to_shear", "padded_shape"]


# Larger kernels are made anew: kept, they would hold hundreds of megabytes.
_KEPT_PIXELS = 4_200_000


def shear_kernel(shape, dtype="complex128"):
    r"""Return the Kaiser-Squires kernel D on a grid of discrete frequencies.

    .. math:: D = \frac{\ell_1^2 - \ell_2^2 + 2 i \ell_1 \ell_2}{\ell^2},
              \qquad \tilde\gamma = D \tilde\kappa, \qquad D(0) = 0

    with :math:`\ell_1` along x (the second axis of arrays) and :math:`\ell_2` along y (the
    first). A mass makes tangential shear.

    Parameters
    ----------
    shape : tuple of int
        ``(ny, nx)``.
    dtype : str
        ``"complex128"`` or ``"complex64"``.

    Returns
    -------
    `numpy.ndarray`
        Complex, ``(ny, nx)``, in the order of `scipy.fft.fftfreq`; read-only, because it is
        kept for the next call.

    References
    ----------
    Kaiser & Squires 1993, ApJ 404, 441, eq. 2.1.2; the sign is that of Bartelmann & Schneider
    2001, Phys. Rep. 340, 291, eq. 4.4.
    """
    make = _kept_kernel if shape[0] * shape[1] <= _KEPT_PIXELS else _whole_kernel
    return make(tuple(shape), dtype)


def _whole_kernel(shape, dtype):
    """Make a kernel in blocks, whose double precision is small change."""
    kernel = np.empty(shape, dtype)

    def fill(columns):
        kernel[:, columns] = _make_kernel(shape, dtype, columns)

    thread_map(fill, column_blocks(*shape), kernel.size)
    kernel.flags.writeable = False
    return kernel


_kept_kernel = lru_cache(maxsize=4)(_whole_kernel)


def kernel_columns(shape, columns, dtype="complex128"):
    """Return some columns of `shear_kernel`; a large kernel need never be there as a whole.

    Parameters
    ----------
    shape : tuple of int
        ``(ny, nx)`` of the whole.
    columns : slice
        Which.
    dtype : str
        ``"complex128"`` or ``"complex64"``.

    Returns
    -------
    `numpy.ndarray`
        Complex, ``(ny, n)``; not to be written to.
    """
    if shape[0] * shape[1] <= _KEPT_PIXELS:
        return _kept_kernel(tuple(shape), dtype)[:, columns]
    return _make_kernel(shape, dtype, columns)


def _make_kernel(shape, dtype, columns):
    ny, nx = shape
    l1 = scipy.fft.fftfreq(nx)[np.newaxis, columns]
    l2 = scipy.fft.fftfreq(ny)[:, np.newaxis]
    l_squared = l1**2 + l2**2
    l_squared[l_squared == 0] = 1.0  # the numerator is 0 there: the mass sheet is not measured
    cross = 2.0 * l1 * l2
    # The Nyquist frequency stands for +l and -l at once, where the cross term has opposite
    # signs. Only their mean, 0, leaves a real kappa real and a mirrored field mirrored.
    if nx % 2 == 0:
        cross[:, np.arange(nx)[columns] == nx // 2] = 0.0
    if ny % 2 == 0:
        cross[ny // 2, :] = 0.0
    kernel = np.empty(cross.shape, dtype)
    kernel.real, kernel.imag = (l1**2 - l2**2) / l_squared, cross / l_squared
    return kernel


def padded_shape(shape, padding):
    """Return the shape of the transform: at least ``padding`` times as large, quick to transform.

    Parameters
    ----------
    shape : tuple of int
        ``(ny, nx)``.
    padding : float
        1 is periodic: the shape itself.

    Returns
    -------
    tuple of int
        ``(ny, nx)`` of the transform.
    """
    if padding == 1:
        return tuple(shape)
    return tuple(scipy.fft.next_fast_len(int(np.ceil(padding * n))) for n in shape)


def shear_to_convergence(gamma, *, padding=2.0):
    r"""Invert a shear field: :math:`\tilde\kappa = D^* \tilde\gamma`.

    Parameters
    ----------
    gamma : array_like
        Complex shear :math:`\gamma_1 + i \gamma_2` in the pixel basis (+x, +y), ``(ny, nx)``,
        finite everywhere. Its precision (complex64 or complex128) is kept.
    padding : float
        The field is surrounded with zeros to this multiple of its size; 1 takes it as periodic.

    Returns
    -------
    `numpy.ndarray`
        Complex, ``(ny, nx)``: the real part is the convergence (E-mode), the imaginary part the
        B-mode. The mean over the padded field is 0.

    References
    ----------
    Kaiser & Squires 1993, ApJ 404, 441.
    """
    return _transform(gamma, padding, inverse=True)


def convergence_to_shear(kappa, *, padding=1.0):
    r"""Return the shear of a convergence field: :math:`\tilde\gamma = D \tilde\kappa`.

    Parameters
    ----------
    kappa : array_like
        Convergence, ``(ny, nx)``, finite everywhere; complex values are E + i B.
    padding : float
        As for `shear_to_convergence`; with 1 the field is periodic, which is exact for a field
        that is.

    Returns
    -------
    `numpy.ndarray`
        Complex shear :math:`\gamma_1 + i \gamma_2` in the pixel basis, ``(ny, nx)``.
    """
    return _transform(kappa, padding, inverse=False)


def _transform(field, padding, *, inverse):
    field = np.asarray(field)
    dtype = np.complex64 if field.dtype in (np.float32, np.complex64) else np.complex128
    shape = padded_shape(field.shape, padding)
    name = np.dtype(dtype).name

    def multiply(modes, columns):
        kernel = kernel_columns(shape, columns, name)
        modes *= kernel.conj() if inverse else kernel

    return filter_modes(field.astype(dtype, copy=False), shape, multiply)


def to_modes(field, shape):
    """Transform a complex field, surrounded with zeros to ``shape``."""
    workers = n_threads(shape[0] * shape[1])
    # Axis by axis, so that rows that are only padding are neither transformed nor returned.
    work = scipy.fft.fft(field, shape[1], axis=1, workers=workers)
    return scipy.fft.fft(work, shape[0], axis=0, workers=workers, overwrite_x=True)


def from_modes(work, shape):
    """Transform back and take off what is around ``shape``; ``work`` is overwritten."""
    workers = n_threads(work.size)
    work = scipy.fft.ifft(work, axis=0, workers=workers, overwrite_x=True)[: shape[0]]
    return scipy.fft.ifft(work, axis=1, workers=workers)[:, : shape[1]]
