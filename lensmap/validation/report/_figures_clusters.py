# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Figures of clusters: masses, completeness, and filament arms in mocks of Coma."""

import numpy as np
from astropy import units as u

from lensmap.plotting import logarithmic
from lensmap.utils import plain_label
from lensmap.validation.report._figures_panels import (
    estimator_legend,
    estimators_of,
    label_outer,
    legend_below,
    new_figure,
    rows_of,
    square_panels,
)

__all__ = ["plot_arms", "plot_completeness_of", "plot_mass_relations"]

_EQUAL = {"color": "black", "linewidth": 0.8}
_REGRESSION = {"linestyle": "--", "linewidth": 1.6}


def plot_mass_relations(masses, lines, styles):
    """Plot the masses of clusters in maps against their true masses (Cha et al. 2025, fig. 6).

    Parameters
    ----------
    masses : dict
        A pair ``(true, estimated)`` for each estimator, keyed by its name: the projected masses
        within 1 proper Mpc in 1e14 solar masses, ``(n,)`` each.
    lines : `~astropy.table.QTable`
        The regression of map mass on true mass, a row for each estimator: the table ``mass_lines``
        of a validation.
    styles : dict
        The plot style of each estimator, keyed by its name, as returned by `styles_of`.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    figure, axes = square_panels(len(masses))
    all_true = np.concatenate([true for true, _ in masses.values()])
    reach = np.array([0.0, np.percentile(all_true, 99.9) if len(all_true) else 1.0])
    for ax, (name, (true, estimated)) in zip(axes, masses.items(), strict=True):
        good = np.isfinite(estimated)
        true, estimated = true[good], estimated[good]
        ax.hexbin(true, estimated, gridsize=45, extent=(*reach, *reach), bins="log", cmap="Greys",
                  mincnt=1, linewidths=0.1, rasterized=True)
        ax.plot(reach, reach, **_EQUAL)
        row = rows_of(lines, name)[0]
        if len(true):
            ax.plot(reach, estimated.mean() + row["slope"] * (reach - true.mean()),
                    color=styles[name].color, **_REGRESSION)
        ax.set(xlim=reach, ylim=reach, aspect="equal", title=plain_label(name))
        ax.text(0.04, 0.96, _line_text(row), transform=ax.transAxes, va="top")
    unit = r"($10^{14}\,M_\odot$)"
    label_outer(axes, f"true mass within 1 Mpc {unit}", f"mass in the map {unit}")
    legend_below(figure, axes[0],
                 {"equal": _EQUAL, "regression of the map on the truth": _REGRESSION})
    return figure


def _line_text(row):
    from lensmap.validation.report._numbers import plus_minus

    slope = plus_minus(row["slope"], row["slope_err"], 2)
    return f"slope {slope}\nr = {plus_minus(row['r'], None, 2)}"


def plot_completeness_of(table, styles):
    """Plot completeness against mass, corrected for chance matches (Cha et al. 2025, fig. 7).

    Parameters
    ----------
    table : `~astropy.table.QTable`
        The completeness of each estimator in bins of cluster mass: the table ``completeness`` of a
        validation.
    styles : dict
        The plot style of each estimator, keyed by its name, as returned by `styles_of`.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure. The columns of panels are for the two definitions of a cluster; the rows are for
        all peaks and for the highest peaks.
    """
    definitions = list(dict.fromkeys(map(str, table["definition"])))
    rankings = list(dict.fromkeys(map(str, table["ranking"])))
    words = {"paper": "peaks of the truth, mass within 1 Mpc", "halo": r"halos, $M_{200c}$",
             "all": "all peaks", "highest": "the highest 20 per deg$^2$"}
    figure, axes = new_figure(len(rankings), len(definitions),
                              (4.8 * len(definitions), 3.6 * len(rankings)), sharey=True,
                              squeeze=False)
    for line, ranking in zip(axes, rankings, strict=True):
        for ax, definition in zip(line, definitions, strict=True):
            for name in estimators_of(table):
                rows = rows_of(table, name, definition=definition, ranking=ranking)
                low, high = (rows[c].to_value(1e14 * u.solMass) for c in ("bin_low", "bin_high"))
                middle = np.append(np.sqrt(low * high)[:-1], 1.25 * low[-1])
                ax.errorbar(middle, rows["corrected"], rows["corrected_err"],
                            label=plain_label(name), **styles[name].line)
            logarithmic(ax.xaxis)
            ax.set_title(f"{words[definition]}; {words[ranking]}", fontsize="medium")
            ax.set_ylim(-0.03, 1.05)
            ax.grid(color="0.93")
        line[0].set_ylabel("completeness, corrected for chance")
    for ax in axes[-1]:
        ax.set_xlabel(r"mass ($10^{14}\,M_\odot$)")
    estimator_legend(figure, axes[0, 0])
    return figure


def plot_arms(snr, angles, styles):
    """Plot the excess of kappa by direction around mocks of Coma (Cha et al. 2025, fig. 11).

    Parameters
    ----------
    snr : dict
        The signal-to-noise ratio of the excess by direction, with arms and without,
        ``(n_fields, 2, n_directions)``, for each estimator, keyed by its name.
    angles : array_like
        The position angles of the arms, degrees.
    styles : dict
        The plot style of each estimator, keyed by its name, as returned by `styles_of`.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure, with the means over fields.
    """
    figure, ax = new_figure(size=(7.2, 4.2))
    for angle in angles:
        ax.axvline(angle, color="black", linestyle="--", linewidth=0.8)
    for name, values in snr.items():
        directions = np.arange(values.shape[-1]) * (360.0 / values.shape[-1])
        color, every = styles[name].color, max(1, values.shape[-1] // 12)
        ax.plot(directions, values[:, 0].mean(axis=0), color=color, label=plain_label(name),
                marker=styles[name].marker, markersize=4, markevery=every)
        ax.plot(directions, values[:, 1].mean(axis=0), color=color, linestyle=":", linewidth=1)
    ax.axhline(0, color="black", linewidth=0.6)
    ax.set(xlim=(0, 360), xticks=np.arange(0, 361, 45))
    ax.set_xlabel("position angle, from north through east (deg)")
    ax.set_ylabel("mean excess / its scatter between fields")
    ax.set_title("solid: with arms; dotted: without arms", fontsize="medium")
    estimator_legend(figure, ax)
    return figure
