# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Worker processes of `run_tasks`, which load the function and the shared argument once."""

import hashlib
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import parent_process
from pathlib import Path
from typing import NamedTuple

from lensmap.utils._code_files import code_files_of, load_code_file
from lensmap.utils._exact_pickle import exact_dumps
from lensmap.utils._full_disk import is_full_disk
from lensmap.utils._provenance import current_run, plain, recording
from lensmap.utils._threads import limit_threads

__all__ = ["Reply", "UnusableWorkerError", "begin_worker", "run_here", "run_task", "specify"]

# Packages whose version may change the results.
_PACKAGES = ("lensmap", "numpy", "scipy", "astropy", "keras")

_kept = threading.local()  # the specification that each worker thread has loaded

_PROCESS = {"threads_are_limited": False}


class UnusableWorkerError(RuntimeError):
    """An error of a worker process that cannot run any task."""


class Reply(NamedTuple):
    """The result of one attempt at a task.

    Attributes
    ----------
    value : object
        The return value of the function, pickled if it comes from a worker; None if the function
        failed.
    error : Exception or None
        The error, with the traceback of the worker as a note; None if the attempt succeeded.
    disk_is_full : bool
        Whether a full disk caused the error.
    seconds : float
        The duration of the attempt, in seconds.
    """

    value: object
    error: Exception | None
    disk_is_full: bool
    seconds: float


def specify(function, shared):
    """Pickle the function and the shared argument of tasks (the specification of the tasks).

    Parameters
    ----------
    function : callable
        An importable function, called as ``function(shared, item)``.
    shared : object
        The argument that all tasks share.

    Returns
    -------
    bytes
        The pickled specification, with the versions of packages, which workers compare with their
        own versions, the Python files that define classes, which workers load by their paths, and
        what files record about the run.

    Raises
    ------
    TypeError
        If ``function`` or ``shared`` cannot be pickled.
    """
    try:
        parts = exact_dumps((function, shared))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TypeError(
            f"several workers can use only functions and classes that can be imported ({error}): "
            "define your own at the top level of a module, or use one worker"
        ) from error
    return pickle.dumps((_versions(), code_files_of(parts), parts, plain(current_run())))


def _versions():
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return versions


def begin_worker(threads):
    """Initialize a worker process of lensmap's pool.

    Parameters
    ----------
    threads : int
        The number of threads of the process.
    """
    limit_threads(threads)
    _PROCESS["threads_are_limited"] = True
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _limit_threads_of_process():
    """Limit the threads of a worker process that lensmap has not started.

    Such an executor (of dask, or of the user) may run a process on each CPU. A limit that its
    environment sets is kept. Executors of threads run in the process of the caller, which has no
    parent process.
    """
    if _PROCESS["threads_are_limited"]:
        return
    distributed = sys.modules.get("distributed")
    n_tasks = 0 if distributed is None else _threads_of_dask(distributed)
    if n_tasks > 1:
        raise UnusableWorkerError(
            f"each worker process of the dask cluster must run one task at a time, not {n_tasks}: "
            "start the workers with --nthreads 1, or a LocalCluster with threads_per_worker=1"
        )
    if n_tasks == 1 or parent_process() is not None:
        if "OMP_NUM_THREADS" not in os.environ:
            limit_threads(1)
        elif os.environ["OMP_NUM_THREADS"].isdecimal():
            limit_threads(int(os.environ["OMP_NUM_THREADS"]))
        _PROCESS["threads_are_limited"] = True


def _threads_of_dask(distributed):
    """Return the number of tasks that the dask worker of this thread runs at the same time.

    It is 0 outside of workers.
    """
    try:
        return distributed.get_worker().state.nthreads
    except ValueError:
        return 0


def _end_with_parent():
    """Terminate this process when its parent dies; otherwise it would wait for tasks forever."""
    parent_process().join()
    os.kill(os.getpid(), signal.SIGTERM)


def run_task(source, digest, marker, item):
    """Run one attempt at a task in a worker.

    Parameters
    ----------
    source : bytes or str
        The bytes that `specify` returned (the pickled function and shared argument), or the path of
        a file that holds these bytes.
    digest : str
        The SHA-256 digest of these bytes.
    marker : str or None
        The path of a file that exists while the task runs; None makes no such file.
    item : object
        The argument of the task.

    Returns
    -------
    Reply
        The result of the attempt.

    Raises
    ------
    UnusableWorkerError
        If this worker cannot load the function and the shared argument, or has other versions of
        packages.
    """
    _limit_threads_of_process()
    if marker is not None:
        Path(marker).touch()
    try:
        function, shared, run = _specification(source, digest)
        with recording(run):
            reply = run_here(function, shared, item)
    finally:
        if marker is not None:
            Path(marker).unlink(missing_ok=True)
    return reply._replace(value=exact_dumps(reply.value), error=_portable(reply.error))


def run_here(function, shared, item):
    """Run one attempt at a task in this process.

    Parameters
    ----------
    function : callable
        The function, called as ``function(shared, item)``.
    shared : object
        The argument that all tasks share.
    item : object
        The argument of the task.

    Returns
    -------
    Reply
        The result of the attempt.
    """
    start = time.perf_counter()
    value = problem = None
    try:
        value = function(shared, item)
    except Exception as error:  # noqa: BLE001  the other tasks continue
        problem = error
    return Reply(value, problem, is_full_disk(problem), time.perf_counter() - start)


def _specification(source, digest):
    """Return the function and the shared argument of the tasks, and the run that files record.

    They are unpickled once and kept until a task with another ``digest`` arrives. ``source`` is the
    pickled function and argument, or the path of a file that holds them; ``digest`` is their
    SHA-256 digest.
    """
    if getattr(_kept, "digest", None) != digest:
        versions, files, parts, run = pickle.loads(_content(source, digest))
        for name, installed in _versions().items():
            if installed != versions[name]:
                raise UnusableWorkerError(
                    f"a worker process uses {name} {installed}, but the process that started the "
                    f"run uses {name} {versions[name]}: install the same version for both"
                )
        try:
            for name, path in files.items():
                load_code_file(path, name)
            _kept.parts, _kept.digest = (*pickle.loads(parts), run), digest
        except Exception as error:  # noqa: BLE001  imports may raise any error
            raise UnusableWorkerError(
                "a worker process cannot load the functions and objects of the run "
                f"({type(error).__name__}: {error}): install the modules that define them in the "
                "worker's environment"
            ) from error
    return _kept.parts


def _content(source, digest):
    content = source
    if not isinstance(source, bytes):
        try:
            content = Path(source).read_bytes()
        except OSError as error:
            raise UnusableWorkerError(
                f"a worker process cannot read the file {source!r}: if the workers are on other "
                "machines, choose an output folder that all machines share"
            ) from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise UnusableWorkerError(
            "the description of the tasks that a worker process received differs from the one at "
            "the start of the run: change no files in the folder of a run while the run works"
        )
    return content


def _portable(error):
    """Return an error in a form that can be pickled, with the traceback as a note.

    An error that cannot be pickled becomes a RuntimeError with the same message. None stays None.
    """
    if error is None:
        return None
    text = "".join(traceback.format_exception(error))
    try:
        error = pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001  errors of other packages may need more than their message
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(f"in a worker:\n{text}")
    return error
