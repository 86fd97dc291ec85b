# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Axes, error bars and colors for figures other than maps."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from lensmap.utils import import_optional

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import XAxis, YAxis

__all__ = ["BLUE", "GREEN", "GRAY", "ORANGE", "logarithmic", "new_axes", "with_errors"]

# Colors that color-blind readers can also tell apart (Okabe & Ito 2008).
BLUE, ORANGE, GREEN, GRAY = "#0072b2", "#d55e00", "#009e73", "0.45"


def new_axes(ax: "Axes | None", size: tuple[float, float] = (6.4, 4.4)) -> "Axes":
    """Return the axes to draw on, in a new figure if none are given.

    Parameters
    ----------
    ax : `~matplotlib.axes.Axes` or None
        The axes to draw on; None makes a new figure.
    size : tuple of float
        The width and height of the new figure, inches.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes.
    """
    if ax is not None:
        return ax
    pyplot = import_optional("matplotlib.pyplot", purpose="a plot", install="'lensmap[plot]'")
    return pyplot.subplots(figsize=size, layout="constrained")[1]


def with_errors(
    ax: "Axes", x: ArrayLike, y: ArrayLike, error: ArrayLike | None, **style: Any
) -> None:
    """Draw points with error bars.

    Parameters
    ----------
    ax : `~matplotlib.axes.Axes`
        The axes to draw on.
    x, y : array_like
        The points, ``(n,)``.
    error : array_like or None
        The errors of y, ``(n,)``. Error bars are not drawn where the error is not finite. None
        draws no error bars.
    **style
        Further parameters of `matplotlib.axes.Axes.errorbar`.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if error is not None:
        error = np.asarray(error, dtype=float)
        error = None if not np.any(np.isfinite(error)) else np.nan_to_num(error)
    defaults = {"marker": "o", "linestyle": "none", "markersize": 4, "capsize": 2}
    ax.errorbar(x, y, error, **{**defaults, **style})


def logarithmic(axis: "XAxis | YAxis") -> None:
    """Make an axis logarithmic, with tick labels even if it spans less than a decade.

    Parameters
    ----------
    axis : `~matplotlib.axis.Axis`
        The axis, such as ``ax.xaxis``.
    """
    from matplotlib import rcParams
    from matplotlib.ticker import FuncFormatter

    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(FuncFormatter(_minor_label))
    # Minor ticks are shorter than major ticks. A larger pad aligns the labels of both.
    defaults: Any = rcParams
    name = f"{axis.axis_name}tick"
    major, minor = axis.get_tick_params("major") or {}, axis.get_tick_params("minor") or {}
    major_size = major.get("length", defaults[f"{name}.major.size"])
    minor_size = minor.get("length", defaults[f"{name}.minor.size"])
    pad = major.get("pad", defaults[f"{name}.major.pad"])
    axis.set_tick_params(which="minor", pad=pad + major_size - minor_size)


def _minor_label(value, _):
    """Return the label of a minor tick at ``value`` on a logarithmic axis.

    The label is empty unless the value is 2, 3 or 5 times a power of 10.
    """
    digit = round(value / 10 ** np.floor(np.log10(value) + 1e-9))
    return f"{value:g}" if digit in (2, 3, 5) else ""
