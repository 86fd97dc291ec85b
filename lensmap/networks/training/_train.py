# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Training of networks, which may be interrupted and resumed at any time."""

import json
import random
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
from astropy.table import Table
from keras.ops import convert_to_numpy as to_numpy

from lensmap.networks._domain import Domain
from lensmap.networks._network import Network
from lensmap.networks._session import keras_session
from lensmap.networks._weights import load_network, save_network
from lensmap.networks.models import build, get_architecture
from lensmap.networks.training._check import TrainingCheck
from lensmap.networks.training._examples import Examples, SurveyRange
from lensmap.networks.training._field_set import FieldSet
from lensmap.networks.training._losses import map_loss
from lensmap.networks.training._optimizer import FanInAdam
from lensmap.typing import PathLike, ProgressLike
from lensmap.utils import (
    FolderLock,
    ParameterError,
    RunError,
    atomic_write,
    check_count,
    check_number,
    reading,
    track,
    write_table,
)

__all__ = ["train"]

_CHECKPOINT_REMEDY = (
    "train in a new folder, and set {start} to the file weights.h5 of the old folder to continue "
    "from its weights"
)

# The number of batches that are prepared in advance.
_N_AHEAD = 3

# The number of steps over which the learning rate rises, while Adam estimates the mean gradients.
_N_WARM_UP = 200

_CHECKPOINT_INTERVAL_S = 240.0


@keras_session()
def train(
    architecture: str,
    sets: Mapping[FieldSet | PathLike, float],
    folder: PathLike,
    *,
    steps: int,
    start: PathLike | None = None,
    options: Mapping | None = None,
    survey: SurveyRange | None = None,
    exponent: float = 0,
    learning_rate: float = 1e-3,
    decay: float = 0.4,
    averaging: float = 0.998,
    batch_size: int = 1,
    crop: int | None = None,
    held_back: int = 4,
    check_every: int = 250,
    seed: int = 0,
    progress: ProgressLike = None,
    take_over: bool = False,
) -> Network:
    """Train a network, or resume an interrupted training.

    The output folder holds the state of the training (``checkpoint.npz``), the weights of the
    network (``weights.h5``), its description or card (``weights.json``), and the learning curve
    (``curve.ecsv``). The weights are the running mean over the last steps, in half precision,
    written at each check. Files are replaced only once they are complete. The same call resumes an
    interrupted training from its last checkpoint, which is at most a few minutes old. The final
    weights are the same as those of an uninterrupted training.

    Parameters
    ----------
    architecture : {"lensmap", "cha2025", "h21like"}
        The name of the architecture, as for ``lensmap.networks.build``.
    sets : dict
        The share of examples drawn from each set of fields. Keys are `FieldSet` objects or their
        folders; shares are normalized to a sum of 1.
    folder : path-like
        The output folder; it is created if it does not exist.
    steps : int
        The number of steps of the whole training. The learning rate falls to a hundredth towards
        the last step.
    start : str, path-like or None
        The network that provides the initial weights, as for `load_network`. If None, the initial
        weights of the architecture: nearly a Wiener filter for ``"cha2025"``, otherwise random.
    options : dict or None
        Further parameters for ``lensmap.networks.build``; None for the defaults.
    survey : SurveyRange or None
        The range of simulated surveys; None for the default `SurveyRange`.
    exponent : float
        The exponent p of the loss weights, which are (1 + ``|kappa|`` / max kappa)^p. Cha et al.
        2025 use 6.
    learning_rate : float
        The learning rate before its decay, see ``FanInAdam``.
    decay : float
        The fraction of the training, at its end, over which the learning rate decreases.
    averaging : float
        The weight of the previous running mean of the network weights in each step; below 1.
    batch_size : int
        The number of examples in each step.
    crop : int or None
        The side, in pixels, of the random cutouts of fields, at least 64. If None, whole fields.
        Sides are rounded down to a multiple of the stride of the architecture.
    held_back : int
        The number of files of each set that are used to check the network, not to train it.
    check_every : int
        The number of training steps between checks.
    seed : int
        The seed of all random numbers. On the same processor, the same seed gives the same
        weights. The global seed of Keras is set as well.
    progress : None, bool or callable
        How to show the progress, as for ``lensmap.utils.track``. None shows no progress.
    take_over : bool
        Whether to take over the folder of a training that was killed; a training that is still
        alive loses it.

    Returns
    -------
    Network
        The trained network.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or the folder holds a training with other parameters.
    FileExistsError
        If the folder holds files that the training would replace, but no checkpoint.
    RuntimeError
        If another training is using the folder.
    FloatingPointError
        If the training diverges, so that the loss is not finite.
    """
    run = _Run(architecture, folder, start, options, learning_rate, decay, averaging, steps, seed)
    survey = SurveyRange() if survey is None else survey
    batch_size = check_count(batch_size, "batch_size", minimum=1)
    exponent = float(check_number(exponent, "exponent", "0 or more", low=0))
    held_back = check_count(held_back, "held_back")
    if crop is not None:
        crop = check_count(crop, "crop", minimum=64)
    check_every = check_count(check_every, "check_every", minimum=1)
    examples = Examples(
        sets, run.architecture, survey,
        exponent=exponent, crop=crop, held_back=held_back, seed=seed,
    )
    run.settings |= {
        "sets": {
            str(fields.folder): share
            for fields, share in zip(examples.sets, sets.values(), strict=True)
        },
        "n_files": [len(fields) - held_back for fields in examples.sets],
        "survey": asdict(survey),
        "exponent": exponent, "batch_size": batch_size, "crop": crop, "held_back": held_back,
    }
    run.domain = survey.domain([fields.pixel_scale for fields in examples.sets])
    with run.folder_lock(take_over):
        return _advance(run, examples, steps, batch_size, held_back, check_every, progress)


def _advance(run, examples, steps, batch_size, held_back, check_every, progress):
    """Begin or resume a training, take its remaining steps, and return the network."""
    run.begin()
    check = TrainingCheck(examples, held_back)
    first = run.step
    batches = _batches(examples, batch_size, range(first, steps))
    last_save = time.monotonic()
    try:
        for batch in track(batches, steps - first, progress, "steps"):
            run.advance(*batch)
            if run.step % check_every == 0 or run.step == steps:
                run.check(check)
            elif time.monotonic() - last_save < _CHECKPOINT_INTERVAL_S:
                continue
            run.save()
            last_save = time.monotonic()
    except (KeyboardInterrupt, SystemExit):
        # During a step the state is inconsistent. The last checkpoint is then kept.
        if run.is_consistent:
            run.save()
        raise
    if not run.history or run.history[-1]["step"] != steps:  # interrupted before the last check
        run.check(check)
        run.save()
    return run.network()


def _batches(examples, batch_size, steps):
    """Yield the inputs and targets of each training step; a thread prepares them in advance."""

    def make(step):
        batch = [examples.draw(step, index) for index in range(batch_size)]
        return tuple(np.stack(arrays) for arrays in zip(*batch, strict=True))

    with ThreadPoolExecutor(1) as pool:
        pending = deque()
        try:
            for step in steps:
                pending.append(pool.submit(make, step))
                if len(pending) >= _N_AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


class DivergedError(RunError, FloatingPointError):
    """The error raised when the loss is not finite."""

    code = "diverged"


class CheckpointError(RunError, ValueError):
    """The error raised when a checkpoint cannot be read."""

    code = "checkpoint"


class _Run:
    """The state of a training: model, optimizer, running mean of the weights, learning curve."""

    def __init__(
        self, architecture, folder, start, options, learning_rate, decay, averaging, steps, seed
    ):
        self.name, self.architecture = architecture, get_architecture(architecture)
        self.folder = Path(folder)
        self.options, self.seed = dict(options or {}), check_count(seed, "seed")
        self.rate = check_number(learning_rate, "learning_rate", "positive", low=1e-12)
        self.decay = check_number(decay, "decay", "from 0 to 1", low=0, high=1)
        self.averaging = check_number(averaging, "averaging", "from 0 to below 1", low=0, high=1)
        self.steps = check_count(steps, "steps", minimum=1)
        self.start = None if start is None else str(start)
        self.settings = {
            "architecture": self.name, "options": self.options, "start": self.start,
            "learning_rate": float(self.rate), "decay": float(decay),
            "averaging": float(averaging),
            "steps": self.steps, "seed": self.seed,
        }
        self.domain = Domain()
        self.step, self.seconds, self.history, self.losses = 0, 0.0, [], []
        self.is_consistent = False

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
        with _seeded(self.seed):
            self.model = build(self.name, **self.options)
        if self._checkpoint.exists():
            pass  # `_load` sets all weights below
        elif self.start is not None:
            self._copy_weights(load_network(self.start))
        elif self.architecture.start is not None:
            self.architecture.start(self.model)
        self.model.compile(optimizer=FanInAdam(self.rate), loss=map_loss)
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
        for name in ("weights.h5", "weights.json", "curve.ecsv"):
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
                "a network with weights of the same shapes as those of the architecture "
                f"{self.name!r} with the options {self.options}",
                f"{self.start!r}, whose architecture is {network.card['architecture']!r} with the "
                f"options {network.card['options']}",
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
        """Take one training step with a batch of inputs and targets, see `Examples.draw`.

        `DivergedError` is raised if the loss is not finite.
        """
        self.is_consistent = False
        self.model.optimizer.learning_rate.assign(self._learning_rate(self.step))
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

        The learning rate first rises linearly, then is constant, and finally decays as a cosine.
        """
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
                "name": self.name,
                "masks": self.settings["survey"]["masked"] > 0,
                "training": {**training, "seconds": self.history[-1]["seconds"]},
                "curve": self.history,
            },
        )
        save_network(network, self.folder / "weights.h5", architecture=self.name,
                     options=self.options, overwrite=True)

    def network(self):
        """Return the network with the weights written at the last check."""
        return load_network(self.folder / "weights.h5")


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
