# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ShearGrid`: the weighted mean reduced shear of the galaxies in each pixel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from astropy.wcs import WCS

from lensmap.catalog import as_shear_catalog
from lensmap.grid._assignment import MapPixels, PixelAssignment
from lensmap.grid._binned_shear import BinnedShear, check_sigma_e
from lensmap.grid._galaxies import GridGalaxies
from lensmap.grid._projection import PixelFrame
from lensmap.grid._sums import SUMS, GridSums, check_equal
from lensmap.utils import ConventionWarning, without_warnings

if TYPE_CHECKING:
    from lensmap.typing import CatalogLike, MaskLike

__all__ = ["ShearGrid"]


@dataclass(frozen=True, eq=False, kw_only=True)
class ShearGrid(BinnedShear):
    r"""Reduced shear on the pixels of a map, in the basis of the pixel axes (+x, +y).

    A grid holds sums over the galaxies in each pixel. The calibrated means are computed from the
    sums when they are needed. Two grids on the pixels of the same map can be added, which adds the
    sums.

    Create a grid with `from_catalog`, or with `from_chunks` if the catalog does not fit into
    memory.

    Attributes
    ----------
    wcs : `~astropy.wcs.WCS`
        The WCS of the map, with its ``array_shape``.
    parity : int
        The handedness of the pixel axes (+x, +y): 1 for that of (east, north), -1 if mirrored.
    mask : `numpy.ndarray`
        True for pixels whose center is excluded, bool, ``(ny, nx)``. Galaxies are excluded by
        their own positions, so that a masked pixel at the edge of a region may contain galaxies.
    sum_we : `numpy.ndarray`
        Sums of weight times ellipticity, before any shear calibration, complex, ``(ny, nx)``.
    sum_w, sum_w2 : `numpy.ndarray`
        Sums of the weights and of the squared weights, float, ``(ny, nx)``.
    sum_wc : `numpy.ndarray` or None
        Sums of weight times additive bias, complex, ``(ny, nx)``. None if the catalog has neither
        of the columns ``c1`` and ``c2``.
    sum_w2v_m, sum_w2v_e : `numpy.ndarray` or None
        Sums of ``w**2 sigma_m**2`` and of ``w**2 sigma_e**2``, float, ``(ny, nx)``, where w is the
        weight, ``sigma_m`` the measurement error and ``sigma_e`` the intrinsic dispersion. None if
        the catalog has no column ``sigma_m`` or ``sigma_e``, respectively.
    count : `numpy.ndarray`
        The galaxy counts per pixel, integer, ``(ny, nx)``.
    calibration : `lensmap.catalog.Calibration`
        The shear calibration of the whole catalog: the multiplicative bias and the response.
    frame : str
        The name of the catalog's celestial frame.
    sigma_e : float or None
        The intrinsic dispersion per component, if it was given. If None, the column ``sigma_e`` or,
        without this column, the scatter of the ellipticities as a function of the weight is used.
    scheme : str
        The scheme that assigned galaxies to pixels, ``"nearest"`` or ``"cloud-in-cell"``.
    n_outside, n_masked, n_left_out : int
        The number of galaxies off the map, the number that the mask excludes, and the number of
        rows that were left out when the catalog was read.
    convention, kind : str
        The sign convention of the catalog's table, and the kind of its ellipticities, ``"shear"``
        or ``"distortion"``.
    origins : dict
        The origins of ``convention``, ``kind``, ``frame`` and ``response``, keyed by these names:
        ``"argument"``, ``"file"``, ``"survey"``, ``"measured"`` or ``"default"``, as for
        `lensmap.ShearCatalog`. Empty if the origins are not known.
    survey : str or None
        The name of the survey to whose data the ellipticities belong. None if it is not known.
    selection : dict
        The columns of the catalog and the numbers of its rows: ``columns``, ``preset``, ``where``,
        ``max_ellipticity``, ``n_galaxies``, ``n_not_selected`` and ``n_left_out`` (for each cause).
        Empty if they are not known.
    extra : dict
        The optional sums, requested with ``extra_sums`` of `from_catalog`: arrays ``(ny, nx)``
        keyed by name. ``"sum_w2e2"`` is the sum of the squared weight times the squared modulus of
        the ellipticity, not calibrated. With cloud-in-cell, it has the squared fractions of the
        galaxies in each pixel, and ``"sum_w2e2_whole"`` is the same sum with the fractions
        themselves.
    pixel_weights : PixelWeights or None
        The weights of the galaxies in each pixel, from which the noise is computed if it is
        measured as a function of the weight. None if the noise is not measured in this way.
    galaxies : GridGalaxies or None
        The single galaxies with their positions, for methods that need them. None if they are not
        kept.
    """

    wcs: WCS
    parity: int
    galaxies: GridGalaxies | None = None

    _kept: ClassVar[tuple[str, ...]] = ("noise_sum", "pixel_frame", "_squared_rotation")
    _dropped: ClassVar[dict[str, Any]] = {"galaxies": None}

    def __repr__(self) -> str:
        ny, nx = self.shape
        return f"<ShearGrid of {ny} x {nx} pixels; {self.n_used} galaxies>"

    @classmethod
    def from_catalog(
        cls,
        catalog: CatalogLike,
        wcs: WCS,
        mask: MaskLike | None = None,
        *,
        scheme: str = "nearest",
        sigma_e: float | None = None,
        extra_sums: Iterable[str] = (),
    ) -> ShearGrid:
        """Bin the galaxies of a catalog.

        Parameters
        ----------
        catalog : ShearCatalog or `~astropy.table.Table`
            The galaxies.
        wcs : `~astropy.wcs.WCS`
            Any celestial WCS with its ``array_shape``.
        mask : mask-like or None
            Anything that `lensmap.masks.SkyMask` accepts. Galaxies that the mask excludes are left
            out, and pixels whose center it excludes are masked. None excludes nothing.
        scheme : {"nearest", "cloud-in-cell"}
            The scheme that assigns galaxies to pixels. With ``"nearest"``, a galaxy counts in the
            nearest pixel. With ``"cloud-in-cell"``, it is shared among the four nearest pixels.
        sigma_e : float or None
            The intrinsic dispersion of the ellipticities per component. If None, the column
            ``sigma_e`` is used. Without this column, the dispersion is the scatter of the
            ellipticities, as a function of the weight, minus the column ``sigma_m``, in quadrature.
        extra_sums : iterable of str
            The names of further sums to store in ``extra``, such as ``"sum_w2e2"``.

        Returns
        -------
        ShearGrid
            The grid. All sums are 0 if no galaxy is on the map.

        Raises
        ------
        TypeError, ValueError
            If the catalog, the WCS or the mask cannot be used.
        """
        assignment = PixelAssignment(as_shear_catalog(catalog), wcs, mask, scheme=scheme)
        return cls.from_assignment(assignment, sigma_e=sigma_e, extra_sums=extra_sums)

    @classmethod
    def from_assignment(
        cls,
        assignment: PixelAssignment,
        *,
        sigma_e: float | None = None,
        extra_sums: Iterable[str] = (),
        keep_galaxies: bool = False,
    ) -> ShearGrid:
        """Bin galaxies that are already assigned to pixels.

        Parameters
        ----------
        assignment : PixelAssignment
            The galaxies and their pixels.
        sigma_e : float or None
            The intrinsic dispersion of the ellipticities per component. If None, the column
            ``sigma_e`` is used. Without this column, the dispersion is measured from the scatter of
            the ellipticities.
        extra_sums : iterable of str
            The names of further sums to store in ``extra``, such as ``"sum_w2e2"``.
        keep_galaxies : bool
            Whether to keep the single galaxies in ``galaxies``, some 60 bytes each.

        Returns
        -------
        ShearGrid
            The grid of the galaxies.

        Raises
        ------
        ValueError
            If ``sigma_e`` is not positive, or if ``extra_sums`` has an unknown name.
        """
        check_sigma_e(sigma_e)
        sums = GridSums(assignment, extra_sums, keep_weights=sigma_e is None)
        galaxies = GridGalaxies.from_assignment(assignment) if keep_galaxies else None
        return cls._from_sums(sums, assignment, sigma_e, galaxies)

    @classmethod
    def from_chunks(
        cls,
        chunks: Iterable[CatalogLike],
        wcs: WCS,
        mask: MaskLike | None = None,
        *,
        scheme: str = "nearest",
        sigma_e: float | None = None,
        extra_sums: Iterable[str] = (),
    ) -> ShearGrid:
        """Bin a catalog that is given in chunks.

        Parameters
        ----------
        chunks : iterable of ShearCatalog or `~astropy.table.Table`
            The chunks of the catalog. Only one chunk at a time is held in memory, apart from 8
            bytes per galaxy (64 with cloud-in-cell) if the noise is measured as a function of the
            weight. With more than 32 galaxies per pixel, galaxies of similar weight are merged.
        wcs : `~astropy.wcs.WCS`
            Any celestial WCS with its ``array_shape``.
        mask : mask-like or None
            Anything that `lensmap.masks.SkyMask` accepts. None excludes nothing.
        scheme : {"nearest", "cloud-in-cell"}
            The scheme that assigns galaxies to pixels, as for `from_catalog`.
        sigma_e : float or None
            The intrinsic dispersion of the ellipticities per component. If None, the column
            ``sigma_e`` is used. Without this column, the dispersion is measured from the scatter of
            the ellipticities.
        extra_sums : iterable of str
            The names of further sums to store in ``extra``, such as ``"sum_w2e2"``.

        Returns
        -------
        ShearGrid
            The grid, equal to that of the whole catalog up to rounding errors.

        Raises
        ------
        ValueError
            If there is no chunk, or if chunks differ in columns, frame, convention or kind.
        """
        def assignments() -> Iterator[PixelAssignment]:
            pixels = None
            for chunk in chunks:
                # The first chunk warned, and the others equal it.
                with nullcontext() if pixels is None else without_warnings(ConventionWarning):
                    catalog = as_shear_catalog(chunk)
                if pixels is None:
                    pixels = MapPixels.from_wcs(wcs, mask, catalog.frame)
                yield PixelAssignment(catalog, wcs, scheme=scheme, pixels=pixels)

        return cls.from_assignments(assignments(), sigma_e=sigma_e, extra_sums=extra_sums)

    @classmethod
    def from_assignments(
        cls,
        assignments: Iterable[PixelAssignment],
        *,
        sigma_e: float | None = None,
        extra_sums: Iterable[str] = (),
    ) -> ShearGrid:
        """Bin a catalog whose chunks are already assigned to the pixels of the same map.

        Parameters
        ----------
        assignments : iterable of PixelAssignment
            The galaxies of each chunk and their pixels. Only one chunk at a time is held.
        sigma_e, extra_sums
            As for `from_chunks`.

        Returns
        -------
        ShearGrid
            The grid.

        Raises
        ------
        ValueError
            If there is no chunk, or if chunks differ in columns, frame, convention or kind.
        """
        check_sigma_e(sigma_e)
        sums = None
        for assignment in assignments:
            if sums is None:
                sums = GridSums(assignment, extra_sums, keep_weights=sigma_e is None)
            else:
                check_equal("frame", sums.frame, assignment.catalog.frame)
                sums.add(assignment)
        if sums is None:
            raise ValueError(
                "chunks must hold at least one catalog, but holds none; if chunks is a generator, "
                "make a new one for each call"
            )
        return cls._from_sums(sums, assignment, sigma_e)

    @classmethod
    def _from_sums(
        cls,
        sums: GridSums,
        assignment: PixelAssignment,
        sigma_e: float | None,
        galaxies: GridGalaxies | None = None,
    ) -> ShearGrid:
        """Create a grid from the sums of a `GridSums`, whose arrays are not copied.

        The WCS, the mask and the scheme come from ``assignment``, which must be on the same map.
        ``sigma_e`` is the intrinsic dispersion per component; None uses the column ``sigma_e`` or,
        without this column, the measured scatter of the ellipticities. ``galaxies`` are the single
        galaxies, if they are kept.
        """
        fields = cls._from_sums_fields(sums, assignment, sigma_e)
        grid = cls(
            wcs=assignment.frame.wcs, parity=assignment.parity, galaxies=galaxies, **fields
        )
        grid.__dict__["pixel_frame"] = assignment.frame.without_directions()
        return grid

    def __add__(self, other: ShearGrid) -> ShearGrid:
        if not isinstance(other, ShearGrid):
            return NotImplemented
        if not (self.shape == other.shape and _same_wcs(self.wcs, other.wcs)):
            raise ValueError(
                "grids that are added must have the same WCS and shape, but the two differ: bin "
                "both catalogs with the same wcs"
            )
        return self._plus(other)

    def cropped(self, rows: slice, columns: slice) -> ShearGrid:
        """Return the part of the grid on a rectangle of pixels.

        Parameters
        ----------
        rows, columns : slice
            The pixels along y and along x, without steps.

        Returns
        -------
        ShearGrid
            The smaller grid, whose arrays are views of those of this one. The numbers of galaxies
            off the map and of masked galaxies are those of this grid.
        """
        ny, nx = self.shape
        y, x = (range(size)[part] for size, part in ((ny, rows), (nx, columns)))
        if (len(y), len(x)) == (ny, nx):
            return self
        arrays: dict[str, Any] = {
            name: None if getattr(self, name) is None else getattr(self, name)[rows, columns]
            for name in ("mask", *SUMS)
        }
        weights = self.pixel_weights
        return replace(
            self, wcs=self.wcs[rows, columns], **arrays,
            extra={name: array[rows, columns] for name, array in self.extra.items()},
            pixel_weights=None if weights is None else weights.cropped((ny, nx), y, x),
        )

    @cached_property
    def pixel_frame(self) -> PixelFrame:
        """The pixels of the map, in the celestial frame of the catalog."""
        return PixelFrame(self.wcs, self.frame)

    @property
    def galaxy_shear(self) -> np.ndarray:
        """The weights times the calibrated reduced shears of the galaxies, complex, ``(n,)``.

        Their sums in the pixels are ``sum_wg``, apart from rounding errors. The galaxies must be
        kept.
        """
        if self.galaxies is None:
            raise ValueError(
                "the grid holds no single galaxies: make it from a catalog with keep_galaxies=True"
            )
        galaxies = self.galaxies
        return self._calibrated(
            galaxies.weighted_ellipticity, galaxies.weighted_bias, galaxies.pixel
        )

    @property
    def handedness(self) -> int:
        """The handedness of the pixel axes, ``parity``."""
        return self.parity

    @cached_property
    def _squared_rotation(self) -> np.ndarray:
        rotation = self.pixel_frame.pixel_rotation().astype(complex)
        return (np.conj(rotation) if self.parity < 0 else rotation) ** 2


def _same_wcs(one: WCS, other: WCS) -> bool:
    """Return whether two WCS are equal, including distortions, which wcslib does not compare."""
    return one is other or (
        isinstance(one, WCS) and isinstance(other, WCS)
        and one.wcs.compare(other.wcs)
        and one.to_header_string(relax=True) == other.to_header_string(relax=True)
    )
