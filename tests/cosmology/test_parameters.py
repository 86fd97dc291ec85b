# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which cosmologies are taken, and what is said of others."""

import pytest
from astropy.cosmology import FlatLambdaCDM, Flatw0waCDM, LambdaCDM, Planck18, wpwaCDM

from lensmap.cosmology import MASSIVENUS, available_cosmologies, get_cosmology, sigma_crit
from lensmap.cosmology._parameters import cosmology_key

META = {"sigma8": 0.8, "n": 0.96}


def test_names():
    assert get_cosmology() is MASSIVENUS is get_cosmology("massivenus")
    assert get_cosmology("planck18") is Planck18
    for name in available_cosmologies():
        assert cosmology_key(get_cosmology(name)).sigma8 > 0.7


@pytest.mark.parametrize(
    "cosmology",
    [
        FlatLambdaCDM(70, 0.3, Ob0=0.05, meta=META),
        LambdaCDM(70, 0.3, 0.6, Ob0=0.05, meta=META),
        Flatw0waCDM(70, 0.3, w0=-0.9, wa=0.1, Ob0=0.05, meta=META),
    ],
)
def test_an_astropy_cosmology_goes_in_and_comes_out(cosmology):
    assert get_cosmology(cosmology) is cosmology
    key = cosmology_key(cosmology)
    assert (key.H0, key.Om0, key.sigma8, key.n) == (70, 0.3, 0.8, 0.96)
    assert key.w0 == getattr(cosmology, "w0", -1)


@pytest.mark.parametrize(
    ("cosmology", "error", "message"),
    [
        ("Planck81", ValueError, "cosmology must be one of 'massivenus', 'Planck13'"),
        (0.3, TypeError, "cosmology must be an astropy cosmology, .*, not float"),
        (FlatLambdaCDM(70, 0.3, Ob0=0.05), ValueError, "must have 'sigma8' in its meta"),
        (FlatLambdaCDM(70, 0.3, Ob0=0.05, meta={"sigma8": 0.8}), ValueError, "has only 'sigma8'"),
        (FlatLambdaCDM(70, 0.3, meta=META), ValueError, "make it with Ob0="),
        (
            FlatLambdaCDM(70, 0.3, Ob0=0.05, meta={"sigma8": 8, "n": 0.96}),
            ValueError,
            "sigma8 between 0.1 and 3.0, not 8",
        ),
    ],
)
def test_what_cannot_be_used_says_why(cosmology, error, message):
    with pytest.raises(error, match=message):
        get_cosmology(cosmology)


def test_dark_energy_of_another_kind_is_refused():
    other = wpwaCDM(70, 0.3, 0.7, Ob0=0.05, meta=META)
    with pytest.raises(ValueError, match="must be an astropy LambdaCDM, wCDM or w0waCDM"):
        cosmology_key(other)


def test_distances_need_no_structure():
    cosmology = FlatLambdaCDM(70, 0.3)
    assert get_cosmology(cosmology, structure=False) is cosmology
    assert sigma_crit(0.3, 1.0, cosmology).value == pytest.approx(2.835e15, rel=1e-3)
