# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Assignment of galaxies to pixels, shared by the data and all noise realizations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lensmap.grid._add_at import add_at
from lensmap.grid._projection import PixelFrame
from lensmap.masks import SkyMask, excluded, pixel_mask
from lensmap.utils import check_choice, chunk_slices, thread_map

if TYPE_CHECKING:
    from astropy.wcs import WCS

    from lensmap.catalog import ShearCatalog
    from lensmap.typing import MaskLike

__all__ = ["Assignment", "MapPixels", "PixelAssignment"]

# Chunks that fit into the cache of a processor.
_CHUNK_GALAXIES = 50_000


@dataclass(frozen=True, eq=False)
class MapPixels:
    """The pixels of a map and their mask, shared by all chunks in which a catalog is read.

    Attributes
    ----------
    frame : PixelFrame
        The pixels of the map, in the celestial frame of the catalog.
    mask : `lensmap.masks.SkyMask` or None
        The mask. None excludes nothing.
    excluded : `numpy.ndarray`
        True for pixels that are excluded by the mask or lie off the sky, bool, ``(ny, nx)``.
    """

    frame: PixelFrame
    mask: SkyMask | None
    excluded: np.ndarray

    @classmethod
    def from_wcs(cls, wcs: WCS, mask: MaskLike | None, frame: str | PixelFrame) -> MapPixels:
        """Create the pixels of a map from its WCS.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`
            The celestial WCS of the map, with its ``array_shape``.
        mask : mask-like or None
            Anything that `lensmap.masks.SkyMask` accepts. None excludes nothing.
        frame : str or PixelFrame
            The name of the catalog's celestial frame, or an existing `PixelFrame` of ``wcs`` in
            that frame.

        Returns
        -------
        MapPixels
            The pixels and their mask.

        Raises
        ------
        TypeError, ValueError
            If the WCS or the mask cannot be used.
        """
        pixels = frame if isinstance(frame, PixelFrame) else PixelFrame(wcs, frame)
        _ = pixels.parity  # raises an error if the WCS is folded
        if mask is not None and not isinstance(mask, SkyMask):
            mask = SkyMask(mask)  # so that a mask file is read once, not for each chunk
        return cls(pixels, mask, pixel_mask(mask, wcs) | pixels.off_sky)


class Assignment:
    """The galaxies of a catalog, each of which counts in one pixel.

    Attributes
    ----------
    catalog : ShearCatalog
        The galaxies.
    scheme : str
        The scheme that assigns galaxies to pixels.
    pixel : `numpy.ndarray`
        The position in the arrays of a map of the pixel of each used galaxy, integer,
        ``(n_used,)``. The used galaxies are those on the map that the mask does not exclude.
    shear : `numpy.ndarray`
        The ellipticities of the used galaxies in the basis of the pixel, not calibrated,
        complex64, ``(n_used,)``.
    weight : `numpy.ndarray` or None
        The weights of the used galaxies, ``(n_used,)``. None if all weights are 1.
    mask : `numpy.ndarray`
        True for excluded pixels, bool, with the shape of the map.
    n_outside, n_masked : int
        The number of galaxies off the map, and the number that the mask excludes.
    """

    catalog: ShearCatalog
    scheme: str = "nearest"
    pixel: np.ndarray
    shear: np.ndarray
    weight: np.ndarray | None
    mask: np.ndarray
    n_outside: int
    n_masked: int
    _rows: np.ndarray

    @property
    def shape(self) -> Any:
        """The shape of the map, ``(ny, nx)`` on a plane."""
        return self.mask.shape

    @property
    def used_rows(self) -> np.ndarray:
        """The rows of the catalog that are on the map and not masked, integer, ``(n_used,)``."""
        return self._rows

    def column(self, name: str) -> np.ndarray | None:
        """Return the values of a catalog column, ``(n_used,)``; None if the catalog lacks it.

        The values are those of the ``n_used`` galaxies that are on the map and not masked.
        """
        values = self.catalog[name]
        if values is None:
            return None
        return values if len(self._rows) == len(values) else values[self._rows]

    def to_pixel_basis(self, c1: np.ndarray, c2: np.ndarray) -> np.ndarray:
        """Rotate a spin-2 quantity of the galaxies from the celestial to the pixel basis.

        Parameters
        ----------
        c1, c2 : `numpy.ndarray`
            The components of the quantity in the celestial basis, for the ``n_used`` galaxies that
            are on the map and not masked, ``(n_used,)``.

        Returns
        -------
        `numpy.ndarray`
            The quantity in the basis of the pixel, complex64, ``(n_used,)``.
        """
        raise NotImplementedError

    def targets(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Yield the pixels to which the galaxies contribute, in one or several steps.

        Yields
        ------
        pixel : `numpy.ndarray`
            The position in the arrays of a map of one pixel of each galaxy, ``(n_used,)``.
        share : `numpy.ndarray` or None
            The fraction of each galaxy that falls in this pixel, ``(n_used,)``. None if it is 1.
        """
        yield self.pixel, None

    def counts(self) -> np.ndarray:
        """Return the galaxy counts per pixel, int64, with the shape of the map.

        Each galaxy counts in its nearest pixel only, also with cloud-in-cell.
        """
        return np.bincount(self.pixel, minlength=self.mask.size).reshape(self.shape)

    def add_counts(self, onto: np.ndarray) -> None:
        """Add the galaxy counts per pixel to an int64 array in place.

        Each galaxy counts in its nearest pixel only, also with cloud-in-cell.
        """
        add_at(onto, self.pixel, None)

    def sums(
        self, *columns: np.ndarray, power: int = 1, onto: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """Sum columns over the galaxies of each pixel.

        Parameters
        ----------
        *columns : `numpy.ndarray`
            Real values for the used galaxies, ``(n_used,)`` each.
        power : {1, 2}
            With cloud-in-cell, the power of the fraction of a galaxy that falls in a pixel: 1 for
            sums of weights, 2 for sums of squared weights.
        onto : sequence of `numpy.ndarray` or None
            Arrays to which the sums are added in place, float64, with the shape of the map, one
            for each column.
            None makes new arrays.

        Returns
        -------
        list of `numpy.ndarray`
            The sums in each pixel, float64, with the shape of the map, one array for each column.
        """
        targets = list(self.targets())
        if onto is None:
            onto = [np.zeros(self.shape) for _ in columns]

        def total(pair: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
            values, result = pair
            for pixel, share in targets:
                add_at(result, pixel, values if share is None else values * share**power)
            return result

        return thread_map(total, zip(columns, onto, strict=True), len(self.pixel))


class PixelAssignment(Assignment):
    """The galaxies of a catalog on a map, and the pixels to which they contribute.

    Parameters
    ----------
    catalog : ShearCatalog
        The galaxies.
    wcs : `~astropy.wcs.WCS`
        The celestial WCS of the map, with its ``array_shape``.
    mask : mask-like or None
        Anything that `lensmap.masks.SkyMask` accepts. Galaxies that the mask excludes are left out.
        None excludes nothing.
    scheme : {"nearest", "cloud-in-cell"}
        The scheme that assigns galaxies to pixels. With ``"nearest"``, a galaxy counts in the
        nearest pixel. With ``"cloud-in-cell"``, it is shared among the four nearest pixels, in
        proportion to their overlap with a pixel-sized square around the galaxy.
    pixels : MapPixels or None
        The pixels and mask of the map, which replace ``wcs`` and ``mask``. If None, they are
        computed from ``wcs`` and ``mask``.
    """

    def __init__(
        self,
        catalog: ShearCatalog,
        wcs: WCS | None,
        mask: MaskLike | None = None,
        *,
        scheme: str = "nearest",
        pixels: MapPixels | None = None,
    ) -> None:
        self.scheme = check_choice(scheme, "scheme", ("nearest", "cloud-in-cell"))
        self.catalog = catalog
        if pixels is None:
            pixels = MapPixels.from_wcs(wcs, mask, catalog.frame)
        self.frame, sky_mask, self.mask = pixels.frame, pixels.mask, pixels.excluded
        self.parity = self.frame.parity
        # Cached here, so that not every thread computes them.
        _ = self.frame._direction, self.frame._gnomonic
        parts = thread_map(
            lambda rows: self._assign(rows, sky_mask), chunk_slices(len(catalog), _CHUNK_GALAXIES)
        )
        self.n_outside: int = sum(part["n_outside"] for part in parts)
        self.n_masked: int = sum(part["n_masked"] for part in parts)
        self.pixel, self.shear, self._rows = (
            np.concatenate([part[name] for part in parts]) for name in ("pixel", "shear", "rows")
        )
        self._xy: tuple[np.ndarray, ...] = ()
        if scheme == "cloud-in-cell":
            self._xy = tuple(
                np.concatenate([part[name] for part in parts]) for name in ("x", "y")
            )
        self.weight = self.column("weight")

    def _assign(self, rows: slice, mask: SkyMask | None) -> dict[str, Any]:
        """Assign the galaxies in a slice of the rows of the catalog to pixels.

        Returns
        -------
        dict
            For the galaxies that are on the map and not masked: their flat ``pixel``, their
            ``shear`` in the pixel basis (not calibrated) and their ``rows`` in the catalog, and for
            cloud-in-cell their pixel positions ``x`` and ``y``. The entries ``n_outside`` and
            ``n_masked`` count the other galaxies.
        """
        lon, lat = self.catalog.ra[rows], self.catalog.dec[rows]
        x, y = self.frame.positions(lon, lat)
        ny, nx = self.shape
        with np.errstate(invalid="ignore"):
            inside = (x >= -0.5) & (x < nx - 0.5) & (y >= -0.5) & (y < ny - 0.5)
        keep = np.flatnonzero(inside)
        n_inside = len(keep)
        if mask is not None:
            keep = keep[~excluded(mask, x[keep], y[keep], self.frame.wcs)]
        all_rows = len(keep) == len(x)  # in this case, the columns are not copied
        lon, lat, x, y = (a if all_rows else a[keep] for a in (lon, lat, x, y))
        pixel = np.floor(y + 0.5).astype(np.intp)
        pixel *= nx
        pixel += np.floor(x + 0.5).astype(np.intp)
        shear = np.empty(len(x), dtype=np.complex64)
        e1, e2 = self.catalog.e1[rows], self.catalog.e2[rows]
        shear.real, shear.imag = (e1, e2) if all_rows else (e1[keep], e2[keep])
        shear *= self.frame.rotation(lon, lat, pixel)
        if self.parity < 0:
            np.conj(shear, out=shear)
        part = {
            "pixel": pixel,
            "shear": shear,
            "rows": keep + rows.start,
            "n_outside": len(inside) - n_inside,
            "n_masked": n_inside - len(keep),
        }
        if self.scheme == "cloud-in-cell":
            part |= {"x": x, "y": y}
        return part

    def to_pixel_basis(self, c1: np.ndarray, c2: np.ndarray) -> np.ndarray:
        """Rotate a spin-2 quantity of the galaxies from the celestial to the pixel basis.

        Parameters
        ----------
        c1, c2 : `numpy.ndarray`
            The components of the quantity in the celestial basis, for the ``n_used`` galaxies that
            are on the map and not masked, ``(n_used,)``.

        Returns
        -------
        `numpy.ndarray`
            The quantity in the basis of the pixel axes (+x, +y), complex64, ``(n_used,)``.
        """
        values = np.empty(len(c1), dtype=np.complex64)
        values.real, values.imag = c1, c2
        lon, lat = self.catalog.ra[self._rows], self.catalog.dec[self._rows]
        return self.frame.to_pixel_basis(values, self.frame.rotation(lon, lat, self.pixel))

    def targets(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Yield the pixels to which the galaxies contribute, in one or several steps.

        Yields
        ------
        pixel : `numpy.ndarray`
            The position in the arrays of a map of one pixel of each galaxy, ``(n_used,)``.
        share : `numpy.ndarray` or None
            The fraction of each galaxy that falls in this pixel, ``(n_used,)``. None if it is 1.
        """
        return super().targets() if self.scheme == "nearest" else self.clouds()

    def clouds(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the four pixels that share each galaxy with cloud-in-cell, in four steps.

        Each step yields one of the four nearest pixels of every galaxy, and the galaxy's fraction
        in it.

        Yields
        ------
        pixel : `numpy.ndarray`
            The flat index of one of the four nearest pixels of each galaxy, ``(n_used,)``.
        share : `numpy.ndarray`
            The fraction of each galaxy that falls in this pixel, ``(n_used,)``; 0 for pixels that
            are masked or off the map.
        """
        ny, nx = self.shape
        excluded_pixels = self.mask.ravel()
        x, y = self._xy
        left, below = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
        offset_x, offset_y = x - left, y - below
        for dy, share_y in ((0, 1 - offset_y), (1, offset_y)):
            for dx, share_x in ((0, 1 - offset_x), (1, offset_x)):
                column, row = left + dx, below + dy
                good = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
                pixel = np.where(good, row * nx + column, 0)
                # A cloud must not leak into a masked pixel.
                good &= ~excluded_pixels[pixel]
                yield pixel, share_y * share_x * good
