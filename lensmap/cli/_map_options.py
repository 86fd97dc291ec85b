# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The options of a map: estimator, pixels and masks."""

import numpy as np

from lensmap.cli._estimator_options import add_method_argument, has_parameter
from lensmap.cli._files import InputFile
from lensmap.cli._inputs import read_image_wcs
from lensmap.cli._mask_options import add_footprint_arguments, add_mask_arguments
from lensmap.cli._messages import OptionError
from lensmap.cli._options import angle

__all__ = ["add_map_arguments", "map_pixels", "read_wcs", "with_redshifts"]


def add_map_arguments(parser):
    """Add the options for the estimator, the pixels and the masks."""
    group = parser.add_argument_group("map options")
    add_method_argument(group)
    group.add_argument(
        "--pixel-scale",
        type=angle,
        metavar="ANGLE",
        help="the side of the pixels of the map, which covers the catalog in tangent projection "
             "(default 0.4arcmin, or chosen by the method)",
    )
    group.add_argument(
        "--wcs",
        type=InputFile,
        metavar="FITS",
        help="make the map on the pixels of this FITS image (its first celestial HDU)",
    )
    add_mask_arguments(group)
    add_footprint_arguments(group)


def with_redshifts(estimator, catalog):
    """Set ``z_source`` of an estimator to the mean redshift of the galaxies.

    The estimator is returned unchanged if it lacks this parameter or the galaxies lack redshifts.
    """
    redshift = catalog["redshift"]
    if redshift is None or not has_parameter(estimator, "z_source"):
        return estimator
    redshift = redshift[np.isfinite(redshift) & (redshift > 0)]
    if len(redshift) == 0:
        return estimator
    return estimator.replace(z_source=round(float(redshift.mean()), 4))


def read_wcs(arguments):
    """Read the WCS of the image that ``--wcs`` names; return None without this option."""
    if arguments.wcs is None:
        return None
    if arguments.pixel_scale is not None:
        raise OptionError(
            "pixel_scale",
            f"--pixel-scale cannot be given, because --wcs {arguments.wcs} defines the pixels",
        )
    return read_image_wcs(arguments.wcs)


def map_pixels(wcs, pixel_scale, estimator, catalog):
    """Return the WCS of the map; None if the estimator chooses the pixels.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS` or None
        The WCS of ``--wcs``.
    pixel_scale : `~astropy.units.Quantity` or None
        The pixel scale of ``--pixel-scale``.
    estimator : object
        The estimator.
    catalog : lensmap.ShearCatalog
        The galaxies.

    Returns
    -------
    `~astropy.wcs.WCS` or None
        The WCS of the map.

    Raises
    ------
    OptionError
        If a pixel would be larger than the field.
    """
    from lensmap.estimators import Estimator
    from lensmap.grid import make_wcs

    if wcs is not None:
        return wcs
    if pixel_scale is None:
        return None if isinstance(estimator, Estimator) else make_wcs(catalog)
    wcs = make_wcs(catalog, pixel_scale)
    if max(wcs.array_shape) < 2:
        raise OptionError(
            "pixel_scale",
            "--pixel-scale must be smaller than the side of the area that the galaxies cover, not "
            f"{pixel_scale}",
        )
    return wcs
