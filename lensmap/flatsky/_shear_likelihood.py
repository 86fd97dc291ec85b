# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Gaussian likelihoods of measured shear, with gradients: for shear, and for reduced shear."""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

__all__ = ["ReducedShearLikelihood", "ShearLikelihood"]

# The variance of the ellipticities vanishes at a reduced shear of 1 in each point, but not in a
# pixel, over which the shear varies: the smallest ratio of the variance to that without shear.
_MIN_FACTOR = 0.01

# The smallest modulus of the denominators 1 - kappa and gamma of the reduced shear.
_TINY = 1e-8


class ShearLikelihood:
    r"""The Gaussian likelihood of measured shear: half of :math:`\chi^2`.

    .. math:: L = \sum |\gamma - d|^2 / (2 \sigma^2)

    The sum is over pixels, :math:`d` is the measured and :math:`\gamma` the predicted shear.

    Parameters
    ----------
    shear : array_like
        The measured shear in the basis of the pixel axes, complex, ``(ny, nx)``, finite everywhere.
    variance : array_like
        The noise variance of each component, ``(ny, nx)``; infinite in pixels without data.
    dtype : {"float64", "float32"}
        The precision of the derivatives.
    """

    def __init__(
        self, shear: ArrayLike, variance: ArrayLike, dtype: DTypeLike = "float64"
    ) -> None:
        self._data = np.asarray(shear, dtype=np.result_type(dtype, np.complex64))
        self._inverse = (1.0 / np.asarray(variance, dtype=float)).astype(dtype)

    def evaluate(self, gamma: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the value and its gradient.

        Parameters
        ----------
        gamma : `numpy.ndarray`
            The predicted shear, complex, ``(ny, nx)``.

        Returns
        -------
        value : float
            Minus the logarithm of the likelihood, up to a constant.
        by_gamma : `numpy.ndarray`
            The derivatives by the two components of ``gamma``, as a complex array.
        """
        residual = gamma - self._data
        weighted = self._inverse * residual
        # The sum of many terms is made in double precision.
        square = np.einsum("ij,ij->i", weighted.real, residual.real)
        square += np.einsum("ij,ij->i", weighted.imag, residual.imag)
        return 0.5 * float(square.sum(dtype=float)), weighted

    def chi_square(self, gamma: np.ndarray, kappa: np.ndarray) -> float:
        """Return the sum of the squared residuals of both components in units of the variance.

        The predicted convergence, ``kappa``, is not used.
        """
        return 2 * self.evaluate(gamma)[0]


class ReducedShearLikelihood:
    r"""The Gaussian likelihood of mean ellipticities, which measure the reduced shear.

    .. math:: L = \sum \frac{|e - d|^2}{2 V} + \ln V , \qquad
              V = V_i (1 - |e|^2)^2 + V_m

    The sum is over pixels, and d is the measured mean ellipticity. The predicted ellipticity is
    :math:`e = \gamma / (1 - \kappa)` or, where its modulus is above 1, :math:`1 / e^*`. The
    intrinsic variance :math:`V_i` is lower for larger shears, the variance :math:`V_m` from
    measurement errors is not. The factor :math:`(1 - |e|^2)^2` is at least 0.01.

    Parameters
    ----------
    shear : array_like
        The measured mean ellipticity in the basis of the pixel axes, complex, ``(ny, nx)``.
    intrinsic, measurement : array_like
        The variances of each component without shear, ``(ny, nx)``. Their sum is infinite in pixels
        without data.

    References
    ----------
    Schneider & Seitz 1995, A&A 294, 411 (the mean ellipticity); Seitz, Schneider & Bartelmann 1998,
    A&A 337, 325 (the likelihood, with the variance of the lensed ellipticities).
    """

    def __init__(
        self,
        shear: ArrayLike,
        intrinsic: ArrayLike,
        measurement: ArrayLike,
        dtype: DTypeLike = "float64",
    ) -> None:
        self._real = np.dtype(dtype)
        intrinsic, measurement = (np.asarray(v, dtype=float) for v in (intrinsic, measurement))
        self._good = np.isfinite(intrinsic + measurement)
        self._data = np.asarray(shear, dtype=complex)[self._good]
        self._intrinsic, self._measurement = intrinsic[self._good], measurement[self._good]

    def evaluate(
        self, gamma: np.ndarray, kappa: np.ndarray
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the value and its gradient.

        Parameters
        ----------
        gamma : `numpy.ndarray`
            The predicted shear, complex, ``(ny, nx)``.
        kappa : `numpy.ndarray`
            The predicted convergence, ``(ny, nx)``.

        Returns
        -------
        value : float
            Minus the logarithm of the likelihood, up to a constant.
        by_gamma : `numpy.ndarray`
            The derivatives by the two components of ``gamma``, as a complex array.
        by_kappa : `numpy.ndarray`
            The derivatives by ``kappa``.
        """
        shear, contrast = gamma[self._good], 1 - kappa[self._good]
        contrast = np.where(np.abs(contrast) < _TINY, _TINY, contrast)
        e, strong = _mean_ellipticity(shear, contrast)
        variance, slope = self._variance(e)
        residual = e - self._data
        square = np.square(residual.real) + np.square(residual.imag)
        unlensed = self._intrinsic + self._measurement
        value = float(np.sum(square / (2 * variance) + np.log(variance / unlensed)))
        by_e = residual / variance + (1 - square / (2 * variance)) / variance * slope * e
        conjugate = np.conj(np.where(strong, shear, 1.0))
        by_shear = np.where(
            strong, -contrast * np.conj(by_e) / conjugate**2, by_e / contrast
        )
        by_contrast = np.where(
            strong, (np.conj(by_e) / conjugate).real, -(np.conj(by_e) * e).real / contrast
        )
        by_gamma = np.zeros(self._good.shape, np.result_type(self._real, np.complex64))
        by_kappa = np.zeros(self._good.shape, self._real)
        by_gamma[self._good], by_kappa[self._good] = by_shear, -by_contrast
        return value, by_gamma, by_kappa

    def chi_square(self, gamma: np.ndarray, kappa: np.ndarray) -> float:
        """Return the sum of the squared residuals of both components in units of the variance."""
        contrast = 1 - kappa[self._good]
        contrast = np.where(np.abs(contrast) < _TINY, _TINY, contrast)
        e, _ = _mean_ellipticity(gamma[self._good], contrast)
        variance, _ = self._variance(e)
        return float(np.sum(np.abs(e - self._data) ** 2 / variance))

    def _variance(self, e: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the variance, and the factor on e in its derivatives by the components of e."""
        square = np.square(e.real) + np.square(e.imag)
        factor = (np.square(1 - square) + _MIN_FACTOR) / (1 + _MIN_FACTOR)
        slope = -4 * (1 - square) / (1 + _MIN_FACTOR)
        return self._intrinsic * factor + self._measurement, self._intrinsic * slope


def _mean_ellipticity(
    shear: np.ndarray, contrast: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean ellipticity of galaxies, and where the reduced shear is above 1.

    ``contrast`` is 1 minus the convergence.
    """
    strong = np.abs(shear) > np.abs(contrast)
    e = np.where(strong, contrast, shear) / np.where(strong, np.conj(shear), contrast)
    return e, strong
