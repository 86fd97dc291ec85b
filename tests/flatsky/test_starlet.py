# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Starlets: exact reconstruction, the adjoint, the noise of each scale."""

import numpy as np
import pytest
from scipy.ndimage import convolve1d

from lensmap.flatsky import Starlet

SHAPE = (40, 53)
every = pytest.mark.parametrize(
    ("generation", "boundary"),
    [(generation, boundary) for generation in (1, 2)
     for boundary in ("reflect", "periodic", "zero")],
)


def _fields(n, seed=1, shape=SHAPE):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, *shape)) + 1j * rng.normal(size=(n, *shape))


@every
def test_the_transform_is_that_of_its_definition(generation, boundary):
    (field,) = _fields(1).real
    mode = {"reflect": "reflect", "periodic": "wrap", "zero": "constant"}[boundary]
    smooth, expected = field, []

    def smoothed(image, step):
        kernel = np.zeros(4 * step + 1)
        kernel[::step] = np.array([1, 4, 6, 4, 1]) / 16
        for axis in (0, 1):
            image = convolve1d(image, kernel, axis=axis, mode=mode)
        return image

    for j in range(4):
        wider = smoothed(smooth, 2**j)
        expected.append(smooth - (wider if generation == 1 else smoothed(wider, 2**j)))
        smooth = wider
    starlet = Starlet(SHAPE, 4, generation=generation, boundary=boundary)
    np.testing.assert_allclose(starlet.transform(field), [*expected, smooth], atol=1e-14)


@every
def test_reconstruction_is_exact(generation, boundary):
    (field,) = _fields(1)
    starlet = Starlet(SHAPE, 5, generation=generation, boundary=boundary)
    np.testing.assert_allclose(starlet.reconstruct(starlet.transform(field)), field, atol=1e-13)


@every
def test_the_adjoint(generation, boundary):
    field, *coefficients = _fields(5)
    starlet = Starlet(SHAPE, 3, generation=generation, boundary=boundary)
    one = np.vdot(coefficients, starlet.transform(field))
    other = np.vdot(starlet.adjoint(coefficients), field)
    assert one == pytest.approx(other, rel=1e-12)


@every
def test_the_noise_of_each_scale(generation, boundary):
    """Against the squared elements of the matrix of the transform."""
    shape = (12, 17)
    starlet = Starlet(shape, 3, generation=generation, boundary=boundary)
    variance = np.random.default_rng(2).uniform(0.5, 2, shape)
    expected = np.zeros((4, *shape))
    for j, i in np.ndindex(*shape):
        delta = np.zeros(shape)
        delta[j, i] = 1
        expected += variance[j, i] * starlet.transform(delta) ** 2
    np.testing.assert_allclose(starlet.noise(variance), np.sqrt(expected), rtol=1e-10)


def test_the_noise_of_white_noise_is_the_published_one():
    """The values in use since Starck & Murtagh 1998, which came from simulations."""
    noise = Starlet((200, 200), 5).noise()[:5, 100, 100]
    np.testing.assert_allclose(noise, [0.889, 0.200, 0.086, 0.041, 0.020], atol=0.002)


def test_scales_add_up_and_a_constant_is_smooth():
    starlet = Starlet(SHAPE, 4)
    coefficients = starlet.transform(np.full(SHAPE, 3))
    np.testing.assert_allclose(coefficients[:4], 0, atol=1e-14)
    np.testing.assert_allclose(coefficients[4], 3)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_precision_is_kept(dtype):
    starlet = Starlet(SHAPE, 3)
    field = np.ones(SHAPE, dtype)
    assert starlet.transform(field).dtype == dtype
    assert starlet.adjoint(starlet.transform(field)).dtype == dtype


def test_the_second_generation_keeps_fields_positive():
    coefficients = np.abs(_fields(5).real)
    assert Starlet(SHAPE, 4, generation=2).reconstruct(coefficients).min() >= 0


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_scales": 0}, "n_scales must be at least 1"),
        ({"n_scales": 6}, "n_scales must be at most 5 for a field of 40 x 53 pixels"),
        ({"n_scales": 2, "generation": 3}, "generation must be one of 1, 2"),
        ({"n_scales": 2, "boundary": "mirror"}, "boundary must be one of 'reflect', 'periodic'"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        Starlet(SHAPE, **parameters)


def test_wrong_shapes():
    starlet = Starlet(SHAPE, 2)
    with pytest.raises(ValueError, match=r"must have the shape \(40, 53\), not \(53, 40\)"):
        starlet.transform(np.zeros(SHAPE[::-1]))
    with pytest.raises(ValueError, match=r"must have the shape \(3, 40, 53\)"):
        starlet.reconstruct(np.zeros((2, *SHAPE)))
