# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Inpainting of shear in holes by a sparse cosine transform of the convergence."""

from typing import NamedTuple

import numpy as np
import scipy.fft

from lensmap.flatsky._kaiser_squires import convergence_to_shear, shear_to_convergence
from lensmap.flatsky._smoothing import gaussian_smooth
from lensmap.flatsky._starlet import Starlet
from lensmap.utils import ParameterError, check_count, check_memory, check_number, n_threads

__all__ = ["InpaintedShear", "ShearInpainter", "extended_grid", "match_hole_variance"]

# The smallest threshold relative to the largest cosine coefficient, and in units of the standard
# deviation of the coefficients of the noise. Lower thresholds continue noise into the holes.
_LAST_THRESHOLD = 1e-3
_NOISE_THRESHOLD = 3.0

# The standard deviation of Gaussian numbers over the median of their absolute values.
_SIGMA_OF_MEDIAN = 1.4826

# Wavelet coefficients in holes are scaled every third iteration, by at most this factor.
_SCALING_PERIOD = 3
_MAX_SCALING = 5.0

# The number of times that the reduced shear is converted to shear.
_N_REDUCED_SHEAR_PASSES = 3

# Arrays on the extended grid: three complex fields, the cosine coefficients, and the wavelets.
_BYTES_PER_PIXEL = {"float32": 55.0, "float64": 110.0}


class InpaintedShear(NamedTuple):
    """Shear that is continued into holes and beyond the edges of a field.

    Attributes
    ----------
    shear : `numpy.ndarray`
        The complex shear on the extended grid, ``(n_extended_y, n_extended_x)``. In pixels with
        data, it is the shear of the data.
    field : tuple of slice
        The pixels of the field on the extended grid, along y and x.
    """

    shear: np.ndarray
    field: tuple[slice, slice]


class ShearInpainter:
    r"""Continuation of shear into holes and beyond the edges of the data.

    Of all convergence fields with the measured shear, the one that is wanted has few large
    coefficients in a discrete cosine transform. In each iteration, the convergence of the shear is
    transformed, coefficients below a threshold are set to 0, and pixels without data receive the
    shear of the result. The threshold falls from the largest coefficient to 0.001 of it, but not
    below 3 times the noise of a coefficient. The noise is measured as the median coefficient of the
    E-mode or the B-mode, whichever is smaller. In every third iteration, the standard deviation of
    the wavelet coefficients of each scale in holes is scaled to that in pixels with data.

    The constant coefficient is always kept. The surroundings of the field are pixels without data.

    Parameters
    ----------
    has_data : `numpy.ndarray`
        True in pixels with data, bool, ``(ny, nx)``.
    padding : float
        The ratio of the side of the extended periodic grid to that of the field, at least 1. The
        field lies in its middle.
    n_iterations : int
        The number of iterations, at least 2.
    n_scales : int
        The largest number of wavelet scales whose variance is adjusted in holes, fewer in small
        fields; 0 adjusts none.
    free_b_mode : bool
        Whether the convergence in pixels without data may have B-modes, sparse as the E-modes.
        Otherwise, these pixels have the shear of E-modes.
    dtype : {"float64", "float32"}
        The precision of the transforms.

    Raises
    ------
    TypeError, ValueError
        If a parameter is out of range or no pixel has data.
    MemoryError
        If the transforms would not fit into memory.

    References
    ----------
    Pires et al. 2009, MNRAS 395, 1265 (inpainting of shear); Pires et al. 2020, A&A 638, A141 (KS+:
    surroundings, variance of wavelet scales, reduced shear).
    """

    def __init__(
        self,
        has_data: np.ndarray,
        *,
        padding: float = 1.5,
        n_iterations: int = 30,
        n_scales: int = 5,
        free_b_mode: bool = False,
        dtype: str = "float64",
    ) -> None:
        has_data = np.asarray(has_data, dtype=bool)
        if not has_data.any():
            raise ParameterError("has_data", "true in at least one pixel", "false in all pixels")
        check_number(padding, "padding", "a finite number of at least 1", low=1)
        self.n_iterations = check_count(n_iterations, "n_iterations", minimum=2)
        self.free_b_mode = bool(free_b_mode)
        self.dtype = dtype
        self.shape, self.field = extended_grid(has_data.shape, padding)
        ny, nx = self.shape
        check_memory(
            _BYTES_PER_PIXEL[dtype] * ny * nx, f"inpainting on a grid of {ny} x {nx} pixels",
            "use larger pixels, less {padding} or {dtype='float32'}",
        )
        self._has_data = has_data
        self._known = np.zeros(self.shape, dtype=bool)
        self._known[self.field] = has_data
        n_scales = min(
            check_count(n_scales, "n_scales"), int(np.log2(max(min(has_data.shape) - 1, 1)))
        )
        # Without holes there is nothing to scale.
        scaled = n_scales > 0 and not has_data.all()
        self._starlet = Starlet(has_data.shape, n_scales) if scaled else None

    def solve(
        self, shear: np.ndarray, *, reduced: bool = False, smoothing: float = 0.0
    ) -> InpaintedShear:
        r"""Continue a shear field into the pixels without data.

        Parameters
        ----------
        shear : `numpy.ndarray`
            The complex shear, ``(ny, nx)``; ignored in pixels without data.
        reduced : bool
            Whether the data are the reduced shear :math:`g = \gamma / (1 - \kappa)`. The shear is
            then computed from g and the convergence, three times during the iterations.
        smoothing : float
            The standard deviation in pixels of the Gaussian that smooths this convergence. 0 does
            not smooth.

        Returns
        -------
        InpaintedShear
            The shear on the extended grid.
        """
        dtype = {"float64": "complex128", "float32": "complex64"}[self.dtype]
        measured = np.zeros(self.shape, dtype)
        measured[self.field] = np.where(self._has_data, shear, 0)
        known, filled = measured, measured
        passes = _pass_iterations(self.n_iterations) if reduced else ()
        largest = 0.0
        for i in range(self.n_iterations):
            kappa = shear_to_convergence(filled, padding=1)
            if i in passes:
                known = measured * (1 - gaussian_smooth(kappa.real, smoothing))
            modes = [_cosines(part) for part in (kappa.real, kappa.imag)]
            noise = min(map(_noise_level, modes))
            if not self.free_b_mode:
                del modes[1]
            if i == 0:
                largest = max(map(_largest, modes))
            falling = largest * _LAST_THRESHOLD ** (i / (self.n_iterations - 1))
            sparse = self._sparse(modes, max(falling, _NOISE_THRESHOLD * noise), i)
            filled = convergence_to_shear(sparse, padding=1)
            np.copyto(filled, known, where=self._known)
        return InpaintedShear(filled, self.field)

    def _sparse(self, modes: list[np.ndarray], threshold: float, iteration: int) -> np.ndarray:
        """Return the sparse convergence of an iteration, complex if the B-mode is free.

        ``modes`` are the cosine coefficients of the E-mode and, if it is free, of the B-mode. They
        are overwritten.
        """
        fields = [_field_of_cosines(_keep_large(one, threshold)) for one in modes]
        if self._starlet is not None and iteration % _SCALING_PERIOD == _SCALING_PERIOD - 1:
            for one in fields:
                one[self.field] = match_hole_variance(
                    one[self.field], self._has_data, self._starlet
                )
        return fields[0] + 1j * fields[1] if self.free_b_mode else fields[0]


def extended_grid(
    shape: tuple[int, int], padding: float
) -> tuple[tuple[int, int], tuple[slice, slice]]:
    """Return the shape of an extended grid, and the pixels of the field in the middle of it.

    Both margins along an axis have the same width, so that mirrored fields have mirrored results.

    Parameters
    ----------
    shape : tuple of int
        The shape of the field, ``(ny, nx)``.
    padding : float
        The ratio of the side of the extended grid to that of the field, at least 1.

    Returns
    -------
    tuple
        The shape of the extended grid, and slices of the field along y and x.
    """
    sides, slices = [], []
    for n in shape:
        side = n
        if padding > 1:
            side = scipy.fft.next_fast_len(int(np.ceil(padding * n)))
            while (side - n) % 2:
                side = scipy.fft.next_fast_len(side + 1)
        start = (side - n) // 2
        sides.append(side)
        slices.append(slice(start, start + n))
    return (sides[0], sides[1]), (slices[0], slices[1])


def match_hole_variance(
    field: np.ndarray, has_data: np.ndarray, starlet: Starlet, max_factor: float = _MAX_SCALING
) -> np.ndarray:
    """Scale the wavelet coefficients in holes to the standard deviation of those outside.

    Parameters
    ----------
    field : `numpy.ndarray`
        The field, real, ``(ny, nx)``.
    has_data : `numpy.ndarray`
        True outside the holes, bool, ``(ny, nx)``.
    starlet : Starlet
        The wavelet transform. The coefficients of all scales but the last smooth field are scaled.
    max_factor : float
        The largest factor.

    Returns
    -------
    `numpy.ndarray`
        The field, ``(ny, nx)``.
    """
    coefficients = starlet.transform(field)
    for one in coefficients[:-1]:
        outside, inside = one[has_data].std(), one[~has_data].std()
        if inside > 0:
            one[~has_data] *= min(outside / inside, max_factor)
    return starlet.reconstruct(coefficients)


def _cosines(field: np.ndarray) -> np.ndarray:
    """Return the orthonormal discrete cosine transform (type 2) of a field."""
    return scipy.fft.dctn(field, norm="ortho", workers=n_threads(field.size))


def _field_of_cosines(coefficients: np.ndarray) -> np.ndarray:
    """Return the inverse of `_cosines`, which overwrites the coefficients."""
    return scipy.fft.idctn(
        coefficients, norm="ortho", overwrite_x=True, workers=n_threads(coefficients.size)
    )


def _keep_large(coefficients: np.ndarray, threshold: float) -> np.ndarray:
    """Set coefficients below a threshold to 0 in place, except for the constant; return them."""
    constant = coefficients[0, 0]
    coefficients[np.abs(coefficients) < threshold] = 0
    coefficients[0, 0] = constant
    return coefficients


def _largest(coefficients: np.ndarray) -> float:
    """Return the largest absolute value of cosine coefficients, the constant excluded."""
    coefficients = np.abs(coefficients)
    coefficients[0, 0] = 0
    return float(coefficients.max())


def _noise_level(coefficients: np.ndarray) -> float:
    """Return the standard deviation of the noise of cosine coefficients.

    Few coefficients have a signal, so that the median of a quarter of all is that of the noise.
    """
    return _SIGMA_OF_MEDIAN * float(np.median(np.abs(coefficients[::-2, ::-2])))


def _pass_iterations(n_iterations: int) -> set[int]:
    """Return the iterations at which reduced shear is converted to shear, evenly spaced."""
    parts = _N_REDUCED_SHEAR_PASSES + 1
    return {max(1, k * n_iterations // parts) for k in range(1, parts)}
