# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""E and B power of a weighted shear field with holes, and its expectation for a power spectrum."""

from typing import NamedTuple

import numpy as np
import scipy.fft
import scipy.special

from lensmap.flatsky._kaiser_squires import shear_kernel
from lensmap.flatsky._modes import to_modes
from lensmap.flatsky._power import mode_ell
from lensmap.utils import check_memory, n_threads

__all__ = ["MaskedPower", "masked_power"]

# Bins of the multipole: their width relative to their multipole, the smallest width in units of the
# fundamental multipole 2 pi / (side of the field), and the highest multipole in units of the
# Nyquist multipole and absolutely. Rings of the few modes below the first bin are not isotropic.
# Above 15 000, shape noise is far above the signal of any survey.
_RELATIVE_WIDTH = 0.12
_MIN_WIDTH = 2.0
_FIRST_EDGE = 1.5
_MAX_OF_NYQUIST = 0.6
_MAX_ELL = 15_000.0

# The model spectrum is integrated up to multiples of the Nyquist multipole, because power beyond
# the Nyquist multipole is aliased: to the larger multiple for pixels so large that this matters.
_MAX_OF_INTEGRAL = (1.2, 2.0)

# Correlations at larger separations only matter for features of the spectrum that are narrower than
# a bin. They are tapered over the last part of this separation.
_MAX_SEPARATION = np.radians(3.0)
_TAPER = 0.3

# The side, in pixels, of the blocks in which the variance of the weighted field is averaged. Its
# fluctuations from pixel to pixel, which the random positions of galaxies cause, do not correlate
# the modes of a bin.
_BLOCK_PIXELS = 8

_BYTES_PER_PIXEL = 150.0


class MaskedPower(NamedTuple):
    r"""The power of a shear field multiplied by weights, in bins of the multipole.

    The power is normalized such that a white spectrum :math:`C_\ell`, without pixel window, gives
    a power E + B of :math:`C_\ell`. The expectation of ``power`` is ``response @ C_ell + noise``.

    Attributes
    ----------
    ell : `numpy.ndarray`
        The multipoles of a model spectrum, evenly spaced, ``(n_ell,)``.
    power : `numpy.ndarray`
        The measured E-mode and B-mode power in steradians, ``(2, n_bins)``.
    response : `numpy.ndarray`
        The expected E-mode and B-mode power per unit of :math:`C_\ell` at ``ell``,
        ``(2, n_bins, n_ell)``. The B-mode response is the leakage caused by holes and edges.
    noise : `numpy.ndarray`
        The expected power of the noise in steradians, the same for E and B, ``(n_bins,)``.
    n_modes : `numpy.ndarray`
        The number of modes in each bin, ``(n_bins,)``.
    signal_map, noise_map : `numpy.ndarray`
        The relative variance of the weighted signal and of the weighted noise in blocks of pixels;
        the mean over the blocks is 1. One-dimensional, of equal length.
    area : float
        The effective area of the field in steradians.
    """

    ell: np.ndarray
    power: np.ndarray
    response: np.ndarray
    noise: np.ndarray
    n_modes: np.ndarray
    signal_map: np.ndarray
    noise_map: np.ndarray
    area: float

    def independent_modes(self, signal: np.ndarray) -> np.ndarray:
        """Return the number of independent modes in each multipole bin, for a given signal.

        Parameters
        ----------
        signal : `numpy.ndarray`
            The power of the signal in steradians, ``(2, n_bins)``.

        Returns
        -------
        `numpy.ndarray`
            The number of independent real modes, ``(2, n_bins)``. The relative variance of the
            measured power is 2 divided by this number. Masks and uneven weights lower the number.
        """
        share = signal / (signal + self.noise)
        square = (
            share**2 * np.mean(self.signal_map**2)
            + 2 * share * (1 - share) * np.mean(self.signal_map * self.noise_map)
            + (1 - share) ** 2 * np.mean(self.noise_map**2)
        )
        return self.n_modes / square


def masked_power(
    weighted_shear: np.ndarray,
    weight: np.ndarray,
    noise_sum: np.ndarray,
    pixel_scale: float,
    *,
    smoothed: int = 1,
) -> MaskedPower | None:
    r"""Measure the power of a weighted shear field, and compute its expectation for any spectrum.

    The field w g is neither apodized nor corrected for holes. Instead, the coupling of modes by the
    weights w is part of the prediction. With the autocorrelation :math:`\Omega(r)` of the weights
    and the correlation functions :math:`\xi_\pm` of the shear, the expectations are

    .. math:: P_E \pm P_B = \sum_r \Omega(r)\, \xi_\pm(r)\, J_{0,4}(\ell r) , \qquad
              \xi_\pm(r) = \int \frac{\ell\, \mathrm{d}\ell}{2\pi} C_\ell J_{0,4}(\ell r) .

    Parameters
    ----------
    weighted_shear : `numpy.ndarray`
        The weight times the mean shear of each pixel in the basis of the pixel axes, complex,
        ``(ny, nx)``. Single precision is kept.
    weight : `numpy.ndarray`
        The weights, ``(ny, nx)``; 0 in pixels without data.
    noise_sum : `numpy.ndarray`
        The noise variance of each component of ``weighted_shear``, ``(ny, nx)``.
    pixel_scale : float
        The side of a pixel in radians.
    smoothed : int
        The number of times that the shear is averaged over a pixel: 1 if galaxies are binned to the
        nearest pixel, 2 if they are shared between pixels (cloud-in-cell). With 2, the noise of
        neighboring pixels is correlated, and ``noise_sum`` is the variance of each pixel alone.

    Returns
    -------
    MaskedPower or None
        The power and its expectation. None if there is neither weight nor noise, or if the field
        has too few pixels for a bin.

    Raises
    ------
    MemoryError
        If the transforms would not fit into memory.

    References
    ----------
    Schneider et al. 2002, A&A 389, 729, eq. 9 (:math:`\xi_\pm`); Hivon et al. 2002, ApJ 567, 2
    (the power of masked fields).
    """
    check_memory(
        _BYTES_PER_PIXEL * weight.size,
        f"the power spectrum of {weight.shape[0]} x {weight.shape[1]} pixels",
        "use larger pixels, or give z_source or power",
    )
    squares = float(np.square(weight, dtype=float).sum())
    noise_total = float(noise_sum.sum(dtype=float))
    if not (squares > 0 and noise_total > 0 and np.isfinite(noise_total)):
        return None
    ny, nx = weight.shape
    shape = scipy.fft.next_fast_len(ny), scipy.fft.next_fast_len(nx)
    diagonal = pixel_scale * float(np.hypot(*weight.shape))
    # With this spacing, the integral over the multipoles is exact up to the largest separation.
    step = np.pi / min(diagonal, _MAX_SEPARATION)
    nyquist = np.pi / pixel_scale
    low, high = (factor * nyquist for factor in _MAX_OF_INTEGRAL)
    n_ell = int(np.ceil(max(low, min(high, 2 * _MAX_ELL)) / step))
    count, total, difference = _ring_sums(weighted_shear, shape, pixel_scale, step, n_ell)
    edges = _bin_edges(2 * np.pi / (max(weight.shape) * pixel_scale), nyquist)
    nodes = np.arange(n_ell) * step
    bins = np.digitize(nodes, edges) - 1
    used = [np.flatnonzero(bins == i) for i in range(len(edges) - 1)]
    used = [members for members in used if count[members].sum() > 0]
    if not used:
        return None
    rings = np.zeros((len(used), n_ell))
    for row, members in zip(rings, used, strict=True):
        row[members] = count[members]
    n_modes = rings.sum(axis=1)
    rings /= n_modes[:, np.newaxis]
    unit = pixel_scale**2 / squares
    mean = np.divide([total, difference], count, out=np.zeros((2, n_ell)), where=count > 0)
    plus, minus = unit * mean @ rings.T
    overlap, radius = _autocorrelation(weight, pixel_scale)
    measure = unit * nodes * step / (2 * np.pi) * _ring_window(nodes * pixel_scale, 2 * smoothed)
    responses = []
    for bessel in _bessel(nodes, radius):
        responses.append((rings @ bessel * overlap) @ bessel.T * measure)
    flat = np.ones(n_ell)
    if smoothed == 2:
        # The squares of the fractions of a galaxy in its four pixels add up to 4/9 on average.
        flat = 9 / 4 * _ring_window(nodes * pixel_scale, 4)
    signal_map, noise_map = (_relative_sums(plane) for plane in (np.square(weight), noise_sum))
    return MaskedPower(
        ell=nodes[1:],
        power=np.array([plus + minus, plus - minus]) / 2,
        response=np.array([responses[0] + responses[1], responses[0] - responses[1]])[..., 1:] / 2,
        noise=unit * noise_total * (rings @ flat),
        n_modes=n_modes * weight.size / float(np.prod(shape)),
        signal_map=signal_map, noise_map=noise_map,
        area=pixel_scale**2 * weight.size / np.mean(signal_map**2),
    )


def _bin_edges(fundamental: float, nyquist: float) -> np.ndarray:
    """Return the edges of the multipole bins, ``(n_bins + 1,)``.

    ``fundamental`` is the lowest multipole of the field, 2 pi divided by its side, and ``nyquist``
    the Nyquist multipole of its pixels.
    """
    edges = [_FIRST_EDGE * fundamental]
    highest = min(_MAX_OF_NYQUIST * nyquist, _MAX_ELL)
    while edges[-1] < highest:
        edges.append(edges[-1] + max(_MIN_WIDTH * fundamental, _RELATIVE_WIDTH * edges[-1]))
    return np.array(edges)


def _ring_sums(
    field: np.ndarray, shape: tuple[int, int], pixel_scale: float, step: float, n_rings: int
) -> np.ndarray:
    """Return the number of Fourier modes and their summed power in rings, ``(3, n_rings)``.

    The rows are the number of modes, and the sums of the powers E + B and E - B of the shear
    ``field``. A ring contains the modes whose multipole is nearest to a multiple of ``step``.
    ``shape`` is the shape of the zero-padded field, and ``pixel_scale`` the side of a pixel in
    radians.
    """
    modes = to_modes(field, shape)
    modes *= np.conj(shear_kernel(shape, modes.dtype.name))
    ring = np.rint(mode_ell(shape, pixel_scale) / step).astype(np.intp).ravel()
    # The modes are E + i B of a real E and a real B, so the mean of the product of opposite modes
    # over a ring is E^2 - B^2.
    opposite = np.roll(modes[::-1, ::-1], (1, 1), axis=(0, 1))
    powers = (np.abs(modes) ** 2, (modes * opposite).real)
    sums = [np.bincount(ring, minlength=n_rings)[:n_rings]]
    sums += [np.bincount(ring, p.ravel().astype(float), n_rings)[:n_rings] for p in powers]
    result = np.array(sums, dtype=float)
    result[:, 0] = 0.0
    return result


def _autocorrelation(weight: np.ndarray, pixel_scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the autocorrelation of a weight map, summed over rings of separations, and the radii.

    The first ring is the separation 0, and others are one pixel wide. The autocorrelation is
    tapered to 0 at the largest separation. The radii are the mean separations of the rings in
    radians. Both arrays have the shape ``(n_rings,)``.
    """
    ny, nx = weight.shape
    shape = tuple(scipy.fft.next_fast_len(2 * n - 1, real=True) for n in weight.shape)
    workers = n_threads(shape[0] * shape[1])
    scale = np.float32(weight.max())
    modes = scipy.fft.rfft2((weight / scale).astype(np.float32), shape, workers=workers)
    np.multiply(modes, np.conj(modes), out=modes)
    overlap = scipy.fft.irfft2(modes, shape, workers=workers)[:ny]
    # Opposite separations have the same overlap, so rows of negative separation are left out.
    rows = np.arange(ny)[:, np.newaxis]
    columns = (scipy.fft.fftfreq(shape[1], 1 / shape[1])).astype(np.float32)
    distance = np.hypot(rows.astype(np.float32), columns)
    ring = np.rint(distance).astype(np.intp)
    twice = np.where(rows == 0, 1.0, 2.0) * (np.abs(columns) < nx)
    n_rings = int(min(np.hypot(ny, nx), _MAX_SEPARATION / pixel_scale)) + 1

    def over_rings(values: np.ndarray) -> np.ndarray:
        return np.bincount(ring.ravel(), (values * twice).ravel(), n_rings)[:n_rings]

    count, radius, total = (over_rings(v) for v in (np.ones_like(distance), distance, overlap))
    has_pairs = count > 0
    radius[has_pairs] /= count[has_pairs]
    total = float(scale) ** 2 * total
    # The separation 0 is exact in double precision.
    total[0] = np.square(weight, dtype=float).sum()
    last = (1 - radius * pixel_scale / _MAX_SEPARATION) / _TAPER
    total *= np.sin(np.pi / 2 * np.clip(last, 0, 1)) ** 2
    return total, radius * pixel_scale


def _bessel(ell: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the Bessel functions J0 and J4 of ``ell * radius``, ``(n_ell, n_radii)`` each."""
    x = np.outer(ell, radius)
    zero, first = scipy.special.j0(x), scipy.special.j1(x)
    small = x < 0.5
    y = np.where(small, 1.0, x)
    fourth = (48 / y**2 - 8) / y * first - (24 / y**2 - 1) * zero
    # The series at small x, where the recurrence loses all digits.
    fourth[small] = (x[small] / 2) ** 4 / 24 * (1 - x[small] ** 2 / 20)
    return zero, fourth


def _ring_window(phase: np.ndarray, exponent: int) -> np.ndarray:
    """Return a power of the window function of a square pixel, averaged over directions, ``(n,)``.

    ``phase`` is the multipole times the side of a pixel, ``(n,)``, and ``exponent`` is the power.
    """
    angle = (np.arange(16) + 0.5) / 16 * np.pi / 2
    x = phase[:, np.newaxis] / (2 * np.pi)
    window = np.sinc(x * np.cos(angle)) * np.sinc(x * np.sin(angle))
    return np.mean(window**exponent, axis=1)


def _relative_sums(plane: np.ndarray) -> np.ndarray:
    """Return the sum of a map over each block of pixels, normalized, ``(n_blocks,)``.

    The sums are divided by the mean sum of a block, so that the result has a mean of 1.
    """
    ny, nx = plane.shape
    edges = [np.arange(0, n, _BLOCK_PIXELS) for n in (ny, nx)]
    sums = np.add.reduceat(np.add.reduceat(plane, edges[0], axis=0), edges[1], axis=1)
    return np.ravel(sums) / sums.mean()
