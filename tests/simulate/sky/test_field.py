# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The lensing of a halo in a simulated sky, at all distances from its center."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from scipy.special import j0, jv

from lensmap.halos import NFWHalo, truncated_nfw_fourier
from lensmap.simulate.halo_model import mass_to_kappa
from lensmap.simulate.sky._field import _smooth_halos, smoothing_scale
from lensmap.simulate.sky._halos import SkyHalos
from lensmap.simulate.sky._points import SortedPoints, add_compact_lensing
from lensmap.simulate.sky._powers import COMPENSATION
from lensmap.simulate.sky._profiles import DividedProfiles
from lensmap.sphere import HealpixPixels, LensingInterpolator

NSIDE = 512

Z_SOURCE = 1.0


def as_sky_halo(halo, lon, lat):
    """Return an NFWHalo at a position as `SkyHalos`."""
    weight = halo.total_mass.value * mass_to_kappa(
        np.array([halo.z_lens]), Z_SOURCE, halo.cosmology
    )
    columns = (lon, lat, halo.z_lens, halo.m200c.value, halo.c200c, weight[0],
               (halo.scale_radius / halo._distance).value, halo.truncation * halo.c200c)
    return SkyHalos(*(np.array([float(value)]) for value in columns))


def compensation(sky_halo, theta, order):
    """Return the convergence (order 0) or shear (order 2) of a compensation, by its transform."""
    k = np.linspace(1e-6, 10 / COMPENSATION, 20001)
    window = truncated_nfw_fourier(k * sky_halo.scale[0], sky_halo.tau[0])
    window = k / (2 * np.pi) * window * np.exp(-0.5 * (k * COMPENSATION) ** 2)
    bessel = j0 if order == 0 else lambda x: jv(2, x)
    return sky_halo.weight[0] * np.trapezoid(window * bessel(k * theta), k)


@pytest.mark.parametrize(
    ("center", "mass", "z", "c"),
    [((10, 0), 1e15, 0.2, 4), ((0.01, 45), 5e13, 0.5, 5), ((200, -89.6), 3e14, 0.3, 5)],
)
def test_one_halo(center, mass, z, c):
    halo = NFWHalo(mass * u.solMass, c, z, truncation=2.5)
    sky_halo, lmax = as_sky_halo(halo, *center), 2 * NSIDE
    profiles = DividedProfiles(smoothing_scale(lmax))
    modes, reach = _smooth_halos(sky_halo, profiles, NSIDE, lmax)
    smooth = LensingInterpolator(modes, lmax, [center[0]], [center[1]], 1.5)
    assert reach[0] < np.radians(1.5)
    sky = SkyCoord(*center, unit="deg")
    rng = np.random.default_rng(1)
    for arcmin in (0.05, 0.2, 0.7, 2, 5, 10, 20, 40, 80):
        theta = np.radians(arcmin / 60)
        around = sky.directional_offset_by(rng.uniform(0, 360, 50) * u.deg, theta * u.rad)
        finest = HealpixPixels(1 << 29).at(around.ra.deg, around.dec.deg)
        order = np.argsort(finest)
        points = SortedPoints(finest[order], around.ra.deg[order], around.dec.deg[order])
        kappa, gamma = smooth.kappa_and_shear(points.lon, points.lat)
        add_compact_lensing(points, sky_halo, profiles, kappa, gamma)
        # The tangential direction, by astropy: angles from north through east.
        back = around[order].position_angle(sky).rad
        tangential = -gamma * np.exp(-2j * (np.pi / 2 - back))
        expected = halo.tangential_shear(theta * u.rad, Z_SOURCE)
        expected -= compensation(sky_halo, theta, 2)
        assert np.allclose(tangential.real, expected, rtol=2e-3, atol=3e-5), arcmin
        assert np.abs(tangential.imag).max() < 2e-5
        expected = halo.kappa(theta * u.rad, Z_SOURCE) - compensation(sky_halo, theta, 0)
        assert np.allclose(kappa, expected, rtol=2e-3, atol=1e-4), arcmin


def test_without_halos():
    none = SkyHalos(*(np.zeros(0) for _ in SkyHalos._fields))
    modes, reach = _smooth_halos(none, DividedProfiles(smoothing_scale(512)), 256, 512)
    assert not modes.any() and len(reach) == 0
