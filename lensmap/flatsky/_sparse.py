# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`SparseSolver`: a convergence that consists of few positive starlet coefficients."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lensmap.flatsky._active_starlets import ActiveStarlets
from lensmap.flatsky._mca import (
    MAX_PARALLEL,
    limited_variance,
    reference_variance,
    solver_memory,
)
from lensmap.flatsky._periodic_shear import PeriodicShear
from lensmap.utils import MapWarning, check_memory, n_threads, thread_map, warn_user

__all__ = ["SparseSolution", "SparseSolver"]


class SparseSolution(NamedTuple):
    """A map of `SparseSolver`, and how it was reached.

    Attributes
    ----------
    kappa : `numpy.ndarray`
        The convergence, at least 0, ``(ny, nx)``.
    n_active : int
        The number of active coefficients.
    chi_square : float
        The sum of squared residuals of both shear components, in units of their variance.
    change : float
        The rms change of the map in the last iteration, in units of the rms of the map.
    n_iterations : int
        The number of iterations.
    converged : bool
        Whether the tolerance was reached.
    """

    kappa: np.ndarray
    n_active: int
    chi_square: float
    change: float
    n_iterations: int
    converged: bool


class SparseSolver:
    r"""Sparse maps for shear fields with the same noise.

    The convergence :math:`x \ge 0` consists of the starlet coefficients in which the shear stands
    out of its noise, the active set. These coefficients are selected once, from :math:`A^T w
    \gamma` with :math:`w = \eta / N`, the noise variance N of a pixel and :math:`\eta`
    that at the deepest place. The map follows from the iteration

    .. math:: x \leftarrow \left[y + \sum_j T_j^T M_j T_j A^T w (\gamma - A y)\right]_+

    from x = y = 0, where y adds Nesterov's momentum to x. The momentum restarts when it opposes the
    step. Pixels further than half the size of its structure from all active coefficients are set to
    0, since faint ripples around peaks would have maxima of their own there. No coefficient is
    shrunk, so that peaks reach their full height. Minimizing :math:`\chi^2 / 2` plus the sum of the
    moduli of the coefficients, as in GLIMPSE, lowers each coefficient by its threshold.

    Parameters
    ----------
    variance : array_like
        The noise variance of each shear component in each pixel, ``(ny, nx)``; infinite in pixels
        without data. Values below 1/10 of the median are raised to this limit.
    padded : tuple of int
        The shape of the periodic grid, ``(ny, nx)``, at least that of ``variance``.
    scales : tuple of int
        The first and the last starlet scale.
    threshold : float
        The lowest active coefficient in units of its noise.
    tolerance : float
        The relative change of the map in one iteration at which the iteration stops.
    max_iterations : int
        The largest number of iterations. A warning is given if it is reached.
    reduced_shear : bool
        Whether the data are the reduced shear g: each iteration takes :math:`g (1 - x)` as the
        shear.
    dtype : {"float64", "float32"}
        The precision.

    Raises
    ------
    ValueError
        If ``padded`` is smaller than ``variance`` along an axis.

    References
    ----------
    Lanusse et al. 2016, A&A 591, A2 (sparse maps); Starck et al. 2021, A&A 649, A99, sect. 4
    (active coefficients); Beck & Teboulle 2009, SIAM J. Imaging Sci. 2, 183, and O'Donoghue &
    Candes 2015, Found. Comput. Math. 15, 715 (momentum and its restart).
    """

    def __init__(
        self,
        variance: ArrayLike,
        padded: tuple[int, int],
        *,
        scales: tuple[int, int],
        threshold: float = 5.3,
        tolerance: float = 0.02,
        max_iterations: int = 500,
        reduced_shear: bool = False,
        dtype: str = "float64",
    ) -> None:
        shape = np.shape(variance)
        check_memory(
            solver_memory(padded, scales[1], dtype)
            * min(MAX_PARALLEL, n_threads(padded[0] * padded[1])),
            f"a sparse map of {shape[0]} x {shape[1]} pixels, padded to {padded[0]} x "
            f"{padded[1]},",
            "use larger pixels, less padding or single precision (float32)",
        )
        variance = limited_variance(variance)
        self._lensing = PeriodicShear(shape, padded, dtype)
        self._starlets = ActiveStarlets(self._lensing, scales)
        self._threshold, self._tolerance = threshold, tolerance
        self._max_iterations, self._reduced_shear = max_iterations, reduced_shear
        self._level = reference_variance(variance)
        weight = self._level / variance
        self._weight = weight.astype(self._lensing.dtype)
        self._n_modes = padded[0] * padded[1]
        self._noise = self._starlets.noise(self._level * weight)

    def solve(self, shear: ArrayLike, factors: tuple[complex, ...] = (1,)) -> list[SparseSolution]:
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
        list of SparseSolution
            The maps. A map is 0 if no coefficient is active.

        Warns
        -----
        MapWarning
            If the tolerance is not reached.
        """
        shear = self._lensing.as_shear(shear)
        solutions = thread_map(
            lambda factor: self._solve_one(shear * factor), factors, self._n_modes
        )
        for one in solutions:
            if not one.converged:
                warn_user(
                    f"the sparse map has not converged: in the last of {one.n_iterations} "
                    f"iterations it changed by {one.change:.1e} of its rms, above "
                    f"{self._tolerance:g}; increase {{max_iterations}} or {{tolerance}}",
                    MapWarning,
                    "no_convergence",
                    "max_iterations",
                    placeholders=True,
                )
                break
        return solutions

    def _solve_one(self, shear: np.ndarray) -> SparseSolution:
        lensing, starlets = self._lensing, self._starlets
        first = lensing.field(lensing.adjoint(shear * self._weight))
        active = starlets.active(first, self._noise, self._threshold)
        support = starlets.support(active)
        x = y = np.zeros(lensing.padded, lensing.dtype)
        change, n_iterations, momentum = np.inf if active.any() else 0.0, 0, 1.0
        while change > self._tolerance and n_iterations < self._max_iterations:
            residual = self._residual(shear, y)
            residual *= self._weight
            step = starlets.project(lensing.field(lensing.adjoint(residual)), active)
            new = np.maximum(y + step, 0)
            new *= support
            difference = new - x
            norm = float(np.linalg.norm(new))
            change = float(np.linalg.norm(difference)) / norm if norm > 0 else 0.0
            if np.vdot(step, difference) < 0:
                momentum = 1.0  # the momentum has carried the map beyond the optimum
            following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            y = new + x.dtype.type((momentum - 1) / following) * difference
            x, momentum = new, following
            n_iterations += 1
        square = np.abs(self._residual(shear, x)) ** 2 * self._weight
        ny, nx = lensing.shape
        return SparseSolution(
            x[:ny, :nx], int(np.count_nonzero(active)),
            float(square.sum(dtype=float) / self._level), change, n_iterations,
            change <= self._tolerance,
        )

    def _residual(self, shear: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the shear of the data minus that of a map on the padded grid."""
        ny, nx = self._lensing.shape
        data = shear * (1 - x[:ny, :nx]) if self._reduced_shear else shear
        return data - self._lensing.shear(self._lensing.modes(x))
