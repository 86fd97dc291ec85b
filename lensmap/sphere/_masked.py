# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The most probable convergence of the sphere, given the shear on a part of it."""

from __future__ import annotations

import math

import numpy as np

from lensmap.sphere._transforms import SphericalTransform
from lensmap.utils import MapWarning, ParameterError, warn_user

__all__ = ["solve_masked_shear"]


def solve_masked_shear(
    transform: SphericalTransform,
    shear: np.ndarray,
    variance: np.ndarray,
    power: np.ndarray,
    *,
    power_b: np.ndarray | None = None,
    window: np.ndarray | None = None,
    tolerance: float = 1e-4,
    max_iterations: int = 300,
) -> tuple[np.ndarray, np.ndarray | None]:
    r"""Return the posterior mean of the convergence of the sphere, given shear on some pixels.

    The convergence is a Gaussian field with the power C, the noise N of the pixels is not
    correlated, and A gives the shear of a convergence on the pixels with data. The solution of

    .. math:: (C^{-1} + A^\dagger N^{-1} A)\, \kappa = A^\dagger N^{-1} \gamma

    is found by conjugate gradients. Pixels without data do not count as pixels without shear.

    Parameters
    ----------
    transform : SphericalTransform
        The pixels with data and the highest multipole.
    shear : `numpy.ndarray`
        The shear of the pixels in the celestial basis, complex, ``(n,)``.
    variance : `numpy.ndarray`
        The noise variance of the shear per component, ``(n,)``; infinite for pixels without data.
    power : `numpy.ndarray`
        The power of the convergence at the multipoles 0 to lmax, steradian, ``(lmax + 1,)``.
        Coefficients whose power is 0 are 0.
    power_b : `numpy.ndarray` or None
        The power of the B-mode, ``(lmax + 1,)``. If None, there is no B-mode: all shear is due to
        the convergence.
    window : `numpy.ndarray` or None
        The factor by which the shear of each multipole is reduced in the data, such as
        `pixel_window`, ``(lmax + 1,)``. None is 1.
    tolerance : float
        The iteration stops when the residual is smaller than this times the right-hand side, both
        measured in the inverse of the preconditioner.
    max_iterations : int
        The largest number of iterations, after which a warning is given.

    Returns
    -------
    kappa : `numpy.ndarray`
        The coefficients of the convergence, complex, ``(n_modes,)``.
    kappa_b : `numpy.ndarray` or None
        Those of the B-mode; None if ``power_b`` is None.

    Raises
    ------
    ValueError
        If no pixel has data, or a power is negative.

    References
    ----------
    Wandelt, Larson & Lakshminarayanan 2004, Phys. Rev. D 70, 083511; Jeffrey et al. 2021, MNRAS
    505, 4626 (mass maps of DES Y3 by the Wiener filter).
    """
    problem = _Problem(transform, variance, power, power_b, window)
    right = problem.adjoint(problem.weight * shear)
    solution = np.zeros_like(right)
    residual, step = right, problem.precondition(right)
    product = first = problem.dot(residual, step)
    for _ in range(max_iterations):
        if product <= tolerance**2 * first:
            break
        image = problem.apply(step)
        size = product / problem.dot(step, image)
        solution = solution + size * step
        residual = residual - size * image
        conditioned = problem.precondition(residual)
        product, last = problem.dot(residual, conditioned), product
        step = conditioned + (product / last) * step
    else:
        warn_user(
            f"the map of the sphere did not converge in {max_iterations} iterations: the residual "
            f"is {math.sqrt(product / first):.1e} of the data, above the tolerance of "
            f"{tolerance:.1e}; the largest scales in holes are not reliable",
            MapWarning,
            "not_converged",
        )
    kappa, *others = problem.scale * solution
    return kappa, others[0] if others else None


class _Problem:
    """The linear system, in units in which the prior has a power of 1 for all coefficients."""

    def __init__(self, transform, variance, power, power_b, window):
        self._transform = transform
        has_data = np.isfinite(variance)
        if not has_data.any():
            raise ParameterError("variance", "finite for at least one pixel", "infinite for all")
        self.weight = np.zeros(len(variance))
        self.weight[has_data] = 1 / variance[has_data]
        powers = [power] if power_b is None else [power, power_b]
        for name, values in zip(("power", "power_b"), powers, strict=False):
            if np.shape(values) != (transform.lmax + 1,) or np.min(values) < 0:
                raise ParameterError(
                    name, f"non-negative, for each of the {transform.lmax + 1} multipoles",
                    f"an array {np.shape(values)} with a minimum of {np.min(values):.3g}",
                )
        #: The square root of the prior's power, ``(n_components, n_modes)``.
        self.scale = np.sqrt(np.stack(powers))[:, transform.ell]
        self._window = 1.0 if window is None else np.asarray(window)[transform.ell]
        # The diagonal of the system, if the weights were the same everywhere with the same sum.
        mean = self.weight.sum() / (4 * np.pi)
        self._diagonal = 1 + mean * (self.scale * self._window) ** 2
        self._multiplicity = transform.multiplicity

    def _forward(self, modes):
        modes = modes * self.scale * self._window
        return self._transform.to_shear(modes[0], modes[1] if len(modes) > 1 else None)

    def adjoint(self, shear):
        """Return the coefficients of weighted shear, ``(n_components, n_modes)``."""
        modes = self._transform.adjoint_of_shear(shear)[: len(self.scale)]
        return np.stack(modes) * self.scale * self._window

    def apply(self, modes):
        """Apply the left-hand side of the system."""
        return modes + self.adjoint(self.weight * self._forward(modes))

    def precondition(self, modes):
        """Apply the approximate inverse of the system."""
        return modes / self._diagonal

    def dot(self, one, other):
        """Return the inner product of two sets of coefficients."""
        return float(np.sum((np.conj(one) * other).real * self._multiplicity))
