# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The memory and the disk space of a survey map, which are checked before work begins."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from lensmap.survey._plan import Plan
from lensmap.utils import ParameterError, check_memory

__all__ = ["check_resources", "needed_disk"]

# Disk, bytes for each HEALPix pixel of a further product: a HiPS has float32 tiles of all orders,
# and the table has the index and some twelve columns.
_BYTES_PER_PIXEL = {"hips": 6.0, "fits": 60.0}


def needed_disk(plan: Plan, folder: Path, n_tiles: int, products: Collection[str] = ()) -> float:
    """Return the disk space that a survey map still needs, bytes.

    Parameters
    ----------
    plan : Plan
        The plan.
    folder : `pathlib.Path`
        The folder of the run, whose finished tiles are subtracted.
    n_tiles : int
        The number of tiles that are mapped.
    products : collection of str
        The names of further products.

    Returns
    -------
    float
        The space, at least 0.
    """
    whole = plan.disk + plan.n_pixels * sum(_BYTES_PER_PIXEL.get(name, 0) for name in products)
    present = sum(path.stat().st_size for path in (folder / "tiles").glob("[0-9]*.npz"))
    return max(0.0, whole * n_tiles / len(plan.tiles) - present)


def check_resources(
    plan: Plan,
    folder: Path,
    n_tiles: int,
    products: Collection[str] = (),
    *,
    on_this_machine: bool = True,
) -> None:
    """Raise an error if a tile does not fit into memory, or the map does not fit on the disk.

    Parameters
    ----------
    plan, folder, n_tiles, products
        As for `needed_disk`.
    on_this_machine : bool
        Whether the tiles are mapped on this machine. The memory of other machines is not known.

    Raises
    ------
    MemoryError
        If one tile needs more memory than is free.
    ParameterError
        If the disk has too little free space.
    """
    if on_this_machine:
        check_memory(
            plan.memory, f"a tile of order {plan.tile_order}",
            "use smaller tiles, of a higher order, or larger pixels in the tiles",
        )
    needed, free = needed_disk(plan, folder, n_tiles, products), shutil.disk_usage(folder).free
    if needed > free:
        raise ParameterError(
            "folder", f"on a disk with {needed / 1e9:.3g} GB of free space",
            f"one with {free / 1e9:.3g} GB",
            "free some space, use a folder on another disk, or a smaller {nside}", verb="lie",
        )
