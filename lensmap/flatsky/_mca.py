# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`MCASolver`: the convergence as the sum of a sparse and a Gaussian component."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lensmap.flatsky._active_starlets import ActiveStarlets
from lensmap.flatsky._periodic_shear import PeriodicShear
from lensmap.flatsky._smoothing import gaussian_smooth
from lensmap.flatsky._wiener import WienerSolver
from lensmap.utils import check_memory, n_threads, thread_map

__all__ = ["MCASolution", "MCASolver", "limited_variance", "reference_variance"]

# The lowest noise variance in units of the signal variance, as in `WienerSolver`.
_MIN_NOISE_TO_SIGNAL = 1e-2

# The largest inverse variance of a pixel in units of the median. The steps of the iteration are
# stable for the mean of neighboring pixels, but not for a pixel with much less noise.
_MAX_RELATIVE_WEIGHT = 10.0

# The length of a step along the active coefficients, in units of the gradient. Steps below 2 are
# stable.
_STEP = 1.9

# The number of maps that are usually made in parallel: the E-mode, and two for the B-mode.
MAX_PARALLEL = 3


class MCASolution(NamedTuple):
    """A map of `MCASolver` and its components.

    Attributes
    ----------
    kappa : `numpy.ndarray`
        The convergence, ``(ny, nx)``: the sum of both components.
    sparse : `numpy.ndarray`
        The sparse component, at least 0, ``(ny, nx)``.
    n_active : int
        The number of active coefficients of the sparse component.
    chi_square : float
        The sum of squared residuals of both shear components, in units of their variance.
    """

    kappa: np.ndarray
    sparse: np.ndarray
    n_active: int
    chi_square: float


def limited_variance(variance: ArrayLike, lowest: float = 0.0) -> np.ndarray:
    """Return the noise variance of pixels, without extremely low values.

    Parameters
    ----------
    variance : array_like
        The variance of each pixel, ``(ny, nx)``, infinite in pixels without data.
    lowest : float
        A lower limit.

    Returns
    -------
    `numpy.ndarray`
        The variance, at least 1/10 of the median over the pixels with data.
    """
    variance = np.asarray(variance, dtype=float)
    finite = np.isfinite(variance)
    if finite.any():
        lowest = max(lowest, float(np.median(variance[finite])) / _MAX_RELATIVE_WEIGHT)
    return np.maximum(variance, max(lowest, 1e-300))


def reference_variance(variance: np.ndarray) -> float:
    """Return the noise variance of the pixels about the deepest place of a field.

    Steps along structures wider than a pixel feel the weights of several pixels. Their length is
    therefore set by the largest mean weight over a Gaussian of one pixel, and depends neither on
    the scatter of the numbers of galaxies in small pixels nor on the size of the pixels.

    Parameters
    ----------
    variance : `numpy.ndarray`
        The variance of each pixel, ``(ny, nx)``, infinite in pixels without data.

    Returns
    -------
    float
        The variance; 1 without data.
    """
    inverse = gaussian_smooth(1 / variance, 1.0).max()
    return float(1 / inverse) if inverse > 0 else 1.0


class MCASolver:
    r"""Maps with a sparse and a Gaussian component, for shear with the same noise and prior.

    The convergence is :math:`\kappa = x_s + x_w`. The sparse component :math:`x_s \ge 0` consists
    of the starlet coefficients in which the shear stands out of its noise, and :math:`x_w` is a
    Gaussian field with the power spectrum P. One iteration makes a step along the active
    coefficients, and one of an iterative Wiener filter,

    .. math:: x_s \leftarrow \left[x_s + 1.9 \sum_j T_j^T M_j T_j A^T \frac{\eta}{N}
              (\gamma - A \kappa)\right]_+ , \qquad
              x_w \leftarrow \frac{P}{P + \eta} \left[x_w + A^T \frac{\eta}{N}
              (\gamma - A \kappa)\right] ,

    with the noise variance N of a pixel and :math:`\eta` that at the deepest place. The iteration
    starts at :math:`x_s = 0` and the Wiener-filtered map, which is a fixed point of the second
    step. The coefficients are selected once, from :math:`A^T \sqrt{\eta / N}\, \gamma`, whose
    noise is white where there are data.

    The number of iterations regularizes the sparse component: with many iterations, it fits the
    noise in the active coefficients. The mean over the pixels with data, which shear does not
    measure, is that of the Wiener-filtered map.

    Parameters
    ----------
    variance : array_like
        The noise variance of each shear component in each pixel, ``(ny, nx)``; infinite in pixels
        without data. Values below 1/10 of the median, or below 0.01 of the prior variance of a
        pixel, are raised to this limit.
    power : array_like
        The prior power P of each mode of the padded grid, as returned by ``mode_power``.
    scales : tuple of int
        The first and the last starlet scale of the sparse component.
    threshold : float
        The lowest active coefficient in units of its noise.
    n_iterations : int
        The number of iterations. With 0, the map is the Wiener-filtered map.
    reduced_shear : bool
        Whether the data are the reduced shear g: each iteration takes :math:`g (1 - \kappa)` as the
        shear.
    dtype : {"float64", "float32"}
        The precision.
    tolerance, max_iterations : float and int
        The tolerance and the largest number of iterations of the Wiener filter.

    Raises
    ------
    ValueError
        If ``power`` is smaller than ``variance`` along an axis.

    References
    ----------
    Starck et al. 2021, A&A 649, A99, sect. 4 and 5; Elsner & Wandelt 2013, A&A 549, A111, and
    Bobin et al. 2012, A&A 550, A73 (iterative Wiener filter).
    """

    def __init__(
        self,
        variance: ArrayLike,
        power: ArrayLike,
        *,
        scales: tuple[int, int],
        threshold: float = 4.0,
        n_iterations: int = 10,
        reduced_shear: bool = False,
        dtype: str = "float64",
        tolerance: float = 1e-5,
        max_iterations: int = 1000,
    ) -> None:
        power = np.asarray(power, dtype=float)
        shape = np.shape(variance)
        check_memory(
            solver_memory(power.shape, scales[1], dtype)
            * min(MAX_PARALLEL, n_threads(power.size)),
            f"an MCALens map of {shape[0]} x {shape[1]} pixels, padded to {power.shape[0]} x "
            f"{power.shape[1]},",
            "use larger pixels, less padding or single precision (float32)",
        )
        variance = limited_variance(variance, _MIN_NOISE_TO_SIGNAL * power.mean())
        self._wiener = WienerSolver(
            variance, power, dtype=dtype, tolerance=tolerance, max_iterations=max_iterations
        )
        self._lensing = PeriodicShear(shape, power.shape, dtype)
        self._starlets = ActiveStarlets(self._lensing, scales)
        self._threshold, self._n_iterations = threshold, n_iterations
        self._reduced_shear = reduced_shear
        real = self._lensing.dtype.type
        self._good = np.isfinite(variance)
        self._level = reference_variance(variance)
        self._weight = (self._level / variance).astype(real)
        self._noise = self._starlets.noise(np.where(self._good, self._level, 0.0))
        half = power[:, : power.shape[1] // 2 + 1]
        self._filter = (half / (half + self._level)).astype(real)

    def solve(self, shear: ArrayLike, factors: tuple[complex, ...] = (1,)) -> list[MCASolution]:
        """Return the maps of the shear times each of several factors.

        Parameters
        ----------
        shear : array_like
            The complex shear in the basis of the pixel axes, ``(ny, nx)``. It must be finite even
            in pixels with infinite noise, although these pixels do not contribute.
        factors : tuple of complex
            The factors, 1 or -1 or plus or minus the imaginary unit.

        Returns
        -------
        list of MCASolution
            The maps.

        Warns
        -----
        MapWarning
            If the Wiener filter does not reach its tolerance.
        """
        shear = self._lensing.as_shear(shear)
        start = self._wiener.solve(shear, whole=True)

        def solve_one(factor: complex) -> MCASolution:
            # The E-mode of -i times the shear is the B-mode of the shear.
            return self._iterate(shear * factor, np.ascontiguousarray((start * factor).real))

        return thread_map(solve_one, factors, self._filter.size)

    def fluctuations(self, rng: np.random.Generator) -> np.ndarray:
        """Return two samples of the posterior of the Gaussian component, minus its mean.

        Parameters
        ----------
        rng : `numpy.random.Generator`
            Generator for the samples.

        Returns
        -------
        `numpy.ndarray`
            The samples as the real and the imaginary part, ``(ny, nx)``, as for `WienerSolver`.
        """
        return self._wiener.fluctuations(rng)

    def _iterate(self, shear: np.ndarray, wiener: np.ndarray) -> MCASolution:
        """Return the map of a shear field, from its Wiener-filtered map on the padded grid."""
        lensing, starlets = self._lensing, self._starlets
        ny, nx = lensing.shape
        level = self._data_mean(wiener[:ny, :nx])
        active = starlets.active(
            lensing.field(lensing.adjoint(shear * np.sqrt(self._weight))),
            self._noise, self._threshold,
        )
        some = bool(active.any())
        gaussian = lensing.modes(wiener)
        sparse, sparse_modes = np.zeros_like(wiener), np.zeros_like(gaussian)
        data = shear
        for _ in range(self._n_iterations):
            if self._reduced_shear:
                kappa = lensing.field(gaussian + sparse_modes, whole=False)
                data = shear * (1 - kappa)
            if some:
                residual = self._residual(data, gaussian + sparse_modes)
                sparse += _STEP * starlets.project(lensing.field(residual), active)
                np.maximum(sparse, 0, out=sparse)
                sparse_modes = lensing.modes(sparse)
            gaussian += self._residual(data, gaussian + sparse_modes)
            gaussian *= self._filter
        modes = gaussian + sparse_modes
        difference = np.abs(data - lensing.shear(modes)) ** 2 * self._weight
        kappa = lensing.field(modes, whole=False)
        kappa += kappa.dtype.type(level - self._data_mean(kappa))
        return MCASolution(
            kappa, sparse[:ny, :nx], int(np.count_nonzero(active)),
            float(difference.sum(dtype=float) / self._level),
        )

    def _residual(self, data: np.ndarray, modes: np.ndarray) -> np.ndarray:
        """Return the modes of the adjoint of the weighted residual of the shear."""
        residual = data - self._lensing.shear(modes)
        residual *= self._weight
        return self._lensing.adjoint(residual)

    def _data_mean(self, kappa: np.ndarray) -> float:
        """Return the mean of a map over the pixels with data; 0 without data."""
        return float(kappa[self._good].mean(dtype=float)) if self._good.any() else 0.0


def solver_memory(padded: tuple[int, ...], last_scale: int, dtype: str) -> float:
    """Estimate the peak memory of one map with starlets, to about 20 percent.

    Parameters
    ----------
    padded : tuple of int
        The shape of the padded grid, ``(ny, nx)``.
    last_scale : int
        The last starlet scale.
    dtype : {"float64", "float32"}
        The precision.

    Returns
    -------
    float
        The peak memory in bytes.
    """
    # The kernels of the noise, in double precision, take most.
    of_mode = 16 * (last_scale + 1) + (150 if np.dtype(dtype) == np.float64 else 105)
    return float(of_mode) * padded[0] * padded[1]
