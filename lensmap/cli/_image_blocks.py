# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The pixels of a map on an image of ``--wcs``: those of the image, or blocks of them."""

import math
from pathlib import Path

from lensmap.cli._messages import OptionError, say

__all__ = ["check_blocks", "check_map_size", "image_blocks"]

# With fewer galaxies per pixel, a map at full resolution costs much and shows no more.
_MIN_GALAXIES_PER_PIXEL = 0.5

# The number of galaxies per pixel at which the default aims.
_GALAXIES_PER_PIXEL = 1.5


def check_blocks(wcs, pixel_scale):
    """Check the pixel scale of a map on an image before the catalog is read.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        The WCS of the image.
    pixel_scale : `~astropy.units.Quantity`, str or None
        The wanted pixel scale, as for `image_blocks`.

    Raises
    ------
    ValueError
        If the blocks would be smaller than a pixel or as large as the image.
    MemoryError
        If the map would not fit into memory.
    """
    from lensmap.grid import block_factor, block_wcs, check_grid_memory

    if pixel_scale is None:
        return
    blocks = wcs
    if pixel_scale != "image":
        blocks = block_wcs(wcs, block_factor(wcs, pixel_scale))
        check_map_size(blocks, pixel_scale, "the image")
    check_grid_memory(
        blocks.array_shape, "give a larger angle to --pixel-scale, or leave out this option"
    )


def image_blocks(wcs, pixel_scale, catalog, path):
    """Choose the pixels of a map on an image, and tell the user if they are blocks.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        The WCS of the image.
    pixel_scale : `~astropy.units.Quantity`, str or None
        The wanted pixel scale. ``"image"`` keeps the pixels of the image. None keeps them if they
        hold at least 0.5 galaxies on average, and otherwise makes blocks of about 1.5 galaxies.
    catalog : lensmap.ShearCatalog
        The galaxies.
    path : path-like
        The path of the image.

    Returns
    -------
    wcs : `~astropy.wcs.WCS`
        The WCS of the map.
    binning : dict or None
        The facts about the blocks, with the names of the JSON record. None if the pixels of the
        map are those of the image.
    """
    from lensmap.grid import block_factor, block_wcs, galaxies_per_pixel
    from lensmap.utils import pixel_size

    if isinstance(pixel_scale, str):
        return wcs, None
    density = galaxies_per_pixel(catalog, wcs)
    factor = 1
    if pixel_scale is not None:
        factor = block_factor(wcs, pixel_scale)
    elif 0 < density < _MIN_GALAXIES_PER_PIXEL:
        factor = _factor_for(density, wcs.array_shape)
    if factor == 1:
        return wcs, None
    blocks = block_wcs(wcs, factor)
    image_scale, scale = (
        pixel_size(one, one.array_shape).to_value("arcmin") for one in (wcs, blocks)
    )
    binning = {
        "factor": factor,
        "chosen_by": "density" if pixel_scale is None else "pixel-scale",
        "image_shape": list(wcs.array_shape),
        "image_pixel_scale_arcmin": image_scale,
        "galaxies_per_image_pixel": density,
    }
    if density > 0:  # otherwise, the map fails with an error that says so
        say(_describe(binning, scale, Path(path).name))
    return blocks, binning


def check_map_size(wcs, pixel_scale, area):
    """Raise an OptionError if a map has a single pixel.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        The WCS of the map.
    pixel_scale : `~astropy.units.Quantity`
        The pixel scale of ``--pixel-scale``.
    area : str
        What the map covers, for the message.

    Raises
    ------
    OptionError
        If the map has a single pixel.
    """
    if max(wcs.array_shape) < 2:
        raise OptionError(
            "pixel_scale",
            f"--pixel-scale must be smaller than the side of {area}, not {pixel_scale}",
        )


def _factor_for(density, shape):
    """Return the side of blocks with about 1.5 galaxies, at most half of the longer image side."""
    factor = round(math.sqrt(_GALAXIES_PER_PIXEL / density))
    return max(1, min(factor, -(-max(shape) // 2)))


def _describe(binning, scale, name):
    """Return one line about the blocks."""
    factor, density = binning["factor"], binning["galaxies_per_image_pixel"]
    if binning["chosen_by"] == "density":
        cause, remedy = f", because these hold {density:.2g} galaxies on average", (
            "; --pixel-scale image keeps the pixels of the image"
        )
    else:
        cause = remedy = ""
    return (
        f"the pixels of the map are blocks of {factor} x {factor} pixels of {name}{cause}: "
        f"{scale:.3g} arcmin and {density * factor**2:.2g} galaxies each{remedy}"
    )
