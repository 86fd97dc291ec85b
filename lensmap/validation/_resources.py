# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Time and memory that an estimator needs for a map, measured in a separate process."""

import pickle
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np

from lensmap.utils import (
    code_files_of,
    exact_dumps,
    kept_from_terminal,
    load_code_file,
    peak_memory,
)
from lensmap.validation._field_maps import MapMaker
from lensmap.validation._setup import ValidationSetup

__all__ = ["Resources", "measure_resources"]

_N_MAPS = 3


class Resources(NamedTuple):
    """Time and memory that an estimator needs for a map.

    Attributes
    ----------
    seconds : float
        The median time for a map in seconds, without the first map.
    first_seconds : float
        The time for the first map of the process in seconds, which includes loading libraries and
        networks.
    memory : float
        The peak memory of the process in GiB, including Python and libraries; NaN if the operating
        system does not report it.
    """

    seconds: float
    first_seconds: float
    memory: float


def measure_resources(estimator: MapMaker, setup: ValidationSetup) -> Resources:
    """Measure the time and memory that an estimator needs for a map.

    Parameters
    ----------
    estimator : object
        The estimator, with a method ``reconstruct(grid)``.
    setup : ValidationSetup
        The simulated fields and the survey. The measured maps are made from a null field (without
        lensing) of this set-up.

    Returns
    -------
    Resources
        The time and memory; all NaN if the estimator cannot be pickled to run in another process,
        or only reads maps (`ExternalMaps`).
    """
    if not getattr(estimator, "is_timed", True):
        return Resources(np.nan, np.nan, np.nan)
    # Copy the sky without its prepared tables, whose memory would count towards the estimator.
    null = setup.replace(null=True, sky=setup.sky.replace())
    try:
        pickled = exact_dumps((estimator, null))
    except Exception:  # noqa: BLE001  pickle raises errors of many kinds
        return Resources(np.nan, np.nan, np.nan)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measure, pickled, code_files_of(pickled)).result()


def _measure(pickled, code_files):
    seconds = []
    with kept_from_terminal():  # libraries of networks print messages in each new process
        for name, path in code_files.items():
            load_code_file(path, name)
        estimator, setup = pickle.loads(pickled)
        grid = setup.draw(1).grid
        for _ in range(1 + _N_MAPS):
            start = time.perf_counter()
            estimator.reconstruct(grid)
            seconds.append(time.perf_counter() - start)
    peak = peak_memory()
    return Resources(
        float(np.median(seconds[1:])), seconds[0], np.nan if peak is None else peak / 2**30
    )
