# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of `lensmap.sphere.SphericalTransform`, against healpy and analytic shear."""

import numpy as np
import pytest

from lensmap.sphere import HealpixPixels, SphericalTransform

pytest.importorskip("ducc0")

NSIDE, LMAX = 64, 128


@pytest.fixture(scope="module")
def pixels():
    return HealpixPixels(NSIDE)


@pytest.fixture(scope="module")
def transform(pixels):
    return SphericalTransform(pixels)


def random_modes(transform, seed):
    rng = np.random.default_rng(seed)
    modes = rng.standard_normal(len(transform.ell)) + 1j * rng.standard_normal(len(transform.ell))
    modes[: transform.lmax + 1] = modes[: transform.lmax + 1].real
    modes[transform.ell < 2] = 0
    return modes


def test_convergence_is_that_of_healpy(pixels, transform):
    """healpy without iterations, for minus the shear: its basis is rotated by 90 deg."""
    healpy = pytest.importorskip("healpy")
    shear = np.random.default_rng(2).standard_normal((2, pixels.n_pixels))
    in_rings = shear[:, pixels.from_ring(np.arange(pixels.n_pixels))]
    e, b = healpy.map2alm_spin([-in_rings[0], -in_rings[1]], 2, lmax=LMAX)
    ell = healpy.Alm.getlm(LMAX)[0].astype(float)
    factor = np.zeros(len(ell))
    some = ell >= 2
    factor[some] = np.sqrt((ell * (ell + 1))[some] / ((ell + 2) * (ell - 1))[some])
    kappa, kappa_b = transform.to_convergence(shear[0] + 1j * shear[1])
    np.testing.assert_allclose(kappa, factor * e, atol=1e-14)
    np.testing.assert_allclose(kappa_b, factor * b, atol=1e-14)


@pytest.mark.parametrize(("lon", "lat"), [(40, 0), (130, 45), (300, 75), (0.5, -20), (77, -89.5)])
def test_shear_of_a_lens_is_tangential(pixels, transform, lon, lat):
    """Around a symmetric mass: gamma_t = mean kappa within theta minus kappa at theta."""
    sigma = np.radians(6.0)
    index = np.arange(pixels.n_pixels)
    center = np.radians([lon, lat])
    x, y = (np.radians(a) for a in pixels.centers(index))
    cosine = np.sin(y) * np.sin(center[1]) + np.cos(y) * np.cos(center[1]) * np.cos(x - center[0])
    theta = np.arccos(np.clip(cosine, -1, 1))
    profile = np.exp((np.cos(theta) - 1) / sigma**2)
    kappa = transform.to_coefficients(profile)
    kappa[transform.ell < 2] = 0
    shear = transform.to_shear(kappa)
    # Position angle of the center as seen from each pixel, from north through east.
    north = np.cos(y) * np.sin(center[1]) - np.sin(y) * np.cos(center[1]) * np.cos(center[0] - x)
    angle = np.arctan2(np.cos(center[1]) * np.sin(center[0] - x), north)
    to_center = np.pi / 2 - angle  # from east through north
    turned = -shear * np.exp(-2j * to_center)
    scalar = transform.to_map(kappa)
    for ring in np.radians(np.arange(4, 30, 2.0)):
        at_ring = np.abs(theta - ring) < np.radians(0.6)
        assert np.mean(turned[at_ring].real) > 0.01
        assert np.abs(np.mean(turned[at_ring].imag)) < 2e-3 * np.mean(turned[at_ring].real) + 2e-4
    ring = np.radians(12.0)
    at_ring = np.abs(theta - ring) < np.radians(0.5)
    difference = scalar[theta < ring].mean() - scalar[at_ring].mean()
    # This law of the plane holds to about a per cent on the sphere at 12 deg.
    assert np.mean(turned[at_ring].real) == pytest.approx(difference, rel=0.03)


def test_round_trip(transform):
    kappa, kappa_b = random_modes(transform, 3), random_modes(transform, 4)
    shear = transform.to_shear(kappa, kappa_b)
    found = transform.to_convergence(shear)
    low = (transform.ell >= 2) & (transform.ell < NSIDE)
    for modes, expected in zip(found, (kappa, kappa_b), strict=True):
        # One quadrature with equal weights is exact to about a per cent of the other modes.
        assert np.std((modes - expected)[low]) < 0.02
    # i times the shear: the new E is minus the old B, and the new B the old E.
    turned = transform.to_convergence(1j * shear)
    np.testing.assert_allclose(turned[0], -found[1], atol=1e-12)
    np.testing.assert_allclose(turned[1], found[0], atol=1e-12)


def test_some_of_the_pixels(pixels, transform):
    rng = np.random.default_rng(5)
    index = rng.choice(pixels.n_pixels, 3000, replace=False)
    values = np.zeros(pixels.n_pixels, complex)
    values[index] = rng.standard_normal(3000) + 1j * rng.standard_normal(3000)
    part = SphericalTransform(pixels, index)
    assert part.n_pixels == 3000
    for whole, some in zip(transform.to_convergence(values), part.to_convergence(values[index]),
                           strict=True):
        np.testing.assert_allclose(some, whole, atol=1e-15)
    kappa = random_modes(transform, 6)
    np.testing.assert_allclose(part.to_shear(kappa), transform.to_shear(kappa)[index], atol=1e-10)
    np.testing.assert_allclose(part.to_map(kappa), transform.to_map(kappa)[index], atol=1e-10)


def test_adjoint(pixels):
    rng = np.random.default_rng(7)
    part = SphericalTransform(pixels, rng.choice(pixels.n_pixels, 500, replace=False), 60)
    kappa, kappa_b = random_modes(part, 8), random_modes(part, 9)
    values = rng.standard_normal(500) + 1j * rng.standard_normal(500)
    in_pixels = np.sum((np.conj(values) * part.to_shear(kappa, kappa_b)).real)
    adjoint = part.adjoint_of_shear(values)
    in_modes = sum(
        np.sum((np.conj(one) * other).real * part.multiplicity)
        for one, other in zip(adjoint, (kappa, kappa_b), strict=True)
    )
    assert in_modes == pytest.approx(in_pixels, rel=1e-11)


def test_power_of_white_noise(transform):
    rng = np.random.default_rng(10)
    noise = rng.standard_normal(transform.n_pixels)
    power = transform.power(transform.to_coefficients(noise))
    assert np.mean(power[20:100]) == pytest.approx(transform.pixels.area, rel=0.02)


def test_bad_lmax(pixels):
    with pytest.raises(ValueError, match="lmax must be at most 4 times nside, 256, not 300"):
        SphericalTransform(pixels, lmax=300)
