# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Survey maps of simulated skies against their truth."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from lensmap import KaiserSquires
from lensmap.maps import HealpixMap
from lensmap.simulate import MockSurvey, read_sky, simulate_sky
from lensmap.sphere import HealpixPixels
from lensmap.survey import SurveyMap, SurveyValidation, map_survey
from lensmap.survey._cost import cost_table
from lensmap.survey._halo_peaks import completeness_table, displaced, purity_table
from lensmap.survey._truth_pass import compare_blocks
from lensmap.survey.products import Block

RADIUS = 2 * u.arcmin


# --- one pass over the map ------------------------------------------------------------------


@pytest.fixture(scope="module")
def blocks_and_truth():
    """Two tiles of noise with known errors, blended in the second one, and a smooth truth."""
    order, steps = 3, 12  # nside 512
    n = 1 << steps
    rng = np.random.default_rng(1)
    index = np.arange(40 << steps, 42 << steps)
    lon, lat = HealpixPixels(512).centers(index)
    sky = np.sin(np.radians(8 * lon)) * np.cos(np.radians(9 * lat))
    blocks = []
    for i in range(2):
        error = rng.uniform(0.5, 2, n)
        # The errors of the second tile are too small.
        noise = rng.standard_normal(n) * error * (1 + i)
        layers = {
            "kappa": sky[i * n : (i + 1) * n] + noise, "error": error, "edge": np.full(n, 0.5),
            "n_tiles": np.full(n, 1.0 + i),
        }
        layers["kappa"][:64] = np.nan  # masked
        layers["edge"][64:600] = 0.1
        layers["kappa"][64:600] += 50
        blocks.append(Block(order, 40 + i, layers))
    return blocks, HealpixMap(sky, 512, index), index


def test_coverage_by_zone(blocks_and_truth):
    blocks, truth, _ = blocks_and_truth
    found = compare_blocks(blocks, 512, truth, (np.empty(0), np.empty(0)), 0.25)
    table = found.coverage
    assert table["zone"].tolist() == ["cores", "two tiles", "three or four tiles"]
    assert table["n"].tolist() == [4096 - 600, 4096 - 600, 0]
    np.testing.assert_allclose(table["pull"][:2], [1, 2], rtol=0.05)
    np.testing.assert_allclose(table["within_1"][:2], [0.683, 0.383], atol=0.03)
    np.testing.assert_allclose(table["within_2"][:2], [0.954, 0.683], atol=0.03)
    assert np.isnan(table["pull"][2])


def test_values_at_positions(blocks_and_truth):
    blocks, truth, index = blocks_and_truth
    lon, lat = HealpixPixels(512).centers(index[[10, 700, 5000]])
    lon, lat = np.append(lon, 200.0), np.append(lat, -80.0)
    found = compare_blocks(blocks, 512, truth, (lon, lat), 0.25)
    np.testing.assert_array_equal(np.isfinite(found.values), [False, True, True, False])
    assert found.values[1] == pytest.approx(blocks[0].layers["kappa"][700])
    assert found.values[2] == pytest.approx(blocks[1].layers["kappa"][5000 - 4096])
    np.testing.assert_allclose(found.truths[:3], truth.data[[10, 700, 5000]])
    np.testing.assert_allclose(found.edges[:3], 0.5)


def test_truth_of_larger_pixels(blocks_and_truth):
    blocks, truth, index = blocks_and_truth
    lon, lat = HealpixPixels(512).centers(index[[700]])
    coarse = truth.degrade(64)
    found = compare_blocks(blocks, 512, coarse, (lon, lat), 0.25)
    assert found.truths[0] == coarse.data[coarse.index == index[700] >> 6][0]


def test_map_of_larger_pixels_leaves_masked_ones_out():
    n = 1 << 18  # nside 2048 in a tile of order 2
    kappa = np.repeat(np.arange(n // 4.0), 4)
    kappa[:2] = np.nan
    kappa[5] = np.nan
    layers = {"kappa": kappa, "edge": np.full(n, 0.5), "n_tiles": np.ones(n)}
    truth = HealpixMap(np.zeros(n), 2048, np.arange(7 * n, 8 * n))
    found = compare_blocks([Block(2, 7, layers)], 2048, truth, (np.empty(0), np.empty(0)), 0.25)
    assert found.coverage is None and found.kappa.nside == 1024
    # Pixels of which a half or a quarter is missing do not count.
    assert len(found.kappa.index) == n // 4 - 2
    np.testing.assert_allclose(found.kappa.data, np.arange(2, n // 4))
    assert found.kappa.index[0] == 7 * n // 4 + 2


# --- peaks and halos ------------------------------------------------------------------------


def table_of_halos(sky, mass, kappa=0.0, truth=1.0):
    return QTable({
        "ra": sky.ra, "dec": sky.dec, "m200c": mass * u.solMass,
        "kappa": kappa * np.ones(len(sky)), "kappa_true": truth * np.ones(len(sky)),
    })


def test_completeness_and_heights():
    rng = np.random.default_rng(1)
    grid = SkyCoord(*(v.ravel() for v in np.mgrid[10:14:0.2, -2:2:0.2]), unit="deg")
    mass = np.where(np.arange(len(grid)) % 4, 1.5e14, 7e14)
    seen = np.flatnonzero((mass > 2e14) | (np.arange(len(grid)) % 4 == 1))
    peaks = grid[seen].directional_offset_by(
        rng.uniform(0, 360, len(seen)) * u.deg, 0.9 * RADIUS * rng.random(len(seen))
    )
    truth = rng.uniform(0.5, 1, len(grid))
    kappa = truth * np.where(mass > 2e14, 0.8, 0.6) + 0.01 * rng.standard_normal(len(grid))
    halos = table_of_halos(grid, mass, kappa, truth)
    random = [displaced(grid, RADIUS, seed) for seed in range(3)]
    table = completeness_table(peaks, halos, random, RADIUS)
    assert table["n"].tolist() == [0, 300, 0, 0, 100]
    assert table["n_matched"].tolist() == [0, 100, 0, 0, 100]
    assert table["completeness"][1] == pytest.approx(1 / 3)
    assert table["completeness_low"][1] < 1 / 3 < table["completeness_high"][1]
    # Displaced positions are 10 to 30 arcmin from the halos, of which a half have peaks.
    expected = len(peaks) / 16 * np.pi * (2 / 60) ** 2
    assert table["chance"][0] == pytest.approx(expected, rel=0.6)
    np.testing.assert_allclose(table["height"][[1, 4]], [0.6, 0.8], atol=0.01)
    assert 0 < table["height_err"][4] < 0.005
    assert np.isnan(table["height"][0])


def test_purity_is_corrected_for_chance():
    rng = np.random.default_rng(2)
    halos = SkyCoord(10 + 4 * rng.random(400), 4 * rng.random(400) - 2, unit="deg")
    peaks = SkyCoord(10 + 4 * rng.random(300), 4 * rng.random(300) - 2, unit="deg")
    random = [displaced(halos, RADIUS, seed) for seed in range(20)]
    table = purity_table(peaks, halos, random, RADIUS)
    assert table["n"][0] == 300 and table["n_matched"][0] > 10
    assert table["corrected"][0] == pytest.approx(0, abs=0.05)
    none = purity_table(peaks[:0], halos, random, RADIUS)
    assert none["n"][0] == 0 and np.isnan(none["purity"][0])


def test_displacements():
    sky = SkyCoord(np.linspace(0, 350, 500), np.linspace(-80, 80, 500), unit="deg")
    moved = displaced(sky, RADIUS, 3)
    distance = sky.separation(moved)
    assert distance.min() > 5 * RADIUS and distance.max() < 15 * RADIUS
    assert not np.allclose(displaced(sky, RADIUS, 4).ra, moved.ra)


# --- cost -----------------------------------------------------------------------------------


def test_cost_of_steps():
    facts = [
        {"seconds": {"read": 1.5, "invert": 2.0}, "memory": {"read": 2**29, "invert": 2**30}},
        {"seconds": {"read": 0.5}, "memory": {"read": 2**31}},
        {"seconds": {"read": 1.0}},  # of a version that recorded no memory
    ]
    table = cost_table({"plan": 4.0}, facts, 10.0)
    assert table["step"].tolist() == ["plan", "tiles: read", "tiles: invert"]
    np.testing.assert_allclose(table["seconds"].value, [4, 3, 2])
    np.testing.assert_allclose(table["memory"].value, [np.nan, 2, 1])
    assert table["seconds_per_deg2"][1] == 0.3 * u.s / u.deg**2
    assert len(cost_table({}, [], 10.0)) == 0


# --- the whole ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """A sky with massive halos, little noise, and its map."""
    folder = tmp_path_factory.mktemp("validated")
    sky = simulate_sky(
        folder / "sky", 20 * u.deg**2, MockSurvey(density=4 / u.arcmin**2, sigma_e=0.08),
        center=SkyCoord(150, 30, unit="deg"), z_source=1.0, nside=512, truth_nside=2048,
        min_mass=1e14 * u.solMass, seed=3, workers=1,
    )
    survey = map_survey(
        sky.galaxies, KaiserSquires(smoothing=2.5 * u.arcmin, uncertainty="analytic"),
        folder / "survey", pixel_scale=1.5 * u.arcmin, nside=2048, tile_order=5,
        margin=0.8 * u.deg, workers=1, convention="celestial",
    )
    return survey, sky


@pytest.mark.slow
def test_validation_of_a_simulated_survey(mapped, tmp_path):
    survey, sky = mapped
    result = survey.validate(sky)
    assert isinstance(result, SurveyValidation)
    scales = result.scales
    # There are few modes on larger scales, and noise dominates smaller ones.
    middle = (scales["ell_low"] >= 400) & (scales["ell_high"] <= 1100)
    np.testing.assert_allclose(scales["transfer"][middle], 1, atol=0.1)
    assert np.all(scales["correlation"][middle] > 0.8)
    coverage = result.coverage
    assert coverage["n"][0] > 500
    np.testing.assert_allclose(coverage["pull"][coverage["n"] > 500], 1, atol=0.2)
    # In a map with so little noise, massive halos are peaks, and have their height.
    rates = result.completeness["corrected"]
    assert rates[3] > 0.3 > rates[1] > 0
    assert result.purity["corrected"][0] > 0.3 > 0.2 > result.purity["chance"][0]
    height, error = (np.asarray(result.completeness[name]) for name in ("height", "height_err"))
    np.testing.assert_allclose(height[1:3], 1, atol=0.25)
    assert np.all(error[1:3] < 0.15)
    assert 0 < result.seams["step"][0] < result.seams["difference"][0] < 0.3
    steps = dict(zip(result.cost["step"], result.cost["seconds"].value, strict=True))
    assert {"plan", "fit", "tiles", "products", "tiles: invert"} <= set(steps)
    assert steps["tiles"] >= 0.8 * sum(
        value for name, value in steps.items() if name.startswith("tiles: ")
    )
    memory = result.cost["memory"].value
    assert 0.05 < np.nanmax(memory) < 20
    # The folder of the sky does as well.
    again = SurveyMap(survey.folder).validate(sky.kappa.parent)
    np.testing.assert_array_equal(again.scales["transfer"], scales["transfer"])
    _check_files(result, tmp_path)


def _check_files(result, folder):
    page = result.write(folder / "new")
    text = page.read_text(encoding="utf-8")
    for name in ("Scales", "Seams", "Errors", "Halos", "Peaks", "Cost"):
        assert f">{name}" in text
    table = QTable.read(folder / "new" / "validation.ecsv")
    row = table[(table["table"] == "scales") & (table["quantity"] == "transfer")][0]
    assert row["value"] == pytest.approx(result.scales["transfer"][0])
    assert row["row"] == "20 to 30"
    assert table.meta["estimator"] == "KaiserSquires"
    with pytest.raises(FileExistsError, match="overwrite"):
        result.write(folder / "new")


@pytest.mark.slow
def test_wrong_parameters_and_folders(mapped, tmp_path):
    survey, sky = mapped
    with pytest.raises(TypeError, match="peak_density must be a number per solid angle"):
        survey.validate(sky, peak_density=5)
    with pytest.raises(ValueError, match="peak_density must be positive"):
        survey.validate(sky, peak_density=-1 / u.deg**2)
    with pytest.raises(FileNotFoundError, match="holds no mock sky"):
        survey.validate(tmp_path)
    with pytest.raises(ValueError, match="survey map"):
        survey.validate(survey.folder)


@pytest.mark.slow
def test_files_of_a_sky(mapped):
    _, sky = mapped
    assert read_sky(sky.kappa.parent) == sky
