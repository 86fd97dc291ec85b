# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Figures of maps: example fields, mean residuals, and mocks of Coma."""

import numpy as np

from lensmap.utils import plain_label
from lensmap.validation._parts import TRUTH
from lensmap.validation.report._figures_panels import new_figure, panels

__all__ = ["plot_cluster_maps", "plot_examples", "plot_residual_maps"]

_PANEL = 2.3  # inches
_COLOR_BAR = 0.9  # inches


def _without_ticks(axes):
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])


def _map_panels(n):
    figure, axes = panels(n, lambda columns: _PANEL * columns + _COLOR_BAR, _PANEL)
    _without_ticks(axes)
    return figure, axes


def plot_examples(examples, names, losses):
    """Plot true and estimated maps of a few fields (Cha et al. 2025, fig. 2 and 9).

    Parameters
    ----------
    examples : list of dict
        For each field, a dict from ``"truth"`` and the names of estimators to convergence maps,
        ``(ny, nx)``, NaN where masked.
    names : sequence of str
        The names of the estimators.
    losses : list of dict
        For each field, a dict from the names of estimators to the weighted loss of the map, which
        is shown in a corner of the map.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure, with a column for each field, and a row for the truth and for each estimator.
        All maps have the same color scale.
    """
    shape = 1 + len(names), len(examples)
    size = _PANEL * shape[1] + _COLOR_BAR, _PANEL * shape[0]
    figure, axes = new_figure(*shape, size, squeeze=False)
    _without_ticks(axes)
    truths = np.array([maps[TRUTH] for maps in examples], dtype=float)
    top = float(np.nanpercentile(truths, 99.8))
    for column, (maps, loss) in enumerate(zip(examples, losses, strict=True)):
        for row, name in enumerate((TRUTH, *names)):
            ax = axes[row, column]
            image = ax.imshow(maps[name].astype(float), origin="lower",
                              cmap=_with_gray("inferno"), vmin=-0.4 * top, vmax=top,
                              interpolation="antialiased")
            if column == 0:
                ax.set_ylabel(plain_label(name))
            if name in loss:
                ax.text(0.97, 0.03, f"L = {loss[name]:.0f}", transform=ax.transAxes,
                        color="white", ha="right", va="bottom", fontsize="small")
    figure.colorbar(image, ax=axes, label=r"convergence $\kappa$", shrink=0.5, aspect=30,
                    extend="both")
    return figure


def _with_gray(name):
    import matplotlib

    return matplotlib.colormaps[name].with_extremes(bad="0.6")


def plot_residual_maps(residuals):
    """Plot maps of the mean residual over fields, in units of its error.

    Parameters
    ----------
    residuals : dict
        For each estimator, keyed by its name, the mean over fields of map minus truth, and the
        error of the mean, ``(ny, nx)`` each.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    figure, axes = _map_panels(len(residuals))
    for ax, (name, (mean, error)) in zip(axes, residuals.items(), strict=True):
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = mean / error
        image = ax.imshow(ratio, origin="lower", cmap=_with_gray("RdBu_r"), vmin=-5, vmax=5,
                          interpolation="nearest")
        ax.set_title(plain_label(name))
    figure.colorbar(image, ax=axes, label=r"mean of map $-$ truth, in units of its error",
                    shrink=0.8, extend="both")
    return figure


def plot_cluster_maps(maps, wcs):
    """Plot the maps of a cluster and the paths of its filaments (Cha et al. 2025, fig. 10).

    Parameters
    ----------
    maps : dict
        A dict for each estimator, keyed by its name, with ``map``, ``(ny, nx)``, and ``paths``, the
        RA and Dec of filament paths in degrees, ``(2, n)``, with NaN between two paths.
    wcs : `~astropy.wcs.WCS`
        The WCS of all maps.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    figure, axes = _map_panels(len(maps))
    for ax, (name, arrays) in zip(axes, maps.items(), strict=True):
        values, paths = arrays["map"].astype(float), arrays["paths"]
        top = float(np.nanpercentile(values, 99.9))
        ax.imshow(values, origin="lower", cmap=_with_gray("inferno"), vmin=-0.4 * top, vmax=top,
                  interpolation="antialiased")
        x, y = wcs.wcs_world2pix(*paths, 0) if paths.size else ([], [])
        ax.plot(x, y, color="white", linewidth=0.8)
        ax.set(xlim=(-0.5, values.shape[1] - 0.5), ylim=(-0.5, values.shape[0] - 0.5),
               title=plain_label(name))
    return figure
