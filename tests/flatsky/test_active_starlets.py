# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Active starlet coefficients: local noise, selection, the step along them."""

import numpy as np
import pytest

from lensmap.flatsky import ActiveStarlets, PeriodicShear

SHAPE, PADDED, SCALES = (24, 28), (36, 40), (1, 3)
LENSING = PeriodicShear(SHAPE, PADDED)
STARLETS = ActiveStarlets(LENSING, SCALES)


def _field(shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape)


def test_the_noise_is_that_of_the_matrix():
    """Against the squared elements of the matrix from each shear component to coefficients."""
    variance = np.random.default_rng(2).uniform(0.2, 3, SHAPE)
    variance[5:12, 8:15] = 0
    expected = 0.0
    for j, i in zip(*np.nonzero(variance), strict=True):
        for component in (1, 1j):
            delta = np.zeros(SHAPE, complex)
            delta[j, i] = component
            one = STARLETS.coefficients(LENSING.field(LENSING.adjoint(delta)))
            expected = expected + variance[j, i] * one[:, : SHAPE[0], : SHAPE[1]] ** 2
    np.testing.assert_allclose(STARLETS.noise(variance), np.sqrt(expected), rtol=1e-9)


def test_the_noise_of_uniform_data_is_that_of_white_noise():
    """Far from edges, the noise of A^T n is white, with the published factors of starlets."""
    lensing = PeriodicShear((128, 128), (128, 128))
    noise = ActiveStarlets(lensing, (1, 3)).noise(np.full((128, 128), 4.0))
    expected = 2 * np.array([0.200, 0.086, 0.041])
    np.testing.assert_allclose(noise[:, 64, 64], expected, atol=0.005)


def test_the_noise_is_the_scatter_of_realizations():
    variance = np.random.default_rng(3).uniform(0.2, 3, SHAPE)
    rng, square = np.random.default_rng(4), 0.0
    for _ in range(400):
        n = np.sqrt(variance) * (rng.normal(size=SHAPE) + 1j * rng.normal(size=SHAPE))
        one = STARLETS.coefficients(LENSING.field(LENSING.adjoint(n)))
        square = square + one[:, : SHAPE[0], : SHAPE[1]] ** 2
    ratio = np.sqrt(square / 400) / STARLETS.noise(variance)
    np.testing.assert_allclose(ratio.mean(axis=(1, 2)), 1, atol=0.03)


def test_only_positive_significant_coefficients_within_the_field_are_active():
    field = _field(PADDED)
    noise = STARLETS.noise(np.ones(SHAPE))
    masks = STARLETS.active(field, noise, 2.0)
    assert masks.shape == (3, *PADDED)
    inside = masks[:, : SHAPE[0], : SHAPE[1]]
    coefficients = STARLETS.coefficients(field)[:, : SHAPE[0], : SHAPE[1]]
    np.testing.assert_array_equal(inside, coefficients > 2 * noise)
    assert masks.sum() == inside.sum() > 0
    assert not STARLETS.active(field, np.zeros_like(noise), 2.0).any()


def test_the_step_is_symmetric_and_bounded():
    """<y, B x> = <B y, x> and 0 <= <x, B x> <= <x, x> for any masks."""
    x, y = _field(PADDED, 5), _field(PADDED, 6)
    masks = np.random.default_rng(7).uniform(size=(3, *PADDED)) > 0.5
    step = STARLETS.project(x, masks)
    assert np.vdot(y, step) == pytest.approx(np.vdot(STARLETS.project(y, masks), x), rel=1e-11)
    assert 0 < np.vdot(x, step) < np.vdot(x, x)
    # Power iterations for the largest eigenvalue, with all coefficients active.
    for _ in range(40):
        x = STARLETS.project(x / np.linalg.norm(x), np.ones_like(masks))
    assert np.linalg.norm(x) <= 1


def test_the_support_of_coefficients_has_their_size():
    masks = np.zeros((3, *PADDED), dtype=bool)
    masks[0, 5, 6] = masks[2, 25, 2] = True
    y, x = np.indices(PADDED)
    across = (x - 2 + PADDED[1] // 2) % PADDED[1] - PADDED[1] // 2
    expected = (np.hypot(y - 5, x - 6) <= 1) | (np.hypot(y - 25, across) <= 4)
    assert expected[25, -1]
    np.testing.assert_array_equal(STARLETS.support(masks), expected)
    assert not STARLETS.support(np.zeros_like(masks)).any()


def test_no_active_coefficient_is_no_step():
    assert not STARLETS.project(_field(PADDED), np.zeros((3, *PADDED), bool)).any()


@pytest.mark.parametrize("scales", [(2, 1), (-1, 2)])
def test_bad_scales(scales):
    with pytest.raises(ValueError, match="scales must be two numbers from 0 in increasing order"):
        ActiveStarlets(LENSING, scales)


def test_scales_wider_than_the_grid():
    with pytest.raises(ValueError, match="n_scales must be at most 5"):
        ActiveStarlets(LENSING, (1, 5))
