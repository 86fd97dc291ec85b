# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Numbers, bias and concentrations of halos against published values."""

import numpy as np
import pytest
from astropy import units as u

from lensmap.halos import concentration, convert_mass, halo_bias, halo_counts, mass_function

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


def test_mass_definitions_convert_back_and_forth():
    m500, r500, c500 = convert_mass(MASSES, 4.0, 0.3, "200c", "500c")
    np.testing.assert_allclose(m500 / MASSES, 0.692, rtol=0.002)  # NFW with c = 4
    back, r200, c200 = convert_mass(m500, c500, 0.3, "500c", "200c")
    np.testing.assert_allclose(back.to_value(u.solMass), MASSES.value, rtol=1e-4)
    np.testing.assert_allclose(c200, 4.0, rtol=1e-4)
    assert np.all(r200 > r500) and r200.unit == u.Mpc
    assert np.all(convert_mass(MASSES, 4.0, 0.3, "200c", "200m")[0] > MASSES)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mass_function(1e14, 0.3), TypeError, "m200c must be masses with a unit"),
        (lambda: mass_function(-1 * u.solMass, 0.3), ValueError, "m200c must be positive"),
        (lambda: mass_function(MASSES, -0.3), ValueError, "z must be a finite redshift"),
        (lambda: mass_function(MASSES, 0.3, model="x"), ValueError, "model must be one of"),
        (lambda: concentration(MASSES, 0.3, model="x"), ValueError, "'diemer19', 'duffy08'"),
        (lambda: convert_mass(MASSES, -1, 0.3, "200c", "500c"), ValueError, "c must be a positive"),
        (lambda: convert_mass(MASSES, 4, 0.3, "200c", "500x"), ValueError, "mdef_out must be a"),
        (lambda: halo_counts(1e14 * u.solMass, (1, 0.5), 1 * u.deg**2), ValueError, "z_range"),
        (lambda: halo_counts(1e14 * u.solMass, (0, 1), 1.0), ValueError, "area must be a positive"),
    ],
)
def test_bad_arguments_say_why(call, error, message):
    with pytest.raises(error, match=message):
        call()
