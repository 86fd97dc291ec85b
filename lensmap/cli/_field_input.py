# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Fields that commands read: files written by lensmap, and maps of public simulations."""

import re
from pathlib import Path

from lensmap.cli._field_options import distribution_name, refuse_options
from lensmap.cli._file_types import InputFile
from lensmap.cli._messages import OptionError
from lensmap.cli._options import angle, count, position
from lensmap.utils import FITS_SUFFIXES, HDF5_SUFFIXES, has_suffix, missing_file, reading

__all__ = ["add_input_arguments", "move_field", "read_any_field", "read_field_of"]


# Options that apply only to drawn fields, and options that apply only to files of other programs.
_OF_DRAWN = ("shape", "cosmology", "power", "resolution")
_OF_FOREIGN = ("width", "pixel_scale", "source_plane")


def add_input_arguments(parser):
    """Add the options for the file of a field."""
    group = parser.add_argument_group("options of a field from a file")
    group.add_argument(
        "--field",
        type=InputFile,
        metavar="FILE",
        help="read the field from this file: a field written by 'lensmap simulate', or a "
        "convergence map (MassiveNuS, kappaTNG, LensTools, any FITS image, or a .npy array); "
        "default: draw a field",
    )
    group.add_argument(
        "--width", type=angle, metavar="ANGLE",
        help="the angular side of the map in the file of --field, if the file does not contain it",
    )
    group.add_argument(
        "--source-plane", type=count, metavar="N",
        help="the number of the source plane, 1 to 40, if --field is a file of the kappaTNG "
        "simulations",
    )
    group.add_argument(
        "--center",
        type=position,
        metavar="RA,DEC",
        help="the position of the field's center in degrees (default: the position in the file of "
        "--field, else 180,0)",
    )


def read_any_field(arguments):
    """Read the `lensmap.simulate.LensingField` in the file that ``--field`` names."""
    path, reason = Path(arguments.field), f"the file {arguments.field!r} defines this"
    refuse_options(arguments, _OF_DRAWN, reason)
    if _is_ours(path):
        own = () if distribution_name(arguments) else ("z_source",)
        refuse_options(arguments, (*_OF_FOREIGN, *own), reason)
        return _read_ours(path)
    if arguments.z_source is not None and len(arguments.z_source) > 1:
        raise OptionError(
            "z_source",
            f"--z-source must be one redshift, the source redshift of the map in {str(path)!r}, "
            f"not {len(arguments.z_source)} redshifts",
        )
    z_source = None
    if arguments.z_source is not None and distribution_name(arguments) is None:
        z_source = arguments.z_source[0]
    if _has_no_pixel_scale_option(path, z_source):
        refuse_options(arguments, ["pixel_scale"], reason)
    if arguments.source_plane is not None and not has_suffix(path, (*HDF5_SUFFIXES, ".dat")):
        raise OptionError(
            "source_plane",
            "--source-plane applies only to files of the kappaTNG simulations, which end in .dat, "
            f".h5 or .hdf5, and {str(path)!r} is not one of them: leave out --source-plane",
        )
    return _read_foreign(
        path, z_source=z_source, **{name: getattr(arguments, name) for name in _OF_FOREIGN}
    )


def read_field_of(path):
    """Read the `lensmap.simulate.LensingField` in a file that defines its own pixel scale."""
    path = Path(path)
    if not path.is_file():
        raise missing_file(path)
    return _read_ours(path) if _is_ours(path) else _read_foreign(path)


def _read_ours(path):
    from lensmap.simulate import LensingField

    return LensingField.read(path)


def _is_ours(path):
    """Return whether a file holds shear and convergence, as written by `LensingField.write`."""
    if has_suffix(path, HDF5_SUFFIXES):
        from lensmap.simulate import open_hdf5

        with open_hdf5(path) as file:
            return "gamma1" in file
    if has_suffix(path, FITS_SUFFIXES):
        from astropy.io import fits

        with reading(path, "field"), fits.open(path) as hdus:
            return "GAMMA1" in hdus
    return False


def _is_massivenus(path, z_source):
    return z_source is None and re.search(r"^WLconv_z\d+\.\d+_", path.name) is not None


def _has_no_pixel_scale_option(path, z_source):
    """Return whether the pixel scale cannot be given for the file of a field.

    It cannot be given for formats that define the pixel scale. ``z_source`` is the given source
    redshift or None.
    """
    return has_suffix(path, (*HDF5_SUFFIXES, ".dat")) or _is_massivenus(path, z_source)


def _read_foreign(path, *, z_source=None, width=None, pixel_scale=None, source_plane=None):
    """Read a convergence map of another program, with the reader that its file name indicates.

    The parameters are those of `lensmap.simulate.read_field` and `lensmap.simulate.read_kappatng`.
    """
    from lensmap.simulate import read_field, read_kappatng, read_massivenus

    given = {} if width is None else {"width": width}
    if has_suffix(path, (*HDF5_SUFFIXES, ".dat")):
        return read_kappatng(path, source_plane=source_plane, z_source=z_source, **given)
    if _is_massivenus(path, z_source):
        return read_massivenus(path, **given)
    return read_field(path, pixel_scale=pixel_scale, z_source=z_source, **given)


def move_field(field, center):
    """Move the center of a field to another position, without resampling the field.

    Parameters
    ----------
    field : LensingField
        The field.
    center : `~astropy.coordinates.SkyCoord`
        The new position of the field's center.

    Returns
    -------
    LensingField
        The field at the new position.
    """
    from astropy.wcs.utils import wcs_to_celestial_frame

    wcs = field.wcs.deepcopy()
    ny, nx = field.shape
    position = center.transform_to(wcs_to_celestial_frame(wcs))
    wcs.wcs.crval = [position.spherical.lon.deg, position.spherical.lat.deg]
    wcs.wcs.crpix = [(nx + 1) / 2, (ny + 1) / 2]
    wcs.array_shape = field.shape
    wcs.wcs.set()
    return field.to_wcs(wcs)
