# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The channels of the network inputs, described one by one, and the inputs of a binned catalog."""

from typing import TYPE_CHECKING

import numpy as np
from astropy.table import Table

from lensmap.networks._inputs import INPUTS, MEASUREMENT_ERROR, GridArrays
from lensmap.utils import check_choice

if TYPE_CHECKING:
    from lensmap.grid import ShearGrid

__all__ = ["input_channels", "make_inputs"]

_KS = "Kaiser-Squires {mode}-mode of w g"

# The formulas of the channels of "multiscale" whose names do not hold a smoothing.
_MULTISCALE = {
    "E": f"{_KS.format(mode='E')}, over s",
    "B": f"{_KS.format(mode='B')}, over s",
    "weight": "w = s^2 / (variance of the mean shear of the pixel); 0 without galaxies",
    "log noise": "ln(s / 0.115)",
    "log pixel": "ln(side of a pixel / 0.41 arcmin)",
    "adaptive": "sum over bands of gain times E-mode, over 0.3 s",
}

_PAPER = {
    "g1": "weighted mean reduced shear along +x",
    "g2": "weighted mean reduced shear along the diagonal +x = +y",
    MEASUREMENT_ERROR: "weighted rms measurement error of the shear per component",
}


def input_channels(inputs: str = "multiscale") -> Table:
    r"""Return the channels of a kind of network input, with their formulas.

    In the formulas of ``"multiscale"``, g is the weighted mean reduced shear of a pixel and s is
    the shear noise per component, as a map: the noise that a pixel would have at the mean depth of
    its neighborhood, a Gaussian of 16 pixels. Maps are smoothed with Gaussians whose standard
    deviations, in pixels, stand in the names of the channels. The noise of a smoothed map is
    :math:`s_\sigma = s / \max(1, 2 \sqrt{\pi} \sigma)`. A band is the difference between the maps
    of two neighboring smoothings. Its gain is :math:`S / (S + N)`: N is its noise variance from the
    B-mode, and S the variance of the E-mode minus that of the B-mode, over the whole field. The
    output of the network is the convergence divided by s.

    The components of the shear are those of the pixel axes: g1 is positive for an elongation along
    +x, and g2 for one along the diagonal +x = +y. Pixels without galaxies have zeros in
    ``"paper"``. In ``"smoothed"``, the mean over the galaxies of each pixel is smoothed with a
    Gaussian of one pixel, normalized by the smoothed map of pixels that have galaxies. The output
    of networks with these two kinds of input is the convergence itself.

    Parameters
    ----------
    inputs : {"multiscale", "paper", "smoothed"}
        The kind of input.

    Returns
    -------
    `~astropy.table.Table`
        The columns ``channel``, the index in the last axis of the inputs; ``name``; and
        ``formula``. All channels are dimensionless.

    Raises
    ------
    ValueError
        If there is no such kind of input.

    Examples
    --------
    >>> from lensmap.networks import input_channels
    >>> print(input_channels("paper")["channel", "name"])
    channel        name
    ------- -----------------
          0                g1
          1                g2
          2 measurement error
    """
    names = INPUTS[check_choice(inputs, "inputs", tuple(INPUTS))].channels
    return Table({
        "channel": np.arange(len(names)), "name": list(names),
        "formula": [_formula(name, inputs) for name in names],
    })


def _formula(name, inputs):
    """Return the formula of a channel of a kind of input."""
    if inputs != "multiscale":
        return _PAPER[name] + (", smoothed" if inputs == "smoothed" else "")
    if name in _MULTISCALE:
        return _MULTISCALE[name]
    kind, _, sigma = name.rpartition(" ")
    if kind == "weight":
        return f"w, smoothed by {sigma} pixels"
    if kind == "gain":
        return f"gain S / (S + N) of the band from the smoothing {sigma} to the next"
    return f"{_KS.format(mode=kind)}, smoothed by {sigma} pixels, over its noise"


def make_inputs(
    grid: "ShearGrid", inputs: str = "multiscale"
) -> tuple[np.ndarray, float | np.ndarray]:
    """Compute the inputs of a network from a binned catalog.

    Parameters
    ----------
    grid : `lensmap.ShearGrid`
        The binned reduced shear.
    inputs : {"multiscale", "paper", "smoothed"}
        The kind of input.

    Returns
    -------
    inputs : `numpy.ndarray`
        The channels in the order of `input_channels`, float32, ``(ny, nx, n_channels)``.
    unit : float or `numpy.ndarray`
        The unit of the output of the network: the convergence is the output times this number or
        map, ``(ny, nx)``.

    Raises
    ------
    ValueError
        If there is no such kind of input, or no pixel of the grid has galaxies.

    Warns
    -----
    MapWarning
        If the inputs have a measurement error, but the catalog has none.
    """
    kind = INPUTS[check_choice(inputs, "inputs", tuple(INPUTS))]
    return kind.make(GridArrays.from_grid(grid))
