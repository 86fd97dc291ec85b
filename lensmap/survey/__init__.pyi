# Licensed under a 3-clause BSD style license - see LICENSE.rst
from .products import (
    HealpixTable,
    HealSparseFile,
    HipsFolder,
    MocFile,
    read_cutout,
    write_products,
)

__all__ = [
    "HealSparseFile",
    "HealpixTable",
    "HipsFolder",
    "MocFile",
    "read_cutout",
    "write_products",
]
