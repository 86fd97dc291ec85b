# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Numbers of a whole survey: measured once, kept in the folder, and the same for all tiles."""

import shutil

import pytest
from astropy.table import Table
from broken_surveys import content, map_small
from sheared_galaxies import Galaxies, metacal_table
from small_survey import galaxies, write_survey

from lensmap import WienerFilter
from lensmap.catalog import partition_catalog
from lensmap.estimators import Estimator, Inversion
from lensmap.survey import SurveyMap
from lensmap.survey._frozen import FrozenFile
from lensmap.utils import IncompleteRunError

pytestmark = pytest.mark.filterwarnings("ignore:.*are damaged")


class Counting(Estimator):
    """An estimator whose model is the number of galaxies of the survey."""

    def measure(self, grid):
        return int(grid.count.sum())

    def fit(self, sums):
        return sums

    def invert(self, grid, state):
        return Inversion(abs(grid.shear), unsupported=grid.count == 0)


class WithoutModel(Counting):
    """The same, with a model that nothing needs."""

    fits_model = False


@pytest.fixture(scope="module")
def columns():
    return galaxies(side=2.5, density=0.3)


@pytest.fixture(scope="module")
def hats(columns, tmp_path_factory):
    return write_survey(tmp_path_factory.mktemp("sky") / "hats", columns)


def fitted(folder):
    return FrozenFile.of(folder / "data" / "frozen" / "000000.npz").load().fitted


def refuse(*args):
    raise AssertionError("galaxies were read in vain")


def test_the_model_is_that_of_all_galaxies(hats, columns, tmp_path):
    map_small(str(hats), tmp_path / "survey", Counting())
    assert fitted(tmp_path / "survey") == len(columns["ra"])


def test_without_a_model_galaxies_are_not_read_for_one(hats, tmp_path, monkeypatch):
    monkeypatch.setattr("lensmap.survey._run.measure_tile", refuse)
    map_small(str(hats), tmp_path / "survey", WithoutModel())
    assert fitted(tmp_path / "survey") is None
    assert WienerFilter().fits_model and not WienerFilter(z_source=0.8).fits_model


def test_models_of_tiles_survive_other_tiles(hats, columns, tmp_path, monkeypatch):
    """A run that could not read a partition has fewer tiles, at other places in the plan."""
    from lensmap.survey import _run

    mine, folder = tmp_path / "hats", tmp_path / "survey"
    shutil.copytree(hats, mine)
    path = sorted(mine.rglob("Npix=*.parquet"))[0]
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2:])
    measure_tile, measured = _run.measure_tile, []

    def fail_at_last(task, pixel):
        measured.append(pixel)
        if len(set(measured)) > 2:
            raise RuntimeError("the moon is too bright")
        return measure_tile(task, pixel)

    with monkeypatch.context() as patch:
        patch.setattr(_run, "measure_tile", fail_at_last)
        with pytest.raises((RuntimeError, IncompleteRunError), match="nothing is mapped yet"):
            map_small(str(mine), folder, Counting())
    names = {int(one.stem) for one in (folder / "data" / "models").glob("*.npz")}
    assert names == set(measured[:2])  # by the tiles themselves
    path.write_bytes(whole)
    map_small(str(mine), folder, Counting())
    assert fitted(folder) == len(columns["ra"])


def test_a_killed_update_keeps_the_numbers(columns, tmp_path, monkeypatch):
    from lensmap.survey._run import SurveyRun

    class Killed(BaseException):
        pass

    def die(*args):
        raise Killed

    mine, folder = tmp_path / "hats", tmp_path / "survey"
    west = {name: values[columns["ra"] < 40.3] for name, values in columns.items()}
    write_survey(mine, west)
    first = map_small(str(mine), folder, Counting())
    n_first = fitted(folder)
    shutil.rmtree(mine)
    write_survey(mine, columns)
    for moment in ("_freeze_numbers", "_task", "_freeze", "_map"):
        with monkeypatch.context() as patch:
            patch.setattr(SurveyRun, moment, die)
            if moment != "_freeze":  # which is not called any more
                with pytest.raises(Killed):
                    map_small(str(mine), folder, Counting(), update=True)
    again = map_small(str(mine), folder, Counting())  # the catalog of the update is known
    assert fitted(folder) == n_first == len(west["ra"])
    assert len(again.tiles) > len(first.tiles)
    assert again.to_map().counts.sum() == len(columns["ra"])


def test_the_response_to_a_selection_is_measured_once(tmp_path, monkeypatch):
    """Not in each worker, and not by a run that goes on."""
    from lensmap.catalog.hats import _reader

    table = Table(metacal_table(Galaxies(4_000)))
    table.write(tmp_path / "a.fits")
    settings = {"convention": "euclidean", "kind": "shear", "where": "snr > 12"}
    partition_catalog(tmp_path / "a.fits", tmp_path / "h", **settings)
    measure, calls = _reader.measure_selection, []

    def counted(*args):
        calls.append(1)
        return measure(*args)

    options = {"where": "snr > 12", "nside": 1024, "pixel_scale": "1.5 arcmin"}
    with monkeypatch.context() as patch:
        patch.setattr(_reader, "measure_selection", counted)
        survey = map_small(str(tmp_path / "h"), tmp_path / "survey", **options)
    assert len(calls) == 1
    before = content(tmp_path / "survey")
    (tmp_path / "survey" / "tiles" / f"{survey.tiles['tile'][0]:06d}.npz").unlink()
    monkeypatch.setattr(_reader, "measure_selection", refuse)
    map_small(str(tmp_path / "h"), tmp_path / "survey", **options)
    assert content(tmp_path / "survey") == before
    assert SurveyMap(tmp_path / "survey").failed == {}
