# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The time and the memory that an estimator needs for a map, alone in a process of its own."""

import pickle
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lensmap.utils import kept_from_terminal

__all__ = ["Resources", "measure_resources"]

_REPEATS = 3


class Resources(NamedTuple):
    """What a map costs.

    Attributes
    ----------
    seconds : float
        The median time of a map once all is loaded.
    first_seconds : float
        The time of the first map in a process.
    memory : float
        The most that the process had in memory at any time, GiB, the program included; NaN
        where the system does not say.
    """

    seconds: float
    first_seconds: float
    memory: float


def measure_resources(estimator, setup):
    """Measure the time and the memory of an estimator.

    Parameters
    ----------
    estimator : object
        With ``reconstruct(grid)``.
    setup : ValidationSetup
        What it maps.

    Returns
    -------
    Resources
        The numbers, NaN for an estimator that cannot be sent to another process.
    """
    try:
        both = pickle.dumps((estimator, setup.replace(null=True, sky=setup.sky.replace())))
    except Exception:  # noqa: BLE001  whatever it is that cannot be pickled
        return Resources(np.nan, np.nan, np.nan)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_work, both).result()


def _work(both):
    seconds = []
    with kept_from_terminal():  # libraries that are loaded for networks greet each new process
        estimator, setup = pickle.loads(both)
        grid = setup.draw(1).grid
        for _ in range(1 + _REPEATS):
            start = time.perf_counter()
            estimator.reconstruct(grid)
            seconds.append(time.perf_counter() - start)
    return Resources(float(np.median(seconds[1:])), seconds[0], _peak_memory())


def _peak_memory():
    # On Linux, what getrusage says begins with the peak of the process that started this one.
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) / 2**20
    try:
        import resource
    except ImportError:  # Windows
        return np.nan
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024) / 2**30
