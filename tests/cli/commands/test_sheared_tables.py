# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tables of metadetection, metacalibration and AnaCal become true maps from the shell."""

import json

import numpy as np
import pytest
from astropy.table import Table
from sheared_galaxies import SHEARS, Galaxies, anacal_table, lens_shear, metacal_table, stacked

from lensmap import ConvergenceMap, KaiserSquires, ShearCatalog
from lensmap.cli import main

LINE = ["--convention", "euclidean", "--kind", "shear", "--method", "ks", "--no-check",
        "--smoothing", "1.5arcmin", "--pixel-scale", "1arcmin"]


@pytest.fixture(scope="module")
def galaxies():
    return Galaxies(100_000)


def metadetect_table(galaxies):
    table = stacked({name: galaxies.version(name) for name in SHEARS}, "mdet_step")
    sigma = table.pop("sigma")
    names = {"e1": "gauss_g_1", "e2": "gauss_g_2"}
    table = {names.get(name, name): values for name, values in table.items()}
    return table | {"gauss_g_cov_1_1": sigma**2, "gauss_g_cov_2_2": sigma**2}


def amplitude(path, galaxies):
    """Return the amplitude of a map in units of that of the true shear on the same pixels."""
    kappa = ConvergenceMap.read(path)
    g1, g2 = lens_shear(galaxies.x, galaxies.y)
    truth = ShearCatalog({"ra": galaxies.ra, "dec": galaxies.dec, "e1": g1, "e2": g2},
                         convention="celestial", kind="shear")
    true = KaiserSquires(smoothing="1.5arcmin").reconstruct(truth, kappa.wcs)
    good = ~(kappa.mask | true.mask)
    return np.sum((kappa.data * true.data)[good]) / np.sum(true.data[good] ** 2)


@pytest.mark.parametrize("make, condition", [
    (metadetect_table, "snr > 10"), (metacal_table, "snr > 10"), (anacal_table, "i_flux > 11"),
])
def test_map(make, condition, galaxies, tmp_path):
    Table(make(galaxies)).write(tmp_path / "shapes.fits")
    line = ["reconstruct", str(tmp_path / "shapes.fits"), "-o", str(tmp_path / "kappa.fits"),
            "--where", condition, "--json", str(tmp_path / "kappa.json")]
    assert main([*line, *LINE]) == 0
    assert amplitude(tmp_path / "kappa.fits", galaxies) == pytest.approx(1, abs=0.01)
    record = json.loads((tmp_path / "kappa.json").read_text())
    measured = make is metadetect_table
    assert (record["response_error"] is not None) == measured
    if measured:
        assert np.trace(record["response"]) / 2 == pytest.approx(0.89, abs=0.02)


def test_groups_of_a_file(galaxies, tmp_path, capsys):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "shapes.hdf5", "w") as file:
        for name in SHEARS:
            table = galaxies.version(name)
            table["weight"] = 1 / (0.25**2 + table.pop("sigma") ** 2)
            for column, values in table.items():
                file[f"catalog/{name}/{column}"] = values
    line = ["reconstruct", str(tmp_path / "shapes.hdf5"), "-o", str(tmp_path / "kappa.fits")]
    assert main([*line, "--where", "snr > 10", *LINE]) == 0
    assert amplitude(tmp_path / "kappa.fits", galaxies) == pytest.approx(1, abs=0.01)
    assert "mean response to shear: 0.8" in capsys.readouterr().out


def test_check_shows_the_response(galaxies, tmp_path, capsys):
    Table(metadetect_table(galaxies)).write(tmp_path / "shapes.fits")
    main(["check", str(tmp_path / "shapes.fits"), *LINE[:4], "--rotations", "30",
          "--json", str(tmp_path / "check.json")])
    record = json.loads((tmp_path / "check.json").read_text())
    assert 0 < record["mean_response_error"] < 0.01
    assert f"{record['mean_response']:.4f} +- " in capsys.readouterr().out


def test_one_version_names_the_option(galaxies, tmp_path, capsys):
    Table(metadetect_table(galaxies)).write(tmp_path / "shapes.fits")
    line = ["reconstruct", str(tmp_path / "shapes.fits"), "-o", str(tmp_path / "kappa.fits")]
    assert main([*line, "--where", "mdet_step == 'noshear'", *LINE]) == 1
    assert "keep 1p, 1m, 2p, 2m, too" in capsys.readouterr().err
