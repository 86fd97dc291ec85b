# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Write the tables of the documentation from the results of ``lensmap validate``.

Three validations stand in the documentation, each as its ``results.ecsv``; this puts their numbers
beside each other, and beside those of Cha et al. 2025, as files that pages include::

    python scripts/validation_tables.py docs/validation
"""

import argparse
from pathlib import Path

import numpy as np
from astropy.table import Table

NAMES = ("ks150", "ks", "wiener", "h21like", "cha2025", "lensmap")
HEADINGS = ("KS, 150\"", "best KS", "Wiener", "``h21like``", "``cha2025``", "``lensmap``")

#: Those that ``--full`` adds, each after the one that it is made of.
LONG = ("wiener", "wiener posterior", "h21like", "h21like x 8", "cha2025", "cha2025 x 8", "lensmap",
        "lensmap x 8", "lensmap 95 %")

#: The folder of each validation, and what it is of.
SETUPS = {
    "paper": ":math:`z_s = 2.5`, MassiveNuS resolution",
    "z2.5": ":math:`z_s = 2.5`",
    "z1": ":math:`z_s = 1`",
}


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
        if len(rows) != 1:
            raise ValueError(f"{len(rows)} rows of {table} {quantity} {estimator} {place}")
        return float(rows["value"][0]), float(rows["error"][0])

    def near(self, table, quantity, estimator, low):
        """Return the number of the bin whose place is nearest to one."""
        rows = self.table[(self.table["table"] == table) & (self.table["quantity"] == quantity)
                          & (self.table["estimator"] == estimator)]
        row = rows[np.argmin(np.abs(np.log(rows["low"] / low)))]
        return float(row["value"]), float(row["error"])


def said(pair, decimals, factor=1.0):
    """Return a number with its error, with more decimals if the error would vanish."""
    value, error = factor * pair[0], factor * pair[1]
    if not np.isfinite(value):
        return "--"
    if not error > 0:  # unknown, or of a count of nothing
        return f"{value:.{decimals}f}"
    decimals = _decimals(error, decimals)
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def brief(pair, decimals):
    """Return a number with the error of its last digits in brackets."""
    value, error = pair
    if not error > 0:
        return said(pair, decimals)
    decimals = _decimals(error, decimals)
    return f"{value:.{decimals}f}({error * 10**decimals:.0f})"


def _decimals(error, least):
    """Return how many decimals show an error: at least so many, and one digit that is not 0."""
    return max(least, int(np.ceil(-np.log10(error) - np.log10(2))))


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


def scores(results, what=SCORES):
    """Return a table of scores, without errors, of which one line says the largest."""
    rows = []
    for heading, table, quantity, decimals, factor in what:
        cells = [results.get(table, quantity, name) for name in NAMES]
        rows.append([heading, *(said((v, np.nan), decimals, factor) for v, _ in cells)])
    return rst_table(("", *HEADINGS), rows, (34, *[11] * len(NAMES)))


def all_scores(found):
    """Return the scores of all validations."""
    parts = []
    for name, title in SETUPS.items():
        r = [found[name].get("summary", "pearson_r", one)[1] for one in NAMES]
        n = int(found[name].get("summary", "n_fields", NAMES[0])[0])
        parts += [f"{title}, {n} fields; errors of r, from field to field, {min(r):.4f} to "
                  f"{max(r):.4f}:", "", scores(found[name])]
    return "\n".join(parts)


def choosing(found):
    """Return what somebody needs who chooses an estimator."""
    paper, z1 = found["paper"], found["z1"]
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
                "false peaks above 0.05 per deg\\ :sup:`2`", "s / map", "GiB")
    return rst_table(headings, rows)


def comparison(found):
    """Return the published numbers beside ours."""
    paper = found["paper"]

    def of(table, quantity, decimals, names=("cha2025", "lensmap", "wiener"), **place):
        return [brief(paper.get(table, quantity, name, **place), decimals) for name in names]

    rows = []

    def add(what, published, cells, conditions):
        rows.append([what, published, *cells, conditions])

    add("slope by total least squares", "0.70; H21 0.47", of("summary", "tls_slope", 2),
        f"``h21like``: {brief(paper.get('summary', 'tls_slope', 'h21like'), 2)}. A calibrated map "
        "has a slope that follows from its r; more contrast raises it")
    add("loss L", "200 to 210; H21 10 to 20 % higher", of("summary", "loss", 0),
        f"``h21like``: {brief(paper.get('summary', 'loss', 'h21like'), 0)}; KS at 150\": "
        f"{brief(paper.get('summary', 'loss', 'ks150'), 0)}. L depends on the small scales of a "
        "simulation: ours imitates theirs, and is not theirs")
    for theta, place in ((1.3, "1.3 arcmin"), (4.7, "5 arcmin"), (27.0, "27 arcmin")):
        cells = []
        for name in ("cha2025", "lensmap", "wiener"):
            xi, error = paper.near("autocorrelation", "xi", name, theta)
            truth = paper.near("autocorrelation", "xi", "truth", theta)[0]
            cells.append(brief((xi / truth, error / truth), 2))
        add(f"autocorrelation, map / truth, at {place}", "recovered but below 0.8 arcmin", cells,
            "means over fields, of maps less their mean; theirs are medians")
    for low, high, published in ((1e14, 1.5, "0.75; KS 0.35"), (3e14, 3.5, "0.90"),
                                 (3.5e14, 4, "1.00 above 3.5e14")):
        place = {"definition": "paper", "ranking": "all", "low": low}
        chance = paper.get("completeness", "chance", "cha2025", **place)[0]
        ks = paper.get("completeness", "rate", "ks150", **place)
        add(f"completeness, {low / 1e14:g} to {high:g}e14, all peaks", published,
            of("completeness", "rate", 2, **place),
            f"KS at 150\": {brief(ks, 2)}. Of ``cha2025`` {chance:.2f} would be by chance, which "
            "is not subtracted here; their density of peaks is not known")
        highest = {**place, "ranking": "highest"}
        add("the same, the highest 20 peaks per deg\\ :sup:`2`, less chance", "--",
            of("completeness", "corrected", 2, **highest), "")
    add("masses within 1 Mpc, slope", "near 1", of("mass_lines", "slope", 2),
        "map on truth, all true clusters and not only those that are found; r is "
        + ", ".join(of("mass_lines", "r", 2)))
    add("without lensing, least kappa", "-0.04 (text), -0.02 (caption)",
        of("null", "kappa_min", 3), "of all pixels of all skies; theirs is of 1000 skies")
    add("largest", "0.06 (text), 0.04 (caption)", of("null", "kappa_max", 3), "")
    add("mode", "-0.01", of("null", "mode", 4), "")
    add("skewness", "positive", of("null", "skewness", 2), "")
    add("r with a mask; without", "stays good",
        [f"{a}; {b}" for a, b in zip(of("masked", "pearson_r", 3), of("summary", "pearson_r", 3),
                                     strict=True)],
        "a third masked at random; theirs is the footprint of a survey of Coma")
    mass = {quantity: paper.get("coma_masses", quantity, "NFW fit")
            for quantity in ("mean", "mean_low", "mean_high", "log_ratio", "covered")}
    mean = mass["mean"][0]
    add("mass of Coma, 1e14 solar masses", "7.4 +2.4 -3.1",
        [f"mean {mean:.1f} +{mass['mean_high'][0] - mean:.1f} -{mean - mass['mean_low'][0]:.1f}",
         "", ""],
        "an NFW fit to the shear of a mock of 7.4, since their catalog is not public; mean "
        f"ln(fit / true) {brief(mass['log_ratio'], 2)}, {brief(mass['covered'], 2)} of the "
        "intervals hold the truth")
    for test, threshold in (("excess", 3.0), ("paths", 0.9)):
        place = {"definition": test, "low": threshold}
        cells = [
            f"{brief(paper.get('coma_arms', 'found', name, **place), 2)}; "
            f"{brief(paper.get('coma_arms', 'false', name, **place), 2)}"
            for name in ("cha2025", "lensmap", "wiener")
        ]
        how = ("excess of kappa above 3 sigma of other skies" if test == "excess" else
               "paths of persistence above 2 sigma along 90 per cent of an arm")
        add("arms of Coma found; found where there are none", "3 of 3", cells, how)
    return rst_table(
        ("what", "Cha et al. 2025", "``cha2025`` here", "``lensmap``", "Wiener", "conditions"),
        rows, (22, 14, 14, 14, 14, 30),
    )


def networks(found):
    """Return what is said of the networks beside the table."""
    def pair(name, quantity, estimator, decimals, factor=1.0, offset=0.0):
        value, error = found[name].get("contrasts", quantity, estimator, definition="wiener")
        text = said((value + offset, error), decimals, factor)
        return text if quantity == "loss_ratio" or text.startswith("-") else f"+{text}"

    def sentence(estimator):
        r, rmse, loss = (
            [pair(name, quantity, estimator, decimals, factor, offset) for name in SETUPS]
            for quantity, decimals, factor, offset in (
                ("pearson_r", 4, 1, 0), ("rmse_ratio", 1, 100, -1), ("loss_ratio", 3, 1, 0))
        )
        order = (2, 1, 0)
        r, rmse, loss = (", ".join(part[i] for i in order) for part in (r, rmse, loss))
        return (f"``{estimator}``: r {r}; RMSE {rmse} per cent; L {loss} times that of the Wiener "
                "filter.")

    z1, paper = found["z1"], found["paper"]
    get = paper.get
    lines = [
        "Field by field beside the Wiener filter, at :math:`z_s = 1`, at 2.5, and at 2.5 with the "
        "resolution of MassiveNuS:",
        "",
        *(f"* {sentence(name)}" for name in ("lensmap", "cha2025", "h21like")),
        "",
        "Masks cost little: with a third of the field masked, r of ``lensmap`` on the open area is "
        f"{said(z1.get('masked', 'pearson_r', 'lensmap'), 3)} at :math:`z_s = 1` and "
        f"{said(get('masked', 'pearson_r', 'lensmap'), 3)} on skies like those of the paper, "
        f"beside {said(z1.get('summary', 'pearson_r', 'lensmap'), 3)} and "
        f"{said(get('summary', 'pearson_r', 'lensmap'), 3)} without a mask.",
        "",
        "The 68 per cent error bars of ``lensmap`` hold the truth in "
        f"{said(z1.get('summary', 'coverage_68', 'lensmap'), 1, 100)} per "
        "cent of the pixels at :math:`z_s = 1`, "
        f"{said(found['z2.5'].get('summary', 'coverage_68', 'lensmap'), 1, 100)} at 2.5 and "
        f"{said(get('summary', 'coverage_68', 'lensmap'), 1, 100)} with the resolution of "
        "MassiveNuS.",
        "",
        f"On {int(get('null', 'n_fields', 'lensmap')[0])} skies without lensing its map has a "
        f"scatter of {said(get('null', 'rms', 'lensmap'), 4)}, the Wiener filter's "
        f"{said(get('null', 'rms', 'wiener'), 4)}. 99.8 per cent of the pixels are between "
        f"{get('null', 'kappa_low', 'lensmap')[0]:.3f} and "
        f"{get('null', 'kappa_high', 'lensmap')[0]:.3f}, and the extremes of all are "
        f"{get('null', 'kappa_min', 'lensmap')[0]:.3f} and "
        f"{get('null', 'kappa_max', 'lensmap')[0]:.3f}: noise that looks like a small cluster is "
        "drawn as one. There are "
        f"{said(get('null', 'peaks_k05', 'lensmap'), 2)} peaks per square degree above 0.05 and "
        f"{said(get('null', 'peaks_k10', 'lensmap'), 3)} above 0.1 (the Wiener filter: "
        f"{said(get('null', 'peaks_k05', 'wiener'), 2)} and "
        f"{said(get('null', 'peaks_k10', 'wiener'), 3)}).",
        "",
    ]
    return "\n".join(lines)


def arms(found):
    """Return how often arms of the mock of Coma are found, and where there are none."""
    rows = []
    for test, threshold, words in (
        ("paths", 0.5, "paths along a half"), ("paths", 0.7, "along 70 per cent"),
        ("paths", 0.9, "along 90 per cent"),
        ("excess", 2.0, "an excess of 2 sigma"), ("excess", 2.5, "of 2.5 sigma"),
        ("excess", 3.0, "of 3 sigma"),
    ):
        place = {"definition": test, "low": threshold}
        rows.append([words, *(
            brief(found["paper"].get("coma_arms", quantity, name, **place), 2)
            for name in ("wiener", "lensmap") for quantity in ("found", "false")
        )])
    headings = ("an arm is found by", "Wiener, with arms", "without", "``lensmap``, with arms",
                "without")
    return rst_table(headings, rows)


def full(found):
    """Return what averages and samples bring, and what they cost, on the fields that have them."""
    paper = found["paper"]
    rows = []
    for name in LONG:
        cells = [said((paper.get("more", quantity, name)[0], np.nan), decimals, factor)
                 for quantity, decimals, factor in (("pearson_r", 4, 1), ("rmse", 2, 1e3),
                                                    ("coverage_68", 3, 1), ("coverage_95", 3, 1))]
        rows.append([f"``{name}``", *cells,
                     said(paper.get("resources", "seconds", name), 1)])
    n = int(paper.get("more", "n_fields", LONG[0])[0])
    errors = max(paper.get("more", "pearson_r", name)[1] for name in LONG)
    inside = max(paper.get("more", f"coverage_{part}", name)[1] for part, name in
                 ((68, "lensmap"), (68, "wiener posterior"), (95, "lensmap 95 %")))
    table = rst_table(("", "r", "RMSE (:math:`10^{-3}`)", "truth within 68 % errors", "95 %",
                       "s / map"), rows)
    return (f"On {n} fields of the first validation; errors of r up to {errors:.4f}, which all "
            f"share for the most part, and of the parts up to {inside:.3f}:\n\n{table}")


TABLES = {
    "scores.txt": all_scores, "choosing.txt": choosing, "comparison.txt": comparison,
    "networks.txt": networks, "arms.txt": arms, "full.txt": full,
}


def tables(folder):
    """Return the text of each file."""
    found = {name: Results(Path(folder) / name / "results.ecsv") for name in SETUPS}
    return {name: make(found) for name, make in TABLES.items()}


def main():
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="holds the folders " + ", ".join(SETUPS))
    folder = Path(parser.parse_args().folder)
    for name, text in tables(folder).items():
        (folder / name).write_text(text, encoding="utf-8")
        print(f"written: {folder / name}")


if __name__ == "__main__":
    main()
