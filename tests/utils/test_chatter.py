# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What is kept from the terminal, and when it is shown."""

import os

import pytest

from lensmap.utils import kept_from_terminal


def test_what_is_written_is_kept(capfd):
    with kept_from_terminal():
        os.write(2, b"a greeting\n")
    os.write(2, b"a word\n")
    assert capfd.readouterr().err == "a word\n"


def test_an_error_shows_it(capfd):
    with pytest.raises(ValueError, match="wrong"), kept_from_terminal():
        os.write(2, b"a reason\n")
        raise ValueError("wrong")
    os.write(2, b"a word\n")
    assert capfd.readouterr().err == "a reason\na word\n"


def test_without_a_directory_for_temporary_files(monkeypatch, capfd):
    def refuse():
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with kept_from_terminal():
        os.write(2, b"a greeting\n")
    assert capfd.readouterr().err == "a greeting\n"


def test_without_a_stream(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    ran = []
    with kept_from_terminal():
        ran.append(True)
    assert ran
