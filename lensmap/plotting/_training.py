# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Figures of network training."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from astropy.table import Table

from lensmap.plotting._axes import BLUE, ORANGE, new_axes
from lensmap.utils import ParameterError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_learning_curve"]


def plot_learning_curve(
    curve: Sequence[Mapping[str, float]] | Table, ax: "Axes | None" = None
) -> "Axes":
    """Draw the learning curve of a network.

    Parameters
    ----------
    curve : sequence of dict or `~astropy.table.Table`
        The learning curve: the item ``curve`` of `lensmap.networks.read_card`, or the table in the
        file ``curve.ecsv`` of a training. Each row has the ``step`` and the ``loss``. Rows of tests
        on fields that are not used for the training also have ``r``, the correlation with the true
        convergence.
    ax : `~matplotlib.axes.Axes` or None
        The axes to draw on; None makes a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes of the loss. The axes of ``r`` share their x axis.

    Raises
    ------
    ValueError
        If the curve is empty.
    ImportError
        If matplotlib is not installed.
    """
    rows = [{name: row[name] for name in _names(row)} for row in curve]
    if not rows:
        raise ParameterError(
            "curve", "at least one row",
            remedy="this curve is empty; continue the training until its first check",
            verb="have",
        )
    ax = new_axes(ax, (6.4, 4.0))
    steps = [row["step"] for row in rows]
    ax.plot(steps, [row["loss"] for row in rows], color=BLUE, marker=".")
    ax.set_xlabel("step")
    ax.set_ylabel("training loss", color=BLUE)
    checked = [row for row in rows if "r" in row]
    if checked:
        other = ax.twinx()
        other.plot([row["step"] for row in checked], [row["r"] for row in checked],
                   color=ORANGE, marker="s", markersize=3, linestyle="--")
        other.ticklabel_format(axis="y", useOffset=False)
        other.set_ylabel("correlation r on held-back fields", color=ORANGE)
    ax.set_title("learning curve")
    return ax


def _names(row):
    return row.colnames if hasattr(row, "colnames") else row.keys()
