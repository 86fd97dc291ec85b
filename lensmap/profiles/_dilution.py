# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Cluster members among the sources: how many, and the profile without their dilution."""

import numpy as np
from astropy.table import QTable

from lensmap.utils import set_formats

__all__ = ["boost_factor", "undiluted"]


def boost_factor(profile, reference):
    r"""Return how many more sources there are about lenses than elsewhere.

    .. math:: B(R) = \frac{\sum w / N_\mathrm{lens}}{\sum w / N_\mathrm{random}}

    Members of a cluster that pass for sources are not lensed, and lower its shear by this factor.

    Parameters
    ----------
    profile : `~astropy.table.QTable`
        Of `shear_profile` about the lenses.
    reference : `~astropy.table.QTable`
        Of the same bins about random positions in the same survey: their masks and depth must be
        those that the lenses meet. (Magnification and galaxies hidden by members change the number
        as well; they are not told apart.)

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
    if not profile["radius_low"].unit.is_equivalent(reference["radius_low"].unit):
        raise ValueError(
            f"profile and reference must have the same bins, not in {profile['radius_low'].unit} "
            f"and in {reference['radius_low'].unit}"
        )
    if len(profile) != len(reference) or not all(
        np.allclose(profile[name].value, reference[name].to_value(profile[name].unit))
        for name in names
    ):
        raise ValueError("profile and reference must have the same bins")
    each = [
        np.asarray(table["weight"]) / table.meta["n_positions"] for table in (profile, reference)
    ]
    with np.errstate(invalid="ignore", divide="ignore"):
        boost = each[0] / each[1]
        relative = sum(1 / np.asarray(table["n_pairs"], dtype=float)
                       for table in (profile, reference))
    table = QTable({
        "radius_low": profile["radius_low"],
        "radius_high": profile["radius_high"],
        "boost": boost,
        "boost_err": boost * np.sqrt(relative),
    })
    return set_formats(table, {"boost boost_err": ".3f"}, others=".4g")


def undiluted(profile, boost):
    """Return a profile as it would be without members among the sources.

    Parameters
    ----------
    profile : `~astropy.table.QTable`
        Of `shear_profile`.
    boost : `~astropy.table.QTable`
        Of `boost_factor`.

    Returns
    -------
    `~astropy.table.QTable`
        Shear, surface density and their errors multiplied with the boost; covariances, too.

    Raises
    ------
    ValueError
        If there are other bins.
    """
    if len(profile) != len(boost):
        raise ValueError(f"boost has {len(boost)} bins, the profile {len(profile)}")
    factor = np.asarray(boost["boost"])
    result = profile.copy()
    for name in ("g_t", "g_x", "g_err", "delta_sigma", "delta_sigma_x", "delta_sigma_err"):
        if name in result.colnames:
            result[name] = result[name] * factor
    for name in ("covariance", "covariance_delta_sigma"):
        if name in result.meta:
            result.meta[name] = (np.array(result.meta[name]) * np.outer(factor, factor)).tolist()
    return set_formats(result, {name: profile[name].info.format for name in profile.colnames})
