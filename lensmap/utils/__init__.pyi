# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._chatter import kept_from_terminal
from ._exceptions import (
    CatalogWarning,
    ConventionWarning,
    LensmapWarning,
    MapWarning,
    ParameterError,
    ParameterTypeError,
    warn_user,
)
from ._files import FITS_SUFFIXES, HDF5_SUFFIXES, atomic_write, has_suffix
from ._optional import import_optional
from ._parameters import Parametrized
from ._positions import as_skycoord, unit_vectors
from ._progress import track
from ._random import as_generator, seeded_generator
from ._serialize import to_plain
from ._tables import set_formats
from ._threads import chunk_slices, n_threads, thread_map
from ._validation import (
    check_angle,
    check_celestial_wcs,
    check_choice,
    check_count,
    check_number,
    check_rising,
    look_up,
)

# For other packages of lensmap; not public.
from ._engine import (
    IncompleteRunError as IncompleteRunError,
    finish as finish,
    run_tasks as run_tasks,
)
from ._exceptions import RunError as RunError
from ._memory import (
    check_memory as check_memory,
    free_memory as free_memory,
    memory_limit as memory_limit,
)
from ._run_folder import RunFolder as RunFolder
from ._threads import limit_threads as limit_threads
from ._validation import match_name as match_name

__all__ = [
    "CatalogWarning",
    "ConventionWarning",
    "FITS_SUFFIXES",
    "HDF5_SUFFIXES",
    "LensmapWarning",
    "MapWarning",
    "ParameterError",
    "ParameterTypeError",
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
    "seeded_generator",
    "set_formats",
    "thread_map",
    "to_plain",
    "track",
    "unit_vectors",
    "warn_user",
]
