# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._findings import Verification
from ._read import read_provenance
from ._verify import verify

__all__ = ["Verification", "read_provenance", "verify"]
