# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The binned catalogue of a mock survey without the catalogue: for training, where speed counts."""

import numpy as np

from lensmap.catalog import Calibration
from lensmap.grid import PixelFrame, ShearGrid
from lensmap.masks import pixel_mask
from lensmap.simulate.counts import PoissonCounts
from lensmap.simulate.lensing_field import filled
from lensmap.simulate.positions import pixel_areas
from lensmap.utils import chunk_slices, thread_map

__all__ = ["GridSampler"]

# Pixels with a random generator of their own: the same grid, however many threads share the work.
# Fewer where there are many galaxies in each, which are drawn one by one.
_CHUNK = 32_768
_CHUNK_GALAXIES = 4_000_000


class GridSampler:
    r"""Draws what a catalogue would be after binning, pixel by pixel.

    In each pixel the number of galaxies is Poisson, their weights are drawn one by one, and
    their weighted mean ellipticity is Gaussian about the reduced shear of the pixel, with the
    variance that these weights give it:

    .. math:: \frac{\sum w^2 (\sigma_e^2 f(|g|) + \sigma_m^2)}{(\sum w)^2}

    with f of `IntrinsicEllipticities.variance_factor`. Compared with a catalogue, the pixel's
    mean convergence and shear stand for those at each galaxy, ellipticities are Gaussian where
    there are few, and masks are asked about the centres of pixels.

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
        expected = np.where(self._mask, 0.0, density * pixel_areas(wcs))
        self._counts = PoissonCounts(expected.ravel())
        most = max(float(expected.max(initial=0.0)), 1.0)
        self._chunk = max(1, min(_CHUNK, int(_CHUNK_GALAXIES / most)))
        self._intrinsic = intrinsic
        weights = measurement.weight_quantiles.astype(np.float32)
        self._constant = float(weights[0]) if weights.min() == weights.max() else None
        # A pair of numbers as one: looked up and summed in one go.
        self._weights = (weights + 1j * weights**2).astype(np.complex64)

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
        shape, n = self._mask.shape, self._mask.size
        mask, unknown = self._mask, None
        if field is not None and field.kappa.mask.any():
            mask, unknown = mask | field.kappa.mask, field.kappa.mask.ravel()
        shear = None if field is None else _image_shear(field).ravel()
        count = np.empty(n, dtype=np.int64)
        sums, sum_we = np.empty(n, dtype=np.complex64), np.empty(n, dtype=np.complex64)
        chunks = chunk_slices(n, self._chunk)

        def fill(item):
            rows, own = item
            count[rows] = self._counts.draw(rows, own)
            if unknown is not None:
                count[rows][unknown[rows]] = 0
            sums[rows] = self._sum_weights(count[rows], own)
            g = None if shear is None else shear[rows]
            sum_we[rows] = self._ellipticities(g, sums[rows], own)

        thread_map(fill, zip(chunks, rng.spawn(len(chunks)), strict=True), n)
        sum_w = sums.real.reshape(shape).copy()
        return self._grid(
            mask, count.reshape(shape), sum_w, sums.imag.reshape(shape), sum_we.reshape(shape)
        )

    def _sum_weights(self, count, rng):
        """Return the sums of weights (real) and of their squares (imaginary) of each pixel."""
        if self._constant is not None:
            return count * self._weights[0]
        total = int(count.sum())
        weights = np.zeros(total + 1, dtype=np.complex64)
        which = rng.integers(0, 65536, total, dtype=np.uint16)
        # "clip" writes where it shall at once; no index is ever out of range
        self._weights.take(which, out=weights[:total], mode="clip")
        ends = np.cumsum(count)
        sums = np.add.reduceat(weights, ends - count)
        # Where there is nothing to add, reduceat gives what comes next.
        sums[count == 0] = 0
        return sums

    def _ellipticities(self, g, sums, rng):
        """Return the sums of weight times ellipticity of pixels with these sums of weights."""
        noise = rng.standard_normal(2 * len(sums), dtype=np.float32).view(np.complex64)
        # w is the inverse variance of an unlensed galaxy: so is the sum that of the sum.
        variance = sums.real.copy()
        if g is not None:
            factor = self._intrinsic.variance_factor(g.real**2 + g.imag**2).astype(np.float32)
            factor -= 1
            factor *= np.float32(self._intrinsic.sigma_e**2)
            factor *= sums.imag
            variance += factor
            np.maximum(variance, 0, out=variance)
        noise *= np.sqrt(variance, out=variance)
        if g is not None:
            noise += g * sums.real
        return noise

    def _grid(self, mask, count, sum_w, sum_w2, sum_we):
        square = np.float32(self._intrinsic.sigma_e**2)
        sum_w2 = sum_w2.copy()
        # w^2 sigma_m^2 is w - w^2 sigma_e^2, since w is the inverse of the two squares together.
        sum_w2v_e = square * sum_w2
        sum_w2v_m = np.maximum(sum_w - sum_w2v_e, 0)
        n, total, total2, total2m = (
            float(part.sum(dtype=float)) for part in (count, sum_w, sum_w2, sum_w2v_m)
        )
        calibration = Calibration(
            sum_w=total,
            sum_w2=total2,
            # of an unlensed sky; only catalogues that do not say their noise ask for these two
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


def _image_shear(field):
    """Return the mean ellipticity of images: g, or 1 / conj(g) where that is above 1."""
    gamma, rest = field.gamma, 1 - filled(field.kappa)
    inverted = np.abs(gamma) > np.abs(rest)
    if inverted.any():
        gamma, rest = np.where(inverted, rest, gamma), np.where(inverted, np.conj(gamma), rest)
    # without shear there is none, whatever it is divided by
    return (gamma / np.where(rest == 0, 1, rest)).astype(np.complex64)
