# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Critical surface densities and the weights of the line of sight."""

import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM, LambdaCDM

from lensmap.cosmology import (
    MASSIVENUS,
    SourceRedshifts,
    lensing_efficiency,
    lensing_weight,
    matter_density,
    sigma_crit,
)

META = {"sigma8": 0.8, "n": 0.96}


@pytest.mark.parametrize(
    ("z_lens", "z_source", "value"),
    [(0.0231, 1.0, 1.782e16), (0.3, 1.0, 2.835e15), (0.3, 2.5, 2.277e15)],
)
def test_known_values(z_lens, z_source, value):
    """Flat, Omega_m = .3, h = .7."""
    found = sigma_crit(z_lens, z_source)
    assert found.unit == u.solMass / u.Mpc**2
    assert found.value == pytest.approx(value, rel=0.001)


@pytest.mark.parametrize("omega_lambda", [0.7, 0.5, 1.0])
def test_curved_spaces(omega_lambda):
    """By the sine, or its hyperbolic sister, of the comoving distance between the two."""
    cosmology = LambdaCDM(70, 0.3, omega_lambda, Ob0=0.05, meta=META)
    hubble = cosmology.hubble_distance.to_value(u.Mpc)
    root = np.sqrt(complex(cosmology.Ok0)) / hubble
    chi_lens, chi_source = (cosmology.comoving_distance(z).to_value(u.Mpc) for z in (0.3, 1.2))

    def transverse(chi):
        return chi if abs(root) < 1e-9 else (np.sinh(root * chi) / root).real

    distance = transverse(chi_lens) / 1.3 * u.Mpc
    ratio = transverse(chi_source - chi_lens) / transverse(chi_source)
    expected = constants.c**2 / (4 * np.pi * constants.G * distance * ratio)
    found = sigma_crit(0.3, 1.2, cosmology)
    assert (found / expected).to_value(u.one) == pytest.approx(1, abs=1e-6)


def test_a_distribution_is_the_mean_of_the_inverse():
    sources = SourceRedshifts.preset("lsst_y10")
    z = sources.sample(40_000, rng=1)
    ratio = np.clip(1 - (MASSIVENUS.comoving_distance(0.5) / MASSIVENUS.comoving_distance(z))
                    .to_value(u.one), 0, None)
    error = ratio.std() / np.sqrt(len(z))
    assert lensing_efficiency(0.5, sources) == pytest.approx(ratio.mean(), abs=4 * error)
    narrow = SourceRedshifts([0.999, 1.001], [1, 1])
    assert lensing_efficiency(0.5, narrow) == pytest.approx(lensing_efficiency(0.5, 1.0), rel=1e-3)


@pytest.mark.parametrize("z_lens", [0.2, 1.0, 1.4, 1.49])
def test_a_distribution_that_ends_abruptly_is_an_integral(z_lens):
    sources = SourceRedshifts([0.5, 1.5], [1, 1])
    z = np.linspace(max(z_lens, 0.5), 1.5, 20_001)
    chi = MASSIVENUS.comoving_distance(z).to_value(u.Mpc)
    ratio = 1 - MASSIVENUS.comoving_distance(z_lens).to_value(u.Mpc) / chi
    expected = np.trapezoid(ratio, z)
    assert lensing_efficiency(z_lens, sources) == pytest.approx(expected, rel=2e-3)


def test_sources_in_front_of_the_lens_are_not_lensed():
    np.testing.assert_array_equal(lensing_efficiency([1.0, 1.5], 1.0), 0)
    message = "z_lens must be lower than z_source, not 1.0: z_source is 0.5"
    with pytest.raises(ValueError, match=message):
        sigma_crit(1.0, 0.5)


def test_the_weight_integrates_to_the_convergence_of_twice_the_density():
    """In an Einstein-de Sitter universe the integral has a closed form."""
    eds = FlatLambdaCDM(70, 1.0, Ob0=0.05, Tcmb0=0, meta=META)
    z = np.linspace(0, 1, 4001)
    chi = eds.comoving_distance(z).to_value(u.Mpc)
    found = np.trapezoid(lensing_weight(z, 1.0, eds), chi)
    # chi = 2 c/H (1 - a^1/2): with y = a^1/2, the integral is 6 int (1-y) (y-y_s) / (1-y_s) dy/y^2
    y_s = 0.5**0.5
    y = np.linspace(y_s, 1, 200_001)
    expected = 6 * np.trapezoid((1 - y) * (y - y_s) / (1 - y_s) / y**2, y)
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("z_lens", [-0.1, np.nan])
def test_bad_lens_redshifts(z_lens):
    with pytest.raises(ValueError, match="z_lens must be"):
        lensing_efficiency(z_lens, 1.0)
    with pytest.raises(ValueError, match="z_lens must be positive"):
        sigma_crit(z_lens, 1.0)


@pytest.mark.parametrize("masses", [[0, 0, 0.06], [0.02, 0.02, 0.02], [0, 0, 0.6]])
def test_massive_neutrinos_deflect_light(masses):
    """astropy's Om0 leaves them out."""
    cosmology = FlatLambdaCDM(70, 0.28, Ob0=0.05, Tcmb0=2.7255, m_nu=masses * u.eV)
    chi, chi_source = cosmology.comoving_distance([0.4, 1.0]).to_value(u.Mpc)
    matter = float(cosmology.Om0 + cosmology.Onu0)
    hubble = (cosmology.H0 / constants.c).to_value(1 / u.Mpc)
    expected = 1.5 * hubble**2 * matter * 1.4 * chi * (1 - chi / chi_source)
    assert lensing_weight(0.4, 1.0, cosmology) == pytest.approx(expected, rel=1e-3)


def test_massless_neutrinos_are_radiation():
    cosmology = FlatLambdaCDM(70, 0.3, Ob0=0.05, Tcmb0=2.7255)
    assert cosmology.Onu0 > 3e-5 and matter_density(cosmology) == 0.3
