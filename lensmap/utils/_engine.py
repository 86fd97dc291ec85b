# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`run_tasks`: run independent tasks on any number of workers, with the same results."""

from __future__ import annotations

import hashlib
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, wait
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from lensmap.utils._exceptions import IncompleteRunError
from lensmap.utils._full_disk import full_disk_named, temporary_folder
from lensmap.utils._memory import check_memory, free_memory
from lensmap.utils._pools import as_pool
from lensmap.utils._progress import track
from lensmap.utils._threads import n_workers
from lensmap.utils._validation import check_count
from lensmap.utils._worker import Reply, UnusableWorkerError, run_here, run_task, specify

__all__ = ["Outcome", "finish", "run_tasks"]

_MAX_ATTEMPTS = 3
_MAX_PENDING_PER_WORKER = 4
_PROCESS_BYTES = 150e6  # memory of a process that has imported numpy, scipy and astropy

# A pickled function with a larger shared argument is written to a file, not sent with each task.
_MAX_SENT_BYTES = 10_000


class Outcome(NamedTuple):
    """The outcome of a task.

    Attributes
    ----------
    item : object
        The argument of the task, one of the items given to `run_tasks`.
    value : object
        The return value of the task; None if the task failed.
    error : Exception or None
        The error of the third and last attempt; None if an attempt succeeded.
    seconds : float
        The duration of the last attempt, in seconds.
    """

    item: object
    value: object
    error: Exception | None
    seconds: float


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
        If workers die before any task begins, or no worker can run the tasks. An
        `IncompleteRunError` if the given executor has lost its workers.

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
        workers = max(1, min(workers, len(items)))
        outcomes = _in_workers(source, items, workers, as_pool(executor, workers), folder)
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
        task = _Task(0, item)
        while task.outcome is None:
            task.take(run_here(function, shared, item))
        yield task.outcome


def _in_workers(specification, items, workers, pool, folder):
    prefix = "lensmap-tasks-"
    with temporary_folder(prefix, folder) as directory:
        digest, source = hashlib.sha256(specification).hexdigest(), specification
        if len(specification) > _MAX_SENT_BYTES:
            source = str(Path(directory, "specification.pickle"))
            with full_disk_named(lambda: source):
                Path(source).write_bytes(specification)
        tasks = [_Task(i, item, Path(directory, f"{i}.running")) for i, item in enumerate(items)]
        max_pending = _MAX_PENDING_PER_WORKER * workers
        yield from _Scheduler(tasks, (source, digest), pool, max_pending).outcomes()


@dataclass(eq=False)
class _Task:
    """A task, the number of attempts so far, and the outcome once the task has ended.

    ``marker`` is the path of a file that exists while a worker runs the task. After a worker dies,
    the file shows which task it ran. ``marker`` is None if no such file is written.
    """

    index: int
    item: object
    marker: Path | None = None
    attempts: int = 0
    outcome: Outcome | None = None

    def take(self, reply):
        """Record the `Reply` of a worker to one attempt at the task.

        The outcome is set after a success or the third failure.

        If a full disk caused the failure, its error is raised, which ends the run.
        """
        if reply.disk_is_full:
            raise reply.error
        self.attempts += 1
        if reply.error is None or self.attempts == _MAX_ATTEMPTS:
            self.outcome = Outcome(self.item, reply.value, reply.error, reply.seconds)

    def take_death(self):
        """Record a failed attempt because the worker process that ran the task died."""
        text = (
            "a worker process ended before its task was done, perhaps because memory ran out: use "
            "fewer workers"
        )
        self.take(Reply(None, RuntimeError(text), False, 0.0))


def _opened(reply):
    """Return the reply of a worker with the value unpickled."""
    if isinstance(reply.value, bytes):
        return reply._replace(value=pickle.loads(reply.value))
    return reply


def _reply_of(future):
    """Return the `Reply` of a task whose worker pool broke; None if the task had not finished."""
    try:
        return future.result(timeout=0)
    except Exception:  # noqa: BLE001  the task is repeated after any error
        return None


class _Scheduler:
    """Submission of tasks to a pool of workers; failed tasks are repeated, dead workers replaced.

    Parameters
    ----------
    tasks : list of _Task
        The tasks, in the order of their outcomes.
    source : tuple
        The pickled function and shared argument of the tasks (or the path of a file that holds
        them), and their SHA-256 digest.
    pool : object
        The pool of workers, as returned by ``as_pool``.
    max_pending : int
        The largest number of tasks that are running or waiting at a time.
    """

    def __init__(self, tasks, source, pool, max_pending):
        self._tasks, self._source, self._pool = tasks, source, pool
        self._max_pending = max_pending
        self._next = 0  # the first task that was never submitted
        self._running = {}  # from each future to its task
        self._repeated = deque()
        self._suspects = deque()  # tasks that may have killed a worker, and therefore run alone
        self._anything_began = False
        self._barren_pools = 0  # successive pools that broke before any task began

    def outcomes(self):
        """Yield the `Outcome` of each task, in the order of the tasks."""
        try:
            for task in self._tasks:
                while task.outcome is None:
                    self._submit(task.index)
                    self._collect()
                self._submit(task.index + 1)
                yield task.outcome
                task.outcome = None
        finally:
            self._pool.close(list(self._running))

    def _submit(self, turn):
        """Submit tasks until the largest number of running and waiting tasks is reached.

        ``turn`` is the index of the task whose outcome is yielded next. Tasks far beyond it are not
        submitted yet, so that few outcomes are held in memory. A task that may have killed a worker
        is submitted only while no other task is running.
        """
        if self._suspects:
            if not self._running:
                self._start(self._suspects.popleft())
            return
        end = min(len(self._tasks), turn + self._max_pending)
        while len(self._running) < self._max_pending and (self._repeated or self._next < end):
            if self._repeated:
                task = self._repeated.popleft()
            else:
                task = self._tasks[self._next]
                self._next += 1
            if not self._start(task):
                return

    def _start(self, task):
        """Submit a task to the pool, and return whether the pool accepted it."""
        marker = str(task.marker) if self._pool.has_markers else None
        try:
            future = self._pool.submit(run_task, *self._source, marker, task.item)
        except BrokenExecutor as error:
            self._repeated.appendleft(task)
            self._replace_pool(error)
            return False
        self._running[future] = task
        return True

    def _collect(self):
        """Wait for a running task, and record the results of all finished tasks."""
        if not self._running:  # the pool broke; the next call submits the tasks again
            return
        finished, _ = wait(self._running, return_when=FIRST_COMPLETED)
        for future in finished:
            try:
                reply = future.result()
            except (BrokenExecutor, CancelledError) as error:
                self._replace_pool(error)
                return
            except UnusableWorkerError:
                raise
            except Exception as error:  # noqa: BLE001  the item or the result cannot be sent
                reply = Reply(None, error, False, 0.0)
            self._take(self._running.pop(future), _opened(reply))

    def _take(self, task, reply):
        self._anything_began, self._barren_pools = True, 0
        task.take(reply)
        if task.outcome is None:
            self._repeated.append(task)

    def _replace_pool(self, error):
        """Replace the pool of workers after workers died, and repeat the tasks that were lost.

        The results of finished tasks are recorded, and tasks that had not begun are submitted
        again. Tasks that may have killed a worker count as failed once and are repeated alone.
        ``error`` is the error that the pool raised. A RuntimeError is raised if all workers die
        before they begin to work.
        """
        self._pool.discard(error)
        lost = sorted(self._running.items(), key=lambda pair: pair[1].index)
        self._running = {}
        suspects = []
        for future, task in lost:
            reply = _reply_of(future)
            if reply is not None:
                self._take(task, _opened(reply))
            elif not self._pool.has_markers or task.marker.exists():
                suspects.append(task)
            else:
                self._repeated.append(task)
        self._barren_pools = 0 if suspects else self._barren_pools + 1
        if self._barren_pools and (
            not self._anything_began or self._barren_pools == _MAX_ATTEMPTS
        ):
            raise RuntimeError(
                "all worker processes ended before they began to work: put the calls of your "
                "script under 'if __name__ == \"__main__\":'; if they are there already, use fewer "
                "workers, because each worker needs memory for its own copy of lensmap"
            ) from error
        for task in suspects:
            self._anything_began = True
            task.marker.unlink(missing_ok=True)
            task.take_death()
            if task.outcome is None:
                self._suspects.append(task)
