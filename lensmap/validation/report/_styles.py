# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The color, marker and line style of each estimator, the same in all figures and tables."""

from collections.abc import Iterable
from typing import NamedTuple

from lensmap.validation._parts import TRUTH

__all__ = ["Style", "styles_of"]

# Colors of Okabe & Ito 2008, without yellow and without black (used for the truth), followed by
# Tol's muted colors.
_COLORS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#882255", "#999933",
    "#332288", "#888888",
)
# Marker shapes and dashes distinguish the estimators in grayscale print.
_MARKERS = ("s", "v", "^", "D", "o", "P", "X")
_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)))


class Style(NamedTuple):
    """The plot style of one estimator.

    Attributes
    ----------
    color : str
        The color as a hexadecimal code.
    marker : str
        The matplotlib marker.
    linestyle : str or tuple
        The matplotlib line style.
    """

    color: str
    marker: str
    linestyle: str | tuple

    @property
    def line(self) -> dict:
        """Return the matplotlib keywords for a line with markers."""
        return {**self._asdict(), "markersize": 4, "linewidth": 1.1}

    @property
    def points(self) -> dict:
        """Return the matplotlib keywords for markers without a line."""
        return {"color": self.color, "marker": self.marker, "linestyle": "none"}


def styles_of(names: Iterable[str]) -> dict[str, Style]:
    """Return the plot style of each estimator, and a black line for the truth.

    Parameters
    ----------
    names : iterable of str
        The names of the estimators.

    Returns
    -------
    dict
        The styles, keyed by the names of estimators and by ``"truth"``.
    """
    styles = {TRUTH: Style("#000000", ".", "-")}
    for i, name in enumerate(names):
        styles[name] = Style(_COLORS[i % len(_COLORS)], _MARKERS[i % len(_MARKERS)],
                             _DASHES[i % len(_DASHES)])
    return styles
