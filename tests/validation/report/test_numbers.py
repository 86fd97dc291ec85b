# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Numbers with errors as text."""

import pytest

from lensmap.validation.report._numbers import plus_minus, rounded


@pytest.mark.parametrize(
    ("value", "error", "decimals", "text"),
    [
        (0.12345, 0.0123, 3, "0.123 ± 0.012"),
        (0.12345, 0.00042, 3, "0.1235 ± 0.0004"),  # decimals that show the error
        (0.5, 0.5, 0, "0.5 ± 0.5"),  # which would be 0 ± 0, by rounding to even
        (120.0, 0.3, 0, "120.0 ± 0.3"),
        (0.12345, 0.0, 3, "0.123"),
        (0.12345, None, 3, "0.123"),
        (0.12345, float("nan"), 3, "0.123"),
        (0.12345, 1e-30, 3, "0.123"),  # as good as none
        (-0.0001, None, 2, "0.00"),
        (-0.01, 0.001, 2, "-0.010 ± 0.001"),
        (float("nan"), 0.1, 2, "-"),
        (float("inf"), None, 2, "-"),
    ],
)
def test_an_error_is_never_zero(value, error, decimals, text):
    assert plus_minus(value, error, decimals) == text


@pytest.mark.parametrize("error", [10.0**-i * f for i in range(12) for f in (1, 4.99, 5, 9.99)])
def test_value_and_error_have_the_same_decimals(error):
    value, error_text = rounded(3.14159, error, 2)
    assert float(error_text) > 0
    assert len(value.partition(".")[2]) == len(error_text.partition(".")[2]) >= 2
