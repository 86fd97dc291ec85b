# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The sums of a shear profile around each position, of galaxies in memory or on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lensmap.profiles._pair_calibration import at_lenses, chosen_lenses
from lensmap.profiles._pairs import Sources
from lensmap.profiles._profile_sums import ProfileSums
from lensmap.profiles._sky_groups import in_footprint
from lensmap.profiles._survey_sources import SurveySources, groups_of_positions, pair_weights
from lensmap.utils import thread_map

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

    from lensmap.catalog import ShearCatalog
    from lensmap.profiles._efficiency import Efficiency

__all__ = ["Lenses", "PositionSums", "sums_in_memory", "sums_of_survey"]


@dataclass(frozen=True, eq=False)
class Lenses:
    """The positions of a profile.

    Attributes
    ----------
    positions : `~astropy.coordinates.SkyCoord`
        The positions, ``(n,)``.
    angles : `numpy.ndarray`
        The edges of the bins around each position, radians, ``(n, n_bins + 1)``.
    z : `numpy.ndarray` or None
        The redshifts, ``(n,)``.
    weight : `numpy.ndarray`
        The weights, ``(n,)``.
    """

    positions: SkyCoord
    angles: np.ndarray
    z: np.ndarray | None
    weight: np.ndarray

    @property
    def n_bins(self) -> int:
        """The number of bins."""
        return self.angles.shape[1] - 1

    def part(self, rows: np.ndarray) -> Lenses:
        """Return some of the lenses."""
        z = None if self.z is None else self.z[rows]
        return Lenses(self.positions[rows], self.angles[rows], z, self.weight[rows])


@dataclass(frozen=True, eq=False)
class PositionSums:
    """The sums around each position in the footprint.

    Attributes
    ----------
    sums : ProfileSums
        The means that follow from the sums.
    sources : Sources
        The galaxies; of a survey, those around the last of the positions.
    stacked : `numpy.ndarray`
        The indices of the positions in the footprint with a weight, increasing, ``(m,)``.
    each : `numpy.ndarray`
        The sums around each of them, ``(m, n_sums, n_bins)``.
    n_left_out : int
        The number of pairs whose galaxy is not behind the lens.
    """

    sums: ProfileSums
    sources: Sources
    stacked: np.ndarray
    each: np.ndarray
    n_left_out: int


def sums_in_memory(
    sources: Sources,
    efficiency: Efficiency | None,
    lenses: Lenses,
    behind: np.ndarray | None = None,
) -> PositionSums:
    """Return the sums around positions, of galaxies in memory.

    Parameters
    ----------
    sources : Sources
        The galaxies.
    efficiency : Efficiency or None
        The inverse critical surface density of each pair; None if it is not known.
    lenses : Lenses
        The positions.
    behind : `numpy.ndarray` or None
        As for `PairCalibration`.

    Returns
    -------
    PositionSums
        The sums.
    """
    sources.prepare()
    sums = ProfileSums(sources, efficiency, lenses.z, lenses.weight, lenses.n_bins, behind)
    # Positions outside of the survey are not part of the stack.
    inside = in_footprint(sources, lenses.positions, lenses.angles[:, -1])
    stacked = np.flatnonzero(inside & (lenses.weight > 0))
    centers = sources.coordinates(lenses.positions)
    results = thread_map(lambda i: sums.of_position(i, centers[i], lenses.angles[i]), stacked)
    each = np.array([of_bins for of_bins, _ in results])
    return PositionSums(
        sums, sources, stacked, each.reshape(-1, len(sums.names), lenses.n_bins),
        sum(n for _, n in results),
    )


def sums_of_survey(
    survey: SurveySources,
    efficiency: Callable[[ShearCatalog, np.ndarray | None], Efficiency | None],
    lenses: Lenses,
) -> PositionSums | None:
    """Return the sums around positions, of galaxies that are read near the positions.

    Parameters
    ----------
    survey : SurveySources
        The galaxies.
    efficiency : callable
        Returns the inverse critical surface density for galaxies and the redshifts of lenses.
    lenses : Lenses
        The positions.

    Returns
    -------
    PositionSums or None
        The sums; None if no galaxy is near any position.
    """
    behind = _behind(survey, efficiency, lenses.z)
    stacked, each, n_left_out = [], [], 0
    last: PositionSums | None = None
    for rows in groups_of_positions(lenses.positions, float(lenses.angles.max())):
        group = lenses.part(rows)
        sources = survey.near(group.positions, group.angles[:, -1])
        if sources is None:
            continue
        last = sums_in_memory(
            sources, efficiency(sources.catalog, group.z), group,
            None if behind is None else behind[rows],
        )
        stacked.append(rows[last.stacked])
        each.append(last.each)
        n_left_out += last.n_left_out
    if last is None:
        return None
    indices = np.concatenate(stacked)
    order = np.argsort(indices)
    return PositionSums(
        last.sums, last.sources, indices[order], np.concatenate(each)[order], n_left_out
    )


def _behind(
    survey: SurveySources,
    efficiency: Callable[[ShearCatalog, np.ndarray | None], Efficiency | None],
    z_lens: np.ndarray | None,
) -> np.ndarray | None:
    """Return the mean response of all galaxies behind each lens, if it calibrates."""
    if z_lens is None or not survey.is_noisy:
        return None
    chosen = chosen_lenses(z_lens)
    for sources in survey.chunks():
        known = efficiency(sources.catalog, z_lens[chosen])
        if known is None or not known.of_galaxies:
            return None
        break
    weights = pair_weights(lambda part: efficiency(part, z_lens[chosen]), len(chosen))
    return at_lenses(z_lens, chosen, survey.behind(weights, 2 * len(chosen)).reshape(-1, 2))
