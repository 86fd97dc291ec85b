# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pictures of a validation that are curves: distributions, scales, clusters, errors.

They are drawn from the tables of `lensmap.validation.ValidationResults`, which have a row for each
estimator and bin.
"""

import numpy as np
from astropy import units as u

from lensmap.plotting.axes import logarithmic
from lensmap.utils import import_optional

__all__ = [
    "colors_of",
    "plot_arms",
    "plot_autocorrelations",
    "plot_by_scale",
    "plot_completeness_of",
    "plot_coverage",
    "plot_distributions",
    "plot_mass_relations",
    "plot_relations",
    "plot_residuals",
    "plot_scores",
]

TRUTH = "truth"

# Distributions are drawn down to this: some pixels of many fields.
_LEAST_DENSITY = 1e-3

# Okabe & Ito 2008, the strongest last: the estimators that are of most interest come last.
_COLORS = ("#999999", "#56b4e9", "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#000000")


def colors_of(names):
    """Return the colour of each estimator, the same in all pictures; the truth is black.

    Parameters
    ----------
    names : sequence of str
        The estimators.

    Returns
    -------
    dict
        From names to colours.
    """
    return {TRUTH: "black", **{name: _COLORS[i % len(_COLORS)] for i, name in enumerate(names)}}


def _figure(n_rows=1, n_columns=1, size=(6.4, 4.4), **settings):
    pyplot = import_optional("matplotlib.pyplot", purpose="a plot", install="'lensmap[plot]'")
    return pyplot.subplots(n_rows, n_columns, figsize=size, layout="constrained", **settings)


def _of(table, name, **more):
    """Return the rows of one estimator, and of one value of other columns."""
    chosen = table["estimator"] == name
    for column, value in more.items():
        chosen = chosen & (table[column] == value)
    return table[chosen]


def _names(table):
    return [name for name in dict.fromkeys(map(str, table["estimator"])) if name != TRUTH]


def _grid_of(n, size=3.2, most=3):
    """Return a figure of n equal panels, and the panels."""
    columns = min(n, most)
    rows = -(-n // columns)
    figure, axes = _figure(rows, columns, (size * columns, size * rows), squeeze=False,
                           sharex=True, sharey=True)
    axes = axes.ravel()
    for ax in axes[n:]:
        ax.set_axis_off()
    for ax in axes[max(n - columns, 0) : n]:
        ax.xaxis.set_tick_params(labelbottom=True)
    return figure, axes[:n]


def plot_scores(summary, colors):
    """Draw the correlation with the truth and the root mean square error of each estimator.

    Parameters
    ----------
    summary : `~astropy.table.QTable`
        Of `lensmap.validation.summarize`.
    colors : dict
        Of `colors_of`.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    names = [str(name) for name in summary["estimator"]]
    figure, axes = _figure(1, 3, (9.0, 0.42 * len(names) + 1.2), sharey=True)
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
        Of `lensmap.validation.summarize`, for the slopes.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    figure, axes = _grid_of(len(relations))
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
    for ax in axes[:: min(len(axes), 3)]:
        ax.set_ylabel(r"$\kappa$ of the map")
    for ax in axes[-min(len(axes), 3) :]:
        ax.set_xlabel(r"true $\kappa$")
    _legend_below(figure, axes[0], ("equal", "total least squares", "mean truth"))
    for ax, name in zip(axes, relations, strict=True):
        ax.text(0.04, 0.96, f"TLS slope {slopes[name]:.2f}", transform=ax.transAxes, va="top")
    return figure


def _legend_below(figure, ax, labels=None):
    handles, said = ax.get_legend_handles_labels()
    if labels is not None:
        said = [next(label for label in labels if text.startswith(label)) for text in said]
    figure.legend(handles, said, loc="outside lower center", ncols=4, frameon=False)


def plot_distributions(table, colors, *, x_range=None):
    """Draw the distribution of kappa in maps (Cha et al. 2025, fig. 4 and 8).

    Parameters
    ----------
    table : `~astropy.table.QTable`
        ``estimator``, ``low``, ``high``, ``pdf``, ``pdf_err``.
    colors : dict
        Of `colors_of`.
    x_range : tuple of float or None
        What of kappa is shown; None takes where there is something.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    figure, ax = _figure()
    lowest = np.inf
    for name in dict.fromkeys(map(str, table["estimator"])):
        rows = _of(table, name)
        edges = np.append(rows["low"], rows["high"][-1])
        ax.stairs(np.where(rows["pdf"] > 0, rows["pdf"], np.nan), edges, color=colors[name],
                  label=name, linewidth=1.6 if name == TRUTH else 1.1)
        lowest = min(lowest, np.min(rows["pdf"][rows["pdf"] > 0]))
    ax.set_yscale("log")
    ax.set_ylim(0.5 * max(lowest, _LEAST_DENSITY))
    if x_range is None:
        some = table["pdf"] > max(lowest, _LEAST_DENSITY)
        x_range = table["low"][some].min(), table["high"][some].max()
    ax.set_xlim(x_range)
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
    figure, (ax, below) = _figure(2, 1, (6.4, 6.0), sharex=True, height_ratios=[3, 2])
    truth = _of(table, TRUTH)
    theta = truth["theta"].to_value(u.arcmin)
    ax.fill_between(theta, 1e4 * truth["xi_low"], 1e4 * truth["xi_high"], color="0.85",
                    label="truth, 68 % of the fields")
    for name in (TRUTH, *_names(table)):
        rows = _of(table, name)
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
    figure, axes = _figure(1, 2, (9.6, 4.0), sharex=True)
    for name in _names(table):
        rows = _of(table, name)
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


def plot_mass_relations(masses, lines):
    """Draw the masses of clusters in maps against the true ones (Cha et al. 2025, fig. 6).

    Parameters
    ----------
    masses : dict
        From names to ``(true, map)``, 1e14 solar masses within 1 Mpc, ``(n,)`` each.
    lines : `~astropy.table.QTable`
        ``estimator``, ``slope``, ``r`` of the regression.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    figure, axes = _grid_of(len(masses))
    reach = np.array([0.0, np.percentile(np.concatenate([t for t, _ in masses.values()]), 99.9)])
    for ax, (name, (true, found)) in zip(axes, masses.items(), strict=True):
        good = np.isfinite(found)
        true, found = true[good], found[good]
        ax.hexbin(true, found, gridsize=45, extent=(*reach, *reach), bins="log", cmap="Greys",
                  mincnt=1, linewidths=0.1, rasterized=True)
        line = _of(lines, name)[0]
        ax.plot(reach, reach, color="#009e73", linewidth=1, label="equal")
        ax.plot(reach, found.mean() + line["slope"] * (reach - true.mean()), color="#d55e00",
                linestyle="--", label="regression of the map on the truth")
        ax.set(xlim=reach, ylim=reach, aspect="equal", title=name)
        ax.text(0.04, 0.96, f"slope {line['slope']:.2f} $\\pm$ {line['slope_err']:.2f}\n"
                f"r = {line['r']:.2f}", transform=ax.transAxes, va="top")
    unit = r"($10^{14}\,M_\odot$)"
    for ax in axes[:: min(len(axes), 3)]:
        ax.set_ylabel(f"mass in the map {unit}")
    for ax in axes[-min(len(axes), 3) :]:
        ax.set_xlabel(f"true mass within 1 Mpc {unit}")
    _legend_below(figure, axes[0])
    return figure


def plot_completeness_of(table, colors):
    """Draw the completeness of maps by mass, without chance (Cha et al. 2025, fig. 7).

    Parameters
    ----------
    table : `~astropy.table.QTable`
        ``estimator``, ``definition``, ``ranking``, ``low``, ``high``, ``corrected`` and its error,
        and ``chance``.
    colors : dict
        Of `colors_of`.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure: a column for each definition, a row for all peaks and one for the highest.
    """
    definitions = list(dict.fromkeys(map(str, table["definition"])))
    rankings = list(dict.fromkeys(map(str, table["ranking"])))
    said = {"paper": "peaks of the truth, mass within 1 Mpc", "halo": r"halos, $M_{200c}$",
            "all": "all peaks", "highest": "the highest 20 per deg$^2$"}
    figure, axes = _figure(len(rankings), len(definitions),
                           (4.8 * len(definitions), 3.6 * len(rankings)), sharey=True,
                           squeeze=False)
    for line, ranking in zip(axes, rankings, strict=True):
        for ax, definition in zip(line, definitions, strict=True):
            for name in _names(table):
                rows = _of(table, name, definition=definition, ranking=ranking)
                low, high = (rows[c].to_value(1e14 * u.solMass) for c in ("low", "high"))
                middle = np.append(np.sqrt(low * high)[:-1], 1.25 * low[-1])
                ax.errorbar(middle, rows["corrected"], rows["corrected_err"], color=colors[name],
                            marker=".", linewidth=1.1, label=name)
            logarithmic(ax.xaxis)
            ax.set_title(f"{said[definition]}; {said[ranking]}", fontsize="medium")
            ax.set_ylim(-0.03, 1.05)
            ax.grid(color="0.93")
        line[0].set_ylabel("completeness, less chance")
    for ax in axes[-1]:
        ax.set_xlabel(r"mass ($10^{14}\,M_\odot$)")
    axes[0, 0].legend(frameon=False, fontsize="small")
    return figure


def plot_residuals(table, colors, what="the edge"):
    """Draw the bias and the error of maps by the distance to where there are no data.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        ``estimator``, ``low``, ``high``, ``bias``, ``relative`` and their errors.
    colors : dict
        Of `colors_of`.
    what : str
        What the distance is to.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    figure, axes = _figure(1, 2, (9.6, 4.0))
    for name in _names(table):
        rows = _of(table, name)
        low, high = (rows[c].to_value(u.arcmin) for c in ("low", "high"))
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
        ``estimator``, ``low``, ``high``, ``coverage``, ``coverage_err``.
    colors : dict
        Of `colors_of`.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    figure, ax = _figure()
    names = _names(table)
    bins = _of(table, names[0])
    places = np.arange(len(bins))
    for i, name in enumerate(names):
        rows = _of(table, name)
        shift = 0.12 * (i - (len(names) - 1) / 2)
        ax.errorbar(places + shift, rows["coverage"], rows["coverage_err"], marker="o",
                    linestyle="none", capsize=2, color=colors.get(name, "black"), label=name)
    ax.axhline(0.683, color="black", linewidth=0.6)
    words = [
        f"below {row['high']:g}" if np.isinf(row["low"]) else
        f"above {row['low']:g}" if np.isinf(row["high"]) else f"{row['low']:g} to {row['high']:g}"
        for row in bins
    ]
    ax.set_xticks(places, words, fontsize="small")
    ax.set_ylim(0.4, 1)
    ax.set_xlabel(r"$\kappa$ of the map")
    ax.set_ylabel("truth within the 68 % error")
    ax.legend(frameon=False)
    return figure


def plot_arms(snr, angles, colors):
    """Draw the excess of kappa by direction about the mock of Coma (Cha et al. 2025, fig. 11).

    Parameters
    ----------
    snr : dict
        From names to the significance by direction, with arms and without, ``(n_skies, 2, n)``.
    angles : array_like
        The directions of the arms, degrees.
    colors : dict
        Of `colors_of`.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure: the mean over skies, and the scatter of those without arms.
    """
    figure, ax = _figure(size=(7.2, 4.2))
    for angle in angles:
        ax.axvline(angle, color="black", linestyle="--", linewidth=0.8)
    for name, values in snr.items():
        directions = np.arange(values.shape[-1]) * (360.0 / values.shape[-1])
        ax.plot(directions, values[:, 0].mean(axis=0), color=colors[name], label=name)
        ax.plot(directions, values[:, 1].mean(axis=0), color=colors[name], linestyle=":",
                linewidth=1)
    ax.axhline(0, color="black", linewidth=0.6)
    ax.set(xlim=(0, 360), xticks=np.arange(0, 361, 45))
    ax.set_xlabel("position angle, from north through east (deg)")
    ax.set_ylabel("mean excess / its scatter from sky to sky")
    ax.legend(frameon=False, fontsize="small", title="full: with arms; dotted: without")
    return figure
