# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the benchmark scripts share: repeated timing, memory, and the lines of a table."""

import os
import resource
import statistics
import time


def timed(function, repeats=5, warmup=1):
    """Return the median and the minimum of the seconds that a call takes."""
    for _ in range(warmup):
        function()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), min(seconds)


def report(what, seconds, target=None, floor=None):
    """Print one line: what, median, minimum, floor and how many times it, target.

    ``floor`` is a pair as those of floors.py: the seconds, and what takes them in words.
    """
    median, minimum = seconds
    line = f"{what:66s}{median:9.3f} s (min {minimum:.3f})"
    if floor is not None:
        line += f"   floor {floor[0]:.3g} s ({median / floor[0]:.1f} x): {floor[1]}"
    if target is not None:
        line += f"   target {target:g}"
    print(line, flush=True)


def peak():
    """Return the largest memory that this process has had so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def say_machine():
    """Print how many cores there are, and how busy."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{len(os.sched_getaffinity(0))} cores; load over 1, 5 and 15 minutes: {load}\n")
