# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The options of a map: estimator, pixels, masks and uncertainty."""

import argparse

import numpy as np

from lensmap.cli._files import InputFile, MaybeFile
from lensmap.cli._inputs import read_image_wcs
from lensmap.cli._messages import OptionError
from lensmap.cli._options import angle, angle_or_none, noise

__all__ = ["add_map_arguments", "make_estimator", "map_pixels", "read_mask", "read_wcs",
           "with_redshifts"]


def add_map_arguments(parser, *, own_z_source=True):
    """Add the estimator and the pixels; ``--z-source`` not where it means something else."""
    group = parser.add_argument_group("the map")
    group.add_argument(
        "--method",
        default="ks",
        help="the estimator: ks (Kaiser-Squires, the default), wiener, cnn (a trained network) or "
        "masked-cnn (the same, which fills small holes)",
    )
    group.add_argument(
        "--pixel-scale",
        type=angle,
        metavar="ANGLE",
        help="the pixels of a tangent plane that covers the catalogue (default 0.4arcmin; with cnn "
        "what suits the density of the galaxies)",
    )
    group.add_argument(
        "--wcs",
        type=InputFile,
        metavar="FITS",
        help="take the pixels of this image instead (its first celestial HDU)",
    )
    group.add_argument(
        "--smoothing",
        type=angle_or_none,
        default=argparse.SUPPRESS,
        metavar="ANGLE",
        help="the sigma of the Gaussian as an angle, or none (default 1arcmin; only ks has one)",
    )
    if own_z_source:
        group.add_argument(
            "--z-source",
            type=float,
            default=argparse.SUPPRESS,
            metavar="Z",
            help="the redshift of the galaxies, from which wiener knows how much mass to expect "
            "(default: the mean of the column redshift, 1 without one)",
        )
    group.add_argument(
        "--network",
        type=MaybeFile,
        default=argparse.SUPPRESS,
        metavar="NAME",
        help="the network of cnn: lensmap (the default), another that comes with lensmap, or a "
        "file of weights (.h5) of lensmap train",
    )
    group.add_argument(
        "--symmetrize",
        action="store_true",
        default=argparse.SUPPRESS,
        help="the mean of cnn over eight rotations and mirrors, in eight times the time",
    )
    group.add_argument(
        "--mask",
        type=InputFile,
        action="append",
        default=[],
        metavar="FILE",
        help="exclude what is inside: regions, FITS image, MOC or table of star holes; repeatable",
    )
    group.add_argument(
        "--footprint",
        type=InputFile,
        action="append",
        default=[],
        metavar="FILE",
        help="exclude what is outside; repeatable",
    )
    group.add_argument(
        "--uncertainty",
        type=noise,
        default={},
        metavar="N",
        help="noise from N random rotations of the galaxies; or analytic (ks), the noise by "
        "calculation; or posterior (wiener), the error about the truth, from 100 solutions "
        "(minutes for 512 x 512), or posterior:N from N; or network (cnn), the error about the "
        "truth as the network has learned it",
    )
    group.add_argument("--seed", dest="rng", type=int, default=0, metavar="N",
                       help="the seed of everything random (default 0)")
    names = ("smoothing", *["z_source"] * own_z_source, "network", "symmetrize")
    parser.set_defaults(estimator_options=names)


def make_estimator(arguments):
    """Return the estimator that the arguments describe."""
    from lensmap import estimators

    cls = estimators.estimator_class(arguments.method)
    options = {"rng": arguments.rng, **arguments.uncertainty}
    known = {option.name for option in cls.options}
    for name in arguments.estimator_options:
        if name not in arguments:  # None is a choice, too
            continue
        if name not in known:
            option = arguments.option_names[name]
            raise OptionError(name, f"{option} is not for --method {arguments.method}")
        options[name] = getattr(arguments, name)
    uncertainty, kinds = options.get("uncertainty"), [kind.name for kind in cls.uncertainties]
    if uncertainty not in (None, *kinds):
        others = [f" or {name}" for name in kinds if name != "rotations"]
        raise OptionError(
            "uncertainty",
            f"--uncertainty {uncertainty} is not for --method {arguments.method}, which has a "
            f"number of random rotations{''.join(others)}",
        )
    return estimators.make_estimator(arguments.method, **options)


def with_redshifts(estimator, catalog):
    """Return an estimator that expects the matter in front of the galaxies, if it asks for that."""
    redshift = catalog["redshift"]
    if redshift is None or "z_source" not in estimator.get_params():
        return estimator
    redshift = redshift[np.isfinite(redshift) & (redshift > 0)]
    if len(redshift) == 0:
        return estimator
    return estimator.replace(z_source=round(float(redshift.mean()), 4))


def read_wcs(arguments):
    """Return the WCS of the image that the arguments name, None without one."""
    if arguments.wcs is None:
        return None
    if arguments.pixel_scale is not None:
        raise OptionError(
            "pixel_scale", "--wcs has its own pixels: --pixel-scale cannot be given with it"
        )
    return read_image_wcs(arguments.wcs)


def map_pixels(wcs, estimator, catalog, arguments):
    """Return the WCS of the map; None where the estimator chooses the pixels by itself."""
    if wcs is not None or (arguments.pixel_scale is None and "network" in estimator.get_params()):
        return wcs
    from lensmap.grid import make_wcs

    wcs = make_wcs(catalog, *([] if arguments.pixel_scale is None else [arguments.pixel_scale]))
    if arguments.pixel_scale is not None and max(wcs.array_shape) < 2:
        raise OptionError(
            "pixel_scale",
            f"--pixel-scale {arguments.pixel_scale}: one pixel would be larger than the field",
        )
    return wcs


def read_mask(arguments):
    """Return what the masks and footprints of the arguments exclude, None without any."""
    from lensmap.masks import SkyMask

    parts = [SkyMask(path) for path in arguments.mask]
    parts += [SkyMask(path, exclude="outside") for path in arguments.footprint]
    return SkyMask(parts) if parts else None
