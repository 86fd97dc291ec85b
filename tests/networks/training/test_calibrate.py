# Licensed under a 3-clause BSD style license - see LICENSE.rst
import numpy as np
import pytest

keras = pytest.importorskip("keras")

from dataclasses import replace  # noqa: E402

from astropy import units as u  # noqa: E402

from lensmap import HaloModelField  # noqa: E402
from lensmap.networks import Architecture, FieldSet, Network, SurveyRange, calibrate  # noqa: E402
from lensmap.networks._inputs import GridArrays  # noqa: E402
from lensmap.networks.training import TrainingExamples, fit_calibration  # noqa: E402


def _network(n_channels, kind):
    """Return a network with maps of nearly 0 and half-widths of 1 and 2 (times the shear noise)."""
    inputs = keras.Input((None, None, n_channels))
    outputs = keras.layers.Conv2D(
        3, 1, kernel_initializer=keras.initializers.Constant(1e-6),
        bias_initializer=lambda shape, dtype: keras.ops.convert_to_tensor(
            [0.0, 0.0, np.log(2)], dtype),
    )(inputs)
    return Network(keras.Model(inputs, outputs), Architecture(kind))


@pytest.fixture(scope="module")
def network():
    return _network(18, "multiscale")


def _observations(seed, scales, n=64):
    """Yield observations in which the truth has the scatter noise * (pixel scale / 0.41)^0.5."""
    rng = np.random.default_rng(seed)
    for scale in scales:
        inverse_variance = np.full((n, n), rng.uniform(50, 150), dtype=np.float32)
        noise = inverse_variance[0, 0] ** -0.5
        shear = noise * (rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n)))
        truth = noise * (scale / 0.41) ** 0.5 * rng.standard_normal((n, n))
        yield (GridArrays(shear.astype(np.complex64), inverse_variance, None, scale),
               truth - truth.mean(), np.ones((n, n), dtype=bool))


def test_intervals_contain_the_truth_at_every_pixel_scale(network):
    scales = np.tile([0.2, 0.3, 0.41, 0.6, 1.0], 10)
    calibration, _, table = fit_calibration(network, _observations(1, scales, 48), n_pixels=800)
    calibrated = replace(network, calibration=calibration)
    for scale in (0.2, 0.25, 0.41, 0.8, 1.0):
        for level, exact in ((0.68, 0.6827), (0.95, 0.9545)):
            covered, before = (
                np.mean([
                    np.abs(truth - found.kappa) <= found.half_widths[level]
                    for arrays, truth, _ in _observations(2, [scale] * 6)
                    for found in [predictor.predict(arrays)]
                ])
                for predictor in (calibrated, network)
            )
            assert covered == pytest.approx(exact, abs=0.02)
            assert scale not in (0.2, 1.0) or abs(before - exact) > 0.025
    assert table["after_68"].min() > 0.6 and table["after_68"].max() < 0.76
    assert table["before_68"].max() > 0.75


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    model = HaloModelField(z_source=[1.0, 2.0], shape=(64, 64), pixel_scale=1 * u.arcmin)
    return FieldSet.draw(tmp_path_factory.mktemp("fields"), model, 6, seed=1, workers=1)


@pytest.mark.parametrize(("n_channels", "kind"), [(18, "multiscale"), (3, "paper")])
def test_calibrate_with_a_set_of_fields(fields, n_channels, kind):
    network = _network(n_channels, kind)
    calibrated = calibrate(network, fields, survey=SurveyRange.only_usual(), seed=3)
    examples = TrainingExamples(fields, network.architecture, SurveyRange.only_usual(), seed=9)
    covered = []
    for number in range(6):
        arrays, truth, _, _ = examples.observe(0, number, 1, np.random.default_rng(number))
        prediction = calibrated.predict(arrays)
        error = np.abs(truth - truth.mean() - prediction.kappa)
        covered.append([np.mean(error < width) for width in prediction.half_widths.values()])
    # All pixels of a field have similar intervals here. Pixels of high peaks, whose errors are
    # larger, have a third of the weight.
    assert np.all(np.mean(covered, axis=0) > [0.62, 0.93])
    assert calibrated.residuals is not None and network.calibration is None


def test_calibrate_needs_intervals(fields):
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(1, 1)(inputs))
    with pytest.raises(ValueError, match="network must be one that predicts confidence intervals"):
        calibrate(Network(model, Architecture("paper")), fields)
