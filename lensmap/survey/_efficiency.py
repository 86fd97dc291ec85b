# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The lensing efficiency of the galaxies of a survey as a function of their redshift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u

from lensmap.catalog import ShearCatalog, normalizations
from lensmap.cosmology import (
    SourceRedshifts,
    check_z_source,
    distance_ratio,
    farthest_source,
    get_cosmology,
    lensing_weight,
)
from lensmap.utils import ParameterError, check_plausible, list_names

if TYPE_CHECKING:
    from lensmap.typing import CosmologyLike, RedshiftLike

__all__ = ["Efficiency", "check_sources", "fit_efficiency"]

#: Galaxies at higher redshifts count as at this one: the efficiency hardly rises any more.
_MAX_REDSHIFT = 10.0

# The redshifts of sources and of lenses between which efficiencies are interpolated.
_N_NODES, _N_LENSES = 1000, 500

# Steps between two redshifts of p(z), within which it is linear and the efficiency is not.
_N_STEPS = 16


@dataclass(frozen=True, eq=False)
class Efficiency:
    r"""The lensing efficiency of a source as a function of its redshift.

    Attributes
    ----------
    z : `numpy.ndarray`
        Redshifts of sources, increasing from 0, ``(n,)``.
    value : `numpy.ndarray`
        The efficiency at these redshifts, ``(n,)``.
    of_parts : tuple of float or None
        The mean efficiency of the galaxies of each part of the survey, if their redshift
        distributions were given; None if the redshift of each galaxy counts.
    """

    z: np.ndarray
    value: np.ndarray
    of_parts: tuple[float, ...] | None = None

    def of(self, catalog: ShearCatalog, part: np.ndarray) -> np.ndarray | None:
        """Return the efficiency of galaxies.

        Parameters
        ----------
        catalog : ShearCatalog
            The galaxies. Their p(z) is used if they have one, otherwise their column ``redshift``.
        part : `numpy.ndarray`
            The index of the part of each galaxy, integer, ``(n,)``.

        Returns
        -------
        `numpy.ndarray` or None
            The efficiency, NaN for galaxies without a redshift, ``(n,)``. None if the catalog has
            no redshifts.
        """
        if self.of_parts is not None:
            return np.asarray(self.of_parts)[part]
        if catalog.pz is not None and catalog.z_grid is not None:
            norm = normalizations(catalog.pz, catalog.z_grid)
            mean = catalog.pz @ self._weights(catalog.z_grid).astype(catalog.pz.dtype) * norm
            return np.where(norm > 0, mean, np.nan)
        redshift = catalog["redshift"]
        if redshift is None:
            return None
        with np.errstate(invalid="ignore"):
            known = np.isfinite(redshift) & (redshift > 0)
        return np.where(known, np.interp(redshift, self.z, self.value), np.nan)

    def _weights(self, grid: np.ndarray) -> np.ndarray:
        """Return the weights with which a sum over p(z) is the integral of p(z) times this."""
        lower = np.repeat(np.arange(len(grid) - 1), _N_STEPS)
        share = (np.tile(np.arange(_N_STEPS), len(grid) - 1) + 0.5) / _N_STEPS
        step = np.diff(grid)[lower]
        values = np.interp(grid[lower] + share * step, self.z, self.value) * step / _N_STEPS
        return np.bincount(lower, (1 - share) * values, len(grid)) + np.bincount(
            lower + 1, share * values, len(grid)
        )

    def mean_of(self, sources: RedshiftLike) -> float:
        """Return the mean efficiency of sources of a redshift or a redshift distribution."""
        if not isinstance(sources, SourceRedshifts):
            return float(np.interp(sources, self.z, self.value))
        return float(self._weights(sources.z) @ sources.pdf)

    def to_record(self) -> dict[str, np.ndarray]:
        """Return the table as arrays, for a file of the run folder."""
        record = {"z": self.z, "value": self.value}
        return record if self.of_parts is None else {**record, "of_parts": np.array(self.of_parts)}

    @classmethod
    def from_record(cls, record: Mapping[str, np.ndarray]) -> Efficiency:
        """Return the table that `to_record` returned."""
        of_parts = record.get("of_parts")
        return cls(record["z"], record["value"],
                   None if of_parts is None else tuple(np.asarray(of_parts).tolist()))


def check_sources(source_redshifts: Any, calibrate_by: Any) -> Any:
    """Check the redshifts of the sources of a survey, and return them.

    Parameters
    ----------
    source_redshifts : float, SourceRedshifts, dict or None
        The redshifts of all galaxies, or by the names of the parts of the survey.
    calibrate_by : object
        The parts of the survey; None if it has none.

    Returns
    -------
    float, SourceRedshifts, dict or None
        The same.

    Raises
    ------
    TypeError, ValueError
        If they cannot be used, or are given by part for a survey without parts.
    """
    if source_redshifts is None:
        return None
    if not isinstance(source_redshifts, Mapping):
        return check_z_source(source_redshifts)
    if calibrate_by is None:
        raise ParameterError(
            "source_redshifts", "one redshift or distribution for a survey without parts",
            "several by name", "name the parts by {calibrate_by}",
        )
    return {str(name): check_z_source(one) for name, one in source_redshifts.items()}


def fit_efficiency(
    distribution: tuple[np.ndarray, np.ndarray] | None,
    parts: Mapping[str, float] | None,
    source_redshifts: RedshiftLike | Mapping[str, RedshiftLike] | None,
    z_lens: float | None,
    cosmology: CosmologyLike,
) -> Efficiency | None:
    r"""Return the lensing efficiency as a function of the redshift of a source.

    At one lens redshift it is :math:`D_{ls} / D_s`. Otherwise it is the mean of this ratio over the
    redshifts of lenses, weighted with the lensing kernel of all sources of the survey, the weight
    of the density contrast in the convergence,
    :math:`\int W\, (D_{ls} / D_s)\, \mathrm{d}\chi / \int W\, \mathrm{d}\chi`.

    Parameters
    ----------
    distribution : tuple of `numpy.ndarray` or None
        Redshifts, and the weight of the galaxies per unit redshift, from the galaxies; None if they
        have no redshifts.
    parts : dict or None
        The sums of weights of the parts of the survey by name; None without parts.
    source_redshifts : float, SourceRedshifts, dict or None
        Redshifts that take the place of those of the galaxies, as of `check_sources`.
    z_lens : float or None
        The redshift of the lens. None averages over the lensing kernel.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology; None is the default one.

    Returns
    -------
    Efficiency or None
        The efficiency. None if no redshift is known.

    Raises
    ------
    ValueError
        If no source is behind the lens, or a part of the survey lacks its redshifts.
    """
    sources = _all_sources(distribution, parts, source_redshifts)
    if sources is None:
        if z_lens is not None:
            raise ParameterError(
                "z_lens", "None for a catalog without redshifts", f"{z_lens:g}",
                "name the column of redshifts or of p(z) in {columns}, or give {source_redshifts}",
            )
        return None
    flrw = get_cosmology(cosmology, structure=False)
    # Even steps in the scale factor resolve low redshifts, and reach high ones.
    z = 1 / np.linspace(1, 1 / (1 + _MAX_REDSHIFT), _N_NODES) - 1
    if z_lens is not None:
        check_plausible(z_lens, "z_lens", "a lens redshift")
        if farthest_source(sources) <= z_lens:
            raise ParameterError(
                "z_lens", "lower than the redshift of some galaxies", f"{z_lens:g}",
                f"the highest redshift is {farthest_source(sources):g}",
            )
        value = distance_ratio([z_lens], z[1:], flrw)[0]
    else:
        lenses = np.linspace(0, min(farthest_source(sources), _MAX_REDSHIFT), _N_LENSES + 1)
        middle = 0.5 * (lenses[1:] + lenses[:-1])
        step = np.diff(flrw.comoving_distance(lenses).to_value(u.Mpc))
        weight = np.asarray(lensing_weight(middle, sources, flrw)) * step
        value = weight / weight.sum() @ distance_ratio(middle, z[1:], flrw)
    table = Efficiency(z, np.concatenate([[0.0], value]))
    if source_redshifts is None:
        return table
    names: Sequence[str] = list(parts or {"": 1.0})
    given = source_redshifts if isinstance(source_redshifts, Mapping) else dict.fromkeys(
        names, source_redshifts
    )
    return Efficiency(
        table.z, table.value, tuple(table.mean_of(given[name]) for name in names)
    )


def _all_sources(
    distribution: tuple[np.ndarray, np.ndarray] | None,
    parts: Mapping[str, float] | None,
    source_redshifts: RedshiftLike | Mapping[str, RedshiftLike] | None,
) -> RedshiftLike | None:
    """Return the redshifts of all sources of a survey together; None if they are not known."""
    if source_redshifts is None:
        if distribution is None:
            return None
        z, n = distribution
        near = z <= _MAX_REDSHIFT
        return SourceRedshifts(z[near], n[near]) if np.any(n[near] > 0) else None
    if not isinstance(source_redshifts, Mapping):
        return source_redshifts
    weights = dict(parts or {})
    missing = [name for name in weights if name not in source_redshifts]
    if missing:
        raise ParameterError(
            "source_redshifts", "the redshifts of each part of the survey",
            f"none of {list_names(missing)}", verb="have",
        )
    spread = [_spread(source_redshifts[name]) for name in weights]
    z = np.unique(np.concatenate([one.z for one in spread]))
    total = sum(
        weight * np.interp(z, one.z, one.pdf, left=0, right=0)
        for one, weight in zip(spread, weights.values(), strict=True)
    )
    return SourceRedshifts(z, np.asarray(total))


def _spread(sources: RedshiftLike) -> SourceRedshifts:
    """Return a single redshift as a narrow distribution, and a distribution unchanged."""
    if isinstance(sources, SourceRedshifts):
        return sources
    width = 1e-4 * (1 + sources)
    return SourceRedshifts([max(sources - width, 0), sources, sources + width], [0, 1, 0])
