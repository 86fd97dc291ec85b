# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The executors of `run_tasks`: lensmap's own pool, or an executor or callable of the user."""

import signal
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from multiprocessing.context import SpawnContext

from lensmap.utils._exceptions import LostExecutorError, ParameterTypeError
from lensmap.utils._limits import n_cpus
from lensmap.utils._threads import n_threads
from lensmap.utils._worker import begin_worker

__all__ = ["as_pool", "tells_of_death"]

# The time that running tasks have to finish after an interrupt, seconds.
_GRACE = 20.0


def as_pool(executor, workers):
    """Return a pool of workers, which wraps an executor.

    Parameters
    ----------
    executor : `concurrent.futures.Executor`, callable or None
        The executor that runs the tasks, or a callable that makes one and is called again if that
        executor breaks. If None, the pool starts new processes.
    workers : int
        The number of processes to start if ``executor`` is None.

    Returns
    -------
    object
        A pool with the methods ``submit`` (a task), ``discard`` (a broken executor) and ``close``,
        and the attribute ``has_markers``: whether this process can see the files with which workers
        mark running tasks.

    Raises
    ------
    TypeError
        If ``executor`` is of another type.
    """
    if executor is None:
        return _ProcessPool(workers)
    if isinstance(executor, Executor):
        return _GivenPool(executor)
    if callable(executor):
        return _MadePool(executor)
    raise ParameterTypeError(
        "executor", "a concurrent.futures.Executor, a callable that makes one, or None",
        repr(executor),
    )


def tells_of_death(error):
    """Return whether an error reports that several workers died while they ran a task.

    Parameters
    ----------
    error : Exception
        The error of a future.

    Returns
    -------
    bool
        True for the ``KilledWorker`` of dask.
    """
    return type(error).__name__ == "KilledWorker"


class _GivenPool:
    """A pool that wraps an executor given by the user, which is neither replaced nor shut down."""

    #: Whether this process can see the marker files of running tasks.
    has_markers = False

    def __init__(self, executor):
        self._executor = executor

    def submit(self, *arguments):
        return self._executor.submit(*arguments)

    def n_workers(self):
        """Return the present number of workers of a dask cluster; None if it is not known."""
        client = getattr(self._executor, "_client", None)
        if not hasattr(client, "nthreads"):
            return None
        try:
            return len(client.nthreads())
        except Exception:  # noqa: BLE001  the next result tells that the scheduler has died
            return None

    def discard(self, error):
        raise LostExecutorError(
            f"the worker processes or the scheduler of the given executor have died "
            f"({type(error).__name__}): make a new executor and repeat the call, which resumes if "
            "its results are kept in a folder"
        ) from error

    def close(self, running):
        """Cancel waiting tasks, and wait at most 20 seconds for the running ones.

        ``running`` is a list of the futures of all tasks that are submitted and not finished.
        """
        for future in running:
            future.cancel()
        _wait_for_end(running)


class _MadePool(_GivenPool):
    """A pool that wraps an executor made by a callable.

    When the executor breaks, the callable is called again to make another.
    """

    def __init__(self, make):
        super().__init__(None)
        self._make = make

    def submit(self, *arguments):
        if self._executor is None:
            self._executor = self._make()
        return super().submit(*arguments)

    def discard(self, error):
        _shut_down(self._executor, wait=True)
        self._executor = None

    def close(self, running):
        # A process pool cancels nothing if it is deleted before its thread learns of the shutdown.
        executor, self._executor = self._executor, None
        if executor is not None:
            # A process pool that is breaking cannot cancel futures one by one.
            _shut_down(executor, wait=False)
        _wait_for_end(running)
        del executor


def _shut_down(executor, *, wait):
    """Cancel the waiting tasks of an executor, and shut it down.

    With ``wait``, the running tasks finish first.
    """
    try:
        executor.shutdown(wait=wait, cancel_futures=True)
    except TypeError:  # the executor of dask has no parameter `cancel_futures`
        executor.shutdown(wait=wait)


def _wait_for_end(futures):
    """Wait until all futures are done or canceled, but at most 20 seconds."""
    limit = time.monotonic() + _GRACE
    while not all(future.done() for future in futures) and time.monotonic() < limit:
        time.sleep(0.05)


class _ProcessPool(_MadePool):
    """A pool of spawned processes; forked processes may hang if their parent has threads."""

    has_markers = True

    def __init__(self, workers):
        self._context = _Context()
        threads = max(1, min(n_threads(), n_cpus() // workers))
        super().__init__(lambda: ProcessPoolExecutor(
            workers, mp_context=self._context, initializer=begin_worker, initargs=(threads,)
        ))

    def submit(self, *arguments):
        # Signals are blocked, so that an interrupt leaves no half-started process. New processes
        # inherit the blocked signals, so that only this process handles Ctrl-C.
        with _signals_held():
            return super().submit(*arguments)

    def close(self, running):
        try:
            super().close(running)
        finally:
            self._context.end_processes(_GRACE if not running else 1.0)


class _Context(SpawnContext):
    """A multiprocessing context that keeps a list of the processes that it starts."""

    def __init__(self):
        super().__init__()
        self._processes = []

    def Process(self, *args, **kwargs):  # noqa: N802  the name of multiprocessing
        process = super().Process(*args, **kwargs)
        self._processes.append(process)
        return process

    def end_processes(self, seconds):
        """Wait at most ``seconds`` for all processes to end, and terminate the remaining ones."""
        limit = time.monotonic() + seconds
        started = [process for process in self._processes if process.pid is not None]
        for process in started:
            process.join(max(0.0, limit - time.monotonic()))
        for process in started:
            if process.is_alive():
                process.terminate()
                process.join(1.0)
            if process.is_alive():
                process.kill()
        self._processes.clear()


@contextmanager
def _held():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _signals_held():
    return _held() if hasattr(signal, "pthread_sigmask") else nullcontext()  # not on Windows
