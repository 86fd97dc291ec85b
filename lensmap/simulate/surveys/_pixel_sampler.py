# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Counts, weights and mean ellipticities of pixels full of galaxies, drawn without the galaxies."""

import numpy as np

from lensmap.simulate.surveys._counts import PoissonCounts
from lensmap.utils import chunk_slices, thread_map

__all__ = ["PixelSampler", "image_shear"]

# Pixels with a random generator of their own: the same grid, however many threads share the work.
# Fewer where there are many galaxies in each, which are drawn one by one.
_CHUNK = 32_768
_CHUNK_GALAXIES = 4_000_000


class PixelSampler:
    r"""Draws the sums over the galaxies of each pixel.

    In each pixel the number of galaxies is Poisson, their weights are drawn one by one, and
    their weighted mean ellipticity is Gaussian about the reduced shear of the pixel, with the
    variance that these weights give it:

    .. math:: \frac{\sum w^2 (\sigma_e^2 f(|g|) + \sigma_m^2)}{(\sum w)^2}

    with f of `IntrinsicEllipticities.variance_factor`.

    Parameters
    ----------
    expected : `numpy.ndarray`
        The expected number of galaxies in each pixel, ``(ny, nx)``; 0 where there are none.
    intrinsic : IntrinsicEllipticities
        The ellipticities before lensing.
    measurement : MeasurementError
        The measurement errors and weights.
    """

    def __init__(self, expected, intrinsic, measurement):
        self.shape = expected.shape
        self._counts = PoissonCounts(expected.ravel())
        most = max(float(expected.max(initial=0.0)), 1.0)
        self._chunk = max(1, min(_CHUNK, int(_CHUNK_GALAXIES / most)))
        self._intrinsic = intrinsic
        weights = measurement.weight_quantiles.astype(np.float32)
        self._constant = float(weights[0]) if weights.min() == weights.max() else None
        # A pair of numbers as one: looked up and summed in one go.
        self._weights = (weights + 1j * weights**2).astype(np.complex64)

    def draw(self, shear, rng, empty=None):
        """Draw the sums.

        Parameters
        ----------
        shear : `numpy.ndarray` or None
            The mean ellipticity of images, `image_shear`, ``(ny, nx)``; None is no lensing.
        rng : `numpy.random.Generator`
            The source of random numbers.
        empty : `numpy.ndarray` or None
            Bool, ``(ny, nx)``: further pixels without galaxies.

        Returns
        -------
        count : `numpy.ndarray`
            Int64, ``(ny, nx)``: the galaxies in each pixel.
        sum_w, sum_w2 : `numpy.ndarray`
            Float32, ``(ny, nx)``: the sums of weights, which are inverse variances, and of their
            squares.
        sum_we : `numpy.ndarray`
            Complex64, ``(ny, nx)``: the sums of weight times ellipticity.
        """
        n = self.shape[0] * self.shape[1]
        shear = None if shear is None else shear.ravel()
        empty = None if empty is None else empty.ravel()
        count = np.empty(n, dtype=np.int64)
        sums, sum_we = np.empty(n, dtype=np.complex64), np.empty(n, dtype=np.complex64)
        chunks = chunk_slices(n, self._chunk)

        def fill(item):
            rows, own = item
            count[rows] = self._counts.draw(rows, own)
            if empty is not None:
                count[rows][empty[rows]] = 0
            sums[rows] = self._sum_weights(count[rows], own)
            g = None if shear is None else shear[rows]
            sum_we[rows] = self._ellipticities(g, sums[rows], own)

        thread_map(fill, zip(chunks, rng.spawn(len(chunks)), strict=True), n)
        parts = count, sums.real.copy(), sums.imag.copy(), sum_we
        return tuple(part.reshape(self.shape) for part in parts)

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


def image_shear(kappa, gamma):
    """Return the mean ellipticity of images: g, or 1 / conj(g) where that is above 1.

    Parameters
    ----------
    kappa : `numpy.ndarray`
        Convergence, ``(ny, nx)``.
    gamma : `numpy.ndarray`
        Complex shear, ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        Complex64, ``(ny, nx)``.
    """
    rest = 1 - kappa
    inverted = np.abs(gamma) > np.abs(rest)
    if inverted.any():
        gamma, rest = np.where(inverted, rest, gamma), np.where(inverted, np.conj(gamma), rest)
    # without shear there is none, whatever it is divided by
    return (gamma / np.where(rest == 0, 1, rest)).astype(np.complex64)
