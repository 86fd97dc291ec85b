# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Masses within a radius, of maps and of shear."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from lenses import CENTERS, NFW, tangent_wcs

from lensmap import ConvergenceMap, NFWHalo
from lensmap.profiles import projected_mass, zeta_c
from lensmap.utils import MapWarning

SHAPE = (240, 240)
CENTER = CENTERS["dec 45"]
HALO = NFWHalo(8e14 * u.solMass, 4.0, 0.3)


def _map(noise=0.0, mask=None, uncertainty=None, meta=None, seed=0):
    wcs = tangent_wcs(CENTER, SHAPE, 0.25)
    y, x = np.indices(SHAPE)
    theta = wcs.pixel_to_world(x, y).separation(CENTER)
    data = HALO.kappa(np.maximum(theta, 0.08 * u.arcmin), 1.0)
    data = data + noise * np.random.default_rng(seed).normal(size=SHAPE)
    uncertainty = None if uncertainty is None else np.full(SHAPE, uncertainty)
    return ConvergenceMap(data, uncertainty, mask, wcs, meta)


def _cylinder(radius):
    return (HALO.mean_surface_density(radius) * np.pi * radius**2).to_value(u.solMass)


def test_the_mass_of_an_nfw_halo():
    for radius in (0.5, 1.0) * u.Mpc:
        table = projected_mass(_map(), CENTER, radius, z_lens=0.3, z_source=1.0)
        assert table["mass"][0].to_value(u.solMass) == pytest.approx(_cylinder(radius), rel=0.01)
        assert table["unmasked_fraction"][0] == pytest.approx(1, abs=0.03)
        assert np.isnan(table["mass_err"][0])
    scale = HALO.cosmology.angular_diameter_distance(0.3) / u.rad
    angle = (0.5 * u.Mpc / scale).to(u.arcmin)
    same = projected_mass(_map(), CENTER, angle, z_lens=0.3, z_source=1.0)
    assert same["mass"][0].to_value(u.solMass) == pytest.approx(_cylinder(0.5 * u.Mpc), rel=0.01)


def test_a_ring_takes_out_a_mass_sheet():
    ring = [2.0, 3.0] * u.Mpc
    plain = projected_mass(_map(), CENTER, 0.5 * u.Mpc, z_lens=0.3, z_source=1.0, background=ring)
    sheet = projected_mass(
        _map() + 0.03, CENTER, 0.5 * u.Mpc, z_lens=0.3, z_source=1.0, background=ring
    )
    np.testing.assert_allclose(sheet["mass"].value, plain["mass"].value)
    assert sheet["kappa_background"][0] == pytest.approx(plain["kappa_background"][0] + 0.03)
    outer, inner = (_cylinder(radius) for radius in ring[::-1])
    in_ring = (outer - inner) / (np.pi * (9 - 4))
    expected = _cylinder(0.5 * u.Mpc) - in_ring * np.pi * 0.25
    assert plain["mass"][0].to_value(u.solMass) == pytest.approx(expected, rel=0.01)


@pytest.mark.slow
def test_errors_of_independent_and_of_correlated_noise():
    masses, said = [], []
    for seed in range(60):
        kappa = _map(0.2, uncertainty=0.2, seed=seed, meta={"parameters": {"smoothing": None}})
        table = projected_mass(kappa, CENTER, 0.5 * u.Mpc, z_lens=0.3, z_source=1.0)
        masses.append(table["mass"][0].value)
        said.append(table["mass_err"][0].value)
    assert np.mean(said) == pytest.approx(np.std(masses), rel=0.25)
    smooth, found = _map(0.2, seed=1).smooth(1 * u.arcmin), []
    kappa = ConvergenceMap(smooth.data, np.full(SHAPE, 0.2 / np.sqrt(4 * np.pi * 16)), None,
                           smooth.wcs, smooth.meta)
    said = projected_mass(kappa, CENTER, 0.5 * u.Mpc, z_lens=0.3, z_source=1.0)["mass_err"][0]
    for seed in range(200):
        one = _map(0.2, seed=seed).smooth(1 * u.arcmin)
        found.append(projected_mass(one, CENTER, 0.5 * u.Mpc, z_lens=0.3, z_source=1.0)["mass"][0])
    assert said.value == pytest.approx(np.std(u.Quantity(found).value), rel=0.2)


def test_random_places_have_the_structure_of_the_map():
    rng = np.random.default_rng(1)
    kappa = ConvergenceMap(rng.normal(size=SHAPE), wcs=tangent_wcs(CENTER, SHAPE, 0.25))
    table = projected_mass(kappa, CENTER, 2 * u.arcmin, z_lens=0.3, z_source=1.0, n_random=200,
                           rng=0)
    unit = projected_mass(kappa + 1, CENTER, 2 * u.arcmin, z_lens=0.3, z_source=1.0)["mass"][0] - (
        projected_mass(kappa, CENTER, 2 * u.arcmin, z_lens=0.3, z_source=1.0)["mass"][0]
    )
    expected = unit / np.sqrt(np.pi * 2**2 / 0.25**2)
    assert (table["mass_err"][0] / expected).value == pytest.approx(1, rel=0.25)


def test_masked_and_off_the_map():
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, 119:] = True
    positions = QTable({"RA": [CENTER.ra.deg, 10.0], "DEC": [CENTER.dec.deg, 0.0]})
    with pytest.warns(MapWarning, match="mass is NaN at 2 of 2 positions"):
        table = projected_mass(_map(mask=mask), positions, 0.5 * u.Mpc, z_lens=[0.3, 0.4],
                               z_source=1.0)
    assert np.all(np.isnan(table["mass"])) and table["unmasked_fraction"][1] == 0
    assert 0.4 < table["unmasked_fraction"][0] < 0.5


def test_no_error_of_a_map_of_unknown_smoothing():
    with pytest.warns(MapWarning, match="the smoothing of the map, .*, is not known"):
        table = projected_mass(_map(uncertainty=0.2), CENTER, 0.5 * u.Mpc, z_lens=0.3, z_source=1.0)
    assert np.isnan(table["mass_err"][0]) and np.isfinite(table["mass"][0])
    table = projected_mass(_map(uncertainty=0.2), CENTER, 0.5 * u.Mpc, z_lens=0.3, z_source=1.0,
                           n_random=20, rng=0)
    assert table["mass_err"][0] > 0


def test_a_ring_off_the_map():
    with pytest.warns(MapWarning, match="NaN at 1 of 1 positions, where no pixel of the backgr"):
        table = projected_mass(_map(), CENTER, 0.5 * u.Mpc, z_lens=0.3, z_source=1.0, n_random=5,
                               background=[50, 60] * u.arcmin, rng=0)
    assert np.isnan(table["mass"][0]) and np.isnan(table["mass_err"][0])


def test_random_places_for_many_redshifts():
    rng = np.random.default_rng(1)
    kappa = ConvergenceMap(rng.normal(size=SHAPE), wcs=tangent_wcs(CENTER, SHAPE, 0.25))
    kappa = kappa.smooth(0.5 * u.arcmin)
    z = np.linspace(0.2, 0.5, 12)
    positions = SkyCoord([CENTER] * 12)
    options = {"z_source": 1.0, "n_random": 100, "background": [1, 1.5] * u.Mpc, "rng": 0}
    together = projected_mass(kappa, positions, 0.5 * u.Mpc, z_lens=z, **options)
    alone = [projected_mass(kappa, CENTER, 0.5 * u.Mpc, z_lens=one, **options)["mass_err"][0]
             for one in z[::4]]
    np.testing.assert_allclose(together["mass_err"][::4].value, u.Quantity(alone).value, rtol=0.1)


def test_no_positions():
    none = SkyCoord([], [], unit="deg")
    table = projected_mass(_map(), none, 0.5 * u.Mpc, z_lens=0.3, z_source=1.0)
    assert len(table) == 0 and table["mass"].unit == u.solMass


def test_zeta_of_an_nfw_profile():
    lens = NFW()
    edges = np.geomspace(1, 20, 60) * u.arcmin
    middle = np.sqrt(edges[1:] * edges[:-1])
    profile = QTable({
        "radius_low": edges[:-1], "radius_high": edges[1:],
        "g_t": lens.gamma_t(middle.value), "g_err": np.full(59, 0.01),
    })
    r1, r2, r_max = 2.0, 10.0, 18.0
    zeta, error = zeta_c(profile, r1 * u.arcmin, r2 * u.arcmin, r_max * u.arcmin)
    ring = (lens.mean_kappa(r_max) * r_max**2 - lens.mean_kappa(r2) * r2**2) / (r_max**2 - r2**2)
    assert zeta == pytest.approx(lens.mean_kappa(r1) - ring, rel=2e-3)
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(500):
        noisy = profile.copy()
        noisy["g_t"] = profile["g_t"] + 0.01 * rng.normal(size=59)
        draws.append(zeta_c(noisy, r1 * u.arcmin, r2 * u.arcmin, r_max * u.arcmin)[0])
    assert error == pytest.approx(np.std(draws), rel=0.1)
    with pytest.raises(ValueError, match="must lie within the radii of the"):
        zeta_c(profile, 0.5 * u.arcmin, 10 * u.arcmin, 18 * u.arcmin)
    with pytest.raises(ValueError, match="strictly increasing"):
        zeta_c(profile, 10 * u.arcmin, 5 * u.arcmin, 18 * u.arcmin)
    profile["g_t"][30] = np.nan
    with pytest.raises(ValueError, match="galaxies in all bins"):
        zeta_c(profile, r1 * u.arcmin, r2 * u.arcmin, r_max * u.arcmin)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"radius": 1.0}, TypeError, "radius must be one length or angle"),
        ({"radius": -1 * u.Mpc}, ValueError, "radius must be positive"),
        ({"z_lens": 1.5}, ValueError, "z_lens must be lower than z_source"),
        ({"background": [1, 2, 3] * u.Mpc}, ValueError, "background must be two radii"),
        ({"background": [2, 1] * u.Mpc}, ValueError, "background must be at least two radii"),
    ],
)
def test_bad_input(change, error, message):
    arguments = {"radius": 1 * u.Mpc, "z_lens": 0.3, "z_source": 1.0} | change
    with pytest.raises(error, match=message):
        projected_mass(_map(), CENTER, **arguments)


def test_few_random_positions():
    kappa = _map()
    with pytest.raises(ValueError, match="n_random must be 0 or at least 2, because it gives a sc"):
        projected_mass(kappa, CENTER, 1 * u.arcmin, z_lens=0.3, z_source=1.0, n_random=1)
    # Unmasked pixels far from each other: no circle about one of them is half unmasked.
    mask = np.ones(kappa.shape, bool)
    mask[::12, ::12] = False
    sparse = kappa.replace(mask=mask)
    with (
        pytest.warns(MapWarning, match="only 0 of 30 random positions have circles"),
        pytest.warns(MapWarning, match="the mass is NaN at 1 of 1 positions"),
    ):
        table = projected_mass(sparse, CENTER, 2 * u.arcmin, z_lens=0.3, z_source=1.0,
                               n_random=30, rng=0)
    assert np.isnan(table["mass_err"][0])
