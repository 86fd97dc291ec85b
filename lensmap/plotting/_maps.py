# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pictures of mass maps on the sky."""

from pathlib import Path

import numpy as np

from lensmap.utils import atomic_write, check_choice, import_optional

__all__ = ["check_picture", "plot_map", "save_map"]

_LABELS = {
    "kappa": r"convergence $\kappa$",
    "kappa_b": r"B-mode $\kappa_\mathrm{B}$",
    "snr": r"$\kappa / \sigma_\kappa$",
    "uncertainty": r"uncertainty $\sigma_\kappa$",
    "counts": "galaxies per pixel",
}

_TITLES = {"kappa": "convergence", "snr": "signal-to-noise"}

# Even colors for what has no sign, opposite ones for what has: both safe for color-blind eyes.
_SEQUENTIAL, _DIVERGING = "viridis", "RdBu_r"

# Masked pixels are none of these colors, white least of all, which means "nothing there".
_MASKED = "0.85"

# A map is drawn this large (square inches), and not longer than this (inches).
_AREA, _LONGEST = 25.0, 10.0

# What stands around a map (inches): ticks, labels, title.
_LEFT, _BELOW, _COLORBAR = 1.0, 1.0, 1.1

# Maps that are wider than this, in heights, have their color bar below.
_WIDE = 1.6


def plot_map(
    kappa, ax=None, *, quantity="kappa", contours=None, colorbar=True, title=None, **kwargs
):
    """Draw a mass map with its sky coordinates.

    Parameters
    ----------
    kappa : ConvergenceMap
        The map.
    ax : `~astropy.visualization.wcsaxes.WCSAxes` or None
        Where to draw; None makes a new figure with axes on the map's WCS.
    quantity : {"kappa", "kappa_b", "snr", "uncertainty", "counts"}
        What to draw.
    contours : array_like or None
        Levels of the signal-to-noise to draw over it, such as ``[3, 5]``.
    colorbar : bool
        Whether to draw a color bar.
    title : str or None
        The title.
    **kwargs
        As for `matplotlib.axes.Axes.imshow`. Without ``vmin``, ``vmax`` and ``norm``, colors of
        what has a sign are symmetric about 0.

    Returns
    -------
    `~astropy.visualization.wcsaxes.WCSAxes`
        The axes.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If the map does not have the quantity.
    TypeError
        If ``ax`` is no WCSAxes.
    """
    pyplot = import_optional("matplotlib.pyplot", purpose="a plot", install="'lensmap[plot]'")
    from astropy.visualization.wcsaxes import WCSAxes

    values = _values(kappa, check_choice(quantity, "quantity", tuple(_LABELS)))
    levels = None if contours is None else kappa.snr
    if ax is None:
        figure = pyplot.figure(figsize=_figure_size(kappa.shape), layout="constrained")
        ax = figure.add_subplot(projection=kappa.wcs)
    elif not isinstance(ax, WCSAxes):
        raise TypeError(
            f"ax must be a WCSAxes, such as subplot(projection=kappa.wcs), not {type(ax).__name__}"
        )
    image = _draw(ax, values, kappa, {**_colors(values, quantity, kwargs), **kwargs})
    if levels is not None:
        ax.contour(
            levels,
            levels=np.sort(contours),
            colors="black",
            linewidths=0.8,
            transform=ax.get_transform(kappa.wcs),
        )
    if colorbar:
        where = "bottom" if _is_wide(kappa.shape) else "right"
        ax.figure.colorbar(
            image, ax=ax, label=_LABELS[quantity], location=where, pad=0.03, aspect=30,
            extend=_extend(image, values),
        )
    _label_axes(ax)
    if title:
        ax.set_title(title)
    return ax


def _draw(ax, values, kappa, options):
    """Draw pixels where they lie on the axes, be it the map's own or those of another image."""
    import matplotlib

    options = {"origin": "lower", "interpolation": "nearest", **options}
    cmap = options.pop("cmap", None)
    cmap = matplotlib.colormaps[cmap] if isinstance(cmap, str) else cmap
    options["cmap"] = None if cmap is None else cmap.with_extremes(bad=_MASKED)
    if ax.wcs is kappa.wcs:
        return ax.imshow(values, **options)
    # imshow would set the limits to those of the map's pixels, which mean nothing on these axes.
    limits = (ax.get_xlim(), ax.get_ylim()) if ax.has_data() else _outline(ax, kappa)
    image = ax.imshow(values, **{"transform": ax.get_transform(kappa.wcs), **options})
    ax.set_xlim(limits[0])
    ax.set_ylim(limits[1])
    return image


def _outline(ax, kappa):
    """Return the limits of axes, in their own pixels, between which the whole map lies."""
    ny, nx = kappa.shape
    y, x = np.mgrid[-0.5 : ny - 0.5 : 33j, -0.5 : nx - 0.5 : 33j]
    to_axes = ax.get_transform(kappa.wcs) - ax.transData
    places = to_axes.transform(np.column_stack([x.ravel(), y.ravel()]))
    return [(np.nanmin(column), np.nanmax(column)) for column in places.T]


def _values(kappa, quantity):
    if quantity == "snr":
        return kappa.snr
    values = {
        "kappa": kappa.data,
        "kappa_b": kappa.kappa_b,
        "counts": kappa.counts,
        "uncertainty": None if kappa.uncertainty is None else kappa.uncertainty.array,
    }[quantity]
    if values is None:
        raise ValueError(f"the map has no {quantity} to draw")
    return values


def _colors(values, quantity, given):
    """Return the colors for what was not given."""
    signed = quantity in ("kappa", "kappa_b", "snr")
    colors = {"cmap": _DIVERGING if signed else _SEQUENTIAL}
    finite = values[np.isfinite(values)]
    if finite.size == 0 or "norm" in given:
        return colors
    # Single bright pixels, as there are at edges, shall not fade the rest.
    if signed:
        reach = float(np.percentile(np.abs(finite), 99.8)) or 1.0
        return {**colors, "vmin": -reach, "vmax": reach}
    low = 0.0 if quantity == "counts" else float(np.percentile(finite, 0.2))
    return {**colors, "vmin": low, "vmax": float(np.percentile(finite, 99.8))}


def _extend(image, values):
    """Say on which side values go beyond the colors."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return "neither"
    low, high = image.get_clim()
    sides = bool(finite.min() < low), bool(finite.max() > high)
    return {
        (False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"
    }[sides]


def _label_axes(ax):
    for coordinate in ax.coords:
        kind = coordinate.coord_type
        if kind not in ("longitude", "latitude"):
            continue
        coordinate.set_ticks(number=6)
        # As many decimals as the spacing of the ticks needs.
        coordinate.set_format_unit("deg", decimal=True, show_decimal_unit=False)
        coordinate.set_ticklabel(exclude_overlapping=True)
        name = coordinate.default_label.lower()
        names = ("longitude", "latitude")
        if name.endswith(("ra", "dec")):
            names = ("RA", "Dec")
        elif "galactic" in name:
            names = ("Galactic longitude", "Galactic latitude")
        coordinate.set_axislabel(f"{names[kind == 'latitude']} (deg)")


def _is_wide(shape):
    return shape[1] > _WIDE * shape[0]


def _figure_size(shape, panels=1):
    """Return width and height of a figure of equal panels: stacked if wide, else in a row."""
    ny, nx = shape
    width = min(_LONGEST, np.sqrt(_AREA * nx / ny), _LONGEST * nx / ny)
    width, height = max(width, 1.0), max(width * ny / nx, 1.0)
    if _is_wide(shape):
        return width + _LEFT, (height + _BELOW + _COLORBAR) * panels
    return (width + _LEFT + _COLORBAR) * panels, height + _BELOW


def check_picture(path):
    """Check that a picture can be drawn into a file, before there is one to draw.

    Parameters
    ----------
    path : path-like
        The file.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If its suffix is that of no format that matplotlib writes.
    """
    import_optional("matplotlib", purpose="a plot", install="'lensmap[plot]'")
    from matplotlib.backend_bases import FigureCanvasBase

    formats = FigureCanvasBase.get_supported_filetypes()
    if Path(path).suffix.lower().removeprefix(".") not in formats:
        raise ValueError(
            f"the suffix of the picture {str(path)!r} must be one of "
            f"{', '.join('.' + name for name in sorted(formats))}"
        )


def save_map(kappa, path, *, title=None, marks=None, overwrite=False):
    """Draw a map (and its signal-to-noise, if it has one) into a file.

    Parameters
    ----------
    kappa : ConvergenceMap
        The map.
    path : path-like
        The picture; its suffix says the format.
    title : str or None
        The title.
    marks : `~astropy.table.QTable` or None
        Positions to mark, with the columns ``ra`` and ``dec``.
    overwrite : bool
        Whether a file that exists is replaced.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If the suffix is that of no format.
    FileExistsError
        If the file exists and ``overwrite`` is False.
    """
    check_picture(path)
    with atomic_write(path, overwrite=overwrite) as temporary:
        _map_figure(kappa, title, marks).savefig(temporary, dpi=150)


def _map_figure(kappa, title, marks):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    quantities = ["kappa"] if kappa.uncertainty is None else ["kappa", "snr"]
    rows, columns = (len(quantities), 1) if _is_wide(kappa.shape) else (1, len(quantities))
    # A figure of its own, without pyplot: it needs no screen and leaves no state behind.
    figure = Figure(figsize=_figure_size(kappa.shape, len(quantities)), layout="constrained")
    FigureCanvasAgg(figure)
    for i, quantity in enumerate(quantities):
        ax = figure.add_subplot(rows, columns, i + 1, projection=kappa.wcs)
        caption = _TITLES[quantity]
        if quantity == "snr" and kappa.meta.get("uncertainty") == "total":
            caption = "over its error about the truth"
        plot_map(kappa, ax, quantity=quantity, title=caption)
        if marks is not None and len(marks):
            ax.plot(
                marks["ra"].to_value("deg"),
                marks["dec"].to_value("deg"),
                "o",
                transform=ax.get_transform("icrs"),
                markersize=18,
                markerfacecolor="none",
                markeredgecolor="black",
            )
    if title:
        figure.suptitle(title)
    return figure
