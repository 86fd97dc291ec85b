# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The options of maps on HEALPix pixels, and the options that need a map on a plane."""

from lensmap.cli._field_options import refuse_options
from lensmap.cli._messages import CombinationError
from lensmap.utils import has_suffix

__all__ = ["HEALSPARSE_SUFFIXES", "add_sphere_arguments", "check_geometry", "sphere_pixels"]

#: The suffixes of HealSparse files, which hold maps on HEALPix pixels only.
HEALSPARSE_SUFFIXES = (".hsp", ".hs")

# The options that need the pixels of a plane.
_ON_PLANE = ("pixel_scale", "wcs", "plot")


def add_sphere_arguments(parser):
    """Add the options for the pixels of maps on the sphere to a parser, in a group of their own."""
    group = parser.add_argument_group(
        "pixels on the sphere", "for methods that make maps on HEALPix pixels (sphere-ks, "
        "sphere-wiener)"
    )
    group.add_argument(
        "--nside", type=int, metavar="N",
        help="the resolution of the HEALPix pixels, a power of 2; the side of a pixel is 3518 / N "
             "arcmin (default: chosen by the method)",
    )
    group.add_argument(
        "--sky-frame", choices=("icrs", "galactic"),
        help="the celestial frame of the HEALPix pixels, with --nside (default icrs)",
    )


def check_geometry(arguments, estimator):
    """Refuse options that do not apply to the geometry of an estimator.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments, with those of `add_sphere_arguments`, if the command has them.
    estimator : object
        The estimator.

    Returns
    -------
    bool
        Whether the estimator works on the sphere.

    Raises
    ------
    CombinationError
        If an option, or the suffix of the map, needs the other geometry, or if the command has no
        maps of the sphere.
    """
    method = f"--method {arguments.estimator}"
    on_sphere = getattr(estimator, "geometry", "plane") == "sphere"
    if not hasattr(arguments, "nside"):
        if on_sphere:
            raise CombinationError(
                "estimator",
                f"{method} makes maps of the sphere, and this command needs a map on a plane: give "
                "another method, such as ks or wiener",
            )
    elif on_sphere:
        refuse_options(
            arguments, _ON_PLANE,
            f"{method} makes a map on HEALPix pixels, not on an image; --nside gives the size of "
            "its pixels",
        )
        if arguments.sky_frame is not None and arguments.nside is None:
            raise CombinationError("sky_frame", "--sky-frame needs --nside")
    else:
        refuse_options(
            arguments, ("nside", "sky_frame"),
            f"{method} makes a map on a plane; --pixel-scale gives the size of its pixels",
        )
        if has_suffix(arguments.output, HEALSPARSE_SUFFIXES):
            raise CombinationError(
                "output",
                f"--output {arguments.output} is the name of a HealSparse file, and {method} makes "
                "a map on a plane: give a name that ends in .fits",
            )
    return on_sphere


def sphere_pixels(arguments):
    """Return the HealpixPixels that the options choose; None if the estimator chooses them.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments, with those of `add_sphere_arguments`.

    Returns
    -------
    lensmap.sphere.HealpixPixels or None
        The pixels.
    """
    from lensmap.sphere import HealpixPixels

    if arguments.nside is None:
        return None
    return HealpixPixels(arguments.nside, arguments.sky_frame or "icrs")
