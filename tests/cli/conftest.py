# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the tests of commands share."""

import logging

import pytest
from python_forms import python_forms
from simulate_command import SMALL

from lensmap.cli import main
from lensmap.cli._messages import LOGGER


@pytest.fixture(autouse=True)
def messages_have_words_of_the_command_line():
    """Check that no warning or error of any command names parameters of Python."""
    messages = []

    def collect(record):
        if record.levelno >= logging.WARNING:
            messages.append(record.getMessage())
        return True

    LOGGER.addFilter(collect)
    yield
    LOGGER.removeFilter(collect)
    assert {text: python_forms(text) for text in messages if python_forms(text)} == {}


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
