# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Covariance of shear profiles from large-scale structure (LSS) along the line of sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import j0, j1

from lensmap.cosmology import convergence_power
from lensmap.profiles._radii import as_angles, check_edges, check_lens_redshifts

if TYPE_CHECKING:
    from astropy.units import Quantity

    from lensmap.typing import CosmologyLike, RedshiftLike

__all__ = ["structure_covariance"]

# Multipoles at which the integral is evaluated. Higher multipoles do not contribute for rings of
# 0.1 arcmin or wider.
_ELL = np.geomspace(2.0, 3e5, 20_000)


def structure_covariance(
    bins: Quantity,
    *,
    z_lens: float | None = None,
    z_source: RedshiftLike,
    cosmology: CosmologyLike = None,
    power: str = "halofit",
) -> np.ndarray:
    r"""Compute the covariance of a tangential shear profile from large-scale structure.

    .. math:: C_{ij} = \int \frac{\ell\, d\ell}{2 \pi} C_\ell\,
              \bar J_2(\ell, i)\, \bar J_2(\ell, j)

    where :math:`\bar J_2` is the mean of the Bessel function :math:`J_2(\ell \theta)` over a ring.
    This is the noise from large-scale structure along the line of sight. It does not depend on the
    number of galaxies, and at large radii it exceeds shape noise. Matter correlated with the halo,
    such as filaments, is not included.

    Parameters
    ----------
    bins : `~astropy.units.Quantity`
        Edges of the rings in increasing order, ``(n_bins + 1,)``: angles, or proper lengths at the
        lens.
    z_lens : float or None
        The redshift of the lens; required if ``bins`` are lengths.
    z_source : float or `~lensmap.SourceRedshifts`
        The redshift of the source galaxies, or their distribution.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology, or its name as for `lensmap.cosmology.get_cosmology`. None is the default
        cosmology of lensmap.
    power : {"halofit", "camb"}
        What computes the matter power spectrum; see `lensmap.cosmology.nonlinear_power`.

    Returns
    -------
    `numpy.ndarray`
        The covariance of ``g_t`` around one position, ``(n_bins, n_bins)``. For a stack of
        positions far from each other, divide it by ``meta["n_effective_positions"]`` of the
        profile, which is the number of positions if all have the same weight.

    References
    ----------
    Hoekstra 2003, MNRAS 339, 1155, eq. 11; Schneider et al. 1998, MNRAS 296, 873.
    """
    bins = check_edges(bins)
    edges = as_angles(bins, check_lens_redshifts(z_lens, 1), 1, cosmology)[0]
    nodes = np.geomspace(_ELL[0], _ELL[-1], 300)
    spectrum = convergence_power(nodes, z_source, cosmology, power=power)
    spectrum = np.exp(np.interp(np.log(_ELL), np.log(nodes), np.log(spectrum)))
    x = _ELL * edges[:, np.newaxis]
    # The integral of x J2(x) is -x J1(x) - 2 J0(x), here shifted to 0 at the center.
    primitive = -x * j1(x) - 2 * (j0(x) - 1)
    means = 2 * np.diff(primitive, axis=0) / (np.diff(edges**2)[:, np.newaxis] * _ELL**2)
    weight = spectrum * _ELL**2 / (2 * np.pi) * np.gradient(np.log(_ELL))
    return (means * weight) @ means.T
