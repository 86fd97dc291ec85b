# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Figures of scores, pixel distributions, autocorrelations, residuals and coverage.

Most functions take a table of `lensmap.validation.ValidationResults`, with a row for each estimator
and bin.
"""

import numpy as np
from astropy import units as u

from lensmap.plotting import logarithmic
from lensmap.utils import plain_label
from lensmap.validation._parts import TRUTH
from lensmap.validation.report._figures_panels import (
    estimator_legend,
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

# Lowest probability density in plots of distributions, equivalent to a few pixels in many fields.
_MIN_DENSITY = 1e-3

# The mean truth at a value of the map is plotted only for bins with more pixels than this.
_MIN_PIXELS = 300

# Line styles in plots of maps against the truth.
_EQUAL = {"color": "black", "linewidth": 0.8}
_TLS = {"linestyle": "--", "linewidth": 1.4}
_MEAN_TRUTH = {"linewidth": 2.0}


def plot_scores(summary, styles):
    """Plot the scores of each estimator: correlation, RMS error and weighted squared error.

    Parameters
    ----------
    summary : `~astropy.table.QTable`
        The mean scores, as returned by `lensmap.validation.summarize_scores`.
    styles : dict
        The plot style of each estimator, keyed by its name, as returned by `styles_of`.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    names = [str(name) for name in summary["estimator"]]
    figure, axes = new_figure(1, 3, (9.0, 0.42 * len(names) + 1.2), sharey=True)
    heights = np.arange(len(names))[::-1]
    panels = (("pearson_r", "correlation with the truth, r"), ("rmse", "RMS error of $\\kappa$"),
              ("loss", "loss L (Cha et al. 2025)"))
    for ax, (column, label) in zip(axes, panels, strict=True):
        for height, name, row in zip(heights, names, summary, strict=True):
            ax.errorbar(row[column], height, xerr=row[f"{column}_err"], markersize=6, capsize=3,
                        **styles[name].points)
        ax.set_xlabel(label)
        ax.locator_params(axis="x", nbins=4)
        ax.grid(axis="x", color="0.9")
        ax.set_axisbelow(True)
    axes[0].set_yticks(heights, [plain_label(name) for name in names])
    axes[0].set_ylim(-0.7, len(names) - 0.3)
    return figure


def plot_relations(relations, edges, summary, styles):
    """Plot the maps of each estimator against the truth, pixel by pixel (Cha et al. 2025, fig. 3).

    Parameters
    ----------
    relations : dict
        The joint histogram of the pixels for each estimator, keyed by its name, as returned by
        `count_pairs`, ``(n, n)``, with the truth along the first axis.
    edges : `numpy.ndarray`
        The bin edges of both axes, ``(n + 1,)``.
    summary : `~astropy.table.QTable`
        The mean scores with the slopes, as returned by `lensmap.validation.summarize_scores`.
    styles : dict
        The plot style of each estimator, keyed by its name, as returned by `styles_of`.

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
        filled = np.where(counts > 0, counts, np.nan)
        ax.pcolormesh(edges, edges, filled.T, cmap="Greys", norm="log", rasterized=True)
        ax.plot(reach, reach, **_EQUAL)
        n, color = counts.sum(), styles[name].color
        x, y = counts.sum(axis=1) @ middle / n, counts.sum(axis=0) @ middle / n
        ax.plot(reach, y + slopes[name] * (reach - x), color=color, **_TLS)
        # For a calibrated map, the mean truth at a value of the map is on the line of equality.
        per_value = counts.sum(axis=0)
        enough = per_value > _MIN_PIXELS
        ax.plot((middle @ counts)[enough] / per_value[enough], middle[enough], color=color,
                **_MEAN_TRUTH)
        ax.set(xlim=reach, ylim=reach, aspect="equal", title=plain_label(name))
        ax.text(0.04, 0.96, f"TLS slope {slopes[name]:.2f}", transform=ax.transAxes, va="top")
    label_outer(axes, r"true $\kappa$", r"$\kappa$ of the map")
    legend_below(figure, axes[0], {"equal": _EQUAL, "total least squares": _TLS,
                                   "mean truth at a value of the map": _MEAN_TRUTH})
    return figure


def plot_distributions(table, styles):
    """Plot the distribution of kappa in maps (Cha et al. 2025, fig. 4 and 8).

    Parameters
    ----------
    table : `~astropy.table.QTable`
        The probability density of kappa for each estimator in bins: the table ``distribution`` or
        ``null_distribution`` of a validation.
    styles : dict
        The plot style of each estimator, keyed by its name, as returned by `styles_of`.

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
        style = styles[name]
        ax.stairs(np.where(rows["pdf"] > 0, rows["pdf"], np.nan), edges, color=style.color,
                  linestyle=style.linestyle, label=plain_label(name),
                  linewidth=1.8 if name == TRUTH else 1.1)
        lowest = min(lowest, np.min(rows["pdf"][rows["pdf"] > 0]))
    logarithmic(ax.yaxis)
    ax.set_ylim(0.5 * max(lowest, _MIN_DENSITY))
    drawn = table["pdf"] > max(lowest, _MIN_DENSITY)
    ax.set_xlim(table["bin_low"][drawn].min(), table["bin_high"][drawn].max())
    ax.set_xlabel(r"convergence $\kappa$")
    ax.set_ylabel(r"$p(\kappa)$")
    ax.legend(frameon=False)
    return figure


def plot_autocorrelations(table, styles):
    """Plot the autocorrelation of maps, also relative to the truth (Cha et al. 2025, fig. 5).

    Parameters
    ----------
    table : `~astropy.table.QTable`
        The autocorrelation of each estimator and of the truth at each separation: the table
        ``autocorrelation`` of a validation.
    styles : dict
        The plot style of each estimator, keyed by its name, as returned by `styles_of`.

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
        ax.plot(theta, 1e4 * rows["xi"], label=plain_label(name), **styles[name].line)
        below.errorbar(theta, rows["xi"] / truth["xi"], rows["xi_err"] / np.abs(truth["xi"]),
                       **styles[name].line)
    logarithmic(ax.yaxis)
    logarithmic(below.xaxis)
    below.axhline(1, color="black", linewidth=0.6)
    below.set_ylim(0, 2)
    below.set_xlabel(r"separation $\theta$ (arcmin)")
    ax.set_ylabel(r"$\xi_{\kappa\kappa}(\theta)$ ($10^{-4}$)")
    below.set_ylabel("map / truth")
    ax.legend(frameon=False, fontsize="small", ncols=2)
    return figure


def plot_by_scale(table, styles):
    """Plot the correlation of maps with the truth, and their power, against multipole.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        The correlation and the relative power of each estimator at each multipole: the table
        ``by_scale`` of a validation.
    styles : dict
        The plot style of each estimator, keyed by its name, as returned by `styles_of`.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    figure, axes = new_figure(1, 2, (9.6, 4.0), sharex=True)
    for name in estimators_of(table):
        rows = rows_of(table, name)
        for ax, column in zip(axes, ("correlation", "power_ratio"), strict=True):
            ax.errorbar(rows["ell"], rows[column], rows[f"{column}_err"], label=plain_label(name),
                        **styles[name].line)
    logarithmic(axes[0].xaxis)
    axes[1].set_ylim(0, 1.6)
    axes[1].axhline(1, color="black", linewidth=0.6)
    for ax, label in zip(axes, ("correlation with the truth", "power of the map / of the truth"),
                         strict=True):
        ax.set_xlabel(r"multipole $\ell$")
        ax.set_ylabel(label)
    estimator_legend(figure, axes[0])
    return figure


def plot_residuals(table, styles, target="the edge"):
    """Plot the bias and RMS error of maps against the distance to the nearest masked pixel.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        The residuals of each estimator in bins of distance: the table ``residuals`` or
        ``masked_residuals`` of a validation.
    styles : dict
        The plot style of each estimator, keyed by its name, as returned by `styles_of`.
    target : str
        The words in the axis label that name the place to which the distance is measured, such as
        ``"the edge"``.

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
            ax.errorbar(middle, rows[column], rows[f"{column}_err"], label=plain_label(name),
                        **styles[name].line)
    for ax, label in zip(axes, (r"mean of map $-$ truth", "RMS error / RMS of the truth"),
                         strict=True):
        logarithmic(ax.xaxis)
        ax.set_xlabel(f"distance to {target} (arcmin)")
        ax.set_ylabel(label)
    axes[0].axhline(0, color="black", linewidth=0.6)
    axes[1].axhline(1, color="black", linewidth=0.6)
    axes[1].set_ylim(0.4, min(2.2, axes[1].get_ylim()[1]))
    estimator_legend(figure, axes[0])
    return figure


def plot_coverage(table, styles):
    """Plot the coverage of the 68 per cent error bars in bins of the predicted convergence.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        The coverage of each estimator in bins of the predicted convergence: the table ``coverage``
        of a validation.
    styles : dict
        The plot style of each estimator, keyed by its name, as returned by `styles_of`.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    figure, ax = new_figure()
    names = estimators_of(table)
    bins = rows_of(table, names[0])
    positions = np.arange(len(bins))
    for i, name in enumerate(names):
        rows = rows_of(table, name)
        shift = 0.12 * (i - (len(names) - 1) / 2)
        ax.errorbar(positions + shift, rows["coverage"], rows["coverage_err"], capsize=2,
                    label=plain_label(name), **styles[name].points)
    ax.axhline(0.683, color="black", linewidth=0.6)
    labels = [
        f"below {row['bin_high']:g}" if np.isinf(row["bin_low"]) else
        f"above {row['bin_low']:g}" if np.isinf(row["bin_high"]) else
        f"{row['bin_low']:g} to {row['bin_high']:g}"
        for row in bins
    ]
    ax.set_xticks(positions, labels, fontsize="small")
    ax.set_ylim(0.4, 1)
    ax.set_xlabel(r"$\kappa$ of the map")
    ax.set_ylabel("truth within the 68 % error")
    ax.legend(frameon=False)
    return figure
