# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The peaks of a survey map against the halos of a simulated sky."""

from __future__ import annotations

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from scipy.spatial import KDTree

from lensmap.peaks import binomial_rate, correct_for_chance, match_peaks
from lensmap.utils import unit_vectors

__all__ = ["HALO_BINS_MSUN", "MIN_MATCHED_MSUN", "completeness_table", "displaced", "purity_table"]

#: The edges of the bins of M200c.
HALO_BINS_MSUN = (5e13, 1e14, 2e14, 3e14, 5e14, 1e16)

#: A peak is true if it matches a halo of at least this mass.
MIN_MATCHED_MSUN = 1e14

# Displaced positions are between these distances away, in units of the radius of a match.
_DISPLACEMENTS = (5.0, 15.0)


def displaced(sky: SkyCoord, radius: u.Quantity, seed: int) -> SkyCoord:
    """Return positions that are displaced at random.

    Parameters
    ----------
    sky : `~astropy.coordinates.SkyCoord`
        The positions, ``(n,)``.
    radius : `~astropy.units.Quantity`
        The radius of a match, an angle; displacements are 5 to 15 times as large.
    seed : int
        The seed.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        The displaced positions, ``(n,)``.
    """
    rng = np.random.default_rng(seed)
    low, high = _DISPLACEMENTS
    distance = radius * np.sqrt(rng.uniform(low**2, high**2, len(sky)))
    return sky.directional_offset_by(rng.uniform(0, 360, len(sky)) * u.deg, distance)


def completeness_table(
    peaks: SkyCoord,
    halos: QTable,
    random: list[SkyCoord],
    radius: u.Quantity,
) -> QTable:
    """Return the fraction of halos with a peak, and the height of the map at halos, by mass.

    Parameters
    ----------
    peaks : `~astropy.coordinates.SkyCoord`
        The peaks.
    halos : `~astropy.table.QTable`
        The halos inside the map, with the columns of `lensmap.halos.halo_table` and ``kappa`` and
        ``kappa_true``, the heights of the map and of the truth at their positions.
    random : list of `~astropy.coordinates.SkyCoord`
        Displaced positions of halos, inside the map.
    radius : `~astropy.units.Quantity`
        The largest separation of a match, an angle.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin of mass: ``mass_low`` and ``mass_high``, ``n``, ``n_matched``,
        ``completeness`` with its 68 per cent interval ``completeness_low`` and
        ``completeness_high``, ``chance``, the rate of displaced positions, ``corrected``, and
        ``height``, the mean map over the mean truth at the positions of halos, with
        ``height_err``.
    """
    sky = SkyCoord(halos["ra"], halos["dec"])
    is_matched = np.zeros(len(halos), bool)
    is_matched[match_peaks(peaks, sky, radius)["reference"]] = True
    # One for all bins, which have few halos: the share of the sky that is near a peak.
    chance = _chance(random, peaks, radius)
    mass = halos["m200c"].to_value(u.solMass)
    edges = np.array(HALO_BINS_MSUN)
    place = np.searchsorted(edges, mass, side="right") - 1
    rows = []
    for i, (low, high) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        own = place == i
        n, k = int(own.sum()), int(is_matched[own].sum())
        (rate,), interval = binomial_rate(np.array([k]), np.array([n]))
        corrected = correct_for_chance({"rate": rate}, chance)["corrected"]
        rows.append((
            low, high, n, k, rate, *interval[:, 0], chance, float(corrected),
            *_height(np.asarray(halos["kappa"][own]), np.asarray(halos["kappa_true"][own])),
        ))
    table = QTable(rows=rows, names=(
        "mass_low", "mass_high", "n", "n_matched", "completeness", "completeness_low",
        "completeness_high", "chance", "corrected", "height", "height_err",
    ))
    for name in ("mass_low", "mass_high"):
        table[name].unit = u.solMass
    return table


def purity_table(
    peaks: SkyCoord, halos: SkyCoord, random: list[SkyCoord], radius: u.Quantity
) -> QTable:
    """Return the fraction of peaks with a halo, as a table of one row.

    Parameters
    ----------
    peaks, halos : `~astropy.coordinates.SkyCoord`
        The peaks, and the halos of at least the mass of a match.
    random : list of `~astropy.coordinates.SkyCoord`
        Displaced positions of these halos.
    radius : `~astropy.units.Quantity`
        The largest separation of a match, an angle.

    Returns
    -------
    `~astropy.table.QTable`
        ``n`` peaks, ``n_matched``, ``purity`` with ``purity_low`` and ``purity_high``, ``chance``,
        the fraction of peaks that match displaced halos, and ``corrected``.
    """
    n, k = len(peaks), len(match_peaks(peaks, halos, radius))
    (rate,), interval = binomial_rate(np.array([k]), np.array([n]))
    matches = [len(match_peaks(peaks, one, radius)) for one in random]
    chance = float(np.mean(matches)) / n if n and matches else np.nan
    corrected = float(correct_for_chance({"rate": rate}, chance)["corrected"])
    return QTable(
        rows=[(n, k, rate, *interval[:, 0], chance, corrected)],
        names=("n", "n_matched", "purity", "purity_low", "purity_high", "chance", "corrected"),
    )


def _chance(random: list[SkyCoord], peaks: SkyCoord, radius: u.Quantity) -> float:
    """Return the share of random positions within a radius of a peak; NaN without positions."""
    points = [unit_vectors(one.ra.deg, one.dec.deg) for one in random if len(one)]
    if not points or len(peaks) == 0:
        return np.nan if not points else 0.0
    tree = KDTree(unit_vectors(peaks.ra.deg, peaks.dec.deg))
    distance, _ = tree.query(np.concatenate(points))
    return float(np.mean(distance < 2 * np.sin(radius.to_value(u.rad) / 2)))


def _height(kappa: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Return the ratio of two means and its error; NaN with fewer than two values."""
    good = np.isfinite(kappa) & np.isfinite(truth)
    kappa, truth = kappa[good], truth[good]
    if len(kappa) < 2:
        return np.nan, np.nan
    ratio = kappa.mean() / truth.mean()
    error = np.std(kappa - ratio * truth, ddof=1) / np.sqrt(len(kappa)) / abs(truth.mean())
    return float(ratio), float(error)
