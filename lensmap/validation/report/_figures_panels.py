# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the pictures of a validation have in common: colors, figures of panels, rows of tables."""

from lensmap.utils import import_optional

__all__ = [
    "TRUTH",
    "colors_of",
    "estimators_of",
    "label_outer",
    "legend_below",
    "new_figure",
    "panels",
    "rows_of",
    "square_panels",
]

#: The name of the true maps in the tables.
TRUTH = "truth"

# The most panels beside each other.
_MOST = 3

# Okabe & Ito 2008, the strongest last: the estimators that are of most interest come last.
_COLORS = ("#999999", "#56b4e9", "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#000000")


def colors_of(names):
    """Return the color of each estimator, the same in all pictures; the truth is black.

    Parameters
    ----------
    names : sequence of str
        The estimators.

    Returns
    -------
    dict
        From names to colors.
    """
    return {TRUTH: "black", **{name: _COLORS[i % len(_COLORS)] for i, name in enumerate(names)}}


def rows_of(table, name, **more):
    """Return the rows of one estimator, and of one value of other columns."""
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
    columns = min(n, _MOST)
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
    for ax in axes[-min(n, _MOST) :]:
        ax.xaxis.set_tick_params(labelbottom=True)
    return figure, axes


def label_outer(axes, below, left):
    """Label the lowest panels below and the first of each row at the left."""
    for ax in axes[:: min(len(axes), _MOST)]:
        ax.set_ylabel(left)
    for ax in axes[-min(len(axes), _MOST) :]:
        ax.set_xlabel(below)


def legend_below(figure, ax, labels=None):
    """Put the legend of one panel below all; ``labels`` are the beginnings that are said."""
    handles, said = ax.get_legend_handles_labels()
    if labels is not None:
        said = [next(label for label in labels if text.startswith(label)) for text in said]
    figure.legend(handles, said, loc="outside lower center", ncols=4, frameon=False)
