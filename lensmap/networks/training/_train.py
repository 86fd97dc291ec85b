# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Training of networks, which may be interrupted and resumed at any time."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import keras
import numpy as np

from lensmap.networks._architecture import Architecture
from lensmap.networks._network import Network
from lensmap.networks._session import keras_session
from lensmap.networks.training._check import TrainingCheck
from lensmap.networks.training._examples import SurveyRange, TrainingExamples
from lensmap.networks.training._field_set import FieldSet
from lensmap.networks.training._losses import make_loss
from lensmap.networks.training._model_source import ModelSource
from lensmap.networks.training._run import TrainingRun
from lensmap.typing import PathLike, ProgressLike
from lensmap.utils import check_count, check_number, track

__all__ = ["check_training", "train"]

# The number of batches that are prepared in advance.
_N_AHEAD = 3

_CHECKPOINT_INTERVAL_S = 240.0


@keras_session()
def train(
    model: str | PathLike | keras.Model | Architecture | Callable[..., keras.Model],
    sets: FieldSet | PathLike | Mapping[FieldSet | PathLike, float],
    folder: PathLike,
    *,
    steps: int,
    architecture: Architecture | None = None,
    start: PathLike | None = None,
    options: Mapping | None = None,
    survey: SurveyRange | None = None,
    loss: str | Callable[[Any, Any], Any] = "map",
    exponent: float = 0,
    optimizer: str | keras.optimizers.Optimizer = "adam",
    learning_rate: float | None = None,
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
    network (``weights.h5``, in half precision) or a model of your own (``weights.keras``), the
    description of the network or card (``weights.json``), and the learning curve (``curve.ecsv``).
    The weights are the running mean over the last steps, written at each check. Files are replaced
    only once they are complete. The same call resumes an interrupted training from its last
    checkpoint, which is at most a few minutes old. The final weights are the same as those of an
    uninterrupted training.

    Parameters
    ----------
    model : str, path-like, `keras.Model`, Architecture or callable
        The model to train: the name of an architecture, ``"lensmap"``, ``"cha2025"`` or
        ``"h21like"``; a ``.keras`` file written by `save_network`; a Keras model, of which a copy
        is trained; an `Architecture` with ``build``; or a function that builds a Keras model. The
        model has the input ``(n, ny, nx, n_channels)``, whose channels `input_channels` lists, and
        the output ``(n, ny, nx, 1)``, the convergence in the unit of the inputs, or
        ``(n, ny, nx, 3)``, also the natural logarithms of two half-widths in this unit.
    sets : FieldSet, path-like or dict
        A set of fields, or its folder. Or the share of examples drawn from each of several sets;
        shares are normalized to a sum of 1.
    folder : path-like
        The output folder; it is created if it does not exist.
    steps : int
        The number of steps of the whole training. The learning rate falls to a hundredth towards
        the last step.
    architecture : Architecture or None
        The kind of input and the geometry of a Keras model, or of a function that builds one. If
        None, the kind of input that has its number of channels, ``"paper"`` for three. The other
        models have an architecture of their own.
    start : str, path-like or None
        The network that provides the initial weights, as for `load_network`. If None, the initial
        weights of the model: nearly a Wiener filter for ``"cha2025"``, otherwise random.
    options : dict or None
        Parameters of the function that builds the model; None for the defaults.
    survey : SurveyRange or None
        The range of simulated surveys; None for the default `SurveyRange`.
    loss : str or callable
        The loss. ``"map"`` is `map_loss`. The name of a loss of Keras, such as ``"mae"`` or
        ``"huber"``, or such a loss, is applied to the convergence in each pixel and multiplied by
        the weights of the square error. Any other function gets the targets with their three
        planes, as for `map_loss`, and the output of the model.
    exponent : float
        The exponent p of the loss weights, which are (1 + ``|kappa|`` / max kappa)^p. Cha et al.
        2025 use 6.
    optimizer : {"adam", "muon"} or `keras.optimizers.Optimizer`
        The optimizer. ``"adam"`` is AdamW with smaller steps for kernels of many inputs. ``"muon"``
        is Keras' Muon, applied to the kernels of convolutions, with Adam for biases and for kernels
        of fewer than four input or output channels. Of an optimizer of Keras, a copy without its
        state is used.
    learning_rate : float or None
        The learning rate, which rises over the first 200 steps and decays at the end. If None, the
        learning rate of the optimizer, 1e-3 for a name. A schedule of an optimizer of Keras is used
        as it is.
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
    run = TrainingRun(
        model, folder, steps=steps, architecture=architecture, start=start, options=options,
        loss=loss, optimizer=optimizer, learning_rate=learning_rate, decay=decay,
        averaging=averaging, seed=seed,
    )
    survey = SurveyRange() if survey is None else survey
    batch_size = check_count(batch_size, "batch_size", minimum=1)
    exponent = float(check_number(exponent, "exponent", "0 or more", low=0))
    held_back = check_count(held_back, "held_back")
    if crop is not None:
        crop = check_count(crop, "crop", minimum=64)
    check_every = check_count(check_every, "check_every", minimum=1)
    examples = TrainingExamples(
        sets, run.architecture, survey,
        exponent=exponent, crop=crop, held_back=held_back, seed=seed,
    )
    # The shares as given, with which the settings of an interrupted training are compared.
    shares = list(sets.values()) if isinstance(sets, Mapping) else [1.0]
    run.settings |= {
        "sets": {
            str(fields.folder): share
            for fields, share in zip(examples.sets, shares, strict=True)
        },
        "n_files": [len(fields) - held_back for fields in examples.sets],
        "survey": asdict(survey),
        "exponent": exponent, "batch_size": batch_size, "crop": crop, "held_back": held_back,
    }
    run.domain = survey.domain([fields.pixel_scale for fields in examples.sets])
    with run.folder_lock(take_over):
        return _advance(run, examples, steps, batch_size, held_back, check_every, progress)


def check_training(model: PathLike, loss: str) -> None:
    """Check parameters of `train` before its fields are drawn, which takes minutes.

    Parameters
    ----------
    model : str or path-like
        The name of an architecture or a ``.keras`` file.
    loss : str
        The name of a loss.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such model or loss.
    """
    ModelSource.of(model, None, {})
    make_loss(loss)


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
