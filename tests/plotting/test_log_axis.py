# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of `lensmap.plotting._axes.logarithmic`."""

import pytest
from matplotlib import pyplot as plt

from lensmap.plotting import logarithmic


@pytest.mark.parametrize(
    ("limits", "labels"),
    [
        ((300, 7000), ["300", "500", "1000", "2000", "3000", "5000"]),
        ((0.3, 2.5), ["0.3", "0.5", "1", "2"]),
        ((3e13, 6e14), [r"$5\times10^{13}$", "$10^{14}$", r"$2\times10^{14}$",
                        r"$5\times10^{14}$"]),
        ((2e-5, 3e-4), [r"$2\times10^{-5}$", r"$5\times10^{-5}$", "$10^{-4}$",
                        r"$2\times10^{-4}$"]),
        ((0.9e-3, 120), ["0.001", "0.01", "0.1", "1", "10", "100"]),
        ((1e-6, 2), [f"$10^{{{n}}}$" for n in range(-6, 1)]),
    ],
)
@pytest.mark.parametrize("name", ["x", "y"])
def test_the_labels_of_a_logarithmic_axis(limits, labels, name):
    figure, ax = plt.subplots()
    axis = getattr(ax, f"{name}axis")
    logarithmic(axis)
    getattr(ax, f"set_{name}lim")(*limits)
    figure.canvas.draw()
    low, high = limits
    drawn = [
        (position, label.get_text())
        for minor in (False, True)
        for position, label in zip(axis.get_ticklocs(minor=minor), axis.get_ticklabels(minor=minor),
                                   strict=True)
        if low <= position * (1 + 1e-9) and position <= high * (1 + 1e-9) and label.get_text()
    ]
    plt.close(figure)
    assert [text for _, text in sorted(drawn)] == labels
