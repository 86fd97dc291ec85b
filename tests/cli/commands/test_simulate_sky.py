# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap simulate sky``: its options, files and numbers."""

import json

import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from simulate_command import only_error, simulate

from lensmap.cli import main
from lensmap.cosmology import SourceRedshifts
from lensmap.simulate.sky import _simulate_sky

pytest.importorskip("pyarrow")

SMALL = ["--area", "2", "--density", "0.1", "--z-source", "0.3", "--nside", "256", "--min-mass",
         "5e14", "--workers", "1"]


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_files_and_record(own_folder, capsys):
    words = ["-o", "mock", *SMALL, "--center", "30,-40", "--seed", "3", "--json", "r.json"]
    assert simulate("sky", *words) == 0
    record = json.loads((own_folder / "r.json").read_text())
    assert record["n_galaxies"] == pytest.approx(720, abs=140)
    assert record["area_deg2"] == pytest.approx(2)
    assert record["density_per_arcmin2"] == pytest.approx(record["n_galaxies"] / 7200)
    assert f"{record['n_galaxies']} galaxies" in capsys.readouterr().out
    for name in ("galaxies", "kappa_true.fits", "halos.fits"):
        assert (own_folder / "mock" / name).exists()
    assert main(["verify", "mock"]) == 0
    # The same command does nothing, and one with another seed is refused.
    capsys.readouterr()
    assert simulate("sky", *words, "--overwrite") == 0
    capsys.readouterr()
    words[words.index("--seed") + 1] = "4"
    assert simulate("sky", *words, "--overwrite") == 1
    assert "seed" in only_error(capsys)


def test_options(own_folder, monkeypatch):
    given = {}

    def keep(folder, footprint, survey, **options):
        given.update(options, folder=str(folder), footprint=footprint, survey=survey)
        raise ValueError("enough")

    monkeypatch.setattr("lensmap.simulate.simulate_sky", keep)
    assert simulate(
        "sky", "-o", "x", "--area", 7, "--center", "30,-40", "--preset", "lsst_y1", "--sigma-e",
        0.3, "--star-density", 20, "--unreduced", "--z-source", "lsst_y10", "--cosmology",
        "Planck18", "--nside", 512, "--truth-nside", 128, "--seed", 5, "--power", "camb",
    ) == 1
    survey = given["survey"]
    assert given["footprint"] == 7 * u.deg**2
    assert survey.sigma_e == 0.3 and survey.density == 10 / u.arcmin**2
    assert isinstance(survey.z_source, SourceRedshifts) and "z_source" not in given
    assert given["star_density"] == 20 / u.deg**2 and given["reduced_shear"] is False
    assert given["center"].separation(SkyCoord(30, -40, unit="deg")).arcsec < 1e-6
    assert (given["cosmology"], given["power"]) == ("Planck18", "camb")
    assert (given["nside"], given["truth_nside"], given["seed"]) == (512, 128, 5)
    assert simulate("sky", "-o", "x", "--area", 7, "--z-source", 2) == 1
    assert given["z_source"] == 2 and given["reduced_shear"] is True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--nside", "300"], "--nside must be a power of 2"),
        (["--truth-nside", "8"], "--truth-nside must be a power of 2"),
        (["--z-source", "30"], "--z-source must be between"),
        (["--min-mass", "1e3"], "--min-mass must be between"),
        (["--area", "50000"], "must be above 0 and at most the whole sphere"),
    ],
)
def test_wrong_values(words, message, own_folder, capsys, monkeypatch):
    monkeypatch.setattr(
        _simulate_sky, "draw_field", lambda *rest: pytest.fail("nothing may be drawn")
    )
    assert simulate("sky", "-o", "mock", *SMALL, *words) in (1, 2)
    assert message in only_error(capsys)
    assert not (own_folder / "mock" / "settings.json").exists()


def test_no_area(own_folder):
    with pytest.raises(SystemExit) as stop:
        simulate("sky", "-o", "mock")
    assert stop.value.code == 2
