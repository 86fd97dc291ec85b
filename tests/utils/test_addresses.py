# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Addresses of object stores and web pages are one clear error wherever a path is expected."""

from pathlib import Path

import pytest

import lensmap
from lensmap.catalog import HatsCatalog, partition_catalog
from lensmap.maps import HealpixMap
from lensmap.masks import SkyMask
from lensmap.provenance import read_provenance, verify
from lensmap.simulate import LensingField
from lensmap.survey import SurveyMap, map_survey
from lensmap.utils import check_no_address, missing_file

READERS = {
    "catalog": lambda path: lensmap.ShearCatalog.read(path),
    "hats": lambda path: HatsCatalog(path),
    "files of a survey": lambda path: map_survey([path], folder="survey"),
    "folder of a survey": lambda path: map_survey(path, folder="survey"),
    "partition": lambda path: partition_catalog([path], "hats"),
    "mask": lambda path: SkyMask(path),
    "map": lambda path: lensmap.ConvergenceMap.read(path),
    "healpix map": lambda path: HealpixMap.read(path),
    "field": lambda path: LensingField.read(path),
    "survey map": lambda path: SurveyMap(path),
    "provenance": lambda path: read_provenance(path),
    "verify": lambda path: verify(path),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", [str, Path])
def test_readers_refuse_addresses(reader, kind, tmp_path, monkeypatch):
    if reader == "map" and kind is Path:
        pytest.skip("the registry of astropy makes the path absolute")
    monkeypatch.chdir(tmp_path)
    path = kind("s3://bucket/shear.fits")
    with pytest.raises(ValueError, match=r"on a local or network file system, not 's3:.*local co"):
        READERS[reader](path)


def test_what_is_an_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("gs://a/b", "https://a.b/c.fits", "abfss://x@y/z", "file:///tmp/a.fits"):
        with pytest.raises(ValueError, match="source must be on a local"):
            check_no_address(path, "source")
    for path in ("a.fits", "C:/a.fits", "/data/a:b/c.fits", "a.fits:HDU", "./s3://bucket"):
        check_no_address(path)
        error = missing_file(path)
        assert isinstance(error, FileNotFoundError) and repr(path) in str(error)
    Path("ab:", "c").mkdir(parents=True)
    check_no_address("ab://c")  # an odd name of a file that exists
