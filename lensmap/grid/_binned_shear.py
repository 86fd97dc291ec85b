# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`BinnedShear`: base class of the shear on the pixels of a plane and of the sphere."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from lensmap.catalog import Calibration, add_facts
from lensmap.grid._pixel_weights import PixelWeights
from lensmap.grid._sums import SUMS, GridSums, check_both, check_equal
from lensmap.utils import ParameterError

if TYPE_CHECKING:
    from lensmap.grid._assignment import Assignment

__all__ = ["BinnedShear", "check_sigma_e"]


@dataclass(frozen=True, eq=False, kw_only=True)
class BinnedShear:
    """Sums over the galaxies in each pixel, and the calibrated means that follow from them.

    The attributes are those of `lensmap.ShearGrid`, apart from its WCS. Arrays have the shape of
    the pixels, ``(ny, nx)`` on a plane and ``(n,)`` on the sphere.
    """

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

    #: The cached properties that do not depend on the ellipticities.
    _kept: ClassVar[tuple[str, ...]] = ("noise_sum",)

    #: The fields that grids with other sums do not have, and their values there.
    _dropped: ClassVar[dict[str, Any]] = {}

    @property
    def handedness(self) -> int:
        """The handedness of the basis of the shear: 1 for that of (east, north)."""
        return 1

    @property
    def _squared_rotation(self) -> Any:
        """The factor that rotates shear at each pixel from the celestial basis to its own."""
        return 1.0

    @property
    def shape(self) -> Any:
        """The shape of the arrays, ``(ny, nx)`` on a plane."""
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
    def sum_wg(self) -> np.ndarray:
        """The sum of weights times the calibrated mean reduced shear, complex, ``(ny, nx)``.

        The shear is in the basis of the pixel axes (+x, +y).
        """
        if self._is_calibrated and self.sum_wc is None:
            return self.sum_we  # not copied, because it takes a gigabyte for large maps
        return self._calibrated(self.sum_we, self.sum_wc)

    @property
    def _is_calibrated(self) -> bool:
        """Whether the ellipticities are shears already, apart from additive bias."""
        a, b = self.calibration.factors()
        return bool(a == 1 and not _is_anisotropic(a, b) and self.calibration.m == 0)

    def _calibrated(
        self,
        ellipticity: np.ndarray,
        bias: np.ndarray | None,
        pixel: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return calibrated shear from ellipticities, or their sums, in the basis of the pixels.

        ``bias`` is the additive bias of the shear. ``pixel`` has the flat indices of the pixels of
        the ellipticities; None if they are sums in all pixels.
        """
        a, b = self.calibration.factors()
        if self.handedness < 0:
            # On a mirrored map, the shear is conjugated, and so must be the response.
            a, b = np.conj(a), np.conj(b)
        total = ellipticity * a
        if _is_anisotropic(a, b):
            # An anisotropic response is defined on the sky, so rotate it to the pixel axes.
            rotation = self._squared_rotation
            if pixel is not None and np.ndim(rotation):
                rotation = np.ravel(rotation)[pixel]
            total += b * np.conj(ellipticity) * rotation
        if bias is not None:
            total -= bias
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

    def with_ellipticities(self, sum_we: np.ndarray, **changes: Any) -> Self:
        """Return a copy with new ellipticities, such as those of a noise realization.

        Parameters
        ----------
        sum_we : `numpy.ndarray`
            The new sums of weight times ellipticity, without additive bias, complex, ``(ny, nx)``.
        **changes
            Further fields to replace.

        Returns
        -------
        BinnedShear
            The new grid. All other arrays are shared with this grid.
        """
        new = replace(self, sum_we=sum_we, sum_wc=None, **self._dropped | changes)
        # Cached properties of the pixels are the same for all realizations.
        for name in self._kept:
            if name in self.__dict__:
                new.__dict__[name] = self.__dict__[name]
        return new

    def with_calibration(self, calibration: Calibration) -> Self:
        """Return a copy with another calibration, such as that of a survey of which it is a part.

        Parameters
        ----------
        calibration : `lensmap.catalog.Calibration`
            The calibration.

        Returns
        -------
        BinnedShear
            The new grid, which shares all arrays with this grid.
        """
        new = replace(self, calibration=calibration)
        for name in self._kept:
            if name != "noise_sum" and name in self.__dict__:
                new.__dict__[name] = self.__dict__[name]
        return new

    def minus_shear(self, shear: np.ndarray) -> Self:
        """Return a copy from whose calibrated mean shear a field is subtracted.

        Parameters
        ----------
        shear : `numpy.ndarray`
            The shear to subtract, in the basis of the pixels, complex, ``(ny, nx)``.

        Returns
        -------
        BinnedShear
            The new grid.
        """
        return self._with_sum_wg(self.sum_wg - self.sum_w * shear)

    def with_factor(self, factor: np.ndarray) -> Self:
        """Return a copy whose calibrated mean shear is multiplied by a factor.

        Parameters
        ----------
        factor : `numpy.ndarray`
            The factor, such as 1 minus the convergence, ``(ny, nx)``.

        Returns
        -------
        BinnedShear
            The new grid.
        """
        return self._with_sum_wg(self.sum_wg * factor)

    def _with_sum_wg(self, sum_wg: np.ndarray) -> Self:
        """Return a copy with other sums of the calibrated shear; the noise is that of this grid."""
        new = replace(self, **self._dropped)
        for name in self._kept:
            if name in self.__dict__:
                new.__dict__[name] = self.__dict__[name]
        new.__dict__["sum_wg"] = sum_wg
        return new

    @staticmethod
    def _from_sums_fields(
        sums: GridSums, assignment: Assignment, sigma_e: float | None
    ) -> dict[str, Any]:
        """Return the fields of a grid, whose arrays are those of a `GridSums`.

        ``sigma_e`` is the intrinsic dispersion per component; None uses the column ``sigma_e`` or,
        without this column, the measured scatter of the ellipticities.
        """
        return {
            "mask": assignment.mask,
            **sums.arrays,
            "calibration": sums.calibration,
            "frame": sums.frame,
            "sigma_e": None if sigma_e is None else float(sigma_e),
            "scheme": assignment.scheme,
            "n_outside": sums.n_outside,
            "n_masked": sums.n_masked,
            "n_left_out": sums.n_left_out,
            "convention": sums.convention,
            "kind": sums.kind,
            "origins": sums.origins,
            "survey": sums.survey,
            "selection": sums.selection,
            "extra": sums.extra,
            "pixel_weights": PixelWeights.concatenate(sums.weights) if sums.weights else None,
        }

    def _plus(self, other: Self) -> Self:
        """Return the sum of two grids on the same pixels."""
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
            self, **sums, **numbers, **self._dropped, extra=extra, pixel_weights=weights,
            selection=add_facts(self.selection, other.selection),
        )


def _is_anisotropic(a: complex, b: complex) -> bool:
    """Return whether the factors of a calibration depend on the direction of the shear."""
    return abs(b) > 1e-12 * abs(a)


def check_sigma_e(sigma_e: float | None) -> None:
    """Raise an error if an intrinsic dispersion is neither None nor positive."""
    if sigma_e is not None and not (np.isfinite(sigma_e) and sigma_e > 0):
        raise ParameterError("sigma_e", "None or a positive number", repr(sigma_e))
