# Licensed under a 3-clause BSD style license - see LICENSE.rst
import numpy as np
import pytest

from lensmap.networks._calibration import IntervalCalibration, terms


def test_the_polynomial_in_each_pixel():
    assert terms(2) == [(), (0,), (1,), (0, 0), (0, 1), (1, 1)]
    first, second = (0.1, 0.2, -0.3, 0.05, 0.15, -0.1), (0.0, -0.1, 0.2, 0.0, 0.1, 0.3)
    calibration = IntervalCalibration(("b",), ((2.0, 6.0), (-1.0, 3.0)), (first, second))
    # The second channel of two; the second pixel lies beyond both ranges.
    planes = np.array([[[9.0, 5.0], [9.0, 99.0]]], dtype=np.float32)
    height = np.sinh(np.array([[0.5, -7.0]], dtype=np.float32))
    found = calibration.factors(planes, ("a", "b"), height)
    for pixel, (x, y) in enumerate([(0.5, -0.25), (1.0, -1.0)]):
        for level, c in enumerate((first, second)):
            expected = c[0] + c[1] * x + c[2] * y + c[3] * x**2 + c[4] * x * y + c[5] * y**2
            assert found[0, pixel, level] == pytest.approx(np.exp(expected), rel=1e-5)


def test_factors_are_limited():
    calibration = IntervalCalibration((), ((0.0, 1.0),), ((5.0, 0, 0), (-5.0, 0, 0)))
    found = calibration.factors(np.zeros((3, 3, 1)), ("a",), np.zeros((3, 3)))
    np.testing.assert_allclose(found[0, 0], [2, 0.5], rtol=1e-6)


@pytest.mark.parametrize(
    ("channels", "ranges", "coefficients", "message"),
    [(("a",), ((0, 1),), ((0,) * 6,) * 2, "ranges must be 2 pairs"),
     ((), ((1, 0),), ((0,) * 3,) * 2, "ranges must be 1 pairs"),
     ((), ((0, np.inf),), ((0,) * 3,) * 2, "ranges must be 1 pairs"),
     ((), ((0, 1),), ((0,) * 6,) * 2, "coefficients must have 2 rows of 3 finite numbers"),
     ((), ((0, 1),), ((0, 0, np.nan),) * 2, "coefficients must have 2 rows of 3 finite")],
)
def test_wrong_numbers(channels, ranges, coefficients, message):
    with pytest.raises(ValueError, match=message):
        IntervalCalibration(channels, ranges, coefficients)
