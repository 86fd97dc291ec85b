# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Scheduler`: submission of tasks to workers, which may fail or die."""

from __future__ import annotations

import pickle
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, wait
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lensmap.utils._exceptions import LensmapWarning, warn_user
from lensmap.utils._full_disk import is_full_disk
from lensmap.utils._pools import tells_of_death
from lensmap.utils._worker import Reply, UnusableWorkerError, run_task

__all__ = ["Outcome", "Scheduler", "Task"]

_MAX_ATTEMPTS = 3
_MAX_PENDING_PER_WORKER = 4
_SECONDS_OF_COUNT = 10.0  # the number of workers of a cluster is asked for at most this often
_SECONDS_OF_WAIT = 60.0  # a cluster without workers is worth a warning after this time


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


@dataclass(eq=False)
class Task:
    """A task, the number of attempts so far, and the outcome once the task has ended.

    ``marker`` is the path of a file that exists while a worker runs the task. After a worker dies,
    the file shows which task it ran. ``marker`` is None if no such file is written. ``is_alone`` is
    True if no other task was running during the last attempt.
    """

    index: int
    item: object
    marker: Path | None = None
    attempts: int = 0
    outcome: Outcome | None = None
    is_alone: bool = False

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

    def take_death(self, is_last=False):
        """Record a failed attempt because the worker process that ran the task died.

        ``is_last`` is True if the task fails without further attempts.
        """
        if is_last:
            self.attempts = _MAX_ATTEMPTS - 1
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


class Scheduler:
    """Submission of tasks to a pool of workers; failed tasks are repeated, dead workers replaced.

    Parameters
    ----------
    tasks : list of Task
        The tasks, in the order of their outcomes.
    source : tuple
        The pickled function and shared argument of the tasks (or the path of a file that holds
        them), and their SHA-256 digest.
    pool : object
        The pool of workers, as returned by ``as_pool``.
    workers : int
        The number of workers, if the pool does not know it.
    """

    def __init__(self, tasks, source, pool, workers):
        self._tasks, self._source, self._pool = tasks, source, pool
        self._workers, self._counted = workers, float("-inf")
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

    @property
    def _max_pending(self):
        """The largest number of tasks that are running or waiting at a time."""
        if time.monotonic() > self._counted + _SECONDS_OF_COUNT:
            # The workers of a cluster come and go.
            self._workers = self._pool.n_workers() or self._workers
            self._counted = time.monotonic()
        return _MAX_PENDING_PER_WORKER * self._workers

    def _submit(self, turn):
        """Submit tasks until the largest number of running and waiting tasks is reached.

        ``turn`` is the index of the task whose outcome is yielded next. Tasks far beyond it are not
        submitted yet, so that few outcomes are held in memory. A task that may have killed a worker
        is submitted only while no other task is running.
        """
        if self._suspects:
            if not self._running:
                self._start(self._suspects.popleft(), is_alone=True)
            return
        max_pending = self._max_pending
        end = min(len(self._tasks), turn + max_pending)
        while len(self._running) < max_pending and (self._repeated or self._next < end):
            if self._repeated:
                task = self._repeated.popleft()
            else:
                task = self._tasks[self._next]
                self._next += 1
            if not self._start(task):
                return

    def _start(self, task, is_alone=False):
        """Submit a task to the pool, and return whether the pool accepted it.

        ``is_alone`` is True if no other task is running.
        """
        task.is_alone = is_alone
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
        finished = self._finished()
        for future in finished:
            try:
                reply = future.result()
            except (BrokenExecutor, CancelledError) as error:
                self._replace_pool(error)
                return
            except UnusableWorkerError:
                raise
            except Exception as error:  # noqa: BLE001  the item or the result cannot be sent
                if tells_of_death(error):
                    self._take_deaths(self._running.pop(future))
                    continue
                reply = Reply(None, error, is_full_disk(error), 0.0)
            self._take(self._running.pop(future), _opened(reply))

    def _finished(self):
        """Wait for a running task, and return the futures of all finished tasks."""
        finished, _ = wait(self._running, _SECONDS_OF_WAIT, FIRST_COMPLETED)
        if not finished and self._pool.n_workers() == 0:
            warn_user(
                "the dask cluster has no workers; the run goes on when it has some",
                LensmapWarning,
                "no_workers",
            )
        while not finished:
            finished, _ = wait(self._running, return_when=FIRST_COMPLETED)
        return finished

    def _take(self, task, reply):
        self._anything_began, self._barren_pools = True, 0
        task.take(reply)
        if task.outcome is None:
            self._repeated.append(task)

    def _take_deaths(self, task):
        """Record that a scheduler gave up a task, because several workers died while they ran it.

        Schedulers also count deaths for tasks that were waiting on these workers. Therefore the
        task is repeated alone, and fails if workers die again.
        """
        self._anything_began, self._barren_pools = True, 0
        task.take_death(is_last=task.is_alone)
        if task.outcome is None:
            self._suspects.append(task)

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
