# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The memory that a simulated sky needs."""

from __future__ import annotations

import math

import numpy as np

from lensmap.simulate.sky._footprint import CELLS, Footprint
from lensmap.sphere import HealpixPixels, LensingInterpolator
from lensmap.utils import check_memory

__all__ = ["check_sky_memory", "estimate_sky_memory"]

# Halos lie within about this angle of the footprint, and their smooth parts reach farther.
_HALO_MARGIN_DEG = 6.0

# Tables of profiles, the density of halos on coarse pixels, and one partition of galaxies.
_FIXED_BYTES = 6e8

_BYTES_PER_TRUE_PIXEL = 40.0


def estimate_sky_memory(footprint: Footprint, nside: int, truth_nside: int) -> float:
    """Estimate the peak memory of the simulation of a sky.

    Parameters
    ----------
    footprint : Footprint
        The part of the sky.
    nside, truth_nside : int
        The resolutions of the smooth convergence and of the map of the true convergence.

    Returns
    -------
    float
        The memory in bytes.
    """
    lmax = 2 * nside
    modes = 8.0 * (lmax + 1) * (lmax + 2) / 2
    lon, lat = footprint.lon_lat
    low, high = (
        np.clip(value, -90, 90)
        for value in (lat.min() - _HALO_MARGIN_DEG, lat.max() + _HALO_MARGIN_DEG)
    )
    share = (math.sin(math.radians(high)) - math.sin(math.radians(low))) / 2
    # The map of smooth halos and, for its transform, its rings as Fourier series.
    painting = share * (4.0 * HealpixPixels(nside).n_pixels)
    painting += 8.0 * (lmax + 1) * (4 * nside - 1) * (high - low) / 180
    grid = LensingInterpolator.grid_bytes(lmax, lon, lat, math.degrees(footprint.cell_radius))
    true = _BYTES_PER_TRUE_PIXEL * footprint.area / HealpixPixels(truth_nside).area
    return _FIXED_BYTES + max(modes + painting, 3 * modes, 2 * modes + grid, grid + true)


def check_sky_memory(footprint: Footprint, nside: int, truth_nside: int) -> None:
    """Raise MemoryError if the simulation of a sky would not fit into memory.

    Parameters
    ----------
    footprint, nside, truth_nside
        As for `estimate_sky_memory`.
    """
    check_memory(
        estimate_sky_memory(footprint, nside, truth_nside),
        f"a sky of {len(footprint.index) * CELLS.area * math.degrees(1) ** 2:.4g} deg2 with nside "
        f"{nside}",
        "use a lower resolution or a smaller footprint",
    )
