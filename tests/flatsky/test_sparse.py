# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Sparse maps: heights of known peaks, null fields, reduced shear, convergence."""

import numpy as np
import pytest

from lensmap.flatsky import SparseSolver, convergence_to_shear
from lensmap.utils import MapWarning

SHAPE, PADDED = (64, 64), (96, 96)
Y, X = np.indices(SHAPE)


def _kappa(height, width=2.0, at=(30, 36)):
    return height * np.exp(-((Y - at[0]) ** 2 + (X - at[1]) ** 2) / (2 * width**2))


def _data(seed=1, height=0.0, sigma=0.08, reduced=False):
    rng = np.random.default_rng(seed)
    kappa = _kappa(height)
    gamma = convergence_to_shear(kappa, padding=2)
    if reduced:
        gamma = gamma / (1 - kappa)
    variance = sigma**2 / rng.uniform(0.3, 2, SHAPE)
    gamma = gamma + np.sqrt(variance) * (rng.normal(size=SHAPE) + 1j * rng.normal(size=SHAPE))
    variance[10:16, 30:40] = np.inf
    gamma[10:16, 30:40] = 0
    return variance, gamma


def _solve(variance, gamma, **parameters):
    parameters = {"scales": (1, 4), "tolerance": 5e-3} | parameters
    return SparseSolver(variance, PADDED, **parameters).solve(gamma)[0]


NEAR = np.hypot(Y - 30, X - 36) < 2.5


@pytest.mark.parametrize("height", [0.35, 0.7])
def test_peaks_have_their_height_on_average(height):
    """No shrinkage: where l1 minimization lowers a peak by its threshold."""
    heights = [_solve(*_data(seed, height)).kappa[NEAR].mean() for seed in range(12)]
    error = np.std(heights, ddof=1) / np.sqrt(12)
    truth = _kappa(height)[NEAR].mean()
    assert np.mean(heights) == pytest.approx(truth, abs=0.06 * truth + 2 * error)
    assert error < 0.05 * truth


def test_a_map_without_noise_is_the_truth():
    kappa = _kappa(0.5)
    gamma = convergence_to_shear(kappa, padding=2)
    best = _solve(np.full(SHAPE, 1e-6), gamma, tolerance=1e-3)
    assert np.abs(best.kappa - kappa)[NEAR].max() < 0.02 * 0.5
    assert best.kappa.min() >= 0


def test_null_fields_are_zero():
    for seed in range(10):
        best = _solve(*_data(seed))
        assert not best.kappa.any() and best.n_active == 0
        assert best.converged and best.n_iterations == 0
    # Of the data and not only of the noise, the sum of squares is 1 a datum.
    variance, gamma = _data()
    n_data = 2 * np.isfinite(variance).sum()
    assert _solve(variance, gamma).chi_square / n_data == pytest.approx(1, abs=0.06)


def test_the_number_of_active_coefficients_of_noise_is_that_of_a_gaussian():
    """One side of a normal distribution above 2 sigma, at any depth."""
    n = [_solve(*_data(seed), threshold=2.0, tolerance=0.5).n_active for seed in range(30)]
    assert np.mean(n) / (4 * np.prod(SHAPE)) == pytest.approx(0.02275, rel=0.15)


def test_a_negative_peak_is_not_seen():
    assert _solve(*_data(2, -0.6)).kappa[NEAR].max() < 0.01


def test_reduced_shear():
    """The peak of the map from reduced shear is that of the map from shear."""
    plain, corrected, truth = [], [], []
    for seed in range(4):
        shear, reduced = _data(seed, 0.6, 0.03), _data(seed, 0.6, 0.03, reduced=True)
        truth.append(_solve(*shear).kappa[NEAR].mean())
        plain.append(_solve(*reduced).kappa[NEAR].mean())
        corrected.append(_solve(*reduced, reduced_shear=True).kappa[NEAR].mean())
    assert np.mean(plain) > 1.08 * np.mean(truth)
    assert np.mean(corrected) == pytest.approx(np.mean(truth), rel=0.03)


def test_more_iterations_lower_chi_square():
    data = _data(3, 0.5)
    chi = [_solve(*data, tolerance=tolerance).chi_square for tolerance in (0.1, 0.01, 0.002)]
    assert chi[0] > chi[1] > chi[2]


def test_no_convergence_is_said():
    with pytest.warns(MapWarning, match="in the last of 3 iterations it changed by .* of its rms"):
        best = _solve(*_data(3, 0.5), max_iterations=3)
    assert not best.converged and best.n_iterations == 3 and best.change > 5e-3


def test_the_factors_are_maps_of_the_rotated_shear():
    variance, gamma = _data(4, 0.5)
    solver = SparseSolver(variance, PADDED, scales=(1, 4), tolerance=5e-3)
    straight, rotated = solver.solve(gamma, (1, -1j))
    assert straight.kappa[NEAR].min() > 0.2 and not rotated.kappa.any()
    again, = solver.solve(1j * gamma, (-1j,))
    np.testing.assert_array_equal(again.kappa, straight.kappa)
