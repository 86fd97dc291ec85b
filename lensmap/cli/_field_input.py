# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Fields that a command reads: lensmap's own, and the maps of public simulations."""

import argparse
import re
from pathlib import Path

from lensmap.cli._field_options import distribution_name, given_options
from lensmap.cli._options import angle, count, position
from lensmap.utils import FITS_SUFFIXES, HDF5_SUFFIXES, has_suffix

__all__ = ["add_input_arguments", "move_field", "read_any_field", "read_field_of"]

# A larger map is not flat, and would hold more galaxies than any survey.
_LARGEST_SIDE = 25.0  # deg

# How the readers call what are options here.
_WORDS = ("width=", "pixel_scale=", "source_plane", "z_source=")

# What describes a field that is drawn; a file says it by itself.
_OF_DRAWN = ("shape", "cosmology", "resolution")
_OF_FOREIGN = ("width", "pixel_scale", "source_plane")


def add_input_arguments(parser):
    """Add the field's file and how it is to be read."""
    group = parser.add_argument_group("the field, from a file")
    group.add_argument(
        "--field",
        metavar="FILE",
        help="a field of 'lensmap simulate'; or a convergence map: MassiveNuS, kappaTNG, "
        "LensTools, any FITS image, .npy; default: one is drawn",
    )
    group.add_argument(
        "--width", type=angle, metavar="ANGLE", help="the side of a map that does not say it"
    )
    group.add_argument(
        "--source-plane", type=count, metavar="N", help="which one in an HDF5 file of kappaTNG"
    )
    group.add_argument(
        "--center",
        type=position,
        metavar="RA,DEC",
        help="put the field there (degrees; default: where it is, 180,0 if it is nowhere)",
    )


def read_any_field(arguments):
    """Return the `lensmap.simulate.LensingField` of the file that the arguments name."""
    from lensmap.simulate import LensingField

    path = Path(arguments.field)
    _refuse(arguments, _OF_DRAWN)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    if not _is_ours(path):
        try:
            field = _read_foreign(path, arguments)
        except ValueError as error:
            raise ValueError(_with_options(str(error))) from error
        _check_size(field, path)
        return field
    own = () if distribution_name(arguments) else ("z_source",)
    _refuse(arguments, (*_OF_FOREIGN, *own))
    return LensingField.read(path)


def read_field_of(path):
    """Return the `lensmap.simulate.LensingField` of a file that says all by itself."""
    nothing = dict.fromkeys((*_OF_DRAWN, *_OF_FOREIGN, "z_source"))
    return read_any_field(argparse.Namespace(field=str(path), **nothing))


def _with_options(text):
    """Return an error of the readers with the names of options."""
    for word in _WORDS:
        text = text.replace(word, "--" + word.rstrip("=").replace("_", "-"))
    return text


def _check_size(field, path):
    side = max(field.shape) * field.kappa.pixel_scale.to_value("deg")
    if side > _LARGEST_SIDE:
        raise ValueError(
            f"{str(path)!r} would be {side:.1f} deg wide: more than {_LARGEST_SIDE:g} deg is not "
            "flat"
        )


def _refuse(arguments, names):
    given = given_options(arguments, names)
    if given:
        raise ValueError(f"{', '.join(given)}: {arguments.field!r} says this by itself")


def _is_ours(path):
    """Say whether a file holds shear besides the convergence, as `LensingField.write` writes it."""
    if has_suffix(path, HDF5_SUFFIXES):
        from lensmap.simulate import open_hdf5

        with open_hdf5(path) as file:
            return "gamma1" in file
    if has_suffix(path, FITS_SUFFIXES):
        from astropy.io import fits

        try:
            with fits.open(path) as hdus:
                return "GAMMA1" in hdus
        except OSError as error:
            raise ValueError(f"{str(path)!r} is no FITS file, or it is broken") from error
    return False


def _read_foreign(path, arguments):
    """Return the field of a convergence map, by the kind that its name and content say."""
    from lensmap.simulate import read_field, read_kappatng, read_massivenus

    if arguments.z_source is not None and len(arguments.z_source) > 1:
        raise ValueError("--z-source must be one redshift: that of the map")
    z_source = None
    if arguments.z_source is not None and distribution_name(arguments) is None:
        z_source = arguments.z_source[0]
    given = {"width": arguments.width} if arguments.width is not None else {}
    if has_suffix(path, (*HDF5_SUFFIXES, ".dat")):
        _refuse(arguments, ("pixel_scale",))
        return read_kappatng(
            path, source_plane=arguments.source_plane, z_source=z_source, **given
        )
    if arguments.source_plane is not None:
        raise ValueError(f"--source-plane is for files of kappaTNG, which {str(path)!r} is not")
    if z_source is None and re.search(r"^WLconv_z\d+\.\d+_", path.name):
        _refuse(arguments, ("pixel_scale",))
        return read_massivenus(path, **given)
    return read_field(path, pixel_scale=arguments.pixel_scale, z_source=z_source, **given)


def move_field(field, center):
    """Put the middle of a field at a position; nothing is resampled.

    Parameters
    ----------
    field : LensingField
        The field.
    center : `~astropy.coordinates.SkyCoord`
        Where its middle shall be.

    Returns
    -------
    LensingField
        The field there.
    """
    from astropy.wcs.utils import wcs_to_celestial_frame

    wcs = field.wcs.deepcopy()
    ny, nx = field.shape
    there = center.transform_to(wcs_to_celestial_frame(wcs))
    wcs.wcs.crval = [there.spherical.lon.deg, there.spherical.lat.deg]
    wcs.wcs.crpix = [(nx + 1) / 2, (ny + 1) / 2]
    wcs.array_shape = field.shape
    wcs.wcs.set()
    return field.to_wcs(wcs)
