# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How many clusters maps find, by two definitions, and what masses they give them."""

import warnings

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.maps import ConvergenceMap
from lensmap.peaks import completeness, find_peaks, open_area, purity
from lensmap.profiles import projected_mass
from lensmap.scores import jackknife_of_sums, ratio_and_error
from lensmap.utils import MapWarning
from lensmap.validation._true_clusters import true_clusters

__all__ = [
    "DEFINITIONS",
    "ClusterReference",
    "measure_clusters",
    "pool_completeness",
    "pool_masses",
    "pool_purity",
]

_MASS = u.Unit("1e14 solMass")

#: What a cluster is, and the edges of the bins of its mass, in 1e14 solar masses: peaks of the true
#: map with their mass within 1 Mpc (Cha et al. 2025), or halos with their M200c.
DEFINITIONS = {
    "paper": np.array([1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 7, 40]),
    "halo": np.array([0.5, 1, 1.5, 2, 3, 5, 40]),
}

# Halos that count: nearer ones fill the field, the farther ones have nothing behind them.
_HALO_REDSHIFTS = (0.05, 1.0)

# The least mass of what makes a peak a true one.
_COUNTS_AS_CLUSTER = 1 * _MASS

# All peaks of a map, as in Cha et al. 2025; and the highest ones, to compare maps.
_DENSITY = 20 / u.deg**2
RANKINGS = ("all", "highest")

RADIUS = 2.4 * u.arcmin
Z_LENS = 0.3
_APERTURE = 1 * u.Mpc


class ClusterReference:
    """The clusters of a field, by each definition.

    Parameters
    ----------
    truth : `~lensmap.ConvergenceMap`
        The true map, with the mask of what is compared.
    halos : `~astropy.table.QTable`
        As of `lensmap.halos.halo_table`.
    z_source : float or `~lensmap.SourceRedshifts`
        The redshift of the sources.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.
    """

    def __init__(self, truth, halos, z_source, cosmology=None):
        self.truth, self.z_source, self.cosmology = truth, z_source, cosmology
        self.peaks = true_clusters(
            truth, z_lens=Z_LENS, z_source=z_source, min_mass=_COUNTS_AS_CLUSTER,
            min_separation=RADIUS, cosmology=cosmology,
        )
        near, far = _HALO_REDSHIFTS
        self.tables = {"paper": self.peaks}
        if len(halos):
            chosen = (halos["redshift"] > near) & (halos["redshift"] < far)
            self.tables["halo"] = QTable(
                {name: halos[name][chosen] for name in ("ra", "dec", "m200c")}
            )

    def masses(self, kappa):
        """Return the mass of a map about each cluster of the paper's definition.

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
            found = projected_mass(kappa, self.peaks, _APERTURE, z_lens=Z_LENS,
                                   z_source=self.z_source, cosmology=self.cosmology)
        return found["mass"].to_value(_MASS)


def measure_clusters(reference, maps, *, n_random=2, rng=0):
    """Count what maps find in a field.

    Parameters
    ----------
    reference : ClusterReference
        What is there.
    maps : list of `numpy.ndarray`
        ``(ny, nx)`` each; the mask is that of the truth.
    n_random : int
        How often peaks are moved about for the rate of chance.
    rng : int
        Where to.

    Returns
    -------
    dict
        ``mass``: of the true clusters ``(n,)``, and ``map_mass`` ``(n_maps, n)``; for each
        definition ``completeness_...``, ``(n_maps, 2, 3, n_bins)``: of all peaks and of the
        highest the numbers of clusters, of those matched and of matches by chance; and
        ``purity_...``, ``(n_maps, 2, 3)``: the same of peaks that are clusters.
    """
    truth = reference.truth
    wcs, mask = truth.wcs, truth.mask
    kappas = [ConvergenceMap(np.where(mask, np.nan, values), mask=mask, wcs=wcs)
              for values in maps]
    record = {
        "mass": reference.peaks["mass"].to_value(_MASS),
        "map_mass": np.array([reference.masses(kappa) for kappa in kappas]),
    }
    rates = {name: ([], []) for name in reference.tables}
    for kappa in kappas:
        peaks = find_peaks(kappa, 0.0, by="kappa", min_separation=RADIUS)
        highest = peaks[: round(float(_DENSITY * open_area(kappa)))]
        for name, table in reference.tables.items():
            settings = {"kappa": kappa, "n_random": n_random, "rng": rng}
            column = "mass" if name == "paper" else "m200c"
            real = table[table[column] >= _COUNTS_AS_CLUSTER]
            found, pure = zip(*(
                (completeness(some, table, RADIUS, by=column, bins=DEFINITIONS[name] * _MASS,
                              **settings),
                 purity(some, real, RADIUS, **settings))
                for some in (peaks, highest)
            ), strict=True)
            rates[name][0].append([_numbers(rate) for rate in found])
            rates[name][1].append([_numbers(rate)[:, 0] for rate in pure])
    for name, (found, pure) in rates.items():
        record[f"completeness_{name}"] = np.array(found)
        record[f"purity_{name}"] = np.array(pure)
    return record


def _numbers(rates):
    """Return how many there are, how many are matched, and how many would be by chance."""
    n = np.asarray(rates["n"], dtype=float)
    return np.array([n, rates["n_matched"], np.nan_to_num(rates["chance"]) * n])


def pool_completeness(records, which, definition, ranking):
    """Return the completeness of one of the maps over all fields.

    Parameters
    ----------
    records : list of dict
        What `measure_clusters` gave for each field.
    which : int
        The map, from 0.
    definition : {"paper", "halo"}
        What counts as a cluster.
    ranking : {"all", "highest"}
        All peaks of the map, or the highest 20 per square degree.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each bin of mass: ``bin_low``, ``bin_high`` (solar masses), ``n`` clusters,
        ``rate``, ``chance`` and ``corrected``, the completeness without chance, with ``rate_err``
        and ``corrected_err`` by the jackknife over fields.
    """
    ranking = RANKINGS.index(ranking)
    counts = np.array([r[f"completeness_{definition}"][which, ranking] for r in records])
    edges = DEFINITIONS[definition] * _MASS
    return QTable({"bin_low": edges[:-1].to(u.solMass), "bin_high": edges[1:].to(u.solMass),
                   **_rates(*np.moveaxis(counts, 1, 0))})


def pool_purity(records, which, definition, ranking):
    """Return the purity of one of the maps over all fields.

    Parameters
    ----------
    records, which, definition, ranking : object
        As for `pool_completeness`. Clusters of at least 1e14 solar masses make a peak a true one.

    Returns
    -------
    dict
        As a row of `pool_completeness`, without the bin; ``n`` is the number of peaks.
    """
    ranking = RANKINGS.index(ranking)
    counts = np.array([r[f"purity_{definition}"][which, ranking] for r in records])
    return {name: values[0] for name, values in _rates(*counts.T[:, :, np.newaxis]).items()}


def _rates(n, matched, chance):
    """Return rates and their errors from numbers by field, ``(n_fields, n_bins)`` each."""
    rate, rate_err = ratio_and_error(matched, n)
    # (rate - chance) / (1 - chance), as one ratio of sums
    corrected, corrected_err = ratio_and_error(matched - chance, n - chance)
    return {
        "n": n.sum(axis=0).astype(int),
        "rate": rate, "rate_err": rate_err,
        "chance": ratio_and_error(chance, n)[0],
        "corrected": corrected, "corrected_err": corrected_err,
    }


def pool_masses(records, which):
    r"""Return how the masses of a map follow the true ones, within 1 Mpc, over all fields.

    Parameters
    ----------
    records, which : object
        As for `pool_completeness`.

    Returns
    -------
    table : `~astropy.table.QTable`
        A row for each bin of true mass: ``bin_low``, ``bin_high`` (solar masses), ``n``, ``ratio``
        of the sums of mass in the map to true mass and ``ratio_err``, and ``scatter``, the standard
        deviation of the ratio of single clusters.
    line : dict
        ``slope`` and ``slope_err`` of the masses of the map on the true ones, as in Cha et al.
        2025, ``true_on_map`` and ``true_on_map_err``, that of the other regression, and ``r``.
    """
    edges = DEFINITIONS["paper"]
    sums, moments, ratios = [], [], []
    for record in records:
        true, found = record["mass"], record["map_mass"][which]
        good = np.isfinite(found)
        true, found = true[good], found[good]
        bins = np.clip(np.searchsorted(edges, true, side="right") - 1, 0, len(edges) - 2)
        sums.append([np.bincount(bins, part, minlength=len(edges) - 1)
                     for part in (np.ones(len(true)), true, found)])
        moments.append([len(true), true.sum(), found.sum(), (true * true).sum(),
                        (true * found).sum(), (found * found).sum()])
        ratios.append((bins, found / true))
    n, true, found = np.moveaxis(np.array(sums), 1, 0)
    ratio, ratio_err = ratio_and_error(found, true)
    bins, each = (np.concatenate(part) for part in zip(*ratios, strict=True))
    scatter = [np.std(each[bins == i]) if np.any(bins == i) else np.nan
               for i in range(len(edges) - 1)]
    table = QTable({
        "bin_low": (edges[:-1] * _MASS).to(u.solMass),
        "bin_high": (edges[1:] * _MASS).to(u.solMass),
        "n": n.sum(axis=0).astype(int), "ratio": ratio, "ratio_err": ratio_err,
        "scatter": scatter,
    })
    return table, _regression(np.array(moments))


def _regression(moments):
    def lines(sums):
        n, t, m, tt, tm, mm = np.moveaxis(sums, -1, 0)
        covariance, true, found = n * tm - t * m, n * tt - t**2, n * mm - m**2
        return np.stack([covariance / true, covariance / found,
                         covariance / np.sqrt(true * found)], axis=-1)

    (slope, other, r), errors = jackknife_of_sums(lines, moments)
    return {"slope": slope, "slope_err": errors[0], "true_on_map": other,
            "true_on_map_err": errors[1], "r": r}
