# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Shear grids of mock surveys, drawn without making a catalog, for fast training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lensmap.catalog import Calibration
from lensmap.grid import PixelFrame, ShearGrid
from lensmap.masks import pixel_mask
from lensmap.simulate.fields import filled
from lensmap.simulate.surveys._pixel_sampler import PixelSampler, image_shear
from lensmap.simulate.surveys._positions import pixel_areas
from lensmap.utils import check_memory

if TYPE_CHECKING:
    from astropy.wcs import WCS

    from lensmap.simulate.fields import LensingField
    from lensmap.simulate.surveys._ellipticities import IntrinsicEllipticities
    from lensmap.simulate.surveys._measurement_error import MeasurementError
    from lensmap.typing import MaskLike

__all__ = ["GridSampler", "SamplerCache"]

_BYTES_PER_PIXEL = 170.0  # at most, while a sampler is made


class GridSampler:
    r"""Draw the shear grid of a mock survey pixel by pixel, without making a catalog.

    A shear grid holds the weighted mean ellipticity and the sums of weights in each pixel, which
    are drawn by a ``PixelSampler``. The result differs from binning a
    catalog in three ways. All galaxies in a pixel have the mean convergence and shear of the pixel.
    The mean ellipticity of a pixel has a Gaussian distribution even for few galaxies. A mask
    excludes a whole pixel if it excludes the center of the pixel.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A celestial WCS with ``array_shape`` set.
    density : float
        The mean number of galaxies per square arcminute.
    mask : mask-like or None
        The mask of the survey, in any form that `lensmap.masks.SkyMask` accepts. None excludes
        nothing.
    intrinsic : IntrinsicEllipticities
        The distribution of the ellipticities before lensing.
    measurement : MeasurementError
        The distribution of the measurement errors and weights.
    """

    def __init__(
        self,
        wcs: WCS,
        density: float,
        mask: MaskLike | None,
        intrinsic: IntrinsicEllipticities,
        measurement: MeasurementError,
    ) -> None:
        ny, nx = wcs.array_shape
        check_memory(
            _BYTES_PER_PIXEL * ny * nx, f"a survey of {ny} x {nx} pixels",
            "use fewer or larger pixels",
        )
        self.wcs = wcs
        self._parity = PixelFrame(wcs).parity
        self._mask = pixel_mask(mask, wcs)
        self._sigma_e_squared = np.float32(intrinsic.sigma_e**2)
        expected = np.where(self._mask, 0.0, density * pixel_areas(wcs))
        self._pixels = PixelSampler(expected, intrinsic, measurement)

    def fits(self, wcs: WCS) -> bool:
        """Return whether the pixels of another WCS are those for which this sampler was made.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`
            The other WCS.

        Returns
        -------
        bool
            True if the two WCS are equal. WCS with distortions are equal only if they are the same
            object.
        """
        return (
            wcs is self.wcs
            or wcs.array_shape == self.wcs.array_shape
            and not (wcs.has_distortion or self.wcs.has_distortion)
            and wcs.wcs.compare(self.wcs.wcs)
        )

    def draw(self, field: LensingField | None, rng: np.random.Generator) -> ShearGrid:
        """Draw a random shear grid: the galaxies of a mock survey, binned in pixels.

        Parameters
        ----------
        field : LensingField or None
            The field that lenses the galaxies. If None, the galaxies are not lensed.
        rng : `numpy.random.Generator`
            The random number generator.

        Returns
        -------
        ShearGrid
            The shear grid, in single precision.
        """
        mask, shear, field_mask = self._mask, None, None
        if field is not None:
            shear = image_shear(filled(field.kappa), field.gamma)
            if field.kappa.mask.any():
                mask, field_mask = mask | field.kappa.mask, field.kappa.mask
        return self._grid(mask, *self._pixels.draw(shear, rng, empty=field_mask))

    def _grid(self, mask, count, sum_w, sum_w2, sum_we):
        square = self._sigma_e_squared
        # w = 1 / (sigma_e^2 + sigma_m^2), so that w^2 sigma_m^2 = w - w^2 sigma_e^2.
        sum_w2v_e = square * sum_w2
        sum_w2v_m = np.maximum(sum_w - sum_w2v_e, 0)
        n, total, total2, total2m = (
            float(plane.sum(dtype=float)) for plane in (count, sum_w, sum_w2, sum_w2v_m)
        )
        calibration = Calibration(
            sum_w=total,
            sum_w2=total2,
            # These two are used only for catalogs without sigma_e and sigma_m, so they are set to
            # their expectation without lensing.
            sum_we2=n,
            sum_w2e2=total,
            sum_wv_m=n - float(square) * total,
            sum_w2v_m=total2m,
            sum_wv_e=float(square) * total,
            sum_w2v_e=float(square) * total2,
        )
        return ShearGrid(
            wcs=self.wcs,
            parity=self._parity,
            mask=mask,
            sum_we=sum_we,
            sum_w=sum_w,
            sum_w2=sum_w2,
            sum_wc=None,
            sum_w2v_m=sum_w2v_m,
            sum_w2v_e=sum_w2v_e,
            count=count,
            calibration=calibration,
            # Set to its expectation without lensing, as in the calibration.
            extra={"sum_w2e2_whole": 2 * sum_w},
        )


class SamplerCache:
    """A cache of the last ``GridSampler``, because successive fields often have the same pixels.

    The cache is empty after pickling, so another process makes its own sampler.

    Attributes
    ----------
    last : GridSampler or None
        The last sampler, or None if no sampler has been made yet.
    """

    def __init__(self) -> None:
        self.last: GridSampler | None = None

    def __reduce__(self) -> tuple:
        return SamplerCache, ()

    def get(
        self,
        wcs: WCS,
        density: float,
        mask: MaskLike | None,
        intrinsic: IntrinsicEllipticities,
        measurement: MeasurementError,
    ) -> GridSampler:
        """Return a ``GridSampler`` for a WCS: the last one if the pixels agree, or a new one.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`
            A celestial WCS with ``array_shape`` set.
        density, mask, intrinsic, measurement
            The density of galaxies, the mask, and the distributions of ellipticities and of
            measurement errors, as for ``GridSampler``. They must be the same in each call.

        Returns
        -------
        GridSampler
            The sampler for the pixels of ``wcs``.
        """
        if self.last is None or not self.last.fits(wcs):
            self.last = GridSampler(wcs, density, mask, intrinsic, measurement)
        return self.last
