# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._inject import inject_halos
from ._recovery import recover_halos
from ._result import HaloRecovery

__all__ = [
    "HaloRecovery",
    "inject_halos",
    "recover_halos",
]
