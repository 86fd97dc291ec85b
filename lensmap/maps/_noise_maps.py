# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Check of noise-only maps, which measure the noise of a convergence map."""

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
        The map whose noise the noise-only maps have, on the same pixels.
    minimum : int
        The smallest allowed number of noise-only maps.

    Yields
    ------
    `numpy.ndarray`
        The values of one noise-only map, float, ``(ny, nx)``.

    Raises
    ------
    ValueError
        If the shape of a noise-only map differs from that of ``kappa``, or if there are too few
        maps, which is known only after the last one.
    """
    n = 0
    for noise in noise_maps:
        data = np.asarray(getattr(noise, "data", noise), dtype=float)
        if data.shape != kappa.shape:
            raise ParameterError(
                "noise_maps", f"the shape of the map, {kappa.shape} (ny, nx)", str(data.shape),
                verb="have",
            )
        n += 1
        yield data
    if n < minimum:
        number = "two" if minimum == 2 else minimum
        raise ParameterError("noise_maps", f"at least {number} maps", str(n), verb="contain")
