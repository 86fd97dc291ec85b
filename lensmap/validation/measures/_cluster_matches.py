# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""True clusters of a field, by two definitions, and their matches with the peaks of maps."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.maps import ConvergenceMap
from lensmap.peaks import completeness, find_peaks, purity, unmasked_area
from lensmap.profiles import projected_mass
from lensmap.typing import CosmologyLike, RedshiftLike
from lensmap.utils import MapWarning
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

#: The edges of the bins of cluster mass, in 1e14 solar masses, for each definition of a cluster:
#: peaks of the true map with their mass within 1 Mpc (Cha et al. 2025), or halos with their M200c.
DEFINITIONS = {
    "paper": np.array([1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 7, 40]),
    "halo": np.array([0.5, 1, 1.5, 2, 3, 5, 40]),
}

# Nearer halos fill the field, farther ones have few sources behind them.
_HALO_REDSHIFTS = (0.05, 1.0)

#: A peak is a true one if it matches a cluster of at least this mass.
MIN_CLUSTER_MASS = 1 * MASS_UNIT

#: All peaks of a map, as in Cha et al. 2025; or the highest, to compare maps at equal density.
RANKINGS = ("all", "highest")
_PEAK_DENSITY = 20 / u.deg**2

_MATCH_RADIUS = 2.4 * u.arcmin
_Z_LENS = 0.3
_APERTURE = 1 * u.Mpc


class ClusterReference:
    """The true clusters of a field, by each definition.

    Parameters
    ----------
    truth : `~lensmap.ConvergenceMap`
        The true map, with the mask of the comparison.
    halos : `~astropy.table.QTable`
        As of `lensmap.halos.halo_table`.
    z_source : float or `~lensmap.SourceRedshifts`
        The redshift of the sources, or their distribution.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.

    Attributes
    ----------
    peaks : `~astropy.table.QTable`
        The clusters of the definition ``"paper"``, of `true_clusters`.
    tables : dict
        From definitions to tables; ``"halo"`` is missing if the field has no halos.
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
        """Return the mass of a map around each cluster of the definition ``"paper"``.

        Parameters
        ----------
        kappa : `~lensmap.ConvergenceMap`
            The map.

        Returns
        -------
        `numpy.ndarray`
            1e14 solar masses, ``(n,)``.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MapWarning)
            masses = projected_mass(kappa, self.peaks, _APERTURE, z_lens=_Z_LENS,
                                    z_source=self.z_source, cosmology=self.cosmology)
        return masses["mass"].to_value(MASS_UNIT)


def match_clusters(
    reference: ClusterReference,
    estimates: Mapping[str, np.ndarray],
    *,
    n_random: int = 2,
    rng: int = 0,
) -> dict[str, dict[str, np.ndarray]]:
    """Match the peaks of maps with the true clusters of a field.

    Parameters
    ----------
    reference : ClusterReference
        The true clusters.
    estimates : dict
        From the names of estimators to maps, ``(ny, nx)``; the mask is that of the true map.
    n_random : int
        The number of random displacements of the peaks for the rate of chance matches.
    rng : int
        The seed of the random displacements.

    Returns
    -------
    dict
        For the truth ``mass``, of the clusters of the definition ``"paper"``, ``(n,)``. For each
        estimator ``mass``, of the map at the same positions; for each definition
        ``completeness_...``, ``(2, 3, n_bins)``, of all and of the highest peaks the numbers of
        clusters, of matched clusters and of chance matches; and ``purity_...``, ``(2, 3)``, the
        same numbers of peaks.
    """
    truth = reference.truth
    record = {TRUTH: {"mass": reference.peaks["mass"].to_value(MASS_UNIT)}}
    for name, plane in estimates.items():
        kappa = ConvergenceMap(
            np.where(truth.mask, np.nan, plane), mask=truth.mask, wcs=truth.wcs
        )
        peaks = find_peaks(kappa, 0.0, by="kappa", min_separation=_MATCH_RADIUS)
        highest = peaks[: round(float(_PEAK_DENSITY * unmasked_area(kappa)))]
        settings: dict[str, Any] = {"kappa": kappa, "n_random": n_random, "rng": rng}
        record[name] = {"mass": reference.masses(kappa)}
        for definition, clusters in reference.tables.items():
            by = "mass" if definition == "paper" else "m200c"
            heavy = clusters[clusters[by] >= MIN_CLUSTER_MASS]
            bins = DEFINITIONS[definition] * MASS_UNIT
            record[name][f"completeness_{definition}"] = np.array([
                _counts(completeness(one, clusters, _MATCH_RADIUS, by=by, bins=bins, **settings))
                for one in (peaks, highest)
            ])
            record[name][f"purity_{definition}"] = np.array([
                _counts(purity(one, heavy, _MATCH_RADIUS, **settings))[:, 0]
                for one in (peaks, highest)
            ])
    return record


def _counts(rates):
    """Return the numbers of all, of matched and of chance matches, ``(3, n_bins)``."""
    n = np.asarray(rates["n"], dtype=float)
    return np.array([n, rates["n_matched"], np.nan_to_num(rates["chance"]) * n])
