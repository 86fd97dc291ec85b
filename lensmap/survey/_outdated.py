# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Products that hold other tiles than the folder of their survey, which are moved out of sight.

A file in the folder of a survey holds the tiles that are finished when it is written. Whoever opens
the file later cannot see that tiles were added or mapped anew since. So the folder remembers which
state of the tiles each file holds, and a run moves files of another state to the subfolder ``old``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path

from lensmap.survey._further_files import FURTHER_FILES
from lensmap.survey._tile_files import TileFiles
from lensmap.survey.products import FILES, QUALITY_FILE
from lensmap.utils import MapWarning, atomic_write, list_names, reading, warn_user

__all__ = [
    "OLD", "REPORT_FILE", "keep_state", "move_outdated", "remove_replaced", "state_of_tiles",
    "warn_of_old",
]

#: The subfolder of products that hold other tiles than the survey.
OLD = "old"

#: The name of the page about the map.
REPORT_FILE = "report.html"

_NAMES = (*FILES.values(), QUALITY_FILE, *FURTHER_FILES.values(), REPORT_FILE)

# A hidden file, because products that are written after a run must not change files of the run.
_STATES = ".products.json"


def state_of_tiles(files: TileFiles, tiles: Iterable[int]) -> str:
    """Return a digest of the finished tiles: of their numbers, their galaxies and their settings.

    Parameters
    ----------
    files : TileFiles
        The files of the tiles.
    tiles : iterable of int
        The tiles, of which those without a readable file do not count.
    """
    known = [(tile, files.any_facts(tile)) for tile in sorted(tiles)]
    facts = [[tile, one["stamp"], one["galaxies"]] for tile, one in known if one is not None]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def keep_state(folder: Path, names: Iterable[str], state: str) -> None:
    """Note that products of these names hold the tiles of a state."""
    states = _states(folder) | dict.fromkeys(names, state)
    with atomic_write(folder / _STATES, overwrite=True) as temporary:
        Path(temporary).write_text(json.dumps(states, indent=1), encoding="utf-8")


def move_outdated(folder: Path, state: str | None = None) -> list[str]:
    """Move the products that do not hold the tiles of a state to the subfolder ``old``.

    Parameters
    ----------
    folder : `pathlib.Path`
        The folder of a survey.
    state : str or None
        The state that `state_of_tiles` returns. None moves all products.

    Returns
    -------
    list of str
        The names of the products that were moved.
    """
    states = _states(folder) if state is not None else {}
    names = [
        name for name in _NAMES
        if (folder / name).exists() and (state is None or states.get(name) != state)
    ]
    for name in names:
        (folder / OLD).mkdir(exist_ok=True)
        _remove(folder / OLD / name)
        (folder / name).rename(folder / OLD / name)
    return names


def remove_replaced(folder: Path) -> None:
    """Remove the old products of which the folder has new ones."""
    old = folder / OLD
    for name in _NAMES:
        if (folder / name).exists():
            _remove(old / name)
    if old.is_dir() and not any(old.iterdir()):
        old.rmdir()


def warn_of_old(folder: Path, names: Collection[str]) -> None:
    """Warn about products that were moved, and were not written again."""
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        warn_user(
            f"{list_names(missing)} in {str(folder)!r} held the map before this run, and "
            f"{'were' if len(missing) > 1 else 'was'} moved to the subfolder {OLD!r}; name "
            "products in {products} to write them again",
            MapWarning, "old_products", "products", placeholders=True,
        )


def _states(folder: Path) -> dict[str, str]:
    """Return the states of the tiles that products hold, by the names of the products."""
    path = folder / _STATES
    try:
        with reading(path, "notes", "delete the file and repeat the run"):
            return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
