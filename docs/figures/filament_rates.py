# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How often four tests find the arms of mocks of Coma."""

from pathlib import Path

import matplotlib.pyplot as plt
from astropy.table import Table

# Sphinx runs this code in its folder.
CURVES = Path("..", "guide", "filament_rates.ecsv")
TITLES = {0: "at the direction of the arm", 15: "the highest within 15 deg of the arm"}


def curves():
    """Draw the detection rate against the false rate."""
    table = Table.read(CURVES)
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained", sharey=True)
    for ax, (angle, title) in zip(axes, TITLES.items(), strict=True):
        for column in table.colnames[1:]:
            name, place = column.split(", ")
            if place == f"{angle} deg":
                ax.plot(table["false"], table[column], label=name)
        ax.plot([0, 1], [0, 1], color="gray", linewidth=0.8, linestyle=":")
        ax.set(xlabel="false rate, per arm", xlim=(0, 1), ylim=(0, 1), title=title)
    axes[0].set_ylabel("detection rate, per arm")
    axes[0].legend(frameon=False, loc="lower right")
    return figure
