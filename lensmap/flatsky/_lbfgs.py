# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Minimization of a smooth function of very many variables by L-BFGS."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["Minimum", "minimize_lbfgs"]

# The conditions of Wolfe: the least decrease in units of that of the tangent, and the largest slope
# in units of that at the start.
_DECREASE, _CURVATURE = 1e-4, 0.9

# The largest number of evaluations along one direction.
_MAX_TRIALS = 25

# The rounding error of the value of the function, in units of the precision.
_ROUNDING = 100.0


class Minimum(NamedTuple):
    """The end of a minimization.

    Attributes
    ----------
    x : `numpy.ndarray`
        The variables, two-dimensional.
    value : float
        The value of the function.
    decrease : float
        The decrease of the value in the last step, relative to the value.
    n_iterations : int
        The number of steps.
    converged : bool
        Whether the decrease is at most the tolerance, or within the rounding error.
    """

    x: np.ndarray
    value: float
    decrease: float
    n_iterations: int
    converged: bool


def minimize_lbfgs(
    function: Callable[[np.ndarray], tuple[float, np.ndarray]],
    x: np.ndarray,
    *,
    tolerance: float,
    max_iterations: int,
    memory: int = 10,
) -> Minimum:
    """Minimize a function by L-BFGS.

    On maps of 512 x 512 pixels, this takes half of the time of the L-BFGS-B of `scipy.optimize`,
    which allows for bounds, and works in single precision, too. The first step has the length of
    the gradient, so that second derivatives near 1 are best.

    Parameters
    ----------
    function : callable
        A function of the variables that returns the value and the gradient, a new array.
    x : `numpy.ndarray`
        The variables at the start, a two-dimensional array, float32 or float64.
    tolerance : float
        The decrease in one step, relative to the value, at which the minimization stops.
    max_iterations : int
        The largest number of steps.
    memory : int
        The number of steps from which second derivatives are estimated.

    Returns
    -------
    Minimum
        The minimum, or the last step if it was not reached.

    References
    ----------
    Liu & Nocedal 1989, Math. Program. 45, 503; Lewis & Overton 2013, Math. Program. 141, 135
    (the search along a direction).
    """
    precision = float(np.finfo(x.dtype).eps)
    pairs: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=memory)
    value, gradient = function(x)
    decrease = np.inf
    for n_iterations in range(1, max_iterations + 1):
        direction = _direction(gradient, pairs)
        slope = _product(direction, gradient)
        if slope == 0:
            return Minimum(x, value, 0.0, n_iterations - 1, True)
        found = _search(function, x, value, direction, slope)
        if found is None:
            within_rounding = -slope <= _ROUNDING * precision * abs(value)
            return Minimum(x, value, decrease, n_iterations - 1, within_rounding)
        new_value, new_gradient, step = found
        direction *= step
        x = x + direction
        change = new_gradient - gradient
        curvature = _product(change, direction)
        if curvature > precision * _product(change, change):
            pairs.append((direction, change, curvature))
        decrease = (value - new_value) / max(abs(value), 1e-300)
        value, gradient = new_value, new_gradient
        if decrease <= tolerance:
            return Minimum(x, value, decrease, n_iterations, True)
    return Minimum(x, value, decrease, max_iterations, False)


def _direction(
    gradient: np.ndarray, pairs: deque[tuple[np.ndarray, np.ndarray, float]]
) -> np.ndarray:
    """Return minus the inverse matrix of second derivatives, as estimated, times the gradient."""
    result = -gradient
    if not pairs:
        return result
    factors = []
    for step, change, curvature in reversed(pairs):
        factor = _product(step, result) / curvature
        factors.append(factor)
        result -= np.multiply(change, factor, dtype=result.dtype)
    _, change, curvature = pairs[-1]
    result *= result.dtype.type(curvature / _product(change, change))
    for (step, change, curvature), factor in zip(pairs, reversed(factors), strict=True):
        factor -= _product(change, result) / curvature
        result += np.multiply(step, factor, dtype=result.dtype)
    return result


def _search(
    function: Callable[[np.ndarray], tuple[float, np.ndarray]],
    x: np.ndarray,
    value: float,
    direction: np.ndarray,
    slope: float,
) -> tuple[float, np.ndarray, float] | None:
    """Return value, gradient and length of a step that fulfills the conditions of Wolfe.

    The result is None if there is none within the rounding error.
    """
    low, high, step = 0.0, np.inf, 1.0
    for _ in range(_MAX_TRIALS):
        new_value, gradient = function(x + np.multiply(direction, step, dtype=x.dtype))
        if not new_value <= value + _DECREASE * step * slope:  # also if it is not a number
            high = step
            # The minimum of the parabola through the two values and the slope.
            parabola = -slope * step**2 / (2 * (new_value - value - slope * step))
            step = (low + high) / 2
            if np.isfinite(parabola) and low == 0:
                step = float(np.clip(parabola, 0.1 * high, 0.5 * high))
        elif _product(gradient, direction) < _CURVATURE * slope:
            low = step
            step = 2 * low if np.isinf(high) else (low + high) / 2
        else:
            return new_value, gradient, step
    return None


def _product(one: np.ndarray, other: np.ndarray) -> float:
    """Return the scalar product of two arrays, with the same bits for any number of threads.

    The sums of rows are added in double precision.
    """
    return float(np.einsum("ij,ij->i", one, other).sum(dtype=float))
