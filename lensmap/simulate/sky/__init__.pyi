# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._simulate_sky import simulate_sky

# For other packages of lensmap; not public.
from ._simulate_sky import SkyFiles as SkyFiles, read_sky as read_sky

__all__ = ["simulate_sky"]
