# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Dilution of shear profiles by cluster members: boost factor and correction."""

from __future__ import annotations

import numpy as np
from astropy.table import QTable

from lensmap.utils import ParameterError, set_formats

__all__ = ["apply_boost", "boost_factor"]


def boost_factor(profile: QTable, reference: QTable) -> QTable:
    r"""Return the boost factor: the overdensity of source galaxies around lenses.

    .. math:: B(R) = \frac{\sum w / N_\mathrm{lens}}{\sum w / N_\mathrm{random}}

    Cluster members that are selected as sources are not lensed, and so lower the mean shear by
    this factor.

    Parameters
    ----------
    profile : `~astropy.table.QTable`
        The profile around the lenses, as returned by `shear_profile`.
    reference : `~astropy.table.QTable`
        The profile around random positions, with the same bins. The positions must have the same
        survey mask and depth as the lenses. Magnification, and cluster members that cover sources,
        also change the number of sources; the boost factor includes these effects.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin, with the columns ``radius_low``, ``radius_high``, ``boost`` and its
        Poisson error ``boost_err``.

    Raises
    ------
    ValueError
        If the bins of the two profiles differ.

    References
    ----------
    Sheldon et al. 2004, AJ 127, 2544, sec. 4.2.
    """
    names = ("radius_low", "radius_high")
    unit, reference_unit = (table["radius_low"].unit for table in (profile, reference))
    if not unit.is_equivalent(reference_unit):
        raise ParameterError(
            "reference", f"the same bins as {{profile}}, in {unit}", f"bins in {reference_unit}",
            "measure both profiles with the same bins", verb="have",
        )
    if len(profile) != len(reference) or not all(
        np.allclose(profile[name].value, reference[name].to_value(profile[name].unit))
        for name in names
    ):
        raise ParameterError(
            "reference", "the same bins as {profile}", "other bin edges",
            "measure both profiles with the same bins", verb="have",
        )
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
    """Correct a shear profile for dilution by cluster members.

    Parameters
    ----------
    profile : `~astropy.table.QTable`
        The profile, as returned by `shear_profile`.
    boost : `~astropy.table.QTable`
        The boost factor in each bin of the profile, as returned by `boost_factor`.

    Returns
    -------
    `~astropy.table.QTable`
        A copy of the profile. Shear, excess surface density and their errors are multiplied by the
        boost factor; each element of a covariance matrix by the boost factors of its two bins.

    Raises
    ------
    ValueError
        If ``profile`` and ``boost`` have different numbers of bins.
    """
    if len(profile) != len(boost):
        raise ParameterError(
            "boost", f"one row for each of the {len(profile)} bins of {{profile}}",
            f"{len(boost)} rows", verb="have",
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
