# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Profiles and fits of catalogs on disk are those of the whole catalog in memory."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap import ShearCatalog
from lensmap.catalog import HatsCatalog, write_hats
from lensmap.profiles import fit_nfw, shear_profile
from lensmap.profiles._survey_sources import SurveySources, groups_of_positions

CENTER = SkyCoord(40.0, 30.0, unit="deg")
BINS = np.geomspace(1, 12, 6) * u.arcmin
LENSES = SkyCoord([39.1, 40.0, 40.9, 40.05, 41.0], [29.2, 30.0, 30.8, 30.02, 29.1], unit="deg")
Z_LENS = np.array([0.2, 0.3, 0.25, 0.3, 0.4])
ORDER = 6
KINDS = {
    "shears": ("shear", ()),
    "response and bias": ("shear", ("r11", "r22", "m", "c1")),
    "distortions": ("distortion", ("m", "sigma_m")),
}


@pytest.fixture(scope="module", params=list(KINDS))
def survey(request, tmp_path_factory):
    """Galaxies around a halo, whose response and bias grow with redshift, in a HATS folder."""
    from astropy_healpix import HEALPix

    kind, extra = KINDS[request.param]
    rng = np.random.default_rng(5)
    n = 24_000
    columns = {
        "ra": rng.uniform(38.6, 41.4, n), "dec": rng.uniform(28.8, 31.2, n),
        "redshift": rng.uniform(0.1, 1.2, n), "weight": rng.uniform(0.5, 2, n),
    }
    sky = SkyCoord(columns["ra"], columns["dec"], unit="deg")
    theta, angle = CENTER.separation(sky), sky.position_angle(CENTER).rad
    z = columns["redshift"].copy()
    shear = np.where(z > 0.3, 0.06 / (theta.arcmin + 1), 0) * -np.exp(2j * (np.pi / 2 - angle))
    columns["redshift"][rng.random(n) < 0.01] = np.nan
    e = shear + rng.normal(0, 0.25, n) + 1j * rng.normal(0, 0.25, n)
    columns |= {"e1": e.real, "e2": e.imag}
    every = {
        "r11": 0.5 + 0.3 * z + rng.normal(0, 0.3, n), "r22": 0.6 + 0.3 * z, "m": -0.1 * z,
        "c1": 1e-3 * z, "sigma_m": rng.uniform(0.05, 0.15, n),
    }
    columns |= {name: every[name] for name in extra}
    pixel = HEALPix(1 << ORDER, order="nested").lonlat_to_healpix(sky.ra, sky.dec)
    folder = tmp_path_factory.mktemp("survey") / "hats"
    write_hats(
        folder, ((ORDER, int(one), {name: values[pixel == one] for name, values in columns.items()})
                 for one in np.unique(pixel)), convention="celestial", kind=kind,
    )
    return folder


@pytest.fixture(scope="module")
def on_disk(survey):
    return HatsCatalog(survey)


@pytest.fixture(scope="module")
def in_memory(survey):
    return ShearCatalog.read(survey)


def assert_same(one, other):
    assert one.colnames == other.colnames
    for name in one.colnames:
        np.testing.assert_allclose(
            u.Quantity(one[name]).value, u.Quantity(other[name]).value, rtol=1e-11, atol=1e-16,
            err_msg=name,
        )
    for name, value in one.meta.items():
        if name != "seed":
            np.testing.assert_allclose(value, other.meta[name], rtol=1e-9) if not isinstance(
                value, str) else None


@pytest.mark.parametrize("options", [
    {}, {"z_lens": Z_LENS, "margin": 0.1}, {"z_lens": Z_LENS, "z_source": 1.0},
    {"z_lens": Z_LENS, "errors": "jackknife", "rng": 1},
])
@pytest.mark.filterwarnings("ignore:the errors of a jackknife", "ignore:.*bins have pairs around")
def test_stack_of_lenses(on_disk, in_memory, options):
    assert_same(*(shear_profile(catalog, LENSES, BINS, **options)
                  for catalog in (on_disk, in_memory)))


def test_one_lens_with_bins_of_length(on_disk, in_memory):
    bins = np.geomspace(0.3, 3, 5) * u.Mpc
    assert_same(*(shear_profile(catalog, LENSES[1], bins, z_lens=0.3)
                  for catalog in (on_disk, in_memory)))


def test_only_files_near_the_lens_are_read(on_disk, monkeypatch):
    """Once the calibration is known."""
    SurveySources(on_disk)
    read = []
    near = HatsCatalog.near

    def counted(self, *arguments, **options):
        part = near(self, *arguments, **options)
        read.append(len(part))
        return part

    monkeypatch.setattr(HatsCatalog, "near", counted)
    shear_profile(on_disk, LENSES[1], BINS)
    assert len(read) == 1 and 0 < read[0] < 0.1 * len(on_disk)


def test_positions_outside_of_the_survey(on_disk, in_memory):
    places = SkyCoord([40.0, 120.0, 45.0], [30.0, -20.0, 30.0], unit="deg")
    one, other = (shear_profile(catalog, places, BINS) for catalog in (on_disk, in_memory))
    assert_same(one, other)
    assert one.meta["n_positions"] == 1
    with pytest.raises(ValueError, match="positions must lie in the survey"):
        shear_profile(on_disk, places[1:2], BINS)


def test_fit_of_a_halo(on_disk, in_memory):
    one, other = (fit_nfw(catalog, CENTER, z_lens=0.3) for catalog in (on_disk, in_memory))
    assert one.m200c.to_value("solMass") == pytest.approx(
        other.m200c.to_value("solMass"), rel=1e-4)
    assert one.chi2 == pytest.approx(other.chi2, rel=1e-7)
    assert one.n_data == other.n_data


def test_bad_input(on_disk):
    with pytest.raises(TypeError, match="inverse_sigma_crit must be the name of a column"):
        shear_profile(on_disk, CENTER, BINS, z_lens=0.3, inverse_sigma_crit=np.ones(3))
    with pytest.raises(ValueError, match="z_lens must be lower than the redshift of some"):
        shear_profile(on_disk, CENTER, BINS, z_lens=3.0)
    with pytest.raises(ValueError, match="position must lie in the survey"):
        fit_nfw(on_disk, SkyCoord(120, 0, unit="deg"), z_lens=0.3)


def test_groups_hold_each_position_once():
    rng = np.random.default_rng(1)
    sky = SkyCoord(rng.uniform(0, 360, 500), np.degrees(np.arcsin(rng.uniform(-1, 1, 500))),
                   unit="deg")
    groups = groups_of_positions(sky, np.radians(2.0))
    assert sorted(np.concatenate(groups).tolist()) == list(range(500))
    for rows in groups:
        assert sky[rows[0]].separation(sky[rows]).deg.max() < 12
