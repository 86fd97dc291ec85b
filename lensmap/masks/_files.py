# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Readers of mask files: FITS files, region files and tables."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from lensmap.masks._healpix import from_healpix_hdu, is_healsparse, read_healsparse
from lensmap.masks._images import from_image_hdus, image_hdus
from lensmap.masks._mosaic import MosaicSource, expand_images, has_wildcard
from lensmap.masks._region_files import read_fits_regions, read_text_regions
from lensmap.masks._sources import MaskSource, MOCSource, RegionSource
from lensmap.masks._tables import from_table
from lensmap.masks._values import Values
from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    celestial_plane,
    check_celestial_wcs,
    find_hdus,
    has_suffix,
    header_wcs,
    import_optional,
    missing_file,
)

__all__ = ["as_path_and_part", "read_file", "read_hdus", "read_table_hdu"]

_REGION_FORMATS = {".reg": "ds9", ".ds9": "ds9", ".crtf": "crtf"}
_TABLE_FORMATS = {".ecsv": "ascii.ecsv", ".csv": "ascii.csv"}

# file.fits[HDU], file.fits[HDU][COLUMN or plane] and file.fits:HDU
_BRACKETS = re.compile(r"^(?P<path>.+?)\[(?P<hdu>[^\[\]]+)\](?:\[(?P<part>[^\[\]]+)\])?$")
_COLON = re.compile(r"^(?P<path>.+):(?P<hdu>[^:/\\]+)(?P<part>)$")


def as_path_and_part(name: str | os.PathLike) -> tuple[Path, tuple[str, str | None] | None]:
    """Split the name of a mask file into the path and the part of the file that is the mask.

    Parameters
    ----------
    name : path-like
        A path, or one with a part: ``file.fits:HDU``, ``file.fits[HDU]``,
        ``file.fits[HDU][COLUMN]``, ``file.fits[HDU][PLANE]`` or ``file.reg[IMAGE.fits]``. If a
        file of exactly this name exists, the whole name is the path.

    Returns
    -------
    path : `pathlib.Path`
        The file, which need not exist.
    part : tuple of str or None
        The HDU (or image) and the column or plane, which is None if it is not given. The tuple is
        None if the name has no part.
    """
    path = Path(name)
    if path.exists():
        return path, None
    for pattern in (_BRACKETS, _COLON):
        match = pattern.match(str(name))
        if match and Path(match["path"]).exists():
            return Path(match["path"]), (match["hdu"].strip(), match["part"] or None)
    return path, None


def read_file(
    name: str | os.PathLike, values: Values, image: WCS | None = None
) -> list[MaskSource]:
    """Read a mask file, and return mask sources.

    Parameters
    ----------
    name : path-like
        The file, with the part that is the mask if the file has several, as for
        `as_path_and_part`.
    values : Values
        The rule that says which pixel values of an image are inside the mask.
    image : `~astropy.wcs.WCS` or None
        The WCS of the image on which pixel regions were drawn. None for the map.

    Returns
    -------
    list of MaskSource
        The mask sources, objects that test whether positions lie inside the mask. A position inside
        any of the sources is inside the mask.

    Raises
    ------
    ValueError
        If the file cannot be read as a mask.
    FileNotFoundError
        If the file does not exist.
    """
    path, part = as_path_and_part(name)
    if path.is_dir() or has_wildcard(name):
        return [MosaicSource(expand_images([name]), values)]
    if not path.exists():
        raise missing_file(name, "mask", "the mask file {!r} does not exist")
    try:
        return _read_existing(path, part, values, image)
    except (ImportError, MemoryError):
        raise
    except OSError as error:
        raise ValueError(
            f"cannot read the mask file {str(path)!r}: it is not a FITS file, and has none of the "
            f"other suffixes {', '.join([*_REGION_FORMATS, *_TABLE_FORMATS])}"
        ) from error
    # The parsers of broken files raise errors of any class.
    except Exception as error:  # noqa: BLE001
        if isinstance(error, ParameterError) and error.parameter in ("bits", "above"):
            raise  # the message names the file and the option to give
        raise ValueError(f"cannot read the mask file {str(path)!r}: {error}") from error


def _read_existing(
    path: Path, part: tuple[str, str | None] | None, values: Values, image: WCS | None
) -> list[MaskSource]:
    for suffix, file_format in _REGION_FORMATS.items():
        if has_suffix(path, (suffix,)):
            if part is not None:
                image = _image_wcs(Path(part[0]))
            return [RegionSource(read_text_regions(path, file_format), image)]
    if image is not None:
        raise ValueError("an image can be given only with a region file, which was drawn on it")
    for suffix, file_format in _TABLE_FORMATS.items():
        if has_suffix(path, (suffix,)):
            return [from_table(Table.read(path, format=file_format))]
    with fits.open(path, memmap=False) as hdus:  # a memory map would keep the file open
        return read_hdus(hdus, values, path, part)


def _image_wcs(path: Path) -> WCS:
    """Return the WCS of the first image with a celestial WCS in a FITS file."""
    with fits.open(path, memmap=False) as hdus:
        for i in image_hdus(hdus):
            wcs = header_wcs(hdus[i].header, hdus)
            if wcs.has_celestial:
                return check_celestial_wcs(celestial_plane(wcs, hdus[i].shape)[0])
    raise ValueError(f"{str(path)!r} holds no image with a celestial WCS")


def read_hdus(
    hdus: fits.HDUList,
    values: Values,
    path: Path | None = None,
    part: tuple[str, str | None] | None = None,
) -> list[MaskSource]:
    """Convert an open FITS file to mask sources.

    Parameters
    ----------
    hdus : `~astropy.io.fits.HDUList`
        The open file.
    values : Values
        The rule that says which pixel values of an image are inside the mask.
    path : `pathlib.Path` or None
        The file. None if it is not known.
    part : tuple of str or None
        The HDU, and the column or plane. If None, the mask is found from the content of the file.

    Returns
    -------
    list of MaskSource
        The mask sources, objects that test whether positions lie inside the mask. A position inside
        any of the sources is inside the mask.

    Raises
    ------
    TypeError, ValueError
        If the file is not a mask, or if it is not clear which part of the file is the mask.
    """
    if path is None and hdus.filename():
        path = Path(hdus.filename())
    name = str(path) if path is not None else "file.fits"
    if is_healsparse(hdus):
        if path is None:
            raise ValueError("a HealSparse mask is read from its file: give the path")
        return [read_healsparse(path, values)]
    chosen = range(len(hdus)) if part is None else _chosen(hdus, part[0])
    inner = None if part is None else part[1]
    tables = [i for i in chosen if _table_kind(hdus[i]) is not None]
    images = [i for i in image_hdus(hdus) if i in chosen]
    if tables and (part is not None or not images or not any(
        hdus[i].name.upper() == "MASK" for i in images
    )):
        if len(tables) > 1 or (images and part is None):
            listed = ", ".join(f"{i} ({hdus[i].name})" if hdus[i].name else str(i)
                               for i in tables + images)
            raise ValueError(
                f"it holds several masks, in the HDUs {listed}: name one, as in "
                f"'{name}[{tables[0]}]'"
            )
        return [read_table_hdu(hdus[tables[0]], values, path, inner)]
    if not images:
        raise ValueError(
            "it holds neither an image, nor regions, a HEALPix map, a MOC or a table of star holes"
        )
    return list(from_image_hdus(hdus, images, values, name, inner, chosen=part is not None))


def _chosen(hdus: fits.HDUList, text: str) -> list[int]:
    """Return the indices of the HDUs that a text selects, see `find_hdus`; at least one."""
    chosen = find_hdus(hdus, text)
    if not chosen:
        names = ", ".join(
            f"{i} ({hdu.name})" if hdu.name else str(i) for i, hdu in enumerate(hdus)
        )
        raise ValueError(f"it has no HDU {text!r}; its HDUs are {names}")
    return chosen


def _table_kind(hdu: Any) -> str | None:
    """Return the kind of mask in a table HDU, or None if the HDU is not a mask.

    The kinds are ``"moc"``, ``"healpix"``, ``"holes"`` (star holes) and ``"regions"``.
    """
    if not isinstance(hdu, fits.BinTableHDU) or isinstance(hdu, fits.CompImageHDU):
        return None
    header = hdu.header
    if str(header.get("ORDERING", "")).strip().upper() in ("NUNIQ", "RANGE"):
        return "moc"
    if str(header.get("PIXTYPE", "")).strip().upper() == "HEALPIX" or {
        "ORDERING", "NSIDE"
    } <= set(header):
        return "healpix"
    names = {name.lower() for name in hdu.columns.names}
    if {"ra", "dec", "radius"} <= names:
        return "holes"
    return "regions" if {"shape", "x", "y"} <= names else None


def read_table_hdu(
    hdu: Any, values: Values, path: Path | None = None, part: str | None = None
) -> MaskSource:
    """Convert a table HDU (MOC, HEALPix map, star holes or regions) to a mask source.

    Parameters
    ----------
    hdu : `~astropy.io.fits.BinTableHDU`
        The table.
    values : Values
        The rule that says which values of a HEALPix map are inside the mask.
    path : `pathlib.Path` or None
        The file. None if it is not known.
    part : str or None
        The name of the column of a HEALPix map. None if there is only one.

    Returns
    -------
    MaskSource
        The mask source, an object that tests whether positions lie inside the mask.

    Raises
    ------
    TypeError, ValueError
        If the table is not a mask.
    """
    kind = _table_kind(hdu)
    name = str(path) if path is not None else "the table"
    if kind == "moc":
        if path is None:
            raise ValueError("a MOC is read from its file, or as a mocpy.MOC")
        if len(hdu.columns) > 1:
            raise ValueError(
                "it is a multi-order map with values, not a MOC: select its cells first, such as "
                "with mocpy.MOC.from_valued_healpix_cells"
            )
        mocpy = import_optional("mocpy", purpose="a MOC mask", install="mocpy")
        return MOCSource(mocpy.MOC.from_fits(str(path)))
    if kind == "healpix":
        return from_healpix_hdu(hdu, values, name, part)
    if kind == "holes":
        return from_table(Table.read(hdu))
    if kind == "regions":
        return RegionSource(read_fits_regions(hdu, name))
    raise ParameterTypeError(
        "mask", "a table of star holes (ra, dec, radius), regions or HEALPix pixels",
        f"one with the columns {', '.join(hdu.columns.names[:12])}",
    )
