# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Surveys whose run is killed, interrupted or out of disk: the same call gives the same numbers."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from broken_surveys import SMOOTHING, SurveyKiller, content, leftovers, map_small, write_files
from troubled_estimators import VARIABLE, Troubled
from writing_commands import file_size_limit

from lensmap.estimators import Estimator, Inversion
from lensmap.survey import SurveyMap
from lensmap.utils import IncompleteRunError

# Where the processes of a killed run end with it.
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_files(tmp_path_factory.mktemp("files"))


@pytest.fixture
def trouble(tmp_path, monkeypatch):
    """The file that says what shall happen to tiles."""
    path = tmp_path / "trouble.json"
    path.write_text("{}")
    monkeypatch.setenv(VARIABLE, str(path))
    return path


@pytest.fixture(scope="module")
def truth(files, tmp_path_factory):
    """The content of the folder of an undisturbed run."""
    folder = tmp_path_factory.mktemp("whole") / "survey"
    map_small(files, folder)
    found = content(folder)
    # Some tiles, partitions and scans, one file of fitted numbers, and the products.
    assert len([name for name in found if name.endswith("kappa")]) > 3
    assert any(name.endswith(".parquet") for name in found)
    assert any(name.startswith("kappa.hsp") for name in found)
    return found


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on(files, truth, tmp_path):
    killer = SurveyKiller()
    try:
        n_steps = killer.run(files, tmp_path / "whole")
        assert content(tmp_path / "whole") == truth
        for number, part in enumerate((0.3, 0.6, 0.75, 0.95)):
            folder = tmp_path / str(number)
            assert killer.run(files, folder, int(part * n_steps)) == -1
            rest = killer.run(files, folder)
            assert 0 < rest < n_steps  # what was finished is kept
            assert content(folder) == truth
            assert leftovers(folder) == []
    finally:
        killer.close()


@pytest.mark.slow
def test_workers_that_die_are_replaced_and_change_nothing(files, truth, tmp_path, trouble):
    trouble.write_text('{"deaths": 1}')
    map_small(files, tmp_path / "two", Troubled(smoothing=SMOOTHING), workers=2)
    assert trouble.read_text() == '{"deaths": 0}'
    assert content(tmp_path / "two") == truth


def test_a_full_disk_ends_the_run(files, truth, tmp_path):
    limits = sorted({path.stat().st_size for path in map(Path, files)})
    folder = tmp_path / "survey"
    for limit in (2_000, limits[-1] // 4):
        with file_size_limit(limit), pytest.raises(OSError, match=r"cannot write to .*free some"):
            map_small(files, folder)
        assert leftovers(folder) == []
    map_small(files, folder)
    assert content(folder) == truth


class Interrupting(Estimator):
    """An estimator that interrupts the run at its second tile, if told to."""

    n_tiles = 0
    interrupt = False

    def invert(self, grid, state):
        type(self).n_tiles += 1
        if self.interrupt and self.n_tiles == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return Inversion(0.1 * abs(grid.shear), unsupported=grid.count == 0)


@pytest.fixture
def interrupts():
    """Let Ctrl-C interrupt this process, which a shell may have started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_ctrl_c_keeps_what_is_finished(files, tmp_path, monkeypatch):
    map_small(files, tmp_path / "whole", Interrupting())
    n_tiles = Interrupting.n_tiles
    monkeypatch.setattr(Interrupting, "n_tiles", 0)
    monkeypatch.setattr(Interrupting, "interrupt", True)
    with pytest.raises(KeyboardInterrupt):
        map_small(files, tmp_path / "survey", Interrupting())
    assert leftovers(tmp_path / "survey") == []
    assert len(list((tmp_path / "survey" / "tiles").glob("*.npz"))) == 1
    monkeypatch.setattr(Interrupting, "interrupt", False)
    map_small(files, tmp_path / "survey", Interrupting())
    assert Interrupting.n_tiles == 2 + n_tiles - 1
    assert content(tmp_path / "survey") == content(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.usefixtures("interrupts")
def test_ctrl_c_cancels_the_tiles_of_workers(files, tmp_path, trouble):
    trouble.write_text('{"seconds": 2.0}')
    folder = tmp_path / "survey"

    def interrupt():
        limit = time.monotonic() + 120
        while not list((folder / "tiles").glob("*.npz")) and time.monotonic() < limit:
            time.sleep(0.05)
        times.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    times = []
    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        map_small(files, folder, Troubled(smoothing=SMOOTHING), workers=2, tile_order=6)
    assert time.monotonic() - times[0] < 30
    # Two tiles are under way, and the executor has handed three others to the processes already.
    n_done = len(list((folder / "tiles").glob("*.npz")))
    assert 1 <= n_done <= 6 < len(SurveyMap(folder).plan["tiles"])
    assert leftovers(folder) == []


def test_failed_tiles_are_named_and_tried_again(files, truth, tmp_path, trouble):
    trouble.write_text('{"fail": true}')
    folder, estimator = tmp_path / "survey", Troubled(smoothing=SMOOTHING)
    with pytest.raises(IncompleteRunError, match=r"\d of \d tiles failed: \d.*nobody likes"):
        map_small(files, folder, estimator)
    assert (folder / "kappa.hsp").exists()
    trouble.write_text("{}")
    assert map_small(files, folder, estimator).failed == {}
    assert content(folder) == truth


def test_a_truncated_tile_is_mapped_again(files, truth, tmp_path):
    folder = tmp_path / "survey"
    survey = map_small(files, folder)
    path = next((folder / "tiles").glob("*.npz"))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.warns(UserWarning, match=f"1 tiles .* are damaged: '{int(path.stem)}'; the map"):
        assert len(type(survey)(folder).tiles) == len(survey.tiles) - 1
    map_small(files, folder)
    assert content(folder) == truth
