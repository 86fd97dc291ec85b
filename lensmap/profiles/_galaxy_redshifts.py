# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Inverse critical surface density of galaxies of a catalog, from all that may say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u

from lensmap.catalog import redshift_densities
from lensmap.cosmology import distance_ratio
from lensmap.profiles._efficiency import Efficiency, inverse_scale
from lensmap.utils import ParameterError

if TYPE_CHECKING:
    from astropy.cosmology import FLRW
    from numpy.typing import ArrayLike

    from lensmap.catalog import ShearCatalog
    from lensmap.typing import RedshiftLike

__all__ = ["catalog_efficiency"]

_INVERSE_UNIT = u.Mpc**2 / u.solMass

# Steps between two redshifts of p(z), within which it is linear and the efficiency is not.
_N_STEPS = 16


def catalog_efficiency(
    catalog: ShearCatalog,
    z_lens: np.ndarray | None,
    z_source: RedshiftLike | None,
    cosmology: FLRW,
    *,
    pz: str | ArrayLike | None = None,
    z_grid: ArrayLike | None = None,
    inverse_sigma_crit: str | ArrayLike | u.Quantity | None = None,
) -> Efficiency | None:
    """Return the inverse critical surface density of the galaxies of a catalog.

    Parameters
    ----------
    catalog : ShearCatalog
        The galaxies. Their column ``redshift`` is used if no other parameter has redshifts.
    z_lens : `numpy.ndarray` or None
        Redshifts of the lenses, ``(n_lens,)``.
    z_source : float, `~lensmap.SourceRedshifts` or None
        The redshift of all galaxies, or their redshift distribution.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.
    pz : str, array_like or None
        The redshift probability density of each galaxy, ``(n, n_z)``, or the name of its column.
    z_grid : array_like or None
        The redshifts at which ``pz`` is given, ``(n_z,)``.
    inverse_sigma_crit : str, array_like, `~astropy.units.Quantity` or None
        The mean inverse critical surface density of each galaxy, ``(n,)``, or the name of its
        column; without a unit in Mpc2 / solMass (proper Mpc).

    Returns
    -------
    Efficiency or None
        The inverse critical surface density. None if the redshifts of the lenses or of the sources
        are not known.

    Raises
    ------
    TypeError, ValueError
        If more than one parameter has redshifts of the sources, a parameter is invalid, or one of
        the lenses has no source behind it.
    """
    given = {"z_source": z_source, "pz": pz, "inverse_sigma_crit": inverse_sigma_crit}
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise ParameterError(
            names[1], f"None if {{{names[0]}}} is given", "given",
            "each of them is the redshift of the sources",
        )
    if z_grid is not None and pz is None:
        raise ParameterError("z_grid", "None without {pz}", "given")
    if pz is None and inverse_sigma_crit is None:
        return Efficiency.from_redshifts(catalog["redshift"], z_lens, z_source, cosmology)
    if z_lens is None:
        raise ParameterError("z_lens", f"given with {{{names[0]}}}", "None")
    if pz is not None:
        return _DensityEfficiency(*redshift_densities(catalog, pz, z_grid), z_lens, cosmology)
    return _GivenEfficiency(_column_of(catalog, inverse_sigma_crit), z_lens)


def _column_of(catalog: ShearCatalog, values: str | ArrayLike | u.Quantity | None) -> np.ndarray:
    """Return the inverse critical surface densities, Mpc2 / solMass, ``(n,)``."""
    column = catalog[values] if isinstance(values, str) else values
    unit = getattr(column, "unit", None)
    try:
        column = u.Quantity(column, unit or _INVERSE_UNIT).to_value(_INVERSE_UNIT)
    except (TypeError, ValueError):
        raise ParameterError(
            "inverse_sigma_crit", "a number for each galaxy in Mpc2 / solMass",
            f"in {unit}" if unit is not None else repr(values),
        ) from None
    if column.shape != (len(catalog),):
        raise ParameterError(
            "inverse_sigma_crit", f"one value for each of the {len(catalog)} galaxies",
            f"an array of the shape {column.shape}",
        )
    return column


class _GivenEfficiency(Efficiency):
    """Mean inverse critical surface densities of galaxies, for lenses at one redshift."""

    def __init__(self, inverse: np.ndarray, z_lens: np.ndarray) -> None:
        if np.ptp(z_lens) > 0:
            raise ParameterError(
                "inverse_sigma_crit", "None for lenses at several redshifts", "given",
                "it belongs to one lens redshift; give {pz} and {z_grid}",
            )
        if not np.any(inverse > 0):
            raise ParameterError(
                "inverse_sigma_crit", "positive for some galaxy",
                remedy="it is 0 for galaxies in front of the lens only",
            )
        self._inverse = np.where(inverse > 0, inverse, 0.0)  # NaN is a missing value

    def inverse_sigma_crit(self, i: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inverse = self._inverse[rows]
        return inverse, inverse**2


class _DensityEfficiency(Efficiency):
    """Inverse critical surface density for galaxies with redshift probability densities.

    The density of a galaxy is interpolated linearly between the redshifts of the grid. The
    integrals over redshift are sums over the grid, whose weights are tabulated for each lens.
    """

    def __init__(
        self, density: np.ndarray, grid: np.ndarray, z_lens: np.ndarray, cosmology: FLRW
    ) -> None:
        if z_lens.max() >= grid[-1]:
            raise ParameterError(
                "z_lens", "lower than the last redshift of {z_grid}", f"{z_lens.max():g}",
                f"{{z_grid}} ends at {grid[-1]:g}",
            )
        step = np.repeat(np.diff(grid) / _N_STEPS, _N_STEPS)
        lower = np.repeat(np.arange(len(grid) - 1), _N_STEPS)
        share = (np.tile(np.arange(_N_STEPS), len(grid) - 1) + 0.5) / _N_STEPS
        z = grid[lower] + share * np.diff(grid)[lower]
        unique_z, self._index = np.unique(z_lens, return_inverse=True)
        ratio = distance_ratio(unique_z, np.maximum(z, 1e-6), cosmology)
        self._scale = inverse_scale(unique_z, cosmology)

        def weights(values: np.ndarray) -> np.ndarray:
            return np.bincount(lower, (1 - share) * values, len(grid)) + np.bincount(
                lower + 1, share * values, len(grid)
            )

        self._first = np.array([weights(step * beta) for beta in ratio])
        self._second = np.array([weights(step * beta**2) for beta in ratio])
        total = density @ weights(step)
        self._density = density
        with np.errstate(invalid="ignore", divide="ignore"):
            self._norm = np.where(total > 0, 1 / total, 0.0)

    def inverse_sigma_crit(self, i: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        k = self._index[i]
        density, norm, scale = self._density[rows], self._norm[rows], self._scale[k]
        inverse = density @ self._first[k] * norm * scale
        square = density @ self._second[k] * norm * scale**2
        usable = np.isfinite(inverse) & (inverse > 0)
        return np.where(usable, inverse, 0.0), np.where(usable, square, 0.0)
