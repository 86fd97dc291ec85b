# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Noise-only maps that accompany a map."""

from collections.abc import Iterable, Iterator

import numpy as np

from lensmap.maps._convergence_map import ConvergenceMap
from lensmap.typing import MapLike
from lensmap.utils import ParameterError

__all__ = ["each_noise_map"]


def each_noise_map(
    noise_maps: Iterable[MapLike], kappa: ConvergenceMap, minimum: int = 2
) -> Iterator[np.ndarray]:
    """Yield the arrays of noise-only maps, and check their shape and number.

    Parameters
    ----------
    noise_maps : iterable
        Noise-only maps, `~lensmap.ConvergenceMap` or arrays ``(ny, nx)``.
    kappa : `~lensmap.ConvergenceMap`
        The map of the same pixels.
    minimum : int
        The minimum number of maps.

    Yields
    ------
    `numpy.ndarray`
        The values of a map, float, ``(ny, nx)``.

    Raises
    ------
    ValueError
        If a map has another shape; after the last map, if there are too few.
    """
    n = 0
    for noise in noise_maps:
        data = np.asarray(getattr(noise, "data", noise), dtype=float)
        if data.shape != kappa.shape:
            raise ParameterError(
                "noise_maps", f"the shape of the map, {kappa.shape}", str(data.shape), verb="have"
            )
        n += 1
        yield data
    if n < minimum:
        number = "two" if minimum == 2 else minimum
        raise ParameterError("noise_maps", f"at least {number}", str(n))
