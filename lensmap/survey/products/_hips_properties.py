# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The file ``properties`` of a HiPS."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u

from lensmap.survey.products._hips_tiles import TILE_SIZE
from lensmap.sphere import HealpixPixels
from lensmap.utils import ParameterError, creation_date, provenance

__all__ = ["check_properties", "hips_properties"]

_KEY = re.compile(r"[^\s=#][^\s=]*")

# Entries that the user may give in place of these.
_DEFAULTS = {
    # The authority that hipsgen, too, writes if none is given: an identifier of the Virtual
    # Observatory begins with a registered one.
    "creator_did": "ivo://UNK.AUT/P/lensmap/{layer}",
    "hips_status": "private master clonableOnce",
    "hips_release_date": "{date}",
    "hips_pixel_cut": "{cut}",
    "obs_description": "Layer {layer!r} of a map by weak gravitational lensing",
}

# Entries that follow from the map.
_FIXED = (
    "obs_title", "dataproduct_type", "hips_version", "hips_builder", "hips_creation_date",
    "hips_tile_format", "hips_tile_width", "hips_order", "hips_order_min", "hips_frame",
    "hips_pixel_bitpix", "hips_pixel_scale", "hips_data_range", "hips_estsize",
    "moc_sky_fraction", "hips_initial_ra", "hips_initial_dec", "hips_initial_fov",
    "lensmap_provenance",
)

# The largest percentage of pixels that are darker or brighter than the display range.
_CLIPPED_PERCENT = 0.5


def check_properties(title: str, properties: dict[str, str]) -> None:
    """Check the title and the entries that a user gives, before tiles are written."""
    for name, value in (("title", title), *properties.items()):
        parameter = "title" if name == "title" else "properties"
        if not _KEY.fullmatch(name) or name in _FIXED:
            raise ParameterError(
                "properties", "keywords without blanks and '=' that do not follow from the map",
                repr(name), f"leave out {', '.join(_FIXED)}", verb="have",
            )
        if not isinstance(value, str) or not value.strip() or len(value.splitlines()) != 1:
            raise ParameterError(parameter, "one line of text", f"{value!r} for {name!r}"
                                 if parameter == "properties" else repr(value))


def hips_properties(
    folder: Path,
    order: int,
    moc: Any,
    samples: np.ndarray,
    data_range: tuple[float, float],
    layer: str,
    title: str,
    properties: dict[str, str],
) -> str:
    """Return the text of the file ``properties``.

    Parameters
    ----------
    folder : `pathlib.Path`
        The folder, with all tiles.
    order : int
        The largest order of tiles.
    moc : `mocpy.MOC`
        The footprint.
    samples : `numpy.ndarray`
        Values of some pixels, from which the display range follows.
    data_range : tuple of float
        The smallest and the largest value.
    layer, title : str
        The name of the layer, and the title.
    properties : dict of str to str
        Entries of the user.

    Returns
    -------
    str
        The text, one line for each entry.
    """
    record = provenance()
    date = creation_date().strftime("%Y-%m-%dT%H:%MZ")
    center = moc.barycenter()
    radius = moc.largest_distance_from_coo_to_vertices(center).to_value(u.deg)
    low, high = np.percentile(samples, [_CLIPPED_PERCENT, 100 - _CLIPPED_PERCENT])
    if low < 0 < high:  # a quantity of either sign, which is shown with zero in the middle
        low, high = -max(-low, high), max(-low, high)
    size = sum(path.stat().st_size for path in folder.rglob("*.fits"))
    defaults = {
        name: text.format(layer=layer, date=date, cut=f"{low:.6g} {high:.6g}")
        for name, text in _DEFAULTS.items()
    }
    pixels = HealpixPixels(TILE_SIZE << order)
    entries = {
        "creator_did": "", "obs_title": title, **defaults, **properties,
        "dataproduct_type": "image",
        "hips_version": "1.4",
        "hips_builder": f"lensmap {record['lensmap']}",
        "hips_creation_date": date,
        "hips_tile_format": "fits",
        "hips_tile_width": str(TILE_SIZE),
        "hips_order": str(order),
        "hips_order_min": "0",
        "hips_frame": "equatorial",
        "hips_pixel_bitpix": "-32",
        "hips_pixel_scale": f"{pixels.scale.to_value(u.deg):.6g}",
        "hips_data_range": f"{data_range[0]:.6g} {data_range[1]:.6g}",
        "hips_estsize": str(size // 1024),
        "moc_sky_fraction": f"{moc.sky_fraction:.6g}",
        "hips_initial_ra": f"{center.ra.deg:.5f}",
        "hips_initial_dec": f"{center.dec.deg:.5f}",
        "hips_initial_fov": f"{min(180.0, max(0.1, 2 * radius)):.4g}",
        "lensmap_provenance": json.dumps(record),
    }
    return "".join(f"{name:20s} = {value}\n" for name, value in entries.items())
