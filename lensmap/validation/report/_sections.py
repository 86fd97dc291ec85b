# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The sections of a report: each takes the page, the results, and what adds a picture."""

import numpy as np

from lensmap.scores import orthogonal_slope
from lensmap.validation.measures import RELATION_EDGES, ComaSky, excess_significance, residual_map
from lensmap.validation.report._page import number

__all__ = ["SECTIONS", "colors_for"]


def colors_for(results):
    """Return the colors of all estimators.

    Parameters
    ----------
    results : ValidationResults
        The results.
    """
    from lensmap.validation.report._figures_panels import colors_of

    return colors_of([*results.names, *results.more_names])


def _by_estimator(names, table, columns):
    """Return the rows of a table in HTML: (column, decimals) each with its error."""
    rows = {str(row["estimator"]): row for row in table}
    return [
        [name, *(_cell(rows[name], column, decimals) for column, decimals in columns)]
        for name in names if name in rows
    ]


def _cell(row, column, decimals):
    value, error = row[column], None
    if f"{column}_err" in row.colnames:
        error = getattr(row[f"{column}_err"], "value", row[f"{column}_err"])
    return number(getattr(value, "value", value), error, decimals)


# Two tables, so that each can be seen without scrolling.
_SCORES = (
    (("r", "pearson_r", 4), ("RMSE", "rmse", 5), ("L", "loss", 1), ("L of H21", "loss_h21", 1)),
    (("slope", "slope", 3), ("truth/map above 0.1", "ratio_above", 3), ("TLS", "tls_slope", 3),
     ("TLS of r", "tls_slope_of_r", 3), ("in 68 %", "coverage_68", 3),
     ("in 95 %", "coverage_95", 3)),
)


def _scores_table(page, names, table):
    for columns in _SCORES:
        page.table(("", *(heading for heading, *_ in columns)),
                   _by_estimator(names, table, [(c, d) for _, c, d in columns]))


def summary(page, results, picture):
    """How near the maps are to the truth."""
    from lensmap.validation.report._figures_curves import plot_scores

    page.section(
        "How near to the truth",
        "r: correlation of pixels. RMSE: root mean square error, means removed. L: the loss of Cha "
        "et al. 2025, eq. 8, summed over 512 x 512 pixels; of H21: with exponent 1. slope: of the "
        "truth on the map, 1 if the map means what it says. TLS: slope of the map on the truth by "
        "total least squares, beside the value that a calibrated map of the same r has. in 68 %: "
        "how often the truth is within the error, where a map has one.",
    )
    _scores_table(page, results.names, results.summary)
    picture("scores", plot_scores(results.summary, colors_for(results)),
            "Correlation, error and loss, means over fields with their errors.")
    if results.contrasts is not None:
        page.text(f"Field by field against {results.best_linear}, the best linear map: the scatter "
                  "of the fields themselves, which all share, is not in these errors.")
        page.table(("", "r, difference", "RMSE, ratio", "L, ratio"), _by_estimator(
            results.names, results.contrasts,
            [("pearson_r", 4), ("rmse_ratio", 4), ("loss_ratio", 3)]))
    if results.resources is not None:
        page.text("The time of a map, when all is loaded, that of the first one in a process, and "
                  "the most memory of the process, the program included; alone on the machine.")
        page.table(("", "s", "first, s", "GiB"),
                   _by_estimator([*results.names, *results.more_names], results.resources,
                                 [("seconds", 3), ("first_seconds", 2), ("memory", 2)]))


def _examples(results, part):
    return [record["maps"] for record in results.parts[part] if "maps" in record]


def _losses(results, part, n):
    rows = results.scores[results.scores["part"] == part]
    fields = list(dict.fromkeys(rows["field"]))[:n]
    return [{str(row["estimator"]): float(row["loss"]) for row in rows[rows["field"] == field]}
            for field in fields]


def maps(page, results, picture):
    """Maps beside the truth."""
    from lensmap.validation.report._figures_maps import plot_examples, plot_residual_maps

    examples = _examples(results, "fields")
    page.section("Maps", "The first fields of the series, not chosen; L is the loss of each map.")
    picture("maps", plot_examples(examples, results.names,
                                  _losses(results, "fields", len(examples))),
            "The truth and the maps of it (Cha et al. 2025, fig. 2).")
    if results.n_fields["fields"] < 2:
        return
    records = [record["residuals"] for record in results.parts["fields"]]
    pairs = {name: residual_map(records, i) for i, name in enumerate(results.names)}
    picture("residual_maps", plot_residual_maps({n: m for n, (m, _) in pairs.items()},
                                                {n: e for n, (_, e) in pairs.items()}),
            "The mean of map less truth over all fields, in blocks of 8 x 8 pixels, in units of "
            "its error: without a bias, a twentieth of the blocks is beyond 2.")


def pixels(page, results, picture):
    """Pixels: the relation to the truth, and the distribution."""
    from lensmap.validation.report._figures_curves import plot_distributions, plot_relations

    page.section(
        "Pixel by pixel",
        "The slope by total least squares says how a figure looks; of a calibrated map it follows "
        "from r alone. Whether a value of the map is the mean truth there is the blue line.",
    )
    relations = {name: results.relation(i) for i, name in enumerate(results.names)}
    picture("relations", plot_relations(relations, RELATION_EDGES, results.summary),
            "Maps against the truth (Cha et al. 2025, fig. 3); gray: how many pixels.")
    rows = [[name, number(_slope_of_all(counts), None, 3)] for name, counts in relations.items()]
    page.text("The TLS slope of all pixels of all fields together:")
    page.table(("", "TLS"), rows)
    picture("distributions", plot_distributions(results.distribution, colors_for(results)),
            "The distribution of kappa (Cha et al. 2025, fig. 4). No map of probable mass has the "
            "distribution of the truth: where the galaxies say little, it stays near 0.")


def _slope_of_all(counts):
    middle = (RELATION_EDGES[1:] + RELATION_EDGES[:-1]) / 2
    weights = counts / counts.sum()
    x, y = weights.sum(axis=1) @ middle, weights.sum(axis=0) @ middle
    a, b = middle - x, middle - y
    return orthogonal_slope(weights.sum(axis=1) @ a**2, weights.sum(axis=0) @ b**2,
                            a @ weights @ b)


def scales(page, results, picture):
    """Scales: autocorrelation, and the relation to the truth by multipole."""
    from lensmap.validation.report._figures_curves import (
        plot_autocorrelations,
        plot_by_scale,
    )

    page.section("Scale by scale")
    picture("autocorrelation", plot_autocorrelations(results.autocorrelation, colors_for(results)),
            "The autocorrelation of kappa, means over fields (Cha et al. 2025, fig. 5).")
    picture("by_scale", plot_by_scale(results.by_scale, colors_for(results)),
            "The correlation with the truth and the power, by multipole.")


def clusters(page, results, picture):
    """Clusters: masses, completeness, purity."""
    from lensmap.validation.report._figures_clusters import (
        plot_completeness_of,
        plot_mass_relations,
    )

    page.section(
        "Clusters",
        "Two definitions, never mixed. Peaks of the true map with at least 1e14 solar masses "
        "within 1 Mpc, as if at redshift 0.3 (Cha et al. 2025); and halos with redshifts from "
        "0.05 to 1, where the simulation knows them. A peak within 2.4 arcmin is a match, one to "
        "one; the rate of chance, with the peaks moved about, is subtracted. Maps are compared at "
        "equal density of peaks, too: a map with more peaks finds more, and more that are none.",
    )
    records = [record["clusters"] for record in results.parts["fields"]]
    mass = {
        name: (np.concatenate([record["mass"] for record in records]),
               np.concatenate([record["map_mass"][i] for record in records]))
        for i, name in enumerate(results.names)
    }
    picture("masses", plot_mass_relations(mass, results.mass_lines),
            "Masses within 1 Mpc at the places of the true clusters (Cha et al. 2025, fig. 6).")
    page.table(("", "map on truth", "truth on map", "r"), _by_estimator(
        results.names, results.mass_lines, [("slope", 3), ("true_on_map", 3), ("r", 3)]))
    picture("completeness", plot_completeness_of(results.completeness, colors_for(results)),
            "Completeness by mass, without chance (Cha et al. 2025, fig. 7). The last point is "
            "of all that is heavier.")
    area = _area(results)
    for definition in results.definitions:
        page.text(f"Peaks that are clusters above 1e14 solar masses, by the definition "
                  f"{definition!r}:")
        rows = []
        for ranking in ("all", "highest"):
            table = results.purity
            table = table[(table["definition"] == definition) & (table["ranking"] == ranking)]
            for name, row in zip(results.names, table, strict=True):
                rows.append([f"{name}, {ranking} peaks", number(row["n"] / area, None, 1),
                             number(row["rate"], row["rate_err"]),
                             number(row["chance"]),
                             number(row["corrected"], row["corrected_err"])])
        page.table(("", "peaks per deg2", "purity", "chance", "less chance"), rows)


def _area(results):
    """Return the area of all fields, square degrees."""
    scale = results.records.settings["setup"]["sky"]["pixel_scale_arcmin"] / 60
    names = results.scores["estimator"] == results.names[0]
    rows = results.scores[names & (results.scores["part"] == "fields")]
    return float(np.sum(rows["n_pixels"])) * scale**2


def errors(page, results, picture):
    """Error bars."""
    from lensmap.validation.report._figures_curves import plot_coverage

    if results.coverage is None:
        return
    page.section("Error bars", "How often the truth is within the error of the map, for those that "
                 "give an error about the truth, by the kappa of the map.")
    picture("coverage", plot_coverage(results.coverage, colors_for(results)),
            "The part of the pixels within the 68 per cent error.")


def edges(page, results, picture):
    """Edges."""
    from lensmap.validation.report._figures_curves import plot_residuals

    page.section("Edges")
    picture("edges", plot_residuals(results.residuals, colors_for(results)),
            "The bias and the error of maps by the distance to the edge of the field; the last "
            "point is of all that is farther.")


def masked(page, results, picture):
    """Masked fields."""
    from lensmap.validation.report._figures_curves import plot_residuals
    from lensmap.validation.report._figures_maps import plot_examples

    if results.masked is None:
        return
    examples = _examples(results, "masked")
    fraction = results.records.settings["mask_fraction"]
    page.section("Masked fields", f"The same skies and galaxies with {100 * fraction:.0f} per cent "
                 "of each field masked: holes, and a ragged edge. Scores are of open pixels.")
    _scores_table(page, results.names, results.masked)
    picture("masked_maps", plot_examples(examples, results.names,
                                         _losses(results, "masked", len(examples))),
            "The truth and the maps of masked fields (Cha et al. 2025, fig. 9).")
    picture("masked_edges", plot_residuals(results.masked_residuals, colors_for(results),
                                           "the edge or a hole"),
            "The bias and the error of maps by the distance to where there are no data.")


def null(page, results, picture):
    """Skies without lensing."""
    from lensmap.validation.report._figures_curves import plot_distributions

    if results.null is None:
        return
    page.section("Without lensing", "What maps make of galaxies that are not lensed at all. The "
                 "mode is that of all pixels; peaks are counted above a convergence.")
    columns = (("least", "kappa_min", 3), ("0.1 %", "kappa_low", 4), ("mode", "mode", 4),
               ("rms", "rms", 4), ("99.9 %", "kappa_high", 4), ("largest", "kappa_max", 3),
               ("skewness", "skewness", 3), ("peaks > .02 per deg2", "peaks_k02", 2),
               ("> .05", "peaks_k05", 3), ("> .1", "peaks_k10", 3))
    page.table(("", *(heading for heading, *_ in columns)),
               _by_estimator(results.names, results.null, [(c, d) for _, c, d in columns]))
    picture("null", plot_distributions(results.null_distribution, colors_for(results)),
            "The distribution of kappa without lensing (Cha et al. 2025, fig. 8).")


def coma(page, results, picture):
    """The mock of Coma."""
    from lensmap.validation.report._figures_clusters import plot_arms
    from lensmap.validation.report._figures_maps import plot_cluster_maps

    records = results.parts["coma"]
    if not records:
        return
    sky = ComaSky()
    found = results.coma_masses
    page.section("A mock of Coma", "No public shear catalog of Coma is known: this is a mock of "
                 "it, a cluster at redshift 0.0231 with substructure and three arms on skies with "
                 "structure, 38 galaxies per square arcminute. Each sky is mapped with the arms "
                 "and without.")
    page.table(("NFW fit to the shear, M200c (1e14 solar masses)", ""), [
        ["true", number(found["true"], None, 2)],
        ["mean of the fits", number(found["mean"], None, 2)],
        ["their scatter", number(found["scatter"], None, 2)],
        ["mean interval", f"{found['mean_low']:.2f} to {found['mean_high']:.2f}"],
        ["mean of ln(fit / true)", number(found["log_ratio"], found["log_ratio_err"])],
        ["true mass in the interval", number(found["covered"], found["covered_err"], 2)],
    ])
    first = next(record for record in records if "maps" in record)
    maps = dict(zip(results.names, first["maps"], strict=True))
    paths = {name: first["paths"][str(i)] for i, name in enumerate(results.names)}
    picture("coma", plot_cluster_maps(maps, paths, sky.with_arms.wcs),
            "The first of them, with the paths of filaments above a persistence of 2 sigma (Cha et "
            "al. 2025, fig. 10).")
    snr = {name: excess_significance(records, i, sky)[0] for i, name in enumerate(results.names)}
    picture("arms", plot_arms(snr, sky.angles, colors_for(results)),
            "The excess of kappa by direction, 28 to 90 arcmin from the center (Cha et al. 2025, "
            "fig. 11), means over skies; dashed: the arms.")
    page.text("How often an arm is found, and how often the same test finds it where there is "
              "none: by its excess in units of the scatter of other skies, or by the part of its "
              "length that paths follow.")
    page.table(("", "test", "threshold", "found", "without arms"), [
        [str(row["estimator"]), str(row["test"]), number(row["threshold"], None, 1),
         number(row["found"], row["found_err"], 2), number(row["false"], row["false_err"], 2)]
        for row in results.coma_arms
    ])


def more(page, results, picture):
    """The estimators that take long."""
    if results.more is None:
        return
    page.section("Estimators that take long", f"On the first {results.n_fields['more']} fields, "
                 "beside the others on the same ones.")
    _scores_table(page, [*results.names, *results.more_names], results.more)


#: In the order of the page.
SECTIONS = (
    summary, maps, pixels, scales, clusters, errors, edges, masked, null, coma, more,
)
