# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Figures of the search for filaments about a position."""

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u

from lensmap.maps import ConvergenceMap
from lensmap.plotting._axes import BLUE, GRAY, ORANGE, new_axes
from lensmap.plotting._maps import plot_map
from lensmap.utils import import_optional

if TYPE_CHECKING:
    from astropy.visualization.wcsaxes import WCSAxes
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lensmap.filaments import ArmScan

__all__ = ["arm_scan_figure", "plot_arm_directions", "plot_arm_scan"]

_N_CIRCLE = 361


def plot_arm_scan(scan: "ArmScan", ax: "Axes | None" = None) -> "Axes":
    """Draw the significance of a filament against its direction, and that of the cross component.

    Parameters
    ----------
    scan : `~lensmap.filaments.ArmScan`
        The result of `lensmap.filaments.matched_filter`. Its peaks are marked, and a line shows the
        significance that 5 per cent of skies without filaments reach in some direction.
    ax : `~matplotlib.axes.Axes` or None
        The axes to draw on; None makes a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes.
    """
    ax = new_axes(ax)
    table = scan.table
    # The curve is closed: the first direction is also the last one.
    angle = np.append(table["angle"].to_value(u.deg), 360.0)
    snr, cross = (np.append(table[name], table[name][0]) for name in ("snr", "snr_cross"))
    ax.plot(angle, cross, color=ORANGE, linestyle="--", linewidth=1, label="cross component")
    ax.plot(angle, snr, color=BLUE, label="filament")
    limit = table.meta["snr_of_false_probability"]["0.05"]
    ax.axhline(limit, color=GRAY, linestyle=":", linewidth=1,
               label="reached by 5% of skies without filaments")
    ax.axhline(0, color="black", linewidth=0.6)
    peaks = np.flatnonzero(table["is_peak"])
    ax.plot(angle[peaks], snr[peaks], "v", color=BLUE)
    for i in peaks:
        ax.annotate(rf"{angle[i]:g}$\degree$, {snr[i]:.1f} $\sigma$", (angle[i], snr[i]), (0, 7),
                    textcoords="offset points", ha="center", fontsize="small")
    ax.set_xlim(0, 360)
    ax.set_xticks(np.arange(0, 361, 45))
    ax.set_xlabel("position angle, from north through east (deg)")
    ax.set_ylabel("significance")
    ax.margins(y=0.15)
    ax.legend(fontsize="small", framealpha=0.8)
    return ax


def plot_arm_directions(
    scan: "ArmScan", kappa: ConvergenceMap, ax: "WCSAxes | None" = None, **kwargs: Any
) -> "WCSAxes":
    """Draw a map with the ring in which filaments were sought, and the directions of the peaks.

    Parameters
    ----------
    scan : `~lensmap.filaments.ArmScan`
        The result of `lensmap.filaments.matched_filter`.
    kappa : `~lensmap.ConvergenceMap`
        The map.
    ax : `~astropy.visualization.wcsaxes.WCSAxes` or None
        The axes to draw on; None makes a new figure.
    **kwargs
        Further parameters of `plot_map`.

    Returns
    -------
    `~astropy.visualization.wcsaxes.WCSAxes`
        The axes. Each peak is drawn as a strip of the width of the template's core.
    """
    ax = plot_map(kappa, ax, **kwargs)
    ax.set_autoscale_on(False)
    icrs = ax.get_transform("icrs")
    circle = np.linspace(0, 2 * np.pi, _N_CIRCLE) * u.rad

    def draw(angles, distances, **style):
        path = scan.position.directional_offset_by(angles, distances)
        ax.plot(path.ra.deg, path.dec.deg, transform=icrs, **style)

    for radius in scan.radii:
        draw(circle, radius, color="black", linewidth=1, linestyle=":")
    inner, outer = scan.radii.to_value(u.arcmin)
    half = scan.core_width.to_value(u.arcmin)
    # The corners of a strip, along and across the direction.
    along = np.array([inner, outer, outer, inner, inner])
    across = np.array([-half, -half, half, half, -half])
    offset, distance = np.arctan2(across, along) * u.rad, np.hypot(along, across) * u.arcmin
    for row in scan.table[np.asarray(scan.table["is_peak"])]:
        draw(row["angle"] + offset, distance, color="black", linewidth=1.6)
        end = scan.position.directional_offset_by(row["angle"], 1.12 * scan.radii[1])
        ax.text(end.ra.deg, end.dec.deg, rf"{row['snr']:.1f}$\,\sigma$", transform=icrs,
                ha="center", va="center", fontsize="small", clip_on=True)
    return ax


def arm_scan_figure(scan: "ArmScan", kappa: ConvergenceMap) -> "Figure":
    """Draw the significance against the direction, and a map with the directions of the peaks.

    Parameters
    ----------
    scan : `~lensmap.filaments.ArmScan`
        The result of `lensmap.filaments.matched_filter`.
    kappa : `~lensmap.ConvergenceMap`
        The map.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    pyplot = import_optional("matplotlib.pyplot", purpose="a plot", install="'lensmap[plot]'")
    figure = pyplot.figure(figsize=(12, 5), layout="constrained")
    plot_arm_scan(scan, figure.add_subplot(1, 2, 1))
    plot_arm_directions(scan, kappa, figure.add_subplot(1, 2, 2, projection=kappa.wcs))
    return figure
