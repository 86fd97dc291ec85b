# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ShearGrid`: the weighted mean reduced shear of the galaxies in each pixel."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from astropy.wcs import WCS

from lensmap.catalog import Calibration, add_facts, as_shear_catalog
from lensmap.grid._assignment import MapPixels, PixelAssignment
from lensmap.grid._pixel_weights import PixelWeights
from lensmap.grid._projection import PixelFrame
from lensmap.grid._sums import SUMS, GridSums, check_both, check_equal
from lensmap.utils import ConventionWarning, ParameterError, without_warnings

if TYPE_CHECKING:
    from lensmap.typing import CatalogLike, MaskLike

__all__ = ["ShearGrid"]


@dataclass(frozen=True, eq=False)
class ShearGrid:
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
        the ellipticity, not calibrated.
    pixel_weights : PixelWeights or None
        The weights of the galaxies in each pixel, from which the noise is computed if it is
        measured as a function of the weight. None if the noise is not measured in this way.
    """

    wcs: WCS
    parity: int
    mask: np.ndarray
    sum_we: np.ndarray
    sum_w: np.ndarray
    sum_w2: np.ndarray
    sum_wc: np.ndarray | None
    sum_w2v_m: np.ndarray | None
    sum_w2v_e: np.ndarray | None
    count: np.ndarray
    calibration: Calibration
    frame: str = "icrs"
    sigma_e: float | None = None
    scheme: str = "nearest"
    n_outside: int = 0
    n_masked: int = 0
    n_left_out: int = 0
    convention: str = "celestial"
    kind: str = "shear"
    origins: dict[str, str] = field(default_factory=dict)
    survey: str | None = None
    selection: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, np.ndarray] = field(default_factory=dict)
    pixel_weights: PixelWeights | None = None

    #: The geometry of the pixels.
    geometry: ClassVar[str] = "plane"

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

        Returns
        -------
        ShearGrid
            The grid of the galaxies.

        Raises
        ------
        ValueError
            If ``sigma_e`` is not positive, or if ``extra_sums`` has an unknown name.
        """
        _check_sigma_e(sigma_e)
        sums = GridSums(assignment, extra_sums, keep_weights=sigma_e is None)
        return cls._from_sums(sums, assignment, sigma_e)

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
        _check_sigma_e(sigma_e)
        pixels = sums = None
        for chunk in chunks:
            # The first chunk warned, and the others equal it.
            with nullcontext() if pixels is None else without_warnings(ConventionWarning):
                catalog = as_shear_catalog(chunk)
            if pixels is None:
                pixels = MapPixels.from_wcs(wcs, mask, catalog.frame)
            elif sums is not None:
                check_equal("frame", sums.frame, catalog.frame)
            assignment = PixelAssignment(catalog, wcs, scheme=scheme, pixels=pixels)
            if sums is None:
                sums = GridSums(assignment, extra_sums, keep_weights=sigma_e is None)
            else:
                sums.add(assignment)
        if sums is None:
            raise ValueError(
                "chunks must hold at least one catalog, but holds none; if chunks is a generator, "
                "make a new one for each call"
            )
        return cls._from_sums(sums, assignment, sigma_e)

    @classmethod
    def _from_sums(
        cls, sums: GridSums, assignment: PixelAssignment, sigma_e: float | None
    ) -> ShearGrid:
        """Create a grid from the sums of a `GridSums`, whose arrays are not copied.

        The WCS, the mask and the scheme come from ``assignment``, which must be on the same map.
        ``sigma_e`` is the intrinsic dispersion per component; None uses the column ``sigma_e`` or,
        without this column, the measured scatter of the ellipticities.
        """
        grid = cls(
            wcs=assignment.frame.wcs,
            parity=assignment.parity,
            mask=assignment.mask,
            **sums.arrays,
            calibration=sums.calibration,
            frame=sums.frame,
            sigma_e=None if sigma_e is None else float(sigma_e),
            scheme=assignment.scheme,
            n_outside=sums.n_outside,
            n_masked=sums.n_masked,
            n_left_out=sums.n_left_out,
            convention=sums.convention,
            kind=sums.kind,
            origins=sums.origins,
            survey=sums.survey,
            selection=sums.selection,
            extra=sums.extra,
            pixel_weights=PixelWeights.concatenate(sums.weights) if sums.weights else None,
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
        if not np.array_equal(self.mask, other.mask):
            raise ValueError(
                "grids that are added must have the same mask, but the two differ: bin both "
                "catalogs with the same mask"
            )
        for name in ("frame", "sigma_e", "scheme", "convention", "kind"):
            check_equal(name, getattr(self, name), getattr(other, name))
        sums: dict[str, Any] = {}
        for name in SUMS:
            first, second = getattr(self, name), getattr(other, name)
            check_both(name, first is not None, second is not None)
            sums[name] = None if first is None else first + second
        for name in self.extra.keys() ^ other.extra.keys():
            check_both(name, name in self.extra, name in other.extra)
        extra = {name: array + other.extra[name] for name, array in self.extra.items()}
        numbers: dict[str, Any] = {
            name: getattr(self, name) + getattr(other, name)
            for name in ("calibration", "n_outside", "n_masked", "n_left_out")
        }
        check_both(
            "pixel_weights", self.pixel_weights is not None, other.pixel_weights is not None
        )
        weights = None
        if self.pixel_weights is not None and other.pixel_weights is not None:
            weights = PixelWeights.concatenate([self.pixel_weights, other.pixel_weights])
        return replace(
            self, **sums, **numbers, extra=extra, pixel_weights=weights,
            selection=add_facts(self.selection, other.selection),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the map, ``(ny, nx)``."""
        return self.sum_w.shape

    @property
    def n_used(self) -> int:
        """The number of galaxies in the grid."""
        return int(self.count.sum())

    @property
    def weight(self) -> np.ndarray:
        """The sum of weights in each pixel, ``(ny, nx)``; 0 in pixels without galaxies."""
        return self.sum_w

    @cached_property
    def pixel_frame(self) -> PixelFrame:
        """The pixels of the map, in the celestial frame of the catalog."""
        return PixelFrame(self.wcs, self.frame)

    @cached_property
    def _squared_rotation(self) -> np.ndarray:
        rotation = self.pixel_frame.pixel_rotation().astype(complex)
        return (np.conj(rotation) if self.parity < 0 else rotation) ** 2

    @cached_property
    def sum_wg(self) -> np.ndarray:
        """The sum of weights times the calibrated mean reduced shear, complex, ``(ny, nx)``.

        The shear is in the basis of the pixel axes (+x, +y).
        """
        a, b = self.calibration.factors()
        if self.parity < 0:
            # On a mirrored map, the shear is conjugated, and so must be the response.
            a, b = np.conj(a), np.conj(b)
        anisotropic = abs(b) > 1e-12 * abs(a)
        if a == 1 and not anisotropic and self.sum_wc is None and self.calibration.m == 0:
            return self.sum_we  # not copied, because it takes a gigabyte for large maps
        total = self.sum_we * a
        if anisotropic:
            # An anisotropic response is defined on the sky, so rotate it to the pixel axes.
            total += b * np.conj(self.sum_we) * self._squared_rotation
        if self.sum_wc is not None:
            total -= self.sum_wc
        total /= 1.0 + self.calibration.m
        return total

    @cached_property
    def shear(self) -> np.ndarray:
        """The weighted mean reduced shear g1 + i g2, complex, (ny, nx); 0 without galaxies."""
        result = np.zeros(self.shape, dtype=complex)
        np.divide(self.sum_wg, self.sum_w, out=result, where=self.sum_w > 0)
        return result

    @property
    def g1(self) -> np.ndarray:
        """The first component of the mean reduced shear, ``(ny, nx)``; 0 without galaxies."""
        return self.shear.real

    @property
    def g2(self) -> np.ndarray:
        """The second component of the mean reduced shear, ``(ny, nx)``; 0 without galaxies."""
        return self.shear.imag

    @cached_property
    def noise_sum(self) -> np.ndarray:
        r"""The sum of weight squared times noise variance in each pixel, ``(ny, nx)``.

        The sum is over the galaxies of the pixel. The variance is that of the reduced shear per
        component, from the intrinsic dispersion and the measurement error.
        """
        intrinsic, measurement = self.calibration.noise_squares(self.sigma_e)
        weights = self.pixel_weights if self.sigma_e is None else None
        by_weight = None if weights is None else self.calibration.variance_by_weight()
        total: Any
        if weights is not None and by_weight is not None:
            total = weights.noise_sum(by_weight).reshape(self.shape)
        else:
            total = self.sum_w2v_e if intrinsic is None else intrinsic * self.sum_w2
        if measurement:
            total = total + self.sum_w2v_m
        return total * self.calibration.gain**2

    @property
    def measurement_error(self) -> np.ndarray | None:
        """The rms measurement error of the reduced shear per component, ``(ny, nx)``.

        The mean over the galaxies of a pixel is weighted with their squared weights. The error is 0
        in pixels without galaxies. It is None if the catalog has no column ``sigma_m``.
        """
        if self.sum_w2v_m is None:
            return None
        result = np.zeros(self.shape)
        np.divide(self.sum_w2v_m, self.sum_w2, out=result, where=self.sum_w2 > 0)
        return np.sqrt(result) * self.calibration.gain

    @property
    def mean_measurement_error(self) -> float | None:
        """The rms measurement error of the reduced shear per component, over the map.

        The mean over the galaxies is weighted with their squared weights. The error is None if the
        catalog has no column ``sigma_m``, and 0 if the map has no galaxies.
        """
        if self.sum_w2v_m is None:
            return None
        total = float(np.sum(self.sum_w2))
        if not total > 0:
            return 0.0
        return float(np.sqrt(np.sum(self.sum_w2v_m) / total)) * self.calibration.gain

    @property
    def sigma(self) -> np.ndarray:
        r"""The standard deviation of the mean reduced shear per component, ``(ny, nx)``.

        It is :math:`\sqrt{\sum w^2 \sigma^2} / \sum w` over the galaxies of the pixel, with the
        weight :math:`w` and the noise variance :math:`\sigma^2`. It is infinite in pixels without
        galaxies.
        """
        result = np.full(self.shape, np.inf)
        np.divide(np.sqrt(self.noise_sum), self.sum_w, out=result, where=self.sum_w > 0)
        return result

    def with_ellipticities(self, sum_we: np.ndarray) -> ShearGrid:
        """Return a copy with new ellipticities, such as those of a noise realization.

        Parameters
        ----------
        sum_we : `numpy.ndarray`
            The new sums of weight times ellipticity, without additive bias, complex, ``(ny, nx)``.

        Returns
        -------
        ShearGrid
            The new grid. All other arrays are shared with this grid.
        """
        new = replace(self, sum_we=sum_we, sum_wc=None)
        # Cached properties of the map are the same for all realizations.
        for name in ("pixel_frame", "_squared_rotation", "noise_sum"):
            if name in self.__dict__:
                new.__dict__[name] = self.__dict__[name]
        return new


def _check_sigma_e(sigma_e: float | None) -> None:
    if sigma_e is not None and not (np.isfinite(sigma_e) and sigma_e > 0):
        raise ParameterError("sigma_e", "None or a positive number", repr(sigma_e))


def _same_wcs(one: WCS, other: WCS) -> bool:
    """Return whether two WCS are equal, including distortions, which wcslib does not compare."""
    return one is other or (
        isinstance(one, WCS) and isinstance(other, WCS)
        and one.wcs.compare(other.wcs)
        and one.to_header_string(relax=True) == other.to_header_string(relax=True)
    )
