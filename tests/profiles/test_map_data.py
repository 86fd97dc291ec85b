# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pixels as the data of a halo fit, against numbers that are written down by hand."""

import math

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.cosmology import FlatLambdaCDM
from lenses import tangent_wcs
from plain_lens import LogLens
from scipy.ndimage import gaussian_filter

from lensmap import ConvergenceMap
from lensmap.cosmology import sigma_crit
from lensmap.profiles import _fit_map
from lensmap.profiles._fit_map import (
    _check_distance_of_holes,
    _kappa_of_reduced_shear,
    _MapData,
    _thin,
    _whitening,
    map_data,
)
from lensmap.profiles._halo_parameters import HaloValues
from lensmap.profiles._map_response import MapResponse

COSMOLOGY = FlatLambdaCDM(70, 0.3)


def _chi2_up_to_a_constant(difference, covariance):
    """Return the smallest chi^2 for the difference minus any constant."""
    inverse = np.linalg.inv(covariance)
    one = np.ones(len(difference))
    constant = one @ inverse @ difference / (one @ inverse @ one)
    return (difference - constant) @ inverse @ (difference - constant)


# --- a window of pixels --------------------------------------------------------------------------

# Pixels with the side 1, whose y axis points to the north and whose x axis points to the west.
_Y, _X = np.indices((9, 10))
USED = np.zeros((9, 10), dtype=bool)
USED[[4, 4, 5, 4, 3], [4, 5, 5, 6, 4]] = True
OFFSETS = np.stack([4 - _X + 1j * (_Y - 4), 9 - _X + 1j * (_Y - 2.5)])
HALOS = [
    HaloValues(math.log(0.2), math.log(2.0), 0.3, -0.4),
    HaloValues(math.log(0.1), math.log(3.0), -0.2, 0.0),
]
INVERSE = np.array([0.3, 0.6])
VALUES = np.array([0.3, 0.1, -0.2, 0.25, 0.15])
SIGMA = np.array([0.1, 0.2, 0.15, 0.1, 0.3])


def _data(smoothing=0.0, from_reduced_shear=False, response=None, whiten=None, offsets=OFFSETS):
    return _MapData(
        VALUES, USED, offsets, 0.7, smoothing, whiten or (lambda values: values / SIGMA), INVERSE,
        [LogLens(), LogLens()], from_reduced_shear, response,
    )


def _theta(i, offsets=OFFSETS):
    halo = HALOS[i]
    return np.maximum(
        np.hypot(offsets[i].real - halo.east, offsets[i].imag - halo.north), 0.7
    )


def _kappa(i, theta):
    mass, c = math.exp(HALOS[i].ln_m200c), math.exp(HALOS[i].ln_c200c)
    return INVERSE[i] * mass * (1 - 0.1 * c * np.log(theta))


def _shear(i, theta):
    mass, c = math.exp(HALOS[i].ln_m200c), math.exp(HALOS[i].ln_c200c)
    return INVERSE[i] * mass * (0.5 * c - 0.2 * np.log(theta))


def _without_mean(values):
    return values - values.mean()


def test_the_convergence_of_two_halos():
    data = _data()
    kappa = sum(_kappa(i, _theta(i)) for i in range(2))[USED]
    np.testing.assert_allclose(data.model(HALOS), _without_mean(kappa), atol=1e-12)
    np.testing.assert_allclose(data.measured, _without_mean(VALUES), atol=1e-12)
    assert data.efficiency(0) == (0.3, 1.0) and data.efficiency(1) == (0.6, 1.0)
    assert (data.n, data.n_independent, data.unit, data.adapts) == (5, 5, "pixels", False)


def test_residuals_are_those_up_to_a_constant():
    root = np.diag(1 / SIGMA) + 0.3 * np.tri(5, k=-1)
    residuals = _data(whiten=lambda values: root @ values).residuals(HALOS)
    kappa = sum(_kappa(i, _theta(i)) for i in range(2))[USED]
    covariance = np.linalg.inv(root.T @ root)
    expected = _chi2_up_to_a_constant(VALUES - kappa, covariance)
    assert np.sum(residuals**2) == pytest.approx(expected, rel=1e-9)
    # Their sign is that of the data minus the model.
    whitened = root @ (VALUES - kappa)
    constant = root.sum(axis=1)
    expected = whitened - constant * (constant @ whitened) / (constant @ constant)
    np.testing.assert_allclose(residuals, expected, rtol=1e-9)


@pytest.mark.parametrize("smoothing", [0.8, 1.1])
def test_the_convergence_is_smoothed_as_the_map(smoothing):
    full = sum(_kappa(i, _theta(i)) for i in range(2))
    kappa = []
    for y, x in zip(*np.nonzero(USED), strict=True):
        total, norm = 0.0, 0.0
        for dy in range(-6, 7):
            for dx in range(-6, 7):
                weight = math.exp(-(dy**2 + dx**2) / (2 * smoothing**2))
                # Beyond the window, there is its outermost pixel.
                total += weight * full[min(max(y + dy, 0), 8), min(max(x + dx, 0), 9)]
                norm += weight
        kappa.append(total / norm)
    model = _data(smoothing).model(HALOS)
    np.testing.assert_allclose(model, _without_mean(np.array(kappa)), atol=1e-4)


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_a_map_of_reduced_shear(scale):
    """The integral of the reduced shear is made here with many more steps."""
    offsets = scale * OFFSETS
    kappa = np.zeros(5)
    for i in range(2):
        theta = _theta(i, offsets)[USED]
        nodes = np.geomspace(0.7, 30 * scale * 15, 100_000)
        g = _shear(i, nodes) / (1 - _kappa(i, nodes))
        steps = np.diff(np.log(nodes)) * (g[1:] + g[:-1])
        integral = np.append(np.cumsum(steps[::-1])[::-1], 0)
        kappa += np.interp(theta, nodes, integral - g)
    model = _data(from_reduced_shear=True, offsets=offsets).model(HALOS)
    np.testing.assert_allclose(model, _without_mean(kappa), atol=1e-4)
    assert np.ptp(kappa) > 0.05


def test_a_model_that_is_adapted_is_the_map_of_the_halos():
    mapped = np.array([0.2, 0.12, 0.05, 0.14, 0.1])
    data = _data(response=lambda halos: mapped * halos[0].ln_m200c)
    assert data.adapts
    other = [HALOS[0]._replace(ln_m200c=math.log(0.25)), HALOS[1]]
    for halos in (HALOS, other):
        data.adapt(halos)
        expected = mapped * halos[0].ln_m200c
        np.testing.assert_allclose(data.model(halos), _without_mean(expected), atol=1e-12)
        chi2 = _chi2_up_to_a_constant(VALUES - expected, np.diag(SIGMA**2))
        assert np.sum(data.residuals(halos) ** 2) == pytest.approx(chi2, rel=1e-9)
    # With other parameters, the model changes as it does without edges.
    change = data.model(HALOS) - data.model(other)
    plain = _data()
    np.testing.assert_allclose(change, plain.model(HALOS) - plain.model(other), atol=1e-12)


def test_reduced_shear_by_hand():
    theta = np.array([1.0, 2.0, 5.0, 7.0])
    kappa, gamma = np.array([0.5, 0.2, 0.1, 0.0]), np.array([0.3, 0.24, 0.18, 0.04])
    # The reduced shear is 0.6, 0.3, 0.2 and 0.04.
    steps = [math.log(2) * 0.9, math.log(2.5) * 0.5, math.log(1.4) * 0.24]
    expected = [sum(steps) - 0.6, steps[1] + steps[2] - 0.3, steps[2] - 0.2, -0.04]
    np.testing.assert_allclose(_kappa_of_reduced_shear(theta, kappa, gamma), expected, rtol=1e-12)
    # An isothermal sphere has the same shear and convergence, and here it is weak.
    theta = np.geomspace(1, 1e5, 3000)
    weak = 1e-6 / theta
    np.testing.assert_allclose(
        _kappa_of_reduced_shear(theta, weak, weak)[:1000], weak[:1000], rtol=1e-3
    )


# --- pixels that are fitted ----------------------------------------------------------------------


def test_fitted_pixels_are_1_5_times_the_smoothing_apart():
    distance = np.hypot(*(np.indices((12, 13)) - np.array([4, 5])[:, None, None]))
    used = np.ones((12, 13), dtype=bool)
    used[7, 8] = used[4, 5] = False
    rows, columns = np.nonzero(_thin(used, distance, 2.0))
    pixels = {(y, x) for y in (1, 4, 7, 10) for x in (2, 5, 8, 11)} - {(7, 8), (4, 5)}
    assert {*zip(rows.tolist(), columns.tolist(), strict=True)} == pixels
    np.testing.assert_array_equal(_thin(used, distance, 0.0), used)
    np.testing.assert_array_equal(_thin(used, distance, 0.4), used)
    assert np.count_nonzero(_thin(used, distance, 1.0)) == 6 * 6 - 1


def test_there_are_at_most_1500_fitted_pixels():
    few = np.zeros((40, 40), dtype=bool)
    few[3, :10] = True
    np.testing.assert_array_equal(_thin(few, np.ones((40, 40)), 0.7), few)
    for n, expected in ((1500, 1500), (1501, 751)):
        used = np.ones((1, n), dtype=bool)
        distance = np.arange(n)[np.newaxis]
        assert np.count_nonzero(_thin(used, distance, 0.7)) == expected
        assert np.count_nonzero(_thin(used, distance, 0.0)) == n  # without smoothing, any number


def test_smoothed_noise_is_correlated():
    rows, columns = np.array([2, 2, 3, 7]), np.array([1, 3, 6, 5])
    sigma, values = np.array([0.1, 0.2, 0.15, 0.3]), np.array([0.3, -0.1, 0.2, 0.1])
    whiten = _whitening(rows, columns, sigma, 1.5)
    covariance = np.empty((4, 4))
    for i in range(4):
        for j in range(4):
            square = (rows[i] - rows[j]) ** 2 + (columns[i] - columns[j]) ** 2
            correlation = math.exp(-square / (4 * 1.5**2)) + 1e-6 * (i == j)
            covariance[i, j] = sigma[i] * sigma[j] * correlation
    expected = values @ np.linalg.inv(covariance) @ values
    assert np.sum(whiten(values) ** 2) == pytest.approx(expected, rel=1e-9)
    root = np.stack([whiten(one) for one in np.eye(4)], axis=1)
    np.testing.assert_allclose(root @ covariance @ root.T, np.eye(4), atol=1e-9)
    whiten = _whitening(rows, columns, sigma, 0.0)
    np.testing.assert_allclose(whiten(values), values / sigma, rtol=1e-12)


def test_holes_at_0_8_outer_radii_are_far_enough():
    mask = np.array([[True, True, False]])
    offsets = np.array([[[0.8j, -2, 0.1]], [[9, 8.5, 0.2]]])
    _check_distance_of_holes(mask, offsets, np.array([1.0, 2.0]))
    _check_distance_of_holes(np.zeros((1, 3), dtype=bool), offsets, np.array([1.0, 2.0]))
    # The second halo is farther away from the hole, but not for its radius.
    with pytest.raises(ValueError, match=r"least 5.5e\+04 arcmin .*, not 2.92e\+04 arcmin"):
        _check_distance_of_holes(mask, offsets, np.array([1.0, 20.0]))


# --- the selection of pixels ---------------------------------------------------------------------

CENTER = SkyCoord(150, 0, unit="deg")
N = 40
WCS = tangent_wcs(CENTER, (N, N), 0.5)
SCALE = math.radians(0.5 / 60)  # of a pixel
# The first halo is at the center of a pixel, near a corner of the map.
X_HALO, Y_HALO = np.array([8, 12]), np.array([7, 10])
POSITIONS = WCS.pixel_to_world(X_HALO, Y_HALO)
Z_LENS = np.array([0.3, 0.4])


@pytest.fixture
def _plain_lenses(monkeypatch):
    monkeypatch.setattr(_fit_map, "NFWLens", lambda z_lens, cosmology: LogLens())


def _truth():
    """Return two halos and their inverse critical surface densities for sources at redshift 1."""
    unit = u.solMass / u.Mpc**2
    inverse = [1 / sigma_crit(z, 1.0, COSMOLOGY).to_value(unit) for z in Z_LENS]
    return [HaloValues(math.log(0.02 / one), math.log(2.0), 0.0, 0.0) for one in inverse], inverse


def _kappa_map(data, mask=None, error=None, **meta):
    meta = {"parameters": {"smoothing": "0.6 arcmin"}} | meta
    if error is None:
        error = np.full(data.shape, 0.1)
    return ConvergenceMap(data, error, mask, WCS, meta)


def _fit_data(kappa, radii):
    return map_data(kappa, POSITIONS, Z_LENS, 1.0, radii * u.arcmin, COSMOLOGY)


def _selected(mask, error, radii, step=2):
    """Return the pixels of the fit, whose rows and columns are those of the first halo."""
    used = np.zeros((N, N), dtype=bool)
    for y in range(Y_HALO[0] % step, N, step):
        for x in range(X_HALO[0] % step, N, step):
            theta = 0.5 * np.hypot(x - X_HALO, y - Y_HALO)
            used[y, x] = theta.min() < radii[1] and theta.min() >= radii[0]
    return used & ~mask & (error > 0)


@pytest.mark.usefixtures("_plain_lenses")
@pytest.mark.parametrize(("smoothing", "step"), [(1.2, 2), (2.0, 3)])
def test_the_pixels_of_a_map(smoothing, step):
    mask, error = np.zeros((N, N), dtype=bool), np.full((N, N), 0.1)
    mask[9, 6] = True
    error[5, 10] = 0.0
    error[11, 12] = 0.3
    noise = 0.1 * np.random.default_rng(0).normal(size=(N, N))
    parameters = {"smoothing": f"{0.5 * smoothing} arcmin"}
    data = _fit_data(_kappa_map(noise, mask, error, parameters=parameters), [0, 3.3])
    used = _selected(mask, error, (0, 3.3), step)
    assert not data.adapts and data.n == np.count_nonzero(used) > 20
    np.testing.assert_allclose(data.measured, _without_mean(noise[used]), atol=1e-12)
    halos, inverse = _truth()
    for i, value in enumerate(inverse):
        assert data.efficiency(i)[0] == pytest.approx(value, rel=1e-9)
    y, x = np.indices((N, N))
    kappa = np.zeros((N, N))
    for position in POSITIONS:
        theta = WCS.pixel_to_world(x, y).separation(position).rad
        kappa += 0.02 * (1 - 0.2 * np.log(np.maximum(theta, SCALE / 3)))
    # The whole map is smoothed here, and not only what is near the fitted pixels.
    kappa = gaussian_filter(kappa, smoothing, mode="nearest")[used]
    np.testing.assert_allclose(data.model(halos), _without_mean(kappa), atol=1e-10)
    rows, columns = np.nonzero(used)
    square = np.subtract.outer(rows, rows) ** 2 + np.subtract.outer(columns, columns) ** 2
    covariance = np.exp(-square / (4 * smoothing**2)) + 1e-6 * np.eye(len(rows))
    covariance *= np.multiply.outer(error[used], error[used])
    expected = _chi2_up_to_a_constant(noise[used] - kappa, covariance)
    assert np.sum(data.residuals(halos) ** 2) == pytest.approx(expected, rel=1e-4)


KAISER_SQUIRES = {
    "estimator": "KaiserSquires",
    "parameters": {"padding": 1.0, "reduced_shear_iterations": 0, "scheme": "nearest",
                   "fill_holes": False, "smoothing": "0.6 arcmin"},
}


@pytest.mark.usefixtures("_plain_lenses")
def test_pixels_of_a_map_whose_response_is_known():
    mask = np.zeros((N, N), dtype=bool)
    mask[9, 6] = True
    kappa = _kappa_map(np.zeros((N, N)), mask, **KAISER_SQUIRES)
    data = _fit_data(kappa, [0, 3.3])
    assert data.adapts
    halos, inverse = _truth()
    data.adapt(halos)
    response = MapResponse.of_map(kappa, POSITIONS, np.array(inverse), [LogLens()] * 2)
    used = _selected(mask, kappa.uncertainty.array, (0, 3.3))
    expected = _without_mean(response.kappa(halos)[used])
    np.testing.assert_allclose(data.model(halos), expected, atol=1e-9)


@pytest.mark.usefixtures("_plain_lenses")
def test_pixels_of_a_cutout():
    mask = np.zeros((N, N), dtype=bool)
    mask[9, 6] = True
    meta = KAISER_SQUIRES | {"cutout_of": [50, 50]}
    with pytest.raises(ValueError, match="from masked pixels in a cutout"):
        _fit_data(_kappa_map(np.zeros((N, N)), mask, **meta), [0, 3.3])
    whole = np.zeros((N, N), dtype=bool)
    whole[30, 30] = True
    data = _fit_data(_kappa_map(np.zeros((N, N)), whole, **meta), [0, 3.3])
    # It was made of reduced shear, which changes its convergence near the halos.
    plain = _fit_data(_kappa_map(np.zeros((N, N))), [0, 3.3])
    halos, _ = _truth()
    assert not data.adapts and not plain.adapts
    difference = data.model(halos) - plain.model(halos)
    assert np.abs(difference).max() > 0.01 * np.abs(plain.model(halos)).max()
