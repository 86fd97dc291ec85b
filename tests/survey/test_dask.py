# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Surveys on a dask cluster: the same numbers, and nothing is lost when parts of it die."""

import json
import os
import signal
import threading
import time

import pytest
from broken_surveys import SMOOTHING, content, map_small, write_files
from troubled_estimators import VARIABLE, Troubled

from lensmap import KaiserSquires
from lensmap.survey import SurveyMap
from lensmap.utils import IncompleteRunError, LostExecutorError

distributed = pytest.importorskip("distributed")
dask = pytest.importorskip("dask")

# Warnings of dask about sockets and tasks of workers that were killed on purpose.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

ESTIMATOR = Troubled(smoothing=SMOOTHING)

# On a busy machine, a new process takes longer than the 15 s after which dask gives it up. Dask
# gives up a task after the second death of a worker, not after the fourth.
SETTINGS = {
    "distributed.deploy.lost-worker-timeout": "300s",
    "distributed.scheduler.allowed-failures": 1,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_files(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def whole(files, tmp_path_factory):
    """The folder of a run without dask."""
    folder = tmp_path_factory.mktemp("whole") / "survey"
    map_small(files, folder, KaiserSquires(smoothing=SMOOTHING))
    return folder


@pytest.fixture(scope="module")
def truth(whole):
    return content(whole)


@pytest.fixture(scope="module")
def trouble(tmp_path_factory):
    """The file that says what shall happen to tiles, which workers know from their start."""
    path = tmp_path_factory.mktemp("trouble") / "trouble.json"
    path.write_text("{}")
    os.environ[VARIABLE] = str(path)
    yield path
    del os.environ[VARIABLE]


def cluster(n_workers=2, threads=1):
    return distributed.LocalCluster(
        n_workers=n_workers, threads_per_worker=threads, processes=True, dashboard_address=None,
        silence_logs=60,
    )


@pytest.fixture(scope="module")
def client(trouble):
    with dask.config.set(SETTINGS):
        with cluster() as local, distributed.Client(local) as client:
            yield client


def mapped(files, folder, client):
    executor = client.get_executor(pure=False, retries=0)
    return map_small(files, folder, ESTIMATOR, workers=None, executor=executor)


def tiles_in(folder):
    return list((folder / "tiles").glob("*.npz"))


def when_a_tile_is_done(folder, function):
    """Call a function in a thread when the first tile of a run is done."""
    def watch():
        limit = time.monotonic() + 120
        while not tiles_in(folder) and time.monotonic() < limit:
            time.sleep(0.01)
        function()

    threading.Thread(target=watch, daemon=True).start()


def test_a_worker_that_is_killed_changes_nothing(files, truth, tmp_path, client, monkeypatch):
    """The paths are relative, and the workers have another working directory."""
    monkeypatch.chdir(tmp_path)
    pids = client.run(os.getpid)
    when_a_tile_is_done(
        tmp_path / "survey", lambda: os.kill(next(iter(pids.values())), signal.SIGKILL)
    )
    mapped([os.path.relpath(path) for path in files], "survey", client)
    assert content(tmp_path / "survey") == truth


def test_a_tile_that_kills_its_workers_is_named(files, whole, truth, tmp_path, client, trouble):
    tiles = SurveyMap(whole).tiles
    bad = tiles[-1]
    center = [bad["ra"].value, bad["dec"].value]
    trouble.write_text(json.dumps({"deaths": 1000, "at": center}))
    folder = tmp_path / "survey"
    message = rf"1 of {len(tiles)} tiles failed: {bad['tile']} .*a worker process"
    with pytest.raises(IncompleteRunError, match=message):
        mapped(files, folder, client)
    # Each try of dask ends with the second death; lensmap tries again, without other tiles.
    assert 1000 - json.loads(trouble.read_text())["deaths"] == 4
    assert len(tiles_in(folder)) == len(tiles) - 1
    trouble.write_text("{}")
    mapped(files, folder, client)
    assert content(folder) == truth


def test_workers_of_several_threads_are_refused(files, tmp_path):
    with cluster(n_workers=1, threads=2) as local, distributed.Client(local) as other:
        with pytest.raises(RuntimeError, match="one task at a time, not 2: .* --nthreads 1"):
            mapped(files, tmp_path / "survey", other)


def test_a_scheduler_that_dies_ends_the_run_with_one_line(files, truth, tmp_path, trouble):
    folder = tmp_path / "survey"
    # Until then, the client tries to find the scheduler again.
    with distributed.Client(cluster(), set_as_default=False, timeout="10s") as client:
        # The scheduler closes all connections, as when its process ends.
        when_a_tile_is_done(
            folder, lambda: client.cluster.sync(client.cluster.scheduler.close)
        )
        with pytest.raises(LostExecutorError, match="make a new executor and repeat the call"):
            mapped(files, folder, client)
    map_small(files, folder, ESTIMATOR)
    assert content(folder) == truth
