# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Lensing efficiency, critical surface density and lensing kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import constants
from astropy import units as u

from lensmap.cosmology._neutrinos import matter_density
from lensmap.cosmology._parameters import get_cosmology
from lensmap.cosmology._redshifts import SourceRedshifts, check_z_source
from lensmap.utils import ParameterError, check_plausible

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lensmap.typing import CosmologyLike, RedshiftLike

__all__ = ["distance_ratio", "lensing_efficiency", "lensing_weight", "sigma_crit"]


def lensing_efficiency(
    z_lens: ArrayLike, z_source: RedshiftLike, cosmology: CosmologyLike = None
) -> float | np.ndarray:
    r"""Return the lensing efficiency: the mean of :math:`D_{ds} / D_s` over the sources.

    The ratio is 0 for sources in front of the lens.

    Parameters
    ----------
    z_lens : float or array_like
        The redshifts of the lenses, 0 or larger; any shape.
    z_source : float or SourceRedshifts
        The redshift of the sources, or their redshift distribution.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See `get_cosmology`.

    Returns
    -------
    float or `numpy.ndarray`
        The lensing efficiency, between 0 and 1, with the same shape as ``z_lens``.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of range.

    References
    ----------
    Bartelmann & Schneider 2001, Phys. Rep. 340, 291, eq. 6.19.
    """
    cosmology = get_cosmology(cosmology, structure=False)
    z_source = check_z_source(z_source)
    z_lens = np.asarray(z_lens, dtype=float)
    invalid = ~np.isfinite(z_lens) | (z_lens < 0)
    if np.any(invalid):
        raise ParameterError("z_lens", "finite and at least 0", str(z_lens[invalid][0]))
    if isinstance(z_source, SourceRedshifts):
        # The redshift distribution is linear between its tabulated points. Finer nodes resolve
        # the distance ratio, which has a kink at the redshift of the lens.
        nodes = np.unique(np.concatenate([z_source.z, np.linspace(z_source.z[0], z_source.z[-1],
                                                                  2001)]))
        weight = np.interp(nodes, z_source.z, z_source.pdf)
        weight *= np.gradient(nodes)
        weight[[0, -1]] /= 2  # the trapezoidal rule
        weight /= weight.sum()
        # Sources at redshift 0 are not lensed, but count in the normalization of the mean.
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
    r"""Return the distance ratio :math:`D_{ds} / D_s` for each pair of a lens and a source.

    The ratio is 0 for sources in front of the lens.

    Parameters
    ----------
    z_lens : array_like
        Redshifts of the lenses, ``(n_lens,)``.
    z_source : array_like
        Redshifts of the sources, ``(n_source,)``, positive.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See `get_cosmology`.

    Returns
    -------
    `numpy.ndarray`
        The distance ratios, ``(n_lens, n_source)``.

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

    For a redshift distribution, :math:`1 / \Sigma_\mathrm{cr}` is averaged over the sources, and
    the inverse of this mean is returned, because the mean shear is proportional to the mean of
    :math:`1 / \Sigma_\mathrm{cr}`. Sources in front of the lens contribute 0 to the mean.

    Parameters
    ----------
    z_lens : float or array_like
        The redshifts of the lenses, positive; any shape.
    z_source : float or SourceRedshifts
        The redshift of the sources, or their redshift distribution.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See `get_cosmology`.

    Returns
    -------
    `~astropy.units.Quantity`
        The critical surface density in solar masses per square proper Mpc, with the same shape as
        ``z_lens``.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of range, or no source is behind the lens.

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
    invalid = ~np.isfinite(z) | (z <= 0)
    if np.any(invalid):
        raise ParameterError("z_lens", "positive and finite", str(z[invalid][0]))
    check_plausible(z, "z_lens", "a lens redshift")
    if z.size == 0:
        return np.zeros(z.shape) * u.solMass / u.Mpc**2
    efficiency = lensing_efficiency(z, z_source, flrw)
    unlensed = np.asarray(efficiency) <= 0
    if np.any(unlensed):
        raise ParameterError(
            "z_lens", "lower than {z_source}", str(z[unlensed][0]), f"{{z_source}} is {z_source}"
        )
    distance = flrw.angular_diameter_distance(z)
    value = constants.c**2 / (4 * np.pi * constants.G * distance * efficiency)
    return value.to(u.solMass / u.Mpc**2)


def lensing_weight(
    z_lens: ArrayLike, z_source: RedshiftLike, cosmology: CosmologyLike = None
) -> float | np.ndarray:
    r"""Return the lensing kernel, the weight of the density contrast in the convergence.

    In the Born approximation, the kernel W is

    .. math:: W(\chi) = \frac{3 H_0^2 \Omega_m}{2 c^2} (1 + z)\, f_K(\chi)\,
              \left\langle \frac{f_K(\chi_s - \chi)}{f_K(\chi_s)} \right\rangle ,
              \qquad \kappa = \int W(\chi)\, \delta\, \mathrm{d}\chi

    Here :math:`\chi` is the comoving distance to the lensing matter, :math:`\chi_s` that to the
    sources, :math:`f_K` the comoving angular diameter distance, and :math:`\delta` the density
    contrast. The mean is over the sources; sources in front of the matter contribute 0.
    :math:`\Omega_m` includes massive neutrinos (in astropy, ``Om0`` and ``Onu0``).

    Parameters
    ----------
    z_lens : float or array_like
        The redshifts of the lensing matter; any shape.
    z_source : float or SourceRedshifts
        The redshift of the sources, or their redshift distribution.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See `get_cosmology`.

    Returns
    -------
    float or `numpy.ndarray`
        The kernel W in 1/Mpc (comoving), with the same shape as ``z_lens``.

    References
    ----------
    Bartelmann & Schneider 2001, Phys. Rep. 340, 291, eq. 6.18-6.19.
    """
    flrw = get_cosmology(cosmology, structure=False)
    hubble = (flrw.H0 / constants.c).to_value(1 / u.Mpc)
    z = np.asarray(z_lens, dtype=float)
    distance = flrw.comoving_transverse_distance(z).to_value(u.Mpc)
    efficiency = lensing_efficiency(z, z_source, flrw)
    return 1.5 * hubble**2 * matter_density(flrw) * (1 + z) * distance * efficiency
