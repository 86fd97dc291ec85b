# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Selection of the galaxies behind a lens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from lensmap.utils import ParameterError, check_number, check_plausible, check_rising

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lensmap.catalog._shear_catalog import ShearCatalog

__all__ = ["behind"]


def behind(
    catalog: ShearCatalog,
    z_lens: float,
    *,
    margin: float,
    pz: str | ArrayLike | None,
    z_grid: ArrayLike | None,
    min_probability: float,
    cut: ArrayLike | Callable[[ShearCatalog], ArrayLike] | None,
) -> np.ndarray:
    """Select the galaxies of a catalog that are behind a lens.

    Parameters
    ----------
    catalog : ShearCatalog
        The galaxies.
    z_lens : float
        The redshift of the lens.
    margin : float
        The smallest difference between the redshift of a selected galaxy and that of the lens.
    pz : str, array_like or None
        The redshift probability density of each galaxy, ``(n, n_z)``, or the name of its column. If
        None, the column ``redshift`` is used.
    z_grid : array_like or None
        The redshifts at which ``pz`` is given, ``(n_z,)``.
    min_probability : float
        The smallest probability, according to ``pz``, that a selected galaxy lies beyond
        ``z_lens + margin``.
    cut : array_like, callable or None
        A further condition: a boolean array ``(n,)``, or a function that takes the catalog and
        returns such an array.

    Returns
    -------
    `numpy.ndarray`
        True for galaxies behind the lens, bool, ``(n,)``.

    Raises
    ------
    ValueError
        If a parameter is invalid, or if neither redshifts nor a cut are available.
    """
    check_number(z_lens, "z_lens", "positive", low=1e-9)
    check_plausible(z_lens, "z_lens", "a lens redshift")
    check_number(margin, "margin", "0 or more", low=0)
    if cut is None and pz is None and catalog["redshift"] is None:
        raise ValueError(
            "background galaxies cannot be selected without redshifts: the catalog has no column "
            "redshift; give pz and z_grid, or a cut"
        )
    selected = np.ones(len(catalog), dtype=bool)
    if cut is not None:
        values = np.asarray(cut(catalog) if callable(cut) else cut)
        if values.dtype != bool or values.shape != (len(catalog),):
            raise ParameterError(
                "cut",
                f"one True or False for each of {len(catalog)} galaxies",
                f"{values.dtype} of the shape {values.shape}",
            )
        selected &= values
    if pz is not None:
        check_number(min_probability, "min_probability", "from 0 to 1", low=0, high=1)
        selected &= _probability_beyond(catalog, pz, z_grid, z_lens + margin) >= min_probability
    elif catalog["redshift"] is not None:
        with np.errstate(invalid="ignore"):  # NaN, a missing redshift, is not selected
            selected &= catalog["redshift"] > z_lens + margin
    return selected


def _probability_beyond(
    catalog: ShearCatalog, pz: str | ArrayLike, z_grid: ArrayLike | None, z: float
) -> np.ndarray:
    """Return the probability that the redshift of each galaxy exceeds ``z``, float, ``(n,)``.

    ``pz`` is the probability density p(z) of each galaxy, ``(n, n_z)``, or the name of the column
    that holds it. The density is interpolated linearly between the redshifts ``z_grid``,
    ``(n_z,)``.
    """
    density, grid = redshift_densities(catalog, pz, z_grid)
    steps = 0.5 * (density[:, 1:] + density[:, :-1]) * np.diff(grid)
    cumulative = np.concatenate([np.zeros((len(density), 1)), np.cumsum(steps, axis=1)], axis=1)
    total = cumulative[:, -1]
    if z <= grid[0]:
        below = np.zeros(len(density))
    elif z >= grid[-1]:
        below = total
    else:
        i = np.searchsorted(grid, z) - 1
        dz = z - grid[i]
        slope = (density[:, i + 1] - density[:, i]) / (grid[i + 1] - grid[i])
        below = cumulative[:, i] + dz * (density[:, i] + 0.5 * slope * dz)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, 1 - below / total, 0.0)


def redshift_densities(
    catalog: ShearCatalog, pz: str | ArrayLike, z_grid: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray]:
    """Check the redshift probability densities of galaxies, and return them as arrays.

    Parameters
    ----------
    catalog : ShearCatalog
        The galaxies.
    pz : str or array_like
        The density of each galaxy, ``(n, n_z)``, or the name of the column that holds it.
    z_grid : array_like or None
        The redshifts at which ``pz`` is given, ``(n_z,)``.

    Returns
    -------
    density : `numpy.ndarray`
        The densities, ``(n, n_z)``.
    grid : `numpy.ndarray`
        The redshifts, ``(n_z,)``.

    Raises
    ------
    ValueError
        If ``z_grid`` is missing or not increasing, or the shape of ``pz`` is another one.
    """
    density = np.asarray(catalog[pz] if isinstance(pz, str) else pz)
    density = density if density.dtype.kind == "f" else density.astype(float)
    if z_grid is None:
        raise ParameterError(
            "z_grid", "given with {pz}", "None", "give the redshifts of the columns of {pz}"
        )
    grid = check_rising(z_grid, "z_grid", "at least two strictly increasing redshifts")
    if density.shape != (len(catalog), len(grid)):
        raise ParameterError(
            "pz",
            f"the shape ({len(catalog)}, {len(grid)}), a row per galaxy and a column per redshift",
            str(density.shape),
            verb="have",
        )
    return density, grid
