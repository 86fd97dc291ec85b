# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which galaxies are behind a lens."""

import numpy as np

from lensmap.utils import check_number, check_rising

__all__ = ["behind"]


def behind(catalog, z_lens, *, margin, pz, z_grid, min_probability, cut):
    """Return which galaxies of a catalog are behind a lens.

    Parameters
    ----------
    catalog, z_lens, margin, pz, z_grid, min_probability, cut : object
        As for `ShearCatalog.select_background`.

    Returns
    -------
    `numpy.ndarray`
        Bool, ``(n,)``.
    """
    check_number(z_lens, "z_lens", "positive", low=1e-9)
    check_number(margin, "margin", "0 or more", low=0)
    if cut is None and pz is None and catalog["redshift"] is None:
        raise ValueError(
            "there is nothing to tell background galaxies by: the catalog has no column "
            "redshift; give pz and z_grid, or a cut"
        )
    selected = np.ones(len(catalog), dtype=bool)
    if cut is not None:
        values = np.asarray(cut(catalog) if callable(cut) else cut)
        if values.dtype != bool or values.shape != (len(catalog),):
            raise ValueError(
                f"cut must be one True or False for each of {len(catalog)} galaxies, not "
                f"{values.dtype} of the shape {values.shape}"
            )
        selected &= values
    if pz is not None:
        check_number(min_probability, "min_probability", "from 0 to 1", low=0, high=1)
        selected &= _probability_beyond(catalog, pz, z_grid, z_lens + margin) >= min_probability
    elif catalog["redshift"] is not None:
        with np.errstate(invalid="ignore"):  # without a redshift: not known to be behind
            selected &= catalog["redshift"] > z_lens + margin
    return selected


def _probability_beyond(catalog, pz, z_grid, z):
    """Return the part of each galaxy's p(z) beyond a redshift; nodes are joined by lines."""
    density = np.asarray(catalog[pz] if isinstance(pz, str) else pz, dtype=float)
    if z_grid is None:
        raise ValueError("pz needs z_grid, the redshifts of its columns")
    grid = check_rising(z_grid, "z_grid", "at least two rising redshifts")
    if density.shape != (len(catalog), len(grid)):
        raise ValueError(
            f"pz must have the shape ({len(catalog)}, {len(grid)}), galaxies and z_grid, not "
            f"{density.shape}"
        )
    steps = 0.5 * (density[:, 1:] + density[:, :-1]) * np.diff(grid)
    cumulative = np.concatenate([np.zeros((len(density), 1)), np.cumsum(steps, axis=1)], axis=1)
    total = cumulative[:, -1]
    if z <= grid[0]:
        below = np.zeros(len(density))
    elif z >= grid[-1]:
        below = total
    else:
        i = np.searchsorted(grid, z) - 1
        part = z - grid[i]
        slope = (density[:, i + 1] - density[:, i]) / (grid[i + 1] - grid[i])
        below = cumulative[:, i] + part * (density[:, i] + 0.5 * slope * part)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, 1 - below / total, 0.0)
