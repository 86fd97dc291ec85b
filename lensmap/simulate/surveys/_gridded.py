# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The binned catalog of a mock survey without the catalog: for training, where speed counts."""

import numpy as np

from lensmap.catalog import Calibration
from lensmap.grid import PixelFrame, ShearGrid
from lensmap.masks import pixel_mask
from lensmap.simulate.fields import filled
from lensmap.simulate.surveys._pixel_sampler import PixelSampler, image_shear
from lensmap.simulate.surveys._positions import pixel_areas

__all__ = ["GridSampler"]


class GridSampler:
    r"""Draws what a catalog would be after binning, pixel by pixel.

    `PixelSampler` draws the pixels. Compared with a catalog, the pixel's mean convergence and
    shear stand for those at each galaxy, ellipticities are Gaussian where there are few, and
    masks are asked about the centers of pixels.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A celestial WCS with its ``array_shape``.
    density : float
        Galaxies per square arcminute.
    mask : object or None
        What `lensmap.masks.SkyMask` takes.
    intrinsic : IntrinsicEllipticities
        The ellipticities before lensing.
    measurement : MeasurementError
        The measurement errors and weights.
    """

    def __init__(self, wcs, density, mask, intrinsic, measurement):
        self.wcs = wcs
        self._parity = PixelFrame(wcs).parity
        self._mask = pixel_mask(mask, wcs)
        self._square = np.float32(intrinsic.sigma_e**2)
        expected = np.where(self._mask, 0.0, density * pixel_areas(wcs))
        self._pixels = PixelSampler(expected, intrinsic, measurement)

    def fits(self, wcs):
        """Say whether this sampler was made for the pixels of another WCS."""
        return (
            wcs is self.wcs
            or wcs.array_shape == self.wcs.array_shape
            and not (wcs.has_distortion or self.wcs.has_distortion)
            and wcs.wcs.compare(self.wcs.wcs)
        )

    def draw(self, field, rng):
        """Draw a grid.

        Parameters
        ----------
        field : LensingField or None
            What lenses the galaxies.
        rng : `numpy.random.Generator`
            The source of random numbers.

        Returns
        -------
        ShearGrid
            Single precision.
        """
        mask, shear, unknown = self._mask, None, None
        if field is not None:
            shear = image_shear(filled(field.kappa), field.gamma)
            if field.kappa.mask.any():
                mask, unknown = mask | field.kappa.mask, field.kappa.mask
        return self._grid(mask, self._pixels.draw(shear, rng, empty=unknown))

    def _grid(self, mask, drawn):
        square, (count, sum_w, sum_w2, sum_we) = self._square, drawn
        # w^2 sigma_m^2 is w - w^2 sigma_e^2, since w is the inverse of the two squares together.
        sum_w2v_e = square * sum_w2
        sum_w2v_m = np.maximum(sum_w - sum_w2v_e, 0)
        n, total, total2, total2m = (
            float(part.sum(dtype=float)) for part in (count, sum_w, sum_w2, sum_w2v_m)
        )
        calibration = Calibration(
            sum_w=total,
            sum_w2=total2,
            # of an unlensed sky; only catalogs that do not say their noise ask for these two
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
        )
