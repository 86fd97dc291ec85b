# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pictures of how networks learn."""

from lensmap.utils import import_optional

__all__ = ["plot_learning_curve"]


def plot_learning_curve(curve, ax=None):
    """Draw the learning curve of a network.

    Parameters
    ----------
    curve : sequence of dict or `~astropy.table.Table`
        ``curve`` of a network's card, or what ``curve.ecsv`` holds: ``step``, ``loss`` and, where
        it was checked on fields that it did not learn from, ``r``.
    ax : `~matplotlib.axes.Axes` or None
        Where to draw; None makes a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes of the loss; those of r share its steps.

    Raises
    ------
    ValueError
        If the curve is empty.
    ImportError
        If matplotlib is not installed.
    """
    plt = import_optional("matplotlib.pyplot", purpose="a picture", install="lensmap[plot]")
    rows = [{name: row[name] for name in _names(row)} for row in curve]
    if not rows:
        raise ValueError("curve has no rows: the network has not been checked yet")
    if ax is None:
        _, ax = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    steps = [row["step"] for row in rows]
    ax.plot(steps, [row["loss"] for row in rows], color="#0072b2", marker=".")
    ax.set_xlabel("step")
    ax.set_ylabel("training loss", color="#0072b2")
    checked = [row for row in rows if "r" in row]
    if checked:
        other = ax.twinx()
        other.plot([row["step"] for row in checked], [row["r"] for row in checked],
                   color="#d55e00", marker="s", markersize=3, linestyle="--")
        other.ticklabel_format(axis="y", useOffset=False)
        other.set_ylabel("correlation r with fields not learned from", color="#d55e00")
    ax.set_title("learning curve")
    return ax


def _names(row):
    return row.colnames if hasattr(row, "colnames") else row.keys()
