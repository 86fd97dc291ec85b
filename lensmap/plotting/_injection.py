# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Figures of the recovery of injected halos."""

from typing import TYPE_CHECKING, Protocol

import numpy as np
from astropy import units as u
from astropy.table import QTable
from astropy.units import Quantity
from astropy.wcs import WCS

from lensmap.plotting._axes import BLUE, GRAY, GREEN, ORANGE, logarithmic, new_axes
from lensmap.plotting._maps import _MASKED, _label_axes
from lensmap.utils import import_optional

if TYPE_CHECKING:
    from astropy.visualization.wcsaxes import WCSAxes
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_recovery_cells", "plot_recovery_masses", "plot_recovery_rate", "recovery_figure"]

_COLORS = (BLUE, ORANGE, GREEN, "#cc79a7", "#56b4e9", "#e69f00")
_MARKERS = "os^Dv<"

# With more halo masses than this, matplotlib chooses the ticks of the mass axis.
_MAX_MASS_TICKS = 9


class _Recovery(Protocol):
    """The part of `lensmap.injection.HaloRecovery` that the figures need."""

    halos: QTable

    @property
    def size(self) -> str: ...

    @property
    def by(self) -> str: ...

    @property
    def threshold(self) -> float: ...

    @property
    def wcs(self) -> WCS: ...

    @property
    def peak_density(self) -> Quantity: ...

    def summary(self) -> QTable: ...

    def cells(self, n_cells: int) -> QTable: ...

    def false_positives(self) -> tuple[Quantity, Quantity, Quantity]: ...


def recovery_figure(recovery: _Recovery, *, n_cells: int = 4) -> "Figure":
    """Draw all results of `lensmap.injection.recover_halos` in one figure.

    Parameters
    ----------
    recovery : `~lensmap.injection.HaloRecovery`
        The injected halos and their recovery, as returned by `lensmap.injection.recover_halos`.
    n_cells : int
        The number of rectangular cells along the longer side of the map, for the completeness as a
        function of position.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure, with four panels: the completeness against mass for each redshift; the
        completeness in cells of the map; the masses of recovered halos; and the number densities of
        peaks in the map before injection and in noise-only maps.
    """
    pyplot = import_optional("matplotlib.pyplot", purpose="a plot", install="'lensmap[plot]'")
    figure = pyplot.figure(figsize=(11, 9), layout="constrained")
    plot_recovery_rate(recovery, figure.add_subplot(2, 2, 1))
    plot_recovery_cells(recovery, figure.add_subplot(2, 2, 2, projection=recovery.wcs),
                        n_cells=n_cells)
    plot_recovery_masses(recovery, figure.add_subplot(2, 2, 3))
    _plot_peaks(recovery, figure.add_subplot(2, 2, 4))
    symbol = "S/N" if recovery.by == "snr" else r"$\kappa$"
    figure.suptitle(f"{recovery.size}, peaks above {symbol} of {recovery.threshold:.3g}")
    return figure


def plot_recovery_rate(recovery: _Recovery, ax: "Axes | None" = None) -> "Axes":
    """Draw the completeness of injected halos against their mass, for each redshift.

    Parameters
    ----------
    recovery : `~lensmap.injection.HaloRecovery`
        The injected halos and their recovery, as returned by `lensmap.injection.recover_halos`.
    ax : `~matplotlib.axes.Axes` or None
        The axes to draw on; None makes a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes, with the completeness, corrected for chance matches, and its 68 per cent interval.
    """
    ax = new_axes(ax)
    table = recovery.summary()
    redshifts = np.unique(table["redshift"])
    for i, z in enumerate(redshifts):
        rows = table[table["redshift"] == z]
        x = rows["m200c"].to_value(1e14 * u.solMass) * _offset_factor(i, len(redshifts))
        y = np.asarray(rows["corrected"])
        error = [y - np.asarray(rows["corrected_low"]), np.asarray(rows["corrected_high"]) - y]
        ax.errorbar(x, y, np.nan_to_num(np.maximum(error, 0)), marker=_MARKERS[i % 6], capsize=2,
                    color=_COLORS[i % 6], markersize=5, linewidth=1, label=f"z = {z:g}")
    _mass_axis(ax, table)
    ax.set_ylim(-0.03, 1.03)
    ax.set_ylabel("completeness, corrected for chance")
    ax.legend(frameon=False)
    return ax


def plot_recovery_cells(
    recovery: _Recovery, ax: "WCSAxes | None" = None, *, n_cells: int = 4
) -> "WCSAxes":
    """Draw the fraction of recovered halos in rectangular cells of the map.

    Parameters
    ----------
    recovery : `~lensmap.injection.HaloRecovery`
        The injected halos and their recovery, as returned by `lensmap.injection.recover_halos`.
    ax : `~astropy.visualization.wcsaxes.WCSAxes` or None
        The axes to draw on, with the WCS of the maps; None makes a new figure.
    n_cells : int
        The number of cells along the longer side of the map.

    Returns
    -------
    `~astropy.visualization.wcsaxes.WCSAxes`
        The axes. Each cell is labeled with the numbers of recovered and injected halos, of all
        masses and redshifts together. Cells without injected halos, such as masked cells, are gray.
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
    ax.figure.colorbar(image, ax=ax, label="recovered fraction", pad=0.03, aspect=30)
    _label_axes(ax)
    return ax


def plot_recovery_masses(recovery: _Recovery, ax: "Axes | None" = None) -> "Axes":
    """Draw the projected masses of recovered halos, measured in the map, against the true masses.

    Parameters
    ----------
    recovery : `~lensmap.injection.HaloRecovery`
        The injected halos and their recovery, as returned by `lensmap.injection.recover_halos`.
    ax : `~matplotlib.axes.Axes` or None
        The axes to draw on; None makes a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes, with a dot for each halo, the mean and scatter for each true mass, and the line of
        equal masses.
    """
    ax = new_axes(ax)
    table = recovery.summary()
    redshifts = np.unique(table["redshift"])
    halos = recovery.halos[np.asarray(recovery.halos["recovered"], dtype=bool)]
    true, measured = (halos[name].to_value(1e14 * u.solMass) for name in ("mass_true", "mass_map"))
    halo_redshifts = np.asarray(halos["redshift"])
    for i, z in enumerate(redshifts):
        usable = (halo_redshifts == z) & np.isfinite(measured)
        ax.plot(true[usable], measured[usable], ".", color=_COLORS[i % 6], alpha=0.25, markersize=4)
        for mass in np.unique(true[usable]):
            values = measured[usable & (true == mass)]
            scatter = np.std(values, ddof=1) if len(values) > 1 else 0.0
            ax.errorbar([mass], [values.mean()], [scatter], marker=_MARKERS[i % 6],
                        markersize=5, capsize=2, color=_COLORS[i % 6])
    top = np.nanpercentile(measured, 99) if np.isfinite(measured).any() else 1.0
    top = max(1.15 * float(top), 1.1 * float(np.max(true, initial=0.0)))
    ax.plot([0, top], [0, top], ":", color=GRAY, zorder=0, label="equal")
    bottom = min(0.0, float(np.nanmin(measured, initial=0.0)))
    ax.set(xlim=(0, 1.15 * np.max(true, initial=top / 1.15)), ylim=(bottom, top))
    ax.set_xlabel(r"true mass within 1 Mpc, minus ring ($10^{14}\,M_\odot$)")
    ax.set_ylabel(r"mass in the map ($10^{14}\,M_\odot$)")
    ax.legend(frameon=False)
    return ax


def _plot_peaks(recovery, ax):
    """Draw the number densities of peaks in the map before injection and in noise-only maps."""
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


def _offset_factor(i, n):
    """Return the factor that multiplies the plotted masses of halos at the i-th of n redshifts.

    The factor shifts the points of neighboring redshifts by 3 per cent in mass, so that their error
    bars do not overlap.
    """
    return 1.03 ** (i - (n - 1) / 2)


def _mass_axis(ax, table):
    """Set up the x axis of halo masses, with a tick at each mass unless there are many.

    The axis is logarithmic if all masses are positive.
    """
    masses = np.unique(table["m200c"].to_value(1e14 * u.solMass))
    if np.all(masses > 0):
        if len(masses) == 1:  # the limits of a logarithmic axis must differ
            ax.set_xlim(masses[0] / 2, 2 * masses[0])
        logarithmic(ax.xaxis)
    if len(masses) <= _MAX_MASS_TICKS:
        ax.set_xticks(masses, [f"{mass:.3g}" for mass in masses])
        ax.set_xticks([], minor=True)
    ax.set_xlabel(r"$M_{200c}$ ($10^{14}\,M_\odot$)")
