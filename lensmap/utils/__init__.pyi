# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._exceptions import (
    CatalogWarning,
    ConventionWarning,
    LensmapWarning,
    MapWarning,
    ParameterError,
    ParameterTypeError,
)
from ._validation import check_angle, check_choice, check_count, check_number

# For other packages of lensmap; not public.
from ._addresses import check_no_address as check_no_address, missing_file as missing_file
from ._celestial import (
    celestial_frame as celestial_frame,
    celestial_plane as celestial_plane,
    check_celestial_wcs as check_celestial_wcs,
    header_wcs as header_wcs,
    pixel_to_sky as pixel_to_sky,
    sky_to_pixel as sky_to_pixel,
    unsuitable_frame as unsuitable_frame,
)
from ._column_values import (
    angles_of_column as angles_of_column,
    numbers_of_column as numbers_of_column,
)
from ._chatter import kept_from_terminal as kept_from_terminal
from ._code_files import code_files_of as code_files_of, load_code_file as load_code_file
from ._digests import (
    file_digest as file_digest,
    folder_digest as folder_digest,
    visible_files as visible_files,
)
from ._engine import finish as finish, run_tasks as run_tasks
from ._exact_pickle import exact_dumps as exact_dumps
from ._exceptions import (
    IncompleteRunError as IncompleteRunError,
    LostExecutorError as LostExecutorError,
    OtherSettingsError as OtherSettingsError,
    OutputExistsError as OutputExistsError,
    RunError as RunError,
    named_parameter as named_parameter,
)
from ._exceptions import warn_user as warn_user, without_warnings as without_warnings
from ._files import (
    FITS_SUFFIXES as FITS_SUFFIXES,
    HDF5_SUFFIXES as HDF5_SUFFIXES,
    NETWORK_SUFFIXES as NETWORK_SUFFIXES,
    atomic_write as atomic_write,
    atomic_writes as atomic_writes,
    has_suffix as has_suffix,
)
from ._fits_files import (
    N_HDUS_CARD as N_HDUS_CARD,
    PROVENANCE_CARD as PROVENANCE_CARD,
    add_checksums as add_checksums,
    check_number_of_hdus as check_number_of_hdus,
    find_hdus as find_hdus,
    record_cards as record_cards,
    write_fits_table as write_fits_table,
    write_hdus as write_hdus,
)
from ._folder_lock import FolderLock as FolderLock
from ._full_disk import full_disk_named as full_disk_named, temporary_folder as temporary_folder
from ._hdf5 import hdf5_file as hdf5_file, recorded_hdf5_file as recorded_hdf5_file
from ._healpix_files import (
    frame_of_healpix as frame_of_healpix,
    healpix_coordsys as healpix_coordsys,
    import_healsparse as import_healsparse,
)
from ._html import summary_html as summary_html
from ._memory import (
    check_memory as check_memory,
    free_memory as free_memory,
    limit_memory as limit_memory,
    memory_limit as memory_limit,
    peak_memory as peak_memory,
)
from ._optional import import_optional as import_optional
from ._parameters import Parametrized as Parametrized
from ._pixel_size import central_pixel as central_pixel, pixel_size as pixel_size
from ._plain_hdf5 import check_plain_hdf5 as check_plain_hdf5
from ._plane_wcs import PlaneWCS as PlaneWCS
from ._plausible import PLAUSIBLE as PLAUSIBLE, check_plausible as check_plausible
from ._positions import (
    as_icrs as as_icrs,
    as_skycoord as as_skycoord,
    converts_to_icrs as converts_to_icrs,
    unit_vectors as unit_vectors,
)
from ._progress import track as track
from ._provenance import (
    PROVENANCE_SCHEMA as PROVENANCE_SCHEMA,
    RUN_RECORD as RUN_RECORD,
    add_provenance as add_provenance,
    creation_date as creation_date,
    package_versions as package_versions,
    plain as plain,
    provenance as provenance,
    recording as recording,
)
from ._random import (
    GOLDEN_64 as GOLDEN_64,
    as_generator as as_generator,
    mix_bits as mix_bits,
    seeded_generator as seeded_generator,
)
from ._reading import check_datasums as check_datasums, reading as reading
from ._run_folder import RunFolder as RunFolder
from ._run_settings import SETTINGS_FILE as SETTINGS_FILE, differences as differences
from ._seal import UNSEALED as UNSEALED, is_sealed as is_sealed, seal as seal
from ._serialize import to_plain as to_plain
from ._table_files import table_format as table_format, write_table as write_table
from ._tables import set_formats as set_formats
from ._record_files import read_record as read_record
from ._rounding import rounding_level as rounding_level
from ._text import (
    MAX_LISTED_NAMES as MAX_LISTED_NAMES,
    list_names as list_names,
    plain_label as plain_label,
    printable as printable,
    printable_lines as printable_lines,
)
from ._threads import (
    chunk_slices as chunk_slices,
    limit_threads as limit_threads,
    n_threads as n_threads,
    n_workers as n_workers,
    thread_map as thread_map,
)
from ._units import (
    angle_of_text as angle_of_text,
    as_angle_unit as as_angle_unit,
    as_plain_unit as as_plain_unit,
)
from ._unwrapping import ContinuedWCS as ContinuedWCS
from ._validation import (
    check_rising as check_rising,
    look_up as look_up,
    match_name as match_name,
)

__all__ = [
    "CatalogWarning",
    "ConventionWarning",
    "LensmapWarning",
    "MapWarning",
    "ParameterError",
    "ParameterTypeError",
    "check_angle",
    "check_choice",
    "check_count",
    "check_number",
]
