# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The four ellipses of a convention on the sky, as lensmap itself turns them."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Ellipse

from lensmap.catalog import to_celestial

_COLORS = ("tab:blue", "tab:orange")
_COMPONENTS = ((1, 0), (0, 1), (-1, 0), (0, -1))
_DIRECTIONS = {0: "east-west", 45: "north-east to\nsouth-west", 90: "north-south",
               135: "north-west to\nsouth-east"}


def draw(convention):
    """Draw the ellipses of e1 and e2 of either sign, north up and east left."""
    figure, axes = plt.subplots(
        1, 5, figsize=(6, 1.75), width_ratios=(0.75, 1, 1, 1, 1), layout="constrained"
    )
    _compass(axes[0])
    _ellipses(axes[1:], convention)
    return figure


def all_conventions():
    """Draw the three conventions below one another."""
    figure, rows = plt.subplots(
        3, 5, figsize=(6.4, 5.2), width_ratios=(1, 1, 1, 1, 1), layout="constrained"
    )
    for axes, convention in zip(rows, ("celestial", "euclidean", "iau"), strict=True):
        _compass(axes[0])
        axes[0].set_title(f'"{convention}"', fontsize=10, fontweight="bold")
        _ellipses(axes[1:], convention)


def _ellipses(axes, convention):
    """Draw one ellipse on each of four axes."""
    for ax, (e1, e2) in zip(axes, _COMPONENTS, strict=True):
        east, north = to_celestial(np.float64(e1), np.float64(e2), convention)
        # From east through north; half of the phase of e1 + i e2.
        angle = np.degrees(np.arctan2(north, east)) / 2 % 180
        # On the page east is to the left: x is turned round.
        ellipse = Ellipse((0, 0), 1.7, 0.62, angle=180 - angle, alpha=0.35, linewidth=1.5)
        ellipse.set_color(_COLORS[e1 == 0])
        ax.add_patch(ellipse)
        along = np.radians(180 - angle)
        x, y = 0.85 * np.cos(along), 0.85 * np.sin(along)
        ax.plot([-x, x], [-y, y], color=_COLORS[e1 == 0], linewidth=1)
        ax.set_title(f"$e_{1 if e1 else 2}$ {'>' if e1 + e2 > 0 else '<'} 0")
        words = _DIRECTIONS[round(angle) % 180]
        ax.text(0, -1.05, words, ha="center", va="top", fontsize=9, linespacing=1.1)
        _frame(ax)


def _compass(ax):
    for dx, dy, name in ((0, 1, "N"), (-1, 0, "E")):
        ax.annotate("", (0.25 + dx, -0.5 + dy), (0.25, -0.5), arrowprops={"arrowstyle": "->"})
        ax.text(0.25 + 1.2 * dx, -0.5 + 1.2 * dy, name, ha="center", va="center")
    _frame(ax)


def _frame(ax):
    ax.set(xlim=(-1.15, 1.15), ylim=(-1.5, 1.0), aspect="equal")
    ax.axis("off")


def celestial():
    """Draw x to the east, y to the north."""
    draw("celestial")


def euclidean():
    """Draw x to the west."""
    draw("euclidean")


def iau():
    """Draw the position angle's convention."""
    draw("iau")
