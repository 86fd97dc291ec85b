# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The figure of a learning curve, by its content."""

import pytest
from astropy.table import Table

from lensmap.plotting import plot_learning_curve

CURVE = [{"step": 10, "loss": 0.9, "r": 0.3}, {"step": 20, "loss": 0.7, "r": 0.5}]


@pytest.mark.parametrize("curve", [CURVE, Table(CURVE)], ids=["card", "table"])
def test_shows_loss_and_correlation(curve):
    ax = plot_learning_curve(curve)
    (line,) = ax.get_lines()
    assert list(line.get_xdata()) == [10, 20] and list(line.get_ydata()) == [0.9, 0.7]
    (other,) = [one for one in ax.figure.axes if one is not ax]
    assert list(other.get_lines()[0].get_ydata()) == [0.3, 0.5]
    assert ax.get_xlabel() == "step" and "loss" in ax.get_ylabel() and "r" in other.get_ylabel()


def test_runs_that_were_checked_in_other_ways():
    ax = plot_learning_curve([{"step": 5, "loss": 1.1, "r z_s=1": 0.2}, *CURVE])
    (other,) = [one for one in ax.figure.axes if one is not ax]
    assert list(ax.get_lines()[0].get_xdata()) == [5, 10, 20]
    assert list(other.get_lines()[0].get_xdata()) == [10, 20]


def test_without_a_check_and_on_given_axes():
    from matplotlib import pyplot

    _, ax = pyplot.subplots()
    assert plot_learning_curve([{"step": 1, "loss": 2.0}], ax) is ax
    assert len(ax.figure.axes) == 1


def test_an_empty_curve():
    with pytest.raises(ValueError, match="curve must have at least one row"):
        plot_learning_curve([])
