# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Progress: a bar in a terminal, a line a minute in the log of a batch job."""

import sys
from types import SimpleNamespace

import pytest

from lensmap.cli._progress import ProgressLines, _duration, show_progress
from lensmap.utils import track


def test_bars_are_for_terminals(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert show_progress(SimpleNamespace(quiet=False)) is True
    assert show_progress(SimpleNamespace(quiet=True)) is False
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    assert isinstance(show_progress(SimpleNamespace(quiet=False)), ProgressLines)
    assert show_progress(SimpleNamespace(quiet=True)) is False
    monkeypatch.setattr(sys, "stderr", None)
    assert isinstance(show_progress(SimpleNamespace(quiet=False)), ProgressLines)


@pytest.fixture
def lines(monkeypatch):
    """Run loops, of which each is (number of items, seconds an item), and return the lines."""
    said, time = [], [1000.0]
    monkeypatch.setattr("lensmap.cli._progress.say", said.append)

    def run(*loops):
        progress = ProgressLines(clock=lambda: time[0])
        for n, seconds in loops:
            for _ in track(range(n), n, progress):
                time[0] += seconds
        return said

    return run


def test_a_quick_command_prints_nothing(lines):
    assert lines((50, 1.0), (3, 0.1)) == []


def test_a_line_a_minute_and_one_at_the_end(lines):
    assert lines((10, 20.0)) == [
        "3 of 10 done after 1 min, about 2 min left",
        "6 of 10 done after 2 min, about 1 min left",
        "9 of 10 done after 3 min, about 20 s left",
        "10 of 10 done after 3 min",
    ]


def test_slow_items(lines):
    assert lines((2, 7200.0)) == [
        "1 of 2 done after 2 h 0 min, about 2 h 0 min left", "2 of 2 done after 4 h 0 min"
    ]


def test_each_loop_has_its_own_time(lines):
    first, *_, last = lines((3, 30.0), (3, 45.0))
    assert first == "2 of 3 done after 1 min, about 30 s left"
    assert last == "3 of 3 done after 2 min"
    assert len(lines((3, 1.0), (3, 1.0))) == 4  # nothing more


def test_durations():
    assert [_duration(s) for s in (4.2, 59, 61, 3599, 3661)] == [
        "4 s", "59 s", "1 min", "1 h 0 min", "1 h 1 min"
    ]
