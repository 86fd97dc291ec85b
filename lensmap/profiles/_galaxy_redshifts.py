# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Inverse critical surface density of galaxies of a catalog, from all that may say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u

from lensmap.catalog import behind_lens, check_behind, integral_weights, normalizations
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
    inverse_sigma_crit: str | ArrayLike | u.Quantity | None = None,
    margin: float | None = None,
    min_probability: float = 0.98,
    highest: float | None = None,
) -> Efficiency | None:
    """Return the inverse critical surface density of the galaxies of a catalog.

    Parameters
    ----------
    catalog : ShearCatalog
        The galaxies. Their p(z) is used if no other parameter has redshifts; without p(z), their
        column ``redshift``.
    z_lens : `numpy.ndarray` or None
        Redshifts of the lenses, ``(n_lens,)``.
    z_source : float, `~lensmap.SourceRedshifts` or None
        The redshift of all galaxies, or their redshift distribution.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.
    inverse_sigma_crit : str, array_like, `~astropy.units.Quantity` or None
        The mean inverse critical surface density of each galaxy, ``(n,)``, or the name of its
        column; without a unit in Mpc2 / solMass (proper Mpc).
    margin : float or None
        If given, it is 0 for galaxies that `ShearCatalog.behind` would leave out for the lens, with
        this margin and ``min_probability``. None leaves out galaxies in front of the lens only.
    min_probability : float
        The smallest probability that a galaxy is beyond ``z_lens + margin``, for p(z).
    highest : float or None
        If the galaxies are a part of a survey, the highest redshift of the survey. None if they are
        all.

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
    given = {"z_source": z_source, "inverse_sigma_crit": inverse_sigma_crit}
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise ParameterError(
            names[1], f"None if {{{names[0]}}} is given", "given",
            "each of them is the redshift of the sources",
        )
    if margin is not None:
        _check_margin(catalog, z_lens, margin, min_probability, names)
    if inverse_sigma_crit is not None:
        if z_lens is None:
            raise ParameterError("z_lens", "given with {inverse_sigma_crit}", "None")
        return _GivenEfficiency(
            _column_of(catalog, inverse_sigma_crit), z_lens, may_be_zero=highest is not None
        )
    if catalog.pz is not None and catalog.z_grid is not None and z_source is None:
        if z_lens is None:
            return None
        return _DensityEfficiency(
            catalog.pz, catalog.z_grid, z_lens, cosmology, margin, min_probability
        )
    efficiency = Efficiency.from_redshifts(
        catalog["redshift"], z_lens, z_source, cosmology, highest
    )
    if margin is not None and efficiency is not None and z_lens is not None:
        return _MarginEfficiency(efficiency, catalog["redshift"], z_lens, margin)
    return efficiency


def _check_margin(
    catalog: ShearCatalog,
    z_lens: np.ndarray | None,
    margin: float,
    min_probability: float,
    given: list[str],
) -> None:
    """Check a selection of galaxies behind each lens; ``given`` names what has redshifts."""
    check_behind(margin, min_probability)
    if given:
        raise ParameterError(
            "margin", f"None if {{{given[0]}}} is given", f"{margin:g}",
            "only the redshift or p(z) of each galaxy says whether it is behind the lens",
        )
    if z_lens is None:
        raise ParameterError("z_lens", "given with {margin}", "None")
    if catalog.pz is None and catalog["redshift"] is None:
        raise ParameterError(
            "margin", "None for a catalog without redshifts", f"{margin:g}",
            "name the column of redshifts or of p(z), as in {columns={'redshift': ...}}",
        )


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

    def __init__(
        self, inverse: np.ndarray, z_lens: np.ndarray, *, may_be_zero: bool = False
    ) -> None:
        if np.ptp(z_lens) > 0:
            raise ParameterError(
                "inverse_sigma_crit", "None for lenses at several redshifts", "given",
                "it belongs to one lens redshift; use a catalog with p(z) or redshifts",
            )
        if not may_be_zero and not np.any(inverse > 0):
            raise ParameterError(
                "inverse_sigma_crit", "positive for some galaxy",
                remedy="it is 0 for galaxies in front of the lens only",
            )
        self._inverse = np.where(inverse > 0, inverse, 0.0)  # NaN is a missing value

    def inverse_sigma_crit(self, i: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inverse = self._inverse[rows]
        return inverse, inverse**2


class _MarginEfficiency(Efficiency):
    """Another inverse critical surface density, but 0 for galaxies not far enough behind a lens."""

    def __init__(
        self, efficiency: Efficiency, redshift: np.ndarray, z_lens: np.ndarray, margin: float
    ) -> None:
        self._efficiency, self._redshift = efficiency, redshift
        self._z_lens, self._margin = z_lens, margin

    def inverse_sigma_crit(self, i: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inverse, square = self._efficiency.inverse_sigma_crit(i, rows)
        behind = behind_lens(self._redshift[rows], self._z_lens[i], self._margin)
        return np.where(behind, inverse, 0.0), np.where(behind, square, 0.0)


class _DensityEfficiency(Efficiency):
    """Inverse critical surface density for galaxies with redshift probability densities.

    The density of a galaxy is interpolated linearly between the redshifts of the grid. The
    integrals over redshift are sums over the grid, whose weights are tabulated for each lens.
    ``margin`` and ``min_probability`` are those of `catalog_efficiency`.
    """

    def __init__(
        self,
        density: np.ndarray,
        grid: np.ndarray,
        z_lens: np.ndarray,
        cosmology: FLRW,
        margin: float | None,
        min_probability: float,
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
        self._beyond: np.ndarray | None = None
        if margin is not None:
            self._beyond = np.array([integral_weights(grid, z + margin) for z in unique_z])
        self._min_probability = min_probability
        self._density, self._norm = density, normalizations(density, grid)

    def inverse_sigma_crit(self, i: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        k = self._index[i]
        density, norm, scale = self._density[rows], self._norm[rows], self._scale[k]
        inverse = density @ self._first[k] * norm * scale
        square = density @ self._second[k] * norm * scale**2
        usable = np.isfinite(inverse) & (inverse > 0)
        if self._beyond is not None:
            # Rounded as by the selection of a catalog.
            usable &= np.round(density @ self._beyond[k] * norm, 5) >= self._min_probability
        return np.where(usable, inverse, 0.0), np.where(usable, square, 0.0)
