# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""True clusters of a field by two definitions, matched with the peaks of estimated maps."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.maps import ConvergenceMap
from lensmap.peaks import completeness, find_peaks, purity, unmasked_area
from lensmap.profiles import projected_mass
from lensmap.typing import CosmologyLike, RedshiftLike
from lensmap.utils import MapWarning, without_warnings
from lensmap.validation._parts import TRUTH
from lensmap.validation._true_clusters import true_clusters

__all__ = [
    "DEFINITIONS",
    "MASS_UNIT",
    "MIN_CLUSTER_MASS",
    "RANKINGS",
    "ClusterReference",
    "match_clusters",
]

MASS_UNIT = u.Unit("1e14 solMass")

#: Bin edges in cluster mass, in 1e14 solar masses, for each definition of a cluster: ``"paper"``,
#: peaks of the true map with their projected mass within 1 proper Mpc (Cha et al. 2025), or
#: ``"halo"``, halos with their M200c.
DEFINITIONS = {
    "paper": np.array([1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 7, 40]),
    "halo": np.array([0.5, 1, 1.5, 2, 3, 5, 40]),
}

# Nearer halos fill the field; more distant halos have few sources behind them.
_HALO_REDSHIFTS = (0.05, 1.0)

#: A peak counts as true if it matches a cluster of at least this mass.
MIN_CLUSTER_MASS = 1 * MASS_UNIT

#: Peaks used: all peaks of a map, as in Cha et al. 2025, or only the highest peaks, so that maps
#: are compared at equal number density of peaks.
RANKINGS = ("all", "highest")
_PEAK_DENSITY = 20 / u.deg**2

_MATCH_RADIUS = 2.4 * u.arcmin
_Z_LENS = 0.3
_APERTURE = 1 * u.Mpc


class ClusterReference:
    """The true clusters of a field, by two definitions of a cluster.

    By the definition ``"paper"``, clusters are peaks of the true map, with their projected mass
    within 1 proper Mpc (Cha et al. 2025). By the definition ``"halo"``, they are halos, with their
    M200c.

    Parameters
    ----------
    truth : `~lensmap.ConvergenceMap`
        The true map, with the mask to be used for all maps.
    halos : `~astropy.table.QTable`
        The halos, in the format of `lensmap.halos.halo_table`.
    z_source : float or `~lensmap.SourceRedshifts`
        The source redshift, or the redshift distribution of the sources.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology, or its name in astropy. If None, lensmap's default cosmology.

    Attributes
    ----------
    peaks : `~astropy.table.QTable`
        The clusters by the definition ``"paper"``, as returned by `true_clusters`.
    tables : dict
        The tables of clusters, keyed by definition. ``"halo"`` is missing if the field has no
        halos.
    """

    def __init__(
        self,
        truth: ConvergenceMap,
        halos: QTable,
        z_source: RedshiftLike,
        cosmology: CosmologyLike = None,
    ):
        self.truth, self.z_source, self.cosmology = truth, z_source, cosmology
        self.peaks = true_clusters(
            truth, z_lens=_Z_LENS, z_source=z_source, min_mass=MIN_CLUSTER_MASS,
            min_separation=_MATCH_RADIUS, cosmology=cosmology,
        )
        near, far = _HALO_REDSHIFTS
        self.tables = {"paper": self.peaks}
        if len(halos):
            chosen = (halos["redshift"] > near) & (halos["redshift"] < far)
            self.tables["halo"] = QTable(
                {name: halos[name][chosen] for name in ("ra", "dec", "m200c")}
            )

    def masses(self, kappa: ConvergenceMap) -> np.ndarray:
        """Return the projected mass in a map at the position of each peak of the true map.

        Parameters
        ----------
        kappa : `~lensmap.ConvergenceMap`
            The map in which masses are measured.

        Returns
        -------
        `numpy.ndarray`
            The mass within 1 proper Mpc, in 1e14 solar masses, ``(n,)``.
        """
        with without_warnings(MapWarning):
            masses = projected_mass(kappa, self.peaks, _APERTURE, z_lens=_Z_LENS,
                                    z_source=self.z_source, cosmology=self.cosmology)
        return masses["mass"].to_value(MASS_UNIT)


def match_clusters(
    reference: ClusterReference,
    estimates: Mapping[str, np.ndarray],
    others: Mapping[str, ConvergenceMap] | None = None,
    *,
    n_random: int = 2,
    rng: int = 0,
) -> dict[str, dict[str, np.ndarray]]:
    """Match the peaks of estimated maps with the true clusters of a field.

    Parameters
    ----------
    reference : ClusterReference
        The true clusters of the field.
    estimates : dict
        The map of each estimator, ``(ny, nx)``, keyed by the name of the estimator. The mask of the
        true map applies to all maps.
    others : dict or None
        Maps of other quantities than the convergence, keyed by the name of the estimator. Their
        peaks are those of the signal-to-noise ratio, if they have an uncertainty. Their own masks
        apply to them, too. None if there are no such maps.
    n_random : int
        The number of random displacements of the peaks that measure the rate of chance matches.
    rng : int
        The seed for the random displacements.

    Returns
    -------
    dict
        Dicts of arrays, keyed by ``"truth"`` and the names of estimators. ``DEFINITION`` stands
        for ``paper`` (peaks of the true map) or ``halo``. For the truth, ``mass`` is the true
        projected mass of each cluster by the definition ``paper``, in 1e14 solar masses, ``(n,)``.
        For each estimator,

        - ``mass`` is the mass in the map at the same positions, ``(n,)``; only for maps of the
          convergence;
        - ``completeness_DEFINITION``, ``(2, 3, n_bins)``, has the numbers of clusters, matched
          clusters and chance matches (second axis), for all peaks and for the highest 20 per square
          degree (first axis);
        - ``purity_DEFINITION``, ``(2, 3)``, has the numbers of peaks, matched peaks and chance
          matches (second axis), for all peaks and for the highest 20 per square degree (first
          axis).
    """
    truth = reference.truth
    record = {TRUTH: {"mass": reference.peaks["mass"].to_value(MASS_UNIT)}}
    for name, plane in estimates.items():
        kappa = _masked(plane, truth.mask, truth)
        record[name] = {"mass": reference.masses(kappa)}
        record[name] |= _detections(reference, kappa, n_random, rng)
    for name, other in (others or {}).items():
        plane = other.data if other.uncertainty is None else other.snr
        image = _masked(plane, truth.mask | other.mask, truth)
        record[name] = _detections(reference, image, n_random, rng)
    return record


def _masked(plane, mask, truth):
    """Return a map on the pixels of the true map, with NaN in masked pixels."""
    return ConvergenceMap(np.where(mask, np.nan, plane), mask=mask, wcs=truth.wcs)


def _detections(reference, kappa, n_random, rng):
    """Return the arrays of `match_clusters` about the peaks of one map."""
    peaks = find_peaks(kappa, 0.0, by="kappa", min_separation=_MATCH_RADIUS)
    highest = peaks[: round(float(_PEAK_DENSITY * unmasked_area(kappa)))]
    settings: dict[str, Any] = {"kappa": kappa, "n_random": n_random, "rng": rng}
    record = {}
    for definition, clusters in reference.tables.items():
        by = "mass" if definition == "paper" else "m200c"
        heavy = clusters[clusters[by] >= MIN_CLUSTER_MASS]
        bins = DEFINITIONS[definition] * MASS_UNIT
        record[f"completeness_{definition}"] = np.array([
            _counts(completeness(one, clusters, _MATCH_RADIUS, by=by, bins=bins, **settings))
            for one in (peaks, highest)
        ])
        record[f"purity_{definition}"] = np.array([
            _counts(purity(one, heavy, _MATCH_RADIUS, **settings))[:, 0]
            for one in (peaks, highest)
        ])
    return record


def _counts(rates):
    """Return the numbers of clusters (or peaks), matches and chance matches, ``(3, n_bins)``.

    ``rates`` is a table returned by `lensmap.peaks.completeness` or `lensmap.peaks.purity`.
    """
    n = np.asarray(rates["n"], dtype=float)
    return np.array([n, rates["n_matched"], np.nan_to_num(rates["chance"]) * n])
