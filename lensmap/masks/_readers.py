# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Conversion of arrays, images, regions, tables and files to mask sources.

A mask source is an object that tests whether positions lie inside a mask.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits
from astropy.nddata import NDData
from astropy.table import Table

from lensmap.masks._files import as_path_and_part, read_file, read_hdus, read_table_hdu
from lensmap.masks._healpix import HealSparseSource, from_healpix_array
from lensmap.masks._images import from_array, from_hdu, from_nddata, is_wcs
from lensmap.masks._sources import ArraySource, MaskSource, MOCSource, RegionSource
from lensmap.masks._tables import from_table
from lensmap.masks._values import Values
from lensmap.utils import ParameterTypeError, check_celestial_wcs

if TYPE_CHECKING:
    from lensmap.typing import MaskLike

__all__ = ["as_sources"]


def as_sources(source: MaskLike, mask_class: type, values: Values) -> list[Any]:
    """Convert anything that can be a mask to mask sources.

    Parameters
    ----------
    source : mask-like
        Anything that `SkyMask` accepts.
    mask_class : type
        `SkyMask`, whose instances are kept as they are.
    values : Values
        The rule that says which pixel values of an image are inside the mask.

    Returns
    -------
    list of MaskSource or SkyMask
        The mask sources, objects that test whether positions lie inside the mask. A position inside
        any of the sources is inside the mask.

    Raises
    ------
    TypeError
        If ``source`` is not a mask.
    ValueError
        If a file cannot be read as a mask.
    FileNotFoundError
        If a file does not exist.
    """
    if isinstance(source, mask_class):
        return [source]
    if isinstance(source, (str, Path)):
        return read_file(source, values)
    if isinstance(source, fits.HDUList):
        return read_hdus(source, values)
    single = _from_object(source, values)
    if single is not None:
        return [single]
    if isinstance(source, tuple) and len(source) == 2 and is_wcs(source[1]):
        return _on_image(source[0], source[1], values)
    if isinstance(source, (list, tuple)) and len(source) > 0:
        # All regions go into one source, because excluded regions are cut out of all the others.
        regions = [part for part in source if _package(part) == "regions"]
        rest = [part for part in source if _package(part) != "regions"]
        sources = [RegionSource(_flat(regions))] if regions else []
        return sources + [item for part in rest for item in as_sources(part, mask_class, values)]
    raise ParameterTypeError(
        "mask",
        "a boolean array, regions, an image with its WCS, a HEALPix or HealSparse map, a MOC, a "
        "table of star holes (ra, dec, radius), a file with one of these, or a SkyMask",
        f"{type(source)!r}",
    )


def _from_object(source: Any, values: Values) -> MaskSource | None:
    """Convert an array, image, table, map or region to a mask source.

    The mask source is an object that tests whether positions lie inside the mask. The result is
    None if ``source`` is of another kind. ``values`` is the rule that says which pixel values are
    inside the mask.
    """
    if isinstance(source, np.ndarray):
        return ArraySource(source)
    if isinstance(source, Table):
        return from_table(source)
    if isinstance(source, NDData):
        return from_nddata(source, values)
    if isinstance(source, (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU)):
        return from_hdu(source, values)
    if isinstance(source, fits.BinTableHDU):
        return read_table_hdu(source, values)
    if isinstance(source, tuple) and len(source) == 2 and _package(source[1]) == "astropy_healpix":
        return from_healpix_array(*source, values)
    if _package(source) == "healsparse":
        return HealSparseSource(source, values)
    if _package(source) == "mocpy":
        return MOCSource(source)
    if _package(source) == "regions":
        return RegionSource(_flat([source]))
    return None


def _on_image(source: Any, wcs: Any, values: Values) -> list[MaskSource]:
    """Convert an array, or regions in pixel coordinates, to mask sources.

    Mask sources are objects that test whether positions lie inside the mask. ``wcs`` is the WCS of
    the array, or of the image on which the regions were drawn. ``values`` is the rule that says
    which pixel values are inside the mask.
    """
    if isinstance(source, (str, Path)):
        path, part = as_path_and_part(source)
        if part is not None:
            raise ParameterTypeError("mask", "(regions, wcs), with a region file", repr(source))
        return read_file(path, values, _checked(wcs))
    is_list = isinstance(source, (list, tuple)) and len(source) > 0
    if _package(source) == "regions" or (is_list and _package(source[0]) == "regions"):
        regions = _flat(source if is_list else [source])
        return [RegionSource(regions, _checked(wcs))]
    return [from_array(source, wcs, values)]


def _checked(wcs: Any) -> Any:
    return check_celestial_wcs(wcs, "the WCS of mask", need_shape=False)


def _package(source: Any) -> str:
    """Return the name of the package that defines an object's class.

    A comparison of names does not import the optional packages mocpy and regions.
    """
    return type(source).__module__.partition(".")[0]


def _flat(regions: Iterable[Any]) -> list[Any]:
    """Return a flat list of the regions in a list of single regions and collections of regions."""
    return [
        region
        for item in regions
        for region in (item.regions if hasattr(item, "regions") else [item])
    ]
