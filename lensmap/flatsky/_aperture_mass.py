# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Sums over the galaxies in the aperture around each pixel, by Fourier transforms."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.fft

from lensmap.flatsky._aperture_filters import ApertureFilter
from lensmap.utils import check_memory, n_threads

__all__ = ["ApertureKernels", "aperture_kernels"]

# The memory that the transforms need for each pixel of the padded field, bytes.
_BYTES_PER_PIXEL = 90.0

#: The distance in pixels from the edge of the aperture at which a galaxy may still contribute.
REACH_PIXELS = 2

# The variance along an axis of the positions of the pixels of a galaxy about its own position, in
# squares of pixels.
_SPREAD = {"nearest": 1 / 12, "cloud-in-cell": 1 / 6}

# The width of the frame around a kernel in which its values at the edge of a field are computed.
_FRAME_PIXELS = 2

# The number of points along the radius of an aperture at which kernels are averaged.
_POINTS = 100.0


class ApertureKernels(NamedTuple):
    """Fourier transforms of the kernels of an aperture, for fields of one shape.

    Attributes
    ----------
    shape : tuple of int
        The shape of the fields, ``(ny, nx)``.
    padded : tuple of int
        The shape of the zero-padded fields, which separates opposite edges.
    shear : `numpy.ndarray`
        The transform of the kernel of the shear, complex, on the padded field.
    square : `numpy.ndarray`
        The transform of the squared modulus of this kernel, real.
    norm : `numpy.ndarray`
        The transform of the weight of the galaxies in the normalization, real.
    disk : `numpy.ndarray`
        The transform of the aperture itself, normalized to an area of 1, real.
    """

    shape: tuple[int, int]
    padded: tuple[int, int]
    shear: np.ndarray
    square: np.ndarray
    norm: np.ndarray
    disk: np.ndarray

    def shear_sum(self, weighted_shear: np.ndarray) -> np.ndarray:
        """Return the filtered sum of the tangential and cross shear about each pixel.

        Parameters
        ----------
        weighted_shear : `numpy.ndarray`
            The sum of weight times shear in each pixel, in the basis of the pixel axes, complex,
            ``(ny, nx)``.

        Returns
        -------
        `numpy.ndarray`
            The sums of weight times filter times tangential shear (real part) and cross shear
            (imaginary part) over the aperture about each pixel, complex, ``(ny, nx)``.
        """
        workers = n_threads(self.shear.size)
        modes = scipy.fft.fft2(weighted_shear, self.padded, workers=workers)
        modes *= self.shear
        modes = scipy.fft.ifft(modes, axis=0, workers=workers, overwrite_x=True)[: self.shape[0]]
        return scipy.fft.ifft(modes, axis=1, workers=workers)[:, : self.shape[1]]

    def square_sum(self, field: np.ndarray) -> np.ndarray:
        """Return the sum over the aperture of a real field times the squared filter."""
        return self._convolved(field, self.square)

    def norm_sum(self, weight: np.ndarray) -> np.ndarray:
        """Return the sum over the aperture of the weights in the normalization."""
        return self._convolved(weight, self.norm)

    def fraction(self, covered: np.ndarray) -> np.ndarray:
        """Return the fraction of the area of each aperture that lies on the given pixels.

        Parameters
        ----------
        covered : `numpy.ndarray`
            True for pixels with data, bool, ``(ny, nx)``.

        Returns
        -------
        `numpy.ndarray`
            The fraction, from 0 to 1, ``(ny, nx)``.
        """
        return np.clip(self._convolved(covered.astype(float), self.disk), 0.0, 1.0)

    def _convolved(self, field: np.ndarray, transform: np.ndarray) -> np.ndarray:
        workers = n_threads(self.shear.size)
        modes = scipy.fft.rfft2(field, self.padded, workers=workers)
        modes *= transform
        return scipy.fft.irfft2(modes, self.padded, workers=workers)[
            : self.shape[0], : self.shape[1]
        ]


def aperture_kernels(
    filter: ApertureFilter, radius: float, shape: tuple[int, int], scheme: str
) -> ApertureKernels:
    """Compute the Fourier transforms of the kernels of an aperture.

    Kernels are averaged over pixels. This average, and the assignment of galaxies to pixels, smooth
    the kernel that acts on the galaxies. To second order, the kernels are corrected for this. The
    noise and the response to the template are those of the kernel that acts on the galaxies.

    Parameters
    ----------
    filter : ApertureFilter
        The filter of the tangential shear.
    radius : float
        The radius of the aperture in pixels.
    shape : tuple of int
        The shape of the fields, ``(ny, nx)``.
    scheme : {"nearest", "cloud-in-cell"}
        The scheme that assigned galaxies to pixels.

    Returns
    -------
    ApertureKernels
        The transforms.

    Raises
    ------
    MemoryError
        If the transforms would not fit into memory.
    """
    # Pixels are at most n - 1 apart, so that more of a large aperture needs no padding.
    reaches = tuple(min(int(np.ceil(radius)) + REACH_PIXELS, n) for n in shape)
    ny, nx = (
        scipy.fft.next_fast_len(n + reach, real=True)
        for n, reach in zip(shape, reaches, strict=True)
    )
    check_memory(
        _BYTES_PER_PIXEL * ny * nx, f"apertures on {shape[0]} x {shape[1]} pixels",
        "use larger pixels or a smaller map",
    )
    patch = _Patch(reaches, radius, scheme)

    def transform(kernel: np.ndarray) -> np.ndarray:
        """Return the transform of a kernel centered on the first pixel of the padded field."""
        y, x = np.ogrid[-reaches[0] : reaches[0] + 1, -reaches[1] : reaches[1] + 1]
        field = np.zeros((ny, nx), kernel.dtype)
        np.add.at(field, (y % ny, x % nx), kernel)
        fft = scipy.fft.fft2 if np.iscomplexobj(kernel) else scipy.fft.rfft2
        return fft(field, workers=n_threads(ny * nx))

    disk = patch.pixels((patch.x <= 1).astype(float))
    shear = patch.pixels(filter.weight(patch.x) * patch.tangential)
    at_galaxies = patch.at_points(shear)
    norm = disk
    if filter.template is not None:
        template = filter.template(np.minimum(patch.x, 1.0))
        norm = patch.pixels((at_galaxies * patch.tangential.conj()).real * template)
    # Kernels are equal at opposite points, so that the transform of a real kernel is real.
    return ApertureKernels(
        shape, (ny, nx),
        shear=transform(patch.cropped(shear)),
        square=transform(patch.cropped(patch.pixels(np.abs(at_galaxies) ** 2))).real,
        norm=transform(patch.cropped(norm)).real,
        disk=transform(patch.cropped(disk) / disk.sum()).real,
    )


class _Patch:
    """Points around the center of an aperture, several in each pixel, for averages over pixels.

    Parameters
    ----------
    reaches : tuple of int
        The largest distance of pixels from the central pixel along y and x.
    radius : float
        The radius of the aperture in pixels.
    scheme : {"nearest", "cloud-in-cell"}
        The scheme that assigned galaxies to pixels.

    Attributes
    ----------
    x : `numpy.ndarray`
        The radii of the points in units of the radius of the aperture.
    tangential : `numpy.ndarray`
        The factor that rotates the shear at the points to its tangential and cross components,
        complex.
    """

    def __init__(self, reaches: tuple[int, ...], radius: float, scheme: str) -> None:
        # More points where the kernel changes within a pixel.
        self._n = int(np.clip(np.ceil(_POINTS / radius), 1, 8))
        self._cloud = scheme == "cloud-in-cell"
        # Half the variance of the average over a pixel and of the positions of galaxies.
        self._correction = 0.5 * (1 / 12 + _SPREAD[scheme])
        self._sides = [2 * reach + 1 + 2 * _FRAME_PIXELS for reach in reaches]
        y, x = ((np.arange(side * self._n) + 0.5) / self._n - side / 2 for side in self._sides)
        y = y[:, np.newaxis]
        self.x = np.hypot(x, y) / radius
        self.tangential = tangential_factor(x, y)

    def pixels(self, values: np.ndarray) -> np.ndarray:
        """Return a kernel on pixels from its values at the points."""
        ny, nx = self._sides
        kernel = values.reshape(ny, self._n, nx, self._n).mean(axis=(1, 3))
        for _ in range(2):  # along each axis
            difference = np.zeros_like(kernel)
            difference[1:-1] = kernel[2:] - 2 * kernel[1:-1] + kernel[:-2]
            kernel = (kernel - self._correction * difference).T
        return kernel

    def at_points(self, kernel: np.ndarray) -> np.ndarray:
        """Return the kernel that acts on galaxies at the points, from the kernel on pixels."""
        for n in self._sides:
            position = (np.arange(n * self._n) + 0.5) / self._n - 0.5
            low = np.clip(np.floor(position if self._cloud else position + 0.5), 0, n - 1)
            high, low = np.minimum(low + 1, n - 1).astype(int), low.astype(int)
            share = np.clip(position - low, 0, 1) if self._cloud else np.zeros(len(position))
            kernel = (
                kernel[low] * (1 - share[:, np.newaxis]) + kernel[high] * share[:, np.newaxis]
            ).T
        return kernel

    @staticmethod
    def cropped(kernel: np.ndarray) -> np.ndarray:
        """Return a kernel without the frame that the edges of the field may need."""
        return kernel[_FRAME_PIXELS:-_FRAME_PIXELS, _FRAME_PIXELS:-_FRAME_PIXELS]


def tangential_factor(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""Return the factor that rotates shear to its tangential and cross components.

    Parameters
    ----------
    x, y : `numpy.ndarray`
        The position of the shear relative to the center, in the basis of the pixel axes.

    Returns
    -------
    `numpy.ndarray`
        :math:`-e^{-2 i \phi}` with the polar angle :math:`\phi`, complex; 0 at the center. The
        real part of the factor times the shear is the tangential shear, the imaginary part the
        cross shear.
    """
    square = x * x + y * y
    safe = np.where(square > 0, square, 1.0)
    return np.where(square > 0, -((x - 1j * y) ** 2) / safe, 0.0)
