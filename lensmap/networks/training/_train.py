# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Training that can be stopped at any moment and goes on as if it had not been."""

import json
import random
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
from astropy.table import Table
from keras.ops import convert_to_numpy as to_numpy

from lensmap.networks._network import Network
from lensmap.networks._weights import load_network, save_network
from lensmap.networks.models import build, get_architecture
from lensmap.networks.training._check import TrainingCheck
from lensmap.networks.training._examples import Examples, SurveyRange
from lensmap.networks.training._losses import map_loss
from lensmap.networks.training._optimizer import FanInAdam
from lensmap.utils import atomic_write, check_count, check_number, track

__all__ = ["train"]

# Examples that are made ahead.
_AHEAD = 3

# The first steps are small: Adam does not yet know how large gradients are.
_WARM_UP = 200

_CHECKPOINT_EVERY = 240.0  # seconds


def train(
    architecture,
    sets,
    folder,
    *,
    steps,
    start=None,
    options=None,
    survey=None,
    exponent=0,
    learning_rate=1e-3,
    decay=0.4,
    averaging=0.998,
    batch_size=1,
    crop=None,
    held_back=4,
    check_every=250,
    seed=0,
    progress=None,
):
    """Train a network, or go on with a training that was stopped.

    The folder holds what is needed to go on (``checkpoint.npz``), the weights at the last check
    (``weights.h5`` with its card ``weights.json``; the mean over the last steps, in half
    precision) and the learning curve (``curve.ecsv``). All are written whole or not at all; a
    training that was killed goes on from its last checkpoint, a few minutes back at most, and ends
    with the same weights as one that was not.

    Parameters
    ----------
    architecture : str
        A name that `lensmap.networks.build` knows.
    sets : dict
        From `FieldSet` or the path of one to the part of the examples that it gives.
    folder : path-like
        Where to; made if need be.
    steps : int
        How many steps the whole training has. The learning rate depends on it: it falls to a
        hundredth over the last part.
    start : str, path-like or None
        The weights to start from, as for `load_network`; None starts anew: at random, ``"cha2025"``
        nearly as a Wiener filter.
    options : dict or None
        What else `lensmap.networks.build` is given.
    survey : SurveyRange or None
        What surveys are simulated; None is all that `SurveyRange` knows.
    exponent : float
        Of the weights of bright pixels, `lensmap.scores.focal_weights`; 6 is Cha et al. 2025.
    learning_rate : float
        The size of steps, see `FanInAdam`.
    decay : float
        The part of the training, at its end, in which it falls.
    averaging : float
        How much of the mean of the weights is kept from step to step; below 1.
    batch_size : int
        Examples in each step.
    crop : int or None
        The side of the pieces of fields, in pixels, at least 64; None takes whole fields. Either
        is cut to a multiple of what the network asks for.
    held_back : int
        How many files of each set are not learned from: the checks are made on them.
    check_every : int
        The number of steps between checks.
    seed : int
        Of all that is random. On the same processor the same seed gives the same weights. (Keras'
        own seed is set on the way.)
    progress : None, bool or callable
        As for `lensmap.utils.track`.

    Returns
    -------
    Network
        The trained network.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or the folder holds a training with other ones.
    FloatingPointError
        If the loss is not finite: training has exploded.
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
        sets, run.architecture.inputs, survey,
        exponent=exponent, crop=crop, held_back=held_back, stride=run.architecture.stride,
        margin=run.architecture.margin, seed=seed,
    )
    run.settings |= {
        "sets": {str(s.folder): p for s, p in zip(examples.sets, sets.values(), strict=True)},
        "n_files": [len(s) - held_back for s in examples.sets],
        "survey": asdict(survey),
        "exponent": exponent, "batch_size": batch_size, "crop": crop, "held_back": held_back,
    }
    scales = [one.pixel_scale for one in examples.sets]
    run.domain = {
        "pixel_scale": (min(scales), max(scales)),
        "galaxies_per_pixel": survey.known_galaxies_per_pixel(scales),
        "shape_noise": survey.known_shape_noise(),
    }
    run.begin()
    check = TrainingCheck(examples, held_back)
    first = run.step
    batches = _batches(examples, batch_size, range(first, steps))
    saved = time.monotonic()
    try:
        for batch in track(batches, steps - first, progress, "steps"):
            run.advance(*batch)
            if run.step % check_every == 0 or run.step == steps:
                run.check(check)
            elif time.monotonic() - saved < _CHECKPOINT_EVERY:
                continue
            run.save()
            saved = time.monotonic()
    except (KeyboardInterrupt, SystemExit):
        # In the middle of a step there is nothing to keep: the last checkpoint is whole.
        if run.is_whole:
            run.save()
        raise
    if not run.history or run.history[-1]["step"] != steps:  # it was stopped before the last check
        run.check(check)
        run.save()
    return run.network()


def _batches(examples, batch_size, steps):
    """Yield the inputs and targets of each step; a thread makes them while the network learns."""

    def make(step):
        drawn = [examples.draw(step, place) for place in range(batch_size)]
        return tuple(np.stack(part) for part in zip(*drawn, strict=True))

    with ThreadPoolExecutor(1) as pool:
        waiting, rest = deque(), iter(steps)
        try:
            for step in rest:
                waiting.append(pool.submit(make, step))
                if len(waiting) >= _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


class _Run:
    """A training under way: the model, its optimizer, the mean of its weights, its history."""

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
        self.step, self.seconds, self.history, self.losses = 0, 0.0, [], []
        self.is_whole = False

    def begin(self):
        """Take up what the folder holds, or start anew."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with _seeded(self.seed):
            self.model = build(self.name, **self.options)
        if self._checkpoint.exists():
            pass  # it holds all weights
        elif self.start is not None:
            self._take_weights(load_network(self.start))
        elif self.architecture.start is not None:
            self.architecture.start(self.model)
        self.model.compile(optimizer=FanInAdam(self.rate), loss=map_loss)
        self.model.optimizer.build(self.model.trainable_variables)
        self.mean = [np.array(to_numpy(v.value)) for v in self.model.trainable_variables]
        if self._checkpoint.exists():
            self._load()
        self.since, self.is_whole = time.monotonic(), True

    def _take_weights(self, network):
        """Start from the weights of another network of the same shape."""
        own = [tuple(v.shape) for v in self.model.weights]
        if own != [tuple(v.shape) for v in network.model.weights]:
            raise ValueError(
                f"start={self.start!r} is a network of another shape ({network.model.name!r}) "
                f"than {self.name!r} with the options {self.options}"
            )
        self.model.set_weights(network.model.get_weights())

    @property
    def _checkpoint(self):
        return self.folder / "checkpoint.npz"

    def _variables(self):
        return [*self.model.variables, *self.model.optimizer.variables]

    def _load(self):
        try:
            file = np.load(self._checkpoint, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ValueError(
                f"the checkpoint {str(self._checkpoint)!r} is damaged ({error}): take a new "
                "folder, with start= at weights.h5 of this one"
            ) from error
        with file:
            state = json.loads(str(file["state"]))
            other = [k for k, v in _as_json(self.settings).items() if state["settings"].get(k) != v]
            if other:
                raise ValueError(
                    f"{str(self.folder)!r} holds a training with another {other[0]} "
                    f"({state['settings'].get(other[0])!r}, not {self.settings[other[0]]!r}): take "
                    "a new folder, or the same parameters"
                )
            for i, variable in enumerate(self._variables()):
                variable.assign(file[f"variable_{i}"])
            self.mean = [file[f"mean_{i}"] for i in range(len(self.mean))]
        self.step, self.seconds = state["step"], state["seconds"]
        self.history, self.losses = state["history"], state["losses"]

    def save(self):
        """Write the checkpoint."""
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
        """Make one step."""
        self.is_whole = False
        self.model.optimizer.learning_rate.assign(self._learning_rate(self.step))
        loss = float(self.model.train_on_batch(inputs, targets))
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"the loss is {loss} at step {self.step}: take a smaller learning_rate than "
                f"{self.rate:g} and a new folder"
            )
        self.losses.append(loss)
        self.step += 1
        # The mean of the first steps does not hold on to where they came from.
        kept = min(self.averaging, self.step / (self.step + 10))
        for mean, variable in zip(self.mean, self.model.trainable_variables, strict=True):
            mean *= kept
            mean += (1 - kept) * to_numpy(variable.value)
        self.is_whole = True

    def _learning_rate(self, step):
        """Small at first, constant, and falling at the end like a cosine."""
        left = (self.steps - step) / self.steps
        falling = 1.0
        if self.decay > 0 and left < self.decay:
            falling = 0.01 + 0.99 * 0.5 * (1 - np.cos(np.pi * left / self.decay))
        return self.rate * falling * min(1.0, (step + 1) / _WARM_UP)

    @contextmanager
    def _mean_weights(self):
        """Let the model have the mean of its weights for a while."""
        own = [to_numpy(v.value) for v in self.model.trainable_variables]
        try:
            for variable, mean in zip(self.model.trainable_variables, self.mean, strict=True):
                variable.assign(mean)
            yield
        finally:
            for variable, value in zip(self.model.trainable_variables, own, strict=True):
                variable.assign(value)

    def check(self, check):
        """Add to the learning curve, and write it and the weights."""
        self.is_whole = False
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
            Table(self.history).write(temporary, format="ascii.ecsv", overwrite=True)
        self.is_whole = True

    def _write_weights(self):
        training = {**self.settings, "steps_done": self.step}
        network = Network(
            self.model,
            self.architecture.inputs,
            **self.domain,
            stride=self.architecture.stride,
            reach=self.architecture.reach,
            margin=self.architecture.margin,
            large_scales=self.architecture.large_scales,
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
        """Return the network as it was written last."""
        return load_network(self.folder / "weights.h5")


def _as_json(value):
    return json.loads(json.dumps(value))


@contextmanager
def _seeded(seed):
    """Seed what Keras takes its random numbers from, and put it back."""
    states = random.getstate(), np.random.get_state()
    try:
        keras.utils.set_random_seed(seed)
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
