# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Helpers shared by the figures of the report: panels, labels, legends, selection of rows."""

from lensmap.utils import import_optional
from lensmap.validation._parts import TRUTH

__all__ = [
    "estimator_legend",
    "estimators_of",
    "label_outer",
    "legend_below",
    "new_figure",
    "panels",
    "rows_of",
    "square_panels",
]


def _n_columns(n):
    """Return the number of columns in a figure of ``n`` panels, at most three."""
    return 2 if n == 4 else min(n, 3)


def rows_of(table, name, **more):
    """Return the rows of one estimator in a table.

    ``name`` is the name of the estimator. The keywords in ``more`` are names of other columns and
    the values that these must have.
    """
    chosen = table["estimator"] == name
    for column, value in more.items():
        chosen = chosen & (table[column] == value)
    return table[chosen]


def estimators_of(table):
    """Return the names of the estimators in a table, except the truth."""
    return [name for name in dict.fromkeys(map(str, table["estimator"])) if name != TRUTH]


def new_figure(n_rows=1, n_columns=1, size=(6.4, 4.4), **settings):
    """Return a new figure and its axes, like `matplotlib.pyplot.subplots`."""
    pyplot = import_optional("matplotlib.pyplot", purpose="a plot", install="'lensmap[plot]'")
    return pyplot.subplots(n_rows, n_columns, figsize=size, layout="constrained", **settings)


def panels(n, width, height, **settings):
    """Return a figure of ``n`` panels, at most three in a row, and the axes of the panels.

    ``width`` is a function that takes the number of columns of panels and returns the width of the
    figure; ``height`` is the height of one row of panels. Both are in inches.
    """
    columns = _n_columns(n)
    rows = -(-n // columns)
    figure, axes = new_figure(rows, columns, (width(columns), height * rows), squeeze=False,
                              **settings)
    axes = axes.ravel()
    for ax in axes[n:]:
        ax.set_axis_off()
    return figure, axes[:n]


def square_panels(n, size=3.2):
    """Return a figure of ``n`` square panels with common axis ranges, and the axes."""
    figure, axes = panels(n, lambda columns: size * columns, size, sharex=True, sharey=True)
    for ax in axes[-_n_columns(n) :]:
        ax.xaxis.set_tick_params(labelbottom=True)
    return figure, axes


def label_outer(axes, below, left):
    """Set the x labels of the bottom panels and the y labels of the leftmost panels.

    ``below`` is the text of the x labels, and ``left`` the text of the y labels.
    """
    columns = _n_columns(len(axes))
    for ax in axes[::columns]:
        ax.set_ylabel(left)
    for ax in axes[-columns:]:
        ax.set_xlabel(below)


def estimator_legend(figure, ax):
    """Add a legend of the estimators below all panels of a figure.

    ``ax`` is the panel whose labeled lines are listed.
    """
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False,
                  fontsize="small")


def legend_below(figure, ax, lines):
    """Add a legend of line styles below all panels.

    ``lines`` is a dict from labels to the matplotlib keywords of a line. Lines without a color are
    gray in the legend, since their color differs between panels. ``ax`` is any of the panels.
    """
    handles = [ax.plot([], [], **{"color": "0.4", **style})[0] for style in lines.values()]
    figure.legend(handles, list(lines), loc="outside lower center", ncols=4, frameon=False)
