# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""E-mode and B-mode spectra of shear with holes, of Gaussian fields of known power."""

import numpy as np
import pytest
from gaussian_sky import gaussian_fields, grid_of_pixels, lensing_power, round_holes
from lenses import CENTERS, tangent_wcs

from lensmap import ConvergenceMap, ShearCatalog, ShearGrid
from lensmap.flatsky import ModeCoupling, mode_ell, shear_to_convergence
from lensmap.grid import noise_realizations
from lensmap.statistics import power_spectrum, shear_power_spectrum
from lensmap.statistics._spectra import square_sides

SIDE = np.radians(1 / 60)
SHAPE = (72, 60)
EDGES = np.geomspace(800, 5400, 6)


def _wcs(shape=SHAPE, scale=1.0):
    return tangent_wcs(CENTERS["equator"], shape, scale)


@pytest.fixture(scope="module")
def weight():
    """Uneven weights with holes."""
    weight = np.random.default_rng(8).uniform(0.5, 1.5, SHAPE)
    return np.where(round_holes(SHAPE, (1, 2, 4), 0.2, 3), 0.0, weight)


@pytest.fixture(scope="module")
def grid(weight):
    return grid_of_pixels(_wcs(), weight)


def _spectra(table):
    return np.array([table[name].value for name in ("ee", "bb", "eb")])


def test_e_and_b(grid, weight):
    """A rotation by 45 degrees exchanges E and B; one by 22.5 degrees makes EB of both."""
    _, shear = gaussian_fields(SHAPE, SIDE, 1)
    ee, bb, eb = _spectra(shear_power_spectrum(
        grid.with_ellipticities(weight * shear), edges=EDGES, noise=None
    ))
    rotated = shear_power_spectrum(
        grid.with_ellipticities(1j * weight * shear), edges=EDGES, noise=None
    )
    np.testing.assert_allclose(_spectra(rotated), [bb, ee, -eb], rtol=1e-6, atol=1e-6 * ee.min())
    assert np.all(np.abs(bb) < 0.3 * ee)
    diagonal = shear_power_spectrum(
        grid.with_ellipticities(np.exp(1j * np.pi / 4) * weight * shear), edges=EDGES, noise=None
    )
    # On an image with x to the west, this rotation is one from east to south.
    assert grid.parity == -1
    np.testing.assert_allclose(
        _spectra(diagonal)[2], grid.parity * (ee - bb) / 2, rtol=1e-6, atol=1e-6 * ee.min()
    )


def test_mirrored_image(grid, weight):
    """The same sky on an image with x to the east has the same spectra, EB included."""
    _, shear = gaussian_fields(SHAPE, SIDE, 1)
    shear = shear * np.exp(0.3j)
    wcs = _wcs()
    mirrored_wcs = _wcs()
    mirrored_wcs.wcs.cdelt = wcs.wcs.cdelt * [-1, 1]
    mirrored = grid_of_pixels(mirrored_wcs, weight[:, ::-1])
    assert mirrored.parity == -grid.parity
    one, two = (
        shear_power_spectrum(g.with_ellipticities(w * s), edges=EDGES, noise=None)
        for g, w, s in ((grid, weight, shear),
                        (mirrored, weight[:, ::-1], np.conj(shear[:, ::-1])))
    )
    np.testing.assert_allclose(_spectra(two), _spectra(one), rtol=1e-6, atol=1e-15)


def test_mean_of_fields(grid, weight):
    """E is the theory, B is 0; a map of the same shear has too little power."""
    found, of_map = [], []
    for seed in range(12):
        _, shear = gaussian_fields(SHAPE, SIDE, seed)
        one = grid.with_ellipticities(weight * shear)
        table = shear_power_spectrum(one, edges=EDGES, noise=None)
        found.append(_spectra(table))
        if seed < 4:
            kappa = ConvergenceMap(
                shear_to_convergence(one.shear).real, mask=weight == 0, wcs=grid.wcs
            )
            of_map.append(power_spectrum(kappa, edges=EDGES)["power"].value)
    ell = np.array(table.meta["window_ell"])
    right = np.array([table["window"], table["leakage"], 0 * table["window"]]) @ lensing_power(ell)
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert np.abs((np.mean(found, axis=0) - right) / error).max() < 4
    assert np.all(np.abs(right[1]) < 0.01 * right[0])
    ratio = np.mean(of_map, axis=0) / np.mean(found[:4], axis=0)[0]
    assert 0.6 < ratio[:3].mean() < 0.9


def test_noise(grid, weight):
    """The analytic noise is the mean of noise-only grids, and of rotated galaxies."""
    sigma = np.sqrt(grid.noise_sum)
    rng = np.random.default_rng(4)
    noise = [grid.with_ellipticities(sigma * (a + 1j * b))
             for a, b in rng.normal(size=(12, 2, *SHAPE))]
    tables = [shear_power_spectrum(one, edges=EDGES) for one in noise]
    pulls = np.mean([_spectra(table) for table in tables], axis=0) / (
        np.array([tables[0][f"{name}_err"].value for name in ("ee", "bb", "eb")]) / np.sqrt(12)
    )
    assert np.abs(pulls).max() < 4 and np.std(pulls) < 1.6
    measured = shear_power_spectrum(noise[0], edges=EDGES, noise=noise[1:])
    np.testing.assert_allclose(measured["noise"].value, tables[0]["noise"].value, rtol=0.15)


def test_noise_of_rotated_galaxies():
    """For galaxies at random positions, in pixels and shared between pixels."""
    rng = np.random.default_rng(5)
    sky = _wcs().pixel_to_world(*rng.uniform(0, 59, (2, 30_000)))
    catalog = ShearCatalog(
        {"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": rng.normal(0, 0.25, 30_000),
         "e2": rng.normal(0, 0.25, 30_000), "weight": rng.uniform(0.5, 1, 30_000)},
        convention="celestial", kind="shear",
    )
    for scheme in ("nearest", "cloud-in-cell"):
        grid = ShearGrid.from_catalog(catalog, _wcs(), scheme=scheme)
        analytic = shear_power_spectrum(grid, edges=EDGES)
        if scheme == "nearest":
            rotated = list(noise_realizations(catalog, _wcs(), n_realizations=10, rng=1, grid=grid))
            mean = shear_power_spectrum(grid, edges=EDGES, noise=rotated)
            np.testing.assert_allclose(mean["noise"].value, analytic["noise"].value, rtol=0.1)
        for name in ("ee", "bb"):
            pulls = analytic[name].value / analytic[f"{name}_err"].value
            assert np.abs(pulls).max() < 4


def test_cross_spectrum(grid, weight):
    """Two sets of galaxies share the lensing, but not the noise."""
    other_weight = np.where(round_holes(SHAPE, (2, 4), 0.15, 9), 0.0, 1.0)
    other = grid_of_pixels(_wcs(), other_weight)
    sigma, other_sigma = np.sqrt(grid.noise_sum), np.sqrt(other.noise_sum)
    found = []
    for seed in range(10):
        _, shear = gaussian_fields(SHAPE, SIDE, seed)
        a, b, c, d = 0.1 * np.random.default_rng(seed).normal(size=(4, *SHAPE))
        table = shear_power_spectrum(
            grid.with_ellipticities(weight * shear + sigma * (a + 1j * b)),
            other.with_ellipticities(other_weight * shear + other_sigma * (c + 1j * d)),
            edges=EDGES,
        )
        found.append(_spectra(table))
    assert np.all(table["noise"].value == 0)
    theory = table["window"] @ lensing_power(np.array(table.meta["window_ell"]))
    error = np.std(found, axis=0, ddof=1) / np.sqrt(10)
    pulls = (np.mean(found, axis=0) - [theory, 0 * theory, 0 * theory]) / error
    assert np.abs(pulls).max() < 5
    same = shear_power_spectrum(grid.with_ellipticities(weight * shear), edges=EDGES, noise=None)
    pair = shear_power_spectrum(
        grid.with_ellipticities(weight * shear), grid.with_ellipticities(weight * shear),
        edges=EDGES, noise=None,
    )
    np.testing.assert_allclose(_spectra(pair), _spectra(same), rtol=1e-9, atol=1e-18)
    np.testing.assert_allclose(pair["ee_err"].value, same["ee_err"].value, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("amplitude", [0.02, 1.0])
def test_errors_are_the_scatter(grid, weight, amplitude):
    """Where the signal dominates (E; B is a thousand times less) and where noise does."""
    sigma, found, stated = np.sqrt(grid.noise_sum), [], []
    for seed in range(45):
        _, shear = gaussian_fields(SHAPE, SIDE, seed)
        a, b = np.random.default_rng(seed).normal(size=(2, *SHAPE))
        noise = amplitude * sigma * (a + 1j * b)
        one = grid.with_ellipticities(weight * shear + noise)
        table = shear_power_spectrum(
            one, edges=EDGES, noise="analytic" if amplitude == 1 else None
        )
        found.append(_spectra(table))
        stated.append([table[f"{name}_err"].value for name in ("ee", "bb", "eb")])
    ratio = (np.mean(stated, axis=0) / np.std(found, axis=0, ddof=1)).mean(axis=1)
    np.testing.assert_allclose(ratio[0], 1, atol=0.15)
    if amplitude == 1:
        np.testing.assert_allclose(ratio, 1, atol=0.15)


@pytest.mark.slow
def test_physics_of_holes():
    """50 noise-free fields of 3.5 deg with 20 per cent of holes of 1, 2 and 4 arcmin.

    The mean of infinitely many fields is the window times the theory; 50 fields agree with it.
    """
    n, edges = 256, np.geomspace(200, 6000, 13)
    side = np.radians(3.5 / n)
    scale = 210 / n
    weight = np.where(round_holes((n, n), np.array([1, 2, 4]) / scale, 0.2, 5), 0.0, 1.0)
    grid = grid_of_pixels(_wcs((n, n), scale), weight)
    coupling = ModeCoupling(weight, square_sides(grid.wcs, (n, n), "grid"), edges, spin=2)
    found = []
    for seed in range(50):
        _, shear = gaussian_fields((n, n), side, seed)
        found.append(coupling.solve(coupling.pseudo_spectra(weight * shear))[:2])
    # The function computes the coupling anew for each field.
    table = shear_power_spectrum(grid.with_ellipticities(weight * shear), edges=edges, noise=None)
    np.testing.assert_allclose(_spectra(table)[:2], found[-1], rtol=1e-6, atol=1e-16)
    ell = mode_ell((8 * n, 8 * n), side)
    bins = np.digitize(ell, edges) - 1
    right = np.array([lensing_power(ell[bins == b]).mean() for b in range(12)])
    theory = lensing_power(np.array(table.meta["window_ell"]))
    np.testing.assert_allclose(table["window"] @ theory, right, rtol=0.02)
    np.testing.assert_allclose(table["leakage"] @ theory / right, 0, atol=0.01)
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(50)
    assert np.abs((mean[0] - right) / error[0]).max() < 4
    assert np.all(np.abs(mean[0] / right - 1) < 0.02 + 3 * error[0] / right)
    assert np.all(np.abs(mean[1] / right) < 0.01 + 3 * error[1] / right)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise": "none"}, "noise must be 'analytic', None or noise-only grids, not 'none'"),
        ({"noise": []}, "noise must contain at least one grid"),
        ({"noise": [3.0]}, "noise must contain noise-only grids"),
        ({"noise": [np.ones(3)]}, "noise must contain noise-only grids"),
        ({"edges": [500, 501, 2000]}, "edges must be at least"),
        ({"taper": 1}, "taper must be a number from 0 to 0.5"),
    ],
)
def test_bad_arguments(grid, settings, message):
    with pytest.raises(ValueError, match=message):
        shear_power_spectrum(grid, **settings)


def test_bad_grids(grid, weight):
    with pytest.raises(TypeError, match="grid must be a ShearGrid.*from_catalog"):
        shear_power_spectrum(np.ones(SHAPE))
    with pytest.raises(ValueError, match="other must be on the pixels of grid"):
        shear_power_spectrum(grid, grid_of_pixels(_wcs((9, 9)), np.ones((9, 9))))
    with pytest.raises(ValueError, match="noise must contain noise-only grids"):
        shear_power_spectrum(grid, grid, noise=[grid])
    wcs = _wcs()
    wcs.wcs.cdelt = wcs.wcs.cdelt * [1, 2]
    with pytest.raises(ValueError, match="grid must have square pixels"):
        shear_power_spectrum(grid_of_pixels(wcs, weight))
