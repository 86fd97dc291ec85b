# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Catalogs of which a file is damaged: the file is named, the rest is mapped, repairs are taken."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from broken_surveys import content, map_small, write_files
from small_survey import galaxies, write_survey

from lensmap.survey import SurveyMap
from lensmap.utils import IncompleteRunError

pytestmark = pytest.mark.filterwarnings("ignore:.*are damaged")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return write_survey(tmp_path_factory.mktemp("sky") / "hats", galaxies(side=2.5, density=0.6))


def partition_files(folder):
    return sorted(folder.rglob("Npix=*.parquet"))


def truncate(path):
    path.write_bytes(path.read_bytes()[:-50])


def spoil(path):
    """Damage the data of a Parquet file, and leave the footer as it is."""
    data = bytearray(path.read_bytes())
    data[4 : len(data) // 2] = bytes(len(data) // 2 - 4)
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [truncate, pytest.param(spoil, marks=pytest.mark.slow)])
def test_a_damaged_partition_is_named_and_the_rest_is_mapped(whole, tmp_path, damage):
    hats, folder = tmp_path / "hats", tmp_path / "survey"
    shutil.copytree(whole, hats)
    path = partition_files(hats)[0]
    damage(path)
    with pytest.raises(IncompleteRunError, match=rf"1 partitions .*{path.name}.*option to update"):
        map_small(str(hats), folder)
    part = SurveyMap(folder)
    assert len(part.tiles) > 2 and (folder / "kappa.hsp").exists()
    before = {tile: part._files.any_facts(int(tile)) for tile in part.tiles["tile"]}
    shutil.copy(partition_files(whole)[0], path)
    if damage is truncate:  # the footer tells that the file has changed
        with pytest.raises(ValueError, match="has changed since.*update=True"):
            map_small(str(hats), folder)
    again = map_small(str(hats), folder, update=True)
    undisturbed = map_small(str(whole), tmp_path / "whole")
    assert list(again.tiles["tile"]) == list(undisturbed.tiles["tile"])
    after = {tile: again._files.any_facts(int(tile)) for tile in again.tiles["tile"]}
    changed = [tile for tile in after if after[tile] != before.get(tile)]
    assert changed
    # The fitted numbers are those without the damaged partition.
    one, two = (survey.to_map() for survey in (again, undisturbed))
    np.testing.assert_array_equal(one.index, two.index)
    np.testing.assert_array_equal(one.counts, two.counts)
    np.testing.assert_allclose(one.data, two.data, atol=1e-3)


@pytest.mark.slow
def test_a_damaged_input_file_is_named_and_the_rest_is_mapped(tmp_path):
    paths, folder = write_files(tmp_path), tmp_path / "survey"
    good = Path(paths[1]).read_bytes()
    truncate(Path(paths[1]))
    with pytest.raises(IncompleteRunError, match=r"1 of 2 files .*part1.*option to update"):
        map_small(paths, folder)
    n_half = SurveyMap(folder).plan["n_galaxies"]
    with pytest.raises(IncompleteRunError, match=r"1 of 2 files .*part1"):
        map_small(paths, folder)
    Path(paths[1]).write_bytes(good)
    with pytest.raises(ValueError, match="files that have changed since: use update=True"):
        map_small(paths, folder)
    assert SurveyMap(folder).plan["n_galaxies"] == n_half
    again = map_small(paths, folder, update=True)
    assert again.plan["n_galaxies"] == 2 * n_half == again.to_map().counts.sum()
    parts = content(folder, with_scan=False)
    map_small(paths, tmp_path / "whole")
    whole = content(tmp_path / "whole")
    assert all(whole[name] == parts[name] for name in parts if "catalog" in name)


@pytest.mark.slow
def test_tiles_without_galaxies_leave_the_map_after_an_update(tmp_path):
    columns = galaxies(side=2.5, density=0.6)
    hats, folder = tmp_path / "hats", tmp_path / "survey"
    write_survey(hats, columns)
    first = map_small(str(hats), folder)
    emptied = partition_files(hats)[0]
    emptied.unlink()
    again = map_small(str(hats), folder, update=True)
    assert len(again.tiles) == len(first.tiles) - 1
    counts = again.to_map().counts
    assert counts.sum() == again.plan["n_galaxies"] < first.plan["n_galaxies"]


@pytest.mark.slow
def test_a_folder_without_its_metadata_is_enough(whole, tmp_path):
    hats = tmp_path / "hats"
    shutil.copytree(whole, hats)
    removed = [path for path in hats.rglob("*") if path.is_file() and path.suffix != ".parquet"]
    for path in removed:
        path.unlink()
    assert {"_metadata", "hats.properties"} <= {path.name for path in removed}
    map_small(str(hats), tmp_path / "bare")
    map_small(str(whole), tmp_path / "whole")
    assert content(tmp_path / "bare") == content(tmp_path / "whole")


def test_two_runs_and_object_stores(whole, tmp_path):
    from lensmap.utils import FolderLock

    folder = tmp_path / "survey"
    folder.mkdir()
    lock = FolderLock(folder)
    with pytest.raises(RuntimeError, match="is in use by another run .* take_over=True"):
        map_small(str(whole), folder)
    assert map_small(str(whole), folder, take_over=True).failed == {}
    with pytest.raises(RuntimeError, match="taken the folder over"):
        lock.check()
    lock.release()
    with pytest.raises(ValueError, match="folder must be on a local or network file system"):
        map_small(str(whole), "s3://bucket/survey")


def test_columns_that_differ_between_files(tmp_path):
    paths = write_files(tmp_path)
    table = Table.read(paths[1])
    table["weight"] = 1.0
    table.write(paths[1], overwrite=True)
    with pytest.raises(ValueError, match="files must have the same columns .*part1.*'?weight"):
        map_small(paths, tmp_path / "survey")


def test_nothing_in_the_unmasked_region(whole, tmp_path):
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from regions import CircleSkyRegion

    everything = CircleSkyRegion(SkyCoord(40, 30, unit="deg"), 5 * u.deg)
    with pytest.raises(ValueError, match="no galaxy of the survey can be used: .* are masked"):
        map_small(str(whole), tmp_path / "survey", mask=everything)
