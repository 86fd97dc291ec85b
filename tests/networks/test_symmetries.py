# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What turns and mirrors do to the channels of networks is what they do to the sky."""

import numpy as np
import pytest

from lensmap.flatsky import mirror_x, rotate90
from lensmap.networks import INPUTS, GridArrays
from lensmap.networks._symmetries import SYMMETRIES, apply_symmetry, undo_symmetry

RNG = np.random.default_rng(1)
SHEAR = (RNG.standard_normal((20, 24)) + 1j * RNG.standard_normal((20, 24))) * 0.2
WEIGHT = RNG.uniform(20, 90, (20, 24)) * (RNG.random((20, 24)) < 0.8)
ERROR = RNG.uniform(0, 0.2, (20, 24)) * (WEIGHT > 0)
SHEAR[WEIGHT == 0] = 0


def _sky(field, spin, symmetry):
    """Return a mirrored and turned field by the laws of flatsky."""
    mirrored, k = symmetry
    if mirrored:
        field = mirror_x(field, spin)
    return rotate90(field, spin, k)


@pytest.mark.parametrize("symmetry", SYMMETRIES, ids=str)
@pytest.mark.parametrize("kind", INPUTS.values(), ids=INPUTS)
def test_inputs_of_a_turned_sky_are_turned_inputs(kind, symmetry):
    planes, unit = kind.make(GridArrays(SHEAR, WEIGHT, ERROR, 0.41))
    weight, error = (_sky(part, 0, symmetry).real for part in (WEIGHT, ERROR))
    expected, other = kind.make(GridArrays(_sky(SHEAR, 2, symmetry), weight, error, 0.41))
    found = apply_symmetry(planes, symmetry, kind.signs)
    np.testing.assert_allclose(found, expected, atol=2e-5)
    if np.ndim(unit):
        np.testing.assert_allclose(undo_symmetry(other[..., np.newaxis], symmetry)[..., 0], unit,
                                   rtol=1e-5)


@pytest.mark.parametrize("symmetry", SYMMETRIES, ids=str)
def test_undo_symmetry(symmetry):
    planes = RNG.standard_normal((5, 7, 2))
    ones = np.ones(2), np.ones(2)
    transformed = apply_symmetry(planes, symmetry, ones)
    np.testing.assert_array_equal(undo_symmetry(transformed, symmetry), planes)


def test_the_eight_are_different():
    planes, ones = RNG.standard_normal((4, 4, 1)), (np.ones(1), np.ones(1))
    assert len({apply_symmetry(planes, s, ones).tobytes() for s in SYMMETRIES}) == 8
