# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._simulate_sky import simulate_sky

__all__ = ["simulate_sky"]
