# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Ellipticities of galaxies: those that they are born with, and what a shear makes of them."""

from functools import cached_property

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammainc

from lensmap.utils import as_generator, check_number

__all__ = ["IntrinsicEllipticities", "compose"]

# Uniform on the unit disc, the widest distribution of this family, has 0.5 per component; just
# below, the parameter runs off to infinity.
_MAX_SIGMA = 0.49


class IntrinsicEllipticities:
    r"""Isotropic ellipticities: a two-dimensional Gaussian that ends at modulus 1.

    An ellipticity :math:`|e| = (a - b) / (a + b)` is below 1. The width of the Gaussian before it
    is cut is chosen such that the dispersion after it is what was asked for.

    Parameters
    ----------
    sigma_e : float
        The dispersion of each component, above 0 and at most 0.49.

    Attributes
    ----------
    sigma_e : float
        The same.
    width : float
        The dispersion per component of the Gaussian before it is cut, at least ``sigma_e``.

    Raises
    ------
    TypeError
        If ``sigma_e`` is no number.
    ValueError
        If it is out of range.

    Examples
    --------
    >>> from lensmap.simulate import IntrinsicEllipticities
    >>> e = IntrinsicEllipticities(0.24).draw(4, rng=1)
    >>> e.shape, bool(abs(e).max() < 1)
    ((4,), True)
    """

    def __init__(self, sigma_e):
        allowed = f"above 0 and at most {_MAX_SIGMA} per component"
        check_number(sigma_e, "sigma_e", allowed, low=np.finfo(float).tiny, high=_MAX_SIGMA)
        self.sigma_e = float(sigma_e)
        self.width = brentq(
            lambda width: np.sqrt(_moment(width, 1) / 2) - self.sigma_e, self.sigma_e / 2, 10.0
        )
        # Half the square of the largest modulus in units of the width: the cut.
        self._cut = 1 / (2 * self.width**2)

    def moment(self, k):
        r"""Return the mean of :math:`|e|^{2k}`.

        Parameters
        ----------
        k : int
            0 or more.

        Returns
        -------
        float
            The moment; for k of 1 twice the square of ``sigma_e``.
        """
        return _moment(self.width, k)

    def draw(self, size, rng=None):
        """Draw ellipticities.

        Parameters
        ----------
        size : int
            How many.
        rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
            The source of random numbers.

        Returns
        -------
        `numpy.ndarray`
            Complex128, ``(size,)``, of modulus below 1.
        """
        rng = as_generator(rng)
        # The square of the modulus is exponential, cut off: its distribution is inverted.
        below = -np.expm1(-self._cut)
        modulus = np.sqrt(-np.log1p(-below * rng.random(size)) / self._cut)
        angle = 2 * np.pi * rng.random(size)
        # Rounding may reach 1 where no ellipse is.
        return np.minimum(modulus, 1 - 1e-12) * (np.cos(angle) + 1j * np.sin(angle))

    def variance_factor(self, g_squared):
        r"""Return how the variance of sheared ellipticities depends on the shear.

        The scatter of the observed ellipticities about their mean stays isotropic, and with
        :math:`h = g` (or :math:`1 / g^*` where :math:`|g| > 1`) its variance per component is

        .. math:: (1 - |h|^2)^2 \sum_{k \ge 0} |h|^{2k} \langle |e_s|^{2k + 2} \rangle / 2

        which follows from the composition law: :math:`e - h = e_s (1 - |h|^2) / (1 + h^* e_s)`.

        Parameters
        ----------
        g_squared : array_like
            The square of the modulus of the reduced shear.

        Returns
        -------
        `numpy.ndarray`
            The variance in units of ``sigma_e**2``; 1 without shear, 0 for \|g\| of 1.
        """
        g_squared = np.asarray(g_squared)
        h_squared = np.where(g_squared > 1, 1 / np.maximum(g_squared, 1), g_squared)
        if g_squared.size < 1000:
            return self._factor(h_squared)
        return np.interp(h_squared, *self._table)

    @cached_property
    def _table(self):
        """Nodes, and the series summed there; between them it is nearly straight."""
        nodes = np.linspace(0, 1, 513)
        return nodes, self._factor(nodes)

    def _factor(self, h_squared):
        total = np.zeros(np.shape(h_squared))
        for k in range(_N_TERMS, -1, -1):
            total = total * h_squared + self.moment(k + 1)
        return (1 - h_squared) ** 2 * total / self.moment(1)


# Moments fall quickly, and (1 - h^2)^2 holds down what is left where h is near 1.
_N_TERMS = 60


def _moment(width, k):
    """Return the mean of |e|^(2 k) of a Gaussian of this width that ends at 1."""
    cut = 1 / (2 * width**2)
    # The ratio of incomplete gamma functions, times k! / cut^k from the complete ones.
    factorial = np.prod(np.arange(1.0, k + 1) / cut)
    return float(factorial * gammainc(k + 1, cut) / -np.expm1(-cut))


def compose(e_s, g):
    r"""Shear intrinsic ellipticities by a reduced shear, exactly.

    .. math:: e = \frac{e_s + g}{1 + g^* e_s} \quad (|g| \le 1), \qquad
              e = \frac{1 + g e_s^*}{e_s^* + g^*} \quad (|g| > 1)

    The mean over isotropic :math:`e_s` is g, or :math:`1 / g^*` where :math:`|g| > 1`: there the
    image is turned inside out.

    Parameters
    ----------
    e_s : array_like
        Complex intrinsic ellipticities ``(a - b) / (a + b)``, of modulus below 1.
    g : array_like
        Complex reduced shear, in the same basis.

    Returns
    -------
    `numpy.ndarray`
        Complex observed ellipticities, of modulus below 1.

    References
    ----------
    Seitz & Schneider 1997, A&A 318, 687; Bartelmann & Schneider 2001, Phys. Rep. 340, 291, eq.
    4.12.
    """
    e_s, g = np.broadcast_arrays(np.asarray(e_s, dtype=complex), np.asarray(g, dtype=complex))
    e = np.asarray((e_s + g) / (1 + np.conj(g) * e_s))
    strong = np.abs(g) > 1
    if np.any(strong):
        e_s, g = np.conj(e_s[strong]), g[strong]
        e[strong] = (1 + g * e_s) / (e_s + np.conj(g))
    return e
