# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A mock survey of the sky: its files, its galaxies and its truth."""

import dataclasses
import json
import shutil
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from lensmap.catalog import ShearCatalog
from lensmap.cosmology import SourceRedshifts
from lensmap.estimators import SphericalKaiserSquires
from lensmap.halos import check_halos
from lensmap.maps import HealpixMap
from lensmap.masks import SkyMask
from lensmap.simulate import MockSurvey, simulate_sky
from lensmap.simulate.sky import _simulate_sky
from lensmap.simulate.sky._footprint import CELLS
from lensmap.simulate.sky._galaxies import galaxies_of_pixel
from lensmap.simulate.sky._simulate_sky import _Run
from lensmap.sphere import HealpixPixels

pytest.importorskip("pyarrow")

CENTER = SkyCoord(0.5, 50, unit="deg")

CENTRAL_CELL = int(CELLS.at([0.5], [50])[0])

# Many galaxies with hardly any noise.
SURVEY = MockSurvey(density=2 / u.arcmin**2, sigma_e=0.01, measurement_error=0.0)

SETTINGS = {
    "center": CENTER, "z_source": 0.5, "nside": 256, "min_mass": 3e14 * u.solMass, "workers": 1,
}


@pytest.fixture(scope="module")
def mock(tmp_path_factory):
    """A mock sky of 20 square degrees, across RA = 0."""
    folder = tmp_path_factory.mktemp("sky") / "mock"
    return simulate_sky(folder, 20 * u.deg**2, SURVEY, seed=1, **SETTINGS)


def partitions(folder):
    return sorted((folder / "dataset").rglob("*.parquet"))


def all_galaxies(folder):
    """Return all galaxies of a HATS folder as one catalog, read partition by partition."""
    columns = []
    for path in partitions(folder):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            columns.append(ShearCatalog.read(
                path, extra_columns=("g1_true", "g2_true", "kappa_true")
            ))
    return columns


def test_galaxies(mock):
    catalogs = all_galaxies(mock.galaxies)
    assert sum(map(len, catalogs)) == mock.n_galaxies
    expected = 2 * 3600 * 20
    assert mock.n_galaxies == pytest.approx(expected, abs=5 * np.sqrt(expected))
    assert mock.area.to_value(u.deg**2) == pytest.approx(20)
    for catalog in catalogs:
        assert catalog.convention == "celestial" and catalog.kind == "shear"
        sky = SkyCoord(catalog.ra, catalog.dec, unit="deg")
        assert sky.separation(CENTER).deg.max() < np.sqrt(20 / np.pi) * 1.001
        assert np.allclose(catalog["redshift"], 0.5)
        noise = catalog.e1 - catalog["g1_true"], catalog.e2 - catalog["g2_true"]
        for one in noise:
            assert np.std(one) == pytest.approx(0.01, rel=0.1)
            assert abs(np.mean(one)) < 5 * 0.01 / np.sqrt(len(catalog))


def test_truth_of_galaxies_and_of_pixels_agree(mock):
    kappa = HealpixMap.read(mock.kappa)
    assert kappa.nside == 256 and kappa.meta["origin"] == "simulate_sky"
    assert kappa.area.to_value(u.deg**2) == pytest.approx(20, rel=0.02)
    catalogs = all_galaxies(mock.galaxies)
    ra, dec, values = (
        np.concatenate(parts) for parts in zip(*(
            (one.ra, one.dec, one["kappa_true"]) for one in catalogs
        ), strict=True)
    )
    pixel = np.searchsorted(kappa.index, kappa.pixels.at(ra, dec))
    pixel = np.minimum(pixel, len(kappa.index) - 1)
    inside = kappa.index[pixel] == kappa.pixels.at(ra, dec)
    pixel, values = pixel[inside], values[inside]
    counts = np.bincount(pixel, minlength=len(kappa.index))
    means = np.bincount(pixel, values, minlength=len(kappa.index)) / np.maximum(counts, 1)
    many = counts > 200
    difference = means[many] - kappa.data[many]
    assert np.std(difference) < 0.15 * np.std(kappa.data[many])
    assert abs(np.mean(difference)) < 0.02 * np.std(kappa.data[many])


def test_mass_map_of_the_galaxies_is_the_truth(mock):
    """Signs: E-modes have the sign of the truth, and there are hardly any B-modes."""
    catalogs = all_galaxies(mock.galaxies)
    columns = {
        name: np.concatenate([np.asarray(getattr(one, name)) for one in catalogs])
        for name in ("ra", "dec", "e1", "e2")
    }
    catalog = ShearCatalog(QTable(columns), convention="celestial", kind="shear")
    estimator = SphericalKaiserSquires(smoothing=25 * u.arcmin)
    kappa = estimator.reconstruct(catalog, HealpixPixels(128))
    truth = HealpixMap.read(mock.kappa).smooth(25 * u.arcmin)
    sky = SkyCoord(*kappa.pixels.centers(kappa.index), unit="deg")
    core = (sky.separation(CENTER) < 1.7 * u.deg) & ~kappa.mask
    found, b_mode = kappa.data[core], kappa.kappa_b[core]
    expected = truth.at(sky[core])
    assert np.corrcoef(found, expected)[0, 1] > 0.9
    assert np.std(b_mode) < 0.5 * np.std(found)
    assert abs(np.corrcoef(b_mode, expected)[0, 1]) < 0.5


def test_halos(mock):
    halos = check_halos(QTable.read(mock.halos))
    assert len(halos) == mock.n_halos
    assert np.all(np.diff(halos["m200c"]) <= 0) and halos["m200c"].min() >= 3e14 * u.solMass
    sky = SkyCoord(halos["ra"], halos["dec"])
    assert np.all(sky.separation(CENTER).deg < np.sqrt(20 / np.pi) * 1.001)


def test_same_call_does_nothing_and_others_are_refused(mock, monkeypatch):
    folder = mock.galaxies.parent
    monkeypatch.setattr(_Run, "_prepare", lambda self: pytest.fail("it is finished"))
    again = simulate_sky(folder, 20 * u.deg**2, SURVEY, seed=1, **SETTINGS)
    assert again == mock
    for changes in ({"seed": 2}, {"z_source": 0.6}, {"star_density": 1 / u.deg**2},
                    {"reduced_shear": False}, {"min_mass": 4e14 * u.solMass}):
        with pytest.raises(ValueError, match="settings"):
            simulate_sky(folder, 20 * u.deg**2, SURVEY, **{**SETTINGS, "seed": 1, **changes})
    with pytest.raises(ValueError, match="survey"):
        simulate_sky(folder, 20 * u.deg**2, MockSurvey(), seed=1, **SETTINGS)


@pytest.mark.slow
def test_resumes_after_an_interruption(mock, tmp_path):
    folder = tmp_path / "mock"
    shutil.copytree(mock.galaxies.parent, folder)
    before = [path.read_bytes() for path in partitions(folder / "galaxies")]
    shutil.rmtree(folder / "galaxies")
    (folder / "data" / "sky.json").unlink()
    kept = (folder / "kappa_true.fits").stat().st_mtime_ns
    again = simulate_sky(folder, 20 * u.deg**2, SURVEY, seed=1, **{**SETTINGS, "workers": 2})
    assert again.n_galaxies == mock.n_galaxies
    assert (folder / "kappa_true.fits").stat().st_mtime_ns == kept
    for old, path in zip(before, partitions(folder / "galaxies"), strict=True):
        other = folder / "old.parquet"
        other.write_bytes(old)
        one, two = QTable.read(other), QTable.read(path)
        assert all(np.array_equal(one[name], two[name]) for name in one.colnames)


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    """What the galaxies of a sky with holes and a redshift distribution depend on."""
    caught = []

    class Stop(Exception):
        pass

    def keep(self, task, *rest):
        caught.append(task)
        raise Stop

    patch = pytest.MonkeyPatch()
    patch.setattr(_Run, "_write_galaxies", keep)
    patch.setattr(_Run, "_true_kappa", lambda self, task: HealpixMap([0.1], 64, [1]))
    survey = MockSurvey(
        density=1 / u.arcmin**2, z_source=SourceRedshifts([0.2, 0.5, 0.6], [0, 1, 0]),
    )
    settings = {**SETTINGS, "z_source": None, "star_density": 30 / u.deg**2}
    with pytest.raises(Stop):
        simulate_sky(tmp_path_factory.mktemp("task") / "x", 6 * u.deg**2, survey, **settings)
    patch.undo()
    return caught[0]


def test_galaxies_do_not_depend_on_partitions(task):
    cell = CENTRAL_CELL
    small = galaxies_of_pixel(dataclasses.replace(task, order=6), cell)
    large = galaxies_of_pixel(dataclasses.replace(task, order=5), cell >> 2)
    here = (large["_healpix_29"] >> 46) == cell
    assert 0 < np.count_nonzero(here) < len(here)
    for name, values in small.items():
        assert np.array_equal(values, large[name][here]), name
    assert np.all(np.diff(large["_healpix_29"]) > 0)
    other = galaxies_of_pixel(dataclasses.replace(task, order=6, seed=9), cell)
    assert not np.isin(small["_healpix_29"], other["_healpix_29"]).any()


def test_redshifts_and_errors(task):
    galaxies = galaxies_of_pixel(task, CENTRAL_CELL >> 2 * (6 - task.order))
    z = galaxies["redshift"]
    assert 0.2 < z.min() and z.max() < 0.6
    assert z.mean() == pytest.approx(1.3 / 3, abs=5 * 0.085 / np.sqrt(len(z)))
    assert galaxies["sigma_m"].std() > 0
    assert np.allclose(galaxies["weight"], 1 / (0.24**2 + galaxies["sigma_m"] ** 2), rtol=1e-5)


def test_holes_and_mask(task):
    cell = CENTRAL_CELL
    whole = galaxies_of_pixel(dataclasses.replace(task, order=6, stars=None), cell)
    holes = galaxies_of_pixel(dataclasses.replace(task, order=6), cell)
    sky = SkyCoord(whole["ra"], whole["dec"], unit="deg")
    # 30 stars per square degree with a mean hole of 1.3 square arcmin.
    inside = np.zeros(len(sky), bool)
    for ra, dec, radius in zip(*task.stars.stars(cell), strict=True):
        inside |= sky.separation(SkyCoord(ra, dec, unit="deg")).rad < radius
    left = np.isin(whole["_healpix_29"], holes["_healpix_29"])
    assert inside.any() and not (left & inside).any() and left.mean() > 0.9
    mask = QTable({"ra": [sky.ra.deg.mean()] * u.deg, "dec": [sky.dec.deg.mean()] * u.deg,
                   "radius": [10] * u.arcmin})
    masked = galaxies_of_pixel(
        dataclasses.replace(task, order=6, stars=None, mask=SkyMask(mask)), cell
    )
    distance = sky.separation(SkyCoord(mask["ra"][0], mask["dec"][0])).arcmin
    assert np.array_equal(masked["ra"], whole["ra"][distance >= 10])


def test_reduced_shear(task):
    cell = CENTRAL_CELL
    task = dataclasses.replace(task, order=6)
    reduced = galaxies_of_pixel(task, cell)
    shear = galaxies_of_pixel(dataclasses.replace(task, reduced_shear=False), cell)
    for name in ("g1_true", "g2_true"):
        assert np.allclose(reduced[name] * (1 - reduced["kappa_true"]), shear[name], rtol=1e-5,
                           atol=1e-8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nside": 1000}, "nside must be a power of 2"), ({"nside": 128}, "nside must be"),
        ({"truth_nside": 32}, "truth_nside must be"), ({"z_source": [0.5, 1.0]}, "z_source"),
        ({"z_source": 11.0}, "z_source"), ({"min_mass": 3e13}, "min_mass"),
        ({"seed": -1}, "seed"), ({"star_density": 10}, "star_density"),
        ({"survey": 33}, "survey"), ({"truncation": 9}, "truncation"), ({"center": 3}, "center"),
    ],
)
def test_wrong_parameters(changes, message, tmp_path):
    settings = {"footprint": 1 * u.deg**2, "survey": SURVEY, **SETTINGS, **changes}
    with pytest.raises((TypeError, ValueError), match=message):
        simulate_sky(tmp_path / "sky", **settings)
    assert not (tmp_path / "sky").exists()


def test_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("LENSMAP_MEMORY_LIMIT", "1500 MB")
    with pytest.raises(MemoryError, match="use a lower resolution"):
        simulate_sky(tmp_path / "sky", 3000 * u.deg**2, SURVEY, **{**SETTINGS, "nside": 8192})


def test_settings_are_plain(mock):
    settings = json.loads((mock.galaxies.parent / "settings.json").read_text())["settings"]
    assert settings["nside"] == 256 and settings["seed"] == 1
    assert settings["survey"]["density_per_arcmin2"] == 2
    assert _simulate_sky.MIN_NSIDE == 256
