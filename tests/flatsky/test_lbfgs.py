# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""L-BFGS against functions of known minimum and against scipy."""

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from lensmap.flatsky._lbfgs import minimize_lbfgs


def _rosenbrock(x):
    flat = x.ravel()
    return rosen(flat), rosen_der(flat).reshape(x.shape)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_quadratic_function(dtype):
    rng = np.random.default_rng(1)
    curvature = rng.uniform(0.5, 30, (4, 9)).astype(dtype)
    center = rng.normal(size=(4, 9)).astype(dtype)

    def function(x):
        difference = x - center
        return 3 + 0.5 * float(np.sum(curvature * difference**2)), curvature * difference

    found = minimize_lbfgs(
        function, np.zeros((4, 9), dtype), tolerance=1e-14, max_iterations=200
    )
    assert found.converged and found.x.dtype == dtype
    np.testing.assert_allclose(found.x, center, atol={"float64": 1e-6, "float32": 1e-3}[dtype])
    assert found.value == pytest.approx(3, abs=1e-5)


def test_a_curved_valley_as_scipy():
    start = np.full((3, 4), -1.0)
    found = minimize_lbfgs(_rosenbrock, start, tolerance=1e-15, max_iterations=2000)
    other = minimize(
        lambda x: (rosen(x), rosen_der(x)), start.ravel(), jac=True, method="L-BFGS-B",
        options={"ftol": 1e-16, "gtol": 0.0, "maxiter": 2000},
    )
    assert found.converged
    np.testing.assert_allclose(found.x.ravel(), other.x, atol=1e-4)
    assert found.n_iterations < 2 * other.nit


def test_a_start_at_the_minimum_is_the_end():
    found = minimize_lbfgs(_rosenbrock, np.ones((2, 2)), tolerance=1e-9, max_iterations=5)
    assert (found.n_iterations, found.converged) == (0, True)
    assert np.all(found.x == 1)


def test_too_few_iterations_are_no_convergence():
    found = minimize_lbfgs(_rosenbrock, np.full((2, 3), -1.0), tolerance=1e-12, max_iterations=4)
    assert (found.n_iterations, found.converged) == (4, False)
    assert found.decrease > 1e-12


def test_steps_to_where_the_function_is_not_finite_are_shortened():
    def function(x):
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(np.sum(x - np.log(x))), 1 - 1 / x

    found = minimize_lbfgs(function, np.full((1, 5), 0.01), tolerance=1e-14, max_iterations=100)
    assert found.converged
    np.testing.assert_allclose(found.x, 1, atol=1e-5)


def test_the_rounding_error_is_the_end():
    """A tolerance below the precision does not run to the last iteration."""
    def function(x):
        return 1e4 + float(np.sum(np.cosh(x) - 1)), np.sinh(x)

    found = minimize_lbfgs(
        function, np.full((2, 3), 2.0, "float32"), tolerance=0.0, max_iterations=500
    )
    assert found.converged and found.n_iterations < 50
