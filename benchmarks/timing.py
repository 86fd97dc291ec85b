# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the benchmark scripts share: repeated timing, and a line of a table."""

import os
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


def report(what, seconds, target=None):
    """Print one line: what, median, minimum, target."""
    median, minimum = seconds
    goal = "" if target is None else f"   target {target:g}"
    print(f"{what:62s}{median:9.3f} s (min {minimum:.3f}){goal}", flush=True)


def say_machine():
    """Print how many cores there are."""
    print(f"{len(os.sched_getaffinity(0))} cores\n")
