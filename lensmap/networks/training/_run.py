# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The state of a training, which is written to a checkpoint and read again."""

import json
import random
import time
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
from astropy.table import Table
from keras.ops import convert_to_numpy as to_numpy

from lensmap.networks._domain import Domain
from lensmap.networks._network import Network
from lensmap.networks._weights import load_network, save_network
from lensmap.networks.training._losses import describe_loss, make_loss
from lensmap.networks.training._model_source import ModelSource, model_digest
from lensmap.networks.training._optimizer import describe_optimizer, make_optimizer
from lensmap.utils import (
    FolderLock,
    ParameterError,
    RunError,
    atomic_write,
    check_count,
    check_number,
    reading,
    write_table,
)

__all__ = ["TrainingRun"]

_CHECKPOINT_REMEDY = (
    "train in a new folder, and set {start} to the network in the old folder to continue "
    "from its weights"
)

# The number of steps over which the learning rate rises, while Adam estimates the mean gradients.
_N_WARM_UP = 200


class DivergedError(RunError, FloatingPointError):
    """The error raised when the loss is not finite."""

    code = "diverged"


class CheckpointError(RunError, ValueError):
    """The error raised when a checkpoint cannot be read."""

    code = "checkpoint"


class TrainingRun:
    """The state of a training: model, optimizer, running mean of the weights, learning curve.

    The parameters are those of `train`.
    """

    def __init__(
        self, model, folder, *, steps, architecture, start, options, loss, optimizer,
        learning_rate, decay, averaging, seed,
    ):
        self.folder = Path(folder)
        self.options, self.seed = dict(options or {}), check_count(seed, "seed")
        source = ModelSource.of(model, architecture, self.options)
        self.name, self.loss = source.name, make_loss(loss)
        if learning_rate is not None:
            check_number(learning_rate, "learning_rate", "positive", low=1e-12)
        self.optimizer, self.rate, self._has_schedule = make_optimizer(optimizer, learning_rate)
        self.decay = check_number(decay, "decay", "from 0 to 1", low=0, high=1)
        self.averaging = check_number(averaging, "averaging", "from 0 to below 1", low=0, high=1)
        self.steps = check_count(steps, "steps", minimum=1)
        self.start = None if start is None else str(start)
        if source.start is not None and start is not None:
            raise ParameterError(
                "start", "None if {model} is a .keras file, which holds the initial weights",
                repr(self.start),
            )
        with _seeded(self.seed):
            self.model, self.architecture = source.build()
        self.settings = {
            "architecture": self.name, "options": self.options, "start": self.start,
            "learning_rate": float(self.rate), "decay": float(decay),
            "averaging": float(averaging),
            "steps": self.steps, "seed": self.seed,
        }
        # Settings that are not the default have entries of their own, so that a training of an
        # earlier version can be resumed.
        if self.name is None:
            self.settings |= {
                "model": model_digest(self.model), "file": source.start,
                "geometry": self.architecture.to_card(),
            }
        if (kind := describe_optimizer(optimizer)) != "adam":
            self.settings["optimizer"] = kind
        if (kind := describe_loss(loss)) != "map":
            self.settings["loss"] = kind
        self.domain = Domain()
        self.step, self.seconds, self.history, self.losses = 0, 0.0, [], []
        self.is_consistent = False

    @property
    def weights_path(self):
        """The file of the trained network: weights alone, or a whole model of the user."""
        return self.folder / ("weights.keras" if self.name is None else "weights.h5")

    @contextmanager
    def folder_lock(self, take_over):
        """Hold the folder, which is created if it does not exist, within a ``with`` block."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = FolderLock(self.folder, take_over=take_over)
        try:
            yield
        finally:
            self._lock.release()

    def begin(self):
        """Resume from the checkpoint in the folder, or start a new training if there is none."""
        self._check_folder()
        if self._checkpoint.exists():
            pass  # `_load` sets all weights below
        elif self.start is not None:
            self._copy_weights(load_network(self.start))
        elif self.architecture.start is not None:
            self.architecture.start(self.model)
        self.model.compile(optimizer=self.optimizer, loss=self.loss)
        self.model.optimizer.build(self.model.trainable_variables)
        self.mean = [np.array(to_numpy(v.value)) for v in self.model.trainable_variables]
        if self._checkpoint.exists():
            self._load()
        self.since, self.is_consistent = time.monotonic(), True
        if not self._checkpoint.exists():
            # From now on, the other files in the folder are those of this training.
            self.save()

    def _check_folder(self):
        """Raise FileExistsError if a new training would replace files of the user."""
        if self._checkpoint.exists():
            return
        for name in (self.weights_path.name, "weights.json", "curve.ecsv"):
            path = self.folder / name
            if path.exists():
                raise FileExistsError(
                    f"the file {str(path)!r} exists, but the folder holds no training that can be "
                    f"resumed, because it has no file {self._checkpoint.name!r}: use another folder"
                )

    def _copy_weights(self, network):
        """Copy the weights of another network, which must have the same shapes."""
        shapes = [tuple(v.shape) for v in self.model.weights]
        if shapes != [tuple(v.shape) for v in network.model.weights]:
            raise ParameterError(
                "start",
                "a network with weights of the same shapes as those of "
                + ("the model" if self.name is None else f"the architecture {self.name!r} with the "
                   f"options {self.options}"),
                f"{self.start!r}, whose architecture is {network.card.get('architecture')!r} with "
                f"the options {network.card.get('options')}",
            )
        self.model.set_weights(network.model.get_weights())

    @property
    def _checkpoint(self):
        return self.folder / "checkpoint.npz"

    def _variables(self):
        return [*self.model.variables, *self.model.optimizer.variables]

    def _load(self):
        with self._open_checkpoint() as file:
            state = json.loads(str(file["state"]))
            stored = state["settings"]
        changed = [k for k, v in _as_json(self.settings).items() if stored.get(k) != v]
        if changed:
            name = changed[0]
            raise ValueError(
                f"the folder {str(self.folder)!r} holds a training with the setting {name!r} "
                f"{stored.get(name)!r}, but the present setting is {self.settings[name]!r}: "
                "use a new folder, or the same parameters to resume the old training"
            )
        with self._open_checkpoint() as file:
            for i, variable in enumerate(self._variables()):
                variable.assign(file[f"variable_{i}"])
            self.mean = [file[f"mean_{i}"] for i in range(len(self.mean))]
            self.step, self.seconds = state["step"], state["seconds"]
            self.history, self.losses = state["history"], state["losses"]

    @contextmanager
    def _open_checkpoint(self):
        try:
            with reading(self._checkpoint, "checkpoint", _CHECKPOINT_REMEDY):
                with np.load(self._checkpoint, allow_pickle=False) as file:
                    yield file
        except ValueError as error:
            raise CheckpointError(str(error)) from error

    def save(self):
        """Write the state of the training to the checkpoint file."""
        self._lock.check()
        now = time.monotonic()
        self.seconds, self.since = self.seconds + now - self.since, now
        state = {
            "settings": self.settings, "step": self.step, "seconds": self.seconds,
            "history": self.history, "losses": self.losses,
        }
        arrays = {f"variable_{i}": to_numpy(v.value) for i, v in enumerate(self._variables())}
        arrays |= {f"mean_{i}": values for i, values in enumerate(self.mean)}
        with atomic_write(self._checkpoint, overwrite=True) as temporary:
            with open(temporary, "wb") as file:
                np.savez(file, state=json.dumps(state), **arrays)

    def advance(self, inputs, targets):
        """Take one training step with a batch of inputs and targets.

        `DivergedError` is raised if the loss is not finite.
        """
        self.is_consistent = False
        rate = self._learning_rate(self.step)
        if not self._has_schedule:
            self.model.optimizer.learning_rate.assign(rate)
        loss = float(self.model.train_on_batch(inputs, targets))
        if not np.isfinite(loss):
            raise DivergedError(
                f"the training has diverged (the loss is {loss} at step {self.step}): train in a "
                f"new folder with a {{learning_rate}} below {self.rate:g}"
            )
        self.losses.append(loss)
        self.step += 1
        # In the first steps the average is over fewer steps, so that the mean forgets the initial
        # weights.
        memory = min(self.averaging, self.step / (self.step + 10))
        for mean, variable in zip(self.mean, self.model.trainable_variables, strict=True):
            mean *= memory
            mean += (1 - memory) * to_numpy(variable.value)
        self.is_consistent = True

    def _learning_rate(self, step):
        """Return the learning rate in a step of the training.

        The learning rate first rises linearly, then is constant, and finally decays as a cosine,
        unless the optimizer has a schedule of its own.
        """
        if self._has_schedule:
            return float(to_numpy(self.model.optimizer.learning_rate))
        remaining = (self.steps - step) / self.steps
        decay = 1.0
        if self.decay > 0 and remaining < self.decay:
            decay = 0.01 + 0.99 * 0.5 * (1 - np.cos(np.pi * remaining / self.decay))
        return self.rate * decay * min(1.0, (step + 1) / _N_WARM_UP)

    @contextmanager
    def _mean_weights(self):
        """Set the model weights to their running mean within a ``with`` block."""
        current = [to_numpy(v.value) for v in self.model.trainable_variables]
        try:
            for variable, mean in zip(self.model.trainable_variables, self.mean, strict=True):
                variable.assign(mean)
            yield
        finally:
            for variable, value in zip(self.model.trainable_variables, current, strict=True):
                variable.assign(value)

    def check(self, check):
        """Score the model with the running mean of its weights, and write weights and curve.

        Parameters
        ----------
        check : TrainingCheck
            The function that scores a model. Its scores are appended to the learning curve.
        """
        self.is_consistent = False
        self._lock.check()
        with self._mean_weights():
            scores = check(self.model)
            row = {
                "step": self.step,
                "seconds": round(self.seconds + time.monotonic() - self.since, 1),
                "learning_rate": float(f"{self._learning_rate(self.step - 1):.4g}"),
                "loss": float(np.mean(self.losses)),
                **scores,
            }
            self.history.append(row)
            self.losses = []
            self._write_weights()
        with atomic_write(self.folder / "curve.ecsv", overwrite=True) as temporary:
            write_table(Table(self.history), temporary)
        self.is_consistent = True

    def _write_weights(self):
        training = {**self.settings, "steps_done": self.step}
        network = Network(
            self.model,
            self.architecture,
            self.domain,
            card={
                "name": self.name or self.model.name,
                "masks": self.settings["survey"]["masked"] > 0,
                "training": {**training, "seconds": self.history[-1]["seconds"]},
                "curve": self.history,
            },
        )
        save_network(network, self.weights_path, architecture=self.name,
                     options=self.options, overwrite=True)

    def network(self):
        """Return the network with the weights written at the last check."""
        return load_network(self.weights_path)


def _as_json(value):
    return json.loads(json.dumps(value))


@contextmanager
def _seeded(seed):
    """Seed the global random generators of Python, NumPy and the Keras backend in a ``with`` block.

    At the end of the block, the generators of Python and NumPy get back their earlier states.
    """
    states = random.getstate(), np.random.get_state()
    try:
        keras.utils.set_random_seed(seed)
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
