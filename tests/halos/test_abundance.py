# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Numbers, bias and concentrations of halos against published values."""

import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM

from lensmap.cosmology import colossus_cosmology
from lensmap.cosmology._parameters import cosmology_key
from lensmap.cosmology._power import _linear
from lensmap.halos import concentration, halo_bias, halo_counts, mass_function

MASSES = [1e14, 3e14, 1e15] * u.solMass


@pytest.mark.parametrize(
    ("model", "values"), [("duffy08", [3.74, 3.41, 3.09]), ("diemer19", [4.36, 3.94, 3.79])]
)
def test_concentrations(model, values):
    np.testing.assert_allclose(concentration(MASSES, 0.3, model=model), values, rtol=2e-3)


@pytest.mark.parametrize(("mass", "n"), [(1e14, 217), (2e14, 52), (3e14, 20), (5e14, 4.6)])
def test_halos_in_a_field(mass, n):
    found = halo_counts(mass * u.solMass, (0.05, 1.0), 12.25 * u.deg**2)
    assert found == pytest.approx(n, abs=0.5 if n > 5 else 0.05)


def test_shapes_and_units():
    masses = np.full((2, 3), 1e14) * u.solMass
    density = mass_function(masses, 0.5)
    assert density.shape == (2, 3) and density.unit == u.Mpc**-3
    assert halo_bias(masses, 0.5).shape == concentration(masses, 0.5).shape == (2, 3)
    single = halo_bias(1e14 * u.solMass, 0.5)
    assert np.shape(single) == () and 2.5 < single < 3
    # the same mass in other units
    assert concentration((1e14 * u.solMass).to(u.kg), 0.3) == pytest.approx(4.36, rel=2e-3)


def test_heavier_halos_are_rarer_and_cluster_more():
    masses = np.geomspace(1e12, 1e15, 10) * u.solMass
    assert np.all(np.diff(mass_function(masses, 0.3).value) < 0)
    assert np.all(np.diff(halo_bias(masses, 0.3)) > 0)


def test_neutrinos_do_not_collapse():
    """The mass function is that of cold matter, by the definition of Tinker et al. 2008."""
    from colossus.lss.mass_function import modelTinker08

    onu = 0.3 / 93.14 / 0.49
    cosmology = FlatLambdaCDM(
        70, 0.3 - onu, Ob0=0.046, Tcmb0=2.7255, Neff=3.046, m_nu=[0.1, 0.1, 0.1] * u.eV,
        meta={"sigma8": 0.8, "n": 0.97},
    )
    k, step = np.linspace(-9.2, 4.6, 4000, retstep=True)
    k = np.exp(k)
    ln_mass = np.log(3e14) + np.array([-0.02, 0.0, 0.02])
    cold = float(cosmology.Om0 * cosmology.critical_density0.to_value(u.solMass / u.Mpc**3))
    radius = (3 * np.exp(ln_mass) / (4 * np.pi * cold)) ** (1 / 3)
    x = k * radius[:, np.newaxis]
    window = 3 * (np.sin(x) - x * np.cos(x)) / x**3
    key = cosmology_key(cosmology)
    with colossus_cosmology(key) as colossus:
        power = _linear(k, 0.3, key, colossus, cold=True)
        sigma = np.sqrt(np.sum(power * window**2 * k**3, axis=1) * step / (2 * np.pi**2))
        f = modelTinker08(sigma[1:2], 0.3, "200c")[0]
    expected = f * cold / 3e14 * (np.log(sigma[0]) - np.log(sigma[2])) / 0.04
    found = mass_function(3e14 * u.solMass, 0.3, cosmology).value
    # The power of cold matter has almost the shape of that of all matter.
    assert found == pytest.approx(expected, rel=0.02)
    massless = FlatLambdaCDM(70, 0.3, Ob0=0.046, Tcmb0=2.7255, Neff=3.046, meta=cosmology.meta)
    assert found > 1.05 * mass_function(3e14 * u.solMass, 0.3, massless).value


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mass_function(1e14, 0.3), TypeError, "m200c must be masses with a unit"),
        (lambda: mass_function(-1 * u.solMass, 0.3), ValueError, "m200c must be positive"),
        (lambda: mass_function(MASSES, -0.3), ValueError, "z must be a finite redshift"),
        (lambda: mass_function(MASSES, 0.3, model="x"), ValueError, "model must be one of"),
        (lambda: concentration(MASSES, 0.3, model="x"), ValueError, "'diemer19', 'duffy08'"),
        (lambda: halo_counts(1e14 * u.solMass, (1, 0.5), 1 * u.deg**2), ValueError, "z_range"),
        (lambda: halo_counts(1e14 * u.solMass, (0, 1), 1.0), ValueError, "area must be a positive"),
    ],
)
def test_bad_arguments_say_why(call, error, message):
    with pytest.raises(error, match=message):
        call()
