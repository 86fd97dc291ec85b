# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Maximum-entropy maps: gradients, the Wiener limit, starts, chi square, peaks, samples."""

import numpy as np
import pytest
from scipy.optimize import minimize

from lensmap.flatsky import (
    EntropySolver,
    WienerSolver,
    convergence_to_shear,
    mode_power,
    shear_to_convergence,
)
from lensmap.flatsky._maximum_entropy import _Problem, solver_memory
from lensmap.utils import MapWarning

SCALE = np.radians(0.4 / 60)
N, BIG = 64, (96, 96)


def _spectrum(ell):
    """A spectrum like that of the convergence of galaxies at redshift 2."""
    return 1e-8 / (1 + (ell / 150) ** 1.2) / (1 + (ell / 4000) ** 1.2)


POWER = mode_power(BIG, SCALE, _spectrum)


def _skewed_field(rng, events=0.01, power=POWER):
    """Return a field of the prior's power whose hidden field is a sum of random events."""
    hidden = rng.poisson(events, power.shape) * rng.exponential(1.0, power.shape)
    white = (hidden - events) / np.sqrt(2 * events)
    return np.fft.ifft2(np.sqrt(power) * np.fft.fft2(white)).real


def _variance(rng, holes=True):
    variance = 0.01 * rng.uniform(0.5, 2, (N, N))
    if holes:
        variance[20:30, 35:50] = variance[50:53, 10:13] = np.inf
    return variance


def _observe(kappa, variance, rng):
    sigma = np.sqrt(np.where(np.isfinite(variance), variance, 0.0))
    white = rng.normal(size=variance.shape) + 1j * rng.normal(size=variance.shape)
    shear = convergence_to_shear(kappa)[: variance.shape[0], : variance.shape[1]]
    return np.where(np.isfinite(variance), shear + sigma * white, 0)


def _r(one, other, where=...):
    return np.corrcoef(one[where].ravel(), other[where].ravel())[0, 1]


# --- the objective --------------------------------------------------------------------------


@pytest.mark.parametrize("big", [(16, 17), (17, 16), (13, 12)])
@pytest.mark.parametrize("prior", ["entropy", "gaussian"])
@pytest.mark.parametrize("reduced", [False, True])
def test_the_gradient_is_that_of_finite_differences(big, prior, reduced):
    rng = np.random.default_rng(1)
    variance = 0.002 * rng.uniform(0.3, 3, (13, 12))
    variance[3:6, 3:7] = np.inf
    measurement = 0.2 * np.where(np.isfinite(variance), variance, 1.0) if reduced else None
    solver = EntropySolver(
        variance, 100 * mode_power(big, SCALE, _spectrum), default=0.3, amplitude=0.8,
        measurement=measurement, prior=prior,
    )
    shear = 0.3 * (rng.normal(size=(13, 12)) + 1j * rng.normal(size=(13, 12)))
    problem = _Problem(solver._likelihood(shear), 0.2, rng.normal(size=big))
    y, *directions = rng.normal(size=(4, *solver.variables_shape))
    value, gradient = solver.objective(y, problem)
    assert np.isfinite(value) and gradient.shape == y.shape
    for direction in directions:
        high, low = (solver.objective(y + h * direction, problem)[0] for h in (1e-6, -1e-6))
        assert (high - low) / 2e-6 == pytest.approx(np.sum(gradient * direction), rel=1e-5)


def test_the_prior_alone_has_its_minimum_at_0():
    nothing = np.full((N, N), np.inf)
    (found,) = EntropySolver(nothing, POWER, default=0.1).solve(np.ones((N, N), complex))
    assert np.all(found.kappa == 0) and found.n_iterations == 0 and found.converged
    assert found.chi_square == 0


def test_the_minimum_is_that_of_scipy():
    rng = np.random.default_rng(2)
    variance, power = 0.01 * rng.uniform(0.5, 2, (16, 16)), mode_power((24, 24), SCALE, _spectrum)
    shear = _observe(_skewed_field(rng, power=power), variance, rng)
    solver = EntropySolver(variance, power, default=0.1, amplitude=0.5, tolerance=1e-14)
    (found,) = solver.solve(shear)
    problem = _Problem(solver._likelihood(shear))

    def flat(y):
        value, gradient = solver.objective(y.reshape(solver.variables_shape), problem)
        return value, gradient.ravel()

    other = minimize(
        flat, np.zeros(np.prod(solver.variables_shape)), jac=True, method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 5000, "maxfun": 20_000},
    )
    assert found.objective == pytest.approx(other.fun, rel=1e-9)


# --- the map --------------------------------------------------------------------------------


def test_many_events_are_the_wiener_filter():
    rng = np.random.default_rng(3)
    variance = _variance(rng)
    shear = _observe(_skewed_field(rng), variance, rng)
    wiener = WienerSolver(variance, POWER, tolerance=1e-9).solve(shear).real
    (found,) = EntropySolver(variance, POWER, default=1000.0, tolerance=1e-13).solve(shear)
    assert np.std(found.kappa - wiener) < 2.4e-4 * wiener.std()
    # The means are equal to the tolerance of the filter by which the mean is found.
    assert np.abs(found.kappa - wiener).max() < 5e-3 * wiener.std()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_map_does_not_depend_on_the_start(dtype):
    rng = np.random.default_rng(4)
    variance = _variance(rng)
    kappa = _skewed_field(rng)
    shear = _observe(3 * kappa, variance, rng)  # with clusters, as in a field of sources behind
    solver = EntropySolver(variance, POWER, default=0.1, amplitude=0.5, dtype=dtype)
    reference = EntropySolver(
        variance, POWER, default=0.1, amplitude=0.5, tolerance=1e-15
    ).solve(shear)[0].kappa
    assert reference.max() > 0.3
    starts = {
        "zero": None,
        "Kaiser-Squires": shear_to_convergence(shear).real,
        "Wiener": WienerSolver(variance, POWER).solve(shear).real,
    }
    for name, start in starts.items():
        (found,) = solver.solve(shear, start=start)
        difference = (found.kappa - reference) / reference.std()
        assert np.std(difference) < 1e-3 and np.abs(difference).max() < 1e-2, name
        assert found.kappa.dtype == dtype and found.converged


@pytest.mark.slow
def test_chi_square_is_one_minus_the_response():
    """In the mean of ten fields; the response is measured by small changes of the data."""
    deviations, fractions = [], []
    for seed in range(10):
        rng = np.random.default_rng([5, seed])
        variance = _variance(rng)
        kappa = _skewed_field(rng)
        shear = _observe(kappa, variance, rng)
        good = np.isfinite(variance)
        sigma = np.sqrt(np.where(good, variance, 0.0))
        white = rng.normal(size=(N, N)) + 1j * rng.normal(size=(N, N))
        solver = EntropySolver(variance, POWER, default=0.15, amplitude=0.5, tolerance=1e-11)
        step = 0.01
        plus, minus = solver.solve(shear + step * sigma * white, shear - step * sigma * white)
        (found,) = solver.solve(shear)

        change = (plus.gamma - minus.gamma)[good] / (2 * step * sigma[good])
        trace = np.sum((np.conj(white[good]) * change).real)
        n = 2 * np.count_nonzero(good)
        # The scatter of the noise itself, which is that of the residuals, too.
        noise = (shear - convergence_to_shear(kappa)[:N, :N])[good] / sigma[good]
        excess = np.sum(np.abs(noise) ** 2) / n - 1
        deviations.append(found.chi_square / n - excess - (1 - trace / n))
        fractions.append(trace / n)
    # The relation is exact for a Gaussian prior that is true.
    assert np.mean(fractions) > 0.01 and abs(np.mean(deviations)) < 0.005


def test_halos_are_higher_and_have_no_rings():
    """As the Wiener filter shows them lower, with a negative ring around."""
    rng = np.random.default_rng(6)
    y, x = np.indices(BIG)
    radius = np.hypot(y - 32, x - 32) * 0.4
    halo = 0.5 / (1 + (radius / 0.8) ** 2)
    variance = np.full((N, N), 0.25**2 / (30 * 0.16))
    peaks, rings = [], []
    solver = EntropySolver(variance, POWER, default=0.1, amplitude=0.5)
    wiener = WienerSolver(variance, POWER)
    for _ in range(4):
        shear = _observe(halo - halo.mean(), variance, rng)
        maps = solver.solve(shear)[0].kappa, wiener.solve(shear).real
        ring = (radius[:N, :N] > 4) & (radius[:N, :N] < 7)
        peaks.append([one[30:35, 30:35].mean() for one in maps])
        rings.append([one[ring].mean() - one.mean() for one in maps])
    entropy, linear = np.mean(peaks, axis=0)
    truth = halo[30:35, 30:35].mean() - halo[:N, :N].mean()
    assert 1.1 * linear < entropy < 1.1 * truth
    ring = np.mean(rings, axis=0)
    assert ring[0] > -0.01 * entropy / linear


def test_a_skewed_field_is_seen_better_than_by_the_wiener_filter():
    gain = []
    for seed in range(4):
        rng = np.random.default_rng([7, seed])
        variance, kappa = _variance(rng), _skewed_field(rng)
        shear = _observe(kappa, variance, rng)
        truth = kappa[:N, :N]
        wiener = WienerSolver(variance, POWER).solve(shear).real
        found = EntropySolver(variance, POWER, default=0.1, amplitude=0.5).solve(shear)[0].kappa
        gain.append(_r(found, truth) - _r(wiener, truth))
        # The level of the map, which shear does not measure, is that of the Wiener filter.
        good = np.isfinite(variance)
        assert found[good].mean() == pytest.approx(wiener[good].mean(), abs=2e-3 * wiener.std())
    assert np.mean(gain) > 0.05


# --- samples --------------------------------------------------------------------------------


@pytest.mark.slow
def test_samples_of_a_gaussian_prior_are_those_of_the_wiener_filter():
    rng = np.random.default_rng(8)
    variance = _variance(rng)
    shear = _observe(_skewed_field(rng), variance, rng)
    solver = EntropySolver(variance, POWER, default=100.0, prior="gaussian", tolerance=1e-8)
    wiener = WienerSolver(variance, POWER)
    mean = wiener.solve(shear).real
    samples = np.array([one.kappa for one in solver.sample(shear, rng, 24)]) - mean
    pairs = [wiener.fluctuations(rng) for _ in range(24)]
    linear = np.array([part for pair in pairs for part in (pair.real, pair.imag)])
    assert np.abs(samples.mean()) < 0.2 * samples.std()
    for where in (np.isfinite(variance), np.isinf(variance)):
        assert samples[:, where].std() == pytest.approx(linear[:, where].std(), rel=0.06)
    # Each sample's mean is one of the posterior, too.
    level = [one.mean(axis=(1, 2)).std() for one in (samples, linear)]
    assert level[0] == pytest.approx(level[1], rel=0.5)


def test_samples_need_a_gaussian_prior():
    solver = EntropySolver(np.ones((8, 8)), np.ones((8, 8)), default=1.0)
    with pytest.raises(ValueError, match="prior must be 'gaussian' for samples"):
        solver.sample(np.zeros((8, 8)), np.random.default_rng(1))


# --- what may happen ------------------------------------------------------------------------


def test_a_map_that_has_not_converged_is_warned_about():
    rng = np.random.default_rng(9)
    variance = _variance(rng)
    shear = _observe(_skewed_field(rng), variance, rng)
    solver = EntropySolver(variance, POWER, default=0.1, max_iterations=3)
    with pytest.warns(MapWarning, match=r"after 3 iterations its objective is .* above 1e-09"):
        (found,) = solver.solve(shear)
    assert not found.converged and found.n_iterations == 3 and np.isfinite(found.kappa).all()


def test_the_grid_must_hold_the_field():
    with pytest.raises(ValueError, match=r"at least the shape of variance \(8, 8\)"):
        EntropySolver(np.ones((8, 8)), np.ones((8, 7)), default=1.0)
    assert solver_memory((8, 8), (12, 12), "float32") < solver_memory((8, 8), (12, 12), "float64")
