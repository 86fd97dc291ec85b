# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Maps with a sparse and a Gaussian component: limits, stability, known truth."""

import tracemalloc

import numpy as np
import pytest

from lensmap.flatsky import (
    MCASolver,
    SparseSolver,
    WienerSolver,
    convergence_to_shear,
    mode_power,
)
from lensmap.flatsky._mca import limited_variance, solver_memory

SHAPE, PADDED = (48, 56), (72, 84)
POWER = mode_power(PADDED, np.radians(0.4 / 60), lambda ell: 1e-9 / (1 + (ell / 800) ** 1.5))
Y, X = np.indices(SHAPE)


def _peak(height, width=1.6, at=(22, 30)):
    return height * np.exp(-((Y - at[0]) ** 2 + (X - at[1]) ** 2) / (2 * width**2))


def _data(seed=1, peak=0.0, sigma=0.08, hole=True):
    """Return the variance, with a hole, and the shear of a Gaussian field with a peak."""
    rng = np.random.default_rng(seed)
    kappa = np.fft.ifft2(np.sqrt(POWER) * np.fft.fft2(rng.normal(size=PADDED))).real
    kappa[: SHAPE[0], : SHAPE[1]] += _peak(peak)
    variance = sigma**2 / rng.uniform(0.3, 2, SHAPE)
    noise = np.sqrt(variance) * (rng.normal(size=SHAPE) + 1j * rng.normal(size=SHAPE))
    gamma = convergence_to_shear(kappa)[: SHAPE[0], : SHAPE[1]] + noise
    if hole:
        variance[8:16, 10:20] = np.inf
        gamma[8:16, 10:20] = 0
    return variance, gamma, kappa[: SHAPE[0], : SHAPE[1]]


def _solver(variance, **parameters):
    return MCASolver(variance, POWER, **{"scales": (1, 3), "tolerance": 1e-9} | parameters)


@pytest.mark.parametrize("off", [{"threshold": 1e9}, {"n_iterations": 0}])
def test_without_active_coefficients_it_is_the_wiener_filter(off):
    """The Wiener-filtered map is a fixed point of the iterative filter, also in holes."""
    variance, gamma, _ = _data()
    wiener = WienerSolver(variance, POWER, tolerance=1e-10).solve(gamma)
    even, odd = _solver(variance, **off).solve(gamma, (1, -1j))
    assert np.abs(even.kappa - wiener.real).max() < 1e-6 * wiener.real.std()
    assert np.abs(odd.kappa - wiener.imag).max() < 1e-6 * wiener.imag.std()
    assert even.n_active == 0 or off == {"n_iterations": 0}
    assert not even.sparse.any()


def test_a_peak_is_higher_and_the_rest_is_as_in_the_wiener_map():
    errors, heights = [], []
    for seed in range(6):
        variance, gamma, kappa = _data(seed, 0.4)
        (best,) = _solver(variance).solve(gamma)
        wiener = WienerSolver(variance, POWER).solve(gamma).real
        assert best.n_active > 0 and best.sparse.min() >= 0
        near = np.hypot(Y - 22, X - 30) < 3
        heights.append([one[near].mean() for one in (best.kappa, wiener, kappa)])
        errors.append([np.mean((one - kappa)[near] ** 2) for one in (best.kappa, wiener)])
    best, wiener, truth = np.mean(heights, axis=0)
    assert abs(best / truth - 1) < 0.15 and wiener < 0.8 * truth
    error, reference = np.mean(errors, axis=0)
    assert error < 0.6 * reference


def test_the_mean_is_that_of_the_wiener_filter():
    variance, gamma, _ = _data(3, 0.4)
    (best,) = _solver(variance).solve(gamma)
    good = np.isfinite(variance)
    wiener = WienerSolver(variance, POWER, tolerance=1e-9).solve(gamma).real
    assert best.kappa[good].mean() == pytest.approx(wiener[good].mean(), abs=1e-9)


def test_many_iterations_do_not_diverge():
    variance, gamma, _ = _data(4, 0.4)
    chi = [_solver(variance, n_iterations=n, threshold=1.0).solve(gamma)[0].chi_square
           for n in (0, 20, 300)]
    assert chi[0] > chi[1] > chi[2] > 0
    (one,) = _solver(variance, n_iterations=300, threshold=1.0).solve(gamma)
    assert np.abs(one.kappa).max() < 2


def test_reduced_shear_converges_to_the_wiener_filter_of_the_shear():
    """With the sparse part off, against repeated Wiener filters of g (1 - kappa)."""
    variance, gamma, _ = _data(5, 0.3, hole=False)
    solver = WienerSolver(variance, POWER, tolerance=1e-10)
    wiener = solver.solve(gamma).real
    first = wiener
    for _ in range(12):
        wiener = solver.solve(gamma * (1 - wiener)).real
    (best,) = _solver(
        variance, threshold=1e9, n_iterations=400, reduced_shear=True
    ).solve(gamma)
    difference = best.kappa - wiener
    assert np.std(difference) < 0.02 * np.std(first - wiener)


def test_an_extremely_deep_pixel_does_not_stop_the_iteration():
    variance, gamma, _ = _data(6, 0.4)
    (best,) = _solver(variance).solve(gamma)
    variance[40, 5] = 1e-9
    (other,) = _solver(variance).solve(gamma)
    near = np.hypot(Y - 22, X - 30) < 3
    assert other.kappa[near].mean() > 0.7 * best.kappa[near].mean()


def test_limits_of_the_variance():
    variance = np.array([[1.0, 2.0, 3.0, 0.0, np.inf]])
    np.testing.assert_allclose(limited_variance(variance), [[1, 2, 3, 0.15, np.inf]])
    np.testing.assert_allclose(limited_variance(variance, 1.5), [[1.5, 2, 3, 1.5, np.inf]])
    assert np.isinf(limited_variance(np.full((2, 2), np.inf))).all()


def test_no_data_is_no_map():
    (best,) = _solver(np.full(SHAPE, np.inf)).solve(np.zeros(SHAPE, complex))
    assert not best.kappa.any() and best.chi_square == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_estimated_memory(dtype):
    rng, padded = np.random.default_rng(8), (240, 240)
    gamma = 0.1 * (rng.normal(size=(160, 160)) + 1j * rng.normal(size=(160, 160)))
    variance, power = np.full((160, 160), 0.01), np.full(padded, 1e-3)
    parameters = {"scales": (1, 4), "threshold": 2.0, "dtype": dtype, "tolerance": 0.2}
    makers = (
        lambda: MCASolver(variance, power, n_iterations=2, **parameters),
        lambda: SparseSolver(variance, padded, **parameters),
    )
    for make in makers:
        make().solve(gamma)  # fills the cache of kernels
        tracemalloc.start()
        make().solve(gamma)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert 0.7 < solver_memory(padded, 4, dtype) / peak < 1.4


def test_single_precision():
    variance, gamma, _ = _data(7, 0.4)
    (double,) = _solver(variance).solve(gamma)
    (single,) = _solver(variance, dtype="float32", tolerance=1e-6).solve(gamma)
    assert single.kappa.dtype == np.float32
    np.testing.assert_allclose(single.kappa, double.kappa, atol=2e-4)
