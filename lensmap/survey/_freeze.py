# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The numbers that are fitted to a whole survey before its first tile is mapped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from astropy import units as u

from lensmap.cosmology import convergence_power
from lensmap.estimators import Estimator
from lensmap.survey._large_scales import LMAX, LargeScales, solve_large_scales
from lensmap.survey._scan import Scan
from lensmap.survey._tile_map import TileTask, bin_tile

__all__ = ["ell_join", "large_scales_of", "measure_tile"]

# The multipole below which tiles take their scales from the sphere, for smoothing below and above
# 5 arcmin.
_ELL_JOIN, _ELL_JOIN_SMOOTH = 100.0, 200.0
_SMOOTH = 5 * u.arcmin

# The redshift of the sources for the prior of the largest scales, where none is known.
_REDSHIFT = 1.0


def ell_join(estimator: Estimator) -> float:
    """Return the multipole below which tiles take their scales from the sphere."""
    smoothing = getattr(estimator, "smoothing", None)
    return _ELL_JOIN_SMOOTH if smoothing is not None and smoothing > _SMOOTH else _ELL_JOIN


def measure_tile(task: TileTask, pixel: int) -> Any:
    """Return the compact sums of the galaxies of one tile; None without galaxies.

    Parameters
    ----------
    task : TileTask
        What all tiles share, with the calibration of the survey.
    pixel : int
        The nested index of the tile.

    Returns
    -------
    object
        The sums for `Estimator.fit`.
    """
    grid = bin_tile(task, pixel)
    if grid is None or not (grid.sum_w > 0).any():
        return None
    return task.estimator.compact(task.estimator.measure(grid))


def large_scales_of(
    scan: Scan, estimator: Estimator, names: Iterable[str] = ()
) -> tuple[LargeScales, dict[str, LargeScales]]:
    """Solve for the convergence of the sphere to which the tiles are joined.

    Parameters
    ----------
    scan : Scan
        The sums over the survey.
    estimator : Estimator
        The estimator, whose source redshift and cosmology, if it has them, are those of the prior.
    names : iterable of str
        The names of maps of other columns, to which the same filter is applied.

    Returns
    -------
    scales : LargeScales
        The solution for the shear.
    others : dict
        Those of the other columns, by the names of their maps.
    """
    z_source = getattr(estimator, "z_source", None)
    cosmology = getattr(estimator, "cosmology", None)
    ell = np.geomspace(2, LMAX, 60)
    power = convergence_power(ell, _REDSHIFT if z_source is None else z_source, cosmology)
    table = np.exp(np.interp(np.log(np.arange(2, LMAX + 1)), np.log(ell), np.log(power)))
    grid, prior = scan.grid(), np.concatenate([[0, 0], table])
    limit = ell_join(estimator)
    others = {
        name: solve_large_scales(grid, prior, limit, other=scan.also(name)) for name in names
    }
    return solve_large_scales(grid, prior, limit), others
