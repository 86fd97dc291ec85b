# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Run pytest where TensorFlow and Keras cannot be imported.

Everything but networks works without them. Tests that need a network are skipped: they raise the
ImportError that names the missing package. Any other failure is one.
"""

import sys

import pytest

BLOCKED = ("tensorflow", "keras")


class WithoutNetworks:
    """Skip the tests that raise lensmap's error about the missing package."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self):
        return (yield from _skip_networks())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self):
        return (yield from _skip_networks())


def _skip_networks():
    try:
        return (yield)
    except ImportError as error:
        if "a neural network needs" not in str(error):
            raise
        pytest.skip("a network without Keras")


if __name__ == "__main__":
    sys.modules.update(dict.fromkeys(BLOCKED))  # None there makes an import fail
    sys.exit(pytest.main(sys.argv[1:], plugins=[WithoutNetworks()]))
