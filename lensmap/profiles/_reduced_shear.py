# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The excess surface density from shear, where galaxies have reduced shear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u

from lensmap.halos import NFWHalo
from lensmap.profiles._fit_data import reduced_shear
from lensmap.profiles._nfw_result import NFWFit, densities_of_fit
from lensmap.utils import ParameterError, ParameterTypeError

if TYPE_CHECKING:
    from astropy.table import QTable

__all__ = ["correct_reduced_shear"]

# The number of quadrature nodes for the means over each ring.
_N_RING_NODES = 8

# Lens redshifts that differ by less than this are treated as equal.
_REDSHIFT_TOLERANCE = 1e-3


def correct_reduced_shear(profile: QTable, halo: NFWFit | NFWHalo) -> QTable:
    r"""Correct the excess surface density of a profile from reduced shear to shear.

    Galaxies have the reduced shear :math:`\gamma_t / (1 - \kappa)`, so that the ``delta_sigma`` of
    `shear_profile` exceeds :math:`\bar\Sigma(<R) - \Sigma(R)`, by 5 per cent at 2 Mpc and 60 per
    cent at 0.1 Mpc for a halo of 1e15 solar masses. This function multiplies it by the ratio of
    both for a halo. `fit_nfw` models reduced shear, and needs no correction.

    Parameters
    ----------
    profile : `~astropy.table.QTable`
        The profile, as returned by `shear_profile`, with the column ``delta_sigma``.
    halo : NFWFit or `~lensmap.halos.NFWHalo`
        The halo whose convergence is used, such as that of a fit to the profile. A fit with
        ``miscentering`` corrects for the convergence about right and wrong centers. An error of the
        surface density of 10 per cent changes the correction by 10 per cent of itself.

    Returns
    -------
    `~astropy.table.QTable`
        A copy of the profile, in which ``delta_sigma``, its cross component, error and covariance
        are those of shear; ``g_t`` is still reduced shear. ``meta["delta_sigma_of"]`` is
        ``"shear"``.

    Raises
    ------
    TypeError
        If ``halo`` is not a fit or a halo.
    ValueError
        If ``profile`` has no excess surface density or is corrected already, or its lens redshift
        is not that of the halo.

    References
    ----------
    Seitz & Schneider 1997, A&A 318, 687; Johnston et al. 2007, arXiv:0709.1159.
    """
    if not isinstance(halo, (NFWFit, NFWHalo)):
        raise ParameterTypeError("halo", "an NFWFit or an NFWHalo", type(halo).__name__)
    if "delta_sigma" not in profile.colnames:
        raise ParameterError(
            "profile", "the column 'delta_sigma'",
            remedy="measure it with the redshifts of lenses and sources", verb="have",
        )
    if profile.meta.get("delta_sigma_of") != "reduced shear":
        raise ParameterError(
            "profile", "a delta_sigma of reduced shear",
            f"one of {profile.meta.get('delta_sigma_of')}", verb="have",
        )
    z_lens = float(np.ravel(halo.z_lens)[0])
    if abs(profile.meta["z_lens"] - z_lens) > _REDSHIFT_TOLERANCE:
        raise ParameterError(
            "halo", f"at the lens redshift of the profile, {profile.meta['z_lens']:g}",
            f"{z_lens:g}",
        )
    nodes, weights = np.polynomial.legendre.leggauss(_N_RING_NODES)
    low, high = profile["radius_low"] ** 2, profile["radius_high"] ** 2
    factor = np.ones(len(profile))
    for i, critical in enumerate(profile["sigma_crit_kappa"]):
        radius = np.sqrt(low[i] + (nodes + 1) / 2 * (high[i] - low[i]))
        shear, reduced = np.zeros((2, _N_RING_NODES))
        for fraction, sigma, excess in _densities(halo, radius):
            gamma, kappa = ((one / critical).to_value(u.one) for one in (excess, sigma))
            shear += fraction * gamma
            reduced += fraction * reduced_shear(gamma, kappa)
        factor[i] = np.dot(weights, shear) / np.dot(weights, reduced)
    result = profile.copy()
    for name in ("delta_sigma", "delta_sigma_x", "delta_sigma_err"):
        result[name] = profile[name] * factor
        result[name].info.format = profile[name].info.format
    if "covariance_delta_sigma" in profile.meta:
        matrix = np.array(profile.meta["covariance_delta_sigma"]) * np.outer(factor, factor)
        result.meta["covariance_delta_sigma"] = matrix.tolist()
    result.meta["delta_sigma_of"] = "shear"
    return result


def _densities(
    halo: NFWFit | NFWHalo, radius: u.Quantity
) -> list[tuple[float, u.Quantity, u.Quantity]]:
    """Return surface density and excess about each kind of center, as `densities_of_fit`."""
    if isinstance(halo, NFWFit):
        return densities_of_fit(halo, radius)
    sigma = halo.surface_density(radius)
    return [(1.0, sigma, halo.mean_surface_density(radius) - sigma)]
