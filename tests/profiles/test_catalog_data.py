# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Galaxies as the data of a halo fit, against numbers that are written down by hand."""

import cmath
import math

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.cosmology import FlatLambdaCDM
from catalogs import shear_catalog
from lenses import catalog_columns
from plain_lens import LogLens

from lensmap import NFWHalo
from lensmap.cosmology import sigma_crit
from lensmap.profiles._fit_catalog import _calibrated, _CatalogData, catalog_data
from lensmap.profiles._halo_parameters import HaloValues
from lensmap.profiles._pairs import Sources

COSMOLOGY = FlatLambdaCDM(70, 0.3)
CENTER = SkyCoord(150, 2, unit="deg")
HALOS = [
    HaloValues(math.log(0.3), math.log(2.0), 0.1, -0.2),
    HaloValues(math.log(0.2), math.log(4.0), 0.0, 0.3),
]

# Four galaxies around two halos. The second is in front of the first halo, and the last is at the
# center of the second halo.
OFFSETS = np.array([[0.5 + 0.9j, -1.2 + 0.1j, 2 - 1.5j, 1 + 1j],
                    [-0.4 + 0.3j, -2 - 0.6j, 1 - 2j, 0.3j]])
INVERSE = np.array([[0.2, 0.0, 0.4, 0.3], [0.1, 0.5, 0.3, 0.2]])
SQUARE = np.array([[0.05, 0.0, 0.2, 0.1], [0.02, 0.3, 0.1, 0.05]])
SHEAR = np.array([0.1 - 0.2j, 0.05j, -0.1, 0.3 + 0.1j])
SIGMA = np.array([0.1, 0.2, 0.3, 0.4])


def _data():
    return _CatalogData(OFFSETS, SHEAR, SIGMA, INVERSE, SQUARE, [LogLens(), LogLens()])


def _shear_by_hand(halos):
    shear = []
    for j in range(4):
        gamma, kappa = 0.0, 0.0
        for i, halo in enumerate(halos):
            offset = OFFSETS[i, j] - complex(halo.east, halo.north)
            theta = max(abs(offset), 1e-9)
            mass, c = math.exp(halo.ln_m200c), math.exp(halo.ln_c200c)
            if INVERSE[i, j] > 0:
                excess = mass * (0.5 * c - 0.2 * math.log(theta))
                if abs(offset) > 0:
                    gamma -= excess * INVERSE[i, j] * cmath.exp(2j * cmath.phase(offset))
                sigma = mass * (1 - 0.1 * c * math.log(theta))
                kappa += sigma * SQUARE[i, j] / INVERSE[i, j]
        shear.append(gamma / (1 - kappa))
    return np.array(shear)


def test_the_shear_of_two_halos():
    data = _data()
    np.testing.assert_allclose(data.model(HALOS), _shear_by_hand(HALOS), rtol=1e-12)
    expected = (SHEAR - _shear_by_hand(HALOS)) / SIGMA
    np.testing.assert_allclose(
        data.residuals(HALOS), [*expected.real, *expected.imag], rtol=1e-12
    )
    assert (data.n, data.n_independent, data.unit, data.adapts) == (8, 4, "galaxies", False)
    np.testing.assert_array_equal(data.measured, SHEAR)


def test_the_efficiency_is_that_of_the_galaxies_behind():
    mean, ratio = _data().efficiency(0)
    weights = [100, 0, 1 / 0.09, 6.25]
    assert mean == pytest.approx(np.dot(weights, INVERSE[0]) / sum(weights), rel=1e-12)
    assert ratio == pytest.approx(np.dot(weights, SQUARE[0]) / sum(weights) / mean**2, rel=1e-12)


# --- the calibration -----------------------------------------------------------------------------

E = np.array([0.1 + 0.2j, -0.1j, 0.3, 0.2 - 0.1j, -0.2 + 0.1j, 0.05, 0.1j, -0.3])
WEIGHT = np.array([1, 0.5, 0, 0.9, 0.8, 0.7, 1, 0.6])
SIGMA_E = np.array([0.2, 0.3, 0.25, 0.35, 0.4, 0.28, 0.22, 0.31])
BEHIND = np.array([2, 1, 4, 0, 3, 1.5, 2.5, 0.5]) * 1e-16  # one galaxy is in front of the halos
USED = np.array([1, 1, 0, 0, 1, 1, 0, 1], dtype=bool)


def _sources(kind="shear", **columns):
    angle = np.arange(8) * 45 * u.deg
    sky = CENTER.directional_offset_by(angle, np.linspace(1, 3, 8) * u.arcmin)
    table = catalog_columns(sky, E, weight=WEIGHT, sigma_e=SIGMA_E, **columns)
    return Sources(shear_catalog(table, kind=kind))


def _mean(values):
    """Weight values of the galaxies that are used as the fit does."""
    terms = [
        (inverse**2 / sigma**2, value)
        for inverse, sigma, value, used in zip(BEHIND * 1e16, SIGMA_E, values, USED, strict=True)
        if used
    ]
    return sum(weight * value for weight, value in terms) / sum(weight for weight, _ in terms)


def test_shears_that_need_no_calibration():
    shear, sigma = _calibrated(_sources(), USED, BEHIND)
    np.testing.assert_allclose(shear, E, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(sigma, SIGMA_E, rtol=1e-6)


def test_the_biases_are_those_of_the_galaxies_of_the_fit():
    m = np.array([0.1, -0.2, 0.5, 0.3, 0.05, -0.1, 0.4, 0.2])
    c1, c2 = np.linspace(0.01, 0.08, 8), np.linspace(0.05, -0.02, 8)
    shear, sigma = _calibrated(_sources(m=m, c1=c1, c2=c2), USED, BEHIND)
    factor = 1 + _mean(m)
    np.testing.assert_allclose(shear, (E - c1 - 1j * c2) / factor, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(sigma, SIGMA_E / factor, rtol=1e-6)


def test_the_responsivity_is_that_of_the_galaxies_of_the_fit():
    shear, sigma = _calibrated(_sources("distortion"), USED, BEHIND)
    response = 2 * _mean(1 - SIGMA_E**2)
    np.testing.assert_allclose(shear, E / response, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(sigma, SIGMA_E / response, rtol=1e-6)


def test_a_noisy_response_is_that_of_all_galaxies_behind():
    r11 = np.array([0.5, 0.9, 5.0, 0.3, 1.4, 0.8, 0.2, 1.1])
    shear, sigma = _calibrated(_sources(r11=r11), USED, BEHIND)
    mean = sum(WEIGHT * r11) / sum(WEIGHT)
    behind = [i for i in range(8) if WEIGHT[i] > 0 and BEHIND[i] > 0]
    weights = [(BEHIND[i] / SIGMA_E[i]) ** 2 for i in behind]
    response = sum(w * r11[i] for w, i in zip(weights, behind, strict=True)) / sum(weights)
    # 6 of 1000 galaxies: the others count with the mean of the catalog.
    response = 0.006 * response + 0.994 * mean
    np.testing.assert_allclose(shear, E / response, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(sigma, SIGMA_E / response, rtol=1e-6)


# --- the selection -------------------------------------------------------------------------------


def test_the_galaxies_that_are_used():
    positions = SkyCoord([150, 150.05], [2, 2], unit="deg")
    angle = np.array([0, 50, 270, 150, 200, 250, 300]) * u.deg
    radius = np.array([2, 3, 2.5, 3, 2, 9, 0.5]) * u.arcmin  # the last two are out of range
    sky = positions[0].directional_offset_by(angle, radius)
    redshift = np.array([1.0, 0.35, 0.25, 0.7, 2.0, 1.0, 1.0])  # 0.25 is in front of both halos
    weight = np.array([1, 0.5, 1, 0, 0.8, 1, 1])
    e = 0.1 * np.exp(1j * np.arange(7))
    columns = catalog_columns(sky, e, redshift=redshift, weight=weight, sigma_e=np.full(7, 0.3))
    data = catalog_data(
        shear_catalog(columns), positions, np.array([0.3, 0.4]), None, [1, 4] * u.arcmin, COSMOLOGY
    )
    used = [0, 1, 4]
    np.testing.assert_allclose(data.measured, e[used], rtol=1e-6)
    for i, z_lens in enumerate((0.3, 0.4)):
        expected = [
            1 / sigma_crit(z_lens, z, COSMOLOGY).to_value(u.solMass / u.Mpc**2) if z > z_lens
            else 0.0
            for z in redshift[used]
        ]
        np.testing.assert_allclose(data._inverse[i], expected, rtol=1e-4)
        np.testing.assert_allclose(data._square[i], np.square(expected), rtol=1e-4)
    north = data._offsets[0].imag * 180 / np.pi * 60
    np.testing.assert_allclose(north, (radius * np.cos(angle)).to_value("arcmin")[used], rtol=1e-3)


def test_galaxies_around_a_halo_have_no_residuals():
    halo = NFWHalo(8e14 * u.solMass, 4.0, 0.3, cosmology=COSMOLOGY)
    sky = CENTER.directional_offset_by(np.arange(20) * 50 * u.deg, np.linspace(2, 9, 20) * u.arcmin)
    redshift = np.array([0.6, 1.2] * 10)
    g = np.array([
        halo.reduced_shear(theta, z).item()
        for theta, z in zip(CENTER.separation(sky), redshift, strict=True)
    ])
    toward = np.pi / 2 - sky.position_angle(CENTER).rad
    columns = catalog_columns(sky, -g * np.exp(2j * toward), redshift=redshift,
                              sigma_e=np.full(20, 0.2))
    data = catalog_data(
        shear_catalog(columns), CENTER[np.newaxis], np.array([0.3]), None, [1, 10] * u.arcmin,
        COSMOLOGY,
    )
    truth = HaloValues(math.log(8e14), math.log(4.0), 0.0, 0.0)
    np.testing.assert_allclose(data.residuals([truth]), 0, atol=1e-5)
