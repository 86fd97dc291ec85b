# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The truth is checked first: the lenses of the contract suite against published numbers."""

import numpy as np
from astropy import units as u
from lenses import NFW

# M200c = 1e15 Msun, c = 4, z_lens = 0.3, z_source = 1, flat LambdaCDM 0.3, h = 0.7: two public
# codes agree on these to 0.05 per cent.
REFERENCE = {  # radius in Mpc: (gamma_t, kappa)
    0.1: (0.14608, 0.42690),
    0.3: (0.11117, 0.17368),
    1.0: (0.05124, 0.03792),
    3.0: (0.01531, 0.00614),
}


def test_nfw_has_the_published_shear_and_convergence():
    from astropy.cosmology import FlatLambdaCDM

    rho_crit = FlatLambdaCDM(H0=70, Om0=0.3).critical_density(0.3).to_value(u.Msun / u.Mpc**3)
    r200 = (1e15 / (4 / 3 * np.pi * 200 * rho_crit)) ** (1 / 3)
    r_s = r200 / 4
    rho_s = 200 / 3 * rho_crit * 4**3 / (np.log(5) - 4 / 5)
    sigma_crit = 2.835e15  # Msun / Mpc^2, facts of the same cosmology
    halo = NFW(kappa_s=rho_s * r_s / sigma_crit, theta_s=r_s)
    for radius, (gamma_t, kappa) in REFERENCE.items():
        np.testing.assert_allclose(halo.gamma_t(radius), gamma_t, rtol=2e-3)
        np.testing.assert_allclose(halo.kappa(radius), kappa, rtol=2e-3)


def test_mean_convergence_is_the_integral_of_the_convergence():
    halo = NFW()
    theta = np.linspace(1e-6, 5, 200_001)
    mean = np.trapezoid(2 * theta * halo.kappa(theta), theta) / 5**2
    np.testing.assert_allclose(halo.mean_kappa(5.0), mean, rtol=1e-4)
