# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Completeness and purity of cluster detection in maps, and the accuracy of cluster masses."""

from collections.abc import Sequence

import numpy as np
from astropy import units as u
from astropy.table import QTable, vstack

from lensmap.maps import ConvergenceMap
from lensmap.scores import jackknife_of_sums, ratio_and_error
from lensmap.validation._parts import TRUTH
from lensmap.validation.measures._base import Measure, Records, table_of_each
from lensmap.validation.measures._cluster_matches import (
    DEFINITIONS,
    MASS_UNIT,
    MIN_CLUSTER_MASS,
    RANKINGS,
    ClusterReference,
    match_clusters,
)

__all__ = [
    "Clusters",
    "definitions_of",
    "detection_counts",
    "detection_difference",
    "pool_completeness",
    "pool_detection",
    "pool_masses",
    "pool_purity",
]

_CLUSTERS = {"paper": "peaks of the true map", "halo": "halos"}


class Clusters(Measure):
    """Completeness and purity of map peaks as clusters, and cluster masses within 1 proper Mpc.

    Three tables have rows for each ``definition`` of a cluster (``"paper"``, peaks of the true map
    with their projected mass, or ``"halo"``, halos with their M200c) and each ``ranking`` of peaks
    (``"all"`` peaks of the map, or the ``"highest"`` 20 per square degree). ``completeness`` is in
    bins of mass, ``detection`` is the completeness for all clusters of at least 1e14 solar masses,
    and ``purity`` is the fraction of peaks that match such a cluster. The columns are the number of
    clusters or peaks ``n``, the ``rate`` of matches, the rate of ``chance`` matches, and
    ``corrected``, the rate corrected for chance matches. These tables have maps of other quantities
    than the convergence, too, whose peaks are those of their signal-to-noise ratio.

    Two tables compare masses in the map with true masses. ``masses`` has the ``ratio`` of map to
    true mass and its ``scatter`` in bins of true mass. ``mass_lines`` has the regression slopes of
    map on true mass (``slope``) and of true on map mass (``true_on_map``), and their correlation
    ``r``.
    """

    name = "clusters"
    keys = {
        "completeness": ("definition", "ranking", "bin_low", "bin_high"),
        "detection": ("definition", "ranking"),
        "purity": ("definition", "ranking"),
        "masses": ("bin_low", "bin_high"),
        "mass_lines": (),
    }

    def measure(self, field):
        true_map = ConvergenceMap(field.truth, mask=field.mask, wcs=field.grid.wcs)
        sky = field.setup.sky
        reference = ClusterReference(
            true_map, field.observation.halos, sky.z_source, sky.cosmology
        )
        return match_clusters(reference, field.estimates, field.others, rng=field.number)

    def pool(self, records):
        if not records.has("fields"):
            return {}
        names = records.names()
        masses = {name: pool_masses(records, name) for name in names}
        tables = {
            "masses": table_of_each(names, lambda name: masses[name][0]),
            "mass_lines": table_of_each(names, lambda name: QTable([masses[name][1]])),
        }
        pools = {"completeness": pool_completeness, "detection": pool_detection,
                 "purity": pool_purity}
        for table, pool in pools.items():
            tables[table] = table_of_each(
                records.detection_names(),
                lambda name, pool=pool: _by_definition(pool, records, name),
            )
        return tables

    def conclude(self, results):
        from lensmap.validation.report._conclusions import most_complete

        records = results.records_of(self.name)
        definition = definitions_of(records)[-1]  # halos, if the simulation has them
        rates = [
            table[(table["definition"] == definition) & (table["ranking"] == "highest")]
            for table in (results.tables["detection"], results.tables["purity"])
        ]
        return most_complete(
            *rates, lambda *names: detection_difference(records, names, definition, "highest"),
            _CLUSTERS[definition],
        )

    def section(self, page, results):
        from lensmap.validation.report._figures_clusters import (
            plot_completeness_of,
            plot_mass_relations,
        )

        tables = results.tables
        page.section(
            "Clusters",
            "There are two definitions, which must not be mixed: peaks of the true map with at "
            "least 1e14 solar masses within 1 Mpc, as if at redshift 0.3 (Cha et al. 2025), and "
            "halos at redshifts 0.05 to 1, where the simulation knows them. A peak within 2.4 "
            "arcmin of a cluster is a match, one to one. Rates are corrected for chance matches, "
            "which random displacements of the peaks measure. A map with more peaks finds more "
            "clusters and has more false peaks, so maps are also compared at equal density, with "
            "the highest 20 peaks per square degree.",
        )
        records = results.records_of(self.name)
        mass = {name: tuple(np.concatenate(records.each("fields", one, "mass"))
                            for one in (TRUTH, name)) for name in results.names}
        page.figure("masses", plot_mass_relations(mass, tables["mass_lines"], page.styles),
                    "Masses within 1 Mpc at the positions of the true clusters (Cha et al. 2025, "
                    "fig. 6).")
        page.estimator_table(tables["mass_lines"], results.names, (
            ("map on truth", "slope", 3), ("truth on map", "true_on_map", 3), ("r", "r", 3)))
        page.figure("completeness", plot_completeness_of(tables["completeness"], page.styles),
                    "Completeness by mass, corrected for chance matches (Cha et al. 2025, fig. 7). "
                    "The last point is of all larger masses.")
        for definition in definitions_of(records):
            for ranking in RANKINGS:
                _detection_table(page, results, definition, ranking)


def _detection_table(page, results, definition, ranking):
    peaks = {"all": "all peaks", "highest": "the highest 20 peaks per square degree"}
    found, pure = (
        {str(row["estimator"]): row for row in results.tables[table]
         if row["definition"] == definition and row["ranking"] == ranking}
        for table in ("detection", "purity")
    )
    page.text(f"Clusters of at least 1e14 solar masses ({_CLUSTERS[definition]}), by "
              f"{peaks[ranking]}:")
    page.table(
        ("", "clusters found", "by chance", "peaks that are clusters", "by chance",
         "peaks per deg\N{SUPERSCRIPT TWO}"),
        [[name,
          page.number(found[name]["corrected"], found[name]["corrected_err"]),
          page.number(found[name]["chance"]),
          page.number(pure[name]["corrected"], pure[name]["corrected_err"]),
          page.number(pure[name]["chance"]),
          page.number(pure[name]["n"] / results.area_deg2, None, 1)]
         for name in results.detection_names],
    )


def definitions_of(records: Records) -> list[str]:
    """Return the definitions of a cluster for which the clusters of every field are known.

    Parameters
    ----------
    records : Records
        The measurements of the statistic `Clusters` in all fields.

    Returns
    -------
    list of str
        The names of the definitions: ``"paper"`` (peaks of the true map) and ``"halo"``.
    """
    name, n = records.names()[0], len(records.parts["fields"])
    return [one for one in DEFINITIONS if len(records.each("fields", name, f"purity_{one}")) == n]


def _by_definition(pool, records, name):
    tables = []
    for definition in definitions_of(records):
        for ranking in RANKINGS:
            table = pool(records, name, definition, ranking)
            for key, value in (("definition", definition), ("ranking", ranking)):
                table.add_column(np.full(len(table), value), name=key)
            tables.append(table)
    return vstack(tables, metadata_conflicts="silent")


def pool_completeness(records: Records, name: str, definition: str, ranking: str) -> QTable:
    """Return the completeness of one estimator for all fields, in bins of cluster mass.

    Parameters
    ----------
    records : Records
        The measurements of the statistic `Clusters` in all fields.
    name : str
        The name of the estimator.
    definition : {"paper", "halo"}
        The definition of a cluster: ``"paper"``, a peak of the true map with its projected mass
        within 1 proper Mpc, or ``"halo"``, a halo with its M200c.
    ranking : {"all", "highest"}
        The peaks used: all peaks of the map, or the highest 20 per square degree.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each bin, with the edges ``bin_low`` and ``bin_high`` (solar masses); ``n``, the
        number of clusters; ``rate``, the fraction of clusters that match a peak; ``chance``, the
        fraction expected to match by chance; and ``corrected``, the completeness corrected for
        chance matches. ``rate_err`` and ``corrected_err`` are jackknife errors over fields.
    """
    counts = _completeness_counts(records, name, definition, ranking)
    edges = DEFINITIONS[definition] * MASS_UNIT
    return QTable({"bin_low": edges[:-1].to(u.solMass), "bin_high": edges[1:].to(u.solMass),
                   **_rates(counts)})


def _completeness_counts(records, name, definition, ranking):
    """Return the numbers of clusters, matched clusters and chance matches for each field and bin.

    The shape is ``(n_fields, 3, n_bins)``, with bins of cluster mass.
    """
    counts = records.each("fields", name, f"completeness_{definition}")
    return np.array([one[RANKINGS.index(ranking)] for one in counts])


def detection_counts(
    records: Records, name: str, definition: str, ranking: str
) -> np.ndarray:
    """Return the numbers of massive clusters and of their matches with peaks in each field.

    Clusters of at least 1e14 solar masses count.

    Parameters
    ----------
    records : Records
        The measurements of the statistic `Clusters` in all fields.
    name : str
        The name of the estimator.
    definition : {"paper", "halo"}
        The definition of a cluster: ``"paper"``, a peak of the true map with its projected mass
        within 1 proper Mpc, or ``"halo"``, a halo with its M200c.
    ranking : {"all", "highest"}
        The peaks used: all peaks of the map, or the highest 20 per square degree.

    Returns
    -------
    `numpy.ndarray`
        The numbers of clusters, matched clusters and chance matches, ``(n_fields, 3)``.
    """
    counts = _completeness_counts(records, name, definition, ranking)
    heavy = DEFINITIONS[definition][:-1] >= MIN_CLUSTER_MASS.to_value(MASS_UNIT)
    return counts[:, :, heavy].sum(axis=-1)


def pool_detection(records: Records, name: str, definition: str, ranking: str) -> QTable:
    """Return the completeness of one estimator for all clusters of at least 1e14 solar masses.

    Parameters
    ----------
    records : Records
        The measurements of the statistic `Clusters` in all fields.
    name : str
        The name of the estimator.
    definition : {"paper", "halo"}
        The definition of a cluster: ``"paper"``, a peak of the true map with its projected mass
        within 1 proper Mpc, or ``"halo"``, a halo with its M200c.
    ranking : {"all", "highest"}
        The peaks used: all peaks of the map, or the highest 20 per square degree.

    Returns
    -------
    `~astropy.table.QTable`
        One row with ``n``, the number of clusters; ``rate``, the fraction that matches; ``chance``,
        the fraction expected to match by chance; and ``corrected``, the rate corrected for chance
        matches. ``rate_err`` and ``corrected_err`` are jackknife errors over fields.
    """
    counts = detection_counts(records, name, definition, ranking)
    return QTable(_rates(counts[:, :, np.newaxis]))


def detection_difference(
    records: Records, names: Sequence[str], definition: str, ranking: str
) -> tuple[float, float]:
    """Return the difference in completeness between two estimators, corrected for chance matches.

    Parameters
    ----------
    records : Records
        The measurements of the statistic `Clusters` in all fields.
    names : sequence of str
        The names of the two estimators.
    definition : {"paper", "halo"}
        The definition of a cluster: ``"paper"``, a peak of the true map with its projected mass
        within 1 proper Mpc, or ``"halo"``, a halo with its M200c.
    ranking : {"all", "highest"}
        The peaks used: all peaks of the map, or the highest 20 per square degree.

    Returns
    -------
    difference, error : float
        The completeness of the first minus that of the second, and its jackknife error over
        fields.
    """
    counts = [detection_counts(records, name, definition, ranking) for name in names]

    def difference(*sums):
        n, matched, chance = np.moveaxis(np.array(sums), -1, 0)
        one, other = (matched - chance) / (n - chance)
        return one - other

    estimate, error = jackknife_of_sums(difference, *counts)
    return float(estimate), float(error)


def pool_purity(records: Records, name: str, definition: str, ranking: str) -> QTable:
    """Return the purity of the peaks of one estimator in all fields.

    Purity is the fraction of peaks that match a cluster of at least 1e14 solar masses.

    Parameters
    ----------
    records : Records
        The measurements of the statistic `Clusters` in all fields.
    name : str
        The name of the estimator.
    definition : {"paper", "halo"}
        The definition of a cluster: ``"paper"``, a peak of the true map with its projected mass
        within 1 proper Mpc, or ``"halo"``, a halo with its M200c.
    ranking : {"all", "highest"}
        The peaks used: all peaks of the map, or the highest 20 per square degree.

    Returns
    -------
    `~astropy.table.QTable`
        One row with ``n``, the number of peaks; ``rate``, the fraction that matches; ``chance``,
        the fraction expected to match by chance; and ``corrected``, the rate corrected for chance
        matches. ``rate_err`` and ``corrected_err`` are jackknife errors over fields.
    """
    both = records.each("fields", name, f"purity_{definition}")
    counts = np.array([one[RANKINGS.index(ranking)] for one in both])
    return QTable(_rates(counts[:, :, np.newaxis]))


def _rates(counts):
    """Return the rates of matches and chance matches, with jackknife errors over fields.

    ``counts`` has the numbers of clusters (or peaks), matches and chance matches for each field and
    bin, ``(n_fields, 3, n_bins)``. The result is a dict of the columns ``n``, ``rate``,
    ``rate_err``, ``chance``, ``corrected`` (the rate corrected for chance matches) and
    ``corrected_err``, ``(n_bins,)`` each.
    """
    n, matched, chance = np.moveaxis(counts, 1, 0)
    rate, rate_err = ratio_and_error(matched, n)
    # (rate - chance) / (1 - chance), written as a ratio of sums over fields
    corrected, corrected_err = ratio_and_error(matched - chance, n - chance)
    return {
        "n": n.sum(axis=0).astype(int),
        "rate": rate, "rate_err": rate_err,
        "chance": ratio_and_error(chance, n)[0],
        "corrected": corrected, "corrected_err": corrected_err,
    }


def pool_masses(records: Records, name: str) -> tuple[QTable, dict[str, float]]:
    r"""Compare cluster masses within 1 proper Mpc in the maps of one estimator with true masses.

    Parameters
    ----------
    records : Records
        The measurements of the statistic `Clusters` in all fields.
    name : str
        The name of the estimator.

    Returns
    -------
    table : `~astropy.table.QTable`
        A row for each bin of true mass, with ``bin_low``, ``bin_high`` (solar masses), the number
        of clusters ``n``, ``ratio``, the sum of the masses in the map divided by the sum of the
        true masses, ``ratio_err``, and ``scatter``, the standard deviation of the ratio between
        clusters.
    line : dict
        ``slope`` and ``slope_err`` of the regression of map mass on true mass, as in Cha et al.
        2025; ``true_on_map`` and ``true_on_map_err`` of the regression of true mass on map mass;
        and the correlation ``r``.
    """
    edges = DEFINITIONS["paper"]
    sums, moments, ratios = [], [], []
    for true, estimated in zip(records.each("fields", TRUTH, "mass"),
                               records.each("fields", name, "mass"), strict=True):
        good = np.isfinite(estimated)
        true, estimated = true[good], estimated[good]
        bins = np.clip(np.searchsorted(edges, true, side="right") - 1, 0, len(edges) - 2)
        sums.append([np.bincount(bins, terms, minlength=len(edges) - 1)
                     for terms in (np.ones(len(true)), true, estimated)])
        moments.append([len(true), true.sum(), estimated.sum(), (true * true).sum(),
                        (true * estimated).sum(), (estimated * estimated).sum()])
        ratios.append((bins, estimated / true))
    n, true, estimated = np.moveaxis(np.array(sums), 1, 0)
    ratio, ratio_err = ratio_and_error(estimated, true)
    bins, each = (np.concatenate(one) for one in zip(*ratios, strict=True))
    scatter = [np.std(each[bins == i]) if np.any(bins == i) else np.nan
               for i in range(len(edges) - 1)]
    table = QTable({
        "bin_low": (edges[:-1] * MASS_UNIT).to(u.solMass),
        "bin_high": (edges[1:] * MASS_UNIT).to(u.solMass),
        "n": n.sum(axis=0).astype(int), "ratio": ratio, "ratio_err": ratio_err,
        "scatter": scatter,
    })
    return table, _regression(np.array(moments))


def _regression(moments):
    def lines(sums):
        n, t, m, tt, tm, mm = np.moveaxis(sums, -1, 0)
        covariance, true, estimated = n * tm - t * m, n * tt - t**2, n * mm - m**2
        return np.stack([covariance / true, covariance / estimated,
                         covariance / np.sqrt(true * estimated)], axis=-1)

    (slope, inverse, r), errors = jackknife_of_sums(lines, moments)
    return {"slope": slope, "slope_err": errors[0], "true_on_map": inverse,
            "true_on_map_err": errors[1], "r": r}
