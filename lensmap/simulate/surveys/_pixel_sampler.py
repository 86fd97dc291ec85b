# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Draw the galaxy counts, weights and mean ellipticities of pixels, without making a catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lensmap.simulate.surveys._counts import PoissonCounts
from lensmap.utils import chunk_slices, thread_map

if TYPE_CHECKING:
    from lensmap.simulate.surveys._ellipticities import IntrinsicEllipticities
    from lensmap.simulate.surveys._measurement_error import MeasurementError

__all__ = ["PixelSampler", "image_shear"]

# Each chunk of pixels has its own generator, so the result does not depend on the number of
# threads. Chunks have fewer pixels if there are many galaxies in a pixel, because weights are drawn
# for each galaxy.
_PIXELS_PER_CHUNK = 32_768
_GALAXIES_PER_CHUNK = 4_000_000


class PixelSampler:
    r"""Draw random sums of weights and ellipticities over the galaxies in each pixel.

    In each pixel, the number of galaxies is drawn from a Poisson distribution, and a weight is
    drawn for each galaxy. The weighted mean ellipticity is drawn from a Gaussian distribution. Its
    mean is the mean ellipticity of lensed galaxies at the reduced shear g of the pixel, and its
    variance per component is

    .. math:: \frac{\sum w^2 (\sigma_e^2 f(|g|) + \sigma_m^2)}{(\sum w)^2}

    where f is ``IntrinsicEllipticities.variance_factor``.

    Parameters
    ----------
    expected : `numpy.ndarray`
        The expected number of galaxies in each pixel, ``(ny, nx)``. It is 0 for empty pixels.
    intrinsic : IntrinsicEllipticities
        The distribution of the ellipticities before lensing.
    measurement : MeasurementError
        The distribution of the measurement errors and weights.
    """

    def __init__(
        self,
        expected: np.ndarray,
        intrinsic: IntrinsicEllipticities,
        measurement: MeasurementError,
    ) -> None:
        self.shape = expected.shape
        self._counts = PoissonCounts(expected.ravel())
        max_expected = max(float(expected.max(initial=0.0)), 1.0)
        self._chunk = max(1, min(_PIXELS_PER_CHUNK, int(_GALAXIES_PER_CHUNK / max_expected)))
        self._intrinsic = intrinsic
        weights = measurement.weight_quantiles.astype(np.float32)
        self._equal_weights = weights.min() == weights.max()
        # Weights and squared weights are summed together, as real and imaginary parts.
        self._weights = (weights + 1j * weights**2).astype(np.complex64)

    def draw(
        self,
        shear: np.ndarray | None,
        rng: np.random.Generator,
        empty: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Draw galaxy counts, and sums of weights and ellipticities, in each pixel.

        Parameters
        ----------
        shear : `numpy.ndarray` or None
            The mean ellipticity of lensed galaxies in each pixel, complex, ``(ny, nx)``, as
            returned by ``image_shear``. None means no lensing.
        rng : `numpy.random.Generator`
            The random number generator.
        empty : `numpy.ndarray` or None
            True for pixels in which no galaxies are drawn, in addition to those where none are
            expected, bool, ``(ny, nx)``. None for no additional pixels.

        Returns
        -------
        count : `numpy.ndarray`
            The number of galaxies in each pixel, int64, ``(ny, nx)``.
        sum_w, sum_w2 : `numpy.ndarray`
            The sums of the weights, which are inverse variances, and of the squared weights,
            float32, ``(ny, nx)``.
        sum_we : `numpy.ndarray`
            The sum of weight times ellipticity, complex64, ``(ny, nx)``.
        """
        n = self.shape[0] * self.shape[1]
        shear = None if shear is None else shear.ravel()
        empty = None if empty is None else empty.ravel()
        count = np.empty(n, dtype=np.int64)
        sums, sum_we = np.empty(n, dtype=np.complex64), np.empty(n, dtype=np.complex64)
        chunks = chunk_slices(n, self._chunk)

        def fill(task):
            rows, chunk_rng = task
            count[rows] = self._counts.draw(rows, chunk_rng)
            if empty is not None:
                count[rows][empty[rows]] = 0
            sums[rows] = self._sum_weights(count[rows], chunk_rng)
            g = None if shear is None else shear[rows]
            sum_we[rows] = self._sum_ellipticities(g, sums[rows], chunk_rng)

        thread_map(fill, zip(chunks, rng.spawn(len(chunks)), strict=True), n)
        sum_w, sum_w2 = sums.real.copy(), sums.imag.copy()
        return (
            count.reshape(self.shape), sum_w.reshape(self.shape), sum_w2.reshape(self.shape),
            sum_we.reshape(self.shape),
        )

    def _sum_weights(self, count, rng):
        """Draw the sums of galaxy weights and of squared weights in each pixel.

        ``count`` is the number of galaxies in each pixel, ``(n,)``. The result is complex: its real
        part is the sum of the weights, its imaginary part that of the squared weights, ``(n,)``.
        """
        if self._equal_weights:
            return count * self._weights[0]
        total = int(count.sum())
        weights = np.zeros(total + 1, dtype=np.complex64)
        index = rng.integers(0, 65536, total, dtype=np.uint16)
        # No index is out of range, but only mode "clip" writes to ``out`` without a buffer.
        self._weights.take(index, out=weights[:total], mode="clip")
        ends = np.cumsum(count)
        sums = np.add.reduceat(weights, ends - count)
        # For an empty pixel, reduceat returns the next weight instead of 0.
        sums[count == 0] = 0
        return sums

    def _sum_ellipticities(self, g, sums, rng):
        """Draw the sum of weight times ellipticity over the galaxies in each pixel.

        ``g`` is the mean ellipticity of lensed galaxies in each pixel, ``(n,)``, or None for no
        lensing. ``sums`` holds the sums of the weights (real part) and of the squared weights
        (imaginary part). The result is complex, ``(n,)``.
        """
        noise = rng.standard_normal(2 * len(sums), dtype=np.float32).view(np.complex64)
        # Weights are inverse variances, so the variance of sum(w e) without lensing is sum(w).
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


def image_shear(kappa: np.ndarray, gamma: np.ndarray) -> np.ndarray:
    """Return the mean ellipticity of lensed galaxies: g, or 1 / conj(g) where abs(g) > 1.

    Here g is the reduced shear.

    Parameters
    ----------
    kappa : `numpy.ndarray`
        The convergence, ``(ny, nx)``.
    gamma : `numpy.ndarray`
        The complex shear, ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        The mean ellipticity, complex64, ``(ny, nx)``.
    """
    remainder = 1 - kappa
    inverted = np.abs(gamma) > np.abs(remainder)
    if inverted.any():
        gamma, remainder = (
            np.where(inverted, remainder, gamma), np.where(inverted, np.conj(gamma), remainder)
        )
    # Where kappa is 1 and there is no shear, any divisor gives 0.
    return (gamma / np.where(remainder == 0, 1, remainder)).astype(np.complex64)
