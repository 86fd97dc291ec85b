# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Frozen`: everything that is fitted to the data of a survey, once, before any tile is mapped."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lensmap.catalog import Calibration, PartNumbers
from lensmap.survey._efficiency import Efficiency
from lensmap.survey._large_scales import LargeScales
from lensmap.survey._packing import packed, unpacked
from lensmap.utils import file_digest

__all__ = ["Frozen", "FrozenFile"]


@dataclass(frozen=True, eq=False)
class Frozen:
    """The numbers that all tiles of a survey share.

    Attributes
    ----------
    calibration : `lensmap.catalog.Calibration`
        The calibration of the whole survey, which also holds the noise as a function of the weight.
    fitted : object
        What the estimator fitted to the whole survey; None if it fits nothing.
    large_scales : LargeScales or None
        The largest scales. None if tiles are not joined to a map of the sphere.
    parts : dict or None
        The numbers of the parts of the survey by name, `lensmap.catalog.PartNumbers`, which
        calibrate in place of ``calibration``. None if the survey has no parts.
    efficiency : Efficiency or None
        The lensing efficiency of galaxies. None if no redshift is known.
    also_scales : dict
        The largest scales of the maps of other columns, by the names of the maps.
    partitions : tuple of str
        The orders and pixels of the partitions to which the numbers were fitted, as ``"5/1023"``.
    """

    calibration: Calibration
    fitted: Any
    large_scales: LargeScales | None
    parts: dict[str, PartNumbers] | None = None
    efficiency: Efficiency | None = None
    also_scales: Mapping[str, LargeScales] = dataclasses.field(default_factory=dict)
    partitions: tuple[str, ...] = ()

    def to_record(self) -> dict[str, Any]:
        """Return the numbers as arrays, for a file of the run folder."""
        record: dict[str, Any] = {
            "calibration": _to_arrays(self.calibration),
            "fitted": packed(self.fitted),
            "partitions": packed(self.partitions),
        }
        if self.parts is not None:
            record["parts"] = {
                f"{number:06d}": _to_arrays(part.calibration) | {
                    "name": packed(name), "n_galaxies": packed(part.n_galaxies),
                    "mean": packed(part.mean),
                } for number, (name, part) in enumerate(self.parts.items())
            }
        if self.efficiency is not None:
            record["efficiency"] = self.efficiency.to_record()
        if self.large_scales is not None:
            record["large_scales"] = _plain_scales(self.large_scales)
        if self.also_scales:
            record["also_scales"] = {
                name: _plain_scales(scales) for name, scales in self.also_scales.items()
            }
        return record

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Frozen:
        """Return the numbers that `to_record` packed."""
        scales = record.get("large_scales")
        return cls(
            _from_arrays(record["calibration"]),
            unpacked(record["fitted"]),
            None if scales is None else _scales_of(scales),
            None if "parts" not in record else dict(
                _part_of(dict(part)) for _, part in sorted(record["parts"].items())
            ),
            None if "efficiency" not in record else Efficiency.from_record(record["efficiency"]),
            {name: _scales_of(one) for name, one in record.get("also_scales", {}).items()},
            unpacked(record["partitions"]),
        )


def _to_arrays(calibration: Calibration) -> dict[str, np.ndarray]:
    return {
        item.name: packed(getattr(calibration, item.name))
        for item in dataclasses.fields(calibration)
    }


def _from_arrays(arrays: dict[str, Any]) -> Calibration:
    return Calibration(**{name: unpacked(value) for name, value in arrays.items()})


def _part_of(record: dict[str, Any]) -> tuple[str, PartNumbers]:
    """Return the name and the numbers of a part that `Frozen.to_record` packed."""
    name, n_galaxies, mean = (unpacked(record.pop(key)) for key in ("name", "n_galaxies", "mean"))
    return name, PartNumbers(_from_arrays(record), n_galaxies, mean)


@dataclass(frozen=True)
class FrozenFile:
    """The file of a `Frozen` in a run folder, which each worker process reads once.

    Attributes
    ----------
    path : str
        The file.
    sha256 : str
        Its digest.
    """

    path: str
    sha256: str

    @classmethod
    def of(cls, path: Path) -> FrozenFile:
        """Return the file, with its present digest."""
        return cls(str(path), file_digest(path)["sha256"])

    def load(self) -> Frozen:
        """Return the numbers."""
        return _load(self.path, self.sha256)


@functools.lru_cache(maxsize=2)
def _load(path: str, sha256: str) -> Frozen:
    from lensmap.utils import read_record

    return Frozen.from_record(read_record(path))


def _plain_scales(scales: LargeScales) -> dict[str, np.ndarray]:
    return {
        "modes": scales.modes, "lmax": np.array(scales.lmax), "ell_join": np.array(scales.ell_join),
    }


def _scales_of(record: Mapping[str, np.ndarray]) -> LargeScales:
    return LargeScales(record["modes"], int(record["lmax"]), float(record["ell_join"]))
