# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Peaks as regions."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from regions import Regions

from lensmap.peaks import peak_regions, write_regions

PEAKS = QTable(
    {"id": [1, 2], "ra": [10.0, 350.0] * u.deg, "dec": [-5.0, 60.0] * u.deg, "snr": [7.25, np.nan]}
)


@pytest.mark.parametrize("name", ["peaks.reg", "peaks.crtf"])
def test_round_trip(tmp_path, name):
    write_regions(PEAKS, tmp_path / name, "90 arcsec")
    found = Regions.read(tmp_path / name)
    assert len(found) == 2
    for circle, ra, dec in zip(found, PEAKS["ra"], PEAKS["dec"]):
        assert circle.center.separation(SkyCoord(ra, dec)) < 0.01 * u.arcsec
        assert circle.radius.to_value(u.arcsec) == pytest.approx(90)
    if name.endswith("reg"):
        assert [str(one.meta["text"]) for one in found] == ["1 (7.2 sigma)", "2"]


def test_labels_are_of_what_is_there():
    (circle, _) = peak_regions(PEAKS["id", "ra", "dec"])
    assert circle.meta["text"] == "1"
    (circle, _) = peak_regions(SkyCoord(PEAKS["ra"], PEAKS["dec"]))
    assert "text" not in circle.meta


def test_no_peaks(tmp_path):
    write_regions(PEAKS[:0], tmp_path / "none.reg")
    assert len(peak_regions(PEAKS[:0])) == 0
    assert (tmp_path / "none.reg").exists()


def test_bad_path(tmp_path):
    with pytest.raises(ValueError, match="path must end in .reg, .ds9 or .crtf"):
        write_regions(PEAKS, tmp_path / "peaks.txt")
    write_regions(PEAKS, tmp_path / "peaks.reg")
    with pytest.raises(FileExistsError):
        write_regions(PEAKS, tmp_path / "peaks.reg")
    write_regions(PEAKS, tmp_path / "peaks.reg", overwrite=True)
