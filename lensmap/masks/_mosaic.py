# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Masks of many images, such as one for each tract, patch or pointing of a survey."""

from __future__ import annotations

import glob
import os
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits

from lensmap.masks._images import choose_images, image_hdus, image_plane, load_image
from lensmap.masks._positions import Positions, chord
from lensmap.masks._values import Values
from lensmap.utils import (
    FITS_SUFFIXES,
    ParameterError,
    celestial_frame,
    check_celestial_wcs,
    find_hdus,
    has_suffix,
    pixel_to_sky,
    sky_to_pixel,
)

__all__ = ["MosaicSource", "expand_images", "first_of_pattern", "has_wildcard"]

# Points along each side of an image whose greatest distance from its center is its radius.
_POINTS_PER_SIDE = 9

# The circle around an image is larger than its radius by this factor, and by a pixel.
_ROOM = 1.02

# Images with a larger radius, degrees, count as the whole sky.
_MAX_RADIUS = 60.0

# The pixels of images that are kept in memory, bytes; there are eight pixels in a byte.
_CACHE_BYTES = 256e6

_PART = re.compile(r"^(?P<path>.+?)(?:\[(?P<hdu>[^\[\]]+)\](?:\[(?P<part>[^\[\]]+)\])?|"
                   r":(?P<name>[^:/\\*?]+))$")


@dataclass(frozen=True, eq=False)
class _Image:
    """One image of a mosaic: its place in a file, and its footprint.

    Attributes
    ----------
    path : str
        The file.
    hdu : int
        The index of the HDU.
    part : str or None
        The plane of a cube.
    wcs : `~astropy.wcs.WCS`
        The WCS of the image, with its ``array_shape``.
    center : `numpy.ndarray`
        The unit vector to the center, ICRS, ``(3,)``.
    radius : float
        The radius of a circle around the image, radians.
    facts : tuple of int
        The size and the time of the file, which tell whether it has changed.
    """

    path: str
    hdu: int
    part: str | None
    wcs: Any
    center: np.ndarray
    radius: float
    facts: tuple[int, int]


class MosaicSource:
    """A mask given as many images on the sky, of which those near positions are read.

    A position is usable if at least one of the images that cover it says so: where images
    overlap, one of them may end, or may have no data. Positions that no image covers are not
    usable. The footprints are found once, from the headers; the pixels are read when they are
    needed.

    Parameters
    ----------
    images : sequence of tuple
        The files, each with the HDU and the plane that are the mask, as of `expand_images`.
    values : Values
        The rule that says which pixel values are inside the mask.
    """

    def __init__(
        self, images: Sequence[tuple[Path, tuple[str, str | None] | None]], values: Values
    ) -> None:
        self._values = values
        self.images = [one for path, part in images for one in _images_of(path, part)]
        n = len(self.images)
        self.kind = f"a mosaic of {n} image{'s' if n != 1 else ''}"
        self._read(self.images[0])  # so that values that say nothing are an error here
        values.n_used += 1  # also if the image was in memory already

    def contains(self, positions: Positions, exclude: str = "inside") -> np.ndarray:
        """Return whether each position lies inside the mask of all images, bool, ``(n,)``.

        Parameters
        ----------
        positions : Positions
            The positions.
        exclude : {"inside", "outside"}
            The side that the mask excludes. With ``"inside"``, positions lie inside the mask
            unless an image that covers them has a value there that is not inside. With
            ``"outside"``, they lie inside if an image has a value there that is.

        Returns
        -------
        `numpy.ndarray`
            The result.
        """
        usable = np.zeros(len(positions), dtype=bool)
        for image, rows, pixel in self._on_images(positions):
            inside, undefined = self._read(image)
            value = _bits_at(inside, pixel) == (exclude == "outside")
            if undefined is not None:
                value &= ~_bits_at(undefined, pixel)
            usable[rows[value]] = True
        return usable if exclude == "outside" else ~usable

    def covered(self, positions: Positions) -> np.ndarray:
        """Return whether an image covers each position, whatever its value, bool, ``(n,)``."""
        result = np.zeros(len(positions), dtype=bool)
        for _, rows, _ in self._on_images(positions):
            result[rows] = True
        return result

    def _on_images(self, positions: Positions) -> Any:
        """Yield each image with the positions on it: their rows, and their flat pixels."""
        rows = np.flatnonzero(positions.finite)
        if len(rows) == 0:
            return
        rows = rows[np.argsort(positions.vectors[rows, 2])]
        height = positions.vectors[rows, 2]
        for image in self.images:
            length = float(chord(image.radius))
            first, last = np.searchsorted(
                height, [image.center[2] - length, image.center[2] + length]
            )
            near = rows[first:last]
            distance = np.square(positions.vectors[near] - image.center).sum(axis=1)
            near = near[distance <= length**2]
            if len(near) == 0:
                continue
            sky = positions.sky[near].transform_to(celestial_frame(image.wcs)).spherical
            x, y = sky_to_pixel(image.wcs, sky.lon.deg, sky.lat.deg)
            ny, nx = image.wcs.array_shape
            with np.errstate(invalid="ignore"):
                on = (x >= -0.5) & (x < nx - 0.5) & (y >= -0.5) & (y < ny - 0.5)
            if on.any():
                column, row = (np.floor(v[on] + 0.5).astype(np.int64) for v in (x, y))
                yield image, near[on], row * nx + column

    def _read(self, image: _Image) -> tuple[np.ndarray, np.ndarray | None]:
        """Return which pixels are inside, and which have no value, as bits; None if all have."""
        key = (image.path, image.hdu, image.part, image.facts, repr(self._values.bits),
               self._values.above)
        return _CACHE.get(key, lambda: self._load(image))

    def _load(self, image: _Image) -> tuple[np.ndarray, np.ndarray | None]:
        try:
            with fits.open(image.path, memmap=False) as hdus:
                source = load_image(hdus, image.hdu, self._values, image.path, image.part)
        except (ImportError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - damaged files raise errors of any class
            if isinstance(error, ParameterError) and error.parameter in ("bits", "above"):
                raise
            raise ValueError(f"cannot read the mask file {image.path!r}: {error}") from error
        if source.array.shape != tuple(image.wcs.array_shape):
            raise ValueError(
                f"the mask file {image.path!r} has changed: read the masks again"
            )
        undefined = source.without_value
        return (
            np.packbits(source.array.ravel()),
            None if undefined is None else np.packbits(undefined.ravel()),
        )


class _Cache:
    """The pixels of the images that were read last, up to a total size."""

    def __init__(self) -> None:
        self._items: OrderedDict[Any, Any] = OrderedDict()
        self._lock = Lock()
        self._size = 0

    def get(self, key: Any, load: Any) -> Any:
        """Return the item with a key; ``load`` makes it if it is not there."""
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
                return self._items[key]
        item = load()
        with self._lock:
            if key not in self._items:
                self._items[key] = item
                self._size += _size_of(item)
            while self._size > _CACHE_BYTES and len(self._items) > 1:
                _, old = self._items.popitem(last=False)
                self._size -= _size_of(old)
        return item


_CACHE = _Cache()


def _size_of(item: tuple[np.ndarray, np.ndarray | None]) -> int:
    return sum(0 if part is None else part.nbytes for part in item)


def _bits_at(packed: np.ndarray, pixel: np.ndarray) -> np.ndarray:
    """Return the bits of an array of `numpy.packbits` at flat positions, bool, ``(n,)``."""
    return (packed[pixel >> 3] >> (7 - (pixel & 7)).astype(np.uint8)) & 1 == 1


def has_wildcard(name: str | os.PathLike) -> bool:
    """Return whether the name of a file is a pattern, such as ``masks/*.fits``."""
    return any(sign in os.fspath(name) for sign in "*?") and not Path(name).exists()


def first_of_pattern(name: str | os.PathLike) -> str | None:
    """Return the first file that a pattern matches; None if it matches none, or is no pattern."""
    if not has_wildcard(name):
        return None
    try:
        return str(expand_images([name])[0][0])
    except FileNotFoundError:
        return None


def expand_images(
    names: Sequence[str | os.PathLike],
) -> list[tuple[Path, tuple[str, str | None] | None]]:
    """Return the files that folders, patterns and names stand for, and their parts.

    Parameters
    ----------
    names : sequence of path-like
        Folders, all FITS files of which are meant; patterns; and files, each with a part, as in
        ``masks/*.fits:MASK`` or ``masks/*.fits[1]``.

    Returns
    -------
    list of tuple
        The path, and the HDU and the plane (None if it is not given); None if no part is given.

    Raises
    ------
    FileNotFoundError
        If a file does not exist, or a pattern matches none.
    ValueError
        If a folder holds no FITS file.
    """
    found: list[tuple[Path, tuple[str, str | None] | None]] = []
    for name in names:
        text, part = os.fspath(name), None
        match = _PART.match(text)
        if match and not Path(text).exists() and not glob.glob(text, recursive=True):
            text = match["path"]
            part = ((match["hdu"] or match["name"]).strip(), match["part"])
        path = Path(text)
        if path.is_dir():
            files = sorted(one for one in path.iterdir()
                           if has_suffix(one, (*FITS_SUFFIXES, ".fits.fz")))
            if not files:
                raise ValueError(
                    f"cannot read the mask file {text!r}: it is a folder without FITS files"
                )
        elif has_wildcard(text):
            files = [Path(one) for one in sorted(glob.glob(text, recursive=True))]
        else:
            files = [path] if path.exists() else []
        if not files:
            raise FileNotFoundError(f"the mask file {text!r} does not exist")
        found += [(file.absolute(), part) for file in files]
    if not found:
        raise ParameterError("images", "at least one file", "none", verb="have")
    return found


def _images_of(path: Path, part: tuple[str, str | None] | None) -> list[_Image]:
    """Return the mask images of a file, of which the headers are read."""
    try:
        facts = os.stat(path)
        with fits.open(path, memmap=False, lazy_load_hdus=True) as hdus:
            numbers = image_hdus(hdus)
            if part is not None:
                chosen = find_hdus(hdus, part[0])
                numbers = [number for number in numbers if number in chosen]
            if not numbers:
                raise ValueError(
                    "it holds no image" + ("" if part is None else f" {part[0]!r}")
                )
            numbers = choose_images(hdus, numbers, str(path), chosen=part is not None)
            return [
                _footprint(hdus, number, path, None if part is None else part[1],
                           (facts.st_size, facts.st_mtime_ns)) for number in numbers
            ]
    except FileNotFoundError:
        raise
    except Exception as error:  # noqa: BLE001 - damaged files raise errors of any class
        raise ValueError(
            f"cannot read the mask file {str(path)!r} as an image: {error}"
        ) from error


def _footprint(
    hdus: Any, number: int, path: Path, part: str | None, facts: tuple[int, int]
) -> _Image:
    """Return an image with the circle around it."""
    wcs, shape = image_plane(hdus, number, str(path), part)
    wcs = check_celestial_wcs(wcs, "the WCS of mask")
    ny, nx = shape
    x, y = (
        v.ravel() for v in np.meshgrid(
            np.linspace(-0.5, nx - 0.5, _POINTS_PER_SIDE),
            np.linspace(-0.5, ny - 0.5, _POINTS_PER_SIDE),
        )
    )
    lon, lat = pixel_to_sky(wcs, x, y)
    center, radius = np.array([0.0, 0.0, 1.0]), np.pi
    if np.isfinite(lon).all() and np.isfinite(lat).all():
        sky = SkyCoord(lon, lat, unit=u.deg, frame=celestial_frame(wcs)).icrs
        vectors = sky.cartesian.xyz.value.T
        middle = vectors[len(vectors) // 2]
        largest = float(np.max(2 * np.arcsin(
            np.minimum(np.linalg.norm(vectors - middle, axis=1) / 2, 1.0))))
        if largest < np.radians(_MAX_RADIUS):
            center, radius = middle, _ROOM * largest * (1 + 1 / max(nx, ny))
    return _Image(str(path), number, part, wcs, center, radius, facts)
