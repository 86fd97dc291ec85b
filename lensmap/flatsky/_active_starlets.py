# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ActiveStarlets`: the starlet coefficients of a convergence that stand out of the noise."""

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike
from scipy.ndimage import distance_transform_edt

from lensmap.flatsky._periodic_shear import PeriodicShear
from lensmap.flatsky._starlet import Starlet
from lensmap.utils import ParameterError

__all__ = ["ActiveStarlets"]


class ActiveStarlets:
    r"""Starlet scales of a convergence, with the local noise that weighted shear has in them.

    The coefficients of scale j are :math:`T_j A^T (u \gamma)` for the shear :math:`\gamma`, whose
    pixels have the factors u. They are active where they are positive and high above their noise.
    A step along the active coefficients is

    .. math:: \sum_j T_j^T M_j T_j\, x

    with the masks :math:`M_j` of active coefficients. This operator is symmetric and has no
    eigenvalue above 1, since the filters of the scales add up to at most 1. Steps of less than
    twice the gradient of :math:`|\sqrt w (\gamma - A \kappa)|^2 / 2`, w at most 1, therefore never
    diverge. Reconstruction from masked coefficients, :math:`\sum_j M_j T_j x`, has no such bound.

    Parameters
    ----------
    lensing : PeriodicShear
        The convergence and the shear. The starlets are periodic on the periodic grid.
    scales : tuple of int
        The first and the last scale. Scale j has structures of some :math:`2^j` pixels.

    Raises
    ------
    ValueError
        If the first scale is above the last scale, or the last scale is wider than the grid.

    References
    ----------
    Starck, Fadili & Murtagh 2007, IEEE Trans. Image Process. 16, 297 (starlets); Lanusse et al.
    2016, A&A 591, A2, sect. 3 (sparse mass maps); Starck et al. 2021, A&A 649, A99, sect. 4 (active
    coefficients).
    """

    def __init__(self, lensing: PeriodicShear, scales: tuple[int, int]) -> None:
        self.first, self.last = scales
        if not 0 <= self.first <= self.last:
            raise ParameterError("scales", "two numbers from 0 in increasing order", str(scales))
        self._lensing = lensing
        self._starlet = Starlet(lensing.padded, self.last + 1, boundary="periodic")

    @property
    def n_scales(self) -> int:
        """The number of scales."""
        return self.last - self.first + 1

    def coefficients(self, field: np.ndarray) -> np.ndarray:
        """Return the coefficients of a field on the periodic grid.

        Parameters
        ----------
        field : `numpy.ndarray`
            The field, ``(ny, nx)``.

        Returns
        -------
        `numpy.ndarray`
            The coefficients of the scales, the finest first, ``(n_scales, ny, nx)``.
        """
        return self._starlet.transform(field)[self.first : -1]

    def noise(self, variance: ArrayLike) -> np.ndarray:
        r"""Return the noise of the coefficients of :math:`A^T n` for uncorrelated noise n.

        It is :math:`\sqrt{|k_j|^2 * \mathrm{variance}}` with the kernel :math:`k_j` of
        :math:`T_j A^T`, exact for uneven noise, at holes and at edges.

        Parameters
        ----------
        variance : array_like
            The variance of each component of n, ``(ny, nx)``, finite; 0 in pixels without data.

        Returns
        -------
        `numpy.ndarray`
            The standard deviations on the pixels of the field, ``(n_scales, ny, nx)``.
        """
        lensing = self._lensing
        (ny, nx), padded = lensing.shape, lensing.padded
        delta = np.zeros(lensing.shape, complex)
        delta[0, 0] = 1
        # The real and the imaginary part of the noise have orthogonal kernels.
        kernels = []
        for factor in (1, 1j):
            one = lensing.field(lensing.adjoint(factor * delta)).astype(float)
            kernels.append(self.coefficients(one))
        modes = scipy.fft.rfft2(np.asarray(variance, dtype=float), padded)
        result = np.empty((self.n_scales, ny, nx), lensing.dtype)
        for j, pair in enumerate(zip(*kernels, strict=True)):
            square = scipy.fft.rfft2(sum(np.square(kernel) for kernel in pair))
            square *= modes
            local = scipy.fft.irfft2(square, padded)[:ny, :nx]
            result[j] = np.sqrt(np.maximum(local, 0))
        return result

    def active(self, field: np.ndarray, noise: np.ndarray, threshold: float) -> np.ndarray:
        """Find the coefficients above a multiple of their noise.

        Parameters
        ----------
        field : `numpy.ndarray`
            The field on the periodic grid, ``(ny, nx)``.
        noise : `numpy.ndarray`
            The noise of the coefficients on the pixels of the field, as returned by `noise`.
        threshold : float
            The multiple of the noise.

        Returns
        -------
        `numpy.ndarray`
            True for active coefficients, bool, on the periodic grid, ``(n_scales, ny, nx)``. Those
            beyond the field are not active.
        """
        ny, nx = self._lensing.shape
        coefficients = self.coefficients(field)
        masks = np.zeros(coefficients.shape, dtype=bool)
        masks[:, :ny, :nx] = (coefficients[:, :ny, :nx] > threshold * noise) & (noise > 0)
        return masks

    def support(self, masks: np.ndarray) -> np.ndarray:
        """Return the pixels at active coefficients, which have the size of structures.

        Parameters
        ----------
        masks : `numpy.ndarray`
            The active coefficients, as returned by `active`.

        Returns
        -------
        `numpy.ndarray`
            True for pixels within :math:`2^j / 2` pixels of an active coefficient of scale j, bool,
            ``(ny, nx)`` of the periodic grid.
        """
        near = np.zeros(masks.shape[1:], dtype=bool)
        for scale, mask in enumerate(masks, start=self.first):
            if mask.any():
                # Mass left of the field lies at the right edge of the periodic grid.
                margin = max(2**scale // 2, 1)
                distance = distance_transform_edt(~np.pad(mask, margin, mode="wrap"))
                near |= distance[margin:-margin, margin:-margin] <= 2**scale / 2
        return near

    def project(self, field: np.ndarray, masks: np.ndarray) -> np.ndarray:
        r"""Return :math:`\sum_j T_j^T M_j T_j` times a field.

        Parameters
        ----------
        field : `numpy.ndarray`
            The field on the periodic grid, ``(ny, nx)``.
        masks : `numpy.ndarray`
            The active coefficients, as returned by `active`.

        Returns
        -------
        `numpy.ndarray`
            The field, ``(ny, nx)``.
        """
        coefficients = self._starlet.transform(field)
        coefficients[: self.first] = 0
        coefficients[self.first : -1] *= masks
        coefficients[-1] = 0
        return self._starlet.adjoint(coefficients)
