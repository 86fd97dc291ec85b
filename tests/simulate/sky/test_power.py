# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The power of a whole simulated sky is that of the theory, and that of a halo is its own.

``scripts/mock_sky_power.py`` measures it for parts of the sky, with small halos.
"""

import math

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.cosmology import get_cosmology
from lensmap.halos import nfw_mass, radius_200c, truncated_nfw_fourier, truncated_nfw_mass
from lensmap.simulate.halo_model import HaloPhysics, mass_to_kappa
from lensmap.simulate.sky._field import _smooth_halos, draw_field, smoothing_scale
from lensmap.simulate.sky._footprint import Footprint
from lensmap.simulate.sky._galaxies import SkyLensing, SkyTask, true_kappa_of_cell
from lensmap.simulate.sky._halos import SkyHalos
from lensmap.simulate.sky._powers import COMPENSATION, SkyPowers
from lensmap.simulate.sky._profiles import DividedProfiles
from lensmap.sphere import (
    HealpixPixels,
    LensingInterpolator,
    SphericalTransform,
    gaussian_window,
    pixel_window,
)

LMAX = 512


@pytest.mark.slow
def test_power_of_the_smooth_sky():
    # The halos are few, so that those of the whole sphere are quick to draw.
    physics = HaloPhysics(1.5e14, 2.5, 0.37, 1.0, 0.0, 0.0)
    powers = SkyPowers(get_cosmology(None), 1.0, physics, LMAX)
    field = draw_field(
        powers, physics, 1.0, LMAX // 2, Footprint(4 * np.pi * u.sr), np.random.default_rng(5)
    )
    transform = SphericalTransform(HealpixPixels(LMAX // 2), [0], LMAX)
    power = transform.power(field.kappa.astype(complex))
    # All parts of the theory, of which the smooth sky has the halos convolved with a Gaussian.
    window = gaussian_window(smoothing_scale(LMAX), LMAX)
    expected = window**2 * powers.one_halo + powers.residual
    for one in powers.planes:
        halos = one.plane.weights[0] * powers.compensation * window
        between = powers.between_halos(one)
        expected += halos**2 * one.tracers
        expected += (2 * between * halos * one.response + between**2) * one.field
    for low, high in ((10, 30), (30, 60), (60, 100), (100, 150), (150, 250), (250, 512)):
        ratio = np.mean(power[low:high] / expected[low:high])
        # The scatter of a Gaussian field with this number of modes.
        assert ratio == pytest.approx(1, abs=0.01 + 4 * np.sqrt(2 / (high**2 - low**2)))


@pytest.mark.slow
@pytest.mark.parametrize(("mass", "redshift", "lon"), [(3e14, 0.3, 150.37), (5e13, 0.5, 150.1)])
def test_power_of_one_halo_in_the_true_map(mass, redshift, lon):
    """Pixels hold the mass of a halo also where they are wider than its core: no power is lost."""
    nside, lmax, lat = 1024, 2047, 12.3
    truth = HealpixPixels(2 * nside)
    footprint = Footprint(30 * u.deg**2, SkyCoord(lon, lat, unit="deg"))
    cosmology = get_cosmology(None)
    m, z, c = np.array([mass]), np.array([redshift]), np.array([4.0])
    tau = 2.5 * c
    weight = m * truncated_nfw_mass(tau) / nfw_mass(c) * mass_to_kappa(z, 1.0, cosmology)
    radius = radius_200c(m * u.solMass, z, cosmology) / cosmology.angular_diameter_distance(z)
    halo = SkyHalos(np.array([lon]), np.array([lat]), z, m, c, weight, radius.value / c, tau)
    profiles = DividedProfiles(smoothing_scale(lmax))
    modes, reach = _smooth_halos(halo, profiles, nside, lmax)
    smooth = LensingInterpolator(
        modes, lmax, *footprint.lon_lat, math.degrees(footprint.cell_radius)
    )
    lensing = SkyLensing(smooth, halo, reach, profiles)
    task = SkyTask(lensing, None, None, footprint, None, 1.0, True, 0, 3, truth)
    parts = [true_kappa_of_cell(task, int(cell)) for cell in footprint.index]
    index, kappa = (np.concatenate(values) for values in zip(*parts, strict=True))
    transform = SphericalTransform(truth, index, lmax)
    power = transform.power(transform.to_coefficients(kappa.astype(float)))
    ell = np.arange(lmax + 1)
    profile = weight * truncated_nfw_fourier((ell + 0.5) * halo.scale, tau)
    profile *= (1 - gaussian_window(COMPENSATION, lmax)) * pixel_window(truth.nside, lmax)
    # Below, the footprint cuts off a part of the compensation.
    for low, high in ((300, 500), (500, 700), (700, 1000), (1000, 1500), (1500, 2000)):
        ratio = power[low:high].sum() / np.sum(profile[low:high] ** 2 / (4 * np.pi))
        assert ratio == pytest.approx(1, abs=0.02)
