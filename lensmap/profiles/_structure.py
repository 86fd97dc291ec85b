# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What other structure along the line of sight does to a shear profile."""

import numpy as np
from scipy.special import j0, j1

from lensmap.cosmology import convergence_power
from lensmap.profiles._radii import as_angles, check_edges, check_lens_redshifts

__all__ = ["structure_covariance"]

# Multipoles of the integral: beyond, nothing is added in rings of 0.1 arcmin and more.
_ELL = np.geomspace(2.0, 3e5, 20_000)


def structure_covariance(bins, *, z_lens=None, z_source, cosmology=None):
    r"""Return the covariance of a tangential shear profile from large-scale structure.

    .. math:: C_{ij} = \int \frac{\ell\, d\ell}{2 \pi} C_\ell\,
              \bar J_2(\ell, i)\, \bar J_2(\ell, j)

    where :math:`\bar J_2` is the mean of the Bessel function :math:`J_2(\ell \theta)` over a ring.
    It does not fall with the number of galaxies, and for clusters with much of it far out it
    exceeds shape noise. Matter that belongs to the halo, such as filaments, is not in it.

    Parameters
    ----------
    bins : `~astropy.units.Quantity`
        The edges of the rings, rising: angles, or proper lengths at the lens.
    z_lens : float or None
        The redshift of the lens; needed for lengths.
    z_source : float or `~lensmap.SourceRedshifts`
        The redshift of the galaxies, or their distribution.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.

    Returns
    -------
    `numpy.ndarray`
        ``(n_bins, n_bins)``, of ``g_t``, for one position; of n positions far apart, a part in n.

    References
    ----------
    Hoekstra 2003, MNRAS 339, 1155, eq. 11; Schneider et al. 1998, MNRAS 296, 873.
    """
    bins = check_edges(bins)
    edges = as_angles(bins, check_lens_redshifts(z_lens, 1), 1, cosmology)[0]
    table = np.geomspace(_ELL[0], _ELL[-1], 300)
    power = np.exp(np.interp(
        np.log(_ELL), np.log(table), np.log(convergence_power(table, z_source, cosmology))
    ))
    x = _ELL * edges[:, np.newaxis]
    # The integral of x J2(x) is -x J1(x) - 2 J0(x), and 0 at the center.
    primitive = -x * j1(x) - 2 * (j0(x) - 1)
    means = 2 * np.diff(primitive, axis=0) / (np.diff(edges**2)[:, np.newaxis] * _ELL**2)
    weight = power * _ELL**2 / (2 * np.pi) * np.gradient(np.log(_ELL))
    return (means * weight) @ means.T
