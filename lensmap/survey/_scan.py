# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The first pass over a survey: the calibration, and the shear on the pixels of the sphere."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lensmap.catalog import Calibration, HatsCatalog
from lensmap.grid import (
    PixelWeights,
    SphericalAssignment,
    SphericalPixels,
    SphericalShearGrid,
)
from lensmap.masks import SkyMask
from lensmap.sphere import HealpixPixels
from lensmap.utils import without_warnings

__all__ = ["Scan", "ScanTask", "scan_partition"]

# The sums of a pixel that are kept, of those of a grid.
_SUMS = ("sum_we", "sum_w", "sum_w2", "sum_wc", "sum_w2v_m", "sum_w2v_e", "count")

# A pixel counts as covered, for the density, if it has at least this fraction of the mean number
# of galaxies.
_MIN_FILLED = 0.5


@dataclass(frozen=True)
class ScanTask:
    """What the scans of all partitions share.

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
    """

    source: HatsCatalog
    mask: SkyMask | None
    nside: int
    sigma_e: float | None


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
        catalog = task.source.within_pixels(part.order, [part.pixel])
    if catalog is None:
        return {"n": np.array(0)}
    on = SphericalPixels.around([catalog], HealpixPixels(task.nside), task.mask)
    assignment = SphericalAssignment(catalog, on)
    grid = SphericalShearGrid.from_assignment(assignment, sigma_e=task.sigma_e)
    used = np.flatnonzero(grid.count > 0)
    record: dict[str, Any] = {
        "n": np.array(len(catalog)),
        "n_masked": np.array(grid.n_masked),
        "n_left_out": np.array(grid.n_left_out),
        "index": grid.index[used],
        "calibration": np.frombuffer(pickle.dumps(grid.calibration, protocol=5), np.uint8),
        "facts": np.frombuffer(pickle.dumps(_facts(grid), protocol=5), np.uint8),
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


def _facts(grid: SphericalShearGrid) -> dict[str, Any]:
    return {
        name: getattr(grid, name) for name in ("convention", "kind", "frame", "origins", "survey")
    }


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

    Attributes
    ----------
    calibration : `lensmap.catalog.Calibration`
        The calibration of the survey.
    n_galaxies, n_masked, n_left_out : int
        The numbers of usable galaxies, of those that the mask excludes, and of rows left out.
    facts : dict
        The convention, the kind, the frame, their origins and the survey.

    Raises
    ------
    ValueError
        If no partition has a galaxy that is not masked.
    """

    calibration: Calibration

    def __init__(
        self, records: Iterable[dict[str, Any]], nside: int, sigma_e: float | None
    ) -> None:
        self._pixels, self._sigma_e = HealpixPixels(nside), sigma_e
        self._sums: dict[str, np.ndarray] = {}
        self._weights: list[PixelWeights] = []
        self.n_galaxies = self.n_masked = self.n_left_out = 0
        self.facts: dict[str, Any] = {}
        total: Calibration | None = None
        for record in records:
            if int(record["n"]) == 0:
                continue
            calibration = pickle.loads(record["calibration"].tobytes())
            total = calibration if total is None else total + calibration
            self.facts = self.facts or pickle.loads(record["facts"].tobytes())
            self.n_galaxies += int(record["n"])
            self.n_masked += int(record["n_masked"])
            self.n_left_out += int(record["n_left_out"])
            self._add(record)
        if total is None or not (self._sums["sum_w"] > 0).any():
            raise ValueError(
                f"no galaxy of the survey can be used: {self.n_masked} of {self.n_galaxies} are "
                "masked; check that the catalog, the region and the mask are of the same area"
            )
        self.calibration = total

    def _add(self, record: dict[str, Any]) -> None:
        index = record["index"]
        for name in _SUMS:
            if name not in record:
                continue
            values = record[name]
            if name not in self._sums:
                self._sums[name] = np.zeros(self._pixels.n_pixels, values.dtype)
            np.add.at(self._sums[name], index, values)
        weights = record.get("weights")
        if weights is not None:
            self._weights.append(PixelWeights(
                self._pixels.n_pixels, weights["pixel"], weights["weight"], weights["share"],
                merged=True,
            ))

    def grid(self) -> SphericalShearGrid:
        """Return the shear of the survey on the pixels of the sphere that hold galaxies."""
        index = np.flatnonzero(self._sums["count"] > 0)
        sums: dict[str, Any] = {
            name: self._sums[name][index] if name in self._sums else None for name in _SUMS
        }
        weights = None
        if self._weights:
            pixel = np.concatenate([part.pixel for part in self._weights])
            weight = np.concatenate([part.weight for part in self._weights])
            share = np.concatenate([np.asarray(part.share) for part in self._weights])
            weights = PixelWeights(
                len(index), np.searchsorted(index, pixel), weight, share, merged=True
            )
        return SphericalShearGrid(
            pixels=self._pixels, index=index, mask=np.zeros(len(index), bool),
            calibration=self.calibration, sigma_e=self._sigma_e, pixel_weights=weights,
            frame=self.facts["frame"], convention=self.facts["convention"],
            kind=self.facts["kind"], **sums,
        )

    @property
    def area(self) -> float:
        """The area of the pixels of the sphere that are covered, square degrees."""
        count = self._sums["count"]
        filled = count > _MIN_FILLED * count[count > 0].mean()
        return float(np.count_nonzero(filled) * self._pixels.area * np.degrees(1) ** 2)

    @property
    def density(self) -> float:
        """The number of unmasked galaxies per square arcminute of the covered area."""
        count = self._sums["count"]
        filled = count > _MIN_FILLED * count[count > 0].mean()
        area = self._pixels.area * np.degrees(60) ** 2
        return float(count[filled].mean() / area)

    @property
    def footprint(self) -> np.ndarray:
        """The pixels of the sphere that hold galaxies, nested indices, ``(n,)``."""
        return np.flatnonzero(self._sums["count"] > 0)
