# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Convergence and shear at any positions, held against ducc0's own evaluation there."""

import numpy as np
import pytest

from lensmap.sphere import HealpixPixels, LensingInterpolator, SphericalTransform
from lensmap.sphere._interpolation import multiply_multipoles

ducc0 = pytest.importorskip("ducc0")

LMAX = 200
ELL = np.concatenate([np.arange(m, LMAX + 1) for m in range(LMAX + 1)])


def modes_with(power, rng):
    """Return random coefficients with a given power."""
    modes = rng.standard_normal(len(ELL)) + 1j * rng.standard_normal(len(ELL))
    modes[: LMAX + 1] = modes[: LMAX + 1].real
    return modes * np.sqrt(power / 2)[ELL]


def at_positions(modes, lon, lat):
    """Return the convergence and the celestial shear, by ducc0 at the positions themselves."""
    where = np.radians(np.stack([90 - lat, lon], axis=-1))
    ell = np.maximum(ELL, 2.0)
    e_mode = modes * np.where(ELL < 2, 0, np.sqrt((ell + 2) * (ell - 1) / (ell * (ell + 1))))
    kappa = ducc0.sht.synthesis_general(
        alm=modes[np.newaxis], spin=0, lmax=LMAX, loc=where, epsilon=1e-10
    )[0]
    q, u = ducc0.sht.synthesis_general(
        alm=np.stack([e_mode, np.zeros_like(e_mode)]), spin=2, lmax=LMAX, loc=where, epsilon=1e-10
    )
    return kappa, -(q + 1j * u)


def around(lon, lat, radius, rng, n=400):
    """Return random positions within a radius (degrees) of a center."""
    distance, angle = radius * np.sqrt(rng.random(n)), 2 * np.pi * rng.random(n)
    lat0, lon0, r = np.radians(lat), np.radians(lon), np.radians(distance)
    new = np.arcsin(np.sin(lat0) * np.cos(r) + np.cos(lat0) * np.sin(r) * np.cos(angle))
    east = np.arctan2(
        np.sin(angle) * np.sin(r) * np.cos(lat0), np.cos(r) - np.sin(lat0) * np.sin(new)
    )
    return np.degrees(lon0 + east) % 360, np.degrees(new)


@pytest.mark.parametrize(
    "center", [(10, 0), (0, 45), (359.9, -70), (200, 89.5), (77, -90), (180, 85)]
)
def test_values_at_positions(center):
    rng = np.random.default_rng(1)
    power = np.zeros(LMAX + 1)
    power[2:121] = 1 / (np.arange(2, 121) + 10.0) ** 2  # up to 0.6 lmax
    modes = modes_with(power, rng)
    lon, lat = around(*center, 6, rng)
    inside = LensingInterpolator(modes, LMAX, [center[0]], [center[1]], 6.0)
    kappa, gamma = inside.kappa_and_shear(lon, lat)
    true_kappa, true_gamma = at_positions(modes, lon, lat)
    assert np.abs(kappa - true_kappa).max() < 5e-4 * true_kappa.std()
    assert np.abs(gamma - true_gamma).max() < 5e-4 * true_gamma.std()
    assert np.array_equal(inside.kappa(lon, lat), kappa)


@pytest.mark.parametrize(("ell", "error"), [(120, 2e-4), (160, 3e-3), (200, 0.02)])
def test_error_by_multipole(ell, error):
    rng = np.random.default_rng(2)
    power = np.zeros(LMAX + 1)
    power[ell - 3 : ell + 1] = 1
    modes = modes_with(power, rng)
    lon, lat = around(40, 30, 10, rng, 2000)
    inside = LensingInterpolator(modes, LMAX, [40], [30], 10.0)
    kappa, gamma = inside.kappa_and_shear(lon, lat)
    true_kappa, true_gamma = at_positions(modes, lon, lat)
    assert np.std(kappa - true_kappa) < error * true_kappa.std()
    assert np.std(gamma - true_gamma) < error * true_gamma.std()


def test_single_precision_and_several_parts():
    rng = np.random.default_rng(3)
    power = np.zeros(LMAX + 1)
    power[2:100] = 1.0
    modes = modes_with(power, rng)
    before = modes.astype(np.complex64)
    given = before.copy()
    # Two disks on both sides of RA = 0, and one far away: the gap between them is left out.
    lon0, lat0 = [350, 10, 120], [0, 5, -20]
    one = LensingInterpolator(given, LMAX, lon0, lat0, 3.0)
    assert np.array_equal(given, before)
    assert one._kappa.dtype == np.float32 and one._kappa.shape[1] < 0.45 * 2 * one.n_rings
    for place in zip(lon0, lat0, strict=True):
        lon, lat = around(*place, 3, rng)
        assert np.allclose(one.kappa_and_shear(lon, lat)[1], at_positions(modes, lon, lat)[1],
                           atol=1e-3 * abs(modes).max() * 60)
    assert LensingInterpolator.grid_bytes(LMAX, lon0, lat0, 3.0) == (
        one._kappa.nbytes + one._shear.nbytes
    )


def test_whole_sphere_agrees_with_the_transform():
    rng = np.random.default_rng(4)
    power = np.zeros(LMAX + 1)
    power[2:90] = 1.0
    modes = modes_with(power, rng)
    pixels = HealpixPixels(64)
    index = np.sort(rng.choice(pixels.n_pixels, 3000, replace=False))
    lon, lat = pixels.centers(np.arange(0, pixels.n_pixels, 97))
    sphere = LensingInterpolator(modes, LMAX, lon, lat, 3.0)
    shear = SphericalTransform(pixels, index, 200).to_shear(modes)
    found = sphere.kappa_and_shear(*pixels.centers(index))[1]
    assert np.std(found - shear) < 1e-3 * shear.std()


def test_position_outside_of_the_area():
    modes = np.zeros(len(ELL), complex)
    part = LensingInterpolator(modes, LMAX, [40], [30], 5.0)
    for lon, lat in ((40, 80), (80, 30)):
        with pytest.raises(ValueError, match="in the area of the interpolation"):
            part.kappa([lon], [lat])


def test_multiply_multipoles():
    factor = np.random.default_rng(5).random(LMAX + 1)
    modes = np.ones(len(ELL), complex)
    multiply_multipoles(modes, LMAX, factor)
    assert np.array_equal(modes, factor[ELL])
