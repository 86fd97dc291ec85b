# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One meaning of ``progress=``."""

import pytest

from lensmap.utils import track


@pytest.mark.parametrize("progress", [None, False])
def test_silent(progress, capsys):
    assert list(track(range(3), 3, progress)) == [0, 1, 2]
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_bar_on_the_error_stream(capsys):
    assert list(track(iter("abc"), 3, True, "noise")) == ["a", "b", "c"]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "noise" in captured.err and "3/3" in captured.err


def test_no_bar_without_the_error_stream(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr", None)
    assert list(track(iter("abc"), 3, True, "noise")) == ["a", "b", "c"]
    assert capsys.readouterr().out == ""


def test_callable_is_told_after_each_item():
    told = []
    for item in track("abc", 3, lambda done, total: told.append((done, total))):
        assert len(told) == "abc".index(item)
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_nothing_to_do():
    told = []
    assert list(track([], 0, lambda *args: told.append(args))) == []
    assert told == []


@pytest.mark.parametrize("progress", ["yes", 1, 0])
def test_wrong_at_once(progress):
    with pytest.raises(TypeError, match="must be True, False, None or a function of .*, not"):
        track([1], 1, progress)  # not looked at: the error does not wait for the first item
