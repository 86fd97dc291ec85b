# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._convention import ConventionCheck as ConventionCheck
from ._convention import check_convention as check_convention
from ._summary import CatalogSummary as CatalogSummary
from ._summary import summarize as summarize

__all__ = [
    "CatalogSummary",
    "ConventionCheck",
    "check_convention",
    "summarize",
]
