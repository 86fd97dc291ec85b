# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Resources of estimators measured in the test's own process, where a test is not about them."""

from concurrent.futures import Executor, Future

import pytest

from lensmap.validation import _resources


class _ThisProcess(Executor):
    """An executor that runs each call at once, and takes the arguments of a process pool."""

    def __init__(self, *args, **kwargs):
        pass

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        future.set_result(function(*args, **kwargs))
        return future


@pytest.fixture(scope="module")
def resources_in_this_process():
    """Save the new process of each estimator, which would import everything again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_resources, "ProcessPoolExecutor", _ThisProcess)
        yield
