# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What is Kaiser-Squires' own: parameters, reduced shear, holes, precision, noise."""

import dataclasses

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from catalogs import shear_catalog
from gaussian_sky import gaussian_fields, grid_of_pixels, round_holes
from lenses import NFW, catalog_columns, pixel_sky, shear_of, tangent_wcs, uniform_sky

from lensmap import KaiserSquires, ShearGrid
from lensmap.flatsky import gaussian_smooth, near_data
from lensmap.utils import MapWarning

CENTER = SkyCoord(20, -35, unit="deg")
PLANE = tangent_wcs(CENTER, (100, 100), 0.4)
LENS = CENTER.directional_offset_by(200 * u.deg, 2 * u.arcmin)


def _catalog(lens=None, n=100_000, noise=0.0, seed=1):
    rng = np.random.default_rng(seed)
    sky = uniform_sky(CENTER, 0.5, n, rng)
    gamma, kappa = shear_of(sky, [(LENS, lens or NFW(kappa_s=0.1))])
    g = gamma / (1 - kappa)
    sky, g = sky[np.abs(g) < 0.9], g[np.abs(g) < 0.9]  # behind the critical curve it is 1 / g*
    n = len(sky)
    e_s = noise * (rng.normal(size=n) + 1j * rng.normal(size=n))
    return shear_catalog(catalog_columns(sky, (e_s + g) / (1 + np.conj(g) * e_s)))


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"smoothing": 1.0}, TypeError, "smoothing must be an angle with a unit"),
        ({"smoothing": 1 * u.m}, TypeError, "smoothing must be an angle"),
        ({"smoothing": -1 * u.deg}, ValueError, "smoothing must be positive"),
        ({"smoothing": [1, 2] * u.deg}, ValueError, "smoothing must be one finite angle"),
        ({"padding": 0.5}, ValueError, "padding must be a finite number of at least 1"),
        ({"reduced_shear_iterations": -1}, ValueError, "must be at least 0"),
        ({"reduced_shear_iterations": 1.5}, TypeError, "must be a whole number"),
        ({"uncertainty": "bootstrap"}, ValueError, "one of None, 'analytic', 'rotations'"),
        ({"n_realizations": 1}, ValueError, "n_realizations must be at least 2"),
        ({"rng": None}, TypeError, "rng must be a whole number"),
        ({"rng": np.random.default_rng()}, TypeError, "rng must be a whole number"),
        ({"scheme": "tsc"}, ValueError, "scheme must be one of"),
        ({"sigma_e": 0}, ValueError, "sigma_e must be None or a positive number"),
        ({"dtype": "float16"}, ValueError, "dtype must be one of"),
    ],
)
def test_bad_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        KaiserSquires(**parameters)


def test_smoothing_may_be_written():
    assert KaiserSquires(smoothing="36 arcsec").smoothing == 0.6 * u.arcmin
    assert repr(KaiserSquires()) == "KaiserSquires()"


def test_reduced_shear_needs_iterations_where_kappa_is_not_small():
    """What is measured is g; after a few iterations the map is that of gamma."""
    lens = NFW(kappa_s=0.2, theta_s=1.5)
    rng = np.random.default_rng(1)
    sky = uniform_sky(CENTER, 0.5, 100_000, rng)
    gamma, kappa = shear_of(sky, [(LENS, lens)])
    keep = np.abs(gamma / (1 - kappa)) < 0.9
    sky, gamma, g = sky[keep], gamma[keep], (gamma / (1 - kappa))[keep]
    near = pixel_sky(PLANE).separation(LENS).arcmin.reshape(100, 100) < 3

    def smoothed(e, n):
        estimator = KaiserSquires(smoothing=0.5 * u.arcmin, reduced_shear_iterations=n)
        return estimator.reconstruct(shear_catalog(catalog_columns(sky, e)), PLANE)

    truth = smoothed(gamma, 0).data[near]
    errors = [np.abs(smoothed(g, n).data[near] - truth).max() for n in (0, 1, 3)]
    assert errors[0] > 0.02
    assert errors[1] < errors[0] / 2 and errors[2] < errors[0] / 4


def test_padding_keeps_mass_from_coming_round_the_edge():
    catalog = _catalog()
    wide = KaiserSquires(padding=4).reconstruct(catalog, PLANE)
    twofold, periodic = (KaiserSquires(padding=p).reconstruct(catalog, PLANE) for p in (2, 1))
    inner = np.s_[10:-10, 10:-10]
    difference = [np.abs(k.data - wide.data)[inner].max() for k in (twofold, periodic)]
    assert difference[0] < difference[1] / 3


def test_a_hole_is_not_read_as_zero_shear():
    """Next to a hole, the error without normalized convolution would be that of zero shear."""
    catalog = _catalog()
    whole = KaiserSquires().reconstruct(catalog, PLANE)
    y, x = np.indices((100, 100))
    x0, y0 = PLANE.world_to_pixel(LENS)
    hole = np.hypot(x - x0 - 6, y - y0) < 2.2
    kappa = KaiserSquires().reconstruct(catalog, PLANE, hole)
    rim = (np.hypot(x - x0 - 6, y - y0) < 5) & ~hole
    assert np.abs(kappa.data - whole.data)[rim].max() < 0.1 * whole.data.max()
    assert kappa.mask[hole].all()


def test_small_holes_may_be_filled():
    catalog = _catalog()
    mask = np.zeros((100, 100), dtype=bool)
    mask[50:52, 60:62] = True  # smaller than the smoothing
    mask[10:30, 10:30] = True  # larger
    whole = KaiserSquires().reconstruct(catalog, PLANE)
    kappa = KaiserSquires(fill_holes=True).reconstruct(catalog, PLANE, mask)
    assert not kappa.mask[50:52, 60:62].any() and kappa.mask[15:25, 15:25].all()
    np.testing.assert_allclose(
        kappa.data[50:52, 60:62], whole.data[50:52, 60:62], atol=0.1 * whole.data.max()
    )


def test_pixels_far_from_galaxies_are_masked():
    catalog = _catalog()
    east = catalog.select(catalog.ra > CENTER.ra.deg)
    kappa = KaiserSquires().reconstruct(east, PLANE)
    x = np.arange(100)
    edge, reach = 49.5, 2 * 1 / 0.4  # x grows to the west
    assert kappa.mask[50, x > edge + reach + 1].all()
    assert not kappa.mask[50, x < edge + reach - 1].any()
    assert np.isnan(kappa.data[50, 80]) and np.isnan(kappa.kappa_b[50, 80])


def test_without_smoothing_a_sparse_catalog_is_not_full_of_holes():
    catalog = _catalog(n=3000)
    with pytest.warns(MapWarning, match="have no galaxies and, without smoothing, count as zero"):
        kappa = KaiserSquires(smoothing=None).reconstruct(catalog, PLANE)
    assert (kappa.counts == 0).mean() > 0.5 and kappa.mask.mean() < 0.1


def test_single_precision_is_good_enough():
    catalog = _catalog(noise=0.25)
    double, single = (
        KaiserSquires(dtype=dtype).reconstruct(catalog, PLANE) for dtype in ("float64", "float32")
    )
    assert single.data.dtype == np.float32
    np.testing.assert_allclose(single.data, double.data, atol=2e-6)
    np.testing.assert_array_equal(single.mask, double.mask)


def test_noise_is_that_of_the_textbook_and_smoothing_lowers_it():
    """sigma_kappa = sigma_e / (sigma sqrt(4 pi n))."""
    catalog = _catalog(noise=0.25)
    density = len(catalog) / (np.pi * 30**2)
    for sigma in (0.8, 1.6):
        expected = 0.25 / (sigma * np.sqrt(4 * np.pi * density))
        for uncertainty in ("analytic", "rotations"):
            kappa = KaiserSquires(
                smoothing=sigma * u.arcmin, uncertainty=uncertainty, n_realizations=30
            ).reconstruct(catalog, PLANE)
            found = np.nanmedian(kappa.uncertainty.array[20:80, 20:80])
            assert found == pytest.approx(expected, rel=0.04)


def test_sigma_e_may_be_given():
    catalog = _catalog(noise=0.25)
    measured, given = (
        KaiserSquires(uncertainty="analytic", sigma_e=s).reconstruct(catalog, PLANE)
        for s in (None, 0.5)
    )
    ratio = given.uncertainty.array / measured.uncertainty.array
    np.testing.assert_allclose(ratio[20:80, 20:80], 2, rtol=0.02)


def test_the_sheet_is_not_measured_and_meta_says_so():
    kappa = KaiserSquires().reconstruct(_catalog(), PLANE)
    assert "mass sheet" in kappa.meta["zero_mode"]
    assert kappa.meta["parameters"]["smoothing"] == "1.0 arcmin"
    assert {"lensmap", "numpy", "astropy"} <= set(kappa.meta["versions"])


@pytest.mark.parametrize("smoothing", [None, 0.15 * u.arcmin, 0.3 * u.arcmin])
def test_analytic_noise_of_little_smoothing(smoothing):
    """Pixels of uneven weight, next to each other: no zero and no infinite signal-to-noise."""
    catalog = _catalog(noise=0.25)
    analytic, rotations = (
        KaiserSquires(smoothing=smoothing, uncertainty=what, n_realizations=60).reconstruct(
            catalog, PLANE
        ).uncertainty.array[10:-10, 10:-10]
        for what in ("analytic", "rotations")
    )
    ratio = analytic / rotations
    # a pixel of one galaxy has that galaxy's own noise in the rotations
    assert np.isfinite(ratio).all() and ratio.min() > 0.4
    assert np.mean(ratio) == pytest.approx(1, abs=0.03) and np.std(ratio) < 0.16


def test_analytic_noise_knows_no_cloud_in_cell():
    with pytest.raises(ValueError, match="scheme must be 'nearest' with uncertainty='analytic'"):
        KaiserSquires(scheme="cloud-in-cell", uncertainty="analytic")
    grid = ShearGrid.from_catalog(_catalog(), PLANE, scheme="cloud-in-cell")
    with pytest.raises(ValueError, match="scheme must be 'nearest' with uncertainty='analytic'"):
        KaiserSquires(uncertainty="analytic").reconstruct(grid)


def test_sigma_e_counts_for_a_grid_too():
    catalog = _catalog(noise=0.25)
    estimator = KaiserSquires(uncertainty="analytic", sigma_e=0.5)
    grid = ShearGrid.from_catalog(catalog, PLANE)
    np.testing.assert_allclose(
        estimator.reconstruct(grid).uncertainty.array,
        estimator.reconstruct(catalog, PLANE).uncertainty.array,
        rtol=1e-9,
    )


def test_filled_holes_do_not_bias_the_map_nor_make_b_modes():
    """Shear that is 0 in holes lowers the map around them and turns E-modes into B-modes."""
    pixel_scale = 1 * u.arcmin
    kappa, shear = gaussian_fields((128, 128), pixel_scale.to_value(u.rad), seed=3)
    holes = round_holes(kappa.shape, [6, 10], 0.15, seed=4)
    wcs = tangent_wcs(SkyCoord(30, 20, unit="deg"), kappa.shape, 1.0)
    # One galaxy at the center of each pixel outside of the holes.
    grid = grid_of_pixels(wcs, np.where(holes, 0.0, 1.0))
    grid = dataclasses.replace(grid, sum_we=np.where(holes, 0, shear) * grid.sum_w)
    truth = gaussian_smooth(kappa, 2.0)
    core = np.zeros(kappa.shape, bool)
    core[24:-24, 24:-24] = True
    core &= ~near_data(holes, 2)
    found = {}
    for n in (0, 10):
        estimator = KaiserSquires(smoothing="2arcmin", fill_iterations=n)
        inversion = estimator.invert(grid, estimator.prepare(grid, None))
        slope = np.polyfit(truth[core], inversion.kappa[core], 1)[0]
        error = np.std((inversion.kappa - truth)[core]) / np.std(truth[core])
        found[n] = slope, error, np.std(inversion.kappa_b[core]) / np.std(truth[core])
    assert found[10][0] > found[0][0]
    assert found[10][1] < 0.7 * found[0][1]
    assert found[10][2] < 0.5 * found[0][2]
    mask = estimator.prepare(grid, None).support.unsupported
    # Filled pixels are masked: nearly all pixels in holes, and none away from holes.
    assert mask[holes].mean() > 0.6
    assert not mask[core].any()


def test_tiles_of_a_survey_are_filled():
    assert KaiserSquires().for_tiles().fill_iterations == 10
    assert KaiserSquires(fill_iterations=3).for_tiles().fill_iterations == 3
    assert KaiserSquires(padding=1.1).for_tiles().padding == 1.1
    assert KaiserSquires(padding=2).for_tiles().padding == 1.25


def test_error_is_that_of_the_e_mode_where_it_is_continued():
    """Near edges, filled maps have more noise in E than in B, and the error is that of E."""
    wcs = tangent_wcs(CENTER, (64, 64), 1.0)
    rng = np.random.default_rng(3)
    n = 40_000
    sky = uniform_sky(CENTER, 0.4, n, rng)

    def noise():
        e1, e2 = 0.3 * rng.standard_normal((2, n))
        return shear_catalog({"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": e1, "e2": e2})

    filled = KaiserSquires(
        smoothing="3arcmin", fill_iterations=10, uncertainty="rotations", n_realizations=30
    )
    error = filled.reconstruct(noise(), wcs).uncertainty.array
    plain = filled.replace(uncertainty=None)
    maps = [plain.reconstruct(noise(), wcs) for _ in range(30)]  # other noise of the same galaxies
    e, b = (np.sqrt(np.mean([np.square(one) for one in planes], axis=0)) for planes in (
        [one.data for one in maps], [one.kappa_b for one in maps]))
    near = ~maps[0].mask & (error > 1.3 * np.median(error[~maps[0].mask]))
    assert near.sum() > 50
    assert np.mean(e[near]) > 1.2 * np.mean(b[near])
    assert np.mean(error[near]) == pytest.approx(np.mean(e[near]), rel=0.12)
