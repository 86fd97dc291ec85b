# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Sums over the galaxies in each pixel of a map, accumulated over the chunks of a catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lensmap.catalog import Calibration, add_facts, selection_facts
from lensmap.grid._pixel_weights import PixelWeights
from lensmap.utils import check_choice, check_memory

if TYPE_CHECKING:
    from lensmap.grid._assignment import Assignment

__all__ = [
    "EXTRA_SUMS",
    "SUMS",
    "GridSums",
    "additive_bias",
    "check_both",
    "check_equal",
    "check_grid_memory",
]

_BYTES_PER_PIXEL = 55.0  # for binning a catalog without optional columns

#: The arrays of every `ShearGrid`.
SUMS = ("sum_we", "sum_w", "sum_w2", "sum_wc", "sum_w2v_m", "sum_w2v_e", "count")

# The sums that only catalogs with certain columns have, and these columns.
_COLUMNS = {
    "sum_wc": "columns of the additive bias (c1, c2)",
    "sum_w2v_m": "the column sigma_m",
    "sum_w2v_e": "the column sigma_e",
    "pixel_weights": "the column weight",
}


class ExtraSum(NamedTuple):
    """An optional sum of a grid: of the squared weight times a value of each galaxy.

    Attributes
    ----------
    value : callable
        A function of the assigned galaxies, which returns the value of each.
    power : {1, 2}
        With cloud-in-cell, the power of the fraction of a galaxy that falls in a pixel.
    """

    value: Callable[[Assignment], np.ndarray]
    power: int


def _squared_ellipticity(assignment: Assignment) -> np.ndarray:
    """Return the squared modulus of the ellipticities, not calibrated."""
    return np.square(np.abs(assignment.shear), dtype=float)


#: The optional arrays of a `ShearGrid`.
EXTRA_SUMS = {
    # For the scatter in each pixel.
    "sum_w2e2": ExtraSum(_squared_ellipticity, 2),
    # For the noise of sums over many pixels, to which a galaxy contributes with all its fractions.
    "sum_w2e2_whole": ExtraSum(_squared_ellipticity, 1),
}


def check_grid_memory(
    shape: tuple[int, int],
    remedy: str = "use larger pixels (for those of an image, coarsened_wcs) or a smaller map",
) -> None:
    """Raise a MemoryError if a shear grid of the given shape would not fit into memory.

    Parameters
    ----------
    shape : tuple of int
        The shape of the map, ``(ny, nx)``.
    remedy : str
        The advice at the end of the error message.

    Raises
    ------
    MemoryError
        If the grid would not fit into memory.
    """
    ny, nx = shape
    check_memory(_BYTES_PER_PIXEL * ny * nx, f"a map of {ny} x {nx} pixels", remedy)


class GridSums:
    """Sums over the galaxies in each pixel of a map, to which more galaxies can be added in place.

    When all galaxies are added, a `ShearGrid` is made from the same arrays without copying them, so
    that a large map is in memory only once.

    Parameters
    ----------
    assignment : Assignment
        The galaxies of the first chunk and their pixels.
    extra_sums : iterable of str
        The names of optional sums, which are keys of `EXTRA_SUMS`.
    keep_weights : bool
        Whether to keep the weight of each galaxy. The weights are needed to measure the noise as a
        function of the weight.

    Attributes
    ----------
    arrays : dict
        The sums, arrays ``(ny, nx)`` keyed by the names in `SUMS`. None for sums over a column that
        the catalog lacks.
    extra : dict
        The optional sums, arrays ``(ny, nx)`` keyed by the names in ``extra_sums``.
    frame, convention, kind : str
        The celestial frame, the sign convention and the kind of ellipticity of the catalog.
    origins, survey : dict, str or None
        The origins of ``convention``, ``kind``, ``frame`` and ``response``, such as ``"argument"``
        or ``"file"``, keyed by these names; and the name of the survey, None if it is not known.
    calibration : `lensmap.catalog.Calibration`
        The shear calibration of the catalog: the multiplicative bias and the response.
    weights : list of PixelWeights
        The weights of the galaxies, one element for each chunk. Empty if they are not needed.
    n_outside, n_masked, n_left_out : int
        The number of galaxies off the map, the number that the mask excludes, and the number of
        rows that were left out when the catalog was read.
    selection : dict
        The columns of the catalog, and the numbers of its rows.

    Raises
    ------
    ValueError
        If a name in ``extra_sums`` is not a key of `EXTRA_SUMS`.
    """

    def __init__(
        self,
        assignment: Assignment,
        extra_sums: Iterable[str] = (),
        *,
        keep_weights: bool,
    ) -> None:
        catalog, shape = assignment.catalog, assignment.shape
        self.frame, self.convention, self.kind = catalog.frame, catalog.convention, catalog.kind
        self.origins, self.survey = catalog.origins, catalog.survey
        self.calibration = Calibration.from_catalog(catalog)
        self.n_outside, self.n_masked = assignment.n_outside, assignment.n_masked
        self.n_left_out = sum(catalog.n_left_out.values())
        self.selection = selection_facts(catalog)
        has_column = _has_columns(assignment)
        types = {"sum_we": complex, "sum_wc": complex, "count": np.int64}
        self.arrays: dict[str, Any] = {
            name: np.zeros(shape, types.get(name, float)) if has_column.get(name, True) else None
            for name in SUMS
        }
        self.extra = {
            check_choice(name, "extra_sums", tuple(EXTRA_SUMS)): np.zeros(shape)
            for name in extra_sums
        }
        self._keep_weights = keep_weights
        self.weights: list[PixelWeights] = []
        self._add_arrays(assignment)

    def add(self, assignment: Assignment) -> None:
        """Add the galaxies of another chunk of the same catalog.

        Parameters
        ----------
        assignment : Assignment
            The galaxies and their pixels on the same map.

        Raises
        ------
        ValueError
            If the chunk differs from earlier chunks in columns, convention or kind.
        """
        catalog = assignment.catalog
        for name in ("convention", "kind"):
            check_equal(name, getattr(self, name), getattr(catalog, name))
        for name, has_column in _has_columns(assignment).items():
            check_both(name, self.arrays[name] is not None, has_column)
        if self._keep_weights and catalog["sigma_e"] is None:
            check_both("pixel_weights", bool(self.weights), catalog.weight is not None)
        self.calibration += Calibration.from_catalog(catalog)
        self.n_outside += assignment.n_outside
        self.n_masked += assignment.n_masked
        self.n_left_out += sum(catalog.n_left_out.values())
        self.selection = add_facts(self.selection, selection_facts(catalog))
        self._add_arrays(assignment)

    def _add_arrays(self, assignment: Assignment) -> None:
        arrays, w = self.arrays, assignment.weight
        square_w = None if w is None else np.square(w, dtype=float)

        def weighted(values: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
            return values if weight is None else values * weight

        ones = np.ones(len(assignment.pixel)) if w is None else None
        sums = [
            (arrays["sum_we"].real, weighted(assignment.shear.real, w)),
            (arrays["sum_we"].imag, weighted(assignment.shear.imag, w)),
            (arrays["sum_w"], ones if w is None else w),
        ]
        c = additive_bias(assignment)
        if c is not None:
            sums += [
                (arrays["sum_wc"].real, weighted(c.real, w)),
                (arrays["sum_wc"].imag, weighted(c.imag, w)),
            ]
        squares = [(arrays["sum_w2"], ones if w is None else square_w)]
        for name, column in (("sum_w2v_m", "sigma_m"), ("sum_w2v_e", "sigma_e")):
            values = assignment.column(column)
            if values is not None:
                squares.append((arrays[name], weighted(np.square(values, dtype=float), square_w)))
        for name, array in self.extra.items():
            values = weighted(EXTRA_SUMS[name].value(assignment), square_w)
            (sums if EXTRA_SUMS[name].power == 1 else squares).append((array, values))
        for power, pairs in ((1, sums), (2, squares)):
            onto, columns = zip(*pairs, strict=True)
            assignment.sums(*columns, power=power, onto=onto)
        assignment.add_counts(arrays["count"])
        self._add_weights(assignment)

    def _add_weights(self, assignment: Assignment) -> None:
        weights = PixelWeights.from_assignment(assignment) if self._keep_weights else None
        if weights is not None:
            self.weights.append(weights)
            if sum(len(part.pixel) for part in self.weights) > weights.max_entries:
                self.weights = [PixelWeights.concatenate(self.weights)]


def _has_columns(assignment: Assignment) -> dict[str, bool]:
    """Return whether the catalog has the columns that optional sums need.

    The keys of the dict are the names of the sums, such as ``"sum_wc"``, which needs ``c1`` or
    ``c2``.
    """
    catalog = assignment.catalog
    return {
        "sum_wc": catalog["c1"] is not None or catalog["c2"] is not None,
        "sum_w2v_m": catalog["sigma_m"] is not None,
        "sum_w2v_e": catalog["sigma_e"] is not None,
    }


def additive_bias(assignment: Assignment) -> np.ndarray | None:
    """Return the additive shear bias of the galaxies in the pixel basis, complex, ``(n_used,)``.

    The result is None if the catalog has neither of the columns ``c1`` and ``c2``.
    """
    c1, c2 = assignment.column("c1"), assignment.column("c2")
    if c1 is None and c2 is None:
        return None
    zeros = np.zeros(len(assignment.pixel), dtype=np.float32)
    return assignment.to_pixel_basis(zeros if c1 is None else c1, zeros if c2 is None else c2)


def check_equal(name: str, mine: object, theirs: object) -> None:
    """Raise a ValueError if two grids that are to be added differ in an attribute.

    ``name`` is the name of the attribute; ``mine`` and ``theirs`` are its values in the two grids.
    """
    if mine != theirs:
        raise ValueError(
            f"all grids or chunks that are added must have the same {name}, but one has {mine!r} "
            f"and another has {theirs!r}"
        )


def check_both(name: str, mine: bool, theirs: bool) -> None:
    """Raise a ValueError if only one of two grids that are to be added has a sum.

    ``name`` is the name of the sum; ``mine`` and ``theirs`` state whether each grid has it. A
    missing sum does not count as 0: the additive bias, for example, is unknown in a catalog without
    its columns.
    """
    if mine == theirs:
        return
    if name in _COLUMNS:
        raise ValueError(
            f"only one of the catalogs whose grids are added has {_COLUMNS[name]}: read the same "
            "columns from each of the catalogs"
        )
    raise ValueError(
        f"only one of the grids that are added has the sum {name!r}: make both with "
        f"extra_sums=({name!r},)"
    )
