# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the tests of ``lensmap simulate`` share."""

import pytest
from simulate_command import SMALL

from lensmap.cli import main


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A folder of one's own to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """Four fields, drawn in one go in this process."""
    path = tmp_path_factory.mktemp("series") / "fields"
    assert main(["simulate", "fields", "-o", str(path), "-n", "4", *SMALL, "--workers", "1"]) == 0
    return path
