# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap demo`` finds what is there, and says where."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from lensmap import ConvergenceMap, ShearCatalog
from lensmap.cli import main
from lensmap.cli.commands import _demo as demo

pytest.importorskip("matplotlib")


def test_both_clusters_are_found(tmp_path, capsys):
    folder = tmp_path / "a" / "b"
    assert main(["demo", "--output-dir", str(folder)]) == 0
    out = capsys.readouterr().out
    assert sorted(item.name for item in folder.iterdir()) == [
        "lensmap_demo.fits", "lensmap_demo.png", "lensmap_demo_shear.fits"
    ]
    assert "30500 galaxies used" in out and str(folder / "lensmap_demo.fits") in out
    kappa = ConvergenceMap.read(folder / "lensmap_demo.fits")
    found = demo.compare(kappa, demo.demo_table().meta)
    assert len(ShearCatalog.read(folder / "lensmap_demo_shear.fits", "generic")) == 30500
    # The truth stands in the script that made the catalog.
    clusters = SkyCoord([36.91, 37.14], [12.57, 12.36], unit="deg")
    places = SkyCoord(found["ra"], found["dec"])
    offsets = [places.separation(cluster) for cluster in clusters]
    first, second = (np.argmin(offset) for offset in offsets)
    assert first == 0 and offsets[0][first] < 0.5 * u.arcmin and found["snr"][first] > 12
    assert offsets[1][second] < 1 * u.arcmin and found["snr"][second] > 4
    np.testing.assert_allclose(found["offset"][first], offsets[0][first])
    for row in found[[first, second]]:
        assert f"{row['snr']:.1f}" in out and f"{row['offset'].value:.2f}" in out


def test_files_that_exist_are_found_before_the_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo, "demo_table", lambda: pytest.fail("it began to work"))
    path = tmp_path / "lensmap_demo.png"
    path.write_text("mine")
    assert main(["demo", "--output-dir", str(tmp_path)]) == 1
    assert "exists" in capsys.readouterr().err
    assert path.read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


def test_a_file_where_the_folder_should_be(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert main(["demo", "--output-dir", str(tmp_path / "file")]) == 1
    assert "is a file, not a directory" in capsys.readouterr().err


def test_no_peak_is_a_table_without_rows():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [37, 12.5]
    wcs.wcs.cdelt = [-0.01, 0.01]
    kappa = ConvergenceMap(np.zeros((20, 20)), wcs=wcs, uncertainty=np.ones((20, 20)))
    table = demo.compare(kappa, demo.demo_table().meta)
    assert len(table) == 0 and {"ra", "dec", "snr", "offset"} <= set(table.colnames)
