# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._blocks import Block, map_blocks
from ._cutout import read_cutout
from ._healpix_table import HealpixTable
from ._healsparse import HealSparseFile
from ._hips import HipsFolder
from ._moc import MocFile
from ._standard import FILES, QUALITY_FILE, standard_files
from ._write import write_products

__all__ = [
    "Block",
    "FILES",
    "HealSparseFile",
    "HealpixTable",
    "HipsFolder",
    "MocFile",
    "QUALITY_FILE",
    "map_blocks",
    "read_cutout",
    "standard_files",
    "write_products",
]
