# Licensed under a 3-clause BSD style license - see LICENSE.rst
r"""Radial filters of the aperture mass: Q for the tangential shear, and U for the convergence.

Radii x are in units of the aperture's radius R, and the filters in units of :math:`1/R^2`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import j0, j1

__all__ = [
    "ApertureFilter",
    "convergence_filter",
    "filter_transfer",
    "schirmer_filter",
    "schneider_filter",
    "tabulated_filter",
]

# The constants of the exponential cutoffs of Schirmer's filter at small and at large radii.
_INNER_OFFSET, _INNER_SLOPE = 6.0, 150.0
_OUTER_OFFSET, _OUTER_SLOPE = 47.0, 50.0

# The number of radii at which the integral of U is tabulated, of steps of other integrals over the
# aperture, and of multipoles of the table of a transform.
_N_RADII, _N_STEPS, _N_NODES = 8192, 4096, 1024


class ApertureFilter(NamedTuple):
    r"""A filter of the tangential shear in an aperture.

    Attributes
    ----------
    shear_weight : callable
        The function :math:`R^2 Q(x)` of the radius x, from 0 to 1. It takes and returns an array.
    template : callable or None
        The tangential shear :math:`\tau(x)` of the lens for which the result is 1. None if the
        result is the aperture mass, the integral of U times the convergence.
    """

    shear_weight: Callable[[np.ndarray], np.ndarray]
    template: Callable[[np.ndarray], np.ndarray] | None = None

    def weight(self, x: ArrayLike) -> np.ndarray:
        """Return the weight of the tangential shear, which is 0 outside the aperture.

        Parameters
        ----------
        x : array_like
            Radii in units of the radius of the aperture.

        Returns
        -------
        `numpy.ndarray`
            The weight, with the same shape as ``x``.
        """
        x = np.asarray(x, dtype=float)
        return np.where(x <= 1, self.shear_weight(np.minimum(x, 1.0)), 0.0)

    def template_weight(self, x: ArrayLike) -> np.ndarray:
        """Return the weight times the template, which is 0 outside the aperture.

        Parameters
        ----------
        x : array_like
            Radii in units of the radius of the aperture.

        Returns
        -------
        `numpy.ndarray`
            The product, with the same shape as ``x``; 1 inside the aperture without a template.
        """
        x = np.asarray(x, dtype=float)
        if self.template is None:
            return (x <= 1).astype(float)
        return self.weight(x) * self.template(np.minimum(x, 1.0))

    @property
    def factor(self) -> float:
        r"""The factor of the weighted mean: :math:`\pi` for the aperture mass, 1 for a template.

        The result of the filter is this factor times the sum of w Q e_t, divided by the sum of w
        times `template_weight`, over the galaxies of the aperture.
        """
        return np.pi if self.template is None else 1.0

    def convergence_norm(self) -> float:
        r"""Return the integral over the aperture by which `convergence_filter` is divided.

        Returns
        -------
        float
            1 for the aperture mass. For a template, the integral of :math:`Q \tau`, so that the
            integral of U times the convergence is the result of the filter.
        """
        if self.template is None:
            return 1.0
        x = _midpoints()
        return float(2 * np.pi * np.mean(x * self.template_weight(x)))


def schneider_filter(order: int = 1) -> ApertureFilter:
    r"""Return the polynomial filter of Schneider.

    .. math:: R^2 Q(x) = \frac{(1 + l) (2 + l)}{\pi} x^2 (1 - x^2)^l, \qquad
              R^2 U(x) = \frac{(2 + l)^2}{\pi} (1 - x^2)^l \left(\frac{1}{2 + l} - x^2\right)

    Parameters
    ----------
    order : int
        The order l, at least 1.

    Returns
    -------
    ApertureFilter
        The filter. Its result is the aperture mass.

    References
    ----------
    Schneider 1996, MNRAS 283, 837; Schneider et al. 1998, MNRAS 296, 873, eq. 16 and 17.
    """
    scale = (1 + order) * (2 + order) / np.pi

    def weight(x: np.ndarray) -> np.ndarray:
        square = x * x
        return scale * square * (1 - square) ** order

    return ApertureFilter(weight)


def schirmer_filter(x_c: float = 0.12) -> ApertureFilter:
    r"""Return the filter of Schirmer, which resembles the shear of an NFW halo.

    .. math:: R^2 Q(x) = \frac{\tanh(x / x_c)}{x / x_c}
              \frac{1}{1 + e^{6 - 150 x} + e^{50 x - 47}}

    Parameters
    ----------
    x_c : float
        The radius in units of R beyond which the filter falls like 1/x.

    Returns
    -------
    ApertureFilter
        The filter. Its result is 1 for tangential shear that equals the filter.

    References
    ----------
    Schirmer et al. 2007, A&A 462, 875, eq. 5; Hetterscheidt et al. 2005, A&A 442, 43 (x_c).
    """

    def weight(x: np.ndarray) -> np.ndarray:
        scaled = np.maximum(x, 1e-12) / x_c
        cutoffs = 1 + np.exp(_INNER_OFFSET - _INNER_SLOPE * x)
        cutoffs += np.exp(_OUTER_SLOPE * x - _OUTER_OFFSET)
        return np.tanh(scaled) / scaled / cutoffs

    return ApertureFilter(weight, weight)


def tabulated_filter(x: np.ndarray, weight: np.ndarray, template: np.ndarray) -> ApertureFilter:
    """Return a filter that is linearly interpolated in a table.

    Parameters
    ----------
    x : `numpy.ndarray`
        Increasing radii from 0 to 1, in units of the radius of the aperture, ``(n,)``.
    weight, template : `numpy.ndarray`
        The weight of the tangential shear, and the shear of the lens for which the result is 1, at
        these radii, ``(n,)``.

    Returns
    -------
    ApertureFilter
        The filter.
    """
    return ApertureFilter(
        lambda at: np.interp(at, x, weight), lambda at: np.interp(at, x, template)
    )


def convergence_filter(filter: ApertureFilter, x: ArrayLike) -> np.ndarray:
    r"""Return the filter of the convergence that belongs to a filter of the tangential shear.

    .. math:: U(x) = 2 \int_x^1 \frac{Q(x')}{x'} dx' - Q(x)

    The integral of U over the aperture is 0 for any Q. For filters with a template, U is divided by
    the integral of Q times the template, so that the integral of U times the convergence is the
    result of the filter.

    Parameters
    ----------
    filter : ApertureFilter
        The filter of the tangential shear.
    x : array_like
        Radii in units of the radius of the aperture, above 0.

    Returns
    -------
    `numpy.ndarray`
        :math:`R^2 U(x)`, with the same shape as ``x``; 0 outside the aperture.

    References
    ----------
    Schneider 1996, MNRAS 283, 837, eq. 13 (its inverse).
    """
    x = np.asarray(x, dtype=float)
    # The integral over ln x, so that steps are short where Q changes at small radii.
    ln_nodes = np.linspace(np.log(1e-5), 0.0, _N_RADII)
    values = filter.weight(np.exp(ln_nodes))
    steps = 0.5 * (values[1:] + values[:-1]) * np.diff(ln_nodes)
    inside = np.concatenate([np.cumsum(steps[::-1])[::-1], [0.0]])
    integral = np.interp(np.log(np.clip(x, 1e-5, 1.0)), ln_nodes, inside)
    result = np.where(x <= 1, 2 * integral - filter.weight(x), 0.0)
    return result / filter.convergence_norm()


def filter_transfer(filter: ApertureFilter, ell_radius: ArrayLike) -> np.ndarray:
    r"""Return the response of a filter to a plane wave of the convergence.

    .. math:: \hat U(\ell R) = 2 \pi \int_0^1 x Q(x)\, J_2(\ell R x)\, dx

    Parameters
    ----------
    filter : ApertureFilter
        The filter of the tangential shear.
    ell_radius : array_like
        Multipoles times the radius of the aperture in radians; any shape.

    Returns
    -------
    `numpy.ndarray`
        The amplitude of the filtered map divided by that of the convergence, with the same shape as
        ``ell_radius``.
    """
    k = np.asarray(ell_radius, dtype=float)
    x = _midpoints()
    weights = 2 * np.pi * x * filter.weight(x) / filter.convergence_norm() / len(x)
    nodes = np.linspace(0.0, max(float(k.max(initial=0.0)), 1.0), _N_NODES)
    table = np.zeros(_N_NODES)
    for i, node in enumerate(nodes[1:], 1):
        z = node * x
        table[i] = np.sum(weights * (2 * j1(z) / z - j0(z)))
    return np.interp(k, nodes, table)


def _midpoints() -> np.ndarray:
    """Return the midpoints of equal steps from 0 to 1."""
    return (np.arange(_N_STEPS) + 0.5) / _N_STEPS
