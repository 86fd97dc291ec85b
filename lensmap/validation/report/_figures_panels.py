# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Shared parts of the report's figures: panels, labels, and rows of tables."""

from lensmap.utils import import_optional
from lensmap.validation._parts import TRUTH

__all__ = [
    "estimators_of",
    "label_outer",
    "legend_below",
    "new_figure",
    "panels",
    "rows_of",
    "square_panels",
]

_MAX_COLUMNS = 3


def rows_of(table, name, **more):
    """Return the rows of one estimator, with given values of other columns."""
    chosen = table["estimator"] == name
    for column, value in more.items():
        chosen = chosen & (table[column] == value)
    return table[chosen]


def estimators_of(table):
    """Return the names of the estimators of a table, without the truth."""
    return [name for name in dict.fromkeys(map(str, table["estimator"])) if name != TRUTH]


def new_figure(n_rows=1, n_columns=1, size=(6.4, 4.4), **settings):
    """Return a figure and its axes, as `matplotlib.pyplot.subplots` does."""
    pyplot = import_optional("matplotlib.pyplot", purpose="a plot", install="'lensmap[plot]'")
    return pyplot.subplots(n_rows, n_columns, figsize=size, layout="constrained", **settings)


def panels(n, width, height, **settings):
    """Return a figure of n panels, at most three in a row, and the panels."""
    columns = min(n, _MAX_COLUMNS)
    rows = -(-n // columns)
    figure, axes = new_figure(rows, columns, (width(columns), height * rows), squeeze=False,
                              **settings)
    axes = axes.ravel()
    for ax in axes[n:]:
        ax.set_axis_off()
    return figure, axes[:n]


def square_panels(n, size=3.2):
    """Return a figure of n equal panels with the same axes, and the panels."""
    figure, axes = panels(n, lambda columns: size * columns, size, sharex=True, sharey=True)
    for ax in axes[-min(n, _MAX_COLUMNS) :]:
        ax.xaxis.set_tick_params(labelbottom=True)
    return figure, axes


def label_outer(axes, below, left):
    """Label the lowest panels below, and the first of each row at the left."""
    for ax in axes[:: min(len(axes), _MAX_COLUMNS)]:
        ax.set_ylabel(left)
    for ax in axes[-min(len(axes), _MAX_COLUMNS) :]:
        ax.set_xlabel(below)


def legend_below(figure, ax, **settings):
    """Put the legend of one panel below all."""
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, **settings)
