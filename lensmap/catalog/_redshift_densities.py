# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Redshift probability densities p(z) of galaxies, tabulated on one grid of redshifts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lensmap.catalog._names import shown
from lensmap.catalog._preset import DENSITY
from lensmap.utils import (
    CatalogWarning,
    ParameterError,
    ParameterTypeError,
    check_rising,
    warn_user,
)

__all__ = [
    "integral_weights", "normalizations", "read_densities", "sample_redshifts", "weighted_sum",
]

# Rounding errors may make a density negative by this fraction of its maximum.
_NEGATIVE_TOLERANCE = 1e-3

# Galaxies that are checked at once, few enough for the memory of a copy.
_CHUNK = 20_000


def read_densities(
    found: Mapping[str, Any],
    name: str | None,
    rows: np.ndarray | None,
    z_grid: Any,
    meta: Mapping[str, Any],
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the redshift probability densities of the galaxies of a table.

    Parameters
    ----------
    found : dict
        The columns of the table, keyed by their names.
    name : str or None
        The name of the column of densities; None if there is none.
    rows : `numpy.ndarray` or None
        True for the selected rows, bool, ``(n_rows,)``. None selects all rows.
    z_grid : array_like or None
        The redshifts of the densities, ``(n_z,)``. None takes them from the meta of the column or
        the table.
    meta : dict
        The meta of the table.

    Returns
    -------
    grid : `numpy.ndarray` or None
        The redshifts, ``(n_z,)``. None without a column.
    densities : `numpy.ndarray` or None
        The densities, ``(n, n_z)``; 0 for galaxies without a density. None without a column.

    Raises
    ------
    ValueError
        If the redshifts are missing, not valid or not as many as the numbers in a row; or if they
        are given without a column.
    """
    if name is None:
        if z_grid is not None:
            raise ParameterError(
                "z_grid", "None for a catalog without p(z)", "given",
                "name the column of p(z) by {columns={'pz': ...}}",
            )
        return None, None
    grid = _grid_of(z_grid, found[name], meta, name)
    return grid, _load_densities(found[name], grid, name, rows)


def _grid_of(z_grid: Any, column: Any, meta: Mapping[str, Any], name: str) -> np.ndarray:
    """Return the redshifts at which the densities of a column are given, ``(n_z,)``.

    ``z_grid`` are the redshifts that the user gives, or None for those in the meta of the column
    or, if it has none, of the table. ``name`` is the name of the column in the table.
    """
    for entries in (getattr(getattr(column, "info", None), "meta", None) or {}, meta):
        if z_grid is None:
            folded = {str(key).lower(): value for key, value in entries.items()}
            z_grid = folded.get("z_grid")
    if z_grid is None:
        raise ParameterError(
            "z_grid", "given for a catalog with p(z)", "None",
            f"give the redshifts of the elements of the column {shown(name)!r}",
        )
    allowed = "at least two redshifts, 0 or more and strictly increasing"
    try:
        grid = np.array(check_rising(z_grid, "z_grid", allowed))
    except (TypeError, ValueError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterTypeError("z_grid", allowed, repr(z_grid)) from None
    if not (np.all(np.isfinite(grid)) and grid[0] >= 0):
        raise ParameterError("z_grid", allowed, f"{grid[0]:g} to {grid[-1]:g}")
    grid.flags.writeable = False
    return grid


def _load_densities(
    column: Any, grid: np.ndarray, name: str, rows: np.ndarray | None
) -> np.ndarray:
    """Return the redshift probability densities of the selected rows of a table, ``(n, n_z)``.

    They are in the normalization of the column, and not copied if they need no conversion. Galaxies
    whose values are masked, not finite, negative (such as the placeholder -99) or 0 at all
    redshifts have 0, with a warning that counts them. ``grid`` are the redshifts, ``name`` is the
    name of the column in the table, and ``rows`` are as for `read_densities`.
    """
    if np.ndim(column) != 2 or np.shape(column)[1] != len(grid):
        found = np.shape(column)[1] if np.ndim(column) == 2 else 1
        raise ParameterError(
            "z_grid",
            f"as many redshifts as the column {shown(name)!r} has numbers per row",
            f"{len(grid)} redshifts for {found} numbers", verb="have",
        )
    column = column if rows is None else column[rows]
    masked = np.ma.getmask(column)
    values = np.asarray(getattr(column, "value", column))
    if values.dtype.kind not in "iuf":
        raise ParameterTypeError(
            "columns", f"a column of numbers for {DENSITY!r}", f"the column {shown(name)!r}",
            verb="name",
        )
    if not values.dtype.isnative:  # FITS is big-endian
        values = values.astype(values.dtype.newbyteorder("="))
    if values.dtype.kind != "f":
        values = values.astype(float)
    bad = np.concatenate([
        _has_no_density(values[start:start + _CHUNK]) for start in range(0, len(values), _CHUNK)
    ] or [np.zeros(0, dtype=bool)])
    if masked is not np.ma.nomask:
        bad |= masked.any(axis=1)
    if bad.any():
        warn_user(
            f"{np.count_nonzero(bad)} of {len(bad)} rows count as galaxies without p(z): their "
            f"values of {shown(name)!r} are missing, negative or 0 at all redshifts",
            CatalogWarning,
            "no_redshift_density",
            DENSITY,
        )
        values = np.where(bad[:, np.newaxis], values.dtype.type(0), values)
    return values


def _has_no_density(values: np.ndarray) -> np.ndarray:
    """Return which rows of values, ``(n, n_z)``, are no density, bool, ``(n,)``."""
    highest, lowest = values.max(axis=1), values.min(axis=1)
    with np.errstate(invalid="ignore"):
        return ~((highest > 0) & np.isfinite(highest) & (lowest >= -_NEGATIVE_TOLERANCE * highest))


def integral_weights(grid: np.ndarray, z: float = -np.inf) -> np.ndarray:
    """Return the weights with which the sum over a tabulated density is its integral beyond ``z``.

    Parameters
    ----------
    grid : `numpy.ndarray`
        The redshifts of the density, ``(n_z,)``, between which it is linear.
    z : float
        The redshift from which the density is integrated; by default, over all redshifts.

    Returns
    -------
    `numpy.ndarray`
        The weights, ``(n_z,)``.
    """
    step = np.diff(grid)
    share = np.clip((z - grid[:-1]) / step, 0.0, 1.0)  # of each step, below z
    weights = np.zeros(len(grid))
    weights[:-1] += 0.5 * step * (1 - share) ** 2
    weights[1:] += 0.5 * step * (1 - share**2)
    return weights


def normalizations(density: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return the factors that normalize densities to an integral of 1.

    Parameters
    ----------
    density : `numpy.ndarray`
        The densities, ``(n, n_z)``.
    grid : `numpy.ndarray`
        The redshifts of the densities, ``(n_z,)``.

    Returns
    -------
    `numpy.ndarray`
        The factors, ``(n,)``; 0 for galaxies without a density.
    """
    # Weights of the same type save a copy of the densities.
    total = density @ integral_weights(grid).astype(density.dtype)
    return np.divide(1.0, total, out=np.zeros(len(total)), where=total > 0)


def weighted_sum(density: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the weighted sum of densities in double precision, without a copy of all of them.

    Parameters
    ----------
    density : `numpy.ndarray`
        The densities, ``(n, n_z)``.
    weight : `numpy.ndarray`
        The weights, ``(n,)``.

    Returns
    -------
    `numpy.ndarray`
        The sum, ``(n_z,)``.
    """
    total = np.zeros(density.shape[1])
    for start in range(0, len(density), _CHUNK):
        rows = slice(start, start + _CHUNK)
        total += weight[rows] @ density[rows].astype(float)
    return total


def sample_redshifts(
    density: np.ndarray, grid: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw a redshift for each galaxy from its density.

    Parameters
    ----------
    density : `numpy.ndarray`
        The densities, ``(n, n_z)``.
    grid : `numpy.ndarray`
        The redshifts of the densities, ``(n_z,)``, between which they are linear.
    rng : `numpy.random.Generator`
        The generator.

    Returns
    -------
    `numpy.ndarray`
        The redshifts, ``(n,)``; NaN for galaxies without a density.
    """
    redshift = np.full(len(density), np.nan)
    fraction, step = rng.random(len(density)), np.diff(grid)
    for start in range(0, len(density), _CHUNK):
        rows = slice(start, start + _CHUNK)
        values = np.maximum(density[rows].astype(float), 0.0)
        areas = np.cumsum(0.5 * step * (values[:, 1:] + values[:, :-1]), axis=1)
        wanted = fraction[rows] * areas[:, -1]
        i = np.minimum((areas <= wanted[:, np.newaxis]).sum(axis=1), len(step) - 1)
        each = np.arange(len(values))
        below = np.where(i > 0, areas[each, i - 1], 0.0)
        p, slope = values[each, i], (values[each, i + 1] - values[each, i]) / step[i]
        # The area up to x in a step is p x + slope x^2 / 2. This form of its root has no
        # cancellation.
        area = np.clip(wanted - below, 0.0, None)
        root = p + np.sqrt(np.clip(p**2 + 2 * slope * area, 0.0, None))
        x = np.divide(2 * area, root, out=np.zeros(len(root)), where=root > 0)
        redshift[rows] = np.where(areas[:, -1] > 0, grid[i] + np.minimum(x, step[i]), np.nan)
    return redshift
