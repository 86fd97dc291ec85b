# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Figures of shear and convergence profiles, and of halo fits."""

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.plotting._axes import BLUE, GRAY, ORANGE, logarithmic, new_axes, with_errors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lensmap.profiles import NFWFit

__all__ = ["plot_azimuthal_profile", "plot_kappa_profile", "plot_shear_profile"]


def plot_shear_profile(
    profile: QTable, fit: "NFWFit | None" = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw a tangential and cross shear profile, with the best-fit halo.

    Parameters
    ----------
    profile : `~astropy.table.QTable`
        The table returned by `lensmap.profiles.shear_profile`.
    fit : `~lensmap.profiles.NFWFit` or None
        The halo fit, to this profile or to a catalog or map of the same halo. If several halos were
        fitted, only the first is drawn. None draws no fit.
    ax : `~matplotlib.axes.Axes` or None
        The axes to draw on; None makes a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes.
    """
    ax = new_axes(ax)
    radius, unit = profile["radius"].value, profile["radius"].unit
    with_errors(ax, radius, profile["g_t"], profile["g_err"], color=BLUE, label="tangential")
    # The cross shear is shifted by 3 per cent in radius, so that error bars do not overlap.
    with_errors(ax, 1.03 * radius, profile["g_x"], profile["g_err"], color=ORANGE, marker="s",
                markerfacecolor="none", label="cross")
    if fit is not None:
        curve = np.geomspace(np.nanmin(radius), np.nanmax(radius), 100)
        shear = fit.tangential_shear(curve * unit)
        ax.plot(curve, shear, color=GRAY, zorder=0, label=_fit_label(fit))
    ax.axhline(0, color="black", linewidth=0.6)
    logarithmic(ax.xaxis)
    ax.set_xlabel(f"radius ({unit.to_string()})")
    ax.set_ylabel("reduced shear")
    ax.legend(frameon=False)
    return ax


def plot_kappa_profile(profile: QTable, ax: "Axes | None" = None) -> "Axes":
    """Draw a radial convergence profile.

    Parameters
    ----------
    profile : `~astropy.table.QTable`
        The table returned by `lensmap.profiles.kappa_profile`.
    ax : `~matplotlib.axes.Axes` or None
        The axes to draw on; None makes a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes.
    """
    ax = new_axes(ax)
    with_errors(ax, profile["radius"].value, profile["kappa"], profile["kappa_err"], color=BLUE)
    ax.axhline(0, color="black", linewidth=0.6)
    logarithmic(ax.xaxis)
    ax.set_xlabel(f"radius ({profile['radius'].unit.to_string()})")
    ax.set_ylabel(r"mean convergence $\kappa$")
    return ax


def plot_azimuthal_profile(profile: QTable, ax: "Axes | None" = None) -> "Axes":
    """Draw the convergence excess as a function of direction from a position.

    Parameters
    ----------
    profile : `~astropy.table.QTable`
        The table returned by `lensmap.profiles.azimuthal_profile` or by
        `lensmap.filaments.azimuthal_excess`. The table of ``azimuthal_excess`` also contains the
        maxima of the excess and their significance, which are marked in the figure.
    ax : `~matplotlib.axes.Axes` or None
        The axes to draw on; None makes a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes.
    """
    ax = new_axes(ax)
    angle, excess = profile["angle"].to_value(u.deg), np.asarray(profile["excess"])
    error = np.nan_to_num(np.asarray(profile["excess_err"]))
    ax.fill_between(angle, excess - error, excess + error, color=BLUE, alpha=0.25, linewidth=0)
    ax.plot(angle, excess, color=BLUE)
    if "is_peak" in profile.colnames:
        peaks = np.asarray(profile["is_peak"], dtype=bool)
        ax.plot(angle[peaks], excess[peaks], "v", color=ORANGE)
        for x, y, snr in zip(angle[peaks], excess[peaks], profile["snr"][peaks], strict=True):
            ax.annotate(rf"{snr:.1f} $\sigma$", (x, y), (0, 7), textcoords="offset points",
                        ha="center", fontsize="small")
    ax.axhline(0, color="black", linewidth=0.6)
    ax.set_xlim(0, 360)
    ax.set_xticks(np.arange(0, 361, 45))
    ax.set_xlabel("position angle, from north through east (deg)")
    ax.set_ylabel(r"excess of the convergence $\Delta\kappa$")
    ax.margins(y=0.15)
    return ax


def _fit_label(fit):
    """Return the legend label of a halo fit: the mass or, if the fit failed, its upper limit."""
    value, low, high = (
        np.atleast_1d(m.to_value(u.solMass))[0]
        for m in (fit.m200c, fit.m200c_low, fit.m200c_high)
    )
    if not fit.success:
        power = int(np.floor(np.log10(high)))
        return rf"no halo; $M_{{200c}} < {high / 10**power:.1f} \times 10^{{{power}}}\,M_\odot$"
    scale = 10 ** np.floor(np.log10(value))
    value, low, high = value / scale, low / scale, high / scale
    return (
        rf"NFW, $M_{{200c}} = {value:.1f}^{{+{high - value:.1f}}}_{{-{value - low:.1f}}} \times "
        rf"10^{{{int(np.log10(scale))}}}\,M_\odot$"
    )
