# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Write the tables of the documentation from the results of ``lensmap validate``.

The documentation holds the ``results.ecsv`` of three validations of networks, and of three of all
methods. This script writes tables that compare them with each other and with Cha et al. 2025, as
files that pages include::

    python scripts/validation_tables.py docs/validation
"""

import argparse
from pathlib import Path

import numpy as np
from astropy.table import Table

from lensmap.validation import rounded

NAMES = ("ks150", "ks:tuned", "wiener:tuned", "h21like", "cha2025", "lensmap")
HEADINGS = ("KS, 150\"", "best KS", "Wiener", "``h21like``", "``cha2025``", "``lensmap``")

#: The slow estimators of ``--full``, each after the one that it is a variant of.
LONG = ("wiener:tuned", "wiener:tuned posterior", "h21like", "h21like x 8", "cha2025",
        "cha2025 x 8", "lensmap", "lensmap x 8", "lensmap 95 %")

#: The linear estimator that networks are compared with.
REFERENCE = "wiener:tuned"

#: The folder of each validation, and its fields.
SETUPS = {
    "paper": ":math:`z_s = 2.5`, MassiveNuS resolution",
    "z2.5": ":math:`z_s = 2.5`",
    "z1": ":math:`z_s = 1`",
}

#: All methods, as they are named in the validations of ``METHOD_SETUPS``.
METHODS = {
    "ks:tuned": "Kaiser-Squires",
    "ksplus(smoothing=1.5arcmin)": "Kaiser-Squires plus",
    "wiener:tuned": "Wiener",
    "me:tuned": "maximum entropy",
    "mcalens:tuned": "MCALens",
    "sparse": "sparse",
    "apmass": "aperture mass",
    "lensmap": "``lensmap``",
}

#: The folder of each validation of all methods.
METHOD_SETUPS = ("methods-z1", "methods-z2.5", "methods-n10")


class Results:
    """The numbers of a validation."""

    def __init__(self, path):
        self.table = Table.read(path, format="ascii.ecsv")

    def get(self, table, quantity, estimator, **place):
        """Return a number and its error."""
        rows = self.table[(self.table["table"] == table) & (self.table["quantity"] == quantity)
                          & (self.table["estimator"] == estimator)]
        for column, value in place.items():
            if isinstance(value, str):
                rows = rows[rows[column] == value]
            else:
                rows = rows[np.isclose(rows[column], value, rtol=1e-6)]
        if len(rows) == 0 and estimator == "apmass":  # it is not compared with the convergence
            return np.nan, np.nan
        if len(rows) != 1:
            raise ValueError(f"{len(rows)} rows of {table} {quantity} {estimator} {place}")
        return float(rows["value"][0]), float(rows["error"][0])

    def near(self, table, quantity, estimator, low):
        """Return the number of the bin nearest to a value, and its error."""
        rows = self.table[(self.table["table"] == table) & (self.table["quantity"] == quantity)
                          & (self.table["estimator"] == estimator)]
        row = rows[np.argmin(np.abs(np.log(rows["low"] / low)))]
        return float(row["value"]), float(row["error"])


def with_error(pair, decimals, factor=1.0):
    """Return a number with its error, with more decimals if the error would vanish."""
    value, error = rounded(factor * pair[0], factor * pair[1], decimals)
    return f"{value} ± {error}" if error else value or "--"


def brief(pair, decimals):
    """Return a number with the error of its last digits in brackets."""
    value, error = rounded(*pair, decimals)
    return f"{value}({int(error.replace('.', ''))})" if error else value or "--"


def rst_table(headings, rows, widths=None):
    """Return a list-table."""
    lines = [".. list-table::", "   :class: numbers", "   :header-rows: 1"]
    if widths is not None:
        lines.append("   :widths: " + " ".join(map(str, widths)))
    lines.append("")
    for row in (headings, *rows):
        for i, cell in enumerate(row):
            lines.append(f"   {'* -' if i == 0 else '  -'} {cell}".rstrip())
    return "\n".join([*lines, ""])


SCORES = (
    ("r", "summary", "pearson_r", 3, 1),
    ("RMSE (:math:`10^{-3}`)", "summary", "rmse", 2, 1e3),
    ("L (Cha et al. eq. 8)", "summary", "loss", 0, 1),
    ("slope of truth on map", "summary", "slope", 2, 1),
    ("truth / map where the map is above 0.1", "summary", "ratio_above", 2, 1),
    ("slope by total least squares", "summary", "tls_slope", 2, 1),
    ("the value that follows from r", "summary", "tls_slope_of_r", 2, 1),
    ("masses within 1 Mpc: r", "mass_lines", "r", 2, 1),
    ("masses within 1 Mpc: map on truth", "mass_lines", "slope", 2, 1),
)


def scores(results, rows_of=SCORES):
    """Return a table of scores, without errors."""
    rows = []
    for heading, table, quantity, decimals, factor in rows_of:
        cells = [results.get(table, quantity, name) for name in NAMES]
        rows.append([heading, *(with_error((v, np.nan), decimals, factor) for v, _ in cells)])
    return rst_table(("", *HEADINGS), rows, (34, *[11] * len(NAMES)))


def all_scores(results):
    """Return the scores of all validations."""
    parts = []
    for name, title in SETUPS.items():
        r = [results[name].get("summary", "pearson_r", one)[1] for one in NAMES]
        n = int(results[name].get("summary", "n_fields", NAMES[0])[0])
        parts += [f"{title}, {n} fields; errors of r, from field to field, {min(r):.4f} to "
                  f"{max(r):.4f}:", "", scores(results[name])]
    return "\n".join(parts)


def choosing(results):
    """Return the table for choosing an estimator."""
    paper, z1 = results["paper"], results["z1"]
    rows = []
    for name, heading in zip(NAMES, HEADINGS, strict=True):
        place = {"definition": "halo", "ranking": "highest"}
        complete = paper.get("completeness", "corrected", name, low=2e14, **place)
        rows.append([
            heading,
            brief(z1.get("summary", "pearson_r", name), 3),
            brief(paper.get("summary", "pearson_r", name), 3),
            brief(paper.get("masked", "pearson_r", name), 3),
            brief(paper.get("summary", "slope", name), 2),
            brief(complete, 2),
            brief(paper.get("purity", "corrected", name, **place), 2),
            brief(paper.get("null", "peaks_k05", name), 2),
            brief(paper.get("resources", "seconds", name), 2),
            brief(paper.get("resources", "memory", name), 2),
        ])
    headings = ("", "r, :math:`z_s = 1`", "r, :math:`z_s = 2.5`", "r, a third masked",
                "truth on map", "halos of 2 to 3e14 found", "peaks that are halos",
                "peaks of null fields above 0.05 per deg\\ :sup:`2`", "s / map", "GiB")
    return rst_table(headings, rows)


def comparison(results):
    """Return the published numbers beside those of lensmap."""
    paper = results["paper"]

    def of(table, quantity, decimals, names=("cha2025", "lensmap", "wiener:tuned"), **place):
        return [brief(paper.get(table, quantity, name, **place), decimals) for name in names]

    rows = []

    def add(quantity, published, cells, conditions):
        rows.append([quantity, published, *cells, conditions])

    add("slope by total least squares", "0.70; H21 0.47", of("summary", "tls_slope", 2),
        f"``h21like``: {brief(paper.get('summary', 'tls_slope', 'h21like'), 2)}. A calibrated map "
        "has a slope that follows from its r; more contrast increases it")
    add("loss L", "200 to 210; H21 10 to 20 % higher", of("summary", "loss", 0),
        f"``h21like``: {brief(paper.get('summary', 'loss', 'h21like'), 0)}; KS at 150\": "
        f"{brief(paper.get('summary', 'loss', 'ks150'), 0)}. L depends on the small scales of a "
        "simulation; these fields have the resolution of theirs")
    for theta, place in ((1.3, "1.3 arcmin"), (4.7, "5 arcmin"), (27.0, "27 arcmin")):
        cells = []
        for name in ("cha2025", "lensmap", "wiener:tuned"):
            xi, error = paper.near("autocorrelation", "xi", name, theta)
            truth = paper.near("autocorrelation", "xi", "truth", theta)[0]
            cells.append(brief((xi / truth, error / truth), 2))
        add(f"autocorrelation, map / truth, at {place}", "recovered but below 0.8 arcmin", cells,
            "means over fields, of maps minus their mean; the paper has medians")
    for low, high, published in ((1e14, 1.5, "0.75; KS 0.35"), (3e14, 3.5, "0.90"),
                                 (3.5e14, 4, "1.00 above 3.5e14")):
        place = {"definition": "paper", "ranking": "all", "low": low}
        chance = paper.get("completeness", "chance", "cha2025", **place)[0]
        ks = paper.get("completeness", "rate", "ks150", **place)
        add(f"completeness, {low / 1e14:g} to {high:g}e14, all peaks", published,
            of("completeness", "rate", 2, **place),
            f"KS at 150\": {brief(ks, 2)}. Not corrected for chance matches ({chance:.2f} for "
            "``cha2025``); the paper does not state its density of peaks")
        highest = {**place, "ranking": "highest"}
        add("the same, the highest 20 peaks per deg\\ :sup:`2`, corrected for chance", "--",
            of("completeness", "corrected", 2, **highest), "")
    add("masses within 1 Mpc, slope", "near 1", of("mass_lines", "slope", 2),
        "map on truth, at all true clusters, detected or not; r is "
        + ", ".join(of("mass_lines", "r", 2)))
    add("null fields, minimum of kappa", "-0.04 (text), -0.02 (caption)",
        of("null", "kappa_min", 3), "over all pixels of all fields; the paper has 1000 fields")
    add("null fields, maximum", "0.06 (text), 0.04 (caption)", of("null", "kappa_max", 3), "")
    add("null fields, mode", "-0.01", of("null", "mode", 4), "")
    add("null fields, skewness", "positive", of("null", "skewness", 2), "")
    add("r with a mask; without a mask", "stays good",
        [f"{a}; {b}" for a, b in zip(of("masked", "pearson_r", 3), of("summary", "pearson_r", 3),
                                     strict=True)],
        "a third of each field masked; the paper has the footprint of a survey of Coma")
    mass = {quantity: paper.get("coma_masses", quantity, "NFW fit")
            for quantity in ("mean", "mean_low", "mean_high", "log_ratio", "covered")}
    mean = mass["mean"][0]
    add("mass of Coma, 1e14 solar masses", "7.4 +2.4 -3.1",
        [f"mean {mean:.1f} +{mass['mean_high'][0] - mean:.1f} -{mean - mass['mean_low'][0]:.1f}",
         "", ""],
        "an NFW fit to the shear of a mock of 7.4, since their catalog is not public; mean "
        f"ln(fit / true) {brief(mass['log_ratio'], 2)}, {brief(mass['covered'], 2)} of the "
        "intervals contain the truth")
    for test, threshold in (("excess", 3.0), ("paths", 0.9)):
        place = {"definition": test, "low": threshold}
        cells = [
            f"{brief(paper.get('coma_arms', 'found', name, **place), 2)}; "
            f"{brief(paper.get('coma_arms', 'false', name, **place), 2)}"
            for name in ("cha2025", "lensmap", "wiener:tuned")
        ]
        how = ("excess of kappa above 3 sigma of other fields" if test == "excess" else
               "paths of persistence above 2 sigma along 90 per cent of an arm")
        add("arms of Coma found; found in fields without arms", "3 of 3", cells, how)
    return rst_table(
        ("quantity", "Cha et al. 2025", "``cha2025`` here", "``lensmap``", "Wiener", "conditions"),
        rows, (22, 14, 14, 14, 14, 30),
    )


def differences(results, estimator):
    """Return the differences of a network from the Wiener filter, for all validations."""
    def listed(quantity, decimals, factor=1, offset=0, sign=""):
        texts = []
        for name in ("z1", "z2.5", "paper"):
            value, error = results[name].get("contrasts", quantity, estimator,
                                             definition=REFERENCE)
            text = with_error((value + offset, error), decimals, factor)
            texts.append(text if text.startswith("-") else sign + text)
        return ", ".join(texts)

    return (f"``{estimator}``: r {listed('pearson_r', 4, sign='+')}; "
            f"RMSE {listed('rmse_ratio', 1, 100, -1, '+')} per cent; "
            f"L {listed('loss_ratio', 3)} times that of the Wiener filter.")


def networks(results):
    """Return the sentences on the networks beside the table."""
    def text(where, table, quantity, decimals, estimator="lensmap", factor=1):
        return with_error(results[where].get(table, quantity, estimator), decimals, factor)

    null = {quantity: results["paper"].get("null", quantity, "lensmap")[0]
            for quantity in ("n_fields", "kappa_low", "kappa_high", "kappa_min", "kappa_max")}
    within = {name: text(name, "summary", "coverage_68", 1, factor=100) for name in SETUPS}
    lines = [
        "Differences from the Wiener filter, field by field, at :math:`z_s = 1`, at 2.5, and at "
        "2.5 with the resolution of MassiveNuS:",
        "",
        *(f"* {differences(results, name)}" for name in ("lensmap", "cha2025", "h21like")),
        "",
        "With a third of the field masked, r of ``lensmap`` in unmasked pixels is "
        f"{text('z1', 'masked', 'pearson_r', 3)} at :math:`z_s = 1` and "
        f"{text('paper', 'masked', 'pearson_r', 3)} on fields like those of the paper. Without a "
        f"mask, it is {text('z1', 'summary', 'pearson_r', 3)} and "
        f"{text('paper', 'summary', 'pearson_r', 3)}.",
        "",
        f"The 68 per cent error bars of ``lensmap`` contain the truth in {within['z1']} per "
        f"cent of the pixels at :math:`z_s = 1`, {within['z2.5']} at 2.5 and {within['paper']} "
        "with the resolution of MassiveNuS.",
        "",
        f"On {null['n_fields']:.0f} null fields, maps by ``lensmap`` have a scatter of "
        f"{text('paper', 'null', 'rms', 4)}, and those by the Wiener filter "
        f"{text('paper', 'null', 'rms', 4, REFERENCE)}. 99.8 per cent of the pixels are between "
        f"{null['kappa_low']:.3f} and {null['kappa_high']:.3f}, and all are between "
        f"{null['kappa_min']:.3f} and {null['kappa_max']:.3f}: noise that resembles a small "
        f"cluster appears as one. There are {text('paper', 'null', 'peaks_k05', 2)} peaks per "
        f"square degree above 0.05 and {text('paper', 'null', 'peaks_k10', 3)} above 0.1 (the "
        f"Wiener filter: {text('paper', 'null', 'peaks_k05', 2, REFERENCE)} and "
        f"{text('paper', 'null', 'peaks_k10', 3, REFERENCE)}).",
        "",
    ]
    return "\n".join(lines)


def arms(results):
    """Return how often arms of mocks of Coma are found, and how often in fields without arms."""
    rows = []
    for test, threshold, words in (
        ("paths", 0.5, "path along 50 per cent"), ("paths", 0.7, "along 70 per cent"),
        ("paths", 0.9, "along 90 per cent"),
        ("excess", 2.0, "an excess of 2 sigma"), ("excess", 2.5, "of 2.5 sigma"),
        ("excess", 3.0, "of 3 sigma"),
    ):
        place = {"definition": test, "low": threshold}
        rows.append([words, *(
            brief(results["paper"].get("coma_arms", quantity, name, **place), 2)
            for name in ("wiener:tuned", "lensmap") for quantity in ("found", "false")
        )])
    headings = ("test of an arm", "Wiener, with arms", "without", "``lensmap``, with arms",
                "without")
    return rst_table(headings, rows)


def full(results):
    """Return the scores and times of slow estimators, on the fields that they were measured on."""
    paper = results["paper"]
    rows = []
    for name in LONG:
        cells = [with_error((paper.get("more", quantity, name)[0], np.nan), decimals, factor)
                 for quantity, decimals, factor in (("pearson_r", 4, 1), ("rmse", 2, 1e3),
                                                    ("coverage_68", 3, 1), ("coverage_95", 3, 1))]
        rows.append([f"``{name}``", *cells,
                     with_error(paper.get("resources", "seconds", name), 1)])
    n = int(paper.get("more", "n_fields", LONG[0])[0])
    errors = max(paper.get("more", "pearson_r", name)[1] for name in LONG)
    inside = max(paper.get("more", f"coverage_{part}", name)[1] for part, name in
                 ((68, "lensmap"), (68, "wiener:tuned posterior"), (95, "lensmap 95 %")))
    table = rst_table(("", "r", "RMSE (:math:`10^{-3}`)", "truth within 68 % errors", "95 %",
                       "s / map"), rows)
    return (f"On {n} fields of the first validation; errors of r up to {errors:.4f}, mostly "
            f"common to all, and of the fractions up to {inside:.3f}:\n\n{table}")


def methods(results):
    """Return the table of all methods."""
    z1, z25, n10 = (results[name] for name in METHOD_SETUPS)
    place = {"definition": "halo", "ranking": "highest"}
    rows = []
    for name, heading in METHODS.items():
        rows.append([
            heading,
            *(brief(one.get("summary", "pearson_r", name), 3) for one in (z1, z25, n10)),
            brief(z1.get("masked", "pearson_r", name), 3),
            with_error((z1.get("summary", "rmse", name)[0], np.nan), 2, 1e3),
            brief(z1.get("summary", "slope", name), 2),
            brief(z1.get("completeness", "corrected", name, low=2e14, **place), 2),
            brief(z1.get("purity", "corrected", name, **place), 2),
            # A threshold in convergence says nothing about aperture masses.
            "--" if name == "apmass" else brief(z1.get("null", "peaks_k05", name), 2),
        ])
    headings = ("", "r", "r, :math:`z_s = 2.5`", "r, 10 per arcmin\\ :sup:`2`",
                "r, a third masked", "RMSE (:math:`10^{-3}`)", "truth on map",
                "halos of 2 to 3e14 found", "peaks that are halos",
                "peaks of null fields above 0.05 per deg\\ :sup:`2`")
    return rst_table(headings, rows)


TABLES = {
    "methods.txt": methods,
    "scores.txt": all_scores, "choosing.txt": choosing, "comparison.txt": comparison,
    "networks.txt": networks, "arms.txt": arms, "full.txt": full,
}


def tables(folder):
    """Return the text of each file."""
    results = {name: Results(Path(folder) / name / "results.ecsv")
               for name in (*SETUPS, *METHOD_SETUPS)}
    return {name: make(results) for name, make in TABLES.items()}


def main():
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="holds the folders " + ", ".join((*SETUPS, *METHOD_SETUPS)))
    folder = Path(parser.parse_args().folder)
    for name, text in tables(folder).items():
        (folder / name).write_text(text, encoding="utf-8")
        print(f"written: {folder / name}")


if __name__ == "__main__":
    main()
