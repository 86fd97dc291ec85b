# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Doctests of public names, and the limit to the time of a test that is not marked slow."""

import doctest
import inspect
import os
import sys

import pytest

# CPU-seconds of one test, its child processes included, on an idle core.
QUICK_CPU_S = 5
# A shared core and coverage make the same test cost two or three times as much, so continuous
# integration fails it only beyond that. Elsewhere the summary names it: a slow computer is no
# error.
CI_FACTOR = 3
# The first test that needs TensorFlow pays for its import.
TENSORFLOW_IMPORT_CPU_S = 10

# Doctests: the __module__ of a public name is its package, and not its private module.
_from_module = doctest.DocTestFinder._from_module


def _from_private_module(self, module, item):
    """Count a class or function as part of the private module that defines it, too."""
    if module is not None and module.__name__.startswith(f"{getattr(item, '__module__', '')}."):
        if inspect.isfunction(item):
            return module.__dict__ is item.__globals__
        if inspect.isclass(item):
            return f"class {item.__name__}" in inspect.getsource(module)
    return _from_module(self, module, item)


doctest.DocTestFinder._from_module = _from_private_module


def _cpu_seconds():
    """Return the CPU time of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Fail a test that takes long and is not marked slow."""
    if item.get_closest_marker("slow"):
        return (yield)
    had_tensorflow = "tensorflow" in sys.modules
    before = _cpu_seconds()
    outcome = yield
    seconds = _cpu_seconds() - before
    if "tensorflow" in sys.modules and not had_tensorflow:
        seconds -= TENSORFLOW_IMPORT_CPU_S
    if seconds > QUICK_CPU_S:
        item.user_properties.append(("cpu_seconds", seconds))
        if os.environ.get("CI") and seconds > CI_FACTOR * QUICK_CPU_S:
            pytest.fail(
                f"took {seconds:.1f} CPU-seconds, more than {CI_FACTOR} x {QUICK_CPU_S}: make it "
                "quicker, or mark it slow",
                pytrace=False,
            )
    return outcome


def pytest_terminal_summary(terminalreporter):
    """Name the tests that should be quicker, or marked slow."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    seconds = {
        report.nodeid: value
        for report in reports
        for name, value in report.user_properties
        if name == "cpu_seconds"
    }
    if seconds:
        terminalreporter.section(f"over {QUICK_CPU_S} CPU-seconds and not marked slow")
        for name in sorted(seconds, key=seconds.get, reverse=True):
            terminalreporter.line(f"{seconds[name]:6.1f} s  {name}")
