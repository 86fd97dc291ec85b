# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The door to colossus leaves everything as it was."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import LambdaCDM

from lensmap.cosmology import colossus_cosmology, get_cosmology
from lensmap.halos import concentration


def test_the_user_s_cosmology_comes_back():
    from colossus import settings
    from colossus.cosmology import cosmology

    before = cosmology.setCosmology("WMAP9", persistence="")
    base = settings.BASE_DIR
    with colossus_cosmology("Planck18") as mine:
        assert cosmology.getCurrent() is mine and mine.H0 == pytest.approx(67.66)
    assert cosmology.getCurrent() is before and settings.BASE_DIR == base
    with pytest.raises(RuntimeError, match="on purpose"), colossus_cosmology():
        raise RuntimeError("on purpose")
    assert cosmology.getCurrent() is before and settings.BASE_DIR == base


def test_numbers_are_those_of_the_astropy_cosmology():
    with colossus_cosmology() as colossus:
        assert colossus.sigma(8.0) == pytest.approx(0.8496, rel=1e-3)
        mine = get_cosmology().comoving_distance(1.0).to_value(u.Mpc)
        assert colossus.comovingDistance(0.0, 1.0) / colossus.h == pytest.approx(mine, rel=1e-4)


def test_a_little_curvature_is_kept():
    cosmology = LambdaCDM(70, 0.3, 0.699, Ob0=0.05, Tcmb0=2.7255, meta={"sigma8": 0.8, "n": 0.96})
    with colossus_cosmology(cosmology) as colossus:
        assert colossus.Ok0 == pytest.approx(cosmology.Ok0, rel=0.01)


def test_neutrinos_are_matter_or_radiation():
    planck = get_cosmology("Planck18")
    with colossus_cosmology(planck) as colossus:
        assert colossus.Om0 == pytest.approx(float(planck.Om0 + planck.Onu0), rel=1e-4)
        assert colossus.Neff == pytest.approx(planck.Neff * 2 / 3)
        assert colossus.Ode0 == pytest.approx(planck.Ode0, rel=1e-4)


def test_threads_with_different_cosmologies_do_not_meet():
    names = ["massivenus", "Planck18", "WMAP5"] * 4
    expected = {name: concentration(1e14 * u.solMass, 0.3, name) for name in set(names)}
    assert len({float(value) for value in expected.values()}) == 3
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda name: concentration(1e14 * u.solMass, 0.3, name), names))
    np.testing.assert_array_equal(found, [expected[name] for name in names])


@pytest.mark.slow
def test_nothing_is_written_to_the_home(tmp_path):
    """It may be read-only."""
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o500)
    code = """
from astropy import units as u
from lensmap.cosmology import convergence_power
from lensmap.halos import concentration, halo_counts
print(convergence_power(1000.0, 1.0), concentration(1e14 * u.solMass, 0.3))
print(halo_counts(1e14 * u.solMass, (0.1, 0.2), 1 * u.deg**2))
"""
    astropy_home = tmp_path / "xdg"
    (astropy_home / "astropy").mkdir(parents=True)
    environment = os.environ | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(astropy_home),
        "XDG_CACHE_HOME": str(astropy_home),
    }
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)
    assert list(home.iterdir()) == []
