# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._field import HaloModelField
from ._planes import HaloPhysics, HaloStatistics, Plane, make_planes, mass_to_kappa
from ._resolution import resolution_transfer

__all__ = [
    "HaloModelField",
    "HaloPhysics",
    "HaloStatistics",
    "Plane",
    "make_planes",
    "mass_to_kappa",
    "resolution_transfer",
]
