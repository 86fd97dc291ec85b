# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Mask images: arrays with a WCS, `~astropy.nddata.NDData` and image HDUs."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.nddata import NDData
from astropy.wcs import WCS
from astropy.wcs.wcsapi import BaseHighLevelWCS, BaseLowLevelWCS

from lensmap.masks._sources import ImageSource
from lensmap.masks._values import Values
from lensmap.utils import (
    ParameterError,
    celestial_plane,
    check_celestial_wcs,
    header_wcs,
    pixel_to_sky,
    unit_vectors,
)

__all__ = [
    "choose_images",
    "from_array",
    "from_hdu",
    "from_image_hdus",
    "from_nddata",
    "image_hdus",
    "image_plane",
    "is_wcs",
    "load_image",
]

# The names of mask images in LSST and lensmap, DES, HST and JWST, and Euclid.
_MASK_NAMES = ("MASK", "MSK", "DQ", "FLAGS", "FLAG")

_CELESTIAL_AXIS = re.compile(r"^(RA|DEC|[A-Z]{1,2}(LON|LAT|LN|LT))(-|$)")


def is_wcs(value: Any) -> bool:
    """Return whether an object is a WCS: a FITS WCS, or one of Astropy's common WCS interface."""
    return isinstance(value, (BaseLowLevelWCS, BaseHighLevelWCS))


def from_array(
    array: Any,
    wcs: Any,
    values: Values,
    header: Any = None,
    label: str = "the mask image",
) -> ImageSource:
    """Convert an image with a WCS to a mask source.

    Parameters
    ----------
    array : array_like
        The image. It may have further axes of length 1. Masked pixels have no value.
    wcs : `~astropy.wcs.WCS` or other WCS
        The WCS of the image.
    values : Values
        The rule that says which pixel values are inside the mask.
    header : mapping or None
        The header of the image, whose ``MP_`` cards name the bits of its flags.
    label : str
        The name of the image for messages.

    Returns
    -------
    ImageSource
        The mask source, an object that tests whether positions lie inside the mask.

    Raises
    ------
    TypeError, ValueError
        If the image, its WCS or its values cannot be a mask.
    """
    array = np.ma.asarray(array) if isinstance(array, np.ma.MaskedArray) else np.asarray(array)
    if array.ndim < 2:
        raise ValueError(f"a mask image must be two-dimensional, not of the shape {array.shape}")
    if wcs is None or (isinstance(wcs, WCS) and not wcs.has_celestial):
        raise ValueError(
            f"{label} needs a celestial WCS; give a boolean array for a mask on the pixels of the "
            "map"
        )
    known = wcs.array_shape if hasattr(wcs, "array_shape") else None
    if isinstance(wcs, WCS):
        if known is not None and len(known) == array.ndim and tuple(known) != array.shape:
            _raise_shape(label, array.shape, known)
        wcs, index = celestial_plane(wcs, array.shape, "mask")
        array = array[index]
    elif array.ndim != 2:
        raise ValueError(f"a mask image must be two-dimensional, not of the shape {array.shape}")
    wcs = check_celestial_wcs(wcs, "the WCS of mask", need_shape=False)
    if wcs.array_shape is None:
        wcs = wcs.deepcopy()
        wcs.array_shape = array.shape
    elif tuple(wcs.array_shape) != array.shape:
        _raise_shape(label, array.shape, wcs.array_shape)
    inside, undefined = values.select(array, header, label)
    return ImageSource(inside, undefined, check_celestial_wcs(wcs, "the WCS of mask"))


def _raise_shape(label: str, found: Any, wanted: Any) -> None:
    raise ParameterError(
        "mask",
        f"an image of the shape of its WCS, {tuple(wanted)} (ny, nx)",
        f"{label} of the shape {tuple(found)}",
        "transpose the array, or give the WCS of its own pixels",
    )


def from_nddata(source: NDData, values: Values) -> ImageSource:
    """Convert an NDData to a mask source.

    The mask source is an object that tests whether positions lie inside the mask. The mask source
    is made from the mask of the NDData, or from its data if the data are boolean or the NDData has
    no mask. ``values`` is the rule that says which pixel values are inside the mask.
    """
    array = np.asarray(source.data)
    mask = source.mask
    if mask is None or mask is np.ma.nomask:
        return from_array(array, source.wcs, values, source.meta, "the data of the NDData")
    if np.ndim(mask) == 0:
        mask = np.full(array.shape, bool(mask))
    if array.dtype == bool:  # an image of a mask, whose own mask marks pixels without a value
        array = np.ma.MaskedArray(array, mask)
        return from_array(array, source.wcs, values, source.meta, "the data of the NDData")
    return from_array(mask, source.wcs, values, source.meta, "the mask of the NDData")


def image_hdus(hdus: Any) -> list[int]:
    """Return the indices of the HDUs that hold an image of at least two dimensions."""
    return [
        i for i, hdu in enumerate(hdus)
        if hdu.is_image and len(hdu.shape) >= 2 and min(hdu.shape) > 0
    ]


def from_image_hdus(
    hdus: Any, numbers: list[int], values: Values, name: str, part: str | None, *, chosen: bool
) -> list[ImageSource]:
    """Convert the image HDUs of a FITS file to mask sources.

    Parameters
    ----------
    hdus : `~astropy.io.fits.HDUList`
        The file.
    numbers : list of int
        The indices of the image HDUs of the file, or of the HDUs that the user chose.
    values : Values
        The rule that says which pixel values are inside the mask.
    name : str
        The name of the file for messages.
    part : str or None
        The number of the plane in a cube.
    chosen : bool
        Whether the user chose the HDUs.

    Returns
    -------
    list of ImageSource
        A mask source for each image, an object that tests whether positions lie inside the mask.
        A position inside any of the sources is inside the mask.

    Raises
    ------
    TypeError, ValueError
        If an image cannot be a mask, or if it is not clear which images are the mask.
    """
    candidates = choose_images(hdus, numbers, name, chosen=chosen)
    named = [] if chosen else _named_masks(hdus, numbers)
    sources = []
    for i in candidates:
        label = _label(hdus, i)
        if chosen or named or len(candidates) == 1:
            label += f" of {name}"
        sources.append(load_image(hdus, i, values, name, part, label))
    if len(sources) > 1 and not named and not chosen and _any_same_place(sources):
        raise ValueError(_which(hdus, candidates, name))
    return sources


def choose_images(hdus: Any, numbers: list[int], name: str, *, chosen: bool) -> list[int]:
    """Return the indices of the image HDUs of a file that are masks, by their headers.

    Parameters
    ----------
    hdus, numbers, name, chosen
        As for `from_image_hdus`.

    Returns
    -------
    list of int
        The indices.

    Raises
    ------
    ValueError
        If it is not clear which images are the mask.
    """
    named = [] if chosen else _named_masks(hdus, numbers)
    celestial = [i for i in numbers if _has_celestial_axes(hdus[i].header)]
    if named:
        candidates = named
    elif chosen or len(numbers) == 1:
        candidates = numbers
    else:
        candidates = celestial or numbers[:1]
    if not chosen and len({hdus[i].name.upper() for i in named}) > 1:
        raise ValueError(_which(hdus, candidates, name))
    if len(candidates) > 1 and not named and not chosen:
        if not all(hdus[i].header["BITPIX"] in (8, 16, 32, 64) for i in candidates):
            raise ValueError(_which(hdus, candidates, name))
    return candidates


def load_image(
    hdus: Any, i: int, values: Values, name: str, part: str | None, label: str | None = None
) -> ImageSource:
    """Convert one image HDU of a file to a mask source.

    Parameters
    ----------
    hdus : `~astropy.io.fits.HDUList`
        The file.
    i : int
        The index of the HDU.
    values : Values
        The rule that says which pixel values are inside the mask.
    name : str
        The name of the file for messages.
    part : str or None
        The number of the plane in a cube.
    label : str or None
        The name of the image for messages; None makes one.

    Returns
    -------
    ImageSource
        The mask source, an object that tests whether positions lie inside the mask.
    """
    label = f"{_label(hdus, i)} of {name}" if label is None else label
    header = _header_with_wcs(hdus, i)
    return _from_parts(hdus[i], header, hdus, values, label, name, i, part)


def image_plane(hdus: Any, i: int, name: str, part: str | None) -> tuple[WCS, tuple[int, int]]:
    """Return the celestial WCS of an image HDU and the shape of the image, from its header.

    Parameters
    ----------
    hdus, i, name, part
        As for `load_image`.

    Returns
    -------
    wcs : `~astropy.wcs.WCS`
        The WCS, with its ``array_shape``.
    shape : tuple of int
        The shape, ``(ny, nx)``.

    Raises
    ------
    ValueError
        If the image has no celestial WCS, or is a cube of which no plane is chosen.
    """
    wcs, shape = header_wcs(_header_with_wcs(hdus, i), hdus), tuple(hdus[i].shape)
    if not wcs.has_celestial:
        raise ValueError(f"{_label(hdus, i)} of {name} needs a celestial WCS")
    if len(shape) > 2 and part is not None:
        sky = {len(shape) - 1 - wcs.wcs.lng, len(shape) - 1 - wcs.wcs.lat}
        shape = tuple(n if k in sky else 1 for k, n in enumerate(shape))
    plane, _ = celestial_plane(wcs, shape, "mask")
    ny, nx = (n for n in shape if n > 1) if len(shape) > 2 else shape
    return plane, (ny, nx)


def _header_with_wcs(hdus: Any, i: int) -> Any:
    """Return the header of an image, or of another image of its shape if it has no WCS."""
    header = hdus[i].header
    if _has_celestial_axes(header):
        return header
    # CCDData writes the WCS to the primary HDU only.
    return next(
        (hdus[j].header for j in image_hdus(hdus)
         if hdus[j].shape == hdus[i].shape and _has_celestial_axes(hdus[j].header)), header,
    )


def from_hdu(hdu: Any, values: Values) -> ImageSource:
    """Convert an image HDU to a mask source.

    The mask source is an object that tests whether positions lie inside the mask. If the WCS has
    distortion tables, they are read from the file of the HDU. ``values`` is the rule that says
    which pixel values are inside the mask.
    """
    if hdu.data is None:
        raise ValueError("there is no mask image in the HDU")
    label = f"the HDU {hdu.name!r}" if hdu.name else "the HDU"
    try:
        wcs = header_wcs(hdu.header)
    except ValueError as error:
        # Only the file has the tables: the HDU does not know its HDUList.
        file = (hdu.fileinfo() or {}).get("file")
        if file is None or not file.name:
            raise ValueError(
                f"the WCS of {label} needs the tables of its file ({error}): give the whole "
                "HDUList, or the path of the file"
            ) from error
        with fits.open(file.name, memmap=False) as hdus:
            wcs = header_wcs(hdu.header, hdus)
    return from_array(hdu.data, wcs, values, hdu.header, label)


def _from_parts(
    hdu: Any, header: Any, hdus: Any, values: Values, label: str, name: str, i: int,
    part: str | None,
) -> ImageSource:
    data, wcs = hdu.data, header_wcs(header, hdus)
    if wcs.has_celestial and data.ndim > 2:
        sky = {data.ndim - 1 - wcs.wcs.lng, data.ndim - 1 - wcs.wcs.lat}
        stacked = [k for k in range(data.ndim) if k not in sky and data.shape[k] > 1]
        if stacked and part is None:
            n = int(np.prod([data.shape[k] for k in stacked]))
            raise ValueError(
                f"{label} holds {n} planes (shape {data.shape}), but a mask is one plane: give "
                f"its number, counted from 0, as in '{name}[{i}][0]'"
            )
        if len(stacked) == 1:
            plane = _plane_number(part, data.shape[stacked[0]], label)
            data = np.take(data, [plane], axis=stacked[0])
        wcs, index = celestial_plane(wcs, data.shape, "mask")
        data = data[index]
    elif part is not None:
        raise ValueError(f"{label} is one image, without a part [{part}]")
    return from_array(data, wcs, values, hdu.header, label)


def _plane_number(part: str | None, n: int, label: str) -> int:
    if part is None or not part.isdigit() or int(part) >= n:
        raise ValueError(f"the plane of {label} must be a number from 0 to {n - 1}, not {part!r}")
    return int(part)


def _label(hdus: Any, i: int) -> str:
    return f"HDU {i}" + (f" ({hdus[i].name})" if hdus[i].name else "")


def _named_masks(hdus: Any, numbers: list[int]) -> list[int]:
    return [i for i in numbers if hdus[i].name.upper() in _MASK_NAMES]


def _has_celestial_axes(header: Any) -> bool:
    n = max(int(header.get("NAXIS", 0)), int(header.get("WCSAXES", 0)))
    axes = [str(header.get(f"CTYPE{i + 1}", "")) for i in range(n)]
    return sum(_CELESTIAL_AXIS.match(axis) is not None for axis in axes) == 2


def _which(hdus: Any, candidates: list[int], name: str) -> str:
    listed = ", ".join(_label(hdus, i) for i in candidates[:12])
    more = f" and {len(candidates) - 12} more" if len(candidates) > 12 else ""
    example = hdus[candidates[-1]].name or candidates[-1]
    return (
        f"it holds several images, of which any may be the mask: {listed}{more}; name one, as in "
        f"'{name}:{example}' or '{name}[{candidates[-1]}]'"
    )


def _any_same_place(sources: list[ImageSource]) -> bool:
    """Return whether any two of the images have the same center on the sky.

    If so, the images are not parts of a mosaic.
    """
    places = []
    for source in sources:
        ny, nx = source.array.shape
        lon, lat = pixel_to_sky(source.wcs, np.array([(nx - 1) / 2, nx / 2]),
                                np.array([(ny - 1) / 2] * 2))
        places.append(unit_vectors(lon, lat))
    middle = np.stack([place[0] for place in places])
    half_pixel = np.array([np.linalg.norm(place[1] - place[0]) for place in places])
    distance = np.linalg.norm(middle[:, np.newaxis] - middle, axis=-1)
    same = distance < np.minimum.outer(half_pixel, half_pixel)
    return bool(np.triu(same, k=1).any())
