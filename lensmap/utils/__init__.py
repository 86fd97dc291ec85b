# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What every room may use: warnings, checks of arguments, optional packages, threads, progress."""

from lensmap.utils.chatter import kept_from_terminal
from lensmap.utils.exceptions import (
    CatalogWarning,
    ConventionWarning,
    LensmapWarning,
    MapWarning,
    warn_user,
)
from lensmap.utils.files import FITS_SUFFIXES, HDF5_SUFFIXES, atomic_write, has_suffix
from lensmap.utils.optional import import_optional
from lensmap.utils.parameters import Parametrized
from lensmap.utils.positions import as_skycoord, unit_vectors
from lensmap.utils.progress import track
from lensmap.utils.random import as_generator
from lensmap.utils.tables import set_formats
from lensmap.utils.threads import chunk_slices, n_threads, thread_map
from lensmap.utils.validation import (
    check_angle,
    check_celestial_wcs,
    check_choice,
    check_count,
    check_number,
    check_rising,
    look_up,
)

__all__ = [
    "LensmapWarning",
    "CatalogWarning",
    "ConventionWarning",
    "MapWarning",
    "warn_user",
    "FITS_SUFFIXES",
    "HDF5_SUFFIXES",
    "atomic_write",
    "has_suffix",
    "Parametrized",
    "import_optional",
    "kept_from_terminal",
    "track",
    "as_skycoord",
    "unit_vectors",
    "as_generator",
    "chunk_slices",
    "n_threads",
    "thread_map",
    "check_angle",
    "check_choice",
    "check_count",
    "check_number",
    "check_rising",
    "check_celestial_wcs",
    "look_up",
    "set_formats",
]
