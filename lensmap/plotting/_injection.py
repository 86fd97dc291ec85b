# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pictures of halos that were put into a catalog, and of those that came out."""

import numpy as np
from astropy import units as u

from lensmap.plotting._axes import BLUE, GREEN, GRAY, ORANGE, new_axes
from lensmap.plotting._maps import _MASKED, _label_axes
from lensmap.utils import import_optional

__all__ = ["recovery_figure", "plot_recovery_cells", "plot_recovery_masses", "plot_recovery_rate"]

_COLORS = (BLUE, ORANGE, GREEN, "#cc79a7", "#56b4e9", "#e69f00")
_MARKERS = "os^Dv<"

# More masses than this have no label each.
_MOST_TICKS = 9


def recovery_figure(recovery, *, n_cells=4):
    """Draw all that `lensmap.injection.recover_halos` says, in one figure.

    Parameters
    ----------
    recovery : `~lensmap.injection.HaloRecovery`
        The halos.
    n_cells : int
        How many cells the longer side of the map has.

    Returns
    -------
    `~matplotlib.figure.Figure`
        Completeness by mass, for each redshift; completeness by place; masses; and the peaks of
        the map, of noise, and places without a halo that count as recovered.
    """
    pyplot = import_optional("matplotlib.pyplot", purpose="a plot", install="'lensmap[plot]'")
    figure = pyplot.figure(figsize=(11, 9), layout="constrained")
    plot_recovery_rate(recovery, figure.add_subplot(2, 2, 1))
    plot_recovery_cells(recovery, figure.add_subplot(2, 2, 2, projection=recovery.wcs),
                        n_cells=n_cells)
    plot_recovery_masses(recovery, figure.add_subplot(2, 2, 3))
    _plot_peaks(recovery, figure.add_subplot(2, 2, 4))
    what = "S/N" if recovery.by == "snr" else r"$\kappa$"
    figure.suptitle(
        f"{recovery.size}, peaks above {what} of {recovery.threshold:.3g}"
    )
    return figure


def plot_recovery_rate(recovery, ax=None):
    """Draw the part of halos that is recovered against their mass, for each redshift.

    Parameters
    ----------
    recovery : `~lensmap.injection.HaloRecovery`
        The halos.
    ax : `~matplotlib.axes.Axes` or None
        Where to draw; None makes a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes. Errors are of 68 per cent; what is chance is subtracted.
    """
    ax = new_axes(ax)
    table = recovery.summary()
    redshifts = np.unique(table["redshift"])
    for i, z in enumerate(redshifts):
        rows = table[table["redshift"] == z]
        x = rows["m200c"].to_value(1e14 * u.solMass) * _aside(i, len(redshifts))
        y = np.asarray(rows["corrected"])
        error = [y - np.asarray(rows["corrected_low"]), np.asarray(rows["corrected_high"]) - y]
        ax.errorbar(x, y, np.nan_to_num(np.maximum(error, 0)), marker=_MARKERS[i % 6], capsize=2,
                    color=_COLORS[i % 6], markersize=5, linewidth=1, label=f"z = {z:g}")
    _mass_axis(ax, table)
    ax.set_ylim(-0.03, 1.03)
    ax.set_ylabel("completeness, less chance")
    ax.legend(frameon=False)
    return ax


def plot_recovery_cells(recovery, ax=None, *, n_cells=4):
    """Draw where on the map halos are recovered.

    Parameters
    ----------
    recovery : `~lensmap.injection.HaloRecovery`
        The halos.
    ax : `~astropy.visualization.wcsaxes.WCSAxes` or None
        Where to draw, on the WCS of the maps; None makes a new figure.
    n_cells : int
        How many cells the longer side of the map has.

    Returns
    -------
    `~astropy.visualization.wcsaxes.WCSAxes`
        The axes. Each cell says how many of how many halos were recovered in it, of all masses and
        redshifts; where none was put, as on masked pixels, it is gray.
    """
    pyplot = import_optional("matplotlib.pyplot", purpose="a plot", install="'lensmap[plot]'")
    if ax is None:
        figure = pyplot.figure(figsize=(6.4, 5.4), layout="constrained")
        ax = figure.add_subplot(projection=recovery.wcs)
    cells = recovery.cells(n_cells)
    shape = int(cells["row"].max()) + 1, int(cells["column"].max()) + 1
    ny, nx = recovery.wcs.array_shape
    colors = pyplot.get_cmap("viridis").with_extremes(bad=_MASKED)
    image = ax.imshow(
        np.asarray(cells["rate"]).reshape(shape), origin="lower", vmin=0, vmax=1, cmap=colors,
        extent=(-0.5, nx - 0.5, -0.5, ny - 0.5), interpolation="nearest", aspect="equal",
    )
    for cell in cells[np.asarray(cells["n"]) > 0]:
        x, y = (cell["x_low"] + cell["x_high"]) / 2, (cell["y_low"] + cell["y_high"]) / 2
        ax.text(x, y, f"{cell['n_recovered']}/{cell['n']}", ha="center", va="center",
                fontsize="small", color="white" if cell["rate"] < 0.6 else "black")
    ax.figure.colorbar(image, ax=ax, label="part that is recovered", pad=0.03, aspect=30)
    _label_axes(ax)
    return ax


def plot_recovery_masses(recovery, ax=None):
    """Draw the masses that the map has at recovered halos against the true ones.

    Parameters
    ----------
    recovery : `~lensmap.injection.HaloRecovery`
        The halos.
    ax : `~matplotlib.axes.Axes` or None
        Where to draw; None makes a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes: single halos, their means and scatter, and where both masses are equal.
    """
    ax = new_axes(ax)
    table = recovery.summary()
    redshifts = np.unique(table["redshift"])
    halos = recovery.halos[np.asarray(recovery.halos["recovered"], dtype=bool)]
    true, found = (halos[name].to_value(1e14 * u.solMass) for name in ("mass_true", "mass_map"))
    z = np.asarray(halos["redshift"])
    for i, one in enumerate(redshifts):
        here = (z == one) & np.isfinite(found)
        ax.plot(true[here], found[here], ".", color=_COLORS[i % 6], alpha=0.25, markersize=4)
        for mass in np.unique(true[here]):
            values = found[here & (true == mass)]
            scatter = np.std(values, ddof=1) if len(values) > 1 else 0.0
            ax.errorbar([mass], [values.mean()], [scatter], marker=_MARKERS[i % 6],
                        markersize=5, capsize=2, color=_COLORS[i % 6])
    top = np.nanpercentile(found, 99) if np.isfinite(found).any() else 1.0
    top = max(1.15 * float(top), 1.1 * float(np.max(true, initial=0.0)))
    ax.plot([0, top], [0, top], ":", color=GRAY, zorder=0, label="equal")
    bottom = min(0.0, float(np.nanmin(found, initial=0.0)))
    ax.set(xlim=(0, 1.15 * np.max(true, initial=top / 1.15)), ylim=(bottom, top))
    ax.set_xlabel(r"true mass within 1 Mpc, less ring ($10^{14}\,M_\odot$)")
    ax.set_ylabel(r"mass of the map ($10^{14}\,M_\odot$)")
    ax.legend(frameon=False)
    return ax


def _plot_peaks(recovery, ax):
    """Draw the density of peaks of the map, and of maps of noise."""
    rate, low, high = (value.value for value in recovery.false_positives())
    density = recovery.peak_density.value
    ax.bar([0, 1], [density, rate], color=[GRAY, ORANGE], width=0.6)
    ax.errorbar([1], [rate], [[rate - low], [high - rate]], color="black", capsize=3)
    ax.set_xticks([0, 1], ["the map\nwithout halos", "noise"])
    ax.set_xlim(-0.6, 1.6)
    for x, value in ((0, density), (1, high)):
        ax.annotate(f"{density if x == 0 else rate:.2g}", (x, value), (0, 3),
                    textcoords="offset points", ha="center")
    ax.margins(y=0.15)
    ax.set_ylabel(r"peaks above the threshold (deg$^{-2}$)")
    return ax


def _aside(i, n):
    """Return a factor that keeps the errors of several redshifts from hiding each other."""
    return 1.03 ** (i - (n - 1) / 2)


def _mass_axis(ax, table):
    """Mark the masses that there are, on a logarithmic scale if none is 0."""
    masses = np.unique(table["m200c"].to_value(1e14 * u.solMass))
    if np.all(masses > 0):
        ax.set_xscale("log")
    if len(masses) <= _MOST_TICKS:
        ax.set_xticks(masses, [f"{mass:.3g}" for mass in masses])
        ax.set_xticks([], minor=True)
    ax.set_xlabel(r"$M_{200c}$ ($10^{14}\,M_\odot$)")
