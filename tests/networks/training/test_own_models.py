# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Training of models, losses and optimizers of the user, resumed exactly."""

import itertools

import keras
import numpy as np
import pytest
from astropy import units as u
from keras import layers

from lensmap import CNNReconstructor, MockSurvey
from lensmap.flatsky import gaussian_smooth
from lensmap.networks import Architecture, FieldSet, map_loss, train, training_examples
from lensmap.networks.training._losses import make_loss
from lensmap.networks.training._model_source import model_digest
from lensmap.networks.training._optimizer import ConvolutionMuon, FanInAdam, make_optimizer
from lensmap.simulate import read_field

SMALL = {"held_back": 1, "check_every": 10, "seed": 3}
HAS_MUON = hasattr(keras.optimizers, "Muon")
NEEDS_MUON = pytest.mark.skipif(not HAS_MUON, reason="this Keras has no Muon")


def small_model(width=4, dropout=0.0):
    """Build a model with the three input channels of the paper."""
    image = keras.Input((None, None, 3))
    planes = layers.Conv2D(width, 3, padding="same", activation="gelu")(image)
    if dropout:
        planes = layers.Dropout(dropout)(planes)
    planes = layers.Conv2D(width, 3, padding="same", activation="gelu")(planes)
    return keras.Model(image, layers.Conv2D(1, 3, padding="same")(planes))


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    """Fields of random maps, which are made faster than those of a model."""
    folder, rng = tmp_path_factory.mktemp("fields"), np.random.default_rng(1)
    paths = [folder / f"map_{i}.npy" for i in range(3)]
    for path in paths:
        np.save(path, gaussian_smooth(rng.normal(0, 0.2, (64, 64)), 2.0))
    return FieldSet.from_files(folder / "set", paths, pixel_scale=1 * u.arcmin, z_source=1.5)


def _weights(network):
    return np.concatenate([w.ravel() for w in network.model.get_weights()])


def _mae(y_true, y_pred):
    return keras.ops.mean(y_true[..., 2] * keras.ops.abs(y_true[..., 0] - y_pred[..., 0]))


def _seeded_model():
    keras.utils.set_random_seed(5)
    return small_model(dropout=0.3)


def _own_optimizer():
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-3, 3, 0.5)
    return keras.optimizers.SGD(schedule, momentum=0.9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "change"),
    [
        (_seeded_model, {}),
        pytest.param(lambda: small_model, {"optimizer": "muon", "loss": "mae"}, marks=NEEDS_MUON),
        (lambda: Architecture("smoothed", build=small_model),
         {"optimizer": _own_optimizer(), "loss": _mae}),
    ],
    ids=["dropout", "muon", "own"],
)
def test_an_interruption_changes_nothing(make, change, fields, tmp_path):
    """Random layers and the state of all optimizers are part of the checkpoint."""
    options = {"steps": 6, **SMALL, **change}
    straight = train(make(), fields, tmp_path / "a", **options)

    def stop(done, total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(make(), fields, tmp_path / "b", progress=stop, **options)
    # The layers of a model that is built again have other names.
    resumed = train(make(), fields, tmp_path / "b", **options)
    np.testing.assert_array_equal(_weights(resumed), _weights(straight))
    assert sorted(p.name for p in (tmp_path / "b").iterdir()) == [
        "checkpoint.npz", "curve.ecsv", "weights.json", "weights.keras",
    ]


@pytest.mark.slow
def test_a_model_is_trained_saved_and_used(fields, tmp_path):
    model = small_model()
    before = model.get_weights()
    architecture = Architecture("smoothed", reach=3)
    network = train(model, fields, tmp_path / "run", steps=2, architecture=architecture, **SMALL)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)  # a copy was trained
    assert network.architecture == architecture and network.domain.pixel_scale == (1.0, 1.0)
    path = tmp_path / "run" / "weights.keras"
    field = read_field(fields.read(0, 0)[0], pixel_scale=1 * u.arcmin, z_source=1.5)
    survey = MockSurvey.preset("cha2025", density=8 / u.arcmin**2)
    catalog = survey.observe(field, rng=1)
    kappa = CNNReconstructor(network=path).reconstruct(catalog, field.wcs)
    assert kappa.meta["weights"] == network.card["sha256"] and np.isfinite(kappa.data).all()
    # The file is the start of a new training, with its architecture.
    tuned = train(path, fields, tmp_path / "tuned", steps=1, learning_rate=1e-9, **SMALL)
    assert tuned.architecture == architecture
    np.testing.assert_allclose(_weights(tuned), _weights(network), atol=1e-7)
    with pytest.raises(ValueError, match="holds a training with the setting 'model'"):
        train(small_model(width=5), fields, tmp_path / "run", steps=2, architecture=architecture,
              **SMALL)


@pytest.mark.parametrize(
    ("model", "change", "error", "message"),
    [
        (3, {}, TypeError, "model must be the name of an architecture, a .keras file, .* not int"),
        (lambda: 3, {}, TypeError, "model must be a function that returns a keras.Model, not int"),
        (Architecture("paper"), {}, ValueError, "an Architecture whose attribute build is a func"),
        ("lensmap", {"architecture": Architecture("paper")}, ValueError,
         "architecture must be left out if model is the architecture 'lensmap'"),
        (small_model, {"architecture": Architecture("multiscale")}, ValueError,
         "model must have 18 input channels"),
        (small_model, {"loss": "no loss"}, ValueError, "loss must be 'map', the name of a loss of"),
        (small_model, {"loss": 3}, TypeError, "loss must be the name of a loss or a function"),
        (small_model, {"optimizer": "sgd"}, ValueError, "optimizer must be 'adam', 'muon' or an"),
        ("mine.keras", {}, FileNotFoundError, "no card 'mine.json'"),
    ],
)
def test_bad_input(model, change, error, message, fields, tmp_path):
    with pytest.raises(error, match=message):
        train(model, fields, tmp_path / "run", steps=1, **{**SMALL, **change})
    assert not (tmp_path / "run").exists()


def test_models_that_could_not_be_loaded_again_are_not_trained(fields, tmp_path):
    class Mine(layers.Layer):
        def call(self, x):
            return 2 * x

    for layer in (Mine(), layers.Lambda(lambda x: 2 * x)):
        image = keras.Input((None, None, 3))
        model = keras.Model(image, layer(layers.Conv2D(1, 1)(image)))
        with pytest.raises(ValueError, match="model must .*register_keras_serializable"):
            train(model, fields, tmp_path / "run", steps=1, **SMALL)


def test_the_digest_of_a_model_depends_on_its_layers_alone():
    digests = [model_digest(small_model(*words)) for words in ((4,), (4,), (5,), (4, 0.1))]
    assert digests[0] == digests[1] and len(set(digests)) == 3


class TestLosses:
    rng = np.random.default_rng(4)
    targets = rng.uniform(0.1, 1, (2, 5, 6, 3)).astype("f4")

    @pytest.mark.parametrize("n_planes", [1, 3])
    def test_a_loss_of_keras_has_the_weights_of_the_targets(self, n_planes):
        """The square error is `map_loss`; an absolute error is that of numpy."""
        output = self.rng.normal(0, 1, (2, 5, 6, n_planes)).astype("f4")
        for name in ("mse", keras.losses.MeanSquaredError(), keras.losses.mean_squared_error):
            loss = make_loss(name)(self.targets, output)
            assert float(loss) == pytest.approx(float(map_loss(self.targets, output)), rel=1e-5)
        if n_planes == 1:
            expected = np.mean(self.targets[..., 1] * np.abs(self.targets[..., 0] - output[..., 0]))
            found = float(make_loss("mae")(self.targets, output))
            assert found == pytest.approx(expected, rel=1e-5)

    def test_a_function_gets_all_planes(self):
        assert make_loss(_mae) is _mae and make_loss("map") is map_loss


class TestOptimizers:
    @NEEDS_MUON
    def test_muon_makes_kernels_orthogonal(self):
        """All singular values of the step of a kernel are nearly equal; Adam's differ by far."""
        kernel = keras.Variable(np.zeros((3, 3, 8, 6), "f4"))
        bias = keras.Variable(np.zeros(6, "f4"))
        optimizer = ConvolutionMuon(0.1, weight_decay=0.0)
        optimizer.build([kernel, bias])
        gradient = np.random.default_rng(1).standard_normal((3, 3, 8, 6)).astype("f4")
        gradient *= 10.0 ** np.linspace(-0.7, 0.7, 6)  # of different size for the outputs
        gradients = [keras.ops.convert_to_tensor(g) for g in (gradient, np.ones(6, "f4"))]
        optimizer.apply(gradients, [kernel, bias])
        step = keras.ops.convert_to_numpy(kernel.value).reshape(-1, 6)
        values = np.linalg.svd(step / (0.1 * 0.2 * np.sqrt(72)), compute_uv=False)
        assert 0.3 < values.min() and values.max() < 1.3
        assert np.linalg.cond(gradient.reshape(-1, 6)) > 10
        np.testing.assert_allclose(keras.ops.convert_to_numpy(bias.value), -0.1, rtol=1e-3)

    @NEEDS_MUON
    @pytest.mark.parametrize("shape", [(5, 5, 3, 8), (3, 3, 8, 1), (3, 3, 16, 1), (7,)])
    def test_muon_leaves_small_kernels_to_adam(self, shape):
        weights = np.random.default_rng(2).standard_normal(shape).astype("f4")
        steps = []
        for kind in (ConvolutionMuon, FanInAdam):
            variable = keras.Variable(np.zeros(shape, "f4"))
            optimizer = kind(1e-2, weight_decay=0.0)
            optimizer.build([variable])
            optimizer.apply([keras.ops.convert_to_tensor(weights)], [variable])
            steps.append(keras.ops.convert_to_numpy(variable.value))
        np.testing.assert_allclose(*steps, rtol=1e-3, atol=1e-6)

    def test_an_optimizer_of_keras_is_copied_without_its_state(self):
        mine = keras.optimizers.Lion(3e-4)
        copy, rate, has_schedule = make_optimizer(mine, None)
        assert type(copy) is type(mine) and copy is not mine
        assert rate == pytest.approx(3e-4) and not has_schedule
        assert make_optimizer(mine, 1e-2)[1] == 1e-2 and make_optimizer("adam", None)[1] == 1e-3

    def test_a_schedule_of_ones_own(self):
        mine = keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5))
        assert make_optimizer(mine, None)[1:] == (pytest.approx(0.1), True)
        with pytest.raises(ValueError, match="learning_rate must be left out for an optimizer"):
            make_optimizer(mine, 1e-3)


def test_training_runs_on_any_backend(fields):
    """Three steps with the backend that is installed; CI has TensorFlow.

    The inputs and targets are numpy arrays, so that the same script runs on all of them.
    """
    model = small_model()
    model.compile("adam", map_loss)
    batches = training_examples(fields, "paper").batches(2)
    losses = [float(model.train_on_batch(*batch)) for batch in itertools.islice(batches, 3)]
    assert np.all(np.isfinite(losses)) and min(losses) > 0
