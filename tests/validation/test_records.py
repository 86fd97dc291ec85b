# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The folder of what was measured."""

import numpy as np
import pytest

from lensmap.utils import LensmapWarning
from lensmap.validation._records import RecordFolder

SETTINGS = {"seed": 1, "shape": (3, 4), "lensmap": "1"}


def test_what_was_saved_is_read(tmp_path):
    folder = RecordFolder(tmp_path / "new", SETTINGS)
    assert folder.numbers("fields") == [] and folder.load("fields") == []
    assert folder.missing("fields", 2) == [0, 1]
    for number in (4, 0):
        folder.save("fields", number, {"a": np.arange(number), "b": {"c": "x", "d": {"e": 1.5}}})
    again = RecordFolder(tmp_path / "new")
    assert again.settings["shape"] == [3, 4] and again.numbers("fields") == [0, 4]
    first, second = again.load("fields")
    assert len(first["a"]) == 0 and second["a"].tolist() == [0, 1, 2, 3]
    assert str(first["b"]["c"]) == "x" and first["b"]["d"]["e"] == 1.5
    assert len(again.load("fields", 3)) == 1 and folder.missing("fields", 2) == [1]


def test_notes_and_times(tmp_path):
    folder = RecordFolder(tmp_path, SETTINGS)
    assert folder.notes("some") == {}
    folder.note("some", {"a": 1})
    assert folder.notes("some") == {"a": 1}
    with pytest.raises(KeyboardInterrupt), folder.timed("fields"):
        raise KeyboardInterrupt
    before = folder.notes("seconds")["fields"]
    with folder.timed("fields"):
        pass
    assert folder.notes("seconds")["fields"] >= before >= 0


def test_it_is_for_one_validation(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no validation"):
        RecordFolder(tmp_path)
    RecordFolder(tmp_path, SETTINGS)
    with pytest.raises(ValueError, match="other settings: seed was 1 and is now 2;"):
        RecordFolder(tmp_path, {**SETTINGS, "seed": 2})
    with pytest.warns(LensmapWarning, match="begun with lensmap 1 and goes on with lensmap 2"):
        RecordFolder(tmp_path, {**SETTINGS, "lensmap": "2"})
    (tmp_path / "settings.json").write_text("{")
    with pytest.raises(ValueError, match="does not hold the settings"):
        RecordFolder(tmp_path, SETTINGS)
    with pytest.raises(NotADirectoryError, match="is a file"):
        RecordFolder(tmp_path / "settings.json", SETTINGS)


@pytest.mark.parametrize("name", ["report.html", "results.ecsv", "scores.ecsv"])
def test_files_of_the_user_are_kept(name, tmp_path):
    (tmp_path / name).write_text("mine")
    with pytest.raises(ValueError, match=f"holds results .{name}., but no file 'settings.json'"):
        RecordFolder(tmp_path, SETTINGS)
    assert (tmp_path / name).read_text() == "mine"


def test_what_is_addable_comes_later(tmp_path):
    def open_with(more):
        return RecordFolder(tmp_path, {**SETTINGS, "more": more}, addable=("more",))

    open_with({})
    assert open_with({"x 8": "X"}).settings["more"] == {"x 8": "X"}
    assert open_with({}).settings["more"] == {"x 8": "X"}  # it stays
    assert RecordFolder(tmp_path).settings["more"] == {"x 8": "X"}
    with pytest.raises(ValueError, match="more.x 8 was X and is now nothing;"):
        open_with({"y 8": "Y"})
    with pytest.raises(ValueError, match="seed was 1 and is now 2"):
        RecordFolder(tmp_path, {**SETTINGS, "seed": 2, "more": {}}, addable=("more",))
    with pytest.warns(LensmapWarning, match="begun with lensmap 1"):
        RecordFolder(tmp_path, {**SETTINGS, "lensmap": "2", "more": {}}, addable=("more",))
    assert RecordFolder(tmp_path).settings["lensmap"] == "1"
