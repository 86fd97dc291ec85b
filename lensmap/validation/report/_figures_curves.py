# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pictures of a validation that are curves: pixels, scales, edges, errors.

They are drawn from the tables of `lensmap.validation.ValidationResults`, which have a row for each
estimator and bin.
"""

import numpy as np
from astropy import units as u

from lensmap.plotting import logarithmic
from lensmap.validation.report._figures_panels import (
    TRUTH,
    estimators_of,
    label_outer,
    legend_below,
    new_figure,
    rows_of,
    square_panels,
)

__all__ = [
    "plot_autocorrelations",
    "plot_by_scale",
    "plot_coverage",
    "plot_distributions",
    "plot_relations",
    "plot_residuals",
    "plot_scores",
]

# Distributions are drawn down to this: some pixels of many fields.
_LEAST_DENSITY = 1e-3


def plot_scores(summary, colors):
    """Draw the correlation with the truth and the root mean square error of each estimator.

    Parameters
    ----------
    summary : `~astropy.table.QTable`
        Of `lensmap.validation.summarize_scores`.
    colors : dict
        Of `colors_of`.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    names = [str(name) for name in summary["estimator"]]
    figure, axes = new_figure(1, 3, (9.0, 0.42 * len(names) + 1.2), sharey=True)
    places = np.arange(len(names))[::-1]
    shown = (("pearson_r", "correlation with the truth, r"), ("rmse", "RMS error of $\\kappa$"),
             ("loss", "loss L (Cha et al. 2025)"))
    for ax, (column, label) in zip(axes, shown, strict=True):
        for place, name, row in zip(places, names, summary, strict=True):
            ax.errorbar(row[column], place, xerr=row[f"{column}_err"], marker="o",
                        color=colors[name], markersize=6, capsize=3)
        ax.set_xlabel(label)
        ax.locator_params(axis="x", nbins=4)
        ax.grid(axis="x", color="0.9")
        ax.set_axisbelow(True)
    axes[0].set_yticks(places, names)
    axes[0].set_ylim(-0.7, len(names) - 0.3)
    return figure


def plot_relations(relations, edges, summary):
    """Draw the maps of each estimator against the truth, pixel by pixel (Cha et al. 2025, fig. 3).

    Parameters
    ----------
    relations : dict
        From names to numbers of pixels, ``(n, n)``, the truth along the first axis.
    edges : `numpy.ndarray`
        Of their bins, ``(n + 1,)``.
    summary : `~astropy.table.QTable`
        Of `lensmap.validation.summarize_scores`, for the slopes.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    figure, axes = square_panels(len(relations))
    slopes = {str(row["estimator"]): row["tls_slope"] for row in summary}
    middle = (edges[1:] + edges[:-1]) / 2
    reach = np.array([-0.06, 0.3])
    for ax, (name, counts) in zip(axes, relations.items(), strict=True):
        shown = np.where(counts > 0, counts, np.nan)
        ax.pcolormesh(edges, edges, shown.T, cmap="Greys", norm="log", rasterized=True)
        ax.plot(reach, reach, color="#009e73", linewidth=1, label="equal")
        n = counts.sum()
        x, y = counts.sum(axis=1) @ middle / n, counts.sum(axis=0) @ middle / n
        ax.plot(reach, y + slopes[name] * (reach - x), color="#d55e00", linestyle="--",
                label=f"total least squares, {slopes[name]:.2f}")
        # <truth | map>: on the line of equality if the map means what it says
        per_value = counts.sum(axis=0)
        enough = per_value > 300
        ax.plot((middle @ counts)[enough] / per_value[enough], middle[enough], color="#0072b2",
                linewidth=1.2, label="mean truth at a value of the map")
        ax.set(xlim=reach, ylim=reach, aspect="equal", title=name)
    label_outer(axes, r"true $\kappa$", r"$\kappa$ of the map")
    legend_below(figure, axes[0], ("equal", "total least squares", "mean truth"))
    for ax, name in zip(axes, relations, strict=True):
        ax.text(0.04, 0.96, f"TLS slope {slopes[name]:.2f}", transform=ax.transAxes, va="top")
    return figure


def plot_distributions(table, colors):
    """Draw the distribution of kappa in maps (Cha et al. 2025, fig. 4 and 8).

    Parameters
    ----------
    table : `~astropy.table.QTable`
        ``estimator``, ``bin_low``, ``bin_high``, ``pdf``, ``pdf_err``.
    colors : dict
        Of `colors_of`.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    figure, ax = new_figure()
    lowest = np.inf
    for name in dict.fromkeys(map(str, table["estimator"])):
        rows = rows_of(table, name)
        edges = np.append(rows["bin_low"], rows["bin_high"][-1])
        ax.stairs(np.where(rows["pdf"] > 0, rows["pdf"], np.nan), edges, color=colors[name],
                  label=name, linewidth=1.6 if name == TRUTH else 1.1)
        lowest = min(lowest, np.min(rows["pdf"][rows["pdf"] > 0]))
    ax.set_yscale("log")
    ax.set_ylim(0.5 * max(lowest, _LEAST_DENSITY))
    some = table["pdf"] > max(lowest, _LEAST_DENSITY)
    ax.set_xlim(table["bin_low"][some].min(), table["bin_high"][some].max())
    ax.set_xlabel(r"convergence $\kappa$")
    ax.set_ylabel(r"$p(\kappa)$")
    ax.legend(frameon=False)
    return figure


def plot_autocorrelations(table, colors):
    """Draw the autocorrelation of maps, and its ratio to that of the truth (Cha et al., fig. 5).

    Parameters
    ----------
    table : `~astropy.table.QTable`
        ``estimator``, ``theta``, ``xi``, ``xi_err``, ``xi_low``, ``xi_high``; the truth, too.
    colors : dict
        Of `colors_of`.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    figure, (ax, below) = new_figure(2, 1, (6.4, 6.0), sharex=True, height_ratios=[3, 2])
    truth = rows_of(table, TRUTH)
    theta = truth["theta"].to_value(u.arcmin)
    ax.fill_between(theta, 1e4 * truth["xi_low"], 1e4 * truth["xi_high"], color="0.85",
                    label="truth, 68 % of the fields")
    for name in (TRUTH, *estimators_of(table)):
        rows = rows_of(table, name)
        style = {"color": colors[name], "marker": ".", "linewidth": 1.1}
        ax.plot(theta, 1e4 * rows["xi"], label=name, **style)
        below.errorbar(theta, rows["xi"] / truth["xi"], rows["xi_err"] / np.abs(truth["xi"]),
                       **style)
    ax.set_yscale("log")
    logarithmic(below.xaxis)
    below.axhline(1, color="black", linewidth=0.6)
    below.set_ylim(0, 2)
    below.set_xlabel(r"separation $\theta$ (arcmin)")
    ax.set_ylabel(r"$\xi_{\kappa\kappa}(\theta)$ ($10^{-4}$)")
    below.set_ylabel("map / truth")
    ax.legend(frameon=False, fontsize="small", ncols=2)
    return figure


def plot_by_scale(table, colors):
    """Draw how maps follow the truth by multipole: correlation, and power.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        ``estimator``, ``ell``, ``correlation``, ``power_ratio`` and their errors.
    colors : dict
        Of `colors_of`.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    figure, axes = new_figure(1, 2, (9.6, 4.0), sharex=True)
    for name in estimators_of(table):
        rows = rows_of(table, name)
        for ax, column in zip(axes, ("correlation", "power_ratio"), strict=True):
            ax.errorbar(rows["ell"], rows[column], rows[f"{column}_err"], color=colors[name],
                        marker=".", linewidth=1.1, label=name)
    axes[0].set_xscale("log")
    axes[1].set_ylim(0, 1.6)
    axes[1].axhline(1, color="black", linewidth=0.6)
    for ax, label in zip(axes, ("correlation with the truth", "power of the map / of the truth"),
                         strict=True):
        ax.set_xlabel(r"multipole $\ell$")
        ax.set_ylabel(label)
    axes[0].legend(frameon=False, fontsize="small")
    return figure


def plot_residuals(table, colors, what="the edge"):
    """Draw the bias and the error of maps by the distance to where there are no data.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        ``estimator``, ``bin_low``, ``bin_high``, ``bias``, ``relative`` and their errors.
    colors : dict
        Of `colors_of`.
    what : str
        What the distance is to.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    figure, axes = new_figure(1, 2, (9.6, 4.0))
    for name in estimators_of(table):
        rows = rows_of(table, name)
        low, high = (rows[c].to_value(u.arcmin) for c in ("bin_low", "bin_high"))
        middle = np.where(np.isfinite(high), np.sqrt(np.maximum(low, 0.35) * high), 1.5 * low)
        for ax, column in zip(axes, ("bias", "relative"), strict=True):
            ax.errorbar(middle, rows[column], rows[f"{column}_err"], color=colors[name],
                        marker=".", linewidth=1.1, label=name)
    for ax, label in zip(axes, (r"mean of map $-$ truth", "RMS error / RMS of the truth"),
                         strict=True):
        logarithmic(ax.xaxis)
        ax.set_xlabel(f"distance to {what} (arcmin)")
        ax.set_ylabel(label)
    axes[0].axhline(0, color="black", linewidth=0.6)
    axes[1].axhline(1, color="black", linewidth=0.6)
    axes[1].set_ylim(0.4, min(2.2, axes[1].get_ylim()[1]))
    axes[0].legend(frameon=False, fontsize="small")
    return figure


def plot_coverage(table, colors):
    """Draw how often the truth is within the error of a map, by the kappa of the map.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        ``estimator``, ``bin_low``, ``bin_high``, ``coverage``, ``coverage_err``.
    colors : dict
        Of `colors_of`.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    figure, ax = new_figure()
    names = estimators_of(table)
    bins = rows_of(table, names[0])
    places = np.arange(len(bins))
    for i, name in enumerate(names):
        rows = rows_of(table, name)
        shift = 0.12 * (i - (len(names) - 1) / 2)
        ax.errorbar(places + shift, rows["coverage"], rows["coverage_err"], marker="o",
                    linestyle="none", capsize=2, color=colors.get(name, "black"), label=name)
    ax.axhline(0.683, color="black", linewidth=0.6)
    words = [
        f"below {row['bin_high']:g}" if np.isinf(row["bin_low"]) else
        f"above {row['bin_low']:g}" if np.isinf(row["bin_high"]) else
        f"{row['bin_low']:g} to {row['bin_high']:g}"
        for row in bins
    ]
    ax.set_xticks(places, words, fontsize="small")
    ax.set_ylim(0.4, 1)
    ax.set_xlabel(r"$\kappa$ of the map")
    ax.set_ylabel("truth within the 68 % error")
    ax.legend(frameon=False)
    return figure
