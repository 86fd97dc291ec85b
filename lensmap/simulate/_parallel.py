# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Series of simulated fields, drawn in parallel processes and independent of their number."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import numpy as np

from lensmap.utils import ParameterTypeError, check_count, run_tasks

if TYPE_CHECKING:
    from lensmap.typing import ProgressLike

__all__ = ["draw_fields", "field_seed", "run_series"]


def field_seed(seed: int, index: int) -> np.random.SeedSequence:
    """Return the random seed of one field in a series of simulated fields.

    Parameters
    ----------
    seed : int
        The seed of the series.
    index : int
        The number of the field, from 0.

    Returns
    -------
    `numpy.random.SeedSequence`
        The seed of the field, which depends on ``seed`` and ``index`` only.
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
    """Draw a series of simulated fields in parallel processes, and yield the fields in order.

    Parameters
    ----------
    model : object
        The model of the fields, with ``prepare()`` and ``draw(rng)``, such as `HaloModelField`.
    n_fields : int
        The number of fields from ``first`` on, including those in ``skip``.
    seed : int
        The seed of the series. Field number i depends on the model, ``seed`` and i only.
    first : int
        The number of the first field. The fields have the numbers from ``first`` to
        ``first + n_fields - 1``.
    skip : collection of int
        The numbers of the fields to leave out, such as fields that another run has already drawn.
    workers : int or None
        The number of processes. If None, one for each CPU that this process may use, but no more
        than fit into memory. 1 draws the fields in this process.
    executor : `concurrent.futures.Executor`, callable or None
        An executor with ``workers`` workers, or a callable that makes one. If None, new processes
        draw the fields.
    progress : None, bool or callable
        True shows a progress bar. A callable is called as ``progress(done, total)`` after each
        field. None or False shows nothing.
    then : callable or None
        A function ``then(field, seed)``, called in the process that drew the field with the seed of
        the field. Its results are yielded instead of the fields. ``seed.spawn_key[0]`` is the
        number of the field. The function should draw random numbers from ``seed.spawn(1)[0]``,
        because ``seed`` itself was used to draw the field. With several workers, the function must
        be importable (not a lambda).

    Yields
    ------
    LensingField or list of LensingField
        The result of ``model.draw``, or of ``then``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid.
    MemoryError
        If a field, or the fields of all processes, do not fit into memory.
    RuntimeError
        If three processes die while they draw the same field.
    OSError
        If a disk is full.

    Notes
    -----
    The processes are new Python interpreters, so a script that calls this function needs the guard
    ``if __name__ == "__main__":``. A field that cannot be drawn is tried three times; the error is
    then raised when the field would be yielded. At most four fields for each worker are held in
    memory. After an interrupt, fields that are being drawn have up to 20 seconds to finish,
    including ``then``.
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
    """Draw some fields of a series, and yield the outcome of each field in order.

    Parameters
    ----------
    model : object
        The model of the fields, with ``prepare()`` and ``draw(rng)``, such as `HaloModelField`.
    numbers : sequence of int
        The numbers of the fields.
    seed : int
        The seed of the series.
    workers : int or None
        The number of worker processes. If None, one for each CPU, but no more than fit into
        memory.
    executor : `concurrent.futures.Executor`, callable or None
        An executor, or a callable that makes one. If None, new processes draw the fields.
    progress : None, bool or callable
        True shows a progress bar. A callable is called as ``progress(done, total)`` after each
        field. None or False shows nothing.
    then : callable or None
        A function ``then(field, seed)``, called in the process that drew the field. Its results
        replace the fields. None returns the fields.

    Returns
    -------
    iterator of `lensmap.utils.Outcome`
        The outcome of each field, which holds the field (or the result of ``then``) or an error.
        The ``item`` of the outcome is the number of the field.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid.
    """
    for name in ("prepare", "draw"):
        if not callable(getattr(model, name, None)):
            raise ParameterTypeError(
                "model",
                "an object with the methods prepare() and draw(rng), such as a HaloModelField",
                repr(model),
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
