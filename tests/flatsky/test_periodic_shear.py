# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The shear of a real convergence on a periodic grid, and its adjoint."""

import numpy as np
import pytest

from lensmap.flatsky import PeriodicShear, convergence_to_shear

SHAPE, PADDED = (22, 27), (32, 36)


def _field(shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("padded", [PADDED, (33, 35)])
def test_the_shear_is_that_of_kaiser_and_squires(padded):
    kappa, lensing = _field(padded), PeriodicShear(SHAPE, padded)
    expected = convergence_to_shear(kappa)[: SHAPE[0], : SHAPE[1]]
    np.testing.assert_allclose(lensing.shear(lensing.modes(kappa)), expected, atol=1e-13)


@pytest.mark.parametrize("padded", [PADDED, (33, 35), SHAPE])
def test_the_adjoint(padded):
    kappa, lensing = _field(padded), PeriodicShear(SHAPE, padded)
    gamma = _field(SHAPE, 2) + 1j * _field(SHAPE, 3)
    one = np.vdot(gamma, lensing.shear(lensing.modes(kappa))).real
    other = np.vdot(lensing.field(lensing.adjoint(gamma)), kappa)
    assert one == pytest.approx(other, rel=1e-12)


def test_modes_are_padded_with_zeros():
    kappa, lensing = _field(SHAPE), PeriodicShear(SHAPE, PADDED)
    whole = lensing.field(lensing.modes(kappa))
    np.testing.assert_allclose(whole[: SHAPE[0], : SHAPE[1]], kappa, atol=1e-14)
    assert np.abs(whole[SHAPE[0] :]).max() < 1e-14 and np.abs(whole[:, SHAPE[1] :]).max() < 1e-14
    np.testing.assert_array_equal(
        lensing.field(lensing.modes(kappa), whole=False), whole[: SHAPE[0], : SHAPE[1]]
    )


def test_single_precision_is_kept():
    lensing = PeriodicShear(SHAPE, PADDED, "float32")
    gamma = lensing.shear(lensing.modes(_field(PADDED).astype(np.float32)))
    assert gamma.dtype == np.complex64 and lensing.as_shear(1j * np.ones(SHAPE)).dtype == "c8"
    assert lensing.field(lensing.adjoint(gamma)).dtype == np.float32


def test_a_grid_smaller_than_the_field():
    with pytest.raises(ValueError, match=r"padded must be at least the shape of the field"):
        PeriodicShear(SHAPE, (32, 20))
