# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Many fields on many cores, the same whatever the number of workers."""

import os
import pickle
import signal
import tempfile
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread

import numpy as np

from lensmap.utils import check_count, n_threads, track

__all__ = ["draw_fields", "field_seed"]

_MODEL = None


def field_seed(seed, index):
    """Return the seed of one field of a series.

    Parameters
    ----------
    seed : int
        The seed of the series.
    index : int
        Which field, from 0.

    Returns
    -------
    `numpy.random.SeedSequence`
        The same whatever else is drawn, and by whom.
    """
    return np.random.SeedSequence(check_count(seed, "seed"), spawn_key=(index,))


def draw_fields(
    model, n_fields, *, seed=0, first=0, skip=(), workers=None, progress=None, then=None
):
    """Draw a series of fields, in parallel processes, and yield them in order.

    Parameters
    ----------
    model : object
        What has ``prepare()`` and ``draw(rng)``, such as `HaloModelField`.
    n_fields : int
        How many.
    seed : int
        The seed of the series: field number i is the same whatever the number of workers, of
        fields, and of the first one.
    first : int
        The number of the first field.
    skip : collection of int
        The numbers of fields that are left out, such as those that are there from another run.
        The others stay what they are.
    workers : int or None
        How many processes; None takes as many as there are cores, 1 works in this process. Each
        transforms on one core.
    progress : None, bool or callable
        As for `lensmap.utils.track`.
    then : callable or None
        Called with a field and its seed in the process that drew it; what it returns is yielded
        in place of the field. The number of the field is ``seed.spawn_key[0]``; further random
        numbers are those of ``seed.spawn(1)[0]``, since the field has those of ``seed``. It must be
        importable (no lambda) where there are several workers.

    Yields
    ------
    LensingField or list of LensingField
        What ``model.draw`` gives, or what ``then`` makes of it.

    Raises
    ------
    TypeError, ValueError
        If a number is not one.
    RuntimeError
        If a process ended before its work was done.

    Notes
    -----
    The processes are new interpreters: a script that calls this needs the guard
    ``if __name__ == "__main__":``. An interrupt waits for the fields under way; ``then`` has been
    called for them, too.
    """
    for name in ("prepare", "draw"):
        if not callable(getattr(model, name, None)):
            raise TypeError(
                f"model must have prepare() and draw(rng), such as a HaloModelField, not {model!r}"
            )
    n_fields = check_count(n_fields, "n_fields")
    first = check_count(first, "first")
    workers = n_threads() if workers is None else check_count(workers, "workers", minimum=1)
    skip = set(skip)
    numbers = [i for i in range(first, first + n_fields) if i not in skip]
    seeds = [field_seed(seed, i) for i in numbers]
    return track(_series(model.prepare(), seeds, min(workers, len(seeds)), then), len(seeds),
                 progress, "fields")


def _series(model, seeds, workers, then):
    if workers <= 1:
        for seed in seeds:
            yield _drawn(model, seed, then)
        return
    # Not a fork: that of a process with threads may hang.
    with _model_file(model) as path, ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(path,)
    ) as pool:
        waiting, rest = deque(), iter(seeds)
        try:
            # Two per worker are under way, so that memory does not grow with the series.
            for seed in rest:
                with _signals_later():
                    waiting.append(pool.submit(_work, seed, then))
                if len(waiting) >= 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise RuntimeError(
                "a worker process ended before its work was done; if the memory was too small, "
                "fewer workers need less"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _model_file(model):
    """Keep the model in a file: given to the workers, each start would wait for the one before."""
    with tempfile.TemporaryDirectory(prefix="lensmap-fields-") as folder:
        path = Path(folder) / "model.pickle"
        path.write_bytes(pickle.dumps(model))
        yield path


@contextmanager
def _signals_later():
    """Hold signals back while a process starts, which inherits that: Ctrl-C is not for it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _drawn(model, seed, then):
    field = model.draw(seed)
    return field if then is None else then(field, seed)


def _begin(path):
    """Prepare a worker: it has the model, and ends with its parent, but not by itself."""
    global _MODEL
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what to do about it
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    Thread(target=_end_with_parent, daemon=True).start()
    _MODEL = pickle.loads(path.read_bytes())
    # Until now there was nothing to tidy up, and an exit from here would be told as an error.
    signal.signal(signal.SIGTERM, _leave)


def _leave(number, frame):
    raise SystemExit(128 + number)


def _end_with_parent():
    """End the worker when its parent was killed; it would wait for work for ever."""
    parent_process().join()
    os.kill(os.getpid(), signal.SIGTERM)  # so that it leaves no file half written


def _work(seed, then):
    try:
        return _drawn(_MODEL, seed, then)
    except SystemExit as end:
        # By now files are tidied up. The pool would take the exit for a result, and go on.
        os._exit(end.code)
