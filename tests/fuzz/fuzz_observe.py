# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Run one command in this process, and observe everything that it does."""

import hashlib
import io
import os
import signal
import stat
import sys
import tempfile
import time
import traceback
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Observation", "TooLong", "observe", "snapshot"]


class TooLong(BaseException):
    """The exception that ends a command that takes too long."""


@dataclass
class Observation:
    """What a command did.

    Attributes
    ----------
    code : int or None
        The exit code; None if an exception came out of ``main``.
    stdout, stderr : str
        What it printed, on the level of file descriptors.
    raised : str
        The traceback of an exception other than SystemExit.
    before, after : dict
        The files of the folder, as `snapshot` returns them.
    seconds : float
        The CPU time.
    memory : int or None
        The growth of the peak of the memory in bytes; None if the system does not tell.
    too_long : bool
        Whether the time limit ended it.
    leaks : list of str
        What it left changed in this process.
    folder : pathlib.Path
        The folder.
    """

    folder: Path
    code: int | None = None
    stdout: str = ""
    stderr: str = ""
    raised: str = ""
    before: dict = field(default_factory=dict)
    after: dict = field(default_factory=dict)
    seconds: float = 0.0
    memory: int | None = None
    too_long: bool = False
    leaks: list = field(default_factory=list)


def snapshot(folder):
    """Return kind, mode and digest of all files in a folder, keyed by relative path."""
    result = {}
    for root, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = Path(root, name)
            mode = path.lstat().st_mode
            content = None
            if stat.S_ISREG(mode):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            elif stat.S_ISLNK(mode):
                content = os.readlink(path)
            result[str(path.relative_to(folder))] = (stat.S_IFMT(mode), stat.S_IMODE(mode), content)
    return result


def observe(main, words, folder, *, seconds):
    """Run a command in a folder.

    Parameters
    ----------
    main : callable
        The function that takes the words of the command line and returns the exit code.
    words : list of str
        The words.
    folder : path-like
        The working directory.
    seconds : float
        The limit to the CPU time; a command that waits is ended after five times as long.

    Returns
    -------
    Observation
        What happened.
    """
    result = Observation(Path(folder), before=snapshot(folder))
    state, began = _state(folder), time.process_time()
    resident = _reset_peak()
    with _in(folder), _captured(result), _time_limit(seconds):
        try:
            result.code = main(words)
        except SystemExit as stop:
            result.code = stop.code if isinstance(stop.code, int) else 1
        except TooLong:
            result.too_long = True
        except BaseException:  # noqa: BLE001
            result.raised = traceback.format_exc()
    result.seconds = time.process_time() - began
    if resident is not None:
        result.memory = _status("VmHWM") - resident
    result.after = snapshot(folder)
    result.leaks = [f"{name}: {value}, before {state[name]}"[:400]
                    for name, value in _state(folder).items() if value != state[name]]
    return result


def _state(folder):
    """Return what a command must leave as it is."""
    umask = os.umask(0)
    os.umask(umask)
    inside = str(Path(folder).resolve())
    descriptors = []
    for number in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if target.startswith(inside):
            descriptors.append(target)
    return {
        "working directory": os.getcwd(),
        "umask": umask,
        "handler of SIGTERM": signal.getsignal(signal.SIGTERM),
        "handler of SIGINT": signal.getsignal(signal.SIGINT),
        "open files": sorted(descriptors),
        "shown warnings": warnings.showwarning,
        "filters of warnings": list(warnings.filters),
    }


@contextmanager
def _in(folder):
    before, temporary = os.getcwd(), tempfile.tempdir
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        tempfile.tempdir = temporary


@contextmanager
def _captured(result):
    """Catch the standard streams on the level of file descriptors, as libraries in C use them."""
    sys.stdout.flush()
    sys.stderr.flush()
    streams, numbers = (sys.stdout, sys.stderr), (os.dup(1), os.dup(2))
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(io.FileIO(number, "w", closefd=False), "utf-8", "backslashreplace",
                             newline="", write_through=True)
            for number in (1, 2)
        )
        try:
            yield
        finally:
            sys.stdout, sys.stderr = streams
            for number, copy in enumerate(numbers, 1):
                os.dup2(copy, number)
                os.close(copy)
            for name, file in (("stdout", out), ("stderr", err)):
                file.seek(0)
                setattr(result, name, file.read().decode("utf-8", "replace"))


@contextmanager
def _time_limit(seconds):
    """Raise TooLong after some CPU time, and after five times as long if a command waits."""

    def leave(number, frame):
        raise TooLong

    pairs = ((signal.SIGPROF, signal.ITIMER_PROF, seconds),
             (signal.SIGALRM, signal.ITIMER_REAL, 5 * seconds))
    before = [signal.signal(number, leave) for number, _, _ in pairs]
    for _, timer, limit in pairs:
        signal.setitimer(timer, limit)
    try:
        yield
    finally:
        for (number, timer, _), handler in zip(pairs, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)


def _reset_peak():
    """Reset the peak of the memory of this process; return the memory in bytes, or None."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS")
    except OSError:
        return None


def _status(key):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)
