# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Numbers of a whole survey map, from one pass over its blocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from lensmap.survey._quality import QUALITY
from lensmap.survey.products import Block

__all__ = ["MapNumbers", "map_numbers"]

# At least this many tiles with B-modes give an error of their mean.
_MIN_TILES = 2


@dataclass
class MapNumbers:
    """Numbers of a survey map.

    Attributes
    ----------
    layers : tuple of str
        The names of the layers.
    n_pixels, n_masked : int
        The numbers of unmasked and of masked pixels in the footprint.
    kappa : tuple of float
        The mean and the standard deviation of kappa.
    error : float or None
        The root mean square of the error; None without errors.
    b_over_error : tuple of float or None
        The root mean square of the B-mode over its error and the scatter of that between tiles,
        as an error of the mean; None without B-modes or errors.
    quality : dict
        The mean, the lowest and the highest value of each quality map in unmasked pixels.
    """

    layers: tuple[str, ...] = ()
    n_pixels: int = 0
    n_masked: int = 0
    kappa: tuple[float, float] = (np.nan, np.nan)
    error: float | None = None
    b_over_error: tuple[float, float] | None = None
    quality: dict[str, tuple[float, float, float]] = field(default_factory=dict)


def map_numbers(blocks: Iterable[Block]) -> MapNumbers:
    """Return numbers of a survey map.

    Parameters
    ----------
    blocks : iterable of Block
        The map.

    Returns
    -------
    MapNumbers
        The numbers.
    """
    numbers = MapNumbers()
    sums = np.zeros(4)  # of 1, kappa, its square, and the square of its error
    ratios: list[tuple[float, int]] = []
    quality: dict[str, list[float]] = {}
    for block in blocks:
        layers = block.layers
        numbers.layers = tuple(layers)
        good = np.isfinite(layers["kappa"])
        numbers.n_pixels += int(good.sum())
        numbers.n_masked += int((layers["mask"] & np.isfinite(layers["unmasked"])).sum())
        kappa = layers["kappa"][good].astype(float)
        error = layers["error"][good].astype(float) if "error" in layers else np.zeros(len(kappa))
        sums += [len(kappa), kappa.sum(), np.sum(kappa**2), np.sum(error**2)]
        if "kappa_b" in layers and "error" in layers and (error > 0).any():
            pull = layers["kappa_b"][good][error > 0] / error[error > 0]
            ratios.append((float(np.sum(pull**2)), len(pull)))
        for name in QUALITY:
            known_pixels = good & np.isfinite(layers[name]) if name in layers else good[:0]
            if known_pixels.any():
                values = layers[name][known_pixels].astype(float)
                known = quality.setdefault(name, [0.0, 0.0, np.inf, -np.inf])
                known[0] += values.sum()
                known[1] += len(values)
                known[2] = min(known[2], float(values.min()))
                known[3] = max(known[3], float(values.max()))
    if sums[0]:
        mean = sums[1] / sums[0]
        numbers.kappa = (float(mean), float(np.sqrt(max(sums[2] / sums[0] - mean**2, 0.0))))
        if "error" in numbers.layers:
            numbers.error = float(np.sqrt(sums[3] / sums[0]))
    if ratios:
        numbers.b_over_error = _rms_and_error(np.array(ratios))
    numbers.quality = {name: (q[0] / q[1], q[2], q[3]) for name, q in quality.items()}
    return numbers


def _rms_and_error(ratios: np.ndarray) -> tuple[float, float]:
    """Return the root mean square of all tiles, and its jackknife error."""
    square, n = ratios.T
    rms = float(np.sqrt(square.sum() / n.sum()))
    if len(ratios) < _MIN_TILES:
        return rms, np.nan
    without = np.sqrt((square.sum() - square) / (n.sum() - n))
    return rms, float(np.sqrt((len(n) - 1) * np.mean((without - without.mean()) ** 2)))
