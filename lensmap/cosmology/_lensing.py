# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How strongly matter at one redshift lenses sources at another."""

import numpy as np
from astropy import constants
from astropy import units as u

from lensmap.cosmology._parameters import get_cosmology
from lensmap.cosmology._redshifts import SourceRedshifts, check_z_source

__all__ = ["distance_ratio", "lensing_efficiency", "lensing_weight", "sigma_crit"]


def lensing_efficiency(z_lens, z_source, cosmology=None):
    r"""Return the mean of :math:`D_{ds} / D_s` over the sources, 0 for those in front of the lens.

    Parameters
    ----------
    z_lens : float or array_like
        The redshift of the lens, not negative.
    z_source : float or SourceRedshifts
        The redshift of the sources, or their distribution.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `get_cosmology`.

    Returns
    -------
    float or `numpy.ndarray`
        Between 0 and 1, of the shape of ``z_lens``.

    References
    ----------
    Bartelmann & Schneider 2001, Phys. Rep. 340, 291, eq. 6.19.
    """
    cosmology = get_cosmology(cosmology, structure=False)
    z_source = check_z_source(z_source)
    z_lens = np.asarray(z_lens, dtype=float)
    if not np.all(np.isfinite(z_lens)) or np.any(z_lens < 0):
        raise ValueError(f"z_lens must be finite and not negative, not {z_lens}")
    if isinstance(z_source, SourceRedshifts):
        # Between points of its table the density is linear; the ratio is smooth but for its
        # start at the lens, and a finer table meets that.
        fine = np.unique(np.concatenate([z_source.z, np.linspace(z_source.z[0], z_source.z[-1],
                                                                 2001)]))
        weight = np.interp(fine, z_source.z, z_source.pdf)
        weight *= np.gradient(fine)  # in steps of the index
        weight[[0, -1]] /= 2  # trapezoids
        weight /= weight.sum()
        behind = fine > 0  # sources at redshift 0 count, but nothing lenses them
        sources, weight = fine[behind], weight[behind]
    else:
        sources, weight = np.array([z_source]), np.ones(1)
    ratio = distance_ratio(z_lens.ravel(), sources, cosmology)
    result = (ratio @ weight).reshape(z_lens.shape)
    return float(result) if result.ndim == 0 else result


def distance_ratio(z_lens, z_source, cosmology=None):
    r"""Return :math:`D_{ds} / D_s` of many lenses and many sources, 0 for sources in front.

    Parameters
    ----------
    z_lens : array_like
        Redshifts of lenses, ``(n_lens,)``.
    z_source : array_like
        Redshifts of sources, ``(n_source,)``, positive.
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
    cosmology = get_cosmology(cosmology, structure=False)
    z_lens, z_source = (np.asarray(z, dtype=float) for z in (z_lens, z_source))
    d_lens, d_source = (
        cosmology.comoving_transverse_distance(z).to_value(u.Mpc)[..., np.newaxis]
        for z in (z_lens, z_source)
    )
    d_source = d_source.T
    curvature = float(cosmology.Ok0) / cosmology.hubble_distance.to_value(u.Mpc) ** 2
    between = d_source * np.sqrt(1 + curvature * d_lens**2) - d_lens * np.sqrt(
        1 + curvature * d_source**2
    )
    return np.clip(between, 0.0, None) / d_source


def sigma_crit(z_lens, z_source, cosmology=None):
    r"""Return the critical surface density.

    .. math:: \Sigma_\mathrm{cr} = \frac{c^2}{4 \pi G} \frac{D_s}{D_d D_{ds}}

    For a distribution of sources it is the inverse of the mean of the inverse, since that is
    what their mean shear measures; sources in front of the lens count with 0.

    Parameters
    ----------
    z_lens : float or array_like
        The redshift of the lens, positive.
    z_source : float or SourceRedshifts
        The redshift of the sources, or their distribution.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `get_cosmology`.

    Returns
    -------
    `~astropy.units.Quantity`
        In solar masses per square (proper) Mpc, of the shape of ``z_lens``.

    Raises
    ------
    ValueError
        If no source is behind the lens.

    References
    ----------
    Bartelmann & Schneider 2001, Phys. Rep. 340, 291, eq. 3.7.

    Examples
    --------
    >>> from lensmap.cosmology import sigma_crit
    >>> print(f"{sigma_crit(0.3, 1.0):.3e}")
    2.835e+15 solMass / Mpc2
    """
    cosmology = get_cosmology(cosmology, structure=False)
    z = np.asarray(z_lens, dtype=float)
    if not np.all(np.isfinite(z)) or np.any(z <= 0):
        raise ValueError(f"z_lens must be positive and finite, not {z_lens}")
    if z.size == 0:
        return np.zeros(z.shape) * u.solMass / u.Mpc**2
    efficiency = lensing_efficiency(z, z_source, cosmology)
    if np.any(np.asarray(efficiency) <= 0):
        raise ValueError(f"z_lens must be lower than z_source: {z_lens} and {z_source}")
    distance = cosmology.angular_diameter_distance(z)
    value = constants.c**2 / (4 * np.pi * constants.G * distance * efficiency)
    return value.to(u.solMass / u.Mpc**2)


def lensing_weight(z_lens, z_source, cosmology=None):
    r"""Return what a density contrast adds to the convergence per comoving length (Born).

    .. math:: W(\chi) = \frac{3 H_0^2 \Omega_m}{2 c^2} (1 + z)\, f_K(\chi)\,
              \left\langle \frac{f_K(\chi_s - \chi)}{f_K(\chi_s)} \right\rangle ,
              \qquad \kappa = \int W(\chi)\, \delta\, \mathrm{d}\chi

    Parameters
    ----------
    z_lens : float or array_like
        The redshift of the matter.
    z_source : float or SourceRedshifts
        The redshift of the sources, or their distribution.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `get_cosmology`.

    Returns
    -------
    float or `numpy.ndarray`
        In 1/Mpc (comoving), of the shape of ``z_lens``.

    References
    ----------
    Bartelmann & Schneider 2001, Phys. Rep. 340, 291, eq. 6.18-6.19.
    """
    cosmology = get_cosmology(cosmology, structure=False)
    hubble = (cosmology.H0 / constants.c).to_value(1 / u.Mpc)
    z = np.asarray(z_lens, dtype=float)
    distance = cosmology.comoving_transverse_distance(z).to_value(u.Mpc)
    efficiency = lensing_efficiency(z, z_source, cosmology)
    return 1.5 * hubble**2 * float(cosmology.Om0) * (1 + z) * distance * efficiency
