# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Fields that commands read: files written by lensmap, and maps of public simulations."""

from pathlib import Path

from lensmap.cli._field_options import distribution_name, refuse_options
from lensmap.cli._file_types import InputFile
from lensmap.cli._messages import OptionError
from lensmap.cli._options import angle, count, position
from lensmap.utils import HDF5_SUFFIXES, has_suffix

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
        "convergence map (MassiveNuS, kappaTNG, LensTools, any FITS or HDF5 image, or a .npy "
        "array); "
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
    from lensmap.simulate import defines_pixels, has_shear, read_any_field as read

    path, reason = Path(arguments.field), f"the file {arguments.field!r} defines this"
    refuse_options(arguments, _OF_DRAWN, reason)
    if has_shear(path):
        own = () if distribution_name(arguments) else ("z_source",)
        refuse_options(arguments, (*_OF_FOREIGN, *own), reason)
        return read(path)
    if arguments.z_source is not None and len(arguments.z_source) > 1:
        raise OptionError(
            "z_source",
            f"--z-source must be one redshift, the source redshift of the map in {str(path)!r}, "
            f"not {len(arguments.z_source)} redshifts",
        )
    z_source = None
    if arguments.z_source is not None and distribution_name(arguments) is None:
        z_source = arguments.z_source[0]
    if arguments.source_plane is not None and not has_suffix(path, (*HDF5_SUFFIXES, ".dat")):
        raise OptionError(
            "source_plane",
            "--source-plane applies only to files of the kappaTNG simulations, which end in .dat, "
            f".h5 or .hdf5, and {str(path)!r} is not one of them: leave out --source-plane",
        )
    if defines_pixels(path, z_source, arguments.source_plane):
        refuse_options(arguments, ["pixel_scale"], reason)
    return read(path, z_source=z_source,
                **{name: getattr(arguments, name) for name in _OF_FOREIGN})


def read_field_of(path):
    """Read the `lensmap.simulate.LensingField` in a file that defines its own pixel scale."""
    from lensmap.simulate import read_any_field as read

    return read(path)


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
