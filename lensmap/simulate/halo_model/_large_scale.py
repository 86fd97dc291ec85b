# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Large-scale density in a plane: a lognormal field with a given power on a periodic grid."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy.fft

__all__ = ["LARGEST_LINEAR_BIAS", "LognormalField", "white_noise"]

#: With more than this, too much of a linear bias would be cut off where there is little matter.
LARGEST_LINEAR_BIAS = 2.0

# The largest standard deviation of the logarithm of a density.
_LARGEST_EXPONENT = 2.5


def white_noise(shape, rng, dtype=np.float32):
    """Return the transform of real white noise of variance 1.

    Parameters
    ----------
    shape : tuple of int
        ``(ny, nx)``.
    rng : `numpy.random.Generator`
        The source of random numbers.
    dtype : numpy.dtype
        ``float32`` or ``float64``.

    Returns
    -------
    `numpy.ndarray`
        Complex, ``(ny, nx // 2 + 1)``, as of `scipy.fft.rfft2`.
    """
    return scipy.fft.rfft2(rng.standard_normal(shape, dtype=dtype))


class LognormalField:
    r"""A lognormal density contrast :math:`\delta = \exp(g - \sigma^2/2) - 1`, g Gaussian.

    The Gaussian field's correlation is :math:`\ln(1 + \xi)`, so that the density has the
    correlation :math:`\xi`, that is the power which is asked for.

    Parameters
    ----------
    power : `numpy.ndarray`
        The power of the density contrast at each wave number of the grid, in units of the area
        of a pixel, ``(ny, nx // 2 + 1)``.
    shape : tuple of int
        ``(ny, nx)``.
    dtype : numpy.dtype
        ``float32`` or ``float64``.
    smoothing : float or `numpy.ndarray`
        What the amplitudes of the Gaussian field that rare tracers follow are multiplied by,
        ``(ny, nx // 2 + 1)``.

    References
    ----------
    Coles & Jones 1991, MNRAS 248, 1.
    """

    def __init__(self, power, shape, dtype=np.float32, *, smoothing=1.0):
        self.shape = tuple(shape)
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
        # What only the search for the power needs does not travel.
        return {**self.__dict__, "_gaussian": None, "_power": None}

    def draw(self, rng):
        """Draw the density, and the smoothed Gaussian field that rare tracers follow.

        Parameters
        ----------
        rng : `numpy.random.Generator`
            The source of random numbers.

        Returns
        -------
        density, smooth : `numpy.ndarray`
            ``(ny, nx)`` each: the density in units of its mean, and the Gaussian field after its
            smoothing.
        """
        noise = white_noise(self.shape, rng, self._amplitude.dtype)
        noise *= self._amplitude
        gaussian = scipy.fft.irfft2(noise, self.shape)
        noise *= self._smoothing
        smooth = scipy.fft.irfft2(noise, self.shape)
        gaussian -= gaussian.dtype.type(self.variance / 2)
        return np.exp(gaussian, out=gaussian), smooth

    def power_with(self, smooth, responses, tracers):
        r"""Return the power of all matter, the part within halos excepted.

        For the density and rare tracers, exponentials of Gaussian fields, it is exact:
        :math:`\langle e_1 e_2 \rangle - 1 = \exp(b_1 b_2 \xi_{12}) - 1`.

        Parameters
        ----------
        smooth : float
            The response of what follows the density itself.
        responses : list of `numpy.ndarray`
            Those of the mass in tracers, bias included, on the grid of wave numbers.
        tracers : list
            What `tracer` gave for each.

        Returns
        -------
        `numpy.ndarray`
            As the power that the field was made with, ``(ny, nx // 2 + 1)``.
        """
        linear = smooth + sum(
            response
            for response, tracer in zip(responses, tracers, strict=True)
            if isinstance(tracer, _Linear)
        )
        rare = [
            (response / tracer.asked, tracer.bias)
            for response, tracer in zip(responses, tracers, strict=True)
            if isinstance(tracer, _Rare)
        ]
        total = linear**2 * self._power
        if not rare:
            return total
        smoothing = np.asarray(self._smoothing, dtype=float)
        once, twice = (
            scipy.fft.irfft2(self._gaussian * smoothing**n, self.shape) for n in (1, 2)
        )
        for i, (part, bias) in enumerate(rare):
            total += 2 * linear * part * scipy.fft.rfft2(np.expm1(bias * once)).real
            for j, (other, other_bias) in enumerate(rare[: i + 1]):
                pair = scipy.fft.rfft2(np.expm1(bias * other_bias * twice)).real
                total += (1 if i == j else 2) * part * other * pair
        return total

    def tracer(self, bias):
        r"""Return what makes tracers of the density with a bias.

        Up to a bias of 2 it is a linear one, where there is enough matter for it: the density of
        tracers is :math:`\max(0, 1 + b' \delta) / n`, where n makes its mean 1 and b' its
        response to the density on large scales b. (On large scales any function F of a Gaussian
        field follows it with the slope :math:`\langle F g \rangle / \sigma^2`, which is 1 for the
        matter itself.) Rarer tracers follow the field smoothed over the region that they formed
        from, by :math:`\exp(b g - b^2 \sigma^2 / 2)`, whose response is b at any height.

        Parameters
        ----------
        bias : float
            The bias b, positive.

        Returns
        -------
        callable
            From the two fields that `draw` gave to the density of tracers in units of its mean,
            positive or 0, of mean 1 over many draws.
        """
        if bias > LARGEST_LINEAR_BIAS:
            # The rarest would all stand in a few pixels: there is hardly one of them.
            largest = _LARGEST_EXPONENT / np.sqrt(max(self.smooth_variance, 1e-12))
            return _Rare(min(bias, largest), self.smooth_variance, bias)
        nodes, weights = _gauss_hermite()
        sigma = np.sqrt(self.variance)
        contrast = np.expm1(sigma * nodes - self.variance / 2)

        def response(slope):
            density = np.maximum(1 + slope * contrast, 0.0)
            norm = np.sum(weights * density)
            return np.sum(weights * density * nodes) / sigma / norm, norm

        low, high = bias, 30 * bias
        if bias <= 1 or response(high)[0] <= bias:  # nothing is cut, or no slope reaches the bias
            slope = bias if bias <= 1 else high
            return _Linear(slope, response(slope)[1])
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if response(middle)[0] < bias else (low, middle)
        return _Linear(low, response(low)[1])


class _Linear(NamedTuple):
    slope: float
    norm: float

    def __call__(self, density, smooth):
        traced = density * density.dtype.type(self.slope / self.norm)
        traced += density.dtype.type((1 - self.slope) / self.norm)
        return np.maximum(traced, 0, out=traced)


class _Rare(NamedTuple):
    bias: float
    variance: float
    asked: float

    def __call__(self, density, smooth):
        traced = smooth * smooth.dtype.type(self.bias)
        traced -= smooth.dtype.type(self.bias**2 * self.variance / 2)
        return np.exp(traced, out=traced)


@lru_cache(maxsize=1)
def _gauss_hermite():
    """Return nodes and weights of means over a normal distribution."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(300)
    return nodes, weights / weights.sum()
