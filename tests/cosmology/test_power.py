# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Power spectra against CAMB, an independent code, and against published values."""

from pathlib import Path

import numpy as np
import pytest
from astropy.cosmology import Flatw0waCDM
from astropy.table import Table

from lensmap.cosmology import (
    SourceRedshifts,
    convergence_power,
    get_cosmology,
    linear_power,
    nonlinear_power,
)

REFERENCE = Path(__file__).parents[1] / "data"
K = np.geomspace(0.005, 10, 25)
H = 0.7


def _camb(z, nonlinear, w=-1.0):
    camb = pytest.importorskip("camb")
    parameters = camb.set_params(
        H0=70, ombh2=0.046 * H**2, omch2=0.254 * H**2, mnu=0, num_massive_neutrinos=0, omk=0,
        TCMB=2.7255, ns=0.97, As=2.1e-9, w=w, halofit_version="takahashi",
        dark_energy_model="fluid",
    )
    table = camb.get_matter_power_interpolator(
        parameters, nonlinear=nonlinear, hubble_units=False, k_hunit=False, kmax=30, zmax=3
    )
    sigma8 = 0.8496
    if w != -1.0:
        parameters.set_matter_power(redshifts=[0.0], kmax=5)
        sigma8 = float(camb.get_results(parameters).get_sigma8_0())
    return np.array([table.P(one, K) for one in z]), sigma8


def test_linear_power_is_camb_s():
    expected, sigma8 = _camb([0.0, 1.0], nonlinear=False)
    for z, power in zip([0.0, 1.0], expected, strict=True):
        # the transfer function is a fit: 4 per cent at the acoustic peaks, 2 elsewhere
        np.testing.assert_allclose(linear_power(K, z), power, rtol=0.05)
        assert np.mean(linear_power(K, z) / power) == pytest.approx(1, abs=0.015)


@pytest.mark.parametrize("w", [-1.0, pytest.param(-0.8, marks=pytest.mark.slow)])
def test_nonlinear_power_is_camb_s_halofit(w):
    redshifts = [0.0, 0.5, 1.0, 2.0]
    expected, sigma8 = _camb(redshifts, nonlinear=True, w=w)
    cosmology = get_cosmology()
    if w != -1.0:
        cosmology = Flatw0waCDM(70, 0.3, w0=w, wa=0, Ob0=0.046, Tcmb0=2.7255, Neff=3.046,
                                meta={"sigma8": sigma8, "n": 0.97})
    for z, power in zip(redshifts, expected, strict=True):
        found = nonlinear_power(K, z, cosmology)
        np.testing.assert_allclose(found, power, rtol=0.06)
        assert np.mean(found / power) == pytest.approx(1, abs=0.02)


def test_power_is_continued_beyond_its_table():
    k = np.array([800.0, 1000.0, 1250.0, 1562.5])
    ratio = np.diff(np.log(nonlinear_power(k, 0.5)))
    np.testing.assert_allclose(ratio, ratio[0], rtol=0.05)
    low = nonlinear_power(np.array([1e-5, 1e-4]), 0.0)
    assert low[1] / low[0] == pytest.approx(10**0.97, rel=0.02)  # k^n


def test_convergence_power_is_the_published_halofit():
    table = Table.read(REFERENCE / "massivenus_power_ratio.ecsv")
    ell = np.array(table["ell"], dtype=float)
    found = ell**2 * convergence_power(ell, 1.0) / (2 * np.pi)
    np.testing.assert_allclose(found, table["halofit"], rtol=0.02)  # its two digits


def test_a_narrow_distribution_is_a_plane_and_a_wide_one_is_in_between():
    ell = np.array([100.0, 1000.0, 8000.0])
    plane = convergence_power(ell, 1.0)
    narrow = SourceRedshifts([0.99, 1.01], [1, 1])
    np.testing.assert_allclose(convergence_power(ell, narrow), plane, rtol=5e-3)
    wide = SourceRedshifts([0.5, 1.5], [1, 1])
    low, high = convergence_power(ell, 0.5), convergence_power(ell, 1.5)
    assert np.all((convergence_power(ell, wide) > low) & (convergence_power(ell, wide) < high))


def test_bad_arguments_say_why():
    with pytest.raises(ValueError, match="ell must be positive and finite"):
        convergence_power([0.0, 100.0], 1.0)
    with pytest.raises(ValueError, match="z must be a redshift between 0 and 12"):
        nonlinear_power(1.0, -0.5)
    with pytest.raises(ValueError, match="z_source must be at most 12"):
        convergence_power(100.0, 20.0)
