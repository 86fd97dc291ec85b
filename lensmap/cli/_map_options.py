# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The options of a map: estimator, pixels and masks."""

import numpy as np

from lensmap.cli._estimator_options import add_method_argument, has_parameter
from lensmap.cli._file_types import InputPart
from lensmap.cli._image_blocks import check_blocks, check_map_size, image_blocks
from lensmap.cli._inputs import read_image_wcs
from lensmap.cli._mask_options import add_footprint_arguments, add_mask_arguments
from lensmap.cli._messages import CombinationError
from lensmap.cli._options import angle_or_image

__all__ = ["add_map_arguments", "map_pixels", "read_wcs", "with_redshifts"]


def add_map_arguments(parser):
    """Add the options for the estimator, the pixels and the masks."""
    group = parser.add_argument_group("map options")
    add_method_argument(group)
    group.add_argument(
        "--pixel-scale",
        type=angle_or_image,
        metavar="ANGLE|image",
        help="the side of the pixels of the map, which covers the catalog in tangent projection "
             "(default 0.4arcmin, or chosen by the method); with --wcs, the pixels of the map are "
             "blocks of k x k pixels of the image of about this side, and image keeps the pixels "
             "of the image",
    )
    group.add_argument(
        "--wcs",
        type=InputPart,
        metavar="FITS",
        help="make the map on the pixels of this FITS image (FITS:HDU selects an HDU); where they "
             "hold fewer than 0.5 galaxies on average, on blocks of them that hold about 1.5, "
             "unless --pixel-scale is given",
    )
    add_mask_arguments(group)
    add_footprint_arguments(group)


def with_redshifts(estimator, catalog):
    """Set ``z_source`` of an estimator to the mean redshift of the galaxies.

    The estimator is returned unchanged if it lacks this parameter or the galaxies lack redshifts.
    """
    redshift = catalog["redshift"]
    if not has_parameter(estimator, "z_source"):
        return estimator
    if catalog.pz is not None:
        return estimator.replace(z_source=round(catalog.source_redshifts().mean, 4))
    if redshift is None:
        return estimator
    redshift = redshift[np.isfinite(redshift) & (redshift > 0)]
    if len(redshift) == 0:
        return estimator
    return estimator.replace(z_source=round(float(redshift.mean()), 4))


def read_wcs(arguments):
    """Read the WCS of the image that ``--wcs`` names; return None without this option."""
    if arguments.wcs is None:
        if arguments.pixel_scale == "image":
            raise CombinationError("pixel_scale", "--pixel-scale image needs --wcs")
        return None
    wcs = read_image_wcs(arguments.wcs)
    check_blocks(wcs, arguments.pixel_scale)
    return wcs


def map_pixels(arguments, wcs, estimator, catalog):
    """Choose the pixels of the map.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments, with those that `add_map_arguments` adds.
    wcs : `~astropy.wcs.WCS` or None
        The WCS of ``--wcs``.
    estimator : object
        The estimator.
    catalog : lensmap.ShearCatalog
        The galaxies.

    Returns
    -------
    wcs : `~astropy.wcs.WCS` or None
        The WCS of the map; None if the estimator chooses the pixels.
    binning : dict or None
        The facts about the binning of the image's pixels, see `image_blocks`. None if the pixels
        of the map are not blocks of those of an image.

    Raises
    ------
    OptionError
        If a pixel would be larger than the field.
    """
    from lensmap.estimators import Estimator
    from lensmap.grid import make_wcs

    pixel_scale = arguments.pixel_scale
    if wcs is not None:
        return image_blocks(wcs, pixel_scale, catalog, arguments.wcs)
    if pixel_scale is None:
        return None if isinstance(estimator, Estimator) else make_wcs(catalog), None
    wcs = make_wcs(catalog, pixel_scale)
    check_map_size(wcs, pixel_scale, "the area that the galaxies cover")
    return wcs, None
