# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Conversion of arrays, images, regions, tables and files to mask sources."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import NDData
from astropy.table import Table
from astropy.wcs import WCS

from lensmap.masks._sources import (
    ArraySource,
    HoleSource,
    ImageSource,
    MaskSource,
    MOCSource,
    RegionSource,
)
from lensmap.utils import ParameterTypeError, import_optional

if TYPE_CHECKING:
    from lensmap.typing import MaskLike

__all__ = ["as_sources"]

_REGION_FORMATS = {".reg": "ds9", ".ds9": "ds9", ".crtf": "crtf"}
_TABLE_FORMATS = {".ecsv": "ascii.ecsv", ".csv": "ascii.csv"}


def as_sources(source: MaskLike, mask_class: type) -> list[Any]:
    """Convert a mask to a list of mask sources.

    Parameters
    ----------
    source : mask-like
        Anything that `SkyMask` accepts.
    mask_class : type
        `SkyMask`, whose instances are kept as they are.

    Returns
    -------
    list of MaskSource or SkyMask
        The mask sources. A position inside any of them is inside the mask.

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
        return [_from_file(Path(source))]
    single = _from_object(source)
    if single is not None:
        return [single]
    if isinstance(source, (list, tuple)) and len(source) > 0:
        # All regions go into one source, because excluded regions are cut out of all the others.
        regions = [part for part in source if _package(part) == "regions"]
        rest = [part for part in source if _package(part) != "regions"]
        sources = [_from_regions(regions)] if regions else []
        return sources + [item for part in rest for item in as_sources(part, mask_class)]
    raise ParameterTypeError(
        "mask",
        "a boolean array, regions, an image with its WCS, a MOC, a table of star holes (ra, dec, "
        "radius), a file with one of these, or a SkyMask",
        f"{type(source)!r}",
    )


def _from_object(source: Any) -> MaskSource | None:
    """Return the mask source for a single object, or None if its kind is not supported."""
    if isinstance(source, np.ndarray):
        return ArraySource(source)
    if isinstance(source, Table):
        return _from_table(source)
    if isinstance(source, NDData):
        array = np.asarray(source.data)
        if array.dtype.kind == "f" and getattr(source.mask, "dtype", None) == bool:
            array = source.mask  # for a ConvergenceMap or CCDData, whose data are not a mask
        return _from_image(array, source.wcs)
    if isinstance(source, (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU)):
        return _from_hdu(source)
    if isinstance(source, tuple) and len(source) == 2 and isinstance(source[1], WCS):
        return _from_image(*source)
    if _package(source) == "mocpy":
        return MOCSource(source)
    if _package(source) == "regions":
        return _from_regions([source])
    return None


def _package(source: Any) -> str:
    """Return the name of the package that defines an object's class.

    A comparison of names does not import the optional packages mocpy and regions.
    """
    return type(source).__module__.partition(".")[0]


def _from_regions(regions: Iterable[Any]) -> RegionSource:
    """Return one mask source for a list of regions and collections of regions."""
    return RegionSource([
        region
        for item in regions
        for region in (item.regions if hasattr(item, "regions") else [item])
    ])


def _from_table(table: Table) -> HoleSource:
    names = {name.lower(): name for name in table.colnames}
    missing = [name for name in ("ra", "dec", "radius") if name not in names]
    if missing:
        raise ValueError(
            f"a mask table of star holes needs the columns ra, dec and radius; {missing} not found "
            f"among {table.colnames}"
        )
    return HoleSource(*(_degrees(table[names[name]], name) for name in ("ra", "dec", "radius")))


def _degrees(column: Any, name: str) -> np.ndarray:
    """Return a column in degrees, with NaN in masked rows."""
    unit = getattr(column, "unit", None) or u.deg
    try:
        values = np.array(getattr(column, "value", column), dtype=float)
        values = u.Quantity(values, unit).to_value(u.deg)
    except (TypeError, ValueError):
        raise ValueError(
            f"the column {name!r} of the star holes must hold angles, but has the unit "
            f"{str(unit)!r} and the type {column.dtype}"
        ) from None
    values[np.broadcast_to(getattr(column, "mask", False), values.shape)] = np.nan
    return values


def _from_hdu(hdu: Any) -> ImageSource:
    if hdu.data is None:
        raise ValueError("there is no mask image in the HDU")
    return _from_image(hdu.data, WCS(hdu.header))


def _from_image(array: np.ndarray, wcs: WCS | None) -> ImageSource:
    if np.ndim(array) != 2:
        raise ValueError(f"a mask image must be two-dimensional, not {np.shape(array)}")
    if wcs is None or not getattr(wcs, "has_celestial", False):
        raise ValueError(
            "a mask image needs a celestial WCS; give a boolean array for a mask on the pixels of "
            "the map"
        )
    # wcs.celestial would put longitude first on an image that has latitude first.
    return ImageSource(np.asarray(array), wcs if wcs.naxis == 2 else wcs.celestial)


def _from_file(path: Path) -> MaskSource:
    if not path.exists():
        raise FileNotFoundError(f"the mask file {str(path)!r} does not exist")
    suffixes = [s.lower() for s in path.suffixes if s.lower() not in (".gz", ".fz", ".bz2")]
    suffix = suffixes[-1] if suffixes else ""
    try:
        if suffix in _REGION_FORMATS:
            return _read_regions(path, _REGION_FORMATS[suffix])
        if suffix in _TABLE_FORMATS:
            return _from_table(Table.read(path, format=_TABLE_FORMATS[suffix]))
        return _read_fits(path)
    except ImportError:
        raise
    except OSError as error:
        raise ValueError(
            f"cannot read the mask file {str(path)!r}: it is not a FITS file, and has none of the "
            f"other suffixes {', '.join([*_REGION_FORMATS, *_TABLE_FORMATS])}"
        ) from error
    # The parsers of broken files raise errors of any class.
    except Exception as error:  # noqa: BLE001
        raise ValueError(f"cannot read the mask file {str(path)!r}: {error}") from error


def _read_regions(path: Path, file_format: str) -> RegionSource:
    from regions import Regions

    regions = list(Regions.read(path, format=file_format))
    if not regions:
        raise ValueError("there is no region in it")
    return RegionSource(regions)


def _read_fits(path: Path) -> MaskSource:
    # A memory map would keep the file open.
    with fits.open(path, memmap=False) as hdus:
        # In lensmap's own maps the extension MASK follows the map.
        for hdu in sorted(hdus, key=lambda hdu: hdu.name.upper() != "MASK"):
            if isinstance(hdu, fits.BinTableHDU) and not isinstance(hdu, fits.CompImageHDU):
                source = _from_table_hdu(hdu, path)
                if source is not None:
                    return source
            elif hdu.is_image and hdu.data is not None and hdu.data.ndim == 2:
                return _from_hdu(hdu)
    raise ValueError("it holds neither an image, nor regions, a MOC or a table of star holes")


def _from_table_hdu(hdu: Any, path: Path) -> MaskSource | None:
    """Return the mask source for a table HDU, or None if it is not a MOC, star holes or regions."""
    if hdu.header.get("ORDERING") in ("NUNIQ", "RANGE"):
        mocpy = import_optional("mocpy", purpose="a MOC mask", install="mocpy")
        return MOCSource(mocpy.MOC.from_fits(str(path)))
    names = {name.lower() for name in hdu.columns.names}
    if {"ra", "dec", "radius"} <= names:
        return _from_table(Table.read(hdu))
    if {"shape", "x", "y"} <= names:
        return _read_regions(path, "fits")
    return None
