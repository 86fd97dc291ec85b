# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap profile`` of a HATS folder reads the galaxies near the lenses alone."""

import numpy as np
import pytest
from astropy.table import QTable, Table
from cli_records import validated

from lensmap import ShearCatalog
from lensmap.catalog import HatsCatalog, partition_catalog
from lensmap.cli import main
from lensmap.cli.commands._demo import demo_table

for _package in ("pyarrow", "hpgeom"):
    pytest.importorskip(_package)

TRUTH = demo_table().meta
AT = f"{TRUTH['TRUTHRA1']},{TRUTH['TRUTHDE1']}"
RINGS = ["--radii", "0.3Mpc", "2Mpc", "--bins", "5", "--no-check"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A catalog as a file and as a folder, and two lenses."""
    folder = tmp_path_factory.mktemp("profile")
    table = demo_table()
    table["redshift"] = np.random.default_rng(1).uniform(0.2, 1.4, len(table))
    table.write(folder / "shear.fits")
    partition_catalog(folder / "shear.fits", folder / "hats", rows_per_partition=4_000)
    Table({"ra": [TRUTH["TRUTHRA1"], TRUTH["TRUTHRA2"]],
           "dec": [TRUTH["TRUTHDE1"], TRUTH["TRUTHDE2"]], "z": [0.3, 0.35]}).write(
        folder / "lenses.ecsv")
    return folder


@pytest.fixture
def profiles(inputs, tmp_path, monkeypatch, capsys):
    """Return the profile and the record of a command for the file, and for the folder."""
    monkeypatch.chdir(inputs)

    def run(*words):
        found = []
        for number, name in enumerate(("shear.fits", "hats")):
            table, record = tmp_path / f"{number}.ecsv", tmp_path / f"{number}.json"
            with monkeypatch.context() as patch:
                if name == "hats":
                    patch.setattr(ShearCatalog, "read", _refuse)
                assert main([
                    "profile", name, *words, *RINGS, "-o", str(table), "--json", str(record),
                ]) == 0, capsys.readouterr().err
            found.append((QTable.read(table), validated(record)))
        return found

    return run


def _refuse(*args, **kwargs):
    raise AssertionError("the whole catalog was read")


@pytest.mark.parametrize("words", [
    ["--at", AT, "--z-lens", "0.3", "--z-source", "1", "--fit"],
    ["--at", "lenses.ecsv", "--z-lens", "z"],
    ["--at", AT, "--z-lens", "0.3", "--behind", "lens", "--margin", "0.2"],
])
def test_the_profile_is_that_of_the_file(profiles, words):
    (one, first), (two, second) = profiles(*words)
    np.testing.assert_array_equal(one["n_pairs"], two["n_pairs"])
    for name in ("g_t", "g_x", "delta_sigma"):
        error = one["g_err" if name != "delta_sigma" else "delta_sigma_err"]
        assert np.max(abs(one[name] - two[name]) / error) < 0.02
    if "--behind" not in words:
        assert first["n_galaxies"] == second["n_galaxies"]
        assert first["catalog"]["calibration"] == pytest.approx(second["catalog"]["calibration"])
    if "--fit" in words:
        mass = [record["fit"]["m200c_msun"] for record in (first, second)]
        assert mass[1] == pytest.approx(mass[0], rel=1e-3)


def test_only_partitions_near_the_lens_are_read_for_the_profile(inputs, monkeypatch):
    """All are read once, one at a time, for the calibration of the whole catalog."""
    monkeypatch.chdir(inputs)
    sizes = []
    near = HatsCatalog.near

    def counted(self, *args, **kwargs):
        part = near(self, *args, **kwargs)
        sizes.append(len(part))
        return part

    monkeypatch.setattr(HatsCatalog, "near", counted)
    words = ["profile", "hats", "--at", AT, "--z-lens", "0.3", "--z-source", "1", "--no-check"]
    assert main([*words, "--radii", "0.1Mpc", "0.3Mpc"]) == 0
    assert 0 < sum(sizes) < 0.95 * len(demo_table())


def test_the_convention_is_tested_near_the_lens(inputs, monkeypatch, tmp_path):
    monkeypatch.chdir(inputs)
    words = ["profile", "hats", "--at", AT, "--radii", "1arcmin", "9arcmin"]
    assert main([*words, "--json", str(tmp_path / "a.json")]) == 0
    assert validated(tmp_path / "a.json")["convention_check"]["verdict"] in ("right", "undecided")


def test_options_of_files_are_refused(inputs, monkeypatch, capsys):
    monkeypatch.chdir(inputs)
    assert main(["profile", "hats", "--at", AT, *RINGS, "--hdu", "1"]) == 2
    assert "--hdu applies to files, and 'hats' is a HATS folder" in capsys.readouterr().err
