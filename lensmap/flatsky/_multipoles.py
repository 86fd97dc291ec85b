# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Bins of the multipole on a flat grid, and the Fourier transforms of their rings of modes."""

from collections.abc import Callable

import numpy as np
import scipy.fft

__all__ = ["MultipoleBins", "even_part", "odd_part", "outer_edges", "padded_to_even",
           "spaced_edges", "split_bins"]

# The smallest width of the bins outside those of the result, in units of the spacing of modes. Such
# bins have several modes in all directions.
_MIN_OUTER_WIDTH = 1.3


class MultipoleBins:
    """The Fourier modes of a grid in bins of the multipole.

    Parameters
    ----------
    shape : tuple of int
        The shape of the grid, ``(ny, nx)``.
    sides : tuple of float
        The height and the width of a pixel in radians.
    edges : `numpy.ndarray`
        The edges of the bins, strictly increasing, ``(n_bins + 1,)``. A bin includes its lower
        edge.

    Attributes
    ----------
    edges : `numpy.ndarray`
        The edges of the bins.
    n_modes : `numpy.ndarray`
        The number of modes in each bin, opposite modes included, ``(n_bins,)``.
    ell : `numpy.ndarray`
        The mean multipole of the modes in each bin, ``(n_bins,)``; NaN without modes. The multipole
        of the zero mode is taken as half of the smallest other multipole.
    inverse_ell : `numpy.ndarray`
        The mean of 1 over the multipole in each bin, ``(n_bins,)``.
    """

    def __init__(
        self, shape: tuple[int, int], sides: tuple[float, float], edges: np.ndarray
    ) -> None:
        self.shape, self.sides, self.edges = shape, sides, np.asarray(edges, dtype=float)
        ly, lx = (_frequencies(n, side) for n, side in zip(shape, sides, strict=True))
        self._ell = np.hypot(ly[:, np.newaxis], lx)
        self._phase = 4 * np.arctan2(ly[:, np.newaxis], lx)
        self._ring = np.digitize(self._ell, self.edges) - 1
        self._images = np.outer(*(_images(n) for n in shape))
        self.n_modes = self.mean(np.ones_like(self._ell), normalized=False)
        positive = self._ell.copy()
        positive[0, 0] = 0.5 * min(positive[0, 1], positive[1, 0])
        self.ell = self.mean(positive)
        self.inverse_ell = self.mean(1 / positive)
        self._window = np.outer(*(np.sinc(np.arange(n // 2 + 1) / n) for n in shape))

    def mean(self, values: np.ndarray, normalized: bool = True) -> np.ndarray:
        """Average a quantity that is even in both frequencies over the modes of each bin.

        ``values`` are those of the modes with frequencies of 0 or more,
        ``(ny // 2 + 1, nx // 2 + 1)``. Without ``normalized``, the result is the sum.
        """
        n_bins = len(self.edges) - 1
        good = (self._ring >= 0) & (self._ring < n_bins)
        total = np.bincount(self._ring[good], (values * self._images)[good], n_bins)
        if not normalized:
            return total
        with np.errstate(invalid="ignore", divide="ignore"):
            return total / self.n_modes

    def mean_of_all(self, plane: np.ndarray) -> np.ndarray:
        """Average a quantity over the modes of each bin.

        ``plane`` is complex, ``(ny, nx)``, in the order of `scipy.fft.fftfreq`.
        """
        real, imaginary = (self.mean(even_part(part) / self._images)
                           for part in (plane.real, plane.imag))
        return real + 1j * imaginary

    def unrotation(self) -> np.ndarray:
        r"""Return :math:`e^{-4 i \phi}` with the direction of each mode, ``(ny, nx)``."""
        ly, lx = (scipy.fft.fftfreq(n, side)
                  for n, side in zip(self.shape, self.sides, strict=True))
        result = lx - 1j * ly[:, np.newaxis]
        result[0, 0] = 1.0
        result = (result / np.abs(result)) ** 4
        result[0, 0] = 0.0  # the zero mode has no direction
        return result

    def window(self, exponent: int) -> np.ndarray:
        """Return a power of the window of a pixel at the modes of frequencies of 0 or more."""
        return self._window**exponent

    def ring_of_half(self, index: int) -> np.ndarray:
        """Return 1 for modes in a bin and 0 for others, in the order of `scipy.fft.rfft2`."""
        ring = (self._ring == index).astype(float)
        rows = np.arange(self.shape[0])
        return ring[np.minimum(rows, self.shape[0] - rows)]

    def folded_half(self, plane: np.ndarray) -> np.ndarray:
        """Average a real plane in the order of `scipy.fft.rfft2` over the two signs of y."""
        rows = np.arange(self.shape[0] // 2 + 1)
        return (plane[rows] + plane[-rows % self.shape[0]]) / 2

    def transforms(self, index: int, spin: int, exponent: int = 0) -> list[np.ndarray]:
        r"""Return the Fourier transforms of a ring of modes.

        They are the sums of :math:`T e^{i k r}` over the modes k of a bin at separations r of 0 or
        more, with T = 1 and, for spin 2, also :math:`T = \cos 4 \phi` and :math:`T = \sin 4 \phi`,
        where :math:`\phi` is the direction of the mode.

        Parameters
        ----------
        index : int
            The index of the bin.
        spin : {0, 2}
            The spin of the field.
        exponent : int
            The power of the pixel window by which the modes are multiplied.

        Returns
        -------
        list of `numpy.ndarray`
            The transforms, ``(ny // 2 + 1, nx // 2 + 1)`` each: one for spin 0, three for spin 2.
        """
        ring = (self._ring == index).astype(float)
        if exponent:
            ring *= self.window(exponent)
        result = [_even_even(ring, self.shape)]
        if spin:
            ring[0, 0] = 0.0  # the zero mode has no direction
            result.append(_even_even(ring * np.cos(self._phase), self.shape))
            result.append(_odd_odd(ring * np.sin(self._phase), self.shape))
        return result


def spaced_edges(low: float, high: float, n_bins: int, min_width: float) -> np.ndarray:
    """Return edges of bins of equal logarithmic width, but of a minimum width.

    Parameters
    ----------
    low, high : float
        The first and the last edge.
    n_bins : int
        The number of bins; there are fewer if bins of the minimum width would not fit.
    min_width : float
        The minimum width.

    Returns
    -------
    `numpy.ndarray`
        The edges, ``(n + 1,)`` with n at most ``n_bins`` and at least 1.
    """
    n_bins = max(1, min(n_bins, int((high - low) / min_width * (1 + 1e-9))))

    def edges(ratio: float) -> np.ndarray:
        result = [low]
        for _ in range(n_bins):
            result.append(max(result[-1] + min_width, ratio * result[-1]))
        return np.array(result)

    # The last edge increases with the ratio, so that bisection finds the ratio.
    small, large = 1.0, (high / low) ** (1 / n_bins)
    while edges(large)[-1] < high:
        large *= 1.1
    for _ in range(60):
        middle = 0.5 * (small + large)
        small, large = (middle, large) if edges(middle)[-1] < high else (small, middle)
    result = edges(large)
    result[-1] = high
    return result


def split_bins(edges: np.ndarray, n: int) -> np.ndarray:
    """Divide each bin into ``n`` bins of equal width, ``(n * n_bins + 1,)``."""
    parts = [np.linspace(*pair, n, endpoint=False) for pair in zip(edges, edges[1:], strict=False)]
    return np.append(np.concatenate(parts), edges[-1])


def padded_to_even(shape: tuple[int, ...], padding: float) -> tuple[int, int]:
    """Return the shape of the padded grid, ``(ny, nx)``; even along both axes if it is padded."""
    if padding == 1:
        return shape[0], shape[1]
    ny, nx = (2 * scipy.fft.next_fast_len(int(np.ceil(padding * n / 2))) for n in shape)
    return ny, nx


def outer_edges(
    edges: np.ndarray, shape: tuple[int, int], sides: tuple[float, float]
) -> tuple[np.ndarray, slice]:
    """Add bins for all other multipoles of a grid.

    The nearest bins are as narrow as the first or the last bin, because most of the power that
    couples to a bin is nearby.

    Returns
    -------
    edges : `numpy.ndarray`
        The edges of all bins.
    kept : slice
        The bins of the original edges.
    """
    periods = [2 * np.pi / (n * side) for n, side in zip(shape, sides, strict=True)]
    narrowest = _MIN_OUTER_WIDTH * float(np.sqrt(np.prod(periods)))
    highest = 1.001 * float(np.hypot(np.pi / sides[0], np.pi / sides[1]))
    below = [float(edges[0])]
    width = max(float(edges[1] - edges[0]) * edges[0] / edges[1], narrowest)
    while below[-1] - width >= narrowest:
        below.append(below[-1] - width)
        width *= 1 if len(below) == 2 else 2
    if below[-1] > 0:
        below.append(0.0)
    above = [float(edges[-1])]
    width = max(float(edges[-1] - edges[-2]), narrowest)
    while above[-1] + 1.5 * width < highest:
        above.append(above[-1] + width)
        width *= 2
    if above[-1] < highest:
        above.append(highest)
    return np.concatenate([below[:0:-1], edges, above[1:]]), slice(
        len(below) - 1, len(below) + len(edges) - 2
    )


def even_part(plane: np.ndarray) -> np.ndarray:
    """Sum a map over the mirror images of each separation of 0 or more.

    ``plane`` is a map of separations in the order of `scipy.fft.fftfreq`, ``(ny, nx)``. The result
    has the shape ``(ny // 2 + 1, nx // 2 + 1)``.
    """
    return _folded(plane, 1)


def odd_part(plane: np.ndarray) -> np.ndarray:
    """Sum a map over mirror images like `even_part`, with a change of sign at each mirror."""
    return _folded(plane, -1)


def _folded(plane: np.ndarray, sign: int) -> np.ndarray:
    for axis in (0, 1):
        n = plane.shape[axis]
        index = np.arange(n // 2 + 1)
        there, mirrored = (np.take(plane, i, axis) for i in (index, -index % n))
        own = (index == -index % n).reshape((-1, 1) if axis == 0 else (1, -1))
        # A separation that is its own mirror image counts once, and has no odd part.
        plane = np.where(own, there if sign > 0 else 0.0, there + sign * mirrored)
    return plane


def _frequencies(n: int, side: float) -> np.ndarray:
    """Return the frequencies of 0 or more along an axis, in multipoles, ``(n // 2 + 1,)``."""
    return 2 * np.pi / (n * side) * np.arange(n // 2 + 1)


def _images(n: int) -> np.ndarray:
    """Return the number of modes, 1 or 2, that have each absolute frequency along an axis."""
    index = np.arange(n // 2 + 1)
    return np.where(index == -index % n, 1.0, 2.0)


def _even_even(quadrant: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the Fourier transform of a plane that is even in both coordinates, of its quadrant."""
    for axis, n in enumerate(shape):
        if n % 2 == 0:
            quadrant = scipy.fft.dct(quadrant, 1, axis=axis)
        else:
            quadrant = _sum_along(np.cos, quadrant, axis, n)
    return quadrant


def _odd_odd(quadrant: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the Fourier transform of a plane that is odd in both coordinates, of its quadrant."""
    for axis, n in enumerate(shape):
        if n % 2 == 0:
            inner = tuple(slice(1, -1) if i == axis else slice(None) for i in (0, 1))
            result = np.zeros_like(quadrant)
            result[inner] = scipy.fft.dst(quadrant[inner], 1, axis=axis)
            quadrant = result
        else:
            quadrant = _sum_along(np.sin, quadrant, axis, n)
    return -quadrant


def _sum_along(
    function: Callable, quadrant: np.ndarray, axis: int, n: int
) -> np.ndarray:
    """Return the sum over frequencies along an axis of odd length, by a matrix."""
    index = np.arange(n // 2 + 1)
    matrix = function(2 * np.pi / n * np.outer(index, index)) * _images(n)
    return np.moveaxis(np.tensordot(matrix, quadrant, axes=(1, axis)), 0, axis)
