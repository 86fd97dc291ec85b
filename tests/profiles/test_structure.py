# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The covariance of shear profiles from structure, against Gaussian skies."""

import numpy as np
import pytest
from astropy import units as u

from lensmap.cosmology import convergence_power
from lensmap.flatsky import convergence_to_shear
from lensmap.profiles import structure_covariance


@pytest.mark.slow
def test_gaussian_skies_have_it():
    n, side = 512, np.deg2rad(0.5 / 60)
    bins = np.array([3.0, 6.0, 12.0, 24.0])
    ky, kx = np.fft.fftfreq(n)[:, np.newaxis], np.fft.rfftfreq(n)
    ell = 2 * np.pi * np.hypot(kx, ky) / side
    power = np.zeros(ell.shape)
    power[ell > 0] = convergence_power(ell[ell > 0], 1.0) / side**2
    y, x = np.indices((n, n)) - n // 2
    radius, spin = 0.5 * np.hypot(x, y), np.exp(-2j * np.arctan2(y, x))
    rings = [(radius >= a) & (radius < b) for a, b in zip(bins, bins[1:])]
    rng, found = np.random.default_rng(0), []
    for _ in range(60):
        kappa = np.fft.irfft2(np.sqrt(power) * np.fft.rfft2(rng.normal(size=(n, n))), (n, n))
        gamma = convergence_to_shear(kappa)
        for dy, dx in rng.integers(0, n, (12, 2)):  # the sky is periodic
            turned = -(np.roll(gamma, (dy, dx), (0, 1)) * spin).real
            found.append([turned[ring].mean() for ring in rings])
    expected = structure_covariance(bins * u.arcmin, z_source=1.0)
    measured = np.cov(np.array(found).T)
    np.testing.assert_allclose(np.diag(measured), np.diag(expected), rtol=0.15)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(measured / scale, expected / scale, atol=0.12)


def test_lengths_are_angles_at_the_lens():
    from lensmap.cosmology import get_cosmology

    scale = get_cosmology().angular_diameter_distance(0.3) / u.rad
    angles = [1, 2, 4] * u.arcmin
    np.testing.assert_allclose(
        structure_covariance((angles * scale).to(u.Mpc), z_lens=0.3, z_source=1.0),
        structure_covariance(angles, z_source=1.0),
    )


def test_the_power_of_camb(monkeypatch):
    from astropy.cosmology import Planck18

    from lensmap.cosmology._power import _halofit_power

    monkeypatch.setattr(
        "lensmap.cosmology._power.camb_power", lambda *args: 4 * _halofit_power(*args)
    )
    cosmology = Planck18.clone(name="of this test", H0=66.0)
    of_halofit, of_camb = (
        structure_covariance([1, 2, 4] * u.arcmin, z_source=1.0, cosmology=cosmology, power=power)
        for power in ("halofit", "camb")
    )
    np.testing.assert_allclose(of_camb, 4 * of_halofit, rtol=1e-6)
