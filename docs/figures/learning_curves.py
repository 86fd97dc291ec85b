# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How the bundled networks learned, from their cards: a function for each, of its name."""

from functools import partial

import matplotlib.pyplot as plt

from lensmap.networks import available_networks, read_card

# Different to all eyes (Okabe & Ito 2008).
_COLORS = ("#d55e00", "#009e73", "#cc79a7", "#e69f00")


def _draw(name):
    curve = read_card(name)["curve"]
    runs = list(dict.fromkeys(row.get("run", 1) for row in curve))
    # r, or r of one kind of fields; what else was checked stands in the card.
    names = dict.fromkeys(key for row in curve for key in row)
    measures = dict(zip((key for key in names if key.split()[0] == "r"), _COLORS, strict=False))
    _, (above, below) = plt.subplots(
        2, 1, figsize=(7, 4.6), sharex=True, layout="constrained", height_ratios=(2, 3)
    )
    for run in runs:
        rows = [row for row in curve if row.get("run", 1) == run]
        _line(above, rows, "loss", "#0072b2")
        for measure, color in measures.items():
            _line(below, [row for row in rows if measure in row], measure, color)
        if run != runs[0]:
            _begins(above, below, run, rows[0]["step"])
    for measure, color in measures.items():
        below.plot([], [], ".-", color=color, label=measure)
    above.set_ylabel("training loss")
    below.set_ylabel("correlation with the truth")
    below.set_xlabel("step")
    below.legend(frameon=False)
    below.ticklabel_format(axis="y", useOffset=False)


def _line(ax, rows, name, color):
    ax.plot([row["step"] for row in rows], [row[name] for row in rows], ".-", color=color)


def _begins(above, below, run, step):
    """Show where a run begins: it may have been checked in another way than the one before."""
    for ax in (above, below):
        ax.axvline(step, color="0.6", linewidth=0.8, linestyle="--")
    above.annotate(f"run {run}", (step, 0.93), (3, 0), va="top", color="0.3",
                   xycoords=("data", "axes fraction"), textcoords="offset points")


for _name in available_networks():
    globals()[_name] = partial(_draw, _name)
