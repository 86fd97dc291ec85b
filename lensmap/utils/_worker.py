# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The side of a worker in `run_tasks`: it builds a specification once, and runs tasks of it."""

import errno
import hashlib
import os
import pickle
import signal
import threading
import time
import traceback
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import parent_process
from pathlib import Path
from typing import NamedTuple

from lensmap.utils._threads import limit_threads

__all__ = ["Reply", "UnusableWorkerError", "begin_worker", "run_here", "run_task", "specify"]

# Another version of one of these may give other numbers.
_PACKAGES = ("lensmap", "numpy", "scipy", "astropy", "keras")

_kept = threading.local()  # the specification of each thread that works


class UnusableWorkerError(RuntimeError):
    """A worker that cannot do any of the tasks."""


class Reply(NamedTuple):
    """The result of one attempt at a task.

    Attributes
    ----------
    value : object
        The result of the task's function; None if it failed.
    error : Exception or None
        The error, with the worker's traceback as a note.
    disk_is_full : bool
        Whether the error, or one that caused it, is a full disk.
    seconds : float
        The time of the attempt.
    """

    value: object
    error: Exception | None
    disk_is_full: bool
    seconds: float


def specify(function, shared):
    """Return the specification of tasks, as bytes.

    Parameters
    ----------
    function : callable
        Called as ``function(shared, item)``; importable.
    shared : object
        Whatever all tasks share.

    Returns
    -------
    bytes
        With the versions of packages, which a worker checks before it reads the rest.

    Raises
    ------
    TypeError
        If the parts cannot be sent to another process.
    """
    try:
        parts = pickle.dumps((function, shared))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TypeError(
            f"functions and objects must be importable to be used by several workers ({error}): "
            "define them in a module, or use one worker"
        ) from error
    return pickle.dumps((_versions(), parts))


def _versions():
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def begin_worker(threads):
    """Prepare a process of lensmap's own pool.

    Parameters
    ----------
    threads : int
        The number of threads of the process.
    """
    limit_threads(threads)
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
    """End this process when its parent was killed: it would wait for work for ever."""
    parent_process().join()
    os.kill(os.getpid(), signal.SIGTERM)


def run_task(source, digest, marker, item):
    """Attempt a task.

    Parameters
    ----------
    source : bytes or str
        The specification, or the path of a file that holds it.
    digest : str
        Its SHA-256.
    marker : str or None
        The path of a file that exists while the task runs.
    item : object
        The task's own argument.

    Returns
    -------
    Reply
        The result.

    Raises
    ------
    UnusableWorkerError
        If the specification cannot be used here.
    """
    if marker is not None:
        Path(marker).touch()
    try:
        function, shared = _specification(source, digest)
        reply = run_here(function, shared, item)
    finally:
        if marker is not None:
            Path(marker).unlink(missing_ok=True)
    return reply._replace(error=_portable(reply.error))


def run_here(function, shared, item):
    """Attempt a task in this process.

    Parameters
    ----------
    function, shared : object
        As for `specify`.
    item : object
        The task's own argument.

    Returns
    -------
    Reply
        The result.
    """
    start = time.perf_counter()
    value = problem = None
    try:
        value = function(shared, item)
    except Exception as error:  # noqa: BLE001  the other tasks go on
        problem = error
    return Reply(value, problem, _is_full_disk(problem), time.perf_counter() - start)


def _specification(source, digest):
    """Return the function and what tasks share; built once and kept until another is needed."""
    if getattr(_kept, "digest", None) != digest:
        versions, parts = pickle.loads(_content(source, digest))
        for name, own in _versions().items():
            if own != versions[name]:
                raise UnusableWorkerError(
                    f"a worker has {name} {own}, and the run was begun with {versions[name]}: "
                    "install the same version for both"
                )
        try:
            _kept.parts, _kept.digest = pickle.loads(parts), digest
        except Exception as error:  # noqa: BLE001  whatever an import may raise
            raise UnusableWorkerError(
                f"a worker cannot load the work ({type(error).__name__}: {error}): the modules "
                "that define it must be importable there"
            ) from error
    return _kept.parts


def _content(source, digest):
    content = source
    if not isinstance(source, bytes):
        try:
            content = Path(source).read_bytes()
        except OSError as error:
            raise UnusableWorkerError(
                f"a worker cannot read {source!r}: workers on other machines need a folder that "
                "they share"
            ) from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise UnusableWorkerError(f"the specification {source!r} of the tasks has changed")
    return content


def _is_full_disk(error):
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False


def _portable(error):
    """Return an error that survives the way to another process, with its traceback as a note."""
    if error is None:
        return None
    text = "".join(traceback.format_exception(error))
    try:
        error = pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001  errors of other packages may need more than their message
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(f"in a worker:\n{text}")
    return error
