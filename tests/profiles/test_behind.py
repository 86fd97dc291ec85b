# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Maps, profiles and masses of the galaxies behind a lens, of which all is known."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from lenses import CENTERS, catalog_columns, uniform_sky

from lensmap import ConvergenceMap, KaiserSquires, NFWHalo, ShearCatalog, fit_nfw, make_wcs
from lensmap.cosmology import distance_ratio, lensing_efficiency
from lensmap.profiles import projected_mass, shear_profile

CENTER = CENTERS["equator"]
GRID = np.linspace(0.0, 3.0, 121)
BINS = [1, 2, 4, 7] * u.arcmin
Z_LENS, WIDTH = 0.45, 0.15
HALO = NFWHalo(2e14 * u.solMass, 4.0, Z_LENS)
OPTIONS = {"z_lens": Z_LENS, "concentration": 4.0}


@pytest.fixture(scope="module")
def sky():
    """Galaxies whose redshifts are drawn from their p(z), behind, in and in front of a halo.

    Returns the catalog with p(z), that with the most likely redshifts, the lensing efficiency of
    each galaxy, and the ellipticities of sources at an infinite distance without 1 - kappa.
    """
    rng, n = np.random.default_rng(5), 40_000
    sky = uniform_sky(CENTER, 0.15, n, rng)
    center = rng.uniform(0.1, 1.5, n)
    z = np.abs(center + WIDTH * rng.normal(size=n))
    pz = sum(np.exp(-0.5 * ((GRID - sign * center[:, np.newaxis]) / WIDTH) ** 2)
             for sign in (1, -1))
    beta = np.interp(z, GRID, np.append(0, distance_ratio([Z_LENS], GRID[1:])[0]))
    angle, far = sky.separation(CENTER), distance_ratio([Z_LENS], [3.0])[0, 0]
    spin = -np.exp(2j * (np.pi / 2 - sky.position_angle(CENTER).rad))
    shear, kappa = HALO.tangential_shear(angle, 3.0) / far, HALO.kappa(angle, 3.0) / far
    e = spin * shear * beta / (1 - kappa * beta)
    e += 0.008 * (rng.normal(size=n) + 1j * rng.normal(size=n))
    table = catalog_columns(sky, e, redshift=center, pz=pz.astype(np.float32),
                            weight=rng.uniform(0.5, 1.5, n))
    by_density = ShearCatalog(table, {"preset": "generic", "pz": "pz"}, "celestial", "shear",
                              z_grid=GRID)
    by_redshift = ShearCatalog(table, "generic", "celestial", "shear")
    return by_density, by_redshift, beta, spin * shear


def test_the_map_has_the_mean_efficiency_of_the_galaxies_that_are_left(sky):
    catalog, _, beta, shear = sky
    behind = catalog.behind(Z_LENS)
    rows = np.isin(catalog.ra, behind.ra)
    estimator = KaiserSquires(smoothing=1 * u.arcmin)
    wcs = make_wcs(catalog, 0.5 * u.arcmin)

    def kappa(values):
        e = values * shear[rows]
        return estimator.reconstruct(behind.with_ellipticities(e.real, e.imag), wcs)

    measured, unit = kappa(beta[rows]).data, kappa(np.ones(rows.sum())).data
    used = np.isfinite(unit)
    slope = (measured[used] @ unit[used]) / (unit[used] @ unit[used])
    expected = np.average(beta[rows], weights=behind.weight)
    assert slope == pytest.approx(expected, rel=0.01)
    assert lensing_efficiency(Z_LENS, behind.source_redshifts()) == pytest.approx(
        expected, rel=0.005
    )
    assert expected > 1.3 * np.average(beta, weights=catalog.weight)


def test_masses_from_a_map_are_diluted_without_the_selection(sky, tmp_path):
    catalog = sky[0]
    behind = catalog.behind(Z_LENS)
    estimator = KaiserSquires(smoothing=0.5 * u.arcmin, uncertainty="analytic")
    wcs = make_wcs(catalog, 0.25 * u.arcmin)
    estimator.reconstruct(behind, wcs).write(tmp_path / "kappa.fits")
    kappa = ConvergenceMap.read(tmp_path / "kappa.fits")
    facts = kappa.meta["catalog"]
    assert kappa.meta["n_galaxies"] == facts["n_galaxies"] == len(behind)
    assert kappa.meta["n_left_out"] == sum(facts["n_left_out"].values()) == (
        len(catalog) - len(behind)
    )
    sources, radii = behind.source_redshifts(), [0.2, 1.5] * u.Mpc
    # The map says by itself what its sources are.
    fit = fit_nfw(kappa, CENTER, radii=radii, **OPTIONS)
    assert fit.m200c.value == pytest.approx(2e14, rel=0.04)
    circle, ring = 0.5 * u.Mpc, [1, 1.5] * u.Mpc
    mass = projected_mass(kappa, CENTER, circle, z_lens=Z_LENS, background=ring)["mass"][0]
    same = projected_mass(
        kappa, CENTER, circle, z_lens=Z_LENS, z_source=sources, background=ring
    )["mass"][0]
    assert mass.value == pytest.approx(same.value, rel=1e-4)
    density = kappa.surface_density(Z_LENS)
    assert density.meta["sigma_crit"] == pytest.approx(
        kappa.surface_density(Z_LENS, sources).meta["sigma_crit"], rel=1e-4
    )
    diluted = estimator.reconstruct(catalog, wcs)
    low = fit_nfw(diluted, CENTER, z_source=sources, radii=radii, **OPTIONS)
    assert low.m200c.value < 0.75 * 2e14
    with pytest.raises(ValueError, match="not None: the map does not record it"):
        fit_nfw(diluted, CENTER, radii=radii, **OPTIONS)


def test_masses_from_a_profile(sky):
    catalog, by_redshift, _, _ = sky

    def mass(catalog):
        profile = shear_profile(catalog, CENTER, BINS, z_lens=Z_LENS)
        return fit_nfw(profile, **OPTIONS).m200c.value / 2e14

    assert mass(catalog.behind(Z_LENS)) == pytest.approx(1, abs=0.02)
    # Of the galaxies that the most likely redshift puts behind the lens, some are in front of it.
    assert mass(by_redshift.behind(Z_LENS)) < 0.97
    # All galaxies count with the efficiency of their p(z), so that none dilutes the others.
    assert mass(catalog) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("which", ["pz", "redshift"])
def test_the_selection_behind_each_lens_of_a_stack(sky, which):
    catalog = sky[0] if which == "pz" else sky[1]
    positions = SkyCoord([CENTER, CENTER.directional_offset_by(40 * u.deg, 3 * u.arcmin)])
    redshifts = [0.45, 0.7]
    options = {"margin": 0.15, "min_probability": 0.9}
    stack = shear_profile(catalog, positions, BINS, z_lens=redshifts, **options)
    every = shear_profile(catalog, positions, BINS, z_lens=redshifts)
    total, weight, delta_sigma = np.zeros(3), np.zeros(3), np.zeros(3)
    for position, z in zip(positions, redshifts, strict=True):
        part = shear_profile(catalog.behind(z, **options), position, BINS, z_lens=z)
        total += part["n_pairs"]
        weight += part["weight_delta_sigma"].value
        delta_sigma += part["weight_delta_sigma"].value * part["delta_sigma"].value
    assert stack["n_pairs"].tolist() == total.tolist()
    np.testing.assert_allclose(stack["weight_delta_sigma"].value, weight, rtol=1e-5)
    np.testing.assert_allclose(stack["delta_sigma"].value, delta_sigma / weight, rtol=1e-5)
    lost = every["n_pairs"].sum() - stack["n_pairs"].sum()
    assert stack.meta["n_pairs_left_out"] - every.meta["n_pairs_left_out"] == lost > 0
    assert stack.meta["margin"] == 0.15 and "margin" not in every.meta
    assert stack.meta.get("min_probability") == (0.9 if which == "pz" else None)


def test_a_margin_without_redshifts(sky):
    table = sky[1].table
    table.remove_columns(["redshift"])
    with pytest.raises(ValueError, match="margin must be None for a catalog without redshifts"):
        shear_profile(table, CENTER, BINS, z_lens=Z_LENS, margin=0.1)
