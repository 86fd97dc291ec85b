# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`PeriodicShear`: the shear of a real convergence on a periodic grid, and its adjoint."""

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from lensmap.flatsky._kaiser_squires import shear_kernel
from lensmap.utils import ParameterError, n_threads

__all__ = ["PeriodicShear"]


class PeriodicShear:
    r"""The linear map A from a real convergence to the shear of a field, and its adjoint.

    The convergence lives on a periodic grid that is larger than the field. With the Kaiser-Squires
    kernel D, :math:`A \kappa = R\, \mathcal F^{-1} D \mathcal F \kappa`, where R restricts the grid
    to the field. The adjoint is :math:`A^T \gamma = \mathrm{Re}\, \mathcal F^{-1} D^* \mathcal F
    R^T \gamma`. No singular value is larger than 1.

    Parameters
    ----------
    shape : tuple of int
        The shape of the field, ``(ny, nx)``.
    padded : tuple of int
        The shape of the periodic grid, at least that of the field along each axis.
    dtype : {"float64", "float32"}
        The precision.

    Raises
    ------
    ValueError
        If the periodic grid is smaller than the field along an axis.

    References
    ----------
    Kaiser & Squires 1993, ApJ 404, 441.
    """

    def __init__(
        self, shape: tuple[int, int], padded: tuple[int, int], dtype: str = "float64"
    ) -> None:
        if any(n > m for n, m in zip(shape, padded, strict=True)):
            raise ParameterError(
                "padded", f"at least the shape of the field {shape} (ny, nx)", str(padded)
            )
        self.shape, self.padded = shape, padded
        self.dtype = np.dtype(dtype)
        self._complex = np.result_type(self.dtype, np.complex64)
        kernel = shear_kernel(padded)[:, : padded[1] // 2 + 1]
        self._components = [part.astype(self.dtype) for part in (kernel.real, kernel.imag)]
        self._workers = n_threads(padded[0] * padded[1])

    def as_shear(self, gamma: ArrayLike) -> np.ndarray:
        """Return a shear field as a complex array in the precision of the transforms."""
        return np.asarray(gamma).astype(self._complex, copy=False)

    def modes(self, field: np.ndarray) -> np.ndarray:
        """Return the Fourier modes of a real field, zero-padded to the periodic grid.

        Parameters
        ----------
        field : `numpy.ndarray`
            The field, ``(ny, nx)`` of the field or of the periodic grid.

        Returns
        -------
        `numpy.ndarray`
            The modes with a frequency of at least 0 along x, ``(ny, nx // 2 + 1)`` of the periodic
            grid.
        """
        rows = scipy.fft.rfft(field, self.padded[1], axis=1, workers=self._workers)
        return scipy.fft.fft(
            rows, self.padded[0], axis=0, workers=self._workers, overwrite_x=True
        )

    def field(self, modes: np.ndarray, *, whole: bool = True) -> np.ndarray:
        """Return the real field of the modes, which are overwritten.

        Parameters
        ----------
        modes : `numpy.ndarray`
            The modes, as returned by `modes`.
        whole : bool
            Whether to return the periodic grid, or else the field alone.

        Returns
        -------
        `numpy.ndarray`
            The field, ``(ny, nx)``.
        """
        ny, nx = self.padded if whole else self.shape
        rows = scipy.fft.ifft(modes, axis=0, workers=self._workers, overwrite_x=True)[:ny]
        return scipy.fft.irfft(rows, self.padded[1], axis=1, workers=self._workers)[:, :nx]

    def shear(self, modes: np.ndarray) -> np.ndarray:
        """Return the shear of a convergence on the pixels of the field.

        Parameters
        ----------
        modes : `numpy.ndarray`
            The modes of the convergence.

        Returns
        -------
        `numpy.ndarray`
            The shear in the basis of the pixel axes, complex, ``(ny, nx)``.
        """
        gamma = np.empty(self.shape, self._complex)
        gamma.real, gamma.imag = (
            self.field(part * modes, whole=False) for part in self._components
        )
        return gamma

    def adjoint(self, gamma: np.ndarray) -> np.ndarray:
        """Return the modes of the adjoint of `shear` for a shear field.

        Parameters
        ----------
        gamma : `numpy.ndarray`
            A complex shear field, ``(ny, nx)``.

        Returns
        -------
        `numpy.ndarray`
            The modes of :math:`A^T \\gamma`, whose field is real.
        """
        result = self.modes(np.ascontiguousarray(gamma.real))
        result *= self._components[0]
        other = self.modes(np.ascontiguousarray(gamma.imag))
        other *= self._components[1]
        result += other
        return result
