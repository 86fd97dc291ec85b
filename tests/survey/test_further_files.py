# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The names of the further files of a survey map."""

import sys
from pathlib import Path

import pytest

from lensmap.survey import HealpixTable, HipsFolder, MocFile
from lensmap.survey._further_files import check_nside, check_products, further_products


def test_names_and_flags():
    assert check_products(False) == (False, ())
    assert check_products(True) == (True, ())
    assert check_products("moc") == (True, ("moc",))
    assert check_products(["fits", "hips", "fits"]) == (True, ("fits", "hips"))


@pytest.mark.parametrize(("products", "error", "message"), [
    (["fist"], ValueError, "products must consist of fits, hips, moc, picture, not 'fist'"),
    (3, TypeError, "products must be True, False or names"),
])
def test_other_values_are_refused(products, error, message):
    with pytest.raises(error, match=message):
        check_products(products)


def test_missing_packages_are_named_before_work(monkeypatch):
    monkeypatch.setitem(sys.modules, "skyproj", None)
    check_products(["fits"])
    with pytest.raises(ImportError, match=r"a picture of the sky needs the package 'skyproj'"):
        check_products(["picture"])


def test_hips_needs_small_pixels():
    check_nside(["fits", "moc"], 256)
    check_nside(["hips"], 512)
    with pytest.raises(ValueError, match="nside must be at least 512 for a HiPS, not 256"):
        check_nside(["hips"], 256)


def test_products_have_their_names_and_layers():
    names = ("hips", "fits", "moc", "picture")
    hips, table, moc = further_products(names, Path("s"), ["kappa", "mask", "edge"], "My map")
    assert isinstance(hips, HipsFolder) and hips.title == "My map" and hips.folder == Path("s/hips")
    assert isinstance(table, HealpixTable) and table.path == Path("s/maps.fits")
    assert list(table.layers) == ["kappa", "edge"]
    assert isinstance(moc, MocFile) and moc.path == Path("s/moc.fits")
