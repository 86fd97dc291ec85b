# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Intrinsic ellipticities of galaxies, and the ellipticities observed after lensing."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import gammainc

from lensmap.utils import as_generator, check_number

if TYPE_CHECKING:
    from lensmap.typing import RNGLike

__all__ = ["IntrinsicEllipticities", "compose"]

# The widest truncated Gaussian is a uniform distribution on the unit disk, with a dispersion of 0.5
# per component. There, the width of the Gaussian diverges.
_MAX_SIGMA = 0.49

# The number of terms in the series of `variance_factor`. The moments fall fast, and the factor
# (1 - h^2)^2 suppresses the remaining terms for h near 1.
_N_TERMS = 60


class IntrinsicEllipticities:
    r"""Isotropic distribution of ellipticities: a two-dimensional Gaussian truncated at modulus 1.

    The modulus of an ellipticity, :math:`|e| = (a - b) / (a + b)`, is always below 1. The width of
    the Gaussian is chosen so that the dispersion after truncation is ``sigma_e``.

    Parameters
    ----------
    sigma_e : float
        The dispersion per component after truncation, above 0 and at most 0.49.

    Attributes
    ----------
    sigma_e : float
        The dispersion per component after truncation.
    width : float
        The dispersion per component before truncation. It is at least ``sigma_e``.

    Raises
    ------
    TypeError
        If ``sigma_e`` is not a number.
    ValueError
        If ``sigma_e`` is out of range.

    Examples
    --------
    >>> from lensmap.simulate import IntrinsicEllipticities
    >>> e = IntrinsicEllipticities(0.24).draw(4, rng=1)
    >>> e.shape, bool(abs(e).max() < 1)
    ((4,), True)
    """

    def __init__(self, sigma_e: float) -> None:
        allowed = f"above 0 and at most {_MAX_SIGMA} per component"
        check_number(sigma_e, "sigma_e", allowed, low=np.finfo(float).tiny, high=_MAX_SIGMA)
        self.sigma_e = float(sigma_e)
        self.width = brentq(
            lambda width: np.sqrt(_moment(width, 1) / 2) - self.sigma_e, self.sigma_e / 2, 10.0
        )
        # Half the squared modulus at which the Gaussian is truncated, in units of the squared
        # width.
        self._cut = 1 / (2 * self.width**2)

    def moment(self, k: int) -> float:
        r"""Return the mean of :math:`|e|^{2k}` over the distribution of intrinsic ellipticities e.

        Parameters
        ----------
        k : int
            Half the power of the modulus, 0 or more.

        Returns
        -------
        float
            The moment. For k = 1, it is twice the square of ``sigma_e``.
        """
        return _moment(self.width, k)

    def draw(self, size: int, rng: RNGLike = None) -> np.ndarray:
        """Draw random intrinsic ellipticities of galaxies.

        Parameters
        ----------
        size : int
            The number of galaxies.
        rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
            Seed or generator. None draws a new seed in each call.

        Returns
        -------
        `numpy.ndarray`
            Complex ellipticities with moduli below 1, ``(size,)``.
        """
        generator = as_generator(rng)
        # The squared modulus has a truncated exponential distribution, which is drawn by inversion.
        probability = -np.expm1(-self._cut)
        modulus = np.sqrt(-np.log1p(-probability * generator.random(size)) / self._cut)
        angle = 2 * np.pi * generator.random(size)
        # Rounding may give a modulus of 1, which no ellipse has.
        return np.minimum(modulus, 1 - 1e-12) * (np.cos(angle) + 1j * np.sin(angle))

    def variance_factor(self, g_squared: ArrayLike) -> np.ndarray:
        r"""Return the ratio of the variances of ellipticities with and without shear.

        The scatter of observed ellipticities around their mean is isotropic. With :math:`h = g` (or
        :math:`h = 1 / g^*` where :math:`|g| > 1`), its variance per component is

        .. math:: (1 - |h|^2)^2 \sum_{k \ge 0} |h|^{2k} \langle |e_s|^{2k + 2} \rangle / 2

        Here :math:`e_s` is the intrinsic ellipticity. The formula follows from the composition law
        of shear and ellipticity, :math:`e - h = e_s (1 - |h|^2) / (1 + h^* e_s)`.

        Parameters
        ----------
        g_squared : array_like
            The squared modulus of the reduced shear.

        Returns
        -------
        `numpy.ndarray`
            The variance in units of ``sigma_e**2``, with the same shape as ``g_squared``. It is 1
            without shear, and 0 for \|g\| = 1.
        """
        g_squared = np.asarray(g_squared)
        h_squared = np.where(g_squared > 1, 1 / np.maximum(g_squared, 1), g_squared)
        if g_squared.size < 1000:
            return self._factor(h_squared)
        return np.interp(h_squared, *self._table)

    @cached_property
    def _table(self):
        """A table of `variance_factor` for linear interpolation.

        A pair of arrays ``(513,)``: the squared reduced shear, and the ratio of the variances of
        ellipticities with and without this shear.
        """
        nodes = np.linspace(0, 1, 513)
        return nodes, self._factor(nodes)

    def _factor(self, h_squared):
        total = np.zeros(np.shape(h_squared))
        for k in range(_N_TERMS, -1, -1):
            total = total * h_squared + self.moment(k + 1)
        return (1 - h_squared) ** 2 * total / self.moment(1)


def _moment(width, k):
    """Return the mean of abs(e)^(2 k) over ellipticities e with a truncated Gaussian distribution.

    The Gaussian has the standard deviation ``width`` per component and is truncated at modulus 1.
    """
    cut = 1 / (2 * width**2)
    # The moment is a ratio of incomplete gamma functions, times 1 / cut^k. `gammainc` is
    # normalized, so the ratio of the complete gamma functions, k!, must be included.
    factorial = np.prod(np.arange(1.0, k + 1) / cut)
    return float(factorial * gammainc(k + 1, cut) / -np.expm1(-cut))


def compose(e_s: ArrayLike, g: ArrayLike) -> np.ndarray:
    r"""Apply a reduced shear to intrinsic ellipticities, without approximation.

    .. math:: e = \frac{e_s + g}{1 + g^* e_s} \quad (|g| \le 1), \qquad
              e = \frac{1 + g e_s^*}{e_s^* + g^*} \quad (|g| > 1)

    The mean over isotropic :math:`e_s` is g. Where :math:`|g| > 1`, images have negative parity,
    and the mean is :math:`1 / g^*`.

    Parameters
    ----------
    e_s : array_like
        Complex intrinsic ellipticities, with moduli ``(a - b) / (a + b)`` below 1.
    g : array_like
        Complex reduced shear, in the same basis as ``e_s``.

    Returns
    -------
    `numpy.ndarray`
        Complex observed ellipticities, with moduli below 1.

    References
    ----------
    Seitz & Schneider 1997, A&A 318, 687; Bartelmann & Schneider 2001, Phys. Rep. 340, 291, eq.
    4.12.
    """
    intrinsic, shear = np.broadcast_arrays(
        np.asarray(e_s, dtype=complex), np.asarray(g, dtype=complex)
    )
    e = np.asarray((intrinsic + shear) / (1 + np.conj(shear) * intrinsic))
    strong = np.abs(shear) > 1
    if np.any(strong):
        conjugate, shear = np.conj(intrinsic[strong]), shear[strong]
        e[strong] = (1 + shear * conjugate) / (conjugate + np.conj(shear))
    return e
