# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Selection of the galaxies behind a lens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lensmap.catalog._redshift_densities import integral_weights, normalizations
from lensmap.utils import ParameterError, check_number, check_plausible

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lensmap.catalog._shear_catalog import ShearCatalog

__all__ = ["behind_lens", "check_behind", "probability_beyond", "selected_behind"]


def check_behind(margin: float, min_probability: float) -> None:
    """Check the parameters of a selection of galaxies behind a lens.

    Parameters
    ----------
    margin : float
        The smallest difference between the redshifts of a galaxy and the lens.
    min_probability : float
        The smallest probability that a galaxy is beyond ``z_lens + margin``.

    Raises
    ------
    ValueError
        If a parameter is not allowed.
    """
    check_number(margin, "margin", "0 or more", low=0)
    check_number(min_probability, "min_probability", "from 0 to 1", low=0, high=1)


def selected_behind(
    catalog: ShearCatalog,
    z_lens: float,
    *,
    margin: float,
    min_probability: float,
    cut: ArrayLike | Callable[[ShearCatalog], ArrayLike] | None,
) -> tuple[np.ndarray, dict[str, int], dict[str, Any]]:
    """Select the galaxies of a catalog that are behind a lens.

    Parameters
    ----------
    catalog : ShearCatalog
        The galaxies.
    z_lens, margin, min_probability, cut
        As for `ShearCatalog.behind`.

    Returns
    -------
    selected : `numpy.ndarray`
        True for galaxies behind the lens, bool, ``(n,)``.
    left_out : dict
        The number of galaxies left out for each cause. A galaxy with several causes counts under
        the first.
    facts : dict
        What `ShearCatalog.source_selection` says about the selection.

    Raises
    ------
    ValueError
        If a parameter is invalid, or if neither redshifts nor a cut are available.
    """
    check_number(z_lens, "z_lens", "positive", low=1e-9)
    check_plausible(z_lens, "z_lens", "a lens redshift")
    check_behind(margin, min_probability)
    by = "pz" if catalog.pz is not None else "redshift"
    if by == "redshift" and catalog["redshift"] is None:
        by = "cut"
        if cut is None:
            raise ParameterError(
                "columns", "a column of redshifts ('redshift') or of p(z) ('pz')",
                remedy="without it, the galaxies behind a lens can only be selected by a cut",
                verb="name",
            )
    causes = []
    if by == "pz":
        beyond, known = probability_beyond(catalog, z_lens + margin)
        low = f"P(z > {z_lens + margin:g}) below {min_probability:g}"
        causes += [("no p(z)", ~known), (low, ~(beyond >= min_probability))]
    elif by == "redshift":
        known = np.isfinite(catalog["redshift"])
        near = f"redshift not above {z_lens + margin:g}"
        causes += [
            ("no redshift", ~known),
            (near, ~behind_lens(catalog["redshift"], z_lens, margin)),
        ]
    if cut is not None:
        causes.append(("left out by the cut", ~_rows_of_cut(catalog, cut)))
    selected, left_out = np.ones(len(catalog), dtype=bool), {}
    for cause, rows in causes:
        count = int(np.count_nonzero(rows & selected))
        if count:
            left_out[cause] = count
            selected &= ~rows
    facts = {
        "z_lens": float(z_lens),
        "margin": None if by == "cut" else float(margin),
        "by": by,
        "min_probability": float(min_probability) if by == "pz" else None,
        "cut": cut is not None,
        "n_given": len(catalog),
    }
    return selected, left_out, facts


def behind_lens(redshift: np.ndarray, z_lens: float, margin: float) -> np.ndarray:
    """Return which redshifts exceed that of a lens by more than a margin.

    Parameters
    ----------
    redshift : `numpy.ndarray`
        The redshifts of the galaxies, ``(n,)``, NaN where missing.
    z_lens, margin : float
        The redshift of the lens, and the margin.

    Returns
    -------
    `numpy.ndarray`
        Bool, ``(n,)``; False for missing redshifts.
    """
    with np.errstate(invalid="ignore"):
        return redshift > z_lens + margin


def probability_beyond(catalog: ShearCatalog, z: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability that the redshift of each galaxy with p(z) exceeds ``z``.

    The density is interpolated linearly between the redshifts of its grid, and 0 beyond them.

    Parameters
    ----------
    catalog : ShearCatalog
        The galaxies, with densities.
    z : float
        The redshift.

    Returns
    -------
    probability : `numpy.ndarray`
        The probabilities, ``(n,)``; 0 for galaxies without a density.
    known : `numpy.ndarray`
        Whether each galaxy has a density, bool, ``(n,)``.
    """
    density, grid = catalog.pz, catalog.z_grid
    assert density is not None and grid is not None
    norm = normalizations(density, grid)
    # Weights of the same type save a copy of the densities.
    weights = integral_weights(grid, z).astype(density.dtype)
    # Rounding errors must not leave out galaxies that are beyond for certain.
    probability = np.round((density @ weights) * norm, 5)
    return probability, norm > 0


def _rows_of_cut(
    catalog: ShearCatalog, cut: ArrayLike | Callable[[ShearCatalog], ArrayLike]
) -> np.ndarray:
    """Return the rows that fulfill a condition of the user, bool, ``(n,)``."""
    values = np.asarray(cut(catalog) if callable(cut) else cut)
    if values.dtype != bool or values.shape != (len(catalog),):
        raise ParameterError(
            "cut",
            f"one True or False for each of {len(catalog)} galaxies",
            f"{values.dtype} of the shape {values.shape}",
        )
    return values
