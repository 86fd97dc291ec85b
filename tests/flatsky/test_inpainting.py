# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Inpainting of shear: cosine transforms, variance in holes, known fields, reduced shear."""

import numpy as np
import pytest

from lensmap.flatsky import (
    ShearInpainter,
    Starlet,
    convergence_to_shear,
    mode_power,
    shear_to_convergence,
)
from lensmap.flatsky._inpainting import (
    _cosines,
    _field_of_cosines,
    _keep_large,
    _noise_level,
    extended_grid,
    match_hole_variance,
)

N = 64


def _holes(shape=(N, N), fraction=1 / 3, seed=1):
    """Return a mask with this fraction of the pixels in round holes."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)
    mask = np.zeros(shape, dtype=bool)
    while mask.mean() < fraction:
        y0, x0 = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        mask |= np.hypot(y - y0, x - x0) < rng.uniform(1.5, 6)
    return mask


def _sparse_field(seed=2, n=N):
    """Return a periodic field of eight cosines, which is sparse in the cosine transform."""
    rng = np.random.default_rng(seed)
    at = (2 * np.pi / n) * (np.arange(n) + 0.5)
    return sum(
        a * np.outer(np.cos(ky * at), np.cos(kx * at))
        for a, ky, kx in zip(rng.normal(size=8), rng.integers(0, 8, 8), rng.integers(1, 8, 8),
                             strict=True)
    )


def _gaussian_field(seed, n=2 * N):
    power = mode_power((n, n), np.radians(0.4 / 60), lambda ell: 1e-8 / (1 + (ell / 300) ** 1.5))
    white = np.random.default_rng(seed).normal(size=(n, n))
    return np.fft.ifft2(np.sqrt(power) * np.fft.fft2(white)).real


def _rms(values):
    return np.sqrt(np.mean(np.square(values)))


# --- parts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [16, 17, 63, 100, 255, 512])
@pytest.mark.parametrize("padding", [1, 1.01, 1.5, 2])
def test_the_field_is_in_the_middle_of_the_extended_grid(n, padding):
    (ny, nx), (rows, columns) = extended_grid((n, n + 1), padding)
    for side, size, part in ((ny, n, rows), (nx, n + 1, columns)):
        assert padding * size <= side <= 1.3 * padding * size + 8
        assert part.stop - part.start == size and part.start == side - part.stop
    if padding == 1:
        assert (ny, nx) == (n, n + 1)


def test_the_cosine_transform_is_that_of_its_definition():
    rng = np.random.default_rng(3)
    field = rng.normal(size=(7, 10))
    basis = []
    for n in field.shape:
        k, at = np.arange(n)[:, np.newaxis], np.arange(n) + 0.5
        basis.append(np.sqrt(np.where(k == 0, 1, 2) / n) * np.cos(np.pi * k * at / n))
    coefficients = basis[0] @ field @ basis[1].T
    coefficients[0, 0] = 0.01
    field = basis[0].T @ coefficients @ basis[1]
    kept = np.where(np.abs(coefficients) < 0.8, 0, coefficients)
    kept[0, 0] = 0.01  # the constant is kept
    assert 5 < np.count_nonzero(kept) < 60
    expected = basis[0].T @ kept @ basis[1]
    found = _cosines(field)
    np.testing.assert_allclose(found, coefficients, atol=1e-14)
    np.testing.assert_allclose(
        _field_of_cosines(_keep_large(found, 0.8)), expected, atol=1e-14
    )
    single = _field_of_cosines(_keep_large(_cosines(field.astype("float32")), 0.8))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, atol=1e-5)


def test_the_noise_is_measured_below_a_sparse_signal():
    noise = np.random.default_rng(5).normal(scale=0.3, size=(2 * N, 2 * N))
    field = noise + 20 * _sparse_field(n=2 * N)
    assert _noise_level(_cosines(field)) == pytest.approx(0.3, rel=0.05)


def test_the_variance_of_each_scale_in_holes():
    hole, starlet = _holes(), Starlet((N, N), 3)
    field = np.random.default_rng(4).normal(size=(N, N)) * np.where(hole, 0.4, 1.0)
    before = starlet.transform(field)
    expected = before.copy()
    for one in expected[:-1]:
        one[hole] *= np.std(one[~hole]) / np.std(one[hole])
        assert np.std(one[hole]) == pytest.approx(np.std(one[~hole]))
    np.testing.assert_allclose(
        match_hole_variance(field, ~hole, starlet), expected.sum(axis=0), atol=1e-12
    )
    # At most by the largest factor, and an empty hole stays empty.
    for one in before[:-1]:
        one[hole] *= min(np.std(one[~hole]) / np.std(one[hole]), 1.5)
    assert np.abs(before - expected).max() > 0.1
    np.testing.assert_allclose(
        match_hole_variance(field, ~hole, starlet, max_factor=1.5), before.sum(axis=0), atol=1e-12
    )
    assert np.all(match_hole_variance(np.zeros((N, N)), ~hole, starlet) == 0)


# --- known fields ---------------------------------------------------------------------------


@pytest.mark.parametrize("free", [False, True])
def test_a_sparse_field_is_found_again(free):
    """A third of the shear is missing: Kaiser-Squires is wrong by half of the convergence."""
    kappa, hole = _sparse_field(), _holes()
    shear = convergence_to_shear(kappa)
    inpainter = ShearInpainter(
        ~hole, padding=1, n_iterations=100, n_scales=0, free_b_mode=free
    )
    found = shear_to_convergence(inpainter.solve(shear).shear, padding=1)
    plain = shear_to_convergence(np.where(hole, 0, shear), padding=1)
    assert _rms(plain.real - kappa) > 0.3 * kappa.std()
    assert _rms(found.real - kappa) < (0.1 if free else 0.03) * kappa.std()
    assert _rms(found.imag) < 0.2 * _rms(plain.imag)


def test_a_field_of_the_sky_with_surroundings():
    """The errors near holes and edges, the B-mode and the variance in holes improve."""
    truth, hole = _gaussian_field(5), _holes()
    shear, truth = convergence_to_shear(truth)[:N, :N], truth[:N, :N]
    plain = shear_to_convergence(np.where(hole, 0, shear), padding=2)
    errors, inside = {}, {}
    starlet = Starlet((N, N), 2)
    for n_scales in (0, 5):
        done = ShearInpainter(~hole, n_scales=n_scales).solve(shear)
        np.testing.assert_array_equal(done.shear[done.field][~hole], shear[~hole])
        kappa = shear_to_convergence(done.shear, padding=1)[done.field]
        error = (kappa.real - truth)[~hole]
        errors[n_scales] = error.std()
        assert _rms(kappa.imag[~hole]) < 0.4 * _rms(plain.imag[~hole])
        fine = starlet.transform(kappa.real)[1]
        inside[n_scales] = fine[hole].std() / fine[~hole].std()
    assert max(errors.values()) < 0.45 * (plain.real - truth)[~hole].std()
    assert inside[0] < inside[5] < 1.3


def test_without_holes_nothing_changes():
    shear = convergence_to_shear(_gaussian_field(6, N))
    inpainter = ShearInpainter(np.ones((N, N), dtype=bool), padding=1, n_iterations=4)
    np.testing.assert_array_equal(inpainter.solve(shear).shear, shear)


def test_mirrored_shear_is_continued_into_mirrored_holes():
    hole = _holes((40, 51))
    shear = convergence_to_shear(_gaussian_field(7))[:40, :51]
    one, other = (
        ShearInpainter(~mask, n_iterations=8).solve(field).shear
        for mask, field in ((hole, shear), (hole[:, ::-1], np.conj(shear[:, ::-1])))
    )
    np.testing.assert_allclose(other, np.conj(one[:, ::-1]), atol=1e-13)


def test_b_modes_are_continued_if_free():
    """Shear rotated by 45 degrees exchanges E and B, also in holes if B is free."""
    hole, shear = _holes(), convergence_to_shear(_gaussian_field(8))[:N, :N]
    for free in (True, False):
        inpainter = ShearInpainter(~hole, n_iterations=8, free_b_mode=free)
        one, other = (inpainter.solve(factor * shear).shear for factor in (1, 1j))
        agree = np.allclose(other, 1j * one, atol=1e-13)
        assert agree == free


def test_single_precision_is_close_to_double():
    hole, shear = _holes(), convergence_to_shear(_gaussian_field(9))[:N, :N]
    double, single = (
        ShearInpainter(~hole, dtype=dtype).solve(shear).shear for dtype in ("float64", "float32")
    )
    assert single.dtype == np.complex64
    # A coefficient at the threshold may be kept in one and not in the other.
    assert np.abs(single - double).max() < 0.05 * double.std()


def test_reduced_shear():
    kappa, hole = 0.12 * _sparse_field(10), _holes()
    shear = convergence_to_shear(kappa)
    inpainter = ShearInpainter(~hole, padding=1, n_iterations=100, n_scales=0)
    errors = [
        (shear_to_convergence(inpainter.solve(shear / (1 - kappa), reduced=reduced).shear,
                              padding=1).real - kappa).std()
        for reduced in (False, True)
    ]
    assert kappa.max() > 0.3
    assert errors[1] < 0.25 * errors[0]
    # A very wide Gaussian leaves no convergence to correct by.
    far = inpainter.solve(shear / (1 - kappa), reduced=True, smoothing=300.0).shear
    near = inpainter.solve(shear / (1 - kappa)).shear
    assert np.abs(far - near).max() < 0.02 * np.abs(near).max()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 3)])
@pytest.mark.parametrize("padding", [1, 1.5])
def test_fields_of_few_pixels(shape, padding):
    has_data = np.ones(shape, dtype=bool)
    has_data[0, 1:2] = False
    shear = np.full(shape, 0.1 + 0.2j)
    done = ShearInpainter(has_data, padding=padding, n_iterations=3).solve(shear)
    assert np.all(done.shear[done.field][has_data] == 0.1 + 0.2j)
    assert np.isfinite(done.shear).all()


# --- errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"padding": 0.9}, "padding must be a finite number of at least 1"),
        ({"n_iterations": 1}, "n_iterations must be at least 2"),
        ({"n_scales": -1}, "n_scales must be at least 0"),
        ({"has_data": np.zeros((8, 8))}, "has_data must be true in at least one pixel"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        ShearInpainter(**{"has_data": np.ones((8, 8)), **parameters})


def test_too_little_memory(monkeypatch):
    monkeypatch.setenv("LENSMAP_MEMORY_LIMIT", "1 MB")
    with pytest.raises(MemoryError, match="inpainting on a grid of 768 x 768 pixels"):
        ShearInpainter(np.ones((512, 512)))
