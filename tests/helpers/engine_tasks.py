# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tasks for the tests of the engine: workers import this module, which is quick."""

import errno
import os
import signal
import time
from pathlib import Path


def square(shared, item):
    """Return a square; ``shared`` delays the first items, so that the last ones are done first."""
    time.sleep(shared.get(item, 0.0))
    return item**2


def built(shared, item):
    """Return the process and the identity of what is shared."""
    return os.getpid(), id(shared)


def threads(shared, item):
    """Return the number of threads of a worker."""
    from lensmap.utils import n_threads

    return n_threads(), os.environ.get("OMP_NUM_THREADS")


def fail(shared, item):
    """Fail for some items, and count the attempts in a folder."""
    folder, bad = shared
    with open(Path(folder, str(item)), "a") as file:
        file.write("x")
    if item in bad:
        raise ValueError(f"cannot do {item}")
    return item


def fail_once(shared, item):
    """Fail at the first attempt."""
    path = Path(shared, str(item))
    if not path.exists():
        path.touch()
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    return item


def die(shared, item):
    """End the process for some items; count what was begun."""
    folder, deaths = shared
    with open(Path(folder, str(item)), "a") as file:
        file.write("x")
    time.sleep(0.05)
    if Path(folder, str(item)).stat().st_size <= deaths.get(item, 0):
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def full(shared, item):
    """Find the disk full, behind another error as writers of files raise it."""
    try:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        raise RuntimeError("cannot write") from error


class PeculiarError(Exception):
    """An error that cannot be made of its message."""

    def __init__(self, one, other):
        super().__init__(f"{one} and {other}")


def fail_peculiarly(shared, item):
    """Fail with an error that cannot be unpickled."""
    raise PeculiarError("this", "that")


def sleep(shared, item):
    """Say that it began, and sleep."""
    Path(shared, str(item)).touch()
    time.sleep(60 if item > 0 else 0)
    return item


def report(shared, item):
    """Say which process works, and sleep."""
    Path(shared, str(os.getpid())).touch()
    time.sleep(60)
