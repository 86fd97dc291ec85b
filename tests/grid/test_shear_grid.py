# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Sums against a plain loop, streaming against all at once, noise against the galaxies' own."""

import tracemalloc

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from catalogs import shear_catalog
from lenses import catalog_columns, tangent_wcs, uniform_sky

from lensmap import ShearCatalog, ShearGrid
from lensmap.grid import PixelAssignment, PixelFrame, noise_realizations

CENTER = SkyCoord(330, -60, unit="deg")
WCS = tangent_wcs(CENTER, (20, 30), 1.0, angle=25)


def _columns(n=4000, seed=1):
    rng = np.random.default_rng(seed)
    sky = uniform_sky(CENTER, 0.3, n, rng)
    e = 0.3 * (rng.normal(size=n) + 1j * rng.normal(size=n))
    return catalog_columns(sky, e, weight=rng.uniform(0.5, 2, n), sigma_m=rng.uniform(0.1, 0.2, n))


def _catalog(**changes):
    return ShearCatalog(_columns() | changes, "generic", "celestial", "shear")


def test_means_and_noise_are_those_of_a_plain_loop():
    catalog = _catalog()
    grid = ShearGrid.from_catalog(catalog, WCS, sigma_e=0.25)
    frame = PixelFrame(WCS)
    x, y = frame.positions(catalog.ra, catalog.dec)
    row, column = np.floor(y + 0.5), np.floor(x + 0.5)
    w = catalog.weight
    for j, i in ((0, 0), (7, 11), (19, 29), (10, 3)):
        here = np.flatnonzero((row == j) & (column == i))
        assert grid.count[j, i] == len(here) > 1
        pixel = np.full(len(here), j * 30 + i)
        rotation = frame.rotation(catalog.ra[here], catalog.dec[here], pixel)
        e = frame.to_pixel_basis(catalog.e1[here] + 1j * catalog.e2[here], rotation)
        mean = np.sum(w[here] * e) / np.sum(w[here])
        np.testing.assert_allclose(grid.shear[j, i], mean, atol=1e-6)
        assert (grid.g1[j, i], grid.g2[j, i]) == (grid.shear[j, i].real, grid.shear[j, i].imag)
        np.testing.assert_allclose(grid.weight[j, i], w[here].sum())
        variance = 0.25**2 + catalog["sigma_m"][here] ** 2
        sigma = np.sqrt(np.sum(w[here] ** 2 * variance)) / np.sum(w[here])
        np.testing.assert_allclose(grid.sigma[j, i], sigma)
    inside = (row >= 0) & (row < 20) & (column >= 0) & (column < 30)
    assert grid.n_used == inside.sum() and grid.n_outside == (~inside).sum() > 0


def test_measured_noise_is_the_scatter_of_the_galaxies():
    """With sigma_m or without: the total is what is there."""
    columns = _columns()
    without = {name: values for name, values in columns.items() if name != "sigma_m"}
    with_m = ShearGrid.from_catalog(ShearCatalog(columns, "generic", "celestial", "shear"), WCS)
    plain = ShearGrid.from_catalog(ShearCatalog(without, "generic", "celestial", "shear"), WCS)
    full = plain.count > 3
    np.testing.assert_allclose(with_m.sigma[full].mean(), plain.sigma[full].mean(), rtol=5e-3)
    expected = 0.3 * np.sqrt(plain.sum_w2[full]) / plain.sum_w[full]
    np.testing.assert_allclose(plain.sigma[full], expected, rtol=0.03)


def test_column_sigma_e_counts_galaxy_by_galaxy():
    columns = _columns()
    columns["sigma_e"] = np.where(columns["ra"] > CENTER.ra.deg, 0.2, 0.4)
    grid = ShearGrid.from_catalog(ShearCatalog(columns, "generic", "celestial", "shear"), WCS)
    full = grid.count > 0
    variance = ((grid.sum_w2v_e + grid.sum_w2v_m)[full]) / grid.sum_w2[full]
    np.testing.assert_allclose(
        grid.sigma[full], np.sqrt(variance * grid.sum_w2[full]) / grid.sum_w[full]
    )
    assert variance.max() > 0.17 and variance.min() < 0.07


def test_empty_pixels_have_no_weight_and_endless_noise():
    wcs = tangent_wcs(CENTER, (60, 60), 0.6)
    grid = ShearGrid.from_catalog(_catalog(), wcs)
    empty = grid.count == 0
    assert empty.any()
    assert np.all(grid.weight[empty] == 0) and np.all(np.isinf(grid.sigma[empty]))
    assert np.all(grid.g1[empty] == 0)


@pytest.mark.parametrize("scheme", ["nearest", "cloud-in-cell"])
@pytest.mark.parametrize("finer", [1, 10], ids=["few pixels", "many pixels"])
def test_chunks_are_the_same_as_all_at_once(scheme, finer):
    wcs = tangent_wcs(CENTER, (20 * finer, 30 * finer), 1.0 / finer, angle=25)
    columns = _columns()
    columns |= {"m": np.linspace(-0.1, 0, 4000), "c1": np.full(4000, 0.01), "c2": np.zeros(4000)}
    mask = np.zeros(wcs.array_shape, dtype=bool)
    mask[3 * finer : 6 * finer, 3 * finer : 6 * finer] = True
    catalog = ShearCatalog(columns, "generic", "celestial", "shear")
    whole = ShearGrid.from_catalog(catalog, wcs, mask, scheme=scheme)
    parts = (catalog.select(slice(start, start + 700)) for start in range(0, 4000, 700))
    chunks = ShearGrid.from_chunks(parts, wcs, mask, scheme=scheme)
    for name in ("g1", "g2", "weight", "count", "sigma"):
        np.testing.assert_allclose(getattr(chunks, name), getattr(whole, name), atol=1e-12)
    assert chunks.n_masked == whole.n_masked > 0 and chunks.n_outside == whole.n_outside
    assert chunks.calibration.m == pytest.approx(whole.calibration.m)


def test_grids_that_do_not_belong_together_are_refused():
    grid = ShearGrid.from_catalog(_catalog(), WCS)
    columns = _columns()
    distortions = ShearCatalog(columns, "generic", kind="distortion", convention="celestial")
    others = {
        "same WCS and shape": ShearGrid.from_catalog(
            _catalog(), tangent_wcs(CENTER, (20, 30), 1.1)
        ),
        "same mask": ShearGrid.from_catalog(_catalog(), WCS, np.eye(20, 30, dtype=bool)),
        "same sigma_e": ShearGrid.from_catalog(_catalog(), WCS, sigma_e=0.3),
        "same kind": ShearGrid.from_catalog(distortions, WCS),
        "additive bias": ShearGrid.from_catalog(_catalog(c1=np.zeros(4000)), WCS),
        "column sigma_e": ShearGrid.from_catalog(_catalog(sigma_e=np.ones(4000)), WCS),
    }
    for message, other in others.items():
        with pytest.raises(ValueError, match=message):
            grid + other
    with pytest.raises(TypeError):
        grid + 1
    with pytest.raises(ValueError, match="at least one catalog"):
        ShearGrid.from_chunks([], WCS)


def test_chunks_that_do_not_belong_together_are_refused():
    columns = _columns()
    others = {
        "same frame": {"frame": "galactic"},
        "same convention": {"convention": "euclidean"},
        "same kind": {"kind": "distortion"},
        "additive bias": {"table": columns | {"c1": np.zeros(4000)}},
        "column sigma_e": {"table": columns | {"sigma_e": np.full(4000, 0.3)}},
        "column sigma_m": {"table": {k: v for k, v in columns.items() if k != "sigma_m"}},
        "column m": {"table": columns | {"m": np.zeros(4000)}},
        "column weight": {"table": {k: v for k, v in columns.items() if k != "weight"}},
    }
    for message, changes in others.items():
        other = shear_catalog(**({"table": columns, "columns": "generic"} | changes))
        with pytest.raises(ValueError, match=message):
            ShearGrid.from_chunks([_catalog(), other], WCS)


@pytest.mark.parametrize("names", [("c1",), ("c2",), ("c1", "c2")])
def test_additive_bias_is_subtracted(names):
    """A constant bias in the columns, added to the ellipticities, also without weights."""
    columns = _columns()
    for unweighted in (False, True):
        if unweighted:
            del columns["weight"]
        expected = ShearGrid.from_catalog(shear_catalog(columns), WCS)
        biased = columns | {name: np.full(4000, 0.05) for name in names}
        for name in names:
            biased[name.replace("c", "e")] = columns[name.replace("c", "e")] + 0.05
        grid = ShearGrid.from_catalog(shear_catalog(biased), WCS)
        np.testing.assert_allclose(grid.shear, expected.shear, atol=1e-6)
        np.testing.assert_allclose(grid.sum_w, expected.sum_w)


def test_chunks_with_a_column_of_the_noise_keep_no_weights():
    catalog = _catalog(sigma_e=np.full(4000, 0.3))
    grid = ShearGrid.from_chunks([catalog, catalog], WCS)
    assert grid.pixel_weights is None
    np.testing.assert_allclose(grid.sum_w, 2 * ShearGrid.from_catalog(catalog, WCS).sum_w)


def test_chunks_need_one_grid_of_memory():
    wcs = tangent_wcs(CENTER, (1500, 1500), 0.01)
    parts = [_catalog() for _ in range(3)]
    ShearGrid.from_chunks(parts[:1], WCS)
    tracemalloc.start()
    grid = ShearGrid.from_chunks(parts, wcs)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grid.n_used > 0 and grid.sum_w.nbytes == 8 * 1500**2
    assert peak < kept + 3 * grid.sum_w.nbytes


def test_cloud_in_cell_shares_a_galaxy_by_overlap():
    wcs = tangent_wcs(CENTER, (8, 8), 1.0)
    sky = wcs.pixel_to_world(3.25, 4.6)
    catalog = shear_catalog(catalog_columns(sky.reshape(1), np.array([0.2 + 0j])))
    grid = ShearGrid.from_catalog(catalog, wcs, scheme="cloud-in-cell")
    expected = np.zeros((8, 8))
    expected[4, 3], expected[4, 4], expected[5, 3], expected[5, 4] = 0.3, 0.1, 0.45, 0.15
    np.testing.assert_allclose(grid.weight, expected, atol=1e-7)
    np.testing.assert_allclose(grid.sum_w2, expected**2, atol=1e-7)
    assert grid.count[5, 3] == 1 == grid.count.sum()
    np.testing.assert_allclose(np.hypot(grid.g1, grid.g2)[expected > 0], 0.2, rtol=1e-6)
    mask = np.zeros((8, 8), dtype=bool)
    mask[4, 3] = True
    masked = ShearGrid.from_catalog(catalog, wcs, mask, scheme="cloud-in-cell")
    assert masked.weight[4, 3] == 0 and masked.weight[5, 3] == pytest.approx(0.45)


def test_cloud_in_cell_at_the_edge_loses_what_is_outside():
    wcs = tangent_wcs(CENTER, (8, 8), 1.0)
    sky = wcs.pixel_to_world(-0.25, 4.0)
    catalog = shear_catalog(catalog_columns(sky.reshape(1), np.array([0.2 + 0j])))
    grid = ShearGrid.from_catalog(catalog, wcs, scheme="cloud-in-cell")
    assert grid.weight.sum() == pytest.approx(0.75)


def test_anisotropic_response_is_fixed_to_the_sky():
    """Galaxies that answer to e1 only half: the map is the shear, however it is turned."""
    rng = np.random.default_rng(9)
    sky = uniform_sky(CENTER, 0.2, 3000, rng)
    columns = catalog_columns(sky, 0.05 * 0.5 + 0.04j * 1.0 + np.zeros(3000))
    ones = np.ones(3000)
    columns |= {"r11": 0.5 * ones, "r22": ones, "r12": 0 * ones, "r21": 0 * ones}
    for angle, flip in ((0, False), (33, False), (-70, True)):
        wcs = tangent_wcs(CENTER, (12, 12), 1.0, angle=angle, flip=flip)
        grid = ShearGrid.from_catalog(ShearCatalog(columns, "generic", "celestial", "shear"), wcs)
        straight = {**columns, "e1": columns["e1"] * 2, "r11": ones}
        expected = ShearGrid.from_catalog(shear_catalog(straight), wcs)
        np.testing.assert_allclose(grid.shear, expected.shear, atol=2e-5)


def test_noise_realizations_keep_all_but_the_signal():
    columns = _columns()
    columns["e1"] = columns["e1"] * 0.1 + 0.5  # a strong signal
    catalog = ShearCatalog(columns, "generic", "celestial", "shear")
    grid = ShearGrid.from_catalog(catalog, WCS)
    noise = list(noise_realizations(catalog, WCS, n_realizations=50, rng=3))
    assert len(noise) == 50
    np.testing.assert_array_equal(noise[7].weight, grid.weight)
    full = grid.count > 0
    g1 = np.array([n.g1[full] for n in noise])
    modulus = np.sqrt(np.mean(columns["e1"] ** 2 + columns["e2"] ** 2) / 2)
    expected = modulus * np.sqrt(grid.sum_w2[full]) / grid.sum_w[full]
    np.testing.assert_allclose((g1 / expected).std(), 1, rtol=0.03)
    assert abs(g1.mean() / expected.mean()) < 0.03
    # seeded, each of its own: fewer are the first of more
    again = list(noise_realizations(catalog, WCS, n_realizations=2, rng=3))
    np.testing.assert_array_equal(again[1].g2, noise[1].g2)
    assert not np.array_equal(noise[0].g2, noise[1].g2)


def test_noise_realizations_of_single_galaxies_keep_the_modulus():
    """One galaxy in each pixel, of another weight each."""
    wcs = tangent_wcs(CENTER, (9, 11), 1.0)
    y, x = (values.ravel() for values in np.indices((9, 11)))
    e = np.linspace(0.05, 0.5, 99) * np.exp(1j * np.arange(99))
    columns = catalog_columns(wcs.pixel_to_world(x, y), e, weight=np.linspace(1, 4, 99))
    assignment = PixelAssignment(shear_catalog(columns), wcs)
    noise = list(noise_realizations(assignment, rng=0))
    assert len(noise) == 100
    shear = np.array([grid.shear.ravel() for grid in noise])
    np.testing.assert_allclose(np.abs(shear), np.tile(np.abs(e), (100, 1)), rtol=1e-5)
    # The phases are uniform on the circle, and independent: no moment is left.
    phase = shear / np.abs(shear)
    for power in (1, 2, 3):
        assert np.abs(np.mean(phase**power)) < 0.04  # 4 standard errors of 9900 phases
    assert np.abs(np.mean(phase[:-1] * np.conj(phase[1:]))) < 0.04
    unweighted = {name: values for name, values in columns.items() if name != "weight"}
    one = next(noise_realizations(shear_catalog(unweighted), wcs, rng=0))
    np.testing.assert_allclose(np.abs(one.shear.ravel()), np.abs(e), rtol=1e-5)


def test_noise_realizations_are_made_one_at_a_time():
    stream = noise_realizations(_catalog(), WCS, n_realizations=10**9, rng=0)
    assert next(stream).shape == (20, 30)


def test_assignment_says_what_it_left_out():
    mask = np.zeros((20, 30), dtype=bool)
    mask[:, :15] = True
    assignment = PixelAssignment(_catalog(), WCS, mask)
    assert assignment.n_outside + assignment.n_masked + len(assignment.pixel) == 4000
    assert not mask.ravel()[assignment.pixel].any()
    with pytest.raises(ValueError, match="scheme must be one of 'nearest', 'cloud-in-cell'"):
        PixelAssignment(_catalog(), WCS, scheme="tsc")


def test_catalog_frame_is_that_of_north():
    """The same galaxies in galactic coordinates, with ellipticities to galactic north."""
    rng = np.random.default_rng(11)
    sky = uniform_sky(CENTER, 0.3, 3000, rng)
    e = 0.3 * (rng.normal(size=3000) + 1j * rng.normal(size=3000))
    north = sky.directional_offset_by(0 * u.deg, 1 * u.arcsec).galactic
    angle = sky.galactic.position_angle(north).rad  # of equatorial north, from galactic north
    # position angles grow by this; e = |e| exp(2 i (90 deg - PA))
    galactic = ShearCatalog(
        {
            "ra": sky.galactic.l.deg,
            "dec": sky.galactic.b.deg,
            "e1": (e * np.exp(-2j * angle)).real,
            "e2": (e * np.exp(-2j * angle)).imag,
        },
        "generic", "celestial", "shear",
        frame="galactic",
    )
    expected = ShearGrid.from_catalog(shear_catalog(catalog_columns(sky, e)), WCS)
    found = ShearGrid.from_catalog(galactic, WCS)
    np.testing.assert_array_equal(found.count, expected.count)
    np.testing.assert_allclose(found.shear, expected.shear, atol=1e-4)


@pytest.mark.parametrize("scheme", ["nearest", "cloud-in-cell"])
def test_a_cropped_grid_is_that_of_the_smaller_map(scheme):
    grid = ShearGrid.from_catalog(_catalog(), WCS, scheme=scheme, extra_sums=["sum_w2e2"])
    rows, columns = slice(3, 17), slice(8, 24)
    cropped = grid.cropped(rows, columns)
    assert cropped.wcs.array_shape == cropped.shape == (14, 16)
    center = np.array([[2.0, 5.0]])
    np.testing.assert_allclose(
        cropped.wcs.wcs_pix2world(center, 0), WCS.wcs_pix2world(center + [[8, 3]], 0), rtol=1e-12
    )
    for name in ("sum_we", "sum_w", "sum_w2", "count", "noise_sum", "shear", "sigma"):
        np.testing.assert_array_equal(getattr(cropped, name), getattr(grid, name)[rows, columns])
    np.testing.assert_array_equal(cropped.extra["sum_w2e2"], grid.extra["sum_w2e2"][rows, columns])
    assert grid.cropped(slice(None), slice(None)) is grid
