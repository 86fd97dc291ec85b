# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Products in the folder of a survey hold the tiles that it has, or lie in ``old``."""

import warnings

import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from broken_surveys import map_small
from regions import CircleSkyRegion
from small_survey import galaxies, write_survey

from lensmap.grid import tangent_wcs
from lensmap.maps import HealpixMap
from lensmap.survey import SurveyMap
from lensmap.survey._survey_map import SurveyMap as Map

REGION = CircleSkyRegion(SkyCoord(39.2, 30.6, unit="deg"), 0.1 * u.deg)
WCS = tangent_wcs(SkyCoord(40, 30, unit="deg"), (10, 10), 4 * u.arcmin)
OLD = "were moved to the subfolder 'old'; name products in products"


@pytest.fixture(scope="module")
def hats(tmp_path_factory):
    columns = galaxies(side=2.5, density=0.3)
    return str(write_survey(tmp_path_factory.mktemp("sky") / "hats", columns))


@pytest.fixture(autouse=True)
def only_expected_warnings():
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*subfolder 'old'")
        yield


def names_in(folder):
    return {path.name for path in folder.glob("*")} & {
        "kappa.hsp", "counts.hsp", "maps.fits", "moc.fits", "report.html",
    }


def test_products_do_not_hide_that_tiles_were_added(hats, tmp_path):
    folder = tmp_path / "survey"
    part = map_small(hats, folder, only=REGION, products=["fits", "moc"])
    assert names_in(folder) == {"kappa.hsp", "counts.hsp", "maps.fits", "moc.fits"}
    n_part = part.to_map().counts.sum()
    with pytest.warns(UserWarning, match=rf"'kappa.hsp'.*{OLD}"):
        whole = map_small(hats, folder, products=False)
    assert len(whole.tiles) > len(part.tiles)
    assert names_in(folder) == set() and "kappa.hsp" in names_in(folder / "old")
    with pytest.raises(FileNotFoundError, match="kappa.hsp.* write the maps"):
        whole.cutout(WCS)
    # Nothing is moved twice, and what is written again replaces the old.
    map_small(hats, folder, products=False)
    map_small(hats, folder)
    assert names_in(folder) == {"kappa.hsp", "counts.hsp"}
    assert names_in(folder / "old") == {"maps.fits", "moc.fits"}
    again = map_small(hats, folder, products=["fits", "moc"])
    assert not (folder / "old").exists()
    n_whole = again.to_map().counts.sum()
    assert HealpixMap.read(folder / "maps.fits").counts.sum() == n_whole > n_part


def test_products_of_the_same_tiles_stay(hats, tmp_path):
    """Also those that were written after the run, and those that a call does not name."""
    folder = tmp_path / "survey"
    map_small(hats, folder, only=REGION, products="moc")
    SurveyMap(folder).write_products(overwrite=True)
    map_small(hats, folder, only=REGION, products=False)
    map_small(hats, folder, only=REGION)
    assert names_in(folder) == {"kappa.hsp", "counts.hsp", "moc.fits"}
    assert not (folder / "old").exists()


def test_a_run_that_is_killed_before_its_products(hats, tmp_path, monkeypatch):
    folder = tmp_path / "survey"
    map_small(hats, folder, only=REGION)

    def die(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Map, "write_products", die)
        with pytest.raises(KeyboardInterrupt):
            map_small(hats, folder)
    assert names_in(folder) == set() and "kappa.hsp" in names_in(folder / "old")
    map_small(hats, folder)
    assert "kappa.hsp" in names_in(folder) and not (folder / "old").exists()
