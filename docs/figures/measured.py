# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The correlation with the truth by scale, and the halos found by mass, for all methods."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from astropy.table import Table

# Sphinx runs this code in its folder.
RESULTS = Path("..", "validation", "methods-z1", "results.ecsv")
METHODS = {
    "ks:tuned": ("Kaiser-Squires", "#999999", ":"),
    "wiener:tuned": ("Wiener", "#0072b2", "--"),
    "me:tuned": ("maximum entropy", "#009e73", "-"),
    "mcalens:tuned": ("MCALens", "#cc79a7", "-"),
    "sparse": ("sparse", "#e69f00", "-."),
    "apmass": ("aperture mass", "#56b4e9", ":"),
    "lensmap": ("network", "#d55e00", "-"),
}


def rows_of(results, estimator, **columns):
    """Return the rows of a method with these values, in the order of their bins."""
    chosen = results["estimator"] == estimator
    for name, value in columns.items():
        chosen &= np.ma.filled(results[name] == value, False)
    rows = results[chosen]
    rows.sort("low")
    return rows


def by_scale_and_mass():
    """Draw the correlation of map and truth by multipole, and the detection rate by halo mass."""
    results = Table.read(RESULTS, format="ascii.ecsv")
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    for estimator, (label, color, line) in METHODS.items():
        style = {"color": color, "linestyle": line, "label": label}
        scales = rows_of(results, estimator, table="by_scale", quantity="correlation")
        if len(scales):  # aperture masses are no convergence
            left.plot(scales["low"], scales["value"], **style)
        halos = rows_of(results, estimator, table="completeness", quantity="corrected",
                        definition="halo", ranking="highest")
        mass = np.sqrt(halos["low"] * halos["high"])
        shown = np.isfinite(mass) & np.isfinite(halos["value"])
        right.errorbar(
            mass[shown], halos["value"][shown], halos["error"][shown], capsize=2, **style
        )
    left.set(xscale="log", xlabel="multipole $\\ell$", ylabel="correlation with the truth",
             ylim=(0, 1))
    right.set(xscale="log", xlabel="$M_{200c}$ (solar masses)", ylabel="fraction of halos found",
              ylim=(0, 1))
    right.legend(frameon=False, fontsize=8)
    return figure
