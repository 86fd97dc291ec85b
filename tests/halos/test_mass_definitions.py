# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Masses in other definitions, from densities alone."""

import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM, Planck18

from lensmap.cosmology import colossus_cosmology
from lensmap.halos import convert_mass

MASSES = [1e14, 3e14, 1e15] * u.solMass


def test_back_and_forth():
    m500, r500, c500 = convert_mass(MASSES, 4.0, 0.3, "200c", "500c")
    np.testing.assert_allclose(m500 / MASSES, 0.6919, rtol=2e-4)  # NFW with c = 4
    back, r200, c200 = convert_mass(m500, c500, 0.3, "500c", "200c")
    np.testing.assert_allclose(back.to_value(u.solMass), MASSES.value, rtol=1e-9)
    np.testing.assert_allclose(c200, 4.0, rtol=1e-9)
    assert np.all(r200 > r500) and r200.unit == u.Mpc
    same, radius, c = convert_mass(MASSES, 4.0, 0.3, "200c", "200c")
    np.testing.assert_allclose(same / MASSES, 1, rtol=1e-9)
    np.testing.assert_allclose(c, 4.0, rtol=1e-9)
    np.testing.assert_allclose(radius / r200, 1, rtol=1e-8)


@pytest.mark.parametrize("mdef", ["500c", "200m", "vir", "50c", "2500c"])
@pytest.mark.parametrize("c", [0.5, 4.0, 15.0])
def test_colossus_has_the_same(mdef, c):
    from colossus.halo.mass_defs import changeMassDefinition

    mass, radius, c_out = convert_mass(1e14 * u.solMass, c, 0.4, "200c", mdef)
    with colossus_cosmology() as colossus:
        expected = changeMassDefinition(1e14 * colossus.h, c, 0.4, "200c", mdef)
        found = (mass.value * colossus.h, radius.to_value(u.kpc) * colossus.h, c_out)
    np.testing.assert_allclose(found, np.ravel(expected), rtol=2e-4)


def test_no_sigma8_is_needed():
    plain = FlatLambdaCDM(70, 0.3)
    assert "sigma8" not in plain.meta and not plain.Ob0
    for mdef in ("500c", "200m", "vir"):
        mass = convert_mass(1e15 * u.solMass, 4.0, 0.3, "200c", mdef, plain)[0]
        expected = convert_mass(1e15 * u.solMass, 4.0, 0.3, "200c", mdef)[0]
        assert (mass / expected).value == pytest.approx(1, rel=1e-4)


def test_massive_neutrinos_are_part_of_the_mean_density():
    mass, radius, _ = convert_mass(1e15 * u.solMass, 4.0, 0.0, "200c", "200m", Planck18)
    mean = (Planck18.Om0 + Planck18.Onu0) * Planck18.critical_density0
    density = mass / (4 / 3 * np.pi * radius**3) / (200 * mean)
    assert density.to_value(u.one) == pytest.approx(1, rel=2e-4)


@pytest.mark.parametrize(
    ("c", "mdef", "message"),
    [(-1, "500c", "c must be a positive"), (0, "500c", "c must be a positive"),
     (4, "500x", "mdef_out must be a mass definition"),
     (4, "0c", "mdef_out must be"), (4, "", "mdef_out must be"), (4, 500, "mdef_out must be")],
)
def test_bad_arguments_say_why(c, mdef, message):
    with pytest.raises(ValueError, match=message):
        convert_mass(MASSES, c, 0.3, "200c", mdef)
