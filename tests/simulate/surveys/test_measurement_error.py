# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Magnitudes and measurement errors, against numbers worked out apart from lensmap."""

import numpy as np
import pytest

from lensmap.simulate import MeasurementError, hsc_measurement_error


def test_hsc_errors_at_known_signal_to_noise():
    for snr, sigma_m in ((10, 0.29), (20, 0.16), (30, 0.11), (50, 0.07), (100, 0.037)):
        magnitude = 27 - 2.5 * np.log10(snr / 3)
        assert hsc_measurement_error(magnitude, 27) == pytest.approx(sigma_m, abs=0.005)
    assert hsc_measurement_error(30.0, 27) == 0.6


@pytest.mark.parametrize(
    ("limit", "mean", "rms"), [(24.5, 0.051, 0.060), (25.5, 0.118, 0.139)]
)
def test_the_distribution_of_errors(limit, mean, rms):
    _, sigma_m = MeasurementError("hsc", 0.24, limit, 27).draw(400_000, np.random.default_rng(1))
    assert sigma_m.mean() == pytest.approx(mean, abs=0.002)
    assert np.sqrt(np.mean(sigma_m**2)) == pytest.approx(rms, abs=0.002)


def test_magnitudes_follow_the_number_counts():
    magnitude, _ = MeasurementError("hsc", 0.24, 24.5, 27).draw(
        400_000, np.random.default_rng(2)
    )
    assert magnitude.max() <= 24.5 and magnitude.min() > 16
    # 10^(0.31 m): one magnitude brighter there are half as many
    ratio = np.mean(magnitude < 23.5) / np.mean(magnitude < 24.5)
    assert ratio == pytest.approx(10**-0.31, rel=0.01)


def test_numbers_and_functions_are_models_too():
    rng = np.random.default_rng(3)
    assert np.all(MeasurementError(0.1, 0.3, 24.5, 27).draw(5, rng)[1] == 0.1)
    faint = MeasurementError(lambda m: 0.01 * (m - 10), 0.3, 24.5, 27)
    magnitude, sigma_m = faint.draw(5, rng)
    np.testing.assert_allclose(sigma_m, 0.01 * (magnitude - 10))
    np.testing.assert_allclose(faint.weights(sigma_m), 1 / (0.09 + sigma_m**2))


def test_quantiles_of_the_weights_stand_for_the_draws():
    model = MeasurementError("hsc", 0.24, 25.5, 27)
    weights = model.weights(model.draw(400_000, np.random.default_rng(4))[1])
    for power in (1, 2, 3):
        assert np.mean(model.weight_quantiles**power) == pytest.approx(
            np.mean(weights**power), rel=2e-3
        )


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        ("lsst", ValueError, "measurement_error must be 'hsc', a number or a function, not 'lsst'"),
        (None, TypeError, "measurement_error must be 'hsc', a number or a function, not None"),
        (-0.1, ValueError, "measurement_error must be a finite number of at least 0, not -0.1"),
        (np.inf, ValueError, "a finite number of at least 0"),
        (lambda m: 0.1, ValueError, "one error per magnitude"),
        (lambda m: -m, ValueError, "finite, non-negative errors, not -23.5 for the magnitude 23.5"),
        (lambda m: m * np.nan, ValueError, "finite, non-negative errors, not nan"),
    ],
)
def test_bad_models_are_refused(model, error, message):
    with pytest.raises(error, match=message):
        MeasurementError(model, 0.24, 24.5, 27)


def test_bad_magnitudes_are_refused():
    with pytest.raises(TypeError, match="magnitude_limit must be a number, .*, not '24'"):
        MeasurementError("hsc", 0.24, "24", 27)
    with pytest.raises(ValueError, match="m5 must be a finite magnitude, not nan"):
        MeasurementError("hsc", 0.24, 24.5, np.nan)
