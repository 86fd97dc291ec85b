# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Training: it learns, it goes on exactly where it was killed, and it says what is wrong."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from lensmap import HaloModelField
from lensmap.networks import FanInAdam, FieldSet, SurveyRange, load_network, train
from lensmap.utils import RunFolder

OPTIONS = {"widths": [6, 8], "blocks": [1, 1], "details": 4}
SMALL = {"options": OPTIONS, "held_back": 1, "check_every": 10, "seed": 3}


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    model = HaloModelField(z_source=[1.5, 2.5], shape=(64, 64), pixel_scale=1 * u.arcmin)
    return FieldSet.draw(tmp_path_factory.mktemp("fields"), model, 8, seed=1, workers=1)


@pytest.fixture(scope="module")
def trained(fields, tmp_path_factory):
    """The folder of a training of ten steps."""
    folder = tmp_path_factory.mktemp("trained")
    train("lensmap", {fields: 1.0}, folder, steps=10, **SMALL)
    return folder


def _weights(network):
    return np.concatenate([w.ravel() for w in network.model.get_weights()])


@pytest.mark.slow
def test_it_learns(fields, tmp_path):
    network = train("lensmap", {fields: 1.0}, tmp_path, steps=120, learning_rate=5e-3,
                    survey=SurveyRange.only_usual(), **{**SMALL, "check_every": 40})
    curve = Table.read(tmp_path / "curve.ecsv")
    assert list(curve["step"]) == [40, 80, 120] and curve["loss"][-1] < 0.9 * curve["loss"][0]
    assert curve["r"][-1] > 0.5 and curve["relative_error"][-1] < 0.9
    assert network.card["curve"][-1]["r"] == curve["r"][-1]
    assert network.card["training"]["seed"] == 3 and network.card["masks"] is False
    assert network.domain.pixel_scale == (1.0, 1.0)


@pytest.mark.slow
def test_a_seed_is_one_training_and_a_stop_changes_nothing(fields, tmp_path):
    straight = train("lensmap", {fields: 1.0}, tmp_path / "a", steps=20, **SMALL)

    class Enough(Exception):
        pass

    def stop_after_12(done, *rest):
        if done >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train("lensmap", {fields: 1.0}, tmp_path / "b", steps=20, progress=stop_after_12, **SMALL)
    assert sorted(p.name for p in (tmp_path / "b").iterdir()) == [
        "checkpoint.npz", "curve.ecsv", "weights.h5", "weights.json"
    ]
    resumed = train("lensmap", {fields: 1.0}, tmp_path / "b", steps=20, **SMALL)
    np.testing.assert_array_equal(_weights(resumed), _weights(straight))
    done = train("lensmap", {fields: 1.0}, tmp_path / "b", steps=20, **SMALL)  # nothing is left
    np.testing.assert_array_equal(_weights(done), _weights(straight))
    other = train("lensmap", {fields: 1.0}, tmp_path / "c", steps=20, **{**SMALL, "seed": 4})
    assert not np.array_equal(_weights(other), _weights(straight))


SCRIPT = """
import sys
from lensmap.networks import train
if __name__ == "__main__":
    train("lensmap", {sys.argv[1]: 1.0}, sys.argv[2], steps=100000, held_back=1, check_every=5,
          options={"widths": [6, 8], "blocks": [1, 1], "details": 4}, seed=3)
"""


@pytest.mark.slow
def test_a_killed_training_leaves_whole_files_and_goes_on(fields, tmp_path):
    folder = tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(fields.folder), str(folder)])
    deadline = time.monotonic() + 120
    while not (folder / "curve.ecsv").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    step = len(Table.read(folder / "curve.ecsv")) * 5
    assert step >= 5
    # The weights are written first: between the two files they are one check ahead.
    assert load_network(folder / "weights.h5").card["training"]["steps_done"] in (step, step + 5)


@pytest.mark.slow
def test_fine_tuning_starts_from_weights(fields, trained, tmp_path):
    start = str(trained / "weights.h5")
    tuned = train("lensmap", {fields: 1.0}, tmp_path / "b", steps=1, start=start,
                  learning_rate=1e-9, **SMALL)
    np.testing.assert_allclose(_weights(tuned), _weights(load_network(start)), atol=1e-6)


@pytest.mark.slow
def test_another_training_is_not_gone_on_with(fields, trained):
    with pytest.raises(ValueError, match="holds a training with the setting 'learning_rate'"):
        train("lensmap", {fields: 1.0}, trained, steps=10, learning_rate=1e-2, **SMALL)


@pytest.mark.parametrize("name", ["weights.h5", "weights.json", "curve.ecsv"])
def test_files_of_the_user_are_kept(name, fields, tmp_path):
    (tmp_path / name).write_text("mine")
    with pytest.raises(FileExistsError, match=f"{name}' exists, but the folder holds no training"):
        train("lensmap", {fields: 1.0}, tmp_path, steps=10, **SMALL)
    assert (tmp_path / name).read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_two_trainings_do_not_share_a_folder(fields, tmp_path):
    with RunFolder(tmp_path, {}, schema=1):
        with pytest.raises(RuntimeError, match="is in use by another run .* take_over=True"):
            train("lensmap", {fields: 1.0}, tmp_path, steps=10, **SMALL)


def test_an_explosion_is_told(fields, tmp_path):
    with pytest.raises(FloatingPointError, match="with a learning_rate below 1e"):
        train("lensmap", {fields: 1.0}, tmp_path, steps=300, learning_rate=1e12, **SMALL)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"learning_rate": -1.0}, "learning_rate must be positive"),
        ({"decay": 2.0}, "decay must be from 0 to 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"model": "unet"}, "no architecture 'unet'"),
        ({"start": "nothing"}, "no network 'nothing'"),
    ],
)
def test_bad_input(fields, tmp_path, change, message):
    parameters = {"model": "lensmap", "steps": 5, **SMALL, **change}
    with pytest.raises(ValueError, match=message):
        train(sets={fields: 1.0}, folder=tmp_path, **parameters)


def test_steps_of_large_kernels_are_smaller():
    assert FanInAdam.step_scale((3, 3, 128, 128)) == 1
    assert FanInAdam.step_scale((128,)) == 1
    assert FanInAdam.step_scale((49, 49, 24, 24)) == pytest.approx(1500 / 57624)


def test_a_step_has_the_size_of_its_scale():
    import keras

    inputs = keras.Input((60, 60, 24))
    model = keras.Model(inputs, keras.layers.Conv2D(1, 49)(inputs))
    before = model.get_weights()
    model.compile(FanInAdam(1e-3, weight_decay=0.0), loss="mse")
    model.train_on_batch(np.ones((1, 60, 60, 24), "f4"), np.ones((1, 12, 12, 1), "f4"))
    kernel, bias = (np.abs(a - b).max() for a, b in zip(model.get_weights(), before))
    assert bias == pytest.approx(1e-3, rel=1e-2)
    assert kernel == pytest.approx(1e-3 * 1500 / 57624, rel=1e-2)


@pytest.mark.slow
def test_a_stop_in_the_middle_of_a_step_keeps_the_last_whole_state(fields, tmp_path, monkeypatch):
    straight = train("lensmap", {fields: 1.0}, tmp_path / "a", steps=20, **SMALL)
    from lensmap.networks.training._run import TrainingRun

    calls = []
    original = TrainingRun._learning_rate

    def stop(self, step):
        calls.append(step)
        if len(calls) == 15:
            raise KeyboardInterrupt  # after the step began
        return original(self, step)

    monkeypatch.setattr(TrainingRun, "_learning_rate", stop)
    with pytest.raises(KeyboardInterrupt):
        train("lensmap", {fields: 1.0}, tmp_path / "b", steps=20, **SMALL)
    monkeypatch.undo()
    resumed = train("lensmap", {fields: 1.0}, tmp_path / "b", steps=20, **SMALL)
    np.testing.assert_array_equal(_weights(resumed), _weights(straight))


@pytest.mark.slow
def test_a_stop_in_the_last_check_is_made_good(fields, tmp_path, monkeypatch):
    from lensmap.networks.training._run import TrainingRun

    original = TrainingRun.check
    small = {**SMALL, "check_every": 2}

    def stop(self, check):
        if self.step == 4:
            self.save()
            raise KeyboardInterrupt
        original(self, check)

    monkeypatch.setattr(TrainingRun, "check", stop)
    with pytest.raises(KeyboardInterrupt):
        train("lensmap", {fields: 1.0}, tmp_path, steps=4, **small)
    monkeypatch.undo()
    network = train("lensmap", {fields: 1.0}, tmp_path, steps=4, **small)
    assert [row["step"] for row in network.card["curve"]] == [2, 4]


def test_a_damaged_checkpoint_is_told(fields, tmp_path):
    (tmp_path / "checkpoint.npz").write_bytes(b"")
    with pytest.raises(ValueError, match="checkpoint.npz', which is damaged"):
        train("lensmap", {fields: 1.0}, tmp_path, steps=5, **SMALL)


@pytest.mark.slow
def test_fields_of_any_size_can_be_learned_from(tmp_path):
    model = HaloModelField(z_source=1.5, shape=(70, 78), pixel_scale=1 * u.arcmin)
    odd = FieldSet.draw(tmp_path / "fields", model, 2, seed=1, workers=1)
    network = train("lensmap", {odd: 1.0}, tmp_path / "run", steps=2, **SMALL)
    assert "r" in network.card["curve"][-1]


def test_a_start_of_another_shape(fields, trained, tmp_path):
    start = str(trained / "weights.h5")
    other = {**SMALL, "options": {**OPTIONS, "widths": [6, 10]}}
    with pytest.raises(ValueError, match="start must be a network with weights of the same shapes"):
        train("lensmap", {fields: 1.0}, tmp_path / "b", steps=2, start=start, **other)
