# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What every test may use."""

import os
from collections import Counter
from pathlib import Path

import pytest
from astropy.utils import iers
from hypothesis import HealthCheck, Phase, settings

# The rotation of the Earth comes with astropy: a test must not fetch newer tables.
iers.conf.auto_download = False

# The variable with which coverage (``patch = subprocess``) begins in a new interpreter.
_COVERAGE_OF_PROCESSES = "COVERAGE_PROCESS_CONFIG"

# No deadline: a law is right or wrong, and the time that a shared machine takes says nothing.
settings.register_profile("dev", deadline=None)
# The same examples in every run, so that a failure belongs to the change that it appears with.
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# Whether a mutant fails is all that scripts/mutants.py asks, not the smallest example that does.
settings.register_profile(
    "mutants", settings.get_profile("ci"), phases=[Phase.explicit, Phase.generate]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


def pytest_collection_modifyitems(items):
    """Leave slow tests out of the coverage, and give files with many of them to workers first.

    Slow tests look at numbers, not at lines. A file stays on one worker (``--dist=loadfile``), so
    that a long one at the end would leave the other workers without work.
    """
    n_slow = Counter()
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.no_cover)
            n_slow[item.path] += 1
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: -n_slow[item.path])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Leave the processes that slow tests start out of the coverage, too."""
    is_slow = item.get_closest_marker("slow") is not None
    coverage = os.environ.pop(_COVERAGE_OF_PROCESSES, None) if is_slow else None
    try:
        return (yield)
    finally:
        if coverage is not None:
            os.environ[_COVERAGE_OF_PROCESSES] = coverage


@pytest.fixture(scope="session")
def cosmos_path():
    """The folder with the COSMOS catalog, which is not part of lensmap."""
    folder = os.environ.get("LENSMAP_DATA")
    if not folder:
        pytest.skip("LENSMAP_DATA is not set: it names the folder with cosmos_shear.fits")
    path = Path(folder)
    if not (path / "cosmos_shear.fits").is_file():
        # Not a skip: whoever sets the variable wants these tests to run.
        pytest.fail(f"LENSMAP_DATA is {folder!r}, where there is no cosmos_shear.fits")
    return path
