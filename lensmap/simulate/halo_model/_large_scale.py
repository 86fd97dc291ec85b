# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Lognormal density fields with a given power spectrum, and biased tracers such as halos."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

__all__ = ["MAX_LINEAR_BIAS", "LognormalField", "white_noise"]

#: The largest bias of linear tracers. With a higher bias, the density of the tracers would be
#: negative, and so be set to zero, over most of the grid.
MAX_LINEAR_BIAS = 2.0

# The largest standard deviation of the logarithm of the density of rare tracers.
_MAX_LOG_DEVIATION = 2.5


def white_noise(
    shape: tuple[int, int], rng: np.random.Generator, dtype: np.dtype | type = np.float32
) -> np.ndarray:
    """Draw real white noise with unit variance, and return its Fourier transform.

    Parameters
    ----------
    shape : tuple of int
        The shape of the grid in pixels, ``(ny, nx)``.
    rng : `numpy.random.Generator`
        The random number generator.
    dtype : numpy.dtype
        The floating-point precision, ``float32`` or ``float64``.

    Returns
    -------
    `numpy.ndarray`
        The complex transform, ``(ny, nx // 2 + 1)``, as returned by `scipy.fft.rfft2`.
    """
    # numpy's annotation of this dtype parameter leaves out numpy.dtype itself.
    return scipy.fft.rfft2(rng.standard_normal(shape, dtype=dtype))  # type: ignore[arg-type]


class LognormalField:
    r"""A model of lognormal density contrast, :math:`\delta = \exp(g - \sigma^2/2) - 1`.

    Here g is a Gaussian field with variance :math:`\sigma^2` and the correlation function
    :math:`\ln(1 + \xi)`. The density contrast then has the correlation function :math:`\xi`, which
    is the transform of the given power.

    Parameters
    ----------
    power : `numpy.ndarray`
        The power of the density contrast at each wave vector of the grid, in units of the pixel
        area, ``(ny, nx // 2 + 1)``.
    shape : tuple of int
        The shape of the grid in pixels, ``(ny, nx)``.
    dtype : numpy.dtype
        The floating-point precision, ``float32`` or ``float64``.
    smoothing : float or `numpy.ndarray`
        The factor on the Fourier amplitudes that smooths the Gaussian field. Rare tracers, such as
        massive halos, follow the smoothed field. A number, or one for each wave vector,
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
        # Worker processes only draw. These arrays are needed by `total_power` alone.
        return {**self.__dict__, "_gaussian": None, "_power": None}

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw a random density field, and the smoothed Gaussian field that massive halos follow.

        Parameters
        ----------
        rng : `numpy.random.Generator`
            The random number generator.

        Returns
        -------
        density, smooth : `numpy.ndarray`
            The density in units of its mean, and the smoothed Gaussian field, each ``(ny, nx)``.
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
        r"""Return the power spectrum of diffuse matter and halos together, without 1-halo terms.

        Halos are tracers of the density. Each group holds halos of similar mass and bias.

        The power is exact for the density and for rare tracers. Both are exponentials
        :math:`e_i \propto \exp(b_i g_i)` with a mean of 1, where the Gaussian fields :math:`g_1`
        and :math:`g_2` have the correlation function :math:`\xi_{12}`. For these,
        :math:`\langle e_1 e_2 \rangle - 1 = \exp(b_1 b_2 \xi_{12}) - 1`.

        Parameters
        ----------
        diffuse_response : float
            The linear response of the diffuse matter to the density: the ratio of their Fourier
            amplitudes on large scales.
        responses : sequence of `numpy.ndarray`
            The linear response of the mass in each group of tracers to the density at each
            wave vector, each ``(ny, nx // 2 + 1)``. It is proportional to the bias of the group.
        tracers : sequence of LinearTracer or RareTracer
            The function of each group that returns the density of its tracers, from `tracer`.

        Returns
        -------
        `numpy.ndarray`
            The power, in the same units as the power of the field, ``(ny, nx // 2 + 1)``.
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
        r"""Return a function from a drawn matter density to the density of tracers with a bias b.

        Up to a bias of 2, the density of tracers is linear in the density wherever it is positive:
        it is :math:`\max(0, 1 + b' \delta) / n`. The norm n is chosen so that the mean is 1, and
        the slope b' so that the bias on large scales is b. (On large scales, any function F of a
        Gaussian field g follows g with the slope :math:`\langle F g \rangle / \sigma^2`, which is 1
        for the matter density.) Tracers with a higher bias are the rare, massive halos. Their
        density is :math:`\exp(b g - b^2 \sigma^2 / 2)`, where g is the Gaussian field smoothed over
        the region that collapsed into a halo. Its bias is b for any amplitude of g.

        Parameters
        ----------
        bias : float
            The bias b of the tracers, positive.

        Returns
        -------
        LinearTracer or RareTracer
            A function of the two fields returned by `draw`. It returns the density of tracers in
            units of its mean, which is nowhere negative, and is 1 when averaged over many draws.
        """
        if bias > MAX_LINEAR_BIAS:
            # Without this limit, almost all of the rarest tracers would lie in a few pixels.
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
        # Up to a bias of 1, the density never falls to zero, so the slope is the bias. If even the
        # slope ``high`` does not reach the bias, ``high`` is used.
        if bias <= 1 or response(high)[0] <= bias:
            slope = bias if bias <= 1 else high
            return LinearTracer(slope, response(slope)[1])
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if response(middle)[0] < bias else (low, middle)
        return LinearTracer(low, response(low)[1])


class LinearTracer(NamedTuple):
    """Halos whose number density is a linear function of the matter density, cut off at zero."""

    slope: float
    norm: float

    def __call__(self, density: np.ndarray, smooth: np.ndarray) -> np.ndarray:
        """Return the number density of the halos in units of its mean, ``(ny, nx)``.

        ``density`` is the matter density in units of its mean, ``(ny, nx)``. The smoothed Gaussian
        field ``smooth`` is not used.
        """
        traced = density * density.dtype.type(self.slope / self.norm)
        traced += density.dtype.type((1 - self.slope) / self.norm)
        return np.maximum(traced, 0, out=traced)


class RareTracer(NamedTuple):
    """Rare halos whose number density is the exponential of a smoothed Gaussian field."""

    bias: float
    variance: float
    requested_bias: float

    def __call__(self, density: np.ndarray, smooth: np.ndarray) -> np.ndarray:
        """Return the number density of the halos in units of its mean, ``(ny, nx)``.

        ``smooth`` is the smoothed Gaussian field, ``(ny, nx)``. The matter density ``density`` is
        not used.
        """
        traced = smooth * smooth.dtype.type(self.bias)
        traced -= smooth.dtype.type(self.bias**2 * self.variance / 2)
        return np.exp(traced, out=traced)


@lru_cache(maxsize=1)
def _gauss_hermite():
    """Return Gauss-Hermite nodes and weights for means over a standard normal distribution."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(300)
    return nodes, weights / weights.sum()
