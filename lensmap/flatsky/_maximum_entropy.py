# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Maximum-entropy reconstruction of the convergence, with an intrinsic correlation function."""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from lensmap.flatsky._kaiser_squires import shear_kernel
from lensmap.flatsky._lbfgs import minimize_lbfgs
from lensmap.flatsky._shear_likelihood import ReducedShearLikelihood, ShearLikelihood
from lensmap.flatsky._wiener import WienerSolver
from lensmap.utils import MapWarning, ParameterError, check_memory, n_threads, thread_map, warn_user

__all__ = ["EntropySolution", "EntropySolver"]

# The lowest noise variance in units of the signal variance, as in `WienerSolver`.
_MIN_NOISE_TO_SIGNAL = 1e-2

# The lowest density of a hidden field that is computed from a map to start from.
_MIN_DENSITY = 0.05

# The largest number of maps that are usually made in parallel: the E-mode, and two for the B-mode.
_MAX_PARALLEL = 3

# The tolerance of the Wiener filter for the mean of the map, which has an error of 1e-3 of the
# scatter of the mean.
_MEAN_TOLERANCE = 1e-3

# Modes with less than this fraction of the largest power are left out of such a hidden field.
_MIN_POWER = 1e-3


class EntropySolution(NamedTuple):
    """A map at the minimum of the objective of `EntropySolver`, and how it was reached.

    Attributes
    ----------
    kappa : `numpy.ndarray`
        The convergence, ``(ny, nx)``.
    gamma : `numpy.ndarray`
        The shear of this convergence and of the mass outside the field, complex, ``(ny, nx)``.
    chi_square : float
        The sum of squared residuals of both shear components, in units of their variance.
    objective : float
        The value of the objective.
    decrease : float
        The relative decrease of the objective in the last step.
    n_iterations : int
        The number of steps of L-BFGS.
    converged : bool
        Whether the tolerance was reached.
    """

    kappa: np.ndarray
    gamma: np.ndarray
    chi_square: float
    objective: float
    decrease: float
    n_iterations: int
    converged: bool


class _Problem(NamedTuple):
    """The data of one minimization.

    Attributes
    ----------
    likelihood : ShearLikelihood or ReducedShearLikelihood
        The likelihood of the data.
    mean : float
        The mean convergence of the pixels with data.
    center : array_like
        For the Gaussian prior, the field from which the distance of t is measured, on the padded
        grid.
    """

    likelihood: ShearLikelihood | ReducedShearLikelihood
    mean: float = 0.0
    center: ArrayLike = 0.0


class EntropySolver:
    r"""Maximum-entropy maps for shear fields with the same noise and prior.

    The convergence is a positive hidden field h with an intrinsic correlation function, given by a
    power spectrum P:

    .. math:: \kappa = \mathcal F^{-1} \sqrt{A P}\, \mathcal F\, h_0 (h - 1)

    The map minimizes minus the logarithm of the likelihood of the shear, minus the entropy of h:

    .. math:: \frac{\chi^2}{2} + h_0^2 \sum (h \ln h - h + 1)

    Where h is near 1, the second term is half the square of :math:`x = h_0 (h - 1)`. For large
    :math:`h_0`, x is therefore Gaussian white noise with a variance of 1, and the map is that of
    `WienerSolver` for the power A P. For small :math:`h_0`, x is skewed: it is at least
    :math:`-h_0`, and rare high values are probable. For shear, not reduced shear, the objective is
    a convex function of h, so that there is one map.

    The mean of the most probable map is too high where there are data, because the peaks of a
    skewed field are seen and the shallow voids are not. The mean over the pixels with data, which
    shear does not measure, is therefore that of the Wiener filter for the power P.

    The variable of the minimization is a field y: :math:`h = (1 + t / (2 h_0))^2` is positive
    for any real t, and :math:`t = \mathcal F^{-1} (1 + A P / \bar \sigma^2)^{-1/2} \mathcal F y`
    with the mean noise :math:`\bar \sigma` has similar second derivatives in all directions.

    Parameters
    ----------
    variance : array_like
        The noise variance of each shear component in each pixel, ``(ny, nx)``; infinite in pixels
        without data. Values below 0.01 of the prior variance of a pixel are raised to this limit.
    power : array_like
        The prior power P of each mode of the padded grid, as returned by ``mode_power``. Its shape
        is that of the padded grid, at least that of ``variance``.
    default : float
        The default level :math:`h_0` of the hidden field. Its square is about the number of
        independent events per pixel of the padded grid, such as halos.
    amplitude : float
        The factor A on the power.
    measurement : array_like or None
        The part of the variance that comes from measurement errors, ``(ny, nx)``, for the
        likelihood of reduced shear. None uses the likelihood of shear.
    prior : {"entropy", "gaussian"}
        With ``"gaussian"``, the term :math:`\sum t^2 / 2` stands in place of the entropy: h is the
        square of a Gaussian field. It has samples of its posterior.
    dtype : {"float64", "float32"}
        The precision.
    tolerance : float
        The relative decrease of the objective in one step below which the minimization stops.
    max_iterations : int
        The largest number of steps. A warning is given if it is reached.

    Raises
    ------
    ValueError
        If ``power`` is smaller than ``variance`` along an axis.

    References
    ----------
    Gull & Skilling 1999, "Quantified Maximum Entropy MemSys5 Users' Manual" (intrinsic correlation
    function); Bridle et al. 1998, MNRAS 299, 895; Seitz, Schneider & Bartelmann 1998, A&A 337, 325;
    Marshall et al. 2002, MNRAS 335, 1037 (intrinsic correlation function of lensing).
    """

    def __init__(
        self,
        variance: ArrayLike,
        power: ArrayLike,
        *,
        default: float,
        amplitude: float = 1.0,
        measurement: ArrayLike | None = None,
        prior: Literal["entropy", "gaussian"] = "entropy",
        dtype: str = "float64",
        tolerance: float = 1e-9,
        max_iterations: int = 1000,
    ) -> None:
        self._real = np.dtype(dtype)
        self._complex = np.result_type(self._real, np.complex64)
        variance, power = np.asarray(variance, dtype=float), np.asarray(power, dtype=float)
        if any(n > m for n, m in zip(variance.shape, power.shape, strict=True)):
            raise ParameterError(
                "power",
                f"at least the shape of variance {variance.shape} (ny, nx)",
                str(power.shape),
                verb="have",
            )
        check_memory(
            solver_memory(variance.shape, power.shape, dtype)
            * min(_MAX_PARALLEL, n_threads(power.size)),
            f"a maximum-entropy map of {variance.shape[0]} x {variance.shape[1]} pixels, padded to "
            f"{power.shape[0]} x {power.shape[1]},",
            "use larger pixels, less padding or single precision (float32)",
        )
        self._shape, self._big = variance.shape, power.shape
        self._h0, self._prior = float(default), prior
        self._tolerance, self._max_iterations = tolerance, max_iterations
        self._wiener = WienerSolver(variance, power, dtype="float32", tolerance=_MEAN_TOLERANCE)
        power = amplitude * power
        floor = max(_MIN_NOISE_TO_SIGNAL * power.mean(), 1e-300)
        self._variance = np.maximum(variance, floor)
        self._measurement = None
        if measurement is not None:
            self._measurement = np.minimum(np.asarray(measurement, dtype=float), self._variance)
        # Real fields need the modes of half of the frequencies along x.
        n_columns = self._big[1] // 2 + 1
        half = power[:, :n_columns]
        kernel = shear_kernel(self._big)[:, :n_columns]
        root = np.sqrt(half)
        self._root = root.astype(self._real)
        self._components = [
            (root * part).astype(self._real) for part in (kernel.real, kernel.imag)
        ]
        self._good = np.isfinite(self._variance)
        level = np.sum(1 / self._variance[self._good]) / self._variance.size
        # All modes but those of frequency 0 and, for even lengths, of the highest frequency along
        # x stand for two modes of the full transform.
        multiplicity = np.full(n_columns, 2.0)
        multiplicity[0] = 1.0
        if self._big[1] % 2 == 0:
            multiplicity[-1] = 1.0
        forward = np.sqrt(power.size / multiplicity) / np.sqrt(1 + level * half)
        self._to_field = forward.astype(self._real)
        self._to_variables = (forward * multiplicity / power.size).astype(self._real)

    @property
    def variables_shape(self) -> tuple[int, int]:
        """The shape of the array of the variables of the minimization."""
        return self._to_field.shape[0], 2 * self._to_field.shape[1]

    # --- maps -------------------------------------------------------------------------------

    def solve(self, *shears: ArrayLike, start: ArrayLike | None = None) -> list[EntropySolution]:
        """Return the map that minimizes the objective, for each of several shear fields.

        Parameters
        ----------
        *shears : array_like
            The complex shear in the basis of the pixel axes, ``(ny, nx)`` each. It must be finite
            even in pixels with infinite noise, although these pixels do not contribute.
        start : array_like or None
            The convergence from which to start, ``(ny, nx)``. None starts at 0.

        Returns
        -------
        list of EntropySolution
            The maps.

        Warns
        -----
        MapWarning
            If the tolerance is not reached.
        """
        def solve_one(shear: ArrayLike, mean: float) -> EntropySolution:
            y = self._zeros() if start is None else self._variables_of(start)
            return self._minimum(_Problem(self._likelihood(shear), mean), y)

        return self._checked(self._map(solve_one, shears, map(self._mean_of, shears)))

    def sample(
        self, shear: ArrayLike, rng: np.random.Generator, n_samples: int = 1
    ) -> list[EntropySolution]:
        """Return samples of the posterior, by perturbed optimization.

        Noise like that of the data is added to the shear, and t is drawn towards white noise in
        place of 0. If the map is linear in the shear, as for large h0, the optimum is an exact
        sample of the posterior.

        Parameters
        ----------
        shear : array_like
            The complex shear, as for `solve`.
        rng : `numpy.random.Generator`
            Generator for the samples.
        n_samples : int
            The number of samples.

        Returns
        -------
        list of EntropySolution
            The samples.

        Raises
        ------
        ValueError
            If the prior is not ``"gaussian"``.

        Warns
        -----
        MapWarning
            If the tolerance is not reached.

        References
        ----------
        Papandreou & Yuille 2010, NIPS 23, 1858 (perturbed optimization); Bardsley et al. 2014, SIAM
        J. Sci. Comput. 36, A1895 (maps that are not linear).
        """
        if self._prior != "gaussian":
            raise ParameterError("prior", "'gaussian' for samples", repr(self._prior))
        sigma = np.sqrt(np.where(np.isfinite(self._variance), self._variance, 0.0))

        def sample_one(generator: np.random.Generator, mean: float) -> EntropySolution:
            noise = generator.standard_normal((2, *self._shape))
            noisy = np.asarray(shear) + sigma * (noise[0] + 1j * noise[1])
            center = generator.standard_normal(self._big).astype(self._real)
            return self._minimum(_Problem(self._likelihood(noisy), mean, center), self._zeros())

        mean = self._mean_of(shear)
        means: list[float] = []
        while len(means) < n_samples:
            pair = self._wiener.fluctuations(rng)
            means += [mean + self._data_mean(part) for part in (pair.real, pair.imag)]
        return self._checked(self._map(sample_one, rng.spawn(n_samples), means[:n_samples]))

    def _map(
        self, function: Callable[..., EntropySolution], *arguments: Iterable
    ) -> list[EntropySolution]:
        """Call a function with each set of arguments, in threads."""
        return thread_map(lambda one: function(*one), zip(*arguments, strict=True), self._root.size)

    def _zeros(self) -> np.ndarray:
        return np.zeros(self.variables_shape, self._real)

    def _mean_of(self, shear: ArrayLike) -> float:
        """Return the mean over the pixels with data of the Wiener-filtered convergence."""
        return self._data_mean(self._wiener.solve(shear).real)

    def _data_mean(self, kappa: np.ndarray) -> float:
        """Return the mean of a map over the pixels with data; 0 without data."""
        return float(kappa[self._good].mean(dtype=float)) if self._good.any() else 0.0

    def _minimum(self, problem: "_Problem", y: np.ndarray) -> EntropySolution:
        result = minimize_lbfgs(
            lambda x: self.objective(x, problem), y,
            tolerance=self._tolerance, max_iterations=self._max_iterations,
        )
        modes = self._forward(self._hidden(self._field_of(result.x)))
        gamma, kappa = self._shear_of(modes), self._convergence_of(modes, problem)
        return EntropySolution(
            kappa, gamma, problem.likelihood.chi_square(gamma, kappa), result.value,
            result.decrease, result.n_iterations, result.converged,
        )

    def _checked(self, solutions: list[EntropySolution]) -> list[EntropySolution]:
        """Return the solutions, and warn of the first one that has not converged."""
        for one in solutions:
            if not one.converged:
                warn_user(
                    f"the maximum-entropy map has not converged: after {one.n_iterations} "
                    f"iterations its objective is {one.objective:.6g}, and the last iteration "
                    f"lowered it by a fraction of {one.decrease:.1e}, above {self._tolerance:g}; "
                    "increase {max_iterations} or {tolerance}",
                    MapWarning,
                    "no_convergence",
                    "max_iterations",
                    placeholders=True,
                )
                break
        return solutions

    def _likelihood(self, shear: ArrayLike) -> ShearLikelihood | ReducedShearLikelihood:
        if self._measurement is None:
            return ShearLikelihood(shear, self._variance, self._real)
        intrinsic = self._variance - self._measurement
        return ReducedShearLikelihood(shear, intrinsic, self._measurement, self._real)

    # --- the objective ----------------------------------------------------------------------

    def objective(self, y: np.ndarray, problem: "_Problem") -> tuple[float, np.ndarray]:
        """Return the objective and its gradient.

        Parameters
        ----------
        y : `numpy.ndarray`
            The variables, of the shape ``variables_shape``: the real and imaginary parts of half of
            the Fourier modes of the field y, with the norm of the field.
        problem : _Problem
            The likelihood of the data, the mean convergence and, for samples, the center of the
            prior.

        Returns
        -------
        value : float
            The objective.
        gradient : `numpy.ndarray`
            Its derivatives by ``y``, of the same shape.
        """
        likelihood = problem.likelihood
        t = self._field_of(y)
        modes = self._forward(self._hidden(t))
        gamma = self._shear_of(modes)
        if isinstance(likelihood, ReducedShearLikelihood):
            kappa = self._convergence_of(modes, problem)
            value, by_gamma, by_kappa = likelihood.evaluate(gamma, kappa)
            # The mean over the pixels with data, in which the derivative is not 0, is fixed.
            by_kappa[self._good] -= by_kappa[self._good].mean()
            back = self._root * self._pad(by_kappa)
        else:
            value, by_gamma = likelihood.evaluate(gamma)
            back = np.zeros_like(modes)
        back += self._components[0] * self._pad(by_gamma.real)
        back += self._components[1] * self._pad(by_gamma.imag)
        by_hidden = self._whole(back)
        cost, by_t = self._prior_term(t, problem.center)
        # The hidden field is x = t + t^2 / (4 h0).
        t *= 1 / (2 * self._h0)
        t += 1
        by_t += by_hidden * t
        gradient = self._forward(by_t)
        gradient *= self._to_variables
        return value + cost, gradient.view(self._real)

    def _prior_term(self, t: np.ndarray, center: ArrayLike) -> tuple[float, np.ndarray]:
        """Return minus the logarithm of the prior, and its derivatives by t."""
        if self._prior == "gaussian":
            difference = t - center
            return 0.5 * float(np.vdot(difference, difference)), difference
        # With h = (1 + s)^2: h ln h - h + 1 = 2 (1 + s)^2 ln|1 + s| - s (2 + s).
        s = t / (2 * self._h0)
        root = 1 + s
        logarithm = 2 * _log1p_modulus(s)
        value = self._h0**2 * float(np.sum(root**2 * logarithm - s * (2 + s)))
        return value, self._h0 * root * logarithm

    def _convergence_of(self, modes: np.ndarray, problem: "_Problem") -> np.ndarray:
        """Return the convergence of half of the modes of the hidden field, with the given mean."""
        kappa = self._back(self._root * modes)
        kappa += self._real.type(problem.mean - self._data_mean(kappa))
        return kappa

    def _hidden(self, t: np.ndarray) -> np.ndarray:
        """Return x = h0 (h - 1) of a field t."""
        return t + t * t / (4 * self._h0)

    def _field_of(self, y: np.ndarray) -> np.ndarray:
        """Return the field t on the padded grid."""
        modes = y.view(self._complex) * self._to_field
        return self._whole(modes)

    def _variables_of(self, kappa: ArrayLike) -> np.ndarray:
        """Return variables whose map is near to a given map."""
        power = np.square(self._root)
        inverse = self._root / np.maximum(power, _MIN_POWER * power.max())
        x = self._whole(inverse * self._pad(np.asarray(kappa, dtype=self._real)))
        density = np.maximum(1 + x / self._h0, _MIN_DENSITY)
        t = 2 * self._h0 * (np.sqrt(density) - 1)
        modes = self._forward(t) / self._to_field
        return modes.view(self._real)

    # --- transforms of real fields ----------------------------------------------------------

    def _forward(self, field: np.ndarray) -> np.ndarray:
        """Return half of the modes of a field on the padded grid."""
        return scipy.fft.rfft2(field, workers=n_threads(field.size))

    def _whole(self, modes: np.ndarray) -> np.ndarray:
        """Return the field of half of the modes on the padded grid; ``modes`` is overwritten."""
        return scipy.fft.irfft2(
            modes, self._big, workers=n_threads(modes.size), overwrite_x=True
        )

    def _pad(self, field: np.ndarray) -> np.ndarray:
        """Return half of the modes of a field of the map, zero-padded."""
        workers = n_threads(self._root.size)
        rows = scipy.fft.rfft(field, self._big[1], axis=1, workers=workers)
        return scipy.fft.fft(rows, self._big[0], axis=0, workers=workers, overwrite_x=True)

    def _back(self, modes: np.ndarray) -> np.ndarray:
        """Return the field of the map for half of the modes; ``modes`` is overwritten."""
        workers = n_threads(self._root.size)
        rows = scipy.fft.ifft(modes, axis=0, workers=workers, overwrite_x=True)[: self._shape[0]]
        return scipy.fft.irfft(rows, self._big[1], axis=1, workers=workers)[:, : self._shape[1]]

    def _shear_of(self, modes: np.ndarray) -> np.ndarray:
        """Return the shear of half of the modes of the hidden field, complex, ``(ny, nx)``."""
        gamma = np.empty(self._shape, dtype=self._complex)
        gamma.real, gamma.imag = (self._back(part * modes) for part in self._components)
        return gamma


def _log1p_modulus(s: np.ndarray) -> np.ndarray:
    """Return the logarithm of the modulus of 1 + s; that of the smallest number for s = -1."""
    below = s < -0.5
    if not below.any():
        return np.log1p(s)
    result = np.log1p(np.where(below, 0.0, s))
    result[below] = np.log(np.maximum(np.abs(1 + s[below]), np.finfo(s.dtype).tiny))
    return result


def solver_memory(shape: tuple[int, ...], padded: tuple[int, ...], dtype: str) -> float:
    """Estimate the peak memory of a maximum-entropy map, to about 20 percent.

    Parameters
    ----------
    shape, padded : tuple of int
        The shapes ``(ny, nx)`` of the field and of the padded grid.
    dtype : {"float64", "float32"}
        The precision.

    Returns
    -------
    float
        The peak memory in bytes of one minimization.
    """
    of_mode, of_pixel = (300.0, 100.0) if np.dtype(dtype) == np.float64 else (160.0, 60.0)
    return of_mode * padded[0] * padded[1] + of_pixel * shape[0] * shape[1]
