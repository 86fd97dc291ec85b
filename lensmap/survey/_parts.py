# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The parts of a survey, such as fields, each of which is calibrated by its own galaxies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lensmap.catalog import Calibration, PartNumbers, ShearCatalog
from lensmap.grid import SphericalShearGrid
from lensmap.masks import SkyMask
from lensmap.utils import ParameterError, ParameterTypeError, list_names

__all__ = ["Parts", "check_known", "check_parts", "facts_of_parts", "joined_grid"]

#: The numbers of galaxies that are in no part, and in more than one.
NO_PART, SEVERAL_PARTS = -1, -2

#: The mean of a response or of a bias over fewer galaxies has an error of some per cent.
MIN_GALAXIES = 1000

# More values of a column are those of galaxies, such as magnitudes, not those of parts.
_MAX_PARTS = 2000


@dataclass(frozen=True, eq=False)
class Parts:
    """The rule that says to which part of a survey each galaxy belongs.

    Attributes
    ----------
    column : str or None
        The column of the catalog whose values name the parts. None if regions do.
    regions : dict
        The regions of the parts, `lensmap.masks.SkyMask` by name, whose excluded side is the part.
    """

    column: str | None = None
    regions: Mapping[str, SkyMask] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the catalog that are read to find the parts of galaxies."""
        return () if self.column is None else (self.column,)

    def of(self, catalog: ShearCatalog) -> tuple[list[str], np.ndarray]:
        """Return the parts of galaxies.

        Parameters
        ----------
        catalog : ShearCatalog
            The galaxies.

        Returns
        -------
        names : list of str
            The names of parts.
        number : `numpy.ndarray`
            The index of the part of each galaxy in ``names``, or one of ``NO_PART`` and
            ``SEVERAL_PARTS``, integer, ``(n,)``.
        """
        if self.column is not None:
            return _of_column(catalog[self.column], self.column)
        number = np.full(len(catalog), NO_PART)
        for i, region in enumerate(self.regions.values()):
            inside = region.excluded_sky(catalog.skycoord)
            number = np.where(inside, np.where(number == NO_PART, i, SEVERAL_PARTS), number)
        return list(self.regions), number

    def of_known(self, catalog: ShearCatalog, known: Sequence[str]) -> np.ndarray:
        """Return the parts of galaxies as indices in the names of the parts of a survey.

        Parameters
        ----------
        catalog : ShearCatalog
            The galaxies.
        known : sequence of str
            The names of the parts.

        Returns
        -------
        `numpy.ndarray`
            The indices, integer, ``(n,)``; negative for galaxies in none of the parts, which the
            mask excludes.

        Raises
        ------
        ValueError
            If a galaxy is in a part that the survey did not have when its numbers were measured.
        """
        names, number = self.of(catalog)
        place = {name: i for i, name in enumerate(known)}
        check_known([name for i, name in enumerate(names) if np.any(number == i)], known)
        table = np.array([*(place.get(name, NO_PART) for name in names), NO_PART])
        return np.where(number >= 0, table[number], NO_PART)

    def check_counts(self, n_none: int, n_several: int, n_used: int) -> None:
        """Raise an error if galaxies are in no part, or in several.

        Parameters
        ----------
        n_none, n_several : int
            The numbers of these galaxies, among those that are not masked.
        n_used : int
            The number of galaxies that are not masked.
        """
        for n, where in ((n_none, "in no part"), (n_several, "in more than one part")):
            if not n:
                continue
            if self.column is None:
                allowed = "regions of which each galaxy is in exactly one"
                remedy = "mask these galaxies, or change the regions"
            else:
                allowed = f"a column with a value for each galaxy, not like {self.column!r}"
                remedy = "leave these galaxies out by {where}, mask them, or fill the column"
            raise ParameterError(
                "calibrate_by", allowed, f"{n} of {n_used} galaxies {where}", remedy, verb="give"
            )

    def check_sizes(self, sizes: Mapping[str, int]) -> None:
        """Raise an error if a part has too few galaxies for numbers of its own.

        Parameters
        ----------
        sizes : dict
            The number of galaxies of each part.
        """
        if len(sizes) > _MAX_PARTS:
            raise ParameterError(
                "calibrate_by", f"at most {_MAX_PARTS} parts", f"at least {len(sizes)}",
                f"the column {self.column!r} does not seem to name parts of the survey",
                verb="give",
            )
        small = {name: n for name, n in sizes.items() if n < MIN_GALAXIES}
        if small:
            listed = list_names(
                [f"{name} ({n})" for name, n in sorted(small.items(), key=lambda one: one[1])],
                quoted=False,
            )
            raise ParameterError(
                "calibrate_by", f"parts of at least {MIN_GALAXIES} galaxies each",
                f"{len(small)} of {len(sizes)} with fewer: {listed}",
                "join these parts with others, or leave their galaxies out by {where}",
                verb="give",
            )


def check_known(names: Sequence[str], known: Sequence[str]) -> None:
    """Raise an error if parts are not among those whose numbers were measured.

    Parameters
    ----------
    names, known : sequence of str
        The names of the parts of some galaxies, and of those that were measured.
    """
    new = [name for name in names if name not in known]
    if new:
        raise ParameterError(
            "calibrate_by", f"the parts whose numbers were measured, {list_names(list(known))}",
            f"galaxies of {list_names(new)}", "map the changed catalog in another folder",
            verb="give",
        )


def check_parts(calibrate_by: Any) -> Parts | None:
    """Check how a survey is divided into parts, and return the rule.

    Parameters
    ----------
    calibrate_by : str, dict or None
        The name of a column, or regions by the names of the parts.

    Returns
    -------
    Parts or None
        The rule; None for None.

    Raises
    ------
    TypeError, ValueError
        If it is none of these, or a region cannot be used.
    """
    if calibrate_by is None:
        return None
    if isinstance(calibrate_by, str):
        return Parts(calibrate_by)
    if not isinstance(calibrate_by, Mapping) or not calibrate_by or not all(
        isinstance(name, str) for name in calibrate_by
    ):
        raise ParameterTypeError(
            "calibrate_by", "the name of a column, or a dict of regions by name", repr(calibrate_by)
        )
    return Parts(regions={
        name: region if isinstance(region, SkyMask) else SkyMask(region)
        for name, region in calibrate_by.items()
    })


def _of_column(values: Any, column: str) -> tuple[list[str], np.ndarray]:
    """Return the names in a column, and their index for each row; missing values have no part."""
    missing = np.ma.getmaskarray(values)
    array = np.asarray(np.ma.getdata(values))
    if array.dtype.kind == "f":
        missing = missing | ~np.isfinite(array)
        array = np.where(missing, 0, array)
        if np.any(array != np.rint(array)):
            raise ParameterError(
                "calibrate_by", "a column of names or whole numbers",
                f"{column!r}, which holds {array[array != np.rint(array)][0]:g}", verb="be",
            )
        array = array.astype(np.int64)
    if array.ndim != 1:
        raise ParameterError(
            "calibrate_by", "a column with one value for each galaxy",
            f"{column!r}, of the shape {array.shape}", verb="be",
        )
    unique, number = np.unique(
        array if array.dtype.kind != "O" else array.astype(str), return_inverse=True
    )
    names: dict[str, int] = {}
    places = []
    for value in unique.tolist():
        text = (value.decode(errors="replace") if isinstance(value, bytes) else str(value)).strip()
        places.append(names.setdefault(text, len(names)) if text else NO_PART)
    return list(names), np.where(missing, NO_PART, np.array(places, np.int64)[number])


def facts_of_parts(parts: Mapping[str, PartNumbers]) -> list[dict[str, Any]]:
    """Return the numbers of the parts as plain facts, for records of runs.

    Parameters
    ----------
    parts : dict
        The numbers of the parts by name.

    Returns
    -------
    list of dict
        For each part ``part``, ``n_galaxies``, ``m``, ``response`` (the mean of the two components,
        without 1 + m), ``sigma_e``, the intrinsic dispersion per component of the uncalibrated
        ellipticities, and ``mean_g1`` and ``mean_g2``, which are subtracted.
    """
    facts = []
    for name, part in parts.items():
        intrinsic, _ = part.calibration.noise_squares()
        if intrinsic is None:
            assert part.calibration.sum_w2v_e is not None
            intrinsic = part.calibration.sum_w2v_e / part.calibration.sum_w2
        facts.append({
            "part": name,
            "n_galaxies": part.n_galaxies,
            "m": float(part.calibration.m),
            "response": float(np.trace(part.calibration.matrix)) / 2,
            "sigma_e": float(np.sqrt(intrinsic)),
            "mean_g1": float(part.mean.real),
            "mean_g2": float(part.mean.imag),
        })
    return facts


def joined_grid(
    grids: Sequence[SphericalShearGrid], parts: Sequence[PartNumbers]
) -> SphericalShearGrid:
    """Join the shear of the parts of a survey on the sphere, each calibrated by its own numbers.

    Parameters
    ----------
    grids : sequence of SphericalShearGrid
        The grids of the parts, with their calibrations. They may share pixels.
    parts : sequence of PartNumbers
        The numbers of the parts.

    Returns
    -------
    SphericalShearGrid
        The grid of all, whose sums are those of calibrated ellipticities.
    """
    index = np.unique(np.concatenate([grid.index for grid in grids]))
    names = ("sum_w", "sum_w2", "count")
    sums: dict[str, Any] = {
        name: np.zeros(len(index), getattr(grids[0], name).dtype) for name in names
    }
    shear, noise = np.zeros(len(index), complex), np.zeros(len(index))
    for grid, part in zip(grids, parts, strict=True):
        place = np.searchsorted(index, grid.index)
        for name in names:
            sums[name][place] += getattr(grid, name)
        shear[place] += grid.sum_wg - grid.sum_w * part.mean
        noise[place] += grid.noise_sum
    first = grids[0]
    return SphericalShearGrid(
        pixels=first.pixels, index=index, mask=np.zeros(len(index), bool), sum_we=shear,
        sum_wc=None, sum_w2v_m=None, sum_w2v_e=noise, **sums,
        calibration=Calibration(
            sum_w=float(sums["sum_w"].sum()), sum_w2=float(sums["sum_w2"].sum()),
            sum_wv_e=0.0, sum_w2v_e=float(noise.sum()),
        ),
        frame=first.frame, convention=first.convention, kind="shear",
    )
