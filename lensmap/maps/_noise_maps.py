# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Maps of noise alone, with which a map is compared."""

import numpy as np

__all__ = ["each_noise_map"]


def each_noise_map(noise_maps, kappa, minimum=2):
    """Yield the arrays of maps of noise, one after the other.

    Parameters
    ----------
    noise_maps : iterable
        `~lensmap.ConvergenceMap` or arrays ``(ny, nx)``.
    kappa : `~lensmap.ConvergenceMap`
        The map that they belong to.
    minimum : int
        How many there must be.

    Yields
    ------
    `numpy.ndarray`
        Float, ``(ny, nx)``.

    Raises
    ------
    ValueError
        If one has another shape, or at the end, if there were too few.
    """
    n = 0
    for noise in noise_maps:
        data = np.asarray(getattr(noise, "data", noise), dtype=float)
        if data.shape != kappa.shape:
            raise ValueError(
                f"noise_maps must have the shape of the map, {kappa.shape}, not {data.shape}"
            )
        n += 1
        yield data
    if n < minimum:
        number = "two" if minimum == 2 else minimum
        raise ValueError(f"noise_maps must be at least {number}, not {n}")
