# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._convention import ConventionCheck, check_convention
from ._summary import CatalogSummary, summarize_catalog

# For other packages of lensmap; not public.
from ._kind import kind_hint as kind_hint

__all__ = [
    "CatalogSummary",
    "ConventionCheck",
    "check_convention",
    "summarize_catalog",
]
