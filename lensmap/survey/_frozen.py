# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Frozen`: everything that is fitted to the data of a survey, once, before any tile is mapped."""

from __future__ import annotations

import dataclasses
import functools
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lensmap.catalog import Calibration
from lensmap.survey._large_scales import LargeScales
from lensmap.utils import file_digest

__all__ = ["Frozen", "FrozenFile", "packed", "unpacked"]


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
    """

    calibration: Calibration
    fitted: Any
    large_scales: LargeScales | None

    def to_record(self) -> dict[str, Any]:
        """Return the numbers as arrays, for a file of the run folder."""
        record: dict[str, Any] = {
            "calibration": {
                item.name: packed(getattr(self.calibration, item.name))
                for item in dataclasses.fields(self.calibration)
            },
            "fitted": packed(self.fitted),
        }
        if self.large_scales is not None:
            record["large_scales"] = {
                "modes": self.large_scales.modes,
                "lmax": np.array(self.large_scales.lmax),
                "ell_join": np.array(self.large_scales.ell_join),
            }
        return record

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Frozen:
        """Return the numbers that `to_record` packed."""
        scales = record.get("large_scales")
        return cls(
            Calibration(**{
                name: unpacked(value) for name, value in record["calibration"].items()
            }),
            unpacked(record["fitted"]),
            None if scales is None else LargeScales(
                scales["modes"], int(scales["lmax"]), float(scales["ell_join"])
            ),
        )


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


def packed(value: object) -> np.ndarray:
    """Return a value of any type as an array of bytes."""
    return np.frombuffer(pickle.dumps(value, protocol=5), np.uint8)


def unpacked(array: np.ndarray) -> Any:
    """Return the value that `packed` packed."""
    return pickle.loads(array.tobytes())
