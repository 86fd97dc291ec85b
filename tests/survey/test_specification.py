# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The size of what is sent to workers with each tile, whatever the survey and the estimator."""

import pickle
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from broken_surveys import SMALL
from hats_folders import galaxies_in
from regions import CircleSkyRegion

from lensmap.catalog import HatsCatalog, write_hats
from lensmap.estimators import make_estimator
from lensmap.masks import SkyMask
from lensmap.survey import _run
from lensmap.survey._frozen import FrozenFile
from lensmap.survey._tile_files import TileFiles
from lensmap.survey._tile_map import TileTask
from lensmap.utils import run_tasks

MAX_BYTES = 10_000


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A catalog of many partitions, which need more than may be sent."""
    folder = tmp_path_factory.mktemp("many") / "hats"
    write_hats(
        folder, ((6, pixel, galaxies_in(6, pixel, 2)) for pixel in range(250)),
        convention="celestial", kind="shear",
    )
    return HatsCatalog(folder)


@pytest.fixture(scope="module")
def own_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "mine.py"
    path.write_text(
        "from lensmap.estimators import Estimator, Inversion\n\n\n"
        "class Mine(Estimator):\n"
        '    """An estimator."""\n\n'
        "    def invert(self, grid, state):\n"
        "        return Inversion(abs(grid.shear))\n"
    )
    return f"{path}:Mine"


class Weighing(ThreadPoolExecutor):
    """An executor that measures what is sent to it, and does nothing."""

    def __init__(self):
        super().__init__(1)
        self.sizes = []

    def submit(self, function, *arguments):
        self.sizes.append(len(pickle.dumps((function, arguments))))
        from lensmap.utils._worker import Reply

        future = Future()
        future.set_result(Reply(pickle.dumps(None), None, False, 0.0))
        return future


@pytest.mark.parametrize("name", ["ks", "wiener", "cnn", "masked-cnn", "own"])
def test_of_each_estimator_is_small(name, source, own_file, tmp_path):
    estimator = make_estimator(own_file if name == "own" else name).for_tiles()
    mask = SkyMask(CircleSkyRegion(SkyCoord(10, 10, unit="deg"), 1 * u.deg))
    task = TileTask(
        source=source, estimator=estimator, frozen=FrozenFile(str(tmp_path / "frozen"), "0" * 64),
        files=TileFiles(str(tmp_path / "tiles"), "0" * 64), order=SMALL["tile_order"], margin=0.8,
        nside=SMALL["nside"], scale=0.05, mask=mask,
    )
    with Weighing() as executor:
        outcomes = list(run_tasks(
            _run.map_tile, task, [(pixel, "0" * 64) for pixel in range(5)], executor=executor,
            folder=tmp_path,
        ))
    assert len(outcomes) == 5 and max(executor.sizes) < MAX_BYTES
    assert list(tmp_path.iterdir()) == []  # the file with the rest is gone


def test_a_sent_catalog_has_the_same_decisions(source):
    again = pickle.loads(pickle.dumps(source))
    assert repr(again) == repr(source) and again.origins == source.origins
    one, two = (catalog.within_pixels(6, [5, 200]) for catalog in (source, again))
    assert len(one) == 4
    for name in ("ra", "dec", "e1", "e2"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
