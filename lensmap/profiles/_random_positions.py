# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Random positions: dilution of shear profiles by cluster members, and spurious shear."""

from __future__ import annotations

import numpy as np
from astropy.table import QTable

from lensmap.utils import ParameterError, set_formats

__all__ = ["apply_boost", "boost_factor", "subtract_random"]

# The shear, excess surface density and covariance in a profile, with the boost factor of each.
_BOOSTED = {
    "boost": (("g_t", "g_x", "g_err"), "covariance"),
    "boost_delta_sigma": (
        ("delta_sigma", "delta_sigma_x", "delta_sigma_err"), "covariance_delta_sigma"
    ),
}

# Properties of the source galaxies in each bin.
_OF_SOURCES = ("sigma_crit", "efficiency_ratio", "sigma_crit_kappa")


def boost_factor(profile: QTable, reference: QTable) -> QTable:
    r"""Return the boost factor: the overdensity of source galaxies around lenses.

    .. math:: B(R) = \frac{\sum w / N_\mathrm{lens}}{\sum w / N_\mathrm{random}}, \qquad
              B_{\Delta\Sigma}(R) = \frac{\sum w\, \Sigma_\mathrm{cr}^{-2} / N_\mathrm{lens}}
                                    {\sum w\, \Sigma_\mathrm{cr}^{-2} / N_\mathrm{random}}

    Cluster members that are selected as sources are not lensed, and so lower the mean shear by the
    factor B and the excess surface density by :math:`B_{\Delta\Sigma}`. N is the number of
    positions in the footprint of the catalog or, for weighted lenses, their total weight; the sums
    then have the weights of the lenses as well.

    Parameters
    ----------
    profile : `~astropy.table.QTable`
        The profile around the lenses, as returned by `shear_profile`.
    reference : `~astropy.table.QTable`
        The profile around random positions, with the same bins. The positions must have the same
        survey mask, depth and redshifts as the lenses. Magnification, and cluster members that
        cover sources, also change the number of sources; the boost factor includes these effects.
        Members near random positions lower it by their share of the sources there.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin, with the columns ``radius_low``, ``radius_high``, ``boost`` and its
        error ``boost_err``, from the Poisson errors of the numbers of pairs. If both profiles have
        the excess surface density, also ``boost_delta_sigma`` and ``boost_delta_sigma_err``, and
        ``sigma_crit``, ``efficiency_ratio`` and ``sigma_crit_kappa`` of the galaxies around random
        positions.

    Raises
    ------
    ValueError
        If the bins of the two profiles differ.

    References
    ----------
    Sheldon et al. 2004, AJ 127, 2544, sec. 4.2; Mandelbaum et al. 2005, MNRAS 361, 1287.
    """
    _check_same_bins(profile, reference, "reference")
    table = QTable({name: profile[name] for name in ("radius_low", "radius_high")})
    with np.errstate(invalid="ignore", divide="ignore"):
        relative_error = np.sqrt(sum(
            1 / np.asarray(one["n_pairs"], dtype=float) for one in (profile, reference)
        ))
        for name, weight in (("boost", "weight"), ("boost_delta_sigma", "weight_delta_sigma")):
            if weight in profile.colnames and weight in reference.colnames:
                per_lens, per_random = (
                    np.asarray(one[weight]) / one.meta["lens_weight"]
                    for one in (profile, reference)
                )
                table[name] = per_lens / per_random
                table[f"{name}_err"] = table[name] * relative_error
    if "boost_delta_sigma" in table.colnames:
        for name in _OF_SOURCES:
            table[name] = reference[name]
    small = " ".join(name for name in table.colnames if name.startswith(("boost", "efficiency")))
    return set_formats(table, {small: ".3f"}, others=".4g")


def apply_boost(profile: QTable, boost: QTable) -> QTable:
    r"""Correct a shear profile for dilution by cluster members.

    Parameters
    ----------
    profile : `~astropy.table.QTable`
        The profile, as returned by `shear_profile`.
    boost : `~astropy.table.QTable`
        The boost factor in each bin of the profile, as returned by `boost_factor`.

    Returns
    -------
    `~astropy.table.QTable`
        A copy of the profile with the columns ``boost``, ``boost_err``, ``boost_delta_sigma`` and
        ``boost_delta_sigma_err`` of ``boost``. Shear and its error are multiplied by ``boost``, the
        excess surface density and its error by ``boost_delta_sigma``, and each element of a
        covariance matrix by the boost factors of its two bins. The error of the boost factor is not
        added. The columns ``sigma_crit``, ``efficiency_ratio`` and ``sigma_crit_kappa`` become
        those around random positions, where no members lower the mean
        :math:`\Sigma_\mathrm{cr}^{-1}`.

    Raises
    ------
    ValueError
        If ``profile`` and ``boost`` have different numbers of bins, ``boost`` lacks the factor of
        the excess surface density, or ``profile`` has been corrected already.
    """
    _check_not_done(profile, "boost", "without a boost factor")
    _check_not_done(profile, "g_t_random", "from which no random positions are subtracted")
    if len(profile) != len(boost):
        raise ParameterError(
            "boost", f"one row for each of the {len(profile)} bins of {{profile}}",
            f"{len(boost)} rows", verb="have",
        )
    result = profile.copy()
    for name, (columns, covariance) in _BOOSTED.items():
        if columns[0] not in profile.colnames:
            continue
        if name not in boost.colnames:
            raise ParameterError(
                "boost", f"the column {name!r} for a profile with the column {columns[0]!r}",
                remedy="measure the profile around random positions with the redshifts of the "
                "lenses, {z_lens}, as well", verb="have",
            )
        factor = np.asarray(boost[name])
        for column in columns:
            result[column] = result[column] * factor
        if covariance in result.meta:
            matrix = np.array(result.meta[covariance]) * np.outer(factor, factor)
            result.meta[covariance] = matrix.tolist()
    for name in _OF_SOURCES:
        if name in profile.colnames:
            result[name] = boost[name]
    set_formats(result, {name: profile[name].info.format for name in profile.colnames})
    return _with_columns(result, boost, {
        name: name for name in boost.colnames if name.removesuffix("_err") in _BOOSTED
    })


def subtract_random(profile: QTable, reference: QTable) -> QTable:
    """Subtract the shear around random positions from a shear profile.

    Residual additive bias and the edges of a survey give shear around random positions as well. A
    boost factor is applied first, because members dilute the shear of the lenses only.

    Parameters
    ----------
    profile : `~astropy.table.QTable`
        The profile around the lenses, as returned by `shear_profile` or `apply_boost`.
    reference : `~astropy.table.QTable`
        The profile around random positions, with the same bins and errors of the same kind. Many
        more random positions than lenses add little to the errors.

    Returns
    -------
    `~astropy.table.QTable`
        A copy of the profile, from whose shear and excess surface density those around random
        positions are subtracted. The variances and covariances of both are added, which is too much
        where structure near lenses and random positions is the same. The columns ``g_t_random``,
        ``g_x_random``, ``g_err_random`` and ``n_pairs_random`` have the shear, its error and the
        number of pairs around random positions; ``delta_sigma_random``, ``delta_sigma_x_random``
        and ``delta_sigma_err_random`` the excess surface density. ``meta["n_random_positions"]`` is
        the number of random positions in the footprint of the catalog.

    Raises
    ------
    ValueError
        If the bins of the two profiles differ, only ``profile`` has the excess surface density, or
        random positions have been subtracted from ``profile`` already.

    References
    ----------
    Mandelbaum et al. 2005, MNRAS 361, 1287; Singh et al. 2017, MNRAS 471, 3827.
    """
    _check_same_bins(profile, reference, "reference")
    _check_not_done(profile, "g_t_random", "from which no random positions are subtracted")
    result = profile.copy()
    for columns, covariance in _BOOSTED.values():
        tangential, cross, error = columns
        if tangential not in profile.colnames:
            continue
        if tangential not in reference.colnames:
            raise ParameterError(
                "reference", f"the column {tangential!r}, as {{profile}} has",
                remedy="measure it with the redshifts of the lenses, {z_lens}, as well",
                verb="have",
            )
        for name in (tangential, cross):
            result[name] = profile[name] - reference[name]
        result[error] = np.sqrt(profile[error] ** 2 + reference[error] ** 2)
        if covariance in profile.meta:
            unit = getattr(profile[error], "unit", None)
            scatter = reference[error] if unit is None else reference[error].to_value(unit)
            other = np.diag(np.asarray(scatter, dtype=float) ** 2)
            other = np.array(reference.meta.get(covariance, other))
            result.meta[covariance] = (np.array(profile.meta[covariance]) + other).tolist()
    result.meta["n_random_positions"] = reference.meta["n_positions"]
    set_formats(result, {name: profile[name].info.format for name in profile.colnames})
    recorded = ["n_pairs", *(name for columns, _ in _BOOSTED.values() for name in columns)]
    return _with_columns(result, reference, {
        name: f"{name}_random" for name in recorded if name in profile.colnames
    })


def _with_columns(result: QTable, source: QTable, names: dict[str, str]) -> QTable:
    """Add columns of another table, with their formats; ``names`` has the new name of each."""
    for name, new_name in names.items():
        result[new_name] = source[name]
        result[new_name].info.format = source[name].info.format
    return result


def _check_not_done(profile: QTable, column: str, allowed: str) -> None:
    """Raise an error if a profile has the column of a correction, which must not be made twice.

    ``allowed`` describes a profile without this correction, for the message.
    """
    if column in profile.colnames:
        raise ParameterError(
            "profile", f"one {allowed}", f"one with the column {column!r}",
            "apply the boost factor first, and each correction once",
        )


def _check_same_bins(profile: QTable, other: QTable, parameter: str) -> None:
    """Raise an error if two profiles have different bins; ``parameter`` is the name of the other.
    """
    unit, other_unit = (table["radius_low"].unit for table in (profile, other))
    if not unit.is_equivalent(other_unit):
        raise ParameterError(
            parameter, f"the same bins as {{profile}}, in {unit}", f"bins in {other_unit}",
            "measure both profiles with the same bins", verb="have",
        )
    if len(profile) != len(other) or not all(
        np.allclose(profile[name].value, other[name].to_value(unit))
        for name in ("radius_low", "radius_high")
    ):
        raise ParameterError(
            parameter, "the same bins as {profile}", "other bin edges",
            "measure both profiles with the same bins", verb="have",
        )
