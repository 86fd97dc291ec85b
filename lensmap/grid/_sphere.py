# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`SphericalShearGrid`: the weighted mean reduced shear of the galaxies in HEALPix pixels."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.catalog import as_shear_catalog
from lensmap.grid._assignment import Assignment
from lensmap.grid._binned_shear import BinnedShear, check_sigma_e
from lensmap.grid._sums import GridSums, check_equal
from lensmap.masks import SkyMask
from lensmap.sphere import HealpixPixels
from lensmap.utils import (
    ConventionWarning,
    check_memory,
    chunk_slices,
    thread_map,
    without_warnings,
)

if TYPE_CHECKING:
    from lensmap.catalog import ShearCatalog
    from lensmap.typing import CatalogLike, MaskLike

__all__ = ["SphericalAssignment", "SphericalPixels", "SphericalShearGrid"]

_CHUNK_GALAXIES = 500_000

_BYTES_PER_PIXEL = 110.0  # for binning a catalog without optional columns, and for its index

# A map holds whole pixels of this resolution, or of that of the map if it is lower, as HealSparse
# maps do. Pixels around the galaxies are then part of the map, too.
_COVERAGE_STEPS = 5


@dataclass(frozen=True, eq=False)
class SphericalPixels:
    """The HEALPix pixels of a map of a part of the sphere, and their mask.

    Attributes
    ----------
    pixels : HealpixPixels
        The pixels of the sphere.
    index : `numpy.ndarray`
        The nested indices of the pixels of the map, increasing, int64, ``(n,)``.
    mask : `lensmap.masks.SkyMask` or None
        The mask. None excludes nothing.
    excluded : `numpy.ndarray`
        True for pixels whose center the mask excludes, bool, ``(n,)``.
    """

    pixels: HealpixPixels
    index: np.ndarray
    mask: SkyMask | None
    excluded: np.ndarray

    @classmethod
    def around(
        cls, catalogs: Iterable[ShearCatalog], pixels: HealpixPixels, mask: MaskLike | None
    ) -> SphericalPixels:
        """Choose the pixels of a map that covers galaxies.

        Parameters
        ----------
        catalogs : iterable of ShearCatalog
            The galaxies, in one catalog or in several.
        pixels : HealpixPixels
            The pixels of the sphere.
        mask : mask-like or None
            Anything that `lensmap.masks.SkyMask` accepts. None excludes nothing.

        Returns
        -------
        SphericalPixels
            All pixels of those pixels, 32 times as large, that contain a galaxy.
        """
        steps = min(_COVERAGE_STEPS, pixels.order)
        coarse = HealpixPixels(pixels.nside >> steps, pixels.frame)
        covered: np.ndarray = np.empty(0, dtype=np.int64)
        for catalog in catalogs:
            lon, lat, _ = _in_frame(catalog, slice(None), pixels.frame, rotation=False)
            covered = np.union1d(covered, coarse.at(lon, lat))
        n = len(covered) * 4**steps
        check_memory(_BYTES_PER_PIXEL * n, f"a map of {n} HEALPix pixels", "use a lower nside")
        index = (covered[:, np.newaxis] * 4**steps + np.arange(4**steps)).ravel()
        sky_mask = mask if mask is None or isinstance(mask, SkyMask) else SkyMask(mask)
        excluded = np.zeros(len(index), dtype=bool)
        if sky_mask is not None:
            for rows in chunk_slices(len(index), _CHUNK_GALAXIES):
                lon, lat = pixels.centers(index[rows])
                excluded[rows] = sky_mask.excluded_sky(
                    SkyCoord(lon, lat, unit="deg", frame=pixels.frame)
                )
        return cls(pixels, index, sky_mask, excluded)


class SphericalAssignment(Assignment):
    """The galaxies of a catalog on a map of the sphere, each in its HEALPix pixel.

    The shear is in the celestial basis (x to the east, y to the north) at the center of the pixel:
    it is carried there from the galaxy along a great circle.

    Parameters
    ----------
    catalog : ShearCatalog
        The galaxies.
    on : SphericalPixels
        The pixels of the map and their mask.
    """

    def __init__(self, catalog: ShearCatalog, on: SphericalPixels) -> None:
        self.catalog, self.on, self.mask = catalog, on, on.excluded
        parts = thread_map(self._assign, chunk_slices(len(catalog), _CHUNK_GALAXIES))
        self.n_outside = sum(part["n_outside"] for part in parts)
        self.n_masked = sum(part["n_masked"] for part in parts)
        self.pixel, self.shear, self._rows, self._rotation = (
            np.concatenate([part[name] for part in parts])
            for name in ("pixel", "shear", "rows", "rotation")
        )
        self.weight = self.column("weight")

    def _assign(self, rows: slice) -> dict[str, Any]:
        pixels, index = self.on.pixels, self.on.index
        lon, lat, rotation = _in_frame(self.catalog, rows, pixels.frame)
        nested = pixels.at(lon, lat)
        pixel = np.minimum(np.searchsorted(index, nested), len(index) - 1)
        inside = index[pixel] == nested
        keep = inside
        if self.on.mask is not None:
            sky = SkyCoord(lon, lat, unit="deg", frame=pixels.frame)
            keep = inside & ~self.on.mask.excluded_sky(sky)
        lon, lat, pixel = lon[keep], lat[keep], pixel[keep]
        rotation = rotation[keep] * _transport(lon, lat, *pixels.centers(index[pixel]))
        shear = np.empty(len(pixel), dtype=np.complex64)
        shear.real, shear.imag = self.catalog.e1[rows][keep], self.catalog.e2[rows][keep]
        shear *= rotation
        return {
            "pixel": pixel,
            "shear": shear,
            "rotation": rotation,
            "rows": np.flatnonzero(keep) + rows.start,
            "n_outside": np.count_nonzero(~inside),
            "n_masked": np.count_nonzero(inside & ~keep),
        }

    def to_pixel_basis(self, c1: np.ndarray, c2: np.ndarray) -> np.ndarray:
        """Carry a spin-2 quantity of the galaxies to the centers of their pixels.

        Parameters
        ----------
        c1, c2 : `numpy.ndarray`
            The components in the celestial basis at the galaxy, ``(n_used,)``.

        Returns
        -------
        `numpy.ndarray`
            The quantity in the celestial basis at the pixel, complex64, ``(n_used,)``.
        """
        return ((c1 + 1j * np.asarray(c2)) * self._rotation).astype(np.complex64)


@dataclass(frozen=True, eq=False, kw_only=True)
class SphericalShearGrid(BinnedShear):
    """Reduced shear on HEALPix pixels, in the celestial basis (x to the east, y to the north).

    A grid on the sphere has the same sums and means as a `lensmap.ShearGrid` on a plane, as arrays
    ``(n,)``. The means are at the centers of the pixels.

    Attributes
    ----------
    pixels : HealpixPixels
        The pixels of the sphere.
    index : `numpy.ndarray`
        The nested indices of the pixels of the map, increasing, int64, ``(n,)``.
    """

    pixels: HealpixPixels
    index: np.ndarray

    #: The geometry of the pixels.
    geometry: ClassVar[str] = "sphere"

    def __repr__(self) -> str:
        return (
            f"<SphericalShearGrid of {len(self.index)} pixels of nside {self.pixels.nside}; "
            f"{self.n_used} galaxies>"
        )

    @classmethod
    def from_catalog(
        cls,
        catalog: CatalogLike,
        pixels: HealpixPixels,
        mask: MaskLike | None = None,
        *,
        sigma_e: float | None = None,
        extra_sums: Iterable[str] = (),
    ) -> SphericalShearGrid:
        """Bin the galaxies of a catalog.

        Parameters
        ----------
        catalog : ShearCatalog or `~astropy.table.Table`
            The galaxies.
        pixels : HealpixPixels
            The pixels of the sphere. The map holds those around the galaxies.
        mask : mask-like or None
            Anything that `lensmap.masks.SkyMask` accepts. None excludes nothing.
        sigma_e : float or None
            The intrinsic dispersion of the ellipticities per component; None as for
            `lensmap.ShearGrid.from_catalog`.
        extra_sums : iterable of str
            The names of further sums to store in ``extra``, such as ``"sum_w2e2"``.

        Returns
        -------
        SphericalShearGrid
            The grid.
        """
        catalog = as_shear_catalog(catalog)
        on = SphericalPixels.around([catalog], pixels, mask)
        return cls.from_assignment(
            SphericalAssignment(catalog, on), sigma_e=sigma_e, extra_sums=extra_sums
        )

    @classmethod
    def from_assignment(
        cls,
        assignment: SphericalAssignment,
        *,
        sigma_e: float | None = None,
        extra_sums: Iterable[str] = (),
    ) -> SphericalShearGrid:
        """Bin galaxies that are already assigned to pixels.

        Parameters
        ----------
        assignment : SphericalAssignment
            The galaxies and their pixels.
        sigma_e : float or None
            The intrinsic dispersion, as for `from_catalog`.
        extra_sums : iterable of str
            The names of further sums, as for `from_catalog`.

        Returns
        -------
        SphericalShearGrid
            The grid.
        """
        check_sigma_e(sigma_e)
        sums = GridSums(assignment, extra_sums, keep_weights=sigma_e is None)
        return cls._on(assignment.on, cls._from_sums_fields(sums, assignment, sigma_e))

    @classmethod
    def from_chunks(
        cls,
        chunks: Iterable[CatalogLike],
        on: SphericalPixels,
        *,
        sigma_e: float | None = None,
        extra_sums: Iterable[str] = (),
    ) -> SphericalShearGrid:
        """Bin a catalog that is given in chunks, on pixels that are chosen before.

        Parameters
        ----------
        chunks : iterable of ShearCatalog or `~astropy.table.Table`
            The chunks of the catalog, of which one at a time is held in memory.
        on : SphericalPixels
            The pixels of the map and their mask.
        sigma_e : float or None
            The intrinsic dispersion, as for `from_catalog`.
        extra_sums : iterable of str
            The names of further sums, as for `from_catalog`.

        Returns
        -------
        SphericalShearGrid
            The grid, equal to that of the whole catalog up to rounding errors.

        Raises
        ------
        ValueError
            If there is no chunk, or if chunks differ in columns, frame, convention or kind.
        """
        check_sigma_e(sigma_e)
        sums: GridSums | None = None
        for chunk in chunks:
            # The first chunk warned, and the others equal it.
            with nullcontext() if sums is None else without_warnings(ConventionWarning):
                catalog = as_shear_catalog(chunk)
            assignment = SphericalAssignment(catalog, on)
            if sums is None:
                sums = GridSums(assignment, extra_sums, keep_weights=sigma_e is None)
            else:
                check_equal("frame", sums.frame, catalog.frame)
                sums.add(assignment)
        if sums is None:
            raise ValueError("chunks must hold at least one catalog, but holds none")
        return cls._on(on, cls._from_sums_fields(sums, assignment, sigma_e))

    @classmethod
    def _on(cls, on: SphericalPixels, fields: dict[str, Any]) -> SphericalShearGrid:
        return cls(pixels=on.pixels, index=on.index, **fields)

    def __add__(self, other: SphericalShearGrid) -> SphericalShearGrid:
        if not isinstance(other, SphericalShearGrid):
            return NotImplemented
        if self.pixels != other.pixels or not np.array_equal(self.index, other.index):
            raise ValueError(
                "grids that are added must have the same HEALPix pixels, but the two differ: bin "
                "both catalogs on the same SphericalPixels"
            )
        return self._plus(other)


def _in_frame(
    catalog: ShearCatalog, rows: slice, frame: str, *, rotation: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return positions of galaxies in a frame, degrees, and the factors that rotate their shear.

    The factors rotate shear from the celestial basis of the catalog's frame to that of the new
    frame; they are 1 if the frames are the same or ``rotation`` is False.
    """
    lon, lat = catalog.ra[rows], catalog.dec[rows]
    factor = np.ones(len(lon), dtype=complex)
    if frame == catalog.frame:
        return lon, lat, factor
    sky = SkyCoord(lon, lat, unit="deg", frame=catalog.frame)
    new = sky.transform_to(frame)
    if rotation:
        # The direction of north in the frame of the catalog, as a position angle in the new one.
        north = SkyCoord(lon, np.minimum(lat + 1e-3, 90), unit="deg", frame=catalog.frame)
        angle = new.position_angle(north.transform_to(frame)).to_value(u.rad)
        factor = np.exp(-2j * angle)
    sphere = new.spherical
    return sphere.lon.deg, sphere.lat.deg, factor


def _transport(
    lon: np.ndarray, lat: np.ndarray, new_lon: np.ndarray, new_lat: np.ndarray
) -> np.ndarray:
    """Return the factors that carry shear in the celestial basis along great circles, ``(n,)``.

    Along the way, the direction of north turns by an angle that is the excess of the spherical
    triangle with the pole (one of Napier's analogies).
    """
    half = np.radians(new_lon - lon) / 2
    mean, difference = np.radians(new_lat + lat) / 2, np.radians(new_lat - lat) / 2
    turn = 2 * np.arctan2(np.sin(mean) * np.sin(half), np.cos(difference) * np.cos(half))
    return np.exp(-2j * turn)
