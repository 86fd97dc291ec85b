# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The Wiener filter of a shear field with uneven noise and holes, and samples of its posterior."""

import numpy as np
import scipy.fft

from lensmap.flatsky._kaiser_squires import shear_kernel
from lensmap.utils import MapWarning, n_threads, warn_user

__all__ = ["WienerSolver"]

# No pixel is taken to be more certain than a tenth of the signal's standard deviation: without
# noise there is nothing to filter, and the equations of a sparse field could hardly be solved.
_LOWEST_NOISE = 1e-2


class WienerSolver:
    r"""The equations of the Wiener filter on one field, for any number of shear fields.

    The most probable convergence for a Gaussian signal and Gaussian noise solves

    .. math:: (S^{-1} + A^T N^{-1} A)\, \kappa = A^T N^{-1} d

    with the prior covariance S of the convergence, which is a power spectrum; the shear
    :math:`A \kappa` of a convergence, by `shear_kernel` on a periodic grid that is larger than
    the field; and the noise N, independent between pixels and components, infinite where there
    are no data, as everywhere outside of the field. The signal is E-mode only.

    It is solved for :math:`x = S^{-1/2} \kappa`, where the system is :math:`1 + S^{1/2} A^T
    N^{-1} A S^{1/2}`, by conjugate gradients in Fourier space. The preconditioner is the inverse
    for noise that is the same everywhere: where it is, without holes and padding, the first
    step is the solution. Otherwise 20 to 40 steps are usual, holes or not.

    Both components of the kernel are real there, so that a complex field stands for two real
    ones: the E-mode and, of the shear turned by 45 degrees, the B-mode, at the cost of one.

    Parameters
    ----------
    variance : array_like
        The noise variance of each shear component in each pixel, ``(ny, nx)``; infinite where
        there are no data. It is taken to be at least 0.01 of the prior variance of a pixel.
    power : array_like
        The prior's power for each mode of the padded grid, at least ``(ny, nx)``, as
        `mode_power` gives it.
    dtype : {"float64", "float32"}
        The precision. Single precision is good to 3e-5 of the map's largest value.
    tolerance : float
        The residual, relative to the right-hand side (both in the norm of the preconditioner),
        at which the iteration ends.
    max_iterations : int
        Where it ends in any case, with a MapWarning.

    Attributes
    ----------
    n_iterations : int
        How many steps the last solution took; 0 before the first.

    References
    ----------
    Wiener 1949, "Extrapolation, Interpolation, and Smoothing of Stationary Time Series"; Zaroubi
    et al. 1995, ApJ 449, 446, eq. 11 (fields); Hoffman & Ribak 1991, ApJ 380, L5 (samples);
    Simon, Taylor & Hartlap 2009, MNRAS 399, 48 (shear).
    """

    def __init__(self, variance, power, *, dtype="float64", tolerance=1e-6, max_iterations=1000):
        variance, power = np.asarray(variance, dtype=float), np.asarray(power, dtype=float)
        if any(n > m for n, m in zip(variance.shape, power.shape, strict=True)):
            raise ValueError(
                f"power must have at least the shape of variance {variance.shape} (ny, nx), not "
                f"{power.shape}"
            )
        real = np.dtype(dtype).type
        self._complex = np.complex64 if real is np.float32 else np.complex128
        self._shape = power.shape
        self._workers = n_threads(power.size)
        self._tolerance, self._max_iterations = tolerance, max_iterations
        self.n_iterations = 0
        inverse = 1.0 / np.maximum(variance, max(_LOWEST_NOISE * power.mean(), 1e-300))
        root, kernel = np.sqrt(power), shear_kernel(power.shape)
        self._inverse, self._root = inverse.astype(real), root.astype(real)
        # What takes x to each shear component; real, so that a complex x is two real ones.
        self._components = [(root * part).astype(real) for part in (kernel.real, kernel.imag)]
        del root, kernel  # in double precision, which is more than all that is kept
        level = inverse[inverse > 0].mean() if np.any(inverse > 0) else 0.0
        response = sum(np.square(part) for part in self._components)
        self._precondition = 1 / (1 + real(level) * response)

    def solve(self, shear):
        """Return the Wiener filtered convergence of a shear field.

        Parameters
        ----------
        shear : array_like
            Complex, ``(ny, nx)``, in the pixel basis (+x, +y); its value where the noise is
            infinite has no influence, but must be finite.

        Returns
        -------
        `numpy.ndarray`
            Complex, ``(ny, nx)``: the real part is the E-mode, the imaginary part the E-mode of
            the shear turned by 45 degrees: the B-mode, filtered as if the signal were in it.

        Warns
        -----
        MapWarning
            If the tolerance is not reached.
        """
        first, second = self._components
        shear = np.asarray(shear)
        spectrum = self._forward((shear * self._inverse).astype(self._complex))
        # The turned shear is -i g: A^T of both together is the conjugate kernel.
        return self._conjugate_gradients((first - 1j * second) * spectrum)

    def fluctuations(self, rng):
        """Return two independent samples of the posterior about its mean.

        The equations with a random right-hand side whose covariance is that of the system: their
        solution has the covariance of the posterior, also in holes and outside of the data.

        Parameters
        ----------
        rng : `numpy.random.Generator`
            The source of random numbers.

        Returns
        -------
        `numpy.ndarray`
            Complex, ``(ny, nx)``: the real and the imaginary part are the two. They have the
            covariance of the error of `solve` about the truth, and added to the solution they
            are samples of the truth.
        """
        real = self._root.dtype
        noise = np.sqrt(self._inverse)

        def white(shape):
            pair = rng.standard_normal((*shape, 2), dtype=real)
            return pair.view(self._complex)[..., 0]

        total = white(self._shape) * np.sqrt(self._root.size, dtype=real)
        for component in self._components:
            total += component * self._forward(noise * white(noise.shape))
        return self._conjugate_gradients(total)

    # --- the system -------------------------------------------------------------------------

    def _forward(self, field):
        """Transform a field of the map's size; the padding is 0."""
        work = scipy.fft.fft(field, self._shape[1], axis=1, workers=self._workers)
        return scipy.fft.fft(work, self._shape[0], axis=0, workers=self._workers, overwrite_x=True)

    def _backward(self, spectrum):
        """Transform back, and return the part that is the map."""
        ny, nx = self._inverse.shape
        work = scipy.fft.ifft(spectrum, axis=0, workers=self._workers, overwrite_x=True)[:ny]
        return scipy.fft.ifft(work, axis=1, workers=self._workers)[:, :nx]

    def _apply(self, x):
        """Return the system's matrix times x."""
        total = x.copy()
        for component in self._components:
            shear = self._backward(component * x)
            shear *= self._inverse
            spectrum = self._forward(shear)
            spectrum *= component
            total += spectrum
            del spectrum  # before the next component needs the room
        return total

    def _conjugate_gradients(self, right):
        """Solve for x and return the convergence on the map; ``right`` is used up.

        All steps are made in place: the vectors are what a large map needs memory for.
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
                    f"the Wiener filter has a relative residual of {np.sqrt(square / start):.1e} "
                    f"after max_iterations={self._max_iterations}, above tolerance="
                    f"{self._tolerance:g}",
                    MapWarning,
                    "no_convergence",
                    "max_iterations",
                )
                break
            turned = self._apply(direction)
            step = number(square / _product(direction, turned))
            turned *= step
            residual -= turned
            np.multiply(direction, step, out=turned)
            x += turned
            preconditioned = np.multiply(self._precondition, residual, out=turned)
            square, before = _product(residual, preconditioned), square
            direction *= number(square / before)
            direction += preconditioned
            del turned, preconditioned
            self.n_iterations += 1
        x *= self._root
        return self._backward(x)


def _product(one, other):
    """Return the scalar product as real vectors, summed in double precision over the rows."""
    real = one.real.dtype
    return float(np.einsum("ij,ij->i", one.view(real), other.view(real)).sum(dtype=float))
