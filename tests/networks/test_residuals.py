# Licensed under a 3-clause BSD style license - see LICENSE.rst
from dataclasses import replace

import keras
import numpy as np
import pytest

from lensmap.networks import Architecture, GridArrays, Network
from lensmap.networks._residuals import ResidualSpectrum
from lensmap.networks.training import fit_calibration

# The power falls by exp(-4) between the wavenumbers, and by exp(-1) per unit of the channel.
SPECTRUM = ResidualSpectrum(
    ("log pixel",), ((-1.0, 1.0),), (0.01, 0.5), ((2.0, -1.0, 0.0), (-2.0, -1.0, 0.0))
)


def _correlation(field, distance):
    return np.mean(field[:, distance:] * field[:, :-distance])


def test_a_draw_has_the_power_of_the_spectrum():
    rng = np.random.default_rng(1)
    draws = [SPECTRUM.draw((192, 160), {"log pixel": 0.3}, rng) for _ in range(40)]
    assert np.mean(draws) == pytest.approx(0, abs=0.02)
    assert np.mean(np.square(draws)) == pytest.approx(1, abs=0.02)
    # The correlation function of an infinite field, by an integral over its power.
    k = np.fft.fftfreq(512)
    wavenumber = np.hypot(k[:, np.newaxis], k)
    wavenumber[0, 0] = 1e-9
    power = SPECTRUM.power(wavenumber, {"log pixel": 0.3})
    power[0, 0] = 0
    exact = np.fft.ifft2(power).real / power.mean()
    for distance in (1, 3, 8):
        found = np.mean([_correlation(draw, distance) for draw in draws])
        assert found == pytest.approx(exact[0, distance], abs=0.02)
    assert exact[0, 1] > 0.3


def test_the_power_depends_on_the_field():
    k = np.array([0.0, 0.01, 0.5, 0.7])
    power = SPECTRUM.power(k, {"log pixel": 0.5})
    np.testing.assert_allclose(np.log(power), [1.5, 1.5, -2.5, -2.5])
    # Beyond the range, the variable is that at the end.
    np.testing.assert_allclose(
        SPECTRUM.power(k, {"log pixel": 7.0}), np.exp(-0.5) * power, rtol=1e-6
    )


@pytest.mark.parametrize(
    "entry", [{"wavenumbers": [0.5, 0.01]}, {"coefficients": [[1.0]]}, {"ranges": []},
              {"coefficients": [[np.nan, 0, 0], [0, 0, 0]]}, {"channels": 3}]
)
def test_a_damaged_card(entry):
    assert ResidualSpectrum.from_card(SPECTRUM.to_card()) == SPECTRUM
    with pytest.raises(ValueError, match="'residuals' of the card is damaged"):
        ResidualSpectrum.from_card({**SPECTRUM.to_card(), **entry})


@pytest.fixture(scope="module")
def network():
    """Return a network with maps of nearly 0 and half-widths of 1 and 3 times the shear noise."""
    inputs = keras.Input((None, None, 18))
    outputs = keras.layers.Conv2D(
        3, 1, kernel_initializer=keras.initializers.Constant(1e-6),
        bias_initializer=lambda shape, dtype: keras.ops.convert_to_tensor(
            [0.0, 0.0, np.log(3)], dtype),
    )(inputs)
    return Network(keras.Model(inputs, outputs), Architecture("multiscale"), residuals=SPECTRUM)


def _arrays(rng, n=96):
    shear = 0.1 * (rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n)))
    return GridArrays(shear.astype(np.complex64), np.full((n, n), 100, np.float32), None, 0.41)


def test_draws_of_the_error_fill_the_intervals(network):
    rng = np.random.default_rng(2)
    prediction = network.predict(_arrays(rng))
    draws = np.array([network.draw_error(prediction, rng) for _ in range(30)])
    for level, exact in ((0.68, 0.6827), (0.95, 0.9545)):
        covered = np.mean(np.abs(draws) < prediction.half_widths[level])
        assert covered == pytest.approx(exact, abs=0.02)
    assert np.mean(draws > 0) == pytest.approx(0.5, abs=0.05)
    with pytest.raises(ValueError, match="must have an entry 'residuals'"):
        replace(network, residuals=None).draw_error(prediction, rng)


def test_the_measured_correlation_is_that_of_the_errors(network):
    """The truth, and with it the error of the map, has the correlation of a known spectrum."""
    rng = np.random.default_rng(3)

    def observations():
        for scale in np.tile([0.25, 0.41, 0.7], 5):
            truth = 0.1 * SPECTRUM.draw((96, 96), {"log pixel": np.log(scale / 0.41)}, rng)
            yield replace(_arrays(rng), pixel_scale=scale), truth, np.ones(truth.shape, bool)

    _, residuals, _ = fit_calibration(network, observations())
    means = replace(network, residuals=residuals).predict(_arrays(rng)).means
    draws = [residuals.draw((96, 96), means, rng) for _ in range(30)]
    exact = [SPECTRUM.draw((96, 96), {"log pixel": 0.0}, rng) for _ in range(30)]
    for distance in (1, 3):
        found, expected = (
            np.mean([_correlation(draw, distance) for draw in fields]) for fields in (draws, exact)
        )
        assert found == pytest.approx(expected, abs=0.06)
