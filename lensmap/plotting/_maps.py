# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Figures of mass maps on the sky."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from astropy.table import QTable
from numpy.typing import ArrayLike
from scipy.ndimage import rank_filter

from lensmap.maps import ConvergenceMap, has_total_error
from lensmap.typing import PathLike
from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    atomic_write,
    check_choice,
    import_optional,
)

if TYPE_CHECKING:
    from astropy.visualization.wcsaxes import WCSAxes

__all__ = ["check_picture", "plot_map", "save_map", "thumbnail"]

_LABELS = {
    "kappa": r"convergence $\kappa$",
    "kappa_b": r"B-mode $\kappa_\mathrm{B}$",
    "snr": r"$\kappa / \sigma_\kappa$",
    "uncertainty": r"uncertainty $\sigma_\kappa$",
    "counts": "galaxies per pixel",
}

# The labels for maps of another quantity than the convergence.
_OTHER_LABELS = {
    "kappa": "{}",
    "kappa_b": "B-mode of the {}",
    "snr": "signal-to-noise ratio of the {}",
    "uncertainty": "uncertainty of the {}",
}

# The label of "snr" for a map whose uncertainty is the total error about the truth.
_TOTAL_LABEL = r"$\kappa$ / total error"

# Names of the quantities that a map may lack.
_NAMES = {"kappa_b": "B-mode", "uncertainty": "uncertainty", "counts": "galaxy counts"}

_TITLES = {"kappa": "convergence", "snr": "signal-to-noise"}

# Color maps for positive quantities and for quantities of either sign. Both are suitable for
# color-blind readers.
_SEQUENTIAL, _DIVERGING = "viridis", "RdBu_r"

# The gray of masked pixels, which is a color of neither color map.
_MASKED = "0.85"

# The area and the maximum side length of a map in a figure.
_AREA_INCH2, _MAX_SIDE_INCH = 25.0, 10.0

# The space for ticks and labels to the left of a map and below it, and the space for a color bar.
_LEFT_INCH, _BELOW_INCH, _COLORBAR_INCH = 1.0, 1.0, 1.1

# The sine of the largest rotation of a map without a coordinate grid, 5 degrees.
_MAX_SINE = 0.087

# The color bar is below maps with a larger ratio of width to height, and to the right of others.
_MAX_NARROW_RATIO = 1.6


def plot_map(
    kappa: ConvergenceMap,
    ax: "WCSAxes | None" = None,
    *,
    quantity: Literal["kappa", "kappa_b", "snr", "uncertainty", "counts"] = "kappa",
    contours: ArrayLike | None = None,
    colorbar: bool = True,
    title: str | None = None,
    **kwargs: Any,
) -> "WCSAxes":
    """Draw a mass map with its sky coordinates.

    Parameters
    ----------
    kappa : ConvergenceMap
        The map.
    ax : `~astropy.visualization.wcsaxes.WCSAxes` or None
        The axes to draw on; None makes a new figure with the WCS of the map.
    quantity : {"kappa", "kappa_b", "snr", "uncertainty", "counts"}
        The quantity to draw.
    contours : array_like or None
        The levels of contours of the signal-to-noise ratio, such as ``[3, 5]``; None draws no
        contours.
    colorbar : bool
        Whether to draw a color bar.
    title : str or None
        The title; None draws no title.
    **kwargs
        Further parameters of `matplotlib.axes.Axes.imshow`. By default, the color scale of
        ``kappa``, ``kappa_b`` and ``snr`` is symmetric about 0.

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
        If ``ax`` is not a `~astropy.visualization.wcsaxes.WCSAxes`.
    """
    pyplot = import_optional("matplotlib.pyplot", purpose="a plot", install="'lensmap[plot]'")
    from astropy.visualization.wcsaxes import WCSAxes

    values = _values(kappa, check_choice(quantity, "quantity", tuple(_LABELS)))
    levels = None if contours is None else kappa.snr
    if ax is None:
        figure = pyplot.figure(figsize=_figure_size(kappa.shape), layout="constrained")
        ax = figure.add_subplot(projection=kappa.wcs)
    elif not isinstance(ax, WCSAxes):
        raise ParameterTypeError(
            "ax", "a WCSAxes, as made by figure.add_subplot(projection=kappa.wcs)",
            type(ax).__name__,
        )
    image = _draw(ax, values, kappa, {**_default_colors(values, quantity, kwargs), **kwargs})
    if levels is not None:
        ax.contour(
            levels,
            levels=np.sort(np.asarray(contours)),
            colors="black",
            linewidths=0.8,
            transform=ax.get_transform(kappa.wcs),
        )
    if colorbar:
        location = "bottom" if _is_wide(kappa.shape) else "right"
        ax.figure.colorbar(
            image, ax=ax, label=_label(kappa, quantity), location=location, pad=0.03, aspect=30,
            extend=_extend(image, values),
        )
    _label_axes(ax)
    if _is_rotated(kappa.wcs):
        ax.coords.grid(color="black", alpha=0.3, linewidth=0.6)
    if title:
        ax.set_title(title)
    return ax


def _label(kappa, quantity):
    """Return the label of a quantity of a map for its color bar."""
    is_total = quantity == "snr" and has_total_error(kappa)
    held = kappa.meta.get("quantity", "kappa")
    if held != "kappa" and quantity != "counts":
        return _OTHER_LABELS[quantity].format(held)
    return _TOTAL_LABEL if is_total else _LABELS[quantity]


def _draw(ax, values, kappa, options):
    """Draw an image on axes, and return matplotlib's image.

    ``values`` are on the pixels of the map ``kappa``. The axes may have the WCS of the map or
    another WCS. ``options`` are parameters of ``imshow``.
    """
    import matplotlib

    options = {"origin": "lower", "interpolation": "nearest", **options}
    cmap = options.pop("cmap", None)
    cmap = matplotlib.colormaps[cmap] if isinstance(cmap, str) else cmap
    options["cmap"] = None if cmap is None else cmap.with_extremes(bad=_MASKED)
    if ax.wcs is kappa.wcs:
        return ax.imshow(values, **options)
    # imshow would set the limits in pixels of the map, but these axes have other pixels.
    limits = (ax.get_xlim(), ax.get_ylim()) if ax.has_data() else _outline(ax, kappa)
    image = ax.imshow(values, **{"transform": ax.get_transform(kappa.wcs), **options})
    ax.set_xlim(limits[0])
    ax.set_ylim(limits[1])
    return image


def _outline(ax, kappa):
    """Return the x and y limits that enclose the whole map, in pixels of the axes."""
    ny, nx = kappa.shape
    y, x = np.mgrid[-0.5 : ny - 0.5 : 33j, -0.5 : nx - 0.5 : 33j]
    to_axes = ax.get_transform(kappa.wcs) - ax.transData
    positions = to_axes.transform(np.column_stack([x.ravel(), y.ravel()]))
    return [(np.nanmin(column), np.nanmax(column)) for column in positions.T]


def _values(kappa, quantity):
    """Return the image of a quantity of a map, such as its signal-to-noise ratio, ``(ny, nx)``.

    A ParameterError is raised if the map does not have the quantity.
    """
    if quantity == "snr":
        return kappa.snr
    values = {
        "kappa": kappa.data,
        "kappa_b": kappa.kappa_b,
        "counts": kappa.counts,
        "uncertainty": None if kappa.uncertainty is None else kappa.uncertainty.array,
    }[quantity]
    if values is None:
        raise ParameterError(
            "quantity",
            "one that the map has",
            repr(quantity),
            f"this map has no {_NAMES[quantity]}",
        )
    return values


def _default_colors(values, quantity, options):
    """Return the default color parameters of ``imshow`` for an image of a quantity of a map.

    The parameters are the color map ``cmap`` and the limits ``vmin`` and ``vmax``. ``options`` are
    the parameters that the user gave; if they contain a norm, the limits are left out.
    """
    is_signed = quantity in ("kappa", "kappa_b", "snr")
    colors = {"cmap": _DIVERGING if is_signed else _SEQUENTIAL}
    finite = values[np.isfinite(values)]
    if finite.size == 0 or "norm" in options:
        return colors
    # The limits are percentiles, because a few extreme pixels, as at edges, would otherwise reduce
    # the contrast. The core of a cluster is not clipped: one of its neighbors has at least half of
    # its height.
    if is_signed:
        height = np.abs(np.nan_to_num(values))
        second = rank_filter(height, rank=-2, size=3, mode="constant")
        core = height[second >= height / 2].max(initial=0)
        reach = max(float(np.percentile(np.abs(finite), 99.8)), float(core)) or 1.0
        return {**colors, "vmin": -reach, "vmax": reach}
    low = 0.0 if quantity == "counts" else float(np.percentile(finite, 0.2))
    return {**colors, "vmin": low, "vmax": float(np.percentile(finite, 99.8))}


def _extend(image, values):
    """Return the parameter ``extend`` of a color bar, which draws arrows at its ends.

    An end has an arrow if some of the ``values`` lie beyond the color limit of ``image`` there.
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return "neither"
    low, high = image.get_clim()
    exceeded = bool(finite.min() < low), bool(finite.max() > high)
    return {
        (False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"
    }[exceeded]


def _label_axes(ax):
    """Label the sky axes in decimal degrees, with the names of their coordinates, such as RA."""
    for coordinate in ax.coords:
        kind = coordinate.coord_type
        if kind not in ("longitude", "latitude"):
            continue
        coordinate.set_ticks(number=6)
        # Without an explicit format, the number of decimals depends on the spacing of the ticks.
        coordinate.set_format_unit("deg", decimal=True, show_decimal_unit=False)
        coordinate.set_ticklabel(exclude_overlapping=True)
        name = coordinate.default_label.lower()
        names = ("longitude", "latitude")
        if name.endswith(("ra", "dec")):
            names = ("RA", "Dec")
        elif "galactic" in name:
            names = ("Galactic longitude", "Galactic latitude")
        coordinate.set_axislabel(f"{names[kind == 'latitude']} (deg)")


def _is_rotated(wcs):
    """Return whether the pixel axes are rotated from east and north, so that a grid is needed."""
    matrix = np.abs(wcs.celestial.pixel_scale_matrix)
    # The sine of the angle of each axis from the nearest multiple of 90 degrees.
    return bool(np.max(matrix.min(axis=0) / np.linalg.norm(matrix, axis=0)) > _MAX_SINE)


def _is_wide(shape):
    return shape[1] > _MAX_NARROW_RATIO * shape[0]


def _figure_size(shape, panels=1):
    """Return the width and height (inches) of a figure of one or more panels of the same map.

    ``shape`` is ``(ny, nx)``. The panels of a wide map are stacked, those of other maps in a row.
    """
    ny, nx = shape
    width = min(_MAX_SIDE_INCH, np.sqrt(_AREA_INCH2 * nx / ny), _MAX_SIDE_INCH * nx / ny)
    width, height = max(width, 1.0), max(width * ny / nx, 1.0)
    if _is_wide(shape):
        return width + _LEFT_INCH, (height + _BELOW_INCH + _COLORBAR_INCH) * panels
    return (width + _LEFT_INCH + _COLORBAR_INCH) * panels, height + _BELOW_INCH


def check_picture(path: PathLike) -> None:
    """Check that matplotlib is installed and can write a figure file.

    Parameters
    ----------
    path : path-like
        The figure file.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If matplotlib has no format with the suffix of the file.
    """
    import_optional("matplotlib", purpose="a plot", install="'lensmap[plot]'")
    from matplotlib.backend_bases import FigureCanvasBase

    formats = FigureCanvasBase.get_supported_filetypes()
    if Path(path).suffix.lower().removeprefix(".") not in formats:
        suffixes = ", ".join("." + name for name in sorted(formats))
        raise ParameterError("path", f"one of {suffixes}", repr(str(path)), verb="end in")


def save_map(
    kappa: ConvergenceMap,
    path: PathLike,
    *,
    title: str | None = None,
    marks: QTable | None = None,
    overwrite: bool = False,
) -> None:
    """Save a figure of a map and, if it has an uncertainty, its signal-to-noise ratio.

    Parameters
    ----------
    kappa : ConvergenceMap
        The map.
    path : path-like
        The figure file. The suffix determines the format.
    title : str or None
        The title; None draws no title.
    marks : `~astropy.table.QTable` or None
        Positions to mark with circles, with the columns ``ra`` and ``dec``; None marks no position.
    overwrite : bool
        Whether to replace an existing file.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If matplotlib has no format with the suffix of the file.
    FileExistsError
        If the file exists and ``overwrite`` is False.
    """
    check_picture(path)
    with atomic_write(path, overwrite=overwrite) as temporary:
        _map_figure(kappa, title, marks).savefig(temporary, dpi=150)


def _map_figure(kappa, title, marks):
    """Return a figure of a map and, if the map has an uncertainty, of its signal-to-noise ratio.

    ``title`` is the title of the figure, and ``marks`` is a table of positions to mark with
    circles. None draws no title and no circles.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    quantities = ["kappa"] if kappa.uncertainty is None else ["kappa", "snr"]
    rows, columns = (len(quantities), 1) if _is_wide(kappa.shape) else (1, len(quantities))
    # Without pyplot, the figure needs no display and leaves no global state.
    figure = Figure(figsize=_figure_size(kappa.shape, len(quantities)), layout="constrained")
    FigureCanvasAgg(figure)
    for i, quantity in enumerate(quantities):
        ax = figure.add_subplot(rows, columns, i + 1, projection=kappa.wcs)
        caption = _TITLES[quantity]
        if quantity == "kappa":
            held = kappa.meta.get("quantity", "kappa")
            caption = caption if held == "kappa" else str(held)
        if quantity == "snr" and has_total_error(kappa):
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


def thumbnail(kappa: ConvergenceMap, size_inch: float = 3.0) -> bytes | None:
    """Draw a small picture of a map.

    Parameters
    ----------
    kappa : ConvergenceMap
        The map.
    size_inch : float
        The length of the longer side, inches.

    Returns
    -------
    bytes or None
        The content of a PNG file; None if matplotlib is not installed, or all pixels are masked.
    """
    if kappa.mask.all():
        return None
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return None
    width, height = _figure_size(kappa.shape)
    factor = size_inch / max(width, height)
    figure = Figure(figsize=(factor * width, factor * height), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    ax = figure.add_subplot(projection=kappa.wcs)
    plot_map(kappa, ax, colorbar=False)
    for coordinate in ax.coords:
        coordinate.set_ticklabel(size=7)
        coordinate.set_axislabel(coordinate.get_axislabel(), size=7)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
