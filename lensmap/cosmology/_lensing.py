# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Lensing efficiency, critical surface density and lensing kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import constants
from astropy import units as u

from lensmap.cosmology._parameters import get_cosmology
from lensmap.cosmology._redshifts import SourceRedshifts, check_z_source
from lensmap.utils import ParameterError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lensmap.typing import CosmologyLike, RedshiftLike

__all__ = ["distance_ratio", "lensing_efficiency", "lensing_weight", "sigma_crit"]


def lensing_efficiency(
    z_lens: ArrayLike, z_source: RedshiftLike, cosmology: CosmologyLike = None
) -> float | np.ndarray:
    r"""Return the lensing efficiency, the mean of :math:`D_{ds} / D_s` over the sources.

    Sources in front of the lens count as 0.

    Parameters
    ----------
    z_lens : float or array_like
        The redshift of the lens, not negative; any shape.
    z_source : float or SourceRedshifts
        The redshift of the sources, or their distribution.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `get_cosmology`.

    Returns
    -------
    float or `numpy.ndarray`
        Between 0 and 1, of the shape of ``z_lens``.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used.

    References
    ----------
    Bartelmann & Schneider 2001, Phys. Rep. 340, 291, eq. 6.19.
    """
    cosmology = get_cosmology(cosmology, structure=False)
    z_source = check_z_source(z_source)
    z_lens = np.asarray(z_lens, dtype=float)
    if not np.all(np.isfinite(z_lens)) or np.any(z_lens < 0):
        raise ParameterError("z_lens", "finite and not negative", str(z_lens))
    if isinstance(z_source, SourceRedshifts):
        # The density is linear between the points of its table. Finer nodes resolve the ratio,
        # which has a kink at the lens.
        nodes = np.unique(np.concatenate([z_source.z, np.linspace(z_source.z[0], z_source.z[-1],
                                                                  2001)]))
        weight = np.interp(nodes, z_source.z, z_source.pdf)
        weight *= np.gradient(nodes)
        weight[[0, -1]] /= 2  # trapezoids
        weight /= weight.sum()
        # Sources at redshift 0 are not lensed, but count in the mean.
        behind = nodes > 0
        sources, weight = nodes[behind], weight[behind]
    else:
        sources, weight = np.array([z_source]), np.ones(1)
    ratio = distance_ratio(z_lens.ravel(), sources, cosmology)
    result = (ratio @ weight).reshape(z_lens.shape)
    return float(result) if result.ndim == 0 else result


def distance_ratio(
    z_lens: ArrayLike, z_source: ArrayLike, cosmology: CosmologyLike = None
) -> np.ndarray:
    r"""Return :math:`D_{ds} / D_s` of lenses and sources, 0 for sources in front of the lens.

    Parameters
    ----------
    z_lens : array_like
        Redshifts of the lenses, ``(n_lens,)``.
    z_source : array_like
        Redshifts of the sources, ``(n_source,)``, positive.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `get_cosmology`.

    Returns
    -------
    `numpy.ndarray`
        ``(n_lens, n_source)``.

    References
    ----------
    Hogg 1999, arXiv:astro-ph/9905116, eq. 19.
    """
    flrw = get_cosmology(cosmology, structure=False)
    d_lens, d_source = (
        flrw.comoving_transverse_distance(np.asarray(z, dtype=float)).to_value(u.Mpc)
        for z in (z_lens, z_source)
    )
    d_lens = d_lens[..., np.newaxis]
    curvature = float(flrw.Ok0) / flrw.hubble_distance.to_value(u.Mpc) ** 2
    between = d_source * np.sqrt(1 + curvature * d_lens**2) - d_lens * np.sqrt(
        1 + curvature * d_source**2
    )
    return np.clip(between, 0.0, None) / d_source


def sigma_crit(
    z_lens: ArrayLike, z_source: RedshiftLike, cosmology: CosmologyLike = None
) -> u.Quantity:
    r"""Return the critical surface density.

    .. math:: \Sigma_\mathrm{cr} = \frac{c^2}{4 \pi G} \frac{D_s}{D_d D_{ds}}

    For a distribution of sources, it is the inverse of the mean of :math:`1 / \Sigma_\mathrm{cr}`,
    to which their mean shear is proportional. Sources in front of the lens count as 0.

    Parameters
    ----------
    z_lens : float or array_like
        The redshift of the lens, positive; any shape.
    z_source : float or SourceRedshifts
        The redshift of the sources, or their distribution.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `get_cosmology`.

    Returns
    -------
    `~astropy.units.Quantity`
        Solar masses per square proper Mpc, of the shape of ``z_lens``.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or no source is behind the lens.

    References
    ----------
    Bartelmann & Schneider 2001, Phys. Rep. 340, 291, eq. 3.7.

    Examples
    --------
    >>> from lensmap.cosmology import sigma_crit
    >>> print(f"{sigma_crit(0.3, 1.0):.3e}")
    2.835e+15 solMass / Mpc2
    """
    flrw = get_cosmology(cosmology, structure=False)
    z = np.asarray(z_lens, dtype=float)
    if not np.all(np.isfinite(z)) or np.any(z <= 0):
        raise ParameterError("z_lens", "positive and finite", str(z_lens))
    if z.size == 0:
        return np.zeros(z.shape) * u.solMass / u.Mpc**2
    efficiency = lensing_efficiency(z, z_source, flrw)
    if np.any(np.asarray(efficiency) <= 0):
        raise ParameterError(
            "z_lens", "lower than {z_source}", str(z_lens), f"{{z_source}} is {z_source}"
        )
    distance = flrw.angular_diameter_distance(z)
    value = constants.c**2 / (4 * np.pi * constants.G * distance * efficiency)
    return value.to(u.solMass / u.Mpc**2)


def lensing_weight(
    z_lens: ArrayLike, z_source: RedshiftLike, cosmology: CosmologyLike = None
) -> float | np.ndarray:
    r"""Return the lensing kernel of the convergence in the Born approximation.

    .. math:: W(\chi) = \frac{3 H_0^2 \Omega_m}{2 c^2} (1 + z)\, f_K(\chi)\,
              \left\langle \frac{f_K(\chi_s - \chi)}{f_K(\chi_s)} \right\rangle ,
              \qquad \kappa = \int W(\chi)\, \delta\, \mathrm{d}\chi

    Parameters
    ----------
    z_lens : float or array_like
        The redshift of the matter; any shape.
    z_source : float or SourceRedshifts
        The redshift of the sources, or their distribution.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `get_cosmology`.

    Returns
    -------
    float or `numpy.ndarray`
        The weight W per comoving length, 1/Mpc, of the shape of ``z_lens``.

    References
    ----------
    Bartelmann & Schneider 2001, Phys. Rep. 340, 291, eq. 6.18-6.19.
    """
    flrw = get_cosmology(cosmology, structure=False)
    hubble = (flrw.H0 / constants.c).to_value(1 / u.Mpc)
    z = np.asarray(z_lens, dtype=float)
    distance = flrw.comoving_transverse_distance(z).to_value(u.Mpc)
    efficiency = lensing_efficiency(z, z_source, flrw)
    return 1.5 * hubble**2 * float(flrw.Om0) * (1 + z) * distance * efficiency
