# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One color, marker and line for each estimator in all figures and tables."""

from collections.abc import Iterable
from typing import NamedTuple

from lensmap.validation._parts import TRUTH

__all__ = ["Style", "styles_of"]

# Okabe & Ito 2008 without black, which is the truth, and without yellow; then Tol's muted colors.
_COLORS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#882255", "#999933",
    "#332288", "#888888",
)
# Shapes and dashes tell estimators apart in gray print.
_MARKERS = ("s", "v", "^", "D", "o", "P", "X")
_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)))


class Style(NamedTuple):
    """The look of one estimator.

    Attributes
    ----------
    color : str
        Hexadecimal.
    marker : str
        A marker of matplotlib.
    linestyle : str or tuple
        A line style of matplotlib.
    """

    color: str
    marker: str
    linestyle: str | tuple

    @property
    def line(self) -> dict:
        """Return the keywords of a line with markers."""
        return {**self._asdict(), "markersize": 4, "linewidth": 1.1}

    @property
    def points(self) -> dict:
        """Return the keywords of markers without a line."""
        return {"color": self.color, "marker": self.marker, "linestyle": "none"}


def styles_of(names: Iterable[str]) -> dict[str, Style]:
    """Return the style of each estimator; the truth is black.

    Parameters
    ----------
    names : iterable of str
        The estimators.

    Returns
    -------
    dict
        From names to styles.
    """
    styles = {TRUTH: Style("#000000", ".", "-")}
    for i, name in enumerate(names):
        styles[name] = Style(_COLORS[i % len(_COLORS)], _MARKERS[i % len(_MARKERS)],
                             _DASHES[i % len(_DASHES)])
    return styles
