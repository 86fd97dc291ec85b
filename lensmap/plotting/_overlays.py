# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Figures of maps with peaks or filaments."""

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import Table

from lensmap.maps import ConvergenceMap
from lensmap.peaks import number_and_error
from lensmap.plotting._axes import GREEN
from lensmap.plotting._maps import plot_map
from lensmap.utils import plain_label

if TYPE_CHECKING:
    from astropy.visualization.wcsaxes import WCSAxes

    from lensmap.filaments import Filaments

__all__ = ["plot_filaments", "plot_peaks"]

_HEIGHTS = {
    "snr": r"{:g}$\,\sigma$", "kappa": r"$\kappa =$ {:g}", "kappa_over_error": "{:g} errors",
}


def plot_peaks(
    kappa: ConvergenceMap,
    peaks: Table,
    ax: "WCSAxes | None" = None,
    *,
    labels: bool = True,
    color: str | tuple[float, ...] = GREEN,
    **kwargs: Any,
) -> "WCSAxes":
    """Draw a map with its peaks.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    peaks : `~astropy.table.Table`
        The peaks, with the columns ``ra``, ``dec`` and, for labels, ``id``. If its ``meta`` says
        how many of them are expected to be false, as that of `lensmap.find_peaks` does for maps
        with noise maps, a legend shows this number.
    ax : `~astropy.visualization.wcsaxes.WCSAxes` or None
        The axes to draw on; None makes a new figure. If the axes already contain data, the peaks
        are added without the map.
    labels : bool
        Whether to label peaks with their ``id``.
    color : str or tuple of float
        The color of the peak markers, as a matplotlib color.
    **kwargs
        Further parameters of `plot_map`.

    Returns
    -------
    `~astropy.visualization.wcsaxes.WCSAxes`
        The axes.
    """
    ax = _on_map(kappa, ax, kwargs)
    from matplotlib.patheffects import withStroke

    ra, dec = (u.Quantity(peaks[name], u.deg).value for name in ("ra", "dec"))
    icrs = ax.get_transform("icrs")
    ax.scatter(ra, dec, s=90, marker="o", facecolor="none", edgecolor=color, linewidth=1.4,
               transform=icrs, label=_number_of_peaks(peaks))
    if labels and "id" in peaks.colnames:
        for x, y, name in zip(ra, dec, peaks["id"], strict=True):
            text = ax.annotate(plain_label(name), (x, y), (7, 5), xycoords=icrs,
                               textcoords="offset points", fontsize="small", weight="bold")
            text.set_path_effects([withStroke(linewidth=2, foreground="white")])
    if "n_false" in peaks.meta:
        ax.legend(loc="best", fontsize="small", framealpha=0.9)
    return ax


def _number_of_peaks(peaks):
    """Return the number of peaks, and how many are expected to be false, as text of a legend."""
    name = "trough" if peaks.meta.get("troughs") else "peak"
    text = f"{len(peaks)} {name}{'' if len(peaks) == 1 else 's'}"
    meta = peaks.meta
    if "n_false" not in meta:
        return text
    if "threshold" in meta:
        side, sign = ("below", -1) if meta["troughs"] else ("above", 1)
        text += f" {side} {_HEIGHTS[meta['by']].format(sign * meta['threshold'])}"
    false = number_and_error(meta["n_false"], meta["n_false_err"])
    return f"{text}\nexpected false: {false.replace('+-', '±')}"


def plot_filaments(
    kappa: ConvergenceMap,
    filaments: "Filaments",
    ax: "WCSAxes | None" = None,
    *,
    color: str | tuple[float, ...] = "black",
    **kwargs: Any,
) -> "WCSAxes":
    """Draw a map with its filaments.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    filaments : `~lensmap.filaments.Filaments`
        The filaments. The maxima at their ends are marked.
    ax : `~astropy.visualization.wcsaxes.WCSAxes` or None
        The axes to draw on; None makes a new figure. If the axes already contain data, the
        filaments are added without the map.
    color : str or tuple of float
        The color of the filaments, as a matplotlib color.
    **kwargs
        Further parameters of `plot_map`.

    Returns
    -------
    `~astropy.visualization.wcsaxes.WCSAxes`
        The axes.
    """
    ax = _on_map(kappa, ax, kwargs)
    icrs = ax.get_transform("icrs")
    for path in filaments.paths:
        ax.plot(path.ra.deg, path.dec.deg, color=color, linewidth=1.8, transform=icrs)
    maxima = filaments.maxima
    ends = [path[k] for path in filaments.paths for k in (0, -1)]
    if len(maxima) and ends:
        is_end = np.any([
            np.hypot((maxima["ra"].value - end.ra.deg) * np.cos(end.dec.rad),
                     maxima["dec"].value - end.dec.deg) < 1e-4 for end in ends
        ], axis=0)
        ax.scatter(maxima["ra"].value[is_end], maxima["dec"].value[is_end], s=30, facecolor="white",
                   edgecolor=color, linewidth=1.0, zorder=3, transform=icrs)
    return ax


def _on_map(kappa, ax, kwargs):
    """Draw a map on axes, unless they already contain data, and return the axes.

    If ``ax`` is None, the map is drawn in a new figure. ``kwargs`` are parameters of `plot_map`.
    """
    if ax is not None and ax.has_data():
        return ax
    ax = plot_map(kappa, ax, **kwargs)
    ax.set_autoscale_on(False)
    return ax
