# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Halos on the sphere: numbers, masses, power and clustering."""

import numpy as np
import pytest
from astropy import units as u

from lensmap.cosmology import get_cosmology
from lensmap.halos import NFWHalo, halo_counts, truncated_nfw_fourier
from lensmap.simulate.halo_model import HaloPhysics
from lensmap.simulate.sky._halos import (
    TRACER_PIXELS,
    draw_halos,
    gaussian_modes,
    random_positions,
)
from lensmap.simulate.sky._powers import SkyPowers
from lensmap.sphere import HealpixPixels, SphericalTransform

PHYSICS = HaloPhysics(1e14, 2.5, 0.3, 1.0, 0.0, 0.0)

Z_SOURCE = 0.6


@pytest.fixture(scope="module")
def powers():
    return SkyPowers(get_cosmology(None), Z_SOURCE, PHYSICS, 600)


@pytest.fixture(scope="module")
def drawn(powers):
    region = np.arange(TRACER_PIXELS.n_pixels // 6)
    return (*draw_halos(powers, PHYSICS, Z_SOURCE, region, np.random.default_rng(1)), region)


def test_gaussian_modes():
    power = 1 / (np.arange(301) + 10.0)
    transform = SphericalTransform(HealpixPixels(128), lmax=256)
    for dtype, kind in ((np.float32, np.complex64), (np.float64, np.complex128)):
        modes = gaussian_modes(power[:257], np.random.default_rng(1), dtype)
        assert modes.dtype == kind and np.all(modes[:257].imag == 0)
        ratio = transform.power(modes.astype(complex))[2:] / power[2:257]
        # The scatter of the power of one multipole is sqrt(2 / (2 l + 1)).
        sigma = np.sqrt(2 / (2 * np.arange(2, 257) + 1))
        assert np.abs(np.mean((ratio - 1) / sigma)) < 4 / np.sqrt(255)
        assert np.std((ratio - 1) / sigma) == pytest.approx(1, abs=0.15)


def test_random_positions_are_uniform_in_their_pixels():
    pixels = HealpixPixels(4)
    index = np.repeat([3, 77, 190], 4000)
    finest, lon, lat = random_positions(pixels.order, index, np.random.default_rng(1))
    assert np.array_equal(pixels.at(lon, lat), index)
    assert np.array_equal(HealpixPixels(1 << 29).at(lon, lat), finest)
    counts = np.bincount(HealpixPixels(8).at(lon, lat), minlength=768)
    counts = counts[counts > 0]
    assert len(counts) == 12 and np.abs(counts - 1000).max() < 140


def test_number_and_masses(drawn):
    halos, _, region = drawn
    area = len(region) * TRACER_PIXELS.area * u.sr
    for mass in (1e14, 3e14):
        expected = halo_counts(mass * u.solMass, (0.02, Z_SOURCE), area, None)
        found = np.count_nonzero(halos.mass >= mass)
        # Clustering adds to the scatter of the Poisson distribution.
        assert found == pytest.approx(expected, rel=0.05, abs=4 * np.sqrt(expected))
    assert halos.redshift.min() > 0.02 and halos.redshift.max() < Z_SOURCE
    assert set(np.unique(TRACER_PIXELS.at(halos.lon, halos.lat))) <= set(region)


def test_halos_as_lenses(drawn):
    halos, _, _ = drawn
    for i in range(0, len(halos.mass), len(halos.mass) // 5):
        halo = NFWHalo(halos.mass[i] * u.solMass, halos.concentration[i], halos.redshift[i],
                       truncation=PHYSICS.truncation)
        scale = (halo.scale_radius / halo._distance).value
        assert halos.scale[i] == pytest.approx(scale, rel=2e-3)
        # The convergence integrated over the solid angle, from the formula at many radii.
        theta = np.geomspace(1e-4, 3e3, 4000) * scale
        kappa = halo.kappa(theta * u.rad, Z_SOURCE)
        total = np.trapezoid(2 * np.pi * theta**2 * kappa, np.log(theta))
        assert halos.weight[i] == pytest.approx(total, rel=5e-3)
        assert halos.tau[i] == pytest.approx(PHYSICS.truncation * halos.concentration[i])


def test_power_of_halos(drawn, powers):
    halos, _, region = drawn
    area = len(region) * TRACER_PIXELS.area
    for ell in (200, 600):
        window = truncated_nfw_fourier((ell + 0.5) * halos.scale, halos.tau)
        power = np.sum((halos.weight * window) ** 2) / area
        expected = powers.one_halo[ell] / powers.compensation[ell] ** 2
        assert power == pytest.approx(expected, rel=0.12)


def test_halos_follow_the_field(drawn, powers):
    halos, between, region = drawn
    transform = SphericalTransform(TRACER_PIXELS, region, powers.tracer_lmax)
    smooth = between.copy()
    smooth[transform.ell > 100] = 0
    field = transform.to_map(smooth)
    place = np.searchsorted(region, TRACER_PIXELS.at(halos.lon, halos.lat))
    weight = halos.weight / halos.weight.mean()
    at_halos = np.average(field[place], weights=weight) - field.mean()
    # The mean of the field at positions with the density 1 + b g is b times its covariance with g.
    low = np.arange(powers.tracer_lmax + 1) <= 100
    ell = np.arange(powers.tracer_lmax + 1)[low]
    strength, expected = 0.0, 0.0
    for one in powers.planes:
        share = one.plane.weights[0] * one.response[0]
        covariance = powers.between_halos(one)[low] * one.field[low]
        strength += share
        bias = one.response[0]  # the mean bias times the share of the mass that is in halos
        expected += one.plane.weights[0] * bias * np.sum((2 * ell + 1) * covariance) / (4 * np.pi)
    mean_kappa = halos.weight.sum() / (len(region) * TRACER_PIXELS.area)
    assert at_halos * mean_kappa == pytest.approx(expected, rel=0.25)


def test_seed(powers):
    region = np.arange(5000)
    one, other, third = (
        draw_halos(powers, PHYSICS, Z_SOURCE, region, np.random.default_rng(seed))[0]
        for seed in (3, 3, 4)
    )
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert len(one.lon) != len(third.lon) or not np.array_equal(one.lon, third.lon)
