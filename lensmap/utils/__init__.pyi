# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._chatter import kept_from_terminal as kept_from_terminal
from ._exceptions import (
    CatalogWarning as CatalogWarning,
)
from ._exceptions import (
    ConventionWarning as ConventionWarning,
)
from ._exceptions import (
    LensmapWarning as LensmapWarning,
)
from ._exceptions import (
    MapWarning as MapWarning,
)
from ._exceptions import (
    warn_user as warn_user,
)
from ._files import (
    FITS_SUFFIXES as FITS_SUFFIXES,
)
from ._files import (
    HDF5_SUFFIXES as HDF5_SUFFIXES,
)
from ._files import (
    atomic_write as atomic_write,
)
from ._files import (
    has_suffix as has_suffix,
)
from ._optional import import_optional as import_optional
from ._parameters import Parametrized as Parametrized
from ._positions import as_skycoord as as_skycoord
from ._positions import unit_vectors as unit_vectors
from ._progress import track as track
from ._random import as_generator as as_generator
from ._tables import set_formats as set_formats
from ._threads import chunk_slices as chunk_slices
from ._threads import n_threads as n_threads
from ._threads import thread_map as thread_map
from ._validation import (
    check_angle as check_angle,
)
from ._validation import (
    check_celestial_wcs as check_celestial_wcs,
)
from ._validation import (
    check_choice as check_choice,
)
from ._validation import (
    check_count as check_count,
)
from ._validation import (
    check_number as check_number,
)
from ._validation import (
    check_rising as check_rising,
)
from ._validation import (
    look_up as look_up,
)

__all__ = [
    "CatalogWarning",
    "ConventionWarning",
    "FITS_SUFFIXES",
    "HDF5_SUFFIXES",
    "LensmapWarning",
    "MapWarning",
    "Parametrized",
    "as_generator",
    "as_skycoord",
    "atomic_write",
    "check_angle",
    "check_celestial_wcs",
    "check_choice",
    "check_count",
    "check_number",
    "check_rising",
    "chunk_slices",
    "has_suffix",
    "import_optional",
    "kept_from_terminal",
    "look_up",
    "n_threads",
    "set_formats",
    "thread_map",
    "track",
    "unit_vectors",
    "warn_user",
]
