# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The names of the HealSparse files of a survey folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lensmap.survey.products._healsparse import HealSparseFile

if TYPE_CHECKING:
    from lensmap.typing import PathLike

__all__ = ["FILES", "QUALITY_FILE", "standard_files"]

#: The files of single layers. A mask becomes a footprint.
FILES = {
    "kappa": "kappa.hsp", "kappa_b": "kappa_b.hsp", "error": "error.hsp", "counts": "counts.hsp",
    "mask": "footprint.hsp",
}

#: The file of all other layers.
QUALITY_FILE = "quality.hsp"


def standard_files(folder: PathLike, layers: Iterable[str]) -> list[HealSparseFile]:
    """Return the HealSparse files of a survey, from which `read_cutout` reads.

    Parameters
    ----------
    folder : path-like
        The folder of the files.
    layers : iterable of str
        The names of the layers. The layers ``kappa``, ``kappa_b``, ``error``, ``counts`` and
        ``mask`` have files of their own. All others, of which the first is the primary one, are
        the fields of ``quality.hsp``.

    Returns
    -------
    list of HealSparseFile
        The files.
    """
    layers = list(layers)
    files = [HealSparseFile(Path(folder, FILES[name]), name) for name in layers if name in FILES]
    others = [name for name in layers if name not in FILES]
    return files + ([HealSparseFile(Path(folder, QUALITY_FILE), others)] if others else [])
