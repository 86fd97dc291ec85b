# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Run pytest where TensorFlow and Keras cannot be imported.

Everything but networks works without them. Tests that need a network are skipped: they raise the
ImportError that names the missing package. Any other failure is one.

The script is also the plugin of pytest that does so, which workers of pytest-xdist load.
"""

import os
import sys
from pathlib import Path

import pytest

BLOCKED = ("tensorflow", "keras")


def pytest_configure():
    """Block the packages: None in their place makes an import fail."""
    sys.modules.update(dict.fromkeys(BLOCKED))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup():
    """Skip a test whose fixtures need a network."""
    return (yield from _skip_networks())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call():
    """Skip a test that needs a network."""
    return (yield from _skip_networks())


def _skip_networks():
    try:
        return (yield)
    except ImportError as error:
        if "a neural network needs" not in str(error):
            raise
        pytest.skip("a network without Keras")


if __name__ == "__main__":
    here = Path(__file__).resolve()
    # Workers find the plugin there, too.
    paths = [str(here.parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    sys.exit(pytest.main(["-p", here.stem, *sys.argv[1:]]))
