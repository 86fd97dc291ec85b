# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Axes for pictures that are no maps, and the colors of what is drawn on them."""

import numpy as np

from lensmap.utils import import_optional

__all__ = ["BLUE", "GREEN", "GRAY", "ORANGE", "logarithmic", "new_axes", "with_errors"]

# Colors that are different to all eyes (Okabe & Ito 2008).
BLUE, ORANGE, GREEN, GRAY = "#0072b2", "#d55e00", "#009e73", "0.45"


def new_axes(ax, size=(6.4, 4.4)):
    """Return the axes that were given, or those of a new figure.

    Parameters
    ----------
    ax : `~matplotlib.axes.Axes` or None
        Where to draw; None makes a new figure.
    size : tuple of float
        Its width and height, inches.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes.
    """
    if ax is not None:
        return ax
    pyplot = import_optional("matplotlib.pyplot", purpose="a plot", install="'lensmap[plot]'")
    return pyplot.subplots(figsize=size, layout="constrained")[1]


def with_errors(ax, x, y, error, **style):
    """Draw points with their errors, if they have any.

    Parameters
    ----------
    ax : `~matplotlib.axes.Axes`
        Where to draw.
    x, y : array_like
        The points.
    error : array_like or None
        Of y; those that are not finite are not drawn.
    **style
        As for `matplotlib.axes.Axes.errorbar`.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if error is not None:
        error = np.asarray(error, dtype=float)
        error = None if not np.any(np.isfinite(error)) else np.nan_to_num(error)
    defaults = {"marker": "o", "linestyle": "none", "markersize": 4, "capsize": 2}
    ax.errorbar(x, y, error, **{**defaults, **style})


def logarithmic(axis):
    """Make an axis logarithmic, with plain numbers also where it has less than a decade.

    Parameters
    ----------
    axis : `~matplotlib.axis.Axis`
        The axis, such as ``ax.xaxis``.
    """
    from matplotlib import rcParams
    from matplotlib.ticker import FuncFormatter

    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(FuncFormatter(_some))
    # All labels in one line, though minor ticks are shorter.
    major, minor = (axis.get_tick_params(which=which) for which in ("major", "minor"))
    name = f"{axis.axis_name}tick"
    size = [given.get("length", rcParams[f"{name}.{which}.size"])
            for given, which in ((major, "major"), (minor, "minor"))]
    pad = major.get("pad", rcParams[f"{name}.major.pad"])
    axis.set_tick_params(which="minor", pad=pad + size[0] - size[1])


def _some(value, _):
    """Label 2, 3 and 5 of each decade."""
    digit = round(value / 10 ** np.floor(np.log10(value) + 1e-9))
    return f"{value:g}" if digit in (2, 3, 5) else ""
