# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Peaks and filaments on pictures of maps."""

import numpy as np
from astropy import units as u

from lensmap.plotting._axes import GREEN
from lensmap.plotting._maps import plot_map

__all__ = ["plot_filaments", "plot_peaks"]


def plot_peaks(kappa, peaks, ax=None, *, labels=True, color=GREEN, **kwargs):
    """Draw a map with its peaks.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    peaks : `~astropy.table.Table`
        With the columns ``ra`` and ``dec``; ``id`` becomes the labels.
    ax : `~astropy.visualization.wcsaxes.WCSAxes` or None
        Where to draw; None makes a new figure. If it has a picture already, only the peaks are
        added.
    labels : bool
        Whether peaks are labeled.
    color : object
        Of the marks.
    **kwargs
        As for `plot_map`.

    Returns
    -------
    `~astropy.visualization.wcsaxes.WCSAxes`
        The axes.
    """
    ax = _on_map(kappa, ax, kwargs)
    from matplotlib.patheffects import withStroke

    ra, dec = (u.Quantity(peaks[name], u.deg).value for name in ("ra", "dec"))
    where = ax.get_transform("icrs")
    ax.scatter(ra, dec, s=90, marker="o", facecolor="none", edgecolor=color, linewidth=1.4,
               transform=where)
    if labels and "id" in peaks.colnames:
        for x, y, name in zip(ra, dec, peaks["id"], strict=True):
            text = ax.annotate(str(name), (x, y), (7, 5), xycoords=where,
                               textcoords="offset points", fontsize="small", weight="bold")
            text.set_path_effects([withStroke(linewidth=2, foreground="white")])
    return ax


def plot_filaments(kappa, filaments, ax=None, *, color="black", **kwargs):
    """Draw a map with its filaments.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    filaments : `~lensmap.filaments.Filaments`
        The filaments; the maxima that they join are marked, too.
    ax : `~astropy.visualization.wcsaxes.WCSAxes` or None
        As for `plot_peaks`.
    color : object
        Of the paths.
    **kwargs
        As for `plot_map`.

    Returns
    -------
    `~astropy.visualization.wcsaxes.WCSAxes`
        The axes.
    """
    ax = _on_map(kappa, ax, kwargs)
    where = ax.get_transform("icrs")
    for path in filaments.paths:
        ax.plot(path.ra.deg, path.dec.deg, color=color, linewidth=1.8, transform=where)
    maxima = filaments.maxima
    ends = [path[k] for path in filaments.paths for k in (0, -1)]
    if len(maxima) and ends:
        used = np.any([
            np.hypot((maxima["ra"].value - end.ra.deg) * np.cos(end.dec.rad),
                     maxima["dec"].value - end.dec.deg) < 1e-4 for end in ends
        ], axis=0)
        ax.scatter(maxima["ra"].value[used], maxima["dec"].value[used], s=30, facecolor="white",
                   edgecolor=color, linewidth=1.0, zorder=3, transform=where)
    return ax


def _on_map(kappa, ax, kwargs):
    """Return axes that show the map; nothing is drawn over a picture that is there."""
    if ax is not None and ax.has_data():
        return ax
    limits = plot_map(kappa, ax, **kwargs)
    limits.set_autoscale_on(False)
    return limits
