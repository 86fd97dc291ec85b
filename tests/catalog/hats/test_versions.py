# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Parts of a survey with several sheared versions of each galaxy have the survey's response."""

import pickle
import shutil
import warnings
from dataclasses import replace

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from sheared_galaxies import SHEARS, Galaxies, metacal_table, stacked

from lensmap.catalog import HatsCatalog, ShearCatalog, partition_catalog
from lensmap.utils import CatalogWarning, ParameterError

pytest.importorskip("pyarrow")
pytest.importorskip("hpgeom")

WHERE = "snr > 10"
KWARGS = {"convention": "euclidean", "kind": "shear", "where": WHERE}


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """A HATS folder with sheared versions and errors but no weights, and the same as one file."""
    folder = tmp_path_factory.mktemp("versions")
    table = Table(stacked(
        {name: Galaxies(60_000).version(name) for name in SHEARS}, "variant"
    ))
    table.rename_column("sigma", "sigma_m")
    table.write(folder / "a.fits")
    columns = {name: name for name in ("ra", "dec", "e1", "e2", "sigma_m", "variant")}
    partition_catalog(folder / "a.fits", folder / "h", columns, **KWARGS, rows_per_partition=70_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = ShearCatalog.read(folder / "a.fits", columns, **KWARGS)
    return folder, whole


def test_the_response_is_that_of_all_galaxies(survey):
    folder, whole = survey
    catalog = HatsCatalog(folder / "h")
    assert len(catalog.partitions) > 3
    response, error = catalog.measured_response()
    np.testing.assert_allclose(response, whole.response, atol=2e-5)
    # Jackknives over other patches.
    assert np.all(np.abs(np.log(np.diagonal(error) / np.diagonal(whole.response_error))) < 0.4)


def test_parts_have_galaxies_without_shear_weights_and_response_of_the_survey(survey):
    folder, whole = survey
    catalog = HatsCatalog(folder / "h", extra_columns="src_row")
    response, _ = catalog.measured_response()
    chunks = list(catalog.chunks())
    for chunk in chunks:
        np.testing.assert_allclose(chunk.response, response, rtol=1e-12)
        assert chunk.origins["response"] == "measured"
    rows = np.concatenate([np.asarray(chunk["src_row"]) for chunk in chunks])
    order = np.argsort(rows)
    for name in ("ra", "e1", "e2"):
        values = np.concatenate([chunk[name] for chunk in chunks])[order]
        np.testing.assert_array_equal(values, whole[name].astype(values.dtype))
    weight = np.concatenate([chunk.weight for chunk in chunks])[order]
    np.testing.assert_allclose(weight, whole.weight, rtol=1e-4)


def test_numbers_that_were_measured_before_are_used(survey, monkeypatch):
    """They may be those of an earlier state of the catalog."""
    folder, _ = survey
    catalog = HatsCatalog(folder / "h")
    numbers = pickle.loads(pickle.dumps(catalog.measured_numbers()))
    expected = next(catalog.chunks())

    def refuse(*args):
        raise AssertionError("measured again")

    for name in ("measure_versions", "measure_selection"):
        monkeypatch.setattr(f"lensmap.catalog.hats._reader.{name}", refuse)
    again = HatsCatalog(folder / "h").with_numbers(numbers)
    assert again.measured_response() == catalog.measured_response()
    found = next(pickle.loads(pickle.dumps(again)).chunks())
    assert found.response == expected.response
    np.testing.assert_array_equal(found.weight, expected.weight)
    other = replace(numbers, versions=replace(numbers.versions, response=0.5))
    assert next(again.with_numbers(other).chunks()).response == 0.5
    assert next(again.chunks()).response == expected.response


def test_a_given_response_is_used_and_nothing_is_measured(survey):
    folder, whole = survey
    catalog = HatsCatalog(folder / "h", response=0.8)
    assert catalog.measured_response() is None
    chunks = list(catalog.chunks())
    assert all(chunk.response == 0.8 for chunk in chunks)
    # The weights are those of the dispersion of all galaxies nevertheless.
    weights = np.sort(np.concatenate([chunk.weight for chunk in chunks]))
    np.testing.assert_allclose(weights, np.sort(whole.weight), rtol=1e-4)


def test_the_response_is_measured_without_damaged_files(survey, tmp_path):
    folder, whole = survey
    shutil.copytree(folder / "h", tmp_path / "h")
    path = HatsCatalog(tmp_path / "h").partitions[0].paths[0]
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.warns(CatalogWarning, match="damaged"):
        catalog = HatsCatalog(tmp_path / "h")
    response, _ = catalog.measured_response()
    np.testing.assert_allclose(response, whole.response, atol=0.02)


def test_too_few_galaxies_and_missing_versions_are_refused(survey):
    folder, _ = survey
    few = HatsCatalog(folder / "h", where="snr > 10 and src_row < 200")
    with pytest.raises(ParameterError, match="an error of more than 5 per cent"):
        few.measured_response()
    without = HatsCatalog(folder / "h", where="snr > 10 and variant != '2m'")
    with pytest.raises(ValueError, match="no usable row is left of the version 2m of"):
        next(without.chunks())
    mirrored = HatsCatalog(
        folder / "h", where="snr > 10 and variant not in ['2m', '1p']", convention="euclidean"
    )
    with pytest.raises(ValueError, match="no usable row is left of the versions 1p, 2m of"):
        next(mirrored.chunks())


def test_a_part_without_unsheared_galaxies_is_empty(tmp_path):
    rng = np.random.default_rng(0)
    n = 400
    table = Table({
        "ra": rng.uniform(40, 41, n), "dec": rng.uniform(0, 1, n), "e1": rng.normal(0, 0.2, n),
        "e2": rng.normal(0, 0.2, n), "weight": np.ones(n), "variant": np.repeat(
            ["noshear", "1p", "1m", "2p", "2m"], n // 5),
    })
    table["ra"][table["variant"] == "1p"] += 60.0
    table.write(tmp_path / "a.fits")
    partition_catalog(tmp_path / "a.fits", tmp_path / "h", None, "celestial", "shear")
    catalog = HatsCatalog(tmp_path / "h", response=0.9)
    assert len(catalog.partitions) > 1
    chunks = list(catalog.chunks())
    assert sum(map(len, chunks)) == n // 5
    assert len(chunks) < len(catalog.partitions)
    assert catalog.near(SkyCoord(100.5, 0.5, unit="deg"), "1 deg") is None


def test_the_selection_response_is_that_of_all_galaxies(tmp_path):
    table = metacal_table(Galaxies(60_000))
    Table(table).write(tmp_path / "a.fits")
    kwargs = {"convention": "euclidean", "kind": "shear", "where": "snr > 12"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = ShearCatalog.read(tmp_path / "a.fits", **kwargs)
        partition_catalog(tmp_path / "a.fits", tmp_path / "h", **kwargs, rows_per_partition=15_000)
        catalog = HatsCatalog(tmp_path / "h", extra_columns="src_row")
        chunks = list(catalog.chunks())
    assert len(chunks) > 3
    order = np.argsort(np.concatenate([np.asarray(chunk["src_row"]) for chunk in chunks]))
    for name in ("e1", "r11", "r22"):
        values = np.concatenate([chunk[name] for chunk in chunks])[order]
        np.testing.assert_allclose(values, whole[name], atol=1e-5)
