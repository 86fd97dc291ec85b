# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The first pass over a survey: the calibration, and the shear on the pixels of the sphere."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lensmap.catalog import (
    Calibration,
    HatsCatalog,
    PartNumbers,
    ShearCatalog,
    redshift_distribution,
)
from lensmap.grid import (
    PixelWeights,
    SphericalAssignment,
    SphericalPixels,
    SphericalShearGrid,
)
from lensmap.masks import SkyMask
from lensmap.sphere import HealpixPixels
from lensmap.survey._packing import packed, unpacked
from lensmap.survey._parts import NO_PART, SEVERAL_PARTS, Parts, joined_grid
from lensmap.survey._spin2_columns import spin2_sums
from lensmap.utils import ParameterError, without_warnings

if TYPE_CHECKING:
    from lensmap.catalog import Convention

__all__ = ["WHOLE", "Scan", "ScanTask", "scan_partition"]

#: The name of the one part of a survey that is not divided.
WHOLE = "survey"

# The sums of a pixel that are kept, of those of a grid.
_SUMS = ("sum_we", "sum_w", "sum_w2", "sum_wc", "sum_w2v_m", "sum_w2v_e", "count")

# A pixel counts as covered, for the density, if it has at least this fraction of the mean number
# of galaxies.
_MIN_FILLED = 0.5


@dataclass(frozen=True)
class ScanTask:
    """Settings shared by the scans of all partitions.

    Attributes
    ----------
    source : HatsCatalog
        The galaxies.
    mask : `lensmap.masks.SkyMask` or None
        The mask.
    nside : int
        The resolution of the map of the sphere.
    sigma_e : float or None
        The intrinsic dispersion that the estimator was given.
    parts : Parts or None
        The parts of the survey that have numbers of their own; None for the whole survey.
    also : dict
        The pairs of columns that are mapped like the shear, by the names of their maps.
    """

    source: HatsCatalog
    mask: SkyMask | None
    nside: int
    sigma_e: float | None
    parts: Parts | None = None
    also: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def scan_partition(task: ScanTask, number: int) -> dict[str, Any]:
    """Return the sums over the galaxies of one partition.

    Parameters
    ----------
    task : ScanTask
        What all scans share.
    number : int
        The number of the partition.

    Returns
    -------
    dict
        The record of the partition, of arrays. ``n`` is its number of galaxies.
    """
    part = task.source.partitions[number]
    with without_warnings("rows_left_out"):  # the run warns once
        columns = dict.fromkeys(name for pair in task.also.values() for name in pair)
        if task.parts is not None:
            columns |= dict.fromkeys(task.parts.columns)
        catalog = task.source.within_pixels(part.order, [part.pixel], extra_columns=columns)
    if catalog is None:
        return {"n": np.array(0)}
    on = SphericalPixels.around([catalog], HealpixPixels(task.nside), task.mask)
    assignment = SphericalAssignment(catalog, on)
    record: dict[str, Any] = {
        "n": np.array(len(catalog)),
        "n_masked": np.array(assignment.n_masked),
        "n_left_out": np.array(sum(catalog.n_left_out.values())),
        "redshifts": _redshifts_of(catalog),
        "also": {
            name: _also_sums(assignment, task.source.convention, pair)
            for name, pair in task.also.items()
        },
        "n_uncovered": np.array(_n_uncovered(catalog, task.mask)),
    }
    if task.parts is None:
        return record | _sums_of(assignment, task.sigma_e, catalog)
    names, parts = task.parts.of(catalog)
    used = assignment.used_rows
    record["n_used"] = np.array(len(used))
    record["n_none"] = np.array(np.count_nonzero(parts[used] == NO_PART))
    record["n_several"] = np.array(np.count_nonzero(parts[used] == SEVERAL_PARTS))
    record["names"] = np.array(names, dtype=str)
    unmasked = dataclasses.replace(on, mask=None)
    for i in range(len(names)):
        rows = used[parts[used] == i]
        if len(rows):
            of_part = SphericalAssignment(catalog.select(rows), unmasked)
            # As for a survey without parts, masked galaxies calibrate as well.
            record[f"part{i}"] = _sums_of(of_part, task.sigma_e, catalog.select(parts == i))
    return record


def _sums_of(
    assignment: SphericalAssignment, sigma_e: float | None, calibrating: ShearCatalog
) -> dict[str, Any]:
    """Return the sums over some galaxies in each pixel, and the calibration of others, as arrays.

    ``calibrating`` are the galaxies that calibrate.
    """
    grid = SphericalShearGrid.from_assignment(assignment, sigma_e=sigma_e)
    calibration = grid.calibration
    if calibrating is not assignment.catalog:
        calibration = Calibration.from_catalog(calibrating)
    used = np.flatnonzero(grid.count > 0)
    record: dict[str, Any] = {
        "index": grid.index[used],
        "calibration": packed(calibration),
        "facts": packed(_facts(grid)),
        "means": _means_of(assignment),
    }
    for name in _SUMS:
        values = getattr(grid, name)
        if values is not None:
            record[name] = values[used]
    if grid.pixel_weights is not None:
        weights = grid.pixel_weights.merged_by_weight()
        record["weights"] = {
            "pixel": grid.index[weights.pixel],
            "weight": weights.weight,
            "share": weights.share,
        }
    return record


def _n_uncovered(catalog: ShearCatalog, mask: SkyMask | None) -> int:
    """Return the number of galaxies on none of the images of a mask of many images."""
    if mask is None or not mask.reads_images:
        return 0
    return int(np.count_nonzero(mask.uncovered_sky(catalog.skycoord)))


def _redshifts_of(catalog: ShearCatalog) -> np.ndarray:
    """Return redshifts, and the weight of the galaxies per unit redshift, ``(2, n)``."""
    try:
        return np.array(redshift_distribution(catalog))
    except ParameterError:  # no galaxy has a redshift
        return np.empty((2, 0))


def _means_of(assignment: SphericalAssignment) -> np.ndarray:
    """Return the sums of w, w e and w c over the used galaxies in the celestial basis, complex."""
    rows = assignment.used_rows
    catalog = assignment.catalog
    weight = np.ones(len(rows)) if assignment.weight is None else assignment.weight.astype(float)
    e = catalog.e1[rows] + 1j * catalog.e2[rows]
    c = np.zeros(len(rows), complex)
    for name, unit in (("c1", 1.0), ("c2", 1j)):
        values = assignment.column(name)
        if values is not None:
            c = c + unit * values
    return np.array([weight.sum(), weight @ e, weight @ c])


def _also_sums(
    assignment: SphericalAssignment, convention: Convention, pair: tuple[str, str]
) -> dict[str, np.ndarray]:
    """Return the sums of a pair of columns in the pixels that hold galaxies."""
    sum_we, sum_w = spin2_sums(assignment, convention, pair)
    used = np.flatnonzero(sum_w > 0)
    return {
        "index": assignment.on.index[used], "sum_we": sum_we[used], "sum_w": sum_w[used],
    }


def _facts(grid: SphericalShearGrid) -> dict[str, Any]:
    return {
        name: getattr(grid, name) for name in ("convention", "kind", "frame", "origins", "survey")
    }


class _PixelSums:
    """The sums over galaxies of all partitions in the pixels of the sphere."""

    def __init__(self, nside: int) -> None:
        self._pixels = HealpixPixels(nside)
        self._records: list[dict[str, Any]] = []
        self.calibration: Calibration | None = None
        self.facts: dict[str, Any] = {}
        self.means = np.zeros(3, complex)

    def add(self, record: dict[str, Any]) -> None:
        """Add the galaxies of the record of a partition."""
        calibration = unpacked(record["calibration"])
        total = self.calibration
        self.calibration = calibration if total is None else total + calibration
        self.facts = self.facts or unpacked(record["facts"])
        self.means = self.means + record["means"]
        kept = ("index", "weights", *_SUMS)
        self._records.append({name: record[name] for name in kept if name in record})

    @property
    def n_galaxies(self) -> int:
        """The number of galaxies."""
        count = self.sums("count")
        return 0 if count is None else int(count.sum())

    @property
    def has_weight(self) -> bool:
        """Whether some galaxy has a positive weight."""
        total = self.sums("sum_w")
        return total is not None and bool((total > 0).any())

    @cached_property
    def index(self) -> np.ndarray:
        """The pixels that hold galaxies, nested indices, increasing, ``(n,)``."""
        return np.unique(np.concatenate([record["index"] for record in self._records]))

    def sums(self, name: str) -> np.ndarray | None:
        """Return one of the sums in each pixel, ``(n,)``; None if the catalog lacks its column."""
        parts = [record[name] for record in self._records if name in record]
        if not parts:
            return None
        result = np.zeros(len(self.index), parts[0].dtype)
        for record in self._records:
            # The pixels of one partition are all different.
            result[np.searchsorted(self.index, record["index"])] += record[name]
        return result

    def mean_shear(self) -> complex:
        """Return the calibrated mean shear of the galaxies in the celestial basis."""
        sum_w, sum_we, sum_wc = self.means
        assert self.calibration is not None
        if not sum_w.real > 0:
            return 0j
        a, b = self.calibration.factors()
        mean = a * sum_we + b * np.conj(sum_we) - sum_wc
        return complex(mean / sum_w.real / (1 + self.calibration.m))

    def grid(self, sigma_e: float | None) -> SphericalShearGrid:
        """Return the shear in the pixels that hold galaxies."""
        assert self.calibration is not None
        weights = None
        parts = [record["weights"] for record in self._records if "weights" in record]
        if parts:
            pixel, weight, share = (
                np.concatenate([np.asarray(part[name]) for part in parts])
                for name in ("pixel", "weight", "share")
            )
            weights = PixelWeights(
                len(self.index), np.searchsorted(self.index, pixel), weight, share, merged=True
            )
        sums: dict[str, Any] = {name: self.sums(name) for name in _SUMS}
        return SphericalShearGrid(
            pixels=self._pixels, index=self.index, mask=np.zeros(len(self.index), bool),
            calibration=self.calibration, sigma_e=sigma_e, pixel_weights=weights,
            frame=self.facts["frame"], convention=self.facts["convention"],
            kind=self.facts["kind"], **sums,
        )


class Scan:
    """The sums over all partitions of a survey.

    Parameters
    ----------
    records : iterable of dict
        The records of the partitions, in their order.
    nside : int
        The resolution of the map of the sphere.
    sigma_e : float or None
        The intrinsic dispersion that the estimator was given.
    parts : Parts or None
        The parts of the survey that have numbers of their own.
    subtract_mean : bool
        Whether the mean shear of each part, or of the survey, is subtracted.

    Attributes
    ----------
    calibration : `lensmap.catalog.Calibration`
        The calibration of the survey.
    parts : dict or None
        The numbers of the parts by name, `lensmap.catalog.PartNumbers`; of a survey without parts
        whose mean is subtracted, those of the whole. None if the calibration is all.
    n_galaxies, n_masked, n_left_out : int
        The numbers of usable galaxies, of those that the mask excludes, and of rows left out.
    n_uncovered : int
        The number of galaxies on none of the images of a mask of many images, which excludes them.
    facts : dict
        The convention, the kind, the frame, their origins and the survey.

    Raises
    ------
    ValueError
        If no partition has a galaxy that is not masked, or galaxies are in no part or in several,
        or a part has too few galaxies.
    """

    calibration: Calibration
    parts: dict[str, PartNumbers] | None = None

    def __init__(
        self,
        records: Iterable[dict[str, Any]],
        nside: int,
        sigma_e: float | None,
        parts: Parts | None = None,
        subtract_mean: bool = False,
    ) -> None:
        self._pixels, self._sigma_e = HealpixPixels(nside), sigma_e
        self._whole = _PixelSums(nside)
        self._sums: dict[str, _PixelSums] = {}
        self._also: dict[str, list[dict[str, np.ndarray]]] = {}
        self.n_galaxies = self.n_masked = self.n_left_out = self.n_uncovered = 0
        self._redshifts: np.ndarray = np.empty((2, 0))
        outside = np.zeros(3, int)
        for record in records:
            if int(record["n"]) == 0:
                continue
            self.n_galaxies += int(record["n"])
            self.n_masked += int(record["n_masked"])
            self.n_left_out += int(record["n_left_out"])
            self.n_uncovered += int(record["n_uncovered"])
            self._redshifts = _added(self._redshifts, record["redshifts"])
            for name, sums in record.get("also", {}).items():
                self._also.setdefault(name, []).append(sums)
            if parts is None:
                self._whole.add(record)
            else:
                outside += [int(record[name]) for name in ("n_none", "n_several", "n_used")]
                self._add_parts(record)
        if parts is not None:
            parts.check_counts(*map(int, outside))
        if self.n_galaxies == 0:
            raise ValueError(
                "no galaxy of the survey can be used: no row fulfills the condition on rows, or "
                "all are unusable; check the condition, and the columns"
            )
        count = self._whole.sums("count")
        if count is None or self._whole.calibration is None or not self._whole.has_weight:
            raise ValueError(
                f"no galaxy of the survey can be used: {self.n_masked} of {self.n_galaxies} are "
                "masked; check that the catalog, the region and the mask are of the same area"
            )
        self.calibration, self.facts = self._whole.calibration, self._whole.facts
        self._count = count
        if parts is not None:
            self._sums = dict(sorted(self._sums.items()))
            parts.check_sizes({name: one.n_galaxies for name, one in self._sums.items()})
        elif subtract_mean:
            self._sums = {WHOLE: self._whole}
        self.parts = self._numbers(subtract_mean) if self._sums else None

    def _add_parts(self, record: dict[str, Any]) -> None:
        """Add the galaxies of the record of a partition whose galaxies are in parts."""
        for i, name in enumerate(record["names"].tolist()):
            if f"part{i}" in record:
                self._whole.add(record[f"part{i}"])
                part = self._sums.setdefault(name, _PixelSums(self._pixels.nside))
                part.add(record[f"part{i}"])

    @property
    def redshifts(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Redshifts, and the weight of the galaxies per unit redshift; None if none is known."""
        z, n = self._redshifts
        return (z, n) if np.any(n > 0) else None

    @property
    def part_weights(self) -> dict[str, float] | None:
        """The sums of the weights of the galaxies of each part by name; None without parts."""
        if self.parts is None:
            return None
        return {name: float(one.means[0].real) for name, one in self._sums.items()}

    def _numbers(self, subtract_mean: bool) -> dict[str, PartNumbers]:
        """Return the numbers of the parts by name."""
        return {
            name: PartNumbers(
                one.calibration, one.n_galaxies, one.mean_shear() if subtract_mean else 0j
            ) for name, one in self._sums.items() if one.calibration is not None
        }

    def grid(self) -> SphericalShearGrid:
        """Return the shear of the survey on the pixels of the sphere that hold galaxies."""
        if self.parts is None:
            return self._whole.grid(self._sigma_e)
        grids = [one.grid(self._sigma_e) for one in self._sums.values()]
        return joined_grid(grids, list(self.parts.values()))

    def also(self, name: str) -> np.ndarray:
        """Return the mean of a pair of columns on the pixels of `grid`, NaN without a value.

        ``name`` is the name of the map of the pair.
        """
        index = self._whole.index
        sum_we, sum_w = np.zeros(len(index), complex), np.zeros(len(index))
        for record in self._also.get(name, []):
            place = np.searchsorted(index, record["index"])  # all different
            sum_we[place] += record["sum_we"]
            sum_w[place] += record["sum_w"]
        return np.divide(sum_we, sum_w, out=np.full_like(sum_we, np.nan), where=sum_w > 0)

    @property
    def area(self) -> float:
        """The area of the pixels of the sphere that are covered, square degrees."""
        filled = self._count > _MIN_FILLED * self._count.mean()
        return float(np.count_nonzero(filled) * self._pixels.area * np.degrees(1) ** 2)

    @property
    def density(self) -> float:
        """The number of unmasked galaxies per square arcminute of the covered area."""
        filled = self._count > _MIN_FILLED * self._count.mean()
        area = self._pixels.area * np.degrees(60) ** 2
        return float(self._count[filled].mean() / area)

    @property
    def footprint(self) -> np.ndarray:
        """The pixels of the sphere that hold galaxies, nested indices, ``(n,)``."""
        return self._whole.index


def _added(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the sum of two redshift distributions, ``(2, n)``."""
    if one.shape[1] == 0 or other.shape[1] == 0:
        return other if one.shape[1] == 0 else one
    z = np.union1d(one[0], other[0])
    n = sum(np.interp(z, part[0], part[1], left=0.0, right=0.0) for part in (one, other))
    return np.array([z, n])
