# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What is in a catalogue, and is its convention what was declared?"""

from lensmap.diagnostics.convention import ConventionCheck, check_convention
from lensmap.diagnostics.summary import CatalogSummary, summarize

__all__ = ["check_convention", "ConventionCheck", "summarize", "CatalogSummary"]
