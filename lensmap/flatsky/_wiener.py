# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The Wiener filter for shear with spatially varying noise and holes, and posterior samples."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from lensmap.flatsky._kaiser_squires import shear_kernel
from lensmap.flatsky._modes import from_modes, to_modes
from lensmap.utils import MapWarning, ParameterError, check_memory, warn_user

__all__ = ["WienerSolver"]

# The lowest noise variance in units of the signal variance. With less noise, the iteration would
# converge very slowly for a field with many empty pixels.
_MIN_NOISE_TO_SIGNAL = 1e-2


class WienerSolver:
    r"""The Wiener filter for shear fields with the same noise and prior.

    The most probable convergence :math:`\kappa`, for a Gaussian signal and Gaussian noise, solves

    .. math:: (S^{-1} + A^T N^{-1} A)\, \kappa = A^T N^{-1} d

    where d is the measured shear. S is the prior covariance of the convergence, given by a power
    spectrum. A converts convergence to shear with ``shear_kernel``, on a periodic grid that is
    larger than the field. N is the noise covariance, diagonal in pixels and shear components, and
    infinite where there are no data, as everywhere outside the field. The signal is E-mode only.

    The solver finds :math:`x = S^{-1/2} \kappa`, for which the matrix is :math:`1 + S^{1/2} A^T
    N^{-1} A S^{1/2}`, by conjugate gradients in Fourier space. The preconditioner is the inverse of
    this matrix for uniform noise. With uniform noise and without holes and padding, the first step
    gives the solution. Otherwise, 20 to 40 steps are usual.

    Both components of the kernel are real in Fourier space. Therefore, one solution for a complex
    field solves two real systems: one for the E-mode and one, for the shear rotated by 45 degrees,
    for the B-mode.

    Parameters
    ----------
    variance : array_like
        The noise variance of each shear component in each pixel, ``(ny, nx)``; infinite in pixels
        without data. Values below 0.01 of the prior variance of a pixel are raised to this limit.
    power : array_like
        The prior power of each mode of the padded grid, as returned by ``mode_power``. Its shape is
        that of the padded grid, at least that of ``variance``.
    dtype : {"float64", "float32"}
        The precision. In single precision, the errors are 3e-5 of the largest value of the map.
    tolerance : float
        The residual at which the iteration ends, relative to the right-hand side. Both are measured
        in the norm of the preconditioner.
    max_iterations : int
        The largest number of steps. A warning is given if it is reached.

    Attributes
    ----------
    n_iterations : int
        The number of steps of the last solution; 0 before the first solution.

    Raises
    ------
    ValueError
        If ``power`` is smaller than ``variance`` along an axis.

    References
    ----------
    Wiener 1949, "Extrapolation, Interpolation, and Smoothing of Stationary Time Series"; Zaroubi
    et al. 1995, ApJ 449, 446, eq. 11 (fields); Hoffman & Ribak 1991, ApJ 380, L5 (samples);
    Simon, Taylor & Hartlap 2009, MNRAS 399, 48 (shear).
    """

    def __init__(
        self,
        variance: ArrayLike,
        power: ArrayLike,
        *,
        dtype: str = "float64",
        tolerance: float = 1e-6,
        max_iterations: int = 1000,
    ) -> None:
        variance, power = np.asarray(variance, dtype=float), np.asarray(power, dtype=float)
        if any(n > m for n, m in zip(variance.shape, power.shape, strict=True)):
            raise ParameterError(
                "power",
                f"at least the shape of variance {variance.shape} (ny, nx)",
                str(power.shape),
                verb="have",
            )
        check_memory(
            solver_memory(variance.shape, power.shape, dtype),
            f"a Wiener filter of {variance.shape[0]} x {variance.shape[1]} pixels, padded to "
            f"{power.shape[0]} x {power.shape[1]},",
            "use larger pixels, less padding or single precision (float32)",
        )
        real = np.dtype(dtype).type
        self._complex = np.complex64 if real is np.float32 else np.complex128
        self._shape = power.shape
        self._tolerance, self._max_iterations = tolerance, max_iterations
        self.n_iterations = 0
        inverse = 1.0 / np.maximum(variance, max(_MIN_NOISE_TO_SIGNAL * power.mean(), 1e-300))
        root, kernel = np.sqrt(power), shear_kernel(power.shape)
        self._inverse, self._root = inverse.astype(real), root.astype(real)
        # The factors from x to each shear component are real, so a complex x is two real solutions.
        self._components = [(root * part).astype(real) for part in (kernel.real, kernel.imag)]
        del root, kernel  # in double precision they take more memory than all attributes
        level = inverse[inverse > 0].mean() if np.any(inverse > 0) else 0.0
        response = sum(np.square(part) for part in self._components)
        self._precondition = 1 / (1 + real(level) * response)

    def solve(self, shear: ArrayLike, *, whole: bool = False) -> np.ndarray:
        """Return the Wiener-filtered convergence of a shear field.

        Parameters
        ----------
        shear : array_like
            The complex shear in the basis of the pixel axes, ``(ny, nx)``. It must be finite even
            in pixels with infinite noise, although these pixels do not contribute.
        whole : bool
            Whether to return the solution on the whole padded grid.

        Returns
        -------
        `numpy.ndarray`
            The filtered convergence, complex, ``(ny, nx)``. The real part is the E-mode. The
            imaginary part is the B-mode, filtered with the same prior as the E-mode.

        Warns
        -----
        MapWarning
            If the tolerance is not reached.
        """
        first, second = self._components
        shear = np.asarray(shear)
        spectrum = self._forward((shear * self._inverse).astype(self._complex))
        # One product with the conjugate kernel gives A^T for both the shear g (the real part of the
        # result) and the shear rotated by 45 degrees, -i g (the imaginary part).
        modes = self._conjugate_gradients((first - 1j * second) * spectrum)
        modes *= self._root
        return self._backward(modes, self._shape if whole else None)

    def weigh(self, shears: ArrayLike) -> np.ndarray:
        r"""Multiply shear fields by the inverse covariance of signal and noise.

        .. math:: (A S A^T + N)^{-1} \gamma

        Here A is the conversion of convergence to shear, S the covariance of the prior, and N the
        noise. The prior has no B-mode.

        Parameters
        ----------
        shears : array_like
            Complex shear fields in the basis of the pixel axes, finite, ``(n, ny, nx)``.

        Returns
        -------
        `numpy.ndarray`
            The products, complex, ``(n, ny, nx)``; 0 in pixels with infinite noise.

        Warns
        -----
        MapWarning
            If the tolerance is not reached.
        """
        shears = np.asarray(shears, dtype=self._complex)
        result = np.empty_like(shears)
        # The matrix is real, so that a complex vector holds two fields.
        for start in range(0, len(shears), 2):
            pair = shears[start : start + 2]
            parts = [_packed([field.real for field in pair]),
                     _packed([field.imag for field in pair])]
            modes = self._conjugate_gradients(sum(
                component * self._forward(part * self._inverse)
                for component, part in zip(self._components, parts, strict=True)
            ))
            for component, part in zip(self._components, parts, strict=True):
                part -= self._backward(component * modes)
                part *= self._inverse
            first, second = parts
            result[start] = first.real + 1j * second.real
            if len(pair) == 2:
                result[start + 1] = first.imag + 1j * second.imag
        return result

    def signal_variance(self, weights: ArrayLike) -> np.ndarray:
        """Return the variance that the prior gives to weighted sums of the shear.

        Parameters
        ----------
        weights : array_like
            Complex weights, ``(n, ny, nx)``. The sum is that of both components, each multiplied
            by its weight.

        Returns
        -------
        `numpy.ndarray`
            The variance of each sum, ``(n,)``.
        """
        first, second = self._components
        variances = []
        for weight in np.asarray(weights, dtype=self._complex):
            spectrum = first * self._forward(weight.real + 0j)
            spectrum += second * self._forward(weight.imag + 0j)
            variances.append(np.sum(np.abs(spectrum) ** 2, dtype=float) / spectrum.size)
        return np.array(variances)

    def draw_signal(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw the shear of two independent Gaussian fields with the power of the prior.

        Parameters
        ----------
        rng : `numpy.random.Generator`
            Generator for the fields.

        Returns
        -------
        tuple of `numpy.ndarray`
            Two complex shear fields in the basis of the pixel axes, ``(ny, nx)``.
        """
        pair = rng.standard_normal((*self._shape, 2), dtype=self._root.dtype)
        modes = to_modes(pair.view(self._complex)[..., 0], self._shape)
        first, second = (self._backward(part * modes) for part in self._components)
        return first.real + 1j * second.real, first.imag + 1j * second.imag

    def fluctuations(self, rng: np.random.Generator) -> np.ndarray:
        """Return two independent samples of the posterior, minus the posterior mean.

        The equations are solved for a random right-hand side whose covariance is the matrix of the
        equations. The solution then has the covariance of the posterior, even in holes and outside
        the data.

        Parameters
        ----------
        rng : `numpy.random.Generator`
            Generator for the samples.

        Returns
        -------
        `numpy.ndarray`
            The two samples, as the real and the imaginary part of a complex array ``(ny, nx)``.
            They have the covariance of the error of `solve`. Added to the solution, they are
            samples of the posterior.

        Warns
        -----
        MapWarning
            If the tolerance is not reached.
        """
        real = self._root.dtype
        noise = np.sqrt(self._inverse)

        def white(shape: Iterable[int]) -> np.ndarray:
            pair = rng.standard_normal((*shape, 2), dtype=real)
            return pair.view(self._complex)[..., 0]

        total = white(self._shape) * np.sqrt(self._root.size, dtype=real)
        for component in self._components:
            total += component * self._forward(noise * white(noise.shape))
        modes = self._conjugate_gradients(total)
        modes *= self._root
        return self._backward(modes)

    # --- the system of equations ------------------------------------------------------------

    def _forward(self, field: np.ndarray) -> np.ndarray:
        """Return the Fourier transform of a field, zero-padded to the grid of the solution."""
        return to_modes(field, self._shape)

    def _backward(
        self, spectrum: np.ndarray, shape: tuple[int, int] | None = None
    ) -> np.ndarray:
        """Return the inverse Fourier transform, cropped; ``spectrum`` is overwritten.

        ``shape`` is that of the result. None is that of the field.
        """
        return from_modes(spectrum, self._inverse.shape if shape is None else shape)

    def _apply(self, x: np.ndarray) -> np.ndarray:
        """Multiply the Fourier modes x by the matrix of the equations, and return the product.

        The matrix is :math:`1 + S^{1/2} A^T N^{-1} A S^{1/2}` with the prior covariance S, the
        noise covariance N, and the conversion A of convergence to shear.
        """
        total = x.copy()
        for component in self._components:
            shear = self._backward(component * x)
            shear *= self._inverse
            spectrum = self._forward(shear)
            spectrum *= component
            total += spectrum
            del spectrum  # frees memory for the next component
        return total

    def _conjugate_gradients(self, right: np.ndarray) -> np.ndarray:
        """Solve the Wiener filter equations by conjugate gradients, and return the modes.

        The modes are those of the convergence, divided by the root of the power, on the padded
        grid. ``right`` is the right-hand side of the equations in Fourier space, and is
        overwritten. All steps are made in place, because the vectors dominate the memory for a
        large map.
        """
        number = right.real.dtype.type
        x, residual = np.zeros_like(right), right
        preconditioned = self._precondition * residual
        start = square = _product(residual, preconditioned)
        direction = preconditioned
        self.n_iterations = 0
        while square > self._tolerance**2 * start:
            if self.n_iterations == self._max_iterations:
                warn_user(
                    f"the Wiener filter has not converged: after {self._max_iterations} iterations "
                    f"its relative residual is {np.sqrt(square / start):.1e}, above "
                    f"{self._tolerance:g}; increase {{max_iterations}} or {{tolerance}}",
                    MapWarning,
                    "no_convergence",
                    "max_iterations",
                    placeholders=True,
                )
                break
            work = self._apply(direction)
            step = number(square / _product(direction, work))
            work *= step
            residual -= work
            np.multiply(direction, step, out=work)
            x += work
            preconditioned = np.multiply(self._precondition, residual, out=work)
            square, last_square = _product(residual, preconditioned), square
            direction *= number(square / last_square)
            direction += preconditioned
            del work, preconditioned
            self.n_iterations += 1
        return x


def _packed(fields: list[np.ndarray]) -> np.ndarray:
    """Return one or two real fields as the real and imaginary parts of a complex field."""
    return fields[0] + (1j * fields[1] if len(fields) == 2 else 0j)


def solver_memory(shape: tuple[int, ...], padded: tuple[int, ...], dtype: str) -> float:
    """Estimate the peak memory of a Wiener filter solution, to about 20 percent.

    Parameters
    ----------
    shape, padded : tuple of int
        The shapes ``(ny, nx)`` of the field and of the padded grid.
    dtype : {"float64", "float32"}
        The precision.

    Returns
    -------
    float
        The peak memory in bytes.
    """
    of_mode, of_pixel = (137.0, 35.0) if np.dtype(dtype) == np.float64 else (85.0, 15.0)
    return of_mode * padded[0] * padded[1] + of_pixel * shape[0] * shape[1]


def _product(one: np.ndarray, other: np.ndarray) -> float:
    """Return the scalar product of two complex arrays, taken as real vectors.

    Row sums are added in double precision.
    """
    real = one.real.dtype
    return float(np.einsum("ij,ij->i", one.view(real), other.view(real)).sum(dtype=float))
