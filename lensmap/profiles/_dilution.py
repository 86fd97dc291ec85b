# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Dilution of shear profiles by cluster members: boost factor and correction."""

from __future__ import annotations

import numpy as np
from astropy.table import QTable

from lensmap.utils import ParameterError, set_formats

__all__ = ["apply_boost", "boost_factor"]


def boost_factor(profile: QTable, reference: QTable) -> QTable:
    r"""Return the boost factor, the overdensity of sources about lenses.

    .. math:: B(R) = \frac{\sum w / N_\mathrm{lens}}{\sum w / N_\mathrm{random}}

    Cluster members among the sources are not lensed. They lower the shear by this factor.

    Parameters
    ----------
    profile : `~astropy.table.QTable`
        A profile of `shear_profile` about the lenses.
    reference : `~astropy.table.QTable`
        A profile with the same bins about random positions of the same survey, with the mask and
        the depth of the lenses. Magnification, and members that hide sources, also change the
        number of sources; the boost factor does not separate these effects from dilution.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin, with the columns ``radius_low``, ``radius_high``, ``boost`` and
        ``boost_err`` (Poisson).

    Raises
    ------
    ValueError
        If the bins differ.

    References
    ----------
    Sheldon et al. 2004, AJ 127, 2544, sec. 4.2.
    """
    names = ("radius_low", "radius_high")
    unit, reference_unit = (table["radius_low"].unit for table in (profile, reference))
    if not unit.is_equivalent(reference_unit):
        raise ParameterError(
            "reference", f"the same bins as profile, in {unit}", f"in {reference_unit}",
            verb="have",
        )
    if len(profile) != len(reference) or not all(
        np.allclose(profile[name].value, reference[name].to_value(profile[name].unit))
        for name in names
    ):
        raise ParameterError("reference", "the same bins as profile", verb="have")
    weight, reference_weight = (
        np.asarray(table["weight"]) / table.meta["n_positions"] for table in (profile, reference)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        boost = weight / reference_weight
        relative_variance = sum(
            1 / np.asarray(table["n_pairs"], dtype=float) for table in (profile, reference)
        )
    table = QTable({
        "radius_low": profile["radius_low"],
        "radius_high": profile["radius_high"],
        "boost": boost,
        "boost_err": boost * np.sqrt(relative_variance),
    })
    return set_formats(table, {"boost boost_err": ".3f"}, others=".4g")


def apply_boost(profile: QTable, boost: QTable) -> QTable:
    """Return a boost-corrected profile.

    Parameters
    ----------
    profile : `~astropy.table.QTable`
        A profile of `shear_profile`.
    boost : `~astropy.table.QTable`
        Its boost factors from `boost_factor`.

    Returns
    -------
    `~astropy.table.QTable`
        A copy of the profile. Shear, surface density and their errors are multiplied by the boost
        factor, covariances by those of both bins.

    Raises
    ------
    ValueError
        If the numbers of bins differ.
    """
    if len(profile) != len(boost):
        raise ParameterError(
            "boost", f"the {len(profile)} bins of profile", str(len(boost)), verb="have"
        )
    factor = np.asarray(boost["boost"])
    result = profile.copy()
    for name in ("g_t", "g_x", "g_err", "delta_sigma", "delta_sigma_x", "delta_sigma_err"):
        if name in result.colnames:
            result[name] = result[name] * factor
    for name in ("covariance", "covariance_delta_sigma"):
        if name in result.meta:
            result.meta[name] = (np.array(result.meta[name]) * np.outer(factor, factor)).tolist()
    return set_formats(result, {name: profile[name].info.format for name in profile.colnames})
