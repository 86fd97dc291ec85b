# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Figures of statistics: correlations, power spectra, distributions, relations and rates."""

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from astropy import units as u
from astropy.table import QTable
from numpy.typing import ArrayLike

from lensmap.maps import ConvergenceMap
from lensmap.plotting._axes import BLUE, GRAY, ORANGE, logarithmic, new_axes, with_errors
from lensmap.utils import check_choice, plain_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lensmap.statistics import PixelRelation

__all__ = [
    "plot_completeness",
    "plot_correlation",
    "plot_pdf",
    "plot_pixel_relation",
    "plot_power",
    "plot_shear_correlation",
]


def plot_correlation(
    table: QTable, ax: "Axes | None" = None, *, label: str | None = None, **style: Any
) -> "Axes":
    """Draw the autocorrelation or cross-correlation function of maps.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        The table returned by `lensmap.statistics.kappa_correlation`.
    ax : `~matplotlib.axes.Axes` or None
        The axes to draw on; None makes a new figure.
    label : str or None
        The label in the legend; None draws no legend.
    **style
        Further parameters of `matplotlib.axes.Axes.errorbar`.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes.
    """
    ax = new_axes(ax)
    with_errors(ax, table["theta"].to_value(u.arcmin), table["xi"], table["xi_err"],
                **{"color": BLUE, "label": label, **style})
    ax.axhline(0, color="black", linewidth=0.6)
    ax.set_xlabel(r"separation $\theta$ (arcmin)")
    ax.set_ylabel(r"$\xi_{\kappa\kappa}(\theta)$")
    return _with_legend(ax, label)


def plot_shear_correlation(
    table: QTable, ax: "Axes | None" = None, *, quantity: Literal["xi", "map2"] = "xi"
) -> "Axes":
    r"""Draw the two-point correlation functions of shear, or the aperture mass variances.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        The table returned by `lensmap.statistics.shear_correlation`.
    ax : `~matplotlib.axes.Axes` or None
        The axes to draw on; None makes a new figure.
    quantity : {"xi", "map2"}
        The quantity to draw. ``"xi"``: :math:`\theta\, \xi_+` and :math:`\theta\, \xi_-`.
        ``"map2"``: the variances of the aperture mass, for the E- and the B-mode.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    ValueError
        If ``quantity`` is not allowed.
    """
    check_choice(quantity, "quantity", ("xi", "map2"))
    ax = new_axes(ax)
    theta = table["theta"].to_value(u.arcmin)
    if quantity == "xi":
        scale = 1e4 * theta
        curves = (("xi_plus", "xi_plus_err", r"$\xi_+$"), ("xi_minus", "xi_minus_err", r"$\xi_-$"))
    else:
        scale = np.full(len(theta), 1e6)
        curves = (("map2", "map2_err", "E"), ("mx2", "map2_err", "B"))
    # The points are shifted to the left and right, so that error bars do not overlap.
    for (name, error, label), color, shift, face in zip(
        curves, (BLUE, ORANGE), (0.985, 1.015), (BLUE, "none"), strict=True
    ):
        with_errors(ax, shift * theta, scale * table[name], scale * table[error], color=color,
                    markerfacecolor=face, label=label)
    ax.axhline(0, color="black", linewidth=0.6)
    logarithmic(ax.xaxis)
    ax.set_xlabel(r"separation $\theta$ (arcmin)" if quantity == "xi" else "radius (arcmin)")
    ax.set_ylabel(r"$\theta\,\xi_\pm$ ($10^{-4}$ arcmin)" if quantity == "xi"
                  else r"$\langle M_\mathrm{ap}^2 \rangle$ ($10^{-6}$)")
    ax.legend(frameon=False)
    return ax


def plot_power(
    table: QTable, ax: "Axes | None" = None, *, label: str | None = None, **style: Any
) -> "Axes":
    r"""Draw a power spectrum as :math:`\ell (\ell + 1) C_\ell / 2 \pi`.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        The table returned by `lensmap.statistics.power_spectrum`, or by
        `lensmap.statistics.shear_power_spectrum`, whose E-mode and B-mode are drawn.
    ax : `~matplotlib.axes.Axes` or None
        The axes to draw on; None makes a new figure.
    label : str or None
        The label in the legend; None draws no legend for a single spectrum.
    **style
        Further parameters of `matplotlib.axes.Axes.errorbar`.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes.
    """
    ax = new_axes(ax)
    ell = np.asarray(table["ell"])
    factor = ell * (ell + 1) / (2 * np.pi)
    curves: list[tuple[str, str, str | None]]
    if "ee" in table.colnames:
        label = "" if label is None else f"{label} "
        curves = [("ee", BLUE, f"{label}E"), ("bb", ORANGE, f"{label}B")]
        ax.axhline(0, color="black", linewidth=0.6)  # the B-mode has either sign
    else:
        curves = [("power", BLUE, label)]
        logarithmic(ax.yaxis)
    for name, color, text in curves:
        with_errors(ax, ell, factor * table[name].value, factor * table[f"{name}_err"].value,
                    **{"color": color, "label": text, **style})
    label = curves[0][2]
    logarithmic(ax.xaxis)
    ax.set_xlabel(r"multipole $\ell$")
    ax.set_ylabel(r"$\ell (\ell + 1) C_\ell / 2\pi$")
    return _with_legend(ax, label)


def plot_pdf(
    table: QTable,
    ax: "Axes | None" = None,
    *,
    label: str | None = None,
    color: str | tuple[float, ...] = BLUE,
) -> "Axes":
    """Draw the probability density of kappa.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        The table returned by `lensmap.statistics.kappa_pdf`.
    ax : `~matplotlib.axes.Axes` or None
        The axes to draw on; None makes a new figure.
    label : str or None
        The label in the legend; None draws no legend.
    color : str or tuple of float
        The color of the line, as a matplotlib color.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes.
    """
    ax = new_axes(ax)
    edges = np.append(table["bin_low"], table["bin_high"][-1])
    pdf, error = np.asarray(table["pdf"]), np.nan_to_num(np.asarray(table["pdf_err"]))
    ax.stairs(pdf, edges, color=color, label=label)
    low, high = (np.append(v, v[-1]) for v in (pdf - error, pdf + error))
    ax.fill_between(edges, np.maximum(low, 1e-12), high, step="post", color=color, alpha=0.2,
                    linewidth=0)
    logarithmic(ax.yaxis)
    positive = pdf[pdf > 0]
    if len(positive):
        ax.set_ylim(0.5 * positive.min(), 2 * positive.max())
    ax.set_xlabel(r"convergence $\kappa$")
    ax.set_ylabel(r"$p(\kappa)$")
    return _with_legend(ax, label)


def plot_pixel_relation(
    kappa: ConvergenceMap,
    reference: ConvergenceMap | ArrayLike,
    ax: "Axes | None" = None,
    *,
    relation: "PixelRelation | None" = None,
) -> "Axes":
    """Draw the pixel values of a map against those of a reference, with the fitted slopes.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    reference : `~lensmap.ConvergenceMap` or array_like
        The reference on the same pixels, such as the true convergence, ``(ny, nx)``.
    ax : `~matplotlib.axes.Axes` or None
        The axes to draw on; None makes a new figure.
    relation : `~lensmap.statistics.PixelRelation` or None
        The correlation and slopes to draw, as returned by `lensmap.statistics.pixel_relation`. If
        None, they are computed.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes.
    """
    from lensmap.statistics import pixel_relation

    relation = pixel_relation(kappa, reference) if relation is None else relation
    ax = new_axes(ax, (5.2, 5.0))
    other = np.asarray(getattr(reference, "data", reference), dtype=float)
    unmasked = ~kappa.mask & np.isfinite(other)
    if (reference_mask := getattr(reference, "mask", None)) is not None:
        unmasked &= ~np.asarray(reference_mask)
    x, y = other[unmasked], kappa.data[unmasked]
    low, high = np.percentile(np.concatenate([x, y]), [0.05, 99.95])
    ax.hist2d(x, y, bins=120, range=[[low, high]] * 2, cmap="Greys", norm="log")
    ends = np.array([low, high])
    ax.plot(ends, ends, color=GRAY, linestyle=":", label="equal")
    ax.plot(ends, y.mean() + relation.tls_slope * (ends - x.mean()), color=ORANGE,
            label=f"total least squares, slope {relation.tls_slope:.2f}")
    ax.plot(x.mean() + relation.slope * (ends - y.mean()), ends, color=BLUE, linestyle="--",
            label=f"reference on map, slope {relation.slope:.2f}")
    ax.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    ax.locator_params(nbins=5)
    ax.set_xlabel(r"$\kappa$ of the reference")
    ax.set_ylabel(r"$\kappa$ of the map")
    ax.set_title(f"r = {relation.r:.3f}")
    ax.legend(frameon=False, loc="upper left", fontsize="small")
    return ax


def plot_completeness(
    table: QTable,
    ax: "Axes | None" = None,
    *,
    corrected: bool = True,
    label: str | None = None,
    **style: Any,
) -> "Axes":
    """Draw completeness or purity in bins of a column, such as mass or signal-to-noise ratio.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        The table returned by `lensmap.peaks.completeness` or `lensmap.peaks.purity`. If it was
        measured without bins, a single point is drawn.
    ax : `~matplotlib.axes.Axes` or None
        The axes to draw on; None makes a new figure.
    corrected : bool
        Whether to draw the rate corrected for chance matches, if chance matches were measured.
    label : str or None
        The label in the legend; None draws no legend.
    **style
        Further parameters of `matplotlib.axes.Axes.errorbar`.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes.
    """
    ax = new_axes(ax)
    name = "rate"
    if corrected and np.any(np.isfinite(np.asarray(table["chance"]))):
        name = "corrected"
    low, high = _finite_edges(table)
    is_logarithmic = np.all(low > 0) and high[-1] > 5 * low[0]
    center = np.sqrt(low * high) if is_logarithmic else (low + high) / 2
    value = np.asarray(table[name])
    errors = [value - np.asarray(table[f"{name}_low"]), np.asarray(table[f"{name}_high"]) - value]
    ax.errorbar(
        center, value,
        # These are lists, because errorbar would take an array for a single point as a number.
        np.nan_to_num(np.maximum(errors, 0)).tolist(),
        [(center - low).tolist(), (high - center).tolist()],
        **{"marker": "o", "linestyle": "none", "markersize": 4, "color": BLUE, "label": label,
           **style},
    )
    if is_logarithmic:
        logarithmic(ax.xaxis)
    ax.set_ylim(min(-0.03, 1.1 * np.nanmin(value - errors[0], initial=0)), 1.05)
    unit = u.Quantity(table["bin_low"]).unit
    unit = f" ({unit.to_string('latex_inline')})" if unit != u.dimensionless_unscaled else ""
    ax.set_xlabel(f"{plain_label(table.meta.get('by') or 'bin')}{unit}")
    if low[0] == high[-1] == 0:
        ax.set_xticks([0], ["all"])
        ax.set_xlabel("")
    ax.set_ylabel(plain_label(table.meta.get("rate", "matched fraction"))
                  + (", corrected for chance" if name == "corrected" else ""))
    return _with_legend(ax, label)


def _finite_edges(table):
    """Return the lower and upper edges of the bins of a table, ``(n,)`` each, all finite.

    An infinite edge is replaced by the other edge of its bin, or by 0 if both are infinite.
    """
    low, high = (u.Quantity(table[name]).value for name in ("bin_low", "bin_high"))
    low, high = np.where(np.isinf(low), high, low), np.where(np.isinf(high), low, high)
    return np.where(np.isinf(low), 0.0, low), np.where(np.isinf(high), 0.0, high)


def _with_legend(ax, label):
    if label is not None:
        ax.legend(frameon=False)
    return ax
