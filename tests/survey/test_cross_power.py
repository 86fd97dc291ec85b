# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The cross-power of the convergence with other maps, and its errors."""

import numpy as np
import pytest
from astropy import units as u
from small_survey import galaxies, write_survey

from lensmap.sphere import HealpixPixels, SphericalTransform
from lensmap.survey import map_survey
from lensmap.survey._cross_power import cross_power_table, degraded_maps
from lensmap.survey.products import Block

LEAK = 0.1  # of the fixture
NSIDE, ORDER = 128, 3
EDGES = np.array([30, 60, 100, 160, 230])


def power_of(ell):
    return 1e-9 * (1 + np.asarray(ell) / 50.0) ** -1.5


@pytest.fixture(scope="module")
def transform():
    return SphericalTransform(HealpixPixels(NSIDE), lmax=250)


def field(transform, seed):
    rng = np.random.default_rng(seed)
    modes = rng.standard_normal(len(transform.ell)) + 1j * rng.standard_normal(len(transform.ell))
    modes[: transform.lmax + 1] = np.sqrt(2) * modes[: transform.lmax + 1].real
    return transform.to_map(modes * np.sqrt(power_of(transform.ell) / 2))


def blocks_of(kappa, other, tiles):
    """Yield blocks of two maps of the whole sphere, with the distance from the tiles' edge."""
    pixels = HealpixPixels(NSIDE)
    n = 4 ** (pixels.order - ORDER)
    index = np.arange(pixels.n_pixels)
    inside = np.isin(index // n, tiles)
    lon, lat = pixels.centers(index)
    border = np.stack([np.cos(np.radians(lat)) * np.cos(np.radians(lon)),
                       np.cos(np.radians(lat)) * np.sin(np.radians(lon)),
                       np.sin(np.radians(lat))], -1)
    from scipy.spatial import KDTree

    chord, _ = KDTree(border[~inside]).query(border)
    edge = np.degrees(2 * np.arcsin(chord / 2))
    for tile in sorted(tiles):
        part = slice(tile * n, (tile + 1) * n)
        yield Block(ORDER, tile, {
            "kappa": kappa[part].astype(np.float32), "g": other[part].astype(np.float32),
            "edge": edge[part].astype(np.float32), "mask": np.zeros(n, bool),
        })


def table_of(kappa, other, tiles=range(64, 128)):
    maps = degraded_maps(blocks_of(kappa, other, list(tiles)), "g", NSIDE, NSIDE, 3.0)
    return cross_power_table(maps, EDGES)


def test_power_of_a_part_of_the_sky_is_that_of_theory(transform):
    """Known power, on a twelfth of the sphere, and a leak of known fraction."""
    one, other = field(transform, 1), field(transform, 2)
    table = table_of(one + 0.3 * other, other)
    expected = np.array([
        np.average(power_of(ell), weights=2 * ell + 1)
        for ell in (np.arange(*pair) for pair in zip(EDGES[:-1], EDGES[1:], strict=True))
    ])
    np.testing.assert_allclose(table["power_other"], expected, rtol=0.25)
    np.testing.assert_allclose(table["power_kappa"], 1.09 * expected, rtol=0.25)
    assert table.meta["leakage"] == pytest.approx(0.3, abs=4 * table.meta["leakage_err"])
    assert table.meta["leakage_err"] < 0.05
    assert table.meta["f_sky"] == pytest.approx(1 / 12, rel=0.25)


def test_errors_are_the_scatter_of_independent_fields(transform):
    """The cross-power of independent fields is 0 within the errors of the jackknife."""
    pull = []
    for seed in range(6):
        table = table_of(field(transform, 10 + seed), field(transform, 50 + seed))
        pull.append(table["cross"] / table["cross_err"])
    pull = np.array(pull)
    assert abs(pull.mean()) < 3 / np.sqrt(pull.size)
    assert 0.6 < np.sqrt(np.mean(pull**2)) < 1.6


def test_leave_one_tile_out_equals_its_definition(transform):
    """The transform of the other tiles is the difference of two transforms."""
    one, other = field(transform, 1), field(transform, 2)
    tiles = [64, 65, 66, 67, 68, 70]
    maps = degraded_maps(blocks_of(one, other, tiles), "g", NSIDE, NSIDE, 2.0)
    table = cross_power_table(maps, EDGES)
    values = []
    w = maps.weight
    planes = [w * (m - np.average(m, weights=w)) for m in (maps.kappa, maps.other)]
    whole = SphericalTransform(maps.pixels, maps.index, lmax=EDGES[-1] - 1)
    for tile in tiles:
        rest = maps.tile != tile
        a, b = (whole.to_coefficients(plane * rest) for plane in planes)
        power = whole.power(a, b) / (np.sum(w[rest] ** 2) / maps.pixels.n_pixels)
        values.append([
            np.average(power[low:high], weights=2 * np.arange(low, high) + 1)
            for low, high in zip(EDGES[:-1], EDGES[1:], strict=True)
        ])
    n = len(tiles)
    expected = np.sqrt((n - 1) * np.var(values, axis=0))
    np.testing.assert_allclose(table["cross_err"], expected, rtol=1e-6)


def test_leak_of_a_survey_is_found(analyzed):
    """A tenth of the PSF's ellipticity was added to that of the galaxies."""
    leaked = analyzed.cross_power("psf_e", n_bins=4, ell=(150, 800)).meta
    null = analyzed.cross_power("other_e", n_bins=4, ell=(150, 800)).meta
    assert leaked["leakage"] == pytest.approx(LEAK, abs=4 * leaked["leakage_err"])
    assert leaked["leakage"] > 4 * leaked["leakage_err"]
    assert abs(null["leakage"]) < 4 * null["leakage_err"]
    assert leaked["leakage_err"] < 0.03 and null["leakage_err"] < 0.03


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*errors of the cross-power are unreliable")
@pytest.mark.parametrize("method", ["ks(smoothing=8arcmin)", "wiener(z_source=0.8)"])
def test_leak_is_the_same_on_all_scales(tmp_path, method):
    """A field that is ten times the shear leaks by a tenth, also where the sphere has the scales.

    Without the scales of the sphere, the map of the field would lack those below l of 100.
    """
    columns = galaxies(side=7.0, density=0.15, sigma_e=0.05)
    for number in "12":
        columns[f"psf_e{number}"] = columns[f"e{number}"] / LEAK
    source = str(write_survey(tmp_path / "hats", columns))
    survey = map_survey(
        source, method, tmp_path / "survey", also_map="psf_e1,psf_e2", nside=512,
        pixel_scale=6 * u.arcmin, tile_order=4, margin=1.5 * u.deg, workers=1, products=False,
    )
    table = survey.cross_power("psf_e", ell=(20, 300), n_bins=4)
    np.testing.assert_allclose(table["leakage"], LEAK, rtol=2e-3)


def test_bad_parameters(analyzed):
    with pytest.raises(ValueError, match="psf_e"):
        analyzed.cross_power("nothing")
    with pytest.raises(ValueError, match="apodization must be at most half of the margin"):
        analyzed.cross_power("psf_e", apodization=2 * u.deg)
    with pytest.raises(ValueError, match="nside must be at most 1024"):
        analyzed.cross_power("psf_e", nside=2048)
    with pytest.raises(ValueError, match="ell must be two multipoles"):
        analyzed.cross_power("psf_e", ell=(500, 100))
