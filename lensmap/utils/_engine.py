# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`run_tasks`: run independent tasks on any number of workers, with the same results."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from os import PathLike
from pathlib import Path
from typing import Any

from lensmap.utils._exceptions import IncompleteRunError
from lensmap.utils._full_disk import full_disk_named, temporary_folder
from lensmap.utils._memory import check_memory, free_memory
from lensmap.utils._pools import as_pool
from lensmap.utils._progress import track
from lensmap.utils._scheduler import Outcome, Scheduler, Task
from lensmap.utils._threads import n_workers
from lensmap.utils._validation import check_count
from lensmap.utils._worker import run_here, specify

__all__ = ["finish", "run_tasks"]

_PROCESS_BYTES = 150e6  # memory of a process that has imported numpy, scipy and astropy

# A pickled function with a larger shared argument is written to a file, not sent with each task.
_MAX_SENT_BYTES = 10_000


def finish(outcomes: Iterable[Outcome], noun: str, folder: str) -> None:
    """Wait until all tasks have ended, and raise an error if any task failed.

    Parameters
    ----------
    outcomes : iterable of Outcome
        The outcomes that `run_tasks` yields.
    noun : str
        The plural noun for the items of the tasks in error messages, such as ``"fields"``.
    folder : str
        The folder of the results, for error messages.

    Raises
    ------
    IncompleteRunError
        If some tasks failed and others succeeded. If all tasks failed, the error of the first
        task is raised instead.
    """
    n_done, failed = 0, {}
    for outcome in outcomes:
        if outcome.error is None:
            n_done += 1
        else:
            failed[outcome.item] = outcome.error
    if not failed:
        return
    error = next(iter(failed.values()))
    if n_done == 0:
        raise error
    numbers = ", ".join(map(str, list(failed)[:10])) + (", ..." if len(failed) > 10 else "")
    raise IncompleteRunError(
        f"{len(failed)} of {len(failed) + n_done} {noun} failed: {numbers} (first error: {error}); "
        f"the other {noun} are in the folder {folder!r}, and the same call tries the failed {noun} "
        "again"
    ) from error


def run_tasks(
    function: Callable[[Any, Any], Any],
    shared: Any,
    items: Iterable[Any],
    *,
    workers: int | None = None,
    executor: Executor | Callable[[], Executor] | None = None,
    memory: float | None = None,
    folder: str | PathLike | None = None,
    progress: bool | Callable[[int, int], object] | None = None,
    description: str = "tasks",
) -> Iterator[Outcome]:
    """Call a function for each of many items on several workers, and yield the outcomes in order.

    Results do not depend on the number of workers. A failing task is tried three times, while the
    other tasks continue. A worker that dies is replaced. The task that it ran is repeated while no
    other task is running, and fails after three deaths. A full disk ends the run. Memory use does
    not grow with the number of items: at most 4 tasks for each worker are running or waiting.

    Parameters
    ----------
    function : callable
        Called as ``function(shared, item)``. With several workers, it must be importable (not a
        lambda).
    shared : object
        The argument that all tasks share; each worker unpickles it once and keeps it.
    items : sequence
        One argument for each task, which should be small.
    workers : int or None
        The number of workers. If None, one worker for each CPU that the process may use, but no
        more than fit into memory. 1 runs the tasks in this process, unless an executor is given.
    executor : `concurrent.futures.Executor`, callable or None
        The executor that runs the tasks, or a callable that makes one and is called again if that
        executor breaks. If None, new processes run the tasks and share the CPUs.
    memory : float or None
        The memory that one task needs, in bytes. If None, memory is not checked.
    folder : path-like or None
        A folder for temporary files that all workers can read. If None, the temporary folder of
        this machine, which workers on other machines cannot read.
    progress : None, bool or callable
        If True, a progress bar is shown. A callable is called as ``progress(done, total)`` after
        each task. If None or False, nothing is shown.
    description : str
        The name of the progress bar.

    Yields
    ------
    Outcome
        The outcome of each item, in order.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid.
    MemoryError
        If all processes together need more memory than is available.
    OSError
        If a disk is full.
    RuntimeError
        If workers die before any task begins, or no worker can run the tasks.
    IncompleteRunError
        If the given executor is broken, or the scheduler of a dask cluster has died.

    Notes
    -----
    New processes import the main module, so a script needs the guard ``if __name__ ==
    "__main__":``. When the caller stops (Ctrl-C, SIGTERM, the end of the loop), pending tasks are
    canceled, running tasks have 20 seconds to finish, and the processes of lensmap's pool end.
    """
    items = list(items)
    if workers is not None:
        check_count(workers, "workers", minimum=1)
    if executor is None:
        workers = _check_workers(workers, memory, len(items))
    elif workers is None:
        workers = n_workers()
    if executor is None and min(workers, len(items)) <= 1:
        outcomes = _in_this_process(function, shared, items)
    else:
        source = specify(function, shared)
        n_processes = max(1, min(workers, len(items)))
        outcomes = _in_workers(source, items, workers, as_pool(executor, n_processes), folder)
    return track(outcomes, len(items), progress, description)


def _check_workers(workers, memory, n_items):
    """Return the number of workers, and check that their processes fit into memory.

    ``workers`` is the number that the user gives. If it is None, the result is one worker for each
    CPU, but no more than fit into memory. ``memory`` is the memory that one task needs, in bytes;
    None skips the check. ``n_items`` is the number of tasks.
    """
    if memory is None:
        return n_workers() if workers is None else workers
    each = memory + _PROCESS_BYTES
    if workers is None:
        free = free_memory()
        workers = n_workers() if free is None else max(1, min(n_workers(), int(free // each)))
    processes = min(workers, n_items)
    if processes > 1:
        check_memory(processes * each, f"the work of {processes} processes", "use fewer workers")
    return workers


def _in_this_process(function, shared, items):
    for item in items:
        task = Task(0, item)
        while task.outcome is None:
            task.take(run_here(function, shared, item))
        yield task.outcome


def _in_workers(specification, items, workers, pool, folder):
    prefix = "lensmap-tasks-"
    with temporary_folder(prefix, folder) as directory:
        directory = Path(directory).resolve()  # workers may have another working directory
        digest, source = hashlib.sha256(specification).hexdigest(), specification
        if len(specification) > _MAX_SENT_BYTES:
            source = str(Path(directory, "specification.pickle"))
            with full_disk_named(lambda: source):
                Path(source).write_bytes(specification)
        tasks = [Task(i, item, Path(directory, f"{i}.running")) for i, item in enumerate(items)]
        yield from Scheduler(tasks, (source, digest), pool, workers).outcomes()
