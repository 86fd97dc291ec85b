# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The files of the maps of tiles in the folder of a survey."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lensmap.utils import atomic_write

__all__ = ["SAMPLE_STEPS", "TileFiles"]

#: One of 64 HEALPix pixels, of this many orders below, holds the noise realizations of a tile. The
#: correlation of the noise of neighboring tiles that follows holds for all 64.
SAMPLE_STEPS = 3

_FACTS = "facts"

# The group of the arrays of the peaks of noise maps.
_NOISE_PEAKS = "noise_peaks"

# Arrays with one row for each of the sampled pixels, not for each pixel.
_SAMPLED = ("samples",)


@dataclass(frozen=True)
class TileFiles:
    """The files of tiles, one for each tile, in parts by the tile to which the pixels belong.

    Attributes
    ----------
    folder : str
        The folder of the files.
    stamp : str
        The text that identifies the run; files of another run are not read.
    """

    folder: str
    stamp: str

    def path(self, pixel: int) -> Path:
        """Return the path of the file of a tile."""
        return Path(self.folder, f"{pixel:06d}.npz")

    def facts(self, pixel: int, digest: str) -> dict[str, Any] | None:
        """Return the facts of a tile that was mapped by this run.

        Parameters
        ----------
        pixel : int
            The nested index of the tile.
        digest : str
            The digest of the files of the galaxies of the tile.

        Returns
        -------
        dict or None
            The facts; None if there is no readable file, or it is of another run or of other
            galaxies.
        """
        facts = self.any_facts(pixel)
        if facts is None or facts["stamp"] != self.stamp or facts["galaxies"] != digest:
            return None
        return facts

    def any_facts(self, pixel: int) -> dict[str, Any] | None:
        """Return the facts of a tile of any run; None if it has no readable file."""
        try:
            with open(self.path(pixel), "rb") as stream, np.load(stream) as file:
                return json.loads(str(file[_FACTS]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def damaged(self, pixel: int) -> bool:
        """Return whether a tile has a file that cannot be read."""
        return self.path(pixel).exists() and self.any_facts(pixel) is None

    def write(
        self,
        pixel: int,
        order: int,
        map_order: int,
        layers: Mapping[str, np.ndarray],
        facts: Mapping[str, Any],
        noise_peaks: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Write the map of a tile to its file, which appears only when it is complete.

        Parameters
        ----------
        pixel : int
            The nested index of the tile.
        order, map_order : int
            The orders of the tiles and of the pixels of the map.
        layers : dict
            Arrays with one row for each pixel, ``index`` among them; and optionally ``sampled``,
            the rows of the pixels in which noise is sampled, and ``samples``.
        facts : dict
            The facts of the tile, of types that JSON can hold.
        noise_peaks : dict or None
            The arrays of the record of the peaks of noise maps. None if there is none.
        """
        arrays: dict[str, Any] = {
            f"{_NOISE_PEAKS}/{name}": values for name, values in (noise_peaks or {}).items()
        }
        steps = 2 * (map_order - order)
        owner = layers["index"] >> steps
        sampled = layers.get("sampled", np.empty(0, np.int64))
        for tile in np.unique(owner):
            rows = np.flatnonzero(owner == tile)
            first = rows[0]  # the pixels of a tile are contiguous, as the index increases
            part = slice(first, first + len(rows))
            arrays[f"{tile}/index"] = (layers["index"][part] - (tile << steps)).astype(np.int32)
            for name, values in layers.items():
                if name not in ("index", "sampled", *_SAMPLED):
                    arrays[f"{tile}/{name}"] = values[part]
            if "samples" in layers:
                some = np.flatnonzero((sampled >= first) & (sampled < first + len(rows)))
                arrays[f"{tile}/sampled"] = (sampled[some] - first).astype(np.int32)
                arrays[f"{tile}/samples"] = layers["samples"][some]
        text = json.dumps(dict(facts))
        Path(self.folder).mkdir(parents=True, exist_ok=True)
        with atomic_write(self.path(pixel), overwrite=True) as temporary:
            with open(temporary, "wb") as file:
                np.savez(file, allow_pickle=False, **{_FACTS: np.array(text)}, **arrays)

    def read(self, pixel: int, tile: int) -> dict[str, np.ndarray] | None:
        """Return what the map of one tile gives for the pixels of another.

        Parameters
        ----------
        pixel : int
            The tile that was mapped.
        tile : int
            The tile to which the pixels belong.

        Returns
        -------
        dict or None
            The arrays, with ``index`` relative to the first pixel of ``tile``. None if there are
            none.
        """
        return self._group(pixel, str(tile))

    def noise_peaks(self, pixel: int) -> dict[str, np.ndarray] | None:
        """Return the arrays of the record of noise peaks of a tile; None if it has none."""
        return self._group(pixel, _NOISE_PEAKS)

    def _group(self, pixel: int, name: str) -> dict[str, np.ndarray] | None:
        """Return the arrays of a group in the file of a tile, by their names; None if none."""
        prefix = f"{name}/"
        try:
            with open(self.path(pixel), "rb") as stream, np.load(stream) as file:
                found = {
                    name[len(prefix):]: file[name] for name in file.files if name.startswith(prefix)
                }
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"the file {str(self.path(pixel))!r} of a tile is damaged: delete it and repeat "
                "the run, which maps this tile again"
            ) from error
        return found or None
