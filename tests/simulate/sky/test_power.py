# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The power of a whole simulated sky is that of the theory.

``scripts/mock_sky_power.py`` measures it for parts of the sky, with small halos.
"""

import numpy as np
import pytest
from astropy import units as u

from lensmap.cosmology import get_cosmology
from lensmap.simulate.halo_model import HaloPhysics
from lensmap.simulate.sky._field import draw_field, smoothing_scale
from lensmap.simulate.sky._footprint import Footprint
from lensmap.simulate.sky._powers import SkyPowers
from lensmap.sphere import HealpixPixels, SphericalTransform, gaussian_window

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
