# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Many fields on many cores, the same whatever the number of workers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import numpy as np

from lensmap.utils import check_count, run_tasks

if TYPE_CHECKING:
    from lensmap.typing import ProgressLike

__all__ = ["draw_fields", "field_seed", "run_series"]


def field_seed(seed: int, index: int) -> np.random.SeedSequence:
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
    model: Any,
    n_fields: int,
    *,
    seed: int = 0,
    first: int = 0,
    skip: Collection[int] = (),
    workers: int | None = None,
    executor: Executor | Callable[[], Executor] | None = None,
    progress: ProgressLike = None,
    then: Callable[[Any, np.random.SeedSequence], Any] | None = None,
) -> Iterator[Any]:
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
        The number of processes; None takes one for each CPU that this process may use, as far as
        memory allows, 1 works in this process. All together use each CPU once.
    executor : `concurrent.futures.Executor`, callable or None
        The executor that draws the fields, or a callable that makes one, instead of new processes;
        ``workers`` is the number of its workers then.
    progress : None, bool or callable
        As for ``lensmap.utils.track``.
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
    MemoryError
        If the fields, or so many workers, would not fit into memory.
    RuntimeError
        If the process that drew a field ended before its work was done, three times.
    OSError
        If a disk is full.

    Notes
    -----
    The processes are new interpreters: a script that calls this needs the guard
    ``if __name__ == "__main__":``. A field whose draw fails is tried three times, and its error is
    raised when it is its turn. At most four fields for each worker are held in memory. An
    interrupt waits up to 20 seconds for the fields under way; ``then`` has been called for them,
    too.
    """
    n_fields = check_count(n_fields, "n_fields")
    first, skip = check_count(first, "first"), set(skip)
    numbers = [i for i in range(first, first + n_fields) if i not in skip]
    return _values(run_series(
        model, numbers, seed=seed, workers=workers, executor=executor, progress=progress, then=then
    ))


def _values(outcomes):
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
        yield outcome.value


def run_series(
    model: Any,
    numbers: Sequence[int],
    *,
    seed: int,
    workers: int | None,
    executor: Executor | Callable[[], Executor] | None = None,
    progress: ProgressLike = None,
    then: Callable[[Any, np.random.SeedSequence], Any] | None = None,
) -> Iterator[Any]:
    """Draw fields of a series, and yield how each ended.

    Parameters
    ----------
    model : object
        As for `draw_fields`.
    numbers : sequence of int
        The numbers of the fields.
    seed, workers, executor, progress, then : object
        As for `draw_fields`.

    Returns
    -------
    iterator of `lensmap.utils.Outcome`
        As of `lensmap.utils.run_tasks`, whose items are the numbers.

    Raises
    ------
    TypeError, ValueError
        As for `draw_fields`.
    """
    for name in ("prepare", "draw"):
        if not callable(getattr(model, name, None)):
            raise TypeError(
                f"model must have prepare() and draw(rng), such as a HaloModelField, not {model!r}"
            )
    model, seed = model.prepare(), check_count(seed, "seed")
    memory = model.estimate_memory() if hasattr(model, "estimate_memory") else None
    return run_tasks(
        _draw, (model, seed, then), numbers, workers=workers, executor=executor, memory=memory,
        progress=progress, description="fields",
    )


def _draw(shared, number):
    model, seed, then = shared
    seed = field_seed(seed, number)
    field = model.draw(seed)
    return field if then is None else then(field, seed)
