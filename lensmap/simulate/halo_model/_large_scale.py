# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Lognormal density fields with a given power on a periodic grid, and biased tracers of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

__all__ = ["MAX_LINEAR_BIAS", "LognormalField", "white_noise"]

#: Linear tracers of a higher bias would be cut off at zero density over most of the grid.
MAX_LINEAR_BIAS = 2.0

# The largest standard deviation of the log density of rare tracers.
_MAX_LOG_DEVIATION = 2.5


def white_noise(
    shape: tuple[int, int], rng: np.random.Generator, dtype: np.dtype | type = np.float32
) -> np.ndarray:
    """Return the Fourier transform of real white noise with unit variance.

    Parameters
    ----------
    shape : tuple of int
        The shape of the grid, ``(ny, nx)``.
    rng : `numpy.random.Generator`
        The random number generator.
    dtype : numpy.dtype
        ``float32`` or ``float64``.

    Returns
    -------
    `numpy.ndarray`
        Complex, ``(ny, nx // 2 + 1)``, as from `scipy.fft.rfft2`.
    """
    # numpy's types of dtype leave out numpy.dtype itself.
    return scipy.fft.rfft2(rng.standard_normal(shape, dtype=dtype))  # type: ignore[arg-type]


class LognormalField:
    r"""A lognormal density contrast :math:`\delta = \exp(g - \sigma^2/2) - 1`, g Gaussian.

    The correlation of the Gaussian field is :math:`\ln(1 + \xi)`, so that the density contrast has
    the correlation :math:`\xi` of the given power.

    Parameters
    ----------
    power : `numpy.ndarray`
        The power of the density contrast at each wave number of the grid, in units of the pixel
        area, ``(ny, nx // 2 + 1)``.
    shape : tuple of int
        The shape of the grid, ``(ny, nx)``.
    dtype : numpy.dtype
        ``float32`` or ``float64``.
    smoothing : float or `numpy.ndarray`
        The factor on the amplitudes of the Gaussian field that rare tracers follow, a number or
        ``(ny, nx // 2 + 1)``.

    References
    ----------
    Coles & Jones 1991, MNRAS 248, 1.
    """

    def __init__(
        self,
        power: np.ndarray,
        shape: tuple[int, int],
        dtype: np.dtype | type = np.float32,
        *,
        smoothing: ArrayLike = 1.0,
    ) -> None:
        self.shape = shape
        power = np.array(power, dtype=float)
        power[0, 0] = 0.0
        correlation = scipy.fft.irfft2(power, shape)
        gaussian = scipy.fft.rfft2(np.log1p(np.maximum(correlation, -0.999))).real
        gaussian = np.maximum(gaussian, 0.0)
        gaussian[0, 0] = 0.0
        self._gaussian, self._power = gaussian, power
        self._amplitude = np.sqrt(gaussian).astype(dtype)
        self._smoothing = np.asarray(smoothing, dtype=dtype)
        self.variance = float(scipy.fft.irfft2(gaussian, shape)[0, 0])
        smooth = gaussian * np.square(self._smoothing, dtype=float)
        self.smooth_variance = float(scipy.fft.irfft2(smooth, shape)[0, 0])

    def __getstate__(self):
        # Workers only draw; `total_power` alone needs these arrays.
        return {**self.__dict__, "_gaussian": None, "_power": None}

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw the density, and the smoothed Gaussian field that rare tracers follow.

        Parameters
        ----------
        rng : `numpy.random.Generator`
            The random number generator.

        Returns
        -------
        density, smooth : `numpy.ndarray`
            The density in units of its mean, and the smoothed Gaussian field, ``(ny, nx)``.
        """
        noise = white_noise(self.shape, rng, self._amplitude.dtype)
        noise *= self._amplitude
        gaussian = scipy.fft.irfft2(noise, self.shape)
        noise *= self._smoothing
        smooth = scipy.fft.irfft2(noise, self.shape)
        gaussian -= gaussian.dtype.type(self.variance / 2)
        return np.exp(gaussian, out=gaussian), smooth

    def total_power(
        self,
        diffuse_response: float,
        responses: Sequence[np.ndarray],
        tracers: Sequence[LinearTracer | RareTracer],
    ) -> np.ndarray:
        r"""Return the power of diffuse matter and tracers together, without 1-halo terms.

        It is exact for the density and for rare tracers, which are exponentials of Gaussian
        fields: :math:`\langle e_1 e_2 \rangle - 1 = \exp(b_1 b_2 \xi_{12}) - 1`.

        Parameters
        ----------
        diffuse_response : float
            The response of matter that follows the density itself.
        responses : sequence of `numpy.ndarray`
            The response of the mass in each kind of tracers, bias included,
            ``(ny, nx // 2 + 1)``.
        tracers : sequence of LinearTracer or RareTracer
            The result of `tracer` for each.

        Returns
        -------
        `numpy.ndarray`
            In the units of the power of the field, ``(ny, nx // 2 + 1)``.
        """
        linear = diffuse_response + sum(
            response
            for response, tracer in zip(responses, tracers, strict=True)
            if isinstance(tracer, LinearTracer)
        )
        rare = [
            (response / tracer.requested_bias, tracer.bias)
            for response, tracer in zip(responses, tracers, strict=True)
            if isinstance(tracer, RareTracer)
        ]
        total = linear**2 * self._power
        if not rare:
            return total
        smoothing = np.asarray(self._smoothing, dtype=float)
        once, twice = (
            scipy.fft.irfft2(self._gaussian * smoothing**n, self.shape) for n in (1, 2)
        )
        for i, (profile, bias) in enumerate(rare):
            total += 2 * linear * profile * scipy.fft.rfft2(np.expm1(bias * once)).real
            for j, (other, other_bias) in enumerate(rare[: i + 1]):
                pair = scipy.fft.rfft2(np.expm1(bias * other_bias * twice)).real
                total += (1 if i == j else 2) * profile * other * pair
        return total

    def tracer(self, bias: float) -> LinearTracer | RareTracer:
        r"""Return the density of tracers with a bias, as a function of the drawn fields.

        Up to a bias of 2, tracers are linear where their density stays positive: their density is
        :math:`\max(0, 1 + b' \delta) / n`, where n makes its mean 1 and b' its response to the
        density on large scales b. (On large scales any function F of a Gaussian field follows it
        with the slope :math:`\langle F g \rangle / \sigma^2`, which is 1 for matter.) Tracers of a
        higher bias are rare: they follow the Gaussian field smoothed over the region that
        collapsed, as :math:`\exp(b g - b^2 \sigma^2 / 2)`, whose response is b at any density.

        Parameters
        ----------
        bias : float
            The bias b, positive.

        Returns
        -------
        LinearTracer or RareTracer
            A function from the two fields of `draw` to the density of tracers in units of its
            mean. The density is not negative, and its mean over many draws is 1.
        """
        if bias > MAX_LINEAR_BIAS:
            # Without this limit the rarest tracers would all fall into a few pixels.
            max_bias = _MAX_LOG_DEVIATION / np.sqrt(max(self.smooth_variance, 1e-12))
            return RareTracer(min(bias, max_bias), self.smooth_variance, bias)
        nodes, weights = _gauss_hermite()
        sigma = np.sqrt(self.variance)
        contrast = np.expm1(sigma * nodes - self.variance / 2)

        def response(slope):
            density = np.maximum(1 + slope * contrast, 0.0)
            norm = np.sum(weights * density)
            return np.sum(weights * density * nodes) / sigma / norm, norm

        low, high = bias, 30 * bias
        # Up to a bias of 1 the density never reaches zero; beyond ``high``, no slope has the bias.
        if bias <= 1 or response(high)[0] <= bias:
            slope = bias if bias <= 1 else high
            return LinearTracer(slope, response(slope)[1])
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if response(middle)[0] < bias else (low, middle)
        return LinearTracer(low, response(low)[1])


class LinearTracer(NamedTuple):
    """Tracers whose density is linear in that of matter, and nowhere negative."""

    slope: float
    norm: float

    def __call__(self, density: np.ndarray, smooth: np.ndarray) -> np.ndarray:
        """Return the density of tracers in units of its mean, ``(ny, nx)``."""
        traced = density * density.dtype.type(self.slope / self.norm)
        traced += density.dtype.type((1 - self.slope) / self.norm)
        return np.maximum(traced, 0, out=traced)


class RareTracer(NamedTuple):
    """Tracers whose density is the exponential of a smoothed Gaussian field."""

    bias: float
    variance: float
    requested_bias: float

    def __call__(self, density: np.ndarray, smooth: np.ndarray) -> np.ndarray:
        """Return the density of tracers in units of its mean, ``(ny, nx)``."""
        traced = smooth * smooth.dtype.type(self.bias)
        traced -= smooth.dtype.type(self.bias**2 * self.variance / 2)
        return np.exp(traced, out=traced)


@lru_cache(maxsize=1)
def _gauss_hermite():
    """Return nodes and weights for means over a normal distribution."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(300)
    return nodes, weights / weights.sum()
