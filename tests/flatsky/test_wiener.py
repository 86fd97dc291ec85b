# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The Wiener filter against linear algebra without any shortcut, and against its theory."""

import warnings

import numpy as np
import pytest

from lensmap.flatsky import (
    WienerSolver,
    convergence_to_shear,
    gaussian_smooth,
    mode_power,
    padded_shape,
    shear_kernel,
    shear_to_convergence,
)
from lensmap.utils import MapWarning

SCALE = np.radians(0.4 / 60)


def _spectrum(ell):
    """A spectrum like that of the convergence of galaxies at redshift 2."""
    return 1e-8 / (1 + (ell / 150) ** 1.2) / (1 + (ell / 4000) ** 1.2)


def _field(power, rng):
    """Return a Gaussian field of so much power."""
    return np.fft.ifft2(np.sqrt(power) * np.fft.fft2(rng.normal(size=power.shape))).real


def _noise(variance, rng):
    """Return complex noise, 0 where it would be infinite."""
    white = rng.normal(size=variance.shape) + 1j * rng.normal(size=variance.shape)
    return np.sqrt(np.where(np.isfinite(variance), variance, 0.0)) * white


def _expected_r(power, variance):
    """Return the correlation with the truth that theory allows for uniform noise."""
    modulus = np.abs(shear_kernel(power.shape)) ** 2  # 0 for the sheet
    signal = power * modulus
    return np.sqrt((power * signal / (signal + variance)).sum() / power.sum())


def _r(one, other, where=...):
    return np.corrcoef(one[where].ravel(), other[where].ravel())[0, 1]


# --- linear algebra -------------------------------------------------------------------------


class Dense:
    """The same problem with matrices: 11 x 12 pixels, uneven noise, holes, padded."""

    def __init__(self, shape=(11, 12), big=(16, 18), seed=1):
        rng = np.random.default_rng(seed)
        self.power = mode_power(big, SCALE, _spectrum)
        ny, nx = shape
        self.variance = 0.002 * rng.uniform(0.3, 3, shape)
        self.variance[3:7, 4:8] = self.variance[0, :3] = self.variance[8, 9] = np.inf
        n = big[0] * big[1]
        unit = np.eye(n).reshape(n, *big)
        shear = np.array([convergence_to_shear(k)[:ny, :nx].ravel() for k in unit]).T
        known = np.isfinite(self.variance).ravel()
        self.a = np.concatenate([shear.real[known], shear.imag[known]])
        first = np.fft.ifft2(self.power).real
        j, i = (v.ravel() for v in np.indices(big))
        self.s = first[(j[:, None] - j) % big[0], (i[:, None] - i) % big[1]]
        noise = np.diag(np.tile(self.variance.ravel()[known], 2))
        self.inverse = np.linalg.inv(self.a @ self.s @ self.a.T + noise)
        self.gain = self.s @ self.a.T @ self.inverse
        self.known, self.shape = known, shape
        self.on_map = ((j < ny) & (i < nx)).nonzero()[0]

    def mean(self, shear):
        flat = shear.ravel()[self.known]
        return (self.gain @ np.concatenate([flat.real, flat.imag]))[self.on_map].reshape(self.shape)

    def covariance(self):
        return (self.s - self.gain @ self.a @ self.s)[np.ix_(self.on_map, self.on_map)]


@pytest.mark.parametrize("big", [(16, 18), (11, 12), (17, 12)])
def test_it_is_the_solution_of_linear_algebra(big):
    dense, rng = Dense(big=big), np.random.default_rng(2)
    shear = 0.05 * (rng.normal(size=dense.shape) + 1j * rng.normal(size=dense.shape))
    found = WienerSolver(dense.variance, dense.power, tolerance=1e-12).solve(shear)
    scale = np.abs(found).max()
    np.testing.assert_allclose(found.real, dense.mean(shear), atol=1e-9 * scale)
    np.testing.assert_allclose(found.imag, dense.mean(-1j * shear), atol=1e-9 * scale)
    single = WienerSolver(dense.variance, dense.power, dtype="float32").solve(shear)
    assert single.dtype == np.complex64
    np.testing.assert_allclose(single, found, atol=3e-5 * scale)


@pytest.mark.parametrize("n", [1, 3])
def test_weighted_shear_is_that_of_linear_algebra(n):
    dense, rng = Dense(), np.random.default_rng(4)
    shears = rng.normal(size=(n, *dense.shape)) + 1j * rng.normal(size=(n, *dense.shape))
    solver = WienerSolver(dense.variance, dense.power, tolerance=1e-12)
    flat = shears.reshape(n, -1)[:, dense.known]
    expected = np.concatenate([flat.real, flat.imag], axis=1) @ dense.inverse
    weighted = solver.weigh(shears)
    part = weighted.reshape(n, -1)[:, dense.known]
    scale = np.abs(expected).max()
    np.testing.assert_allclose(np.concatenate([part.real, part.imag], axis=1), expected,
                               atol=1e-9 * scale)
    assert not weighted[:, ~np.isfinite(dense.variance)].any()
    part = np.concatenate([flat.real, flat.imag], axis=1) @ dense.a
    variance = np.einsum("ni,ij,nj->n", part, dense.s, part)
    shears[:, ~np.isfinite(dense.variance)] = 0
    np.testing.assert_allclose(solver.signal_variance(shears), variance, rtol=1e-9)


def test_drawn_shear_has_the_covariance_of_the_prior():
    dense, rng = Dense(), np.random.default_rng(5)
    solver = WienerSolver(dense.variance, dense.power)
    shears = np.array([shear for _ in range(500) for shear in solver.draw_signal(rng)])
    flat = shears.reshape(1000, -1)[:, dense.known]
    values = np.concatenate([flat.real, flat.imag], axis=1)
    expected = dense.a @ dense.s @ dense.a.T
    deviation = np.sqrt(np.diag(expected))
    error = (values.T @ values / 1000 - expected) / np.outer(deviation, deviation)
    # each element of a correlation has an error of 3.2 to 4.5 per cent from 1000 samples
    assert np.std(error) < 0.045 and abs(error.mean()) < 0.01
    assert abs(np.mean(values[::2] * values[1::2] / deviation**2)) < 0.02


@pytest.mark.slow
def test_samples_have_the_covariance_of_linear_algebra():
    dense, rng = Dense(), np.random.default_rng(3)
    solver = WienerSolver(dense.variance, dense.power, tolerance=1e-5)
    pairs = [solver.fluctuations(rng).ravel() for _ in range(2500)]
    samples = np.array([part for pair in pairs for part in (pair.real, pair.imag)])
    expected = dense.covariance()
    found = samples.T @ samples / len(samples)
    deviation = np.sqrt(np.diag(expected))
    # each element of a correlation has an error of 1.4 per cent from 5000 samples
    error = (found - expected) / np.outer(deviation, deviation)
    assert np.abs(error).max() < 0.085 and np.std(error) < 0.0155
    # the two of a pair are independent
    cross = np.mean([pair.real * pair.imag for pair in pairs], axis=0) / np.diag(expected)
    assert abs(cross.mean()) < 0.01


@pytest.mark.parametrize("shape", [(32, 32), (31, 40)])
def test_uniform_noise_on_a_periodic_field_has_a_closed_form(shape):
    """Signal over signal and noise, mode by mode, in one step."""
    rng = np.random.default_rng(4)
    power, variance = mode_power(shape, SCALE, _spectrum), 0.01
    shear = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    solver = WienerSolver(np.full(shape, variance), power)
    kernel = shear_kernel(shape)
    response = power / (power * np.abs(kernel) ** 2 + variance)
    expected = np.fft.ifft2(response * kernel.conj() * np.fft.fft2(shear))
    np.testing.assert_allclose(solver.solve(shear), expected, atol=1e-13)
    assert solver.n_iterations == 1


# --- theory ---------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", [1, 1.5])
def test_correlation_with_the_truth_is_that_of_theory(padding):
    """A periodic field as such, and a part of a larger one that is not periodic."""
    n, variance, rng = 160, 0.01, np.random.default_rng(5)
    large = (n, n) if padding == 1 else (3 * n, 3 * n)
    found = []
    for _ in range(4):
        kappa = _field(mode_power(large, SCALE, _spectrum), rng)
        shear = convergence_to_shear(kappa)[:n, :n]
        noise = np.full((n, n), variance)
        power = mode_power(padded_shape((n, n), padding), SCALE, _spectrum)
        map_ = WienerSolver(noise, power).solve(shear + _noise(noise, rng))
        found.append(_r(map_.real, kappa[:n, :n]))
        # there is no B-mode: what is there is noise
        assert abs(_r(map_.imag, kappa[:n, :n])) < 0.1
    expected = _expected_r(mode_power((n, n), SCALE, _spectrum), variance)
    assert 0.5 < expected < 0.8
    assert np.mean(found) == pytest.approx(expected, abs=0.04)


def _holey(n, rng):
    """Return noise variances of a field with stars, a few wide gaps, and uneven depth."""
    variance = 0.01 * rng.uniform(0.5, 2, (n, n))
    y, x = np.indices((n, n))
    for radius, number in ((3, 40), (8, 6)):
        for j, i in rng.uniform(0, n, (number, 2)):
            variance[np.hypot(y - j, x - i) < radius] = np.inf
    return variance


def test_holes():
    """Better than any smoothing, errors as promised, and nothing left in the residual."""
    n, rng = 128, np.random.default_rng(6)
    variance = _holey(n, rng)
    hole = np.isinf(variance)
    assert 0.08 < hole.mean() < 0.3
    power = mode_power((192, 192), SCALE, _spectrum)
    solver = WienerSolver(variance, power, dtype="float32", tolerance=1e-4)
    pairs = [solver.fluctuations(rng) for _ in range(60)]
    error = np.sqrt(np.mean([np.square(p.real) + np.square(p.imag) for p in pairs], axis=0) / 2)
    assert error[hole].mean() > 1.03 * error[~hole].mean()
    pulls, wiener, smoothed, residual = [], [], [], []
    for _ in range(16):
        kappa = _field(mode_power((3 * n, 3 * n), SCALE, _spectrum), rng)
        truth = kappa[:n, :n]
        shear = convergence_to_shear(kappa)[:n, :n] + _noise(variance, rng)
        shear[hole] = 0
        found = solver.solve(shear).real
        pulls.append((truth - found) / error)
        wiener.append(_r(found, truth))
        weight = np.where(hole, 0, 1 / variance)
        best = 0
        for sigma in (1.5, 2, 2.5, 3, 4, 5):
            g = gaussian_smooth(weight * shear, sigma) / (gaussian_smooth(weight, sigma) + 1e-9)
            best = max(best, _r(shear_to_convergence(g).real, truth))
        smoothed.append(best)
        residual.append((np.mean((truth - found) * found), np.mean(found**2)))
    assert np.mean(wiener) > np.mean(smoothed) + 0.02
    for where in (hole, ~hole, np.ones_like(hole)):
        pull = np.abs(np.array(pulls)[:, where])
        assert np.mean(pull < 1) == pytest.approx(0.683, abs=0.02)
        assert np.mean(pull < 1.96) == pytest.approx(0.95, abs=0.012)
    # the error is uncorrelated with the map, as of nothing but the best linear estimate
    cross, square = np.mean(residual, axis=0)
    assert abs(cross) < 0.05 * square


def test_b_mode_is_that_of_turned_shear():
    rng = np.random.default_rng(7)
    variance = _holey(48, rng)
    solver = WienerSolver(variance, mode_power((72, 72), SCALE, _spectrum), tolerance=1e-10)
    shear = rng.normal(size=(48, 48)) + 1j * rng.normal(size=(48, 48))
    np.testing.assert_allclose(solver.solve(1j * shear), 1j * solver.solve(shear), atol=1e-9)


# --- what may happen ------------------------------------------------------------------------


def test_no_data_and_no_shear_are_the_prior():
    power, rng = mode_power((24, 24), SCALE, _spectrum), np.random.default_rng(8)
    nothing = np.full((16, 16), np.inf)
    solver = WienerSolver(nothing, power)
    assert np.all(solver.solve(np.ones((16, 16), dtype=complex)) == 0) and solver.n_iterations == 0
    found = np.mean([np.abs(solver.fluctuations(rng)) ** 2 for _ in range(400)]) / 2
    assert found == pytest.approx(power.mean(), rel=0.05)


@pytest.mark.parametrize("variance", [0.0, 1e-12])
@pytest.mark.parametrize("shape", [(24, 24), (36, 36)])
def test_data_without_noise_are_believed(variance, shape):
    """Neither a division by zero nor steps without an end."""
    power = mode_power(shape, SCALE, _spectrum)
    kappa = _field(power, np.random.default_rng(9))
    solver = WienerSolver(np.full((24, 24), variance), power, tolerance=1e-4)
    found = solver.solve(convergence_to_shear(kappa)[:24, :24]).real
    assert solver.n_iterations < 500
    assert _r(found, kappa[:24, :24]) > 0.98


def test_a_map_that_has_not_converged_is_warned_about():
    variance = _holey(48, np.random.default_rng(10))
    power = mode_power((72, 72), SCALE, _spectrum)
    shear = np.ones((48, 48), dtype=complex)
    solver = WienerSolver(variance, power, max_iterations=3)
    with pytest.warns(MapWarning, match=r"after 3 iterations .* above 1e-06"):
        solver.solve(shear)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        WienerSolver(variance, power).solve(shear)


def test_the_grid_must_hold_the_field():
    with pytest.raises(ValueError, match=r"at least the shape of variance \(8, 8\)"):
        WienerSolver(np.ones((8, 8)), np.ones((8, 7)))
