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

# The tick labels of axes within this range are written without powers of 10.
_PLAIN_RANGE = 3e-4, 3e5

# The longest logarithmic axis, in decades, whose minor ticks have labels.
_MAX_DECADES = 2.0


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
    axis.set_major_formatter(FuncFormatter(lambda value, _: _number_label(axis, value)))
    axis.set_minor_formatter(FuncFormatter(lambda value, _: _minor_label(axis, value)))
    # Minor ticks are shorter than major ticks. A larger pad aligns the labels of both.
    defaults: Any = rcParams
    name = f"{axis.axis_name}tick"
    major, minor = axis.get_tick_params("major") or {}, axis.get_tick_params("minor") or {}
    major_size = major.get("length", defaults[f"{name}.major.size"])
    minor_size = minor.get("length", defaults[f"{name}.minor.size"])
    pad = major.get("pad", defaults[f"{name}.major.pad"])
    axis.set_tick_params(which="minor", pad=pad + major_size - minor_size)


def _mantissa_and_exponent(value):
    exponent = int(np.floor(np.log10(value) + 1e-9))
    return round(value / 10.0**exponent), exponent


def _is_plain(axis):
    """Return whether the tick labels of an axis are written without powers of 10."""
    low, high = sorted(axis.get_view_interval())
    return low >= _PLAIN_RANGE[0] and high <= _PLAIN_RANGE[1]


def _number_label(axis, value):
    """Return the label of a tick at a digit times a power of 10."""
    if value <= 0:
        return ""
    if _is_plain(axis):
        return f"{value:g}"
    digit, exponent = _mantissa_and_exponent(value)
    power = f"10^{{{exponent}}}"
    return f"${power}$" if digit == 1 else rf"${digit}\times{power}$"


def _minor_label(axis, value):
    """Return the label of a minor tick at ``value`` on a logarithmic axis.

    On axes of up to two decades, the minor ticks at 2, 3 and 5 times a power of 10 have labels, but
    not those at 3 where the labels are long. All other labels are empty.
    """
    low, high = sorted(axis.get_view_interval())
    decades = np.log10(high / low) if low > 0 else np.inf
    labeled = (2, 3, 5) if _is_plain(axis) else (2, 5)
    if decades > _MAX_DECADES or value <= 0 or _mantissa_and_exponent(value)[0] not in labeled:
        return ""
    return _number_label(axis, value)
