# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Null tests: passed without errors, failed with them."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from catalogs import shear_catalog
from lenses import CENTERS, NFW, catalog_columns, shear_of, tangent_wcs, uniform_sky

from lensmap import ConvergenceMap, KaiserSquires, ShearCatalog, WienerFilter
from lensmap.flatsky import gaussian_smooth
from lensmap.grid import noise_realizations
from lensmap.statistics import b_mode_test, psf_leakage, split_halves, stack_at

CENTER = CENTERS["dec 45"]
SHAPE = (80, 80)
WCS = tangent_wcs(CENTER, SHAPE, 0.5)


def _catalog(n=40_000, noise=0.25, seed=0, turned=False, **more):
    rng = np.random.default_rng(seed)
    sky = uniform_sky(CENTER, 0.5, n, rng)
    gamma, _ = shear_of(sky, [(CENTER, NFW(0.3, 2.0))])
    e = np.where(np.abs(gamma) < 0.5, gamma, 0) * (1j if turned else 1)
    e = e + noise * (rng.normal(size=n) + 1j * rng.normal(size=n))
    e = np.where(np.abs(e) < 1.5, e, 0)
    return ShearCatalog(catalog_columns(sky, e, **more), "generic", "celestial", "shear")


def test_a_stack_at_clusters_and_elsewhere():
    rng = np.random.default_rng(0)
    data = rng.normal(size=SHAPE)
    x, y = rng.integers(5, 75, (2, 30))
    data[y, x] += 2.0
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, :10] = True
    kappa = ConvergenceMap(data, None, mask, WCS, kappa_b=rng.normal(size=SHAPE))
    positions = SkyCoord([*WCS.pixel_to_world(x, y), SkyCoord(0, 0, unit="deg")])
    found = stack_at(kappa, positions, rng=0)
    assert found.n_positions == np.count_nonzero(x >= 10)
    assert found.mean == pytest.approx(data[y, x][x >= 10].mean())
    # An eighth of the displaced positions is masked.
    expected = np.std(data[~mask]) / np.sqrt(found.n_positions * 7 / 8)
    assert found.random_std == pytest.approx(expected, rel=0.1)
    assert found.significance > 6 and found.p_value == pytest.approx(1 / 1001)
    b_mode = stack_at(kappa, positions, b_mode=True, rng=0)
    assert abs(b_mode.significance) < 3.5
    random = stack_at(kappa, WCS.pixel_to_world(*rng.uniform(12, 78, (2, 40))), rng=0)
    assert abs(random.significance) < 3.5
    with pytest.raises(ValueError, match="none of the . positions"):
        stack_at(kappa, SkyCoord([0], [0], unit="deg"), rng=0)


def test_clustered_lists_are_moved_as_a_whole():
    """Positions in clumps have as many independent values as clumps."""
    rng = np.random.default_rng(3)
    significances = []
    for _ in range(60):
        data = gaussian_smooth(rng.normal(size=SHAPE), 4.0)
        clumps = rng.uniform(10, 70, (2, 4, 1))
        x, y = (clumps + rng.normal(0, 0.7, (2, 4, 12))).reshape(2, -1)
        kappa = ConvergenceMap(data, wcs=WCS)
        found = stack_at(kappa, WCS.pixel_to_world(x, y), n_random=200, rng=rng)
        assert found.n_positions == 48
        significances.append(found.significance)
    assert 0.75 < np.std(significances) < 1.3


def test_a_constant_map_has_no_stack():
    kappa = ConvergenceMap(np.full(SHAPE, 0.1 / 3), wcs=WCS)
    with pytest.raises(ValueError, match="kappa must have values that vary"):
        stack_at(kappa, CENTER.reshape(1), rng=0)


def test_b_modes():
    estimator = KaiserSquires(smoothing=1 * u.arcmin, uncertainty="analytic")
    clean, wrong = (
        b_mode_test(estimator.reconstruct(_catalog(turned=turned), WCS)) for turned in (False, True)
    )
    assert abs(clean.excess) < 4 and clean.highest < 5.5
    assert wrong.excess > 5 and wrong.highest > 10
    many = [
        b_mode_test(estimator.reconstruct(_catalog(n=15_000, seed=seed), WCS)).excess
        for seed in range(20)
    ]
    assert 0.5 < np.std(many) < 1.8


def test_b_mode_of_noise_of_any_correlation():
    def noise(seed, n):
        rng = np.random.default_rng(seed)
        return [3.0 * gaussian_smooth(rng.normal(size=SHAPE), 3.0) for _ in range(n)]

    sigma = np.full(SHAPE, 3.0 / np.sqrt(4 * np.pi * 9))
    tests = []
    for seed in range(40):
        b_mode, *others = noise(seed, 41)
        kappa = ConvergenceMap(np.zeros(SHAPE), sigma, None, WCS, kappa_b=b_mode)
        tests.append(b_mode_test(kappa, noise_maps=iter(others)))
    assert np.std([t.excess for t in tests]) == pytest.approx(1, abs=0.3)
    assert abs(np.mean([t.excess for t in tests])) < 0.5
    assert np.mean([t.rms_err for t in tests]) == pytest.approx(
        np.std([t.rms for t in tests]), rel=0.3
    )
    with pytest.raises(ValueError, match="noise_maps must contain at least 5 maps, not 4"):
        b_mode_test(kappa, noise_maps=others[:4])


def test_b_mode_of_a_map_that_says_no_smoothing():
    # One prior for the field and its noise: a power fitted to noise would differ each time.
    estimator = WienerFilter(
        z_source=1.0, uncertainty="rotations", n_realizations=10, tolerance=1e-3
    )
    plain = estimator.replace(uncertainty=None)
    for turned in (False, True):
        catalog = _catalog(n=15_000, seed=1, turned=turned)
        kappa = estimator.reconstruct(catalog, WCS)
        with pytest.raises(ValueError, match="if noise_maps is None, .*: give noise_maps"):
            b_mode_test(kappa)
        grids = noise_realizations(catalog, WCS, n_realizations=20, rng=2)
        found = b_mode_test(kappa, noise_maps=map(plain.reconstruct, grids))
        assert found.excess > 5 if turned else abs(found.excess) < 4


def test_b_modes_of_white_noise():
    estimator = KaiserSquires(smoothing=None, uncertainty="analytic")
    found = b_mode_test(estimator.reconstruct(_catalog(n=60_000), WCS))
    assert abs(found.excess) < 4
    assert found.rms_err == pytest.approx(1 / np.sqrt(2 * WCS.array_shape[0] ** 2), rel=0.01)


def test_halves_have_the_same_sky():
    estimator = KaiserSquires(smoothing=1 * u.arcmin, uncertainty="analytic")
    catalog = _catalog()
    relation, difference = split_halves(estimator, catalog, WCS, rng=0)
    assert 0.2 < relation.r < 0.9
    whole = estimator.reconstruct(catalog, WCS)
    inner = np.s_[8:-8, 8:-8]
    noise = np.std(difference.data[inner]) / np.mean(whole.uncertainty.array[inner])
    assert noise == pytest.approx(1, abs=0.15)
    at_center = stack_at(difference, SkyCoord([CENTER]), n_random=200, rng=0)
    assert abs(at_center.significance) < 4
    nothing, _ = split_halves(estimator, catalog.within(
        _circle(CENTER, 8 * u.arcmin), inside=False), WCS, rng=0)
    assert nothing.r < relation.r


def _circle(center, radius):
    from regions import CircleSkyRegion

    return CircleSkyRegion(center, radius)


def test_leakage_of_the_psf():
    n = 40_000
    rng = np.random.default_rng(3)
    psf = 0.05 * (rng.normal(size=n) + 1j * rng.normal(size=n)) + 0.02 - 0.01j
    catalog = _catalog(weight=rng.uniform(0.5, 2, n))
    clean = psf_leakage(catalog, psf.real, psf.imag)[0]
    assert abs(clean["alpha"]) < 4 * clean["alpha_err"]
    table = catalog.table
    table["e1"] = catalog.e1 + 0.1 * psf.real + 0.003
    table["e2"] = catalog.e2 + 0.1 * psf.imag
    found = psf_leakage(shear_catalog(table), psf.real, psf.imag)[0]
    assert found["alpha"] == pytest.approx(clean["alpha"] + 0.1, rel=1e-6)
    assert found["c1"] - clean["c1"] == pytest.approx(0.003, abs=1e-6)
    assert 0.01 < found["alpha_err"] < 0.04
    pulls = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        psf = 0.05 * (rng.normal(size=2000) + 1j * rng.normal(size=2000)) + 0.05
        row = psf_leakage(_catalog(n=2000, seed=seed), psf.real, psf.imag)[0]
        pulls += [row["alpha"] / row["alpha_err"], row["c2"] / row["c_err"]]
    assert np.std(pulls) == pytest.approx(1, abs=0.25)


def test_bad_input():
    kappa = ConvergenceMap(np.zeros(SHAPE), wcs=WCS)
    with pytest.raises(ValueError, match="kappa must have a B-mode"):
        b_mode_test(kappa)
    with pytest.raises(ValueError, match="kappa must have a B-mode"):
        stack_at(kappa, SkyCoord([CENTER]), b_mode=True, rng=0)
    with pytest.raises(ValueError, match="uncertainty that contains the noise only"):
        b_mode_test(ConvergenceMap(np.zeros(SHAPE), wcs=WCS, kappa_b=np.zeros(SHAPE)))
    catalog = _catalog(n=10)
    with pytest.raises(ValueError, match="one value for each of the 10 galaxies"):
        psf_leakage(catalog, np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="NaN or infinite for 1 of 10 galaxies"):
        psf_leakage(catalog, np.append(np.zeros(9), np.nan), np.zeros(10))
    with pytest.raises(ValueError, match="must vary"):
        psf_leakage(catalog, np.ones(10), np.zeros(10))
