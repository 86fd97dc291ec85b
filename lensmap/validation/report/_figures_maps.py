# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pictures of a validation that are maps: examples, residuals, the mock of Coma."""

import numpy as np

from lensmap.validation.report._figures_panels import new_figure, panels

__all__ = ["plot_cluster_maps", "plot_examples", "plot_residual_maps"]

_PANEL = 2.3  # inches


# The room for a color bar, inches.
_BAR = 0.9


def _bare(axes):
    """Take the ticks off panels that are maps."""
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])


def _map_panels(n):
    figure, axes = panels(n, lambda columns: _PANEL * columns + _BAR, _PANEL)
    _bare(axes)
    return figure, axes


def plot_examples(examples, names, losses):
    """Draw maps of a few fields beside the truth, on one scale (Cha et al. 2025, fig. 2 and 9).

    Parameters
    ----------
    examples : list of `numpy.ndarray`
        For each field the truth and the maps, ``(1 + n_maps, ny, nx)``, NaN where masked.
    names : sequence of str
        The estimators, ``n_maps`` of them.
    losses : list of dict
        For each field from names to the loss L, which stands in the corner.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure: a column for each field, a row for the truth and for each estimator.
    """
    shape = 1 + len(names), len(examples)
    figure, axes = new_figure(*shape, (_PANEL * shape[1] + _BAR, _PANEL * shape[0]), squeeze=False)
    _bare(axes)
    top = float(np.nanpercentile(np.array([one[0] for one in examples], dtype=float), 99.8))
    for column, (planes, loss) in enumerate(zip(examples, losses, strict=True)):
        for row, name in enumerate(("truth", *names)):
            ax = axes[row, column]
            image = ax.imshow(planes[row].astype(float), origin="lower", cmap=_with_gray("inferno"),
                              vmin=-0.4 * top, vmax=top, interpolation="antialiased")
            if column == 0:
                ax.set_ylabel(name)
            if row > 0:
                ax.text(0.97, 0.03, f"L = {loss[name]:.0f}", transform=ax.transAxes,
                        color="white", ha="right", va="bottom", fontsize="small")
    figure.colorbar(image, ax=axes, label=r"convergence $\kappa$", shrink=0.5, aspect=30,
                    extend="both")
    return figure


def _with_gray(name):
    import matplotlib

    return matplotlib.colormaps[name].with_extremes(bad="0.6")


def plot_residual_maps(means, errors):
    """Draw where on the field maps are wrong on average.

    Parameters
    ----------
    means, errors : dict
        From names to the mean over fields of map less truth, and its error, ``(ny, nx)``.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure: the means in units of their errors.
    """
    figure, axes = _map_panels(len(means))
    for ax, name in zip(axes, means, strict=True):
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = means[name] / errors[name]
        image = ax.imshow(ratio, origin="lower", cmap=_with_gray("RdBu_r"), vmin=-5, vmax=5,
                          interpolation="nearest")
        ax.set_title(name)
    figure.colorbar(image, ax=axes, label=r"mean of map $-$ truth, in units of its error",
                    shrink=0.8, extend="both")
    return figure


def plot_cluster_maps(maps, paths, wcs):
    """Draw the maps of a cluster with the paths of its filaments (Cha et al. 2025, fig. 10).

    Parameters
    ----------
    maps : dict
        From names to maps, ``(ny, nx)``.
    paths : dict
        From names to RA and Dec (degrees) of the paths, ``(2, n)``, with NaN between two of them.
    wcs : `~astropy.wcs.WCS`
        Of all maps.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    figure, axes = _map_panels(len(maps))
    for ax, (name, values) in zip(axes, maps.items(), strict=True):
        values = values.astype(float)
        top = float(np.nanpercentile(values, 99.9))
        ax.imshow(values, origin="lower", cmap=_with_gray("inferno"), vmin=-0.4 * top, vmax=top,
                  interpolation="antialiased")
        x, y = wcs.wcs_world2pix(*paths[name], 0) if paths[name].size else ([], [])
        ax.plot(x, y, color="#56b4e9", linewidth=0.8)
        ax.set(xlim=(-0.5, values.shape[1] - 0.5), ylim=(-0.5, values.shape[0] - 0.5), title=name)
    return figure
