# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._catalog import HatsCatalog
from ._folder import HatsFolder
from ._keys import galaxy_keys
from ._partition import partition_catalog
from ._write import write_hats

__all__ = ["HatsCatalog", "HatsFolder", "galaxy_keys", "partition_catalog", "write_hats"]
