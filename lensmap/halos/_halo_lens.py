# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The convergence and shear of a round or elliptical halo with a tabulated profile."""

from __future__ import annotations

import numpy as np
from astropy import units as u

__all__ = ["HaloLens"]

# The Gauss-Legendre rule for the shear integral of an elliptical halo. The error of the shear is
# 1e-5 for an axis ratio of 1/2, 2e-4 for 1/4, and large for axis ratios below 1/6.
_ELLIPSE_NODES, _ELLIPSE_WEIGHTS = np.polynomial.legendre.leggauss(24)
_ELLIPSE_NODES, _ELLIPSE_WEIGHTS = (_ELLIPSE_NODES + 1) / 2, _ELLIPSE_WEIGHTS / 2


class HaloLens:
    r"""The convergence and shear of a halo, as functions of the offset from its center in pixels.

    Parameters
    ----------
    radius : `numpy.ndarray`
        Distances from the center in pixels, ``(n,)``, in increasing order.
    kappa, mean : `numpy.ndarray`
        The convergence of the round halo at each radius, and the mean convergence within that
        radius, ``(n,)``.
    ellipticity : float
        The ellipticity (a - b) / (a + b).
    angle : `~astropy.units.Quantity`
        The angle of the long axis, from +x to +y.

    Notes
    -----
    An elliptical halo is a sum of thin homoeoids (elliptical shells) with the same axes. A homoeoid
    deflects light only outside itself, in the same way as a confocal homoeoid of the same mass. Let
    :math:`z = x + i y` be the offset with x along the long axis, q the axis ratio,
    :math:`f^2 = 1/q - q`, :math:`w = q x + i y / q` and m the elliptical radius,
    :math:`m^2 = q x^2 + y^2 / q`. Then

    .. math:: \gamma^* = \kappa(m) \frac{w^*}{w} - z \left[ \frac{m^2 \bar\kappa(m)}{w^3}
              - 3 f^2 m^4 \int_0^1 \frac{\bar\kappa(m t)\, t^3}{(z^2 - f^2 m^2 t^2)^{5/2}}
              \mathrm{d}t \right] .

    References
    ----------
    Bourassa & Kantowski 1975, ApJ 195, 13; Bray 1984, MNRAS 208, 511.
    """

    def __init__(
        self,
        radius: np.ndarray,
        kappa: np.ndarray,
        mean: np.ndarray,
        ellipticity: float = 0.0,
        angle: u.Quantity = 0.0 * u.rad,
    ) -> None:
        self._ratio = (1 - ellipticity) / (1 + ellipticity)
        self._angle = float(angle.to_value(u.rad))
        self._log_radius, self._kappa, self._mean = np.log(radius), kappa, mean

    def __call__(self, dx: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the convergence and shear at offsets from the center.

        Parameters
        ----------
        dx, dy : `numpy.ndarray`
            Offsets in pixels, both with the same shape.

        Returns
        -------
        kappa, gamma : `numpy.ndarray`
            Convergence, and complex shear in the pixel basis. Within the smallest tabulated radius,
            the profiles are constant.
        """
        z = (dx + 1j * dy) * np.exp(-1j * self._angle)
        q = self._ratio
        m = np.maximum(np.sqrt(q * z.real**2 + z.imag**2 / q), 1e-12)
        log_m = np.log(m)
        kappa = np.interp(log_m, self._log_radius, self._kappa)
        mean = np.interp(log_m, self._log_radius, self._mean)
        if q == 1:
            gamma = (kappa - mean) * (z / m) ** 2
        else:
            gamma = self._elliptical(z, m, log_m, kappa, mean)
        return kappa, gamma * np.exp(2j * self._angle)

    def _elliptical(self, z, m, log_m, kappa, mean):
        z = np.where(np.abs(z) < 1e-12, 1e-12, z)
        q = self._ratio
        square = (1 / q - q) * m**2
        w = q * z.real + 1j * z.imag / q
        total = np.zeros(z.shape, dtype=complex)
        for t, weight in zip(_ELLIPSE_NODES, _ELLIPSE_WEIGHTS, strict=True):
            root = np.sqrt(z**2 - square * t**2)
            # Of the two branches of the root, take the one that tends to z for a round halo.
            root = np.where((root * z.conj()).real < 0, -root, root)
            inner = np.interp(log_m + np.log(t), self._log_radius, self._mean)
            total += weight * t**3 * inner / root**5
        gamma = kappa * w.conj() / w - z * m**2 * (mean / w**3 - 3 * square * total)
        return gamma.conj()
