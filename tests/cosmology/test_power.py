# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Power spectra against CAMB, an independent code, and against published values."""

import sys
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM, Flatw0waCDM, LambdaCDM
from astropy.table import Table

from lensmap.cosmology import (
    SourceRedshifts,
    convergence_power,
    get_cosmology,
    linear_power,
    nonlinear_power,
)
from lensmap.halos import mass_function

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


def _with_neutrinos(masses, omega_m=0.3):
    """Return a flat cosmology with sigma8 = 0.8, and ``omega_m`` with its neutrinos (in eV)."""
    return FlatLambdaCDM(70, omega_m - sum(masses) / 93.14 / H**2, Ob0=0.046, Tcmb0=2.7255,
                         Neff=3.046, m_nu=masses * u.eV, meta={"sigma8": 0.8, "n": 0.97})


# C_l for z_s = 1 by CAMB 2.0 with the halofit of Takahashi et al. 2012 and a Limber integral of its
# own.
ELL = np.array([30.0, 100.0, 300.0, 1000.0, 3000.0, 6000.0])
CAMB = {
    (0, 0, 0.06): [2.440e-08, 7.329e-09, 1.712e-09, 4.009e-10, 9.087e-11, 2.745e-11],
    (0.02, 0.02, 0.02): [2.434e-08, 7.329e-09, 1.713e-09, 4.011e-10, 9.091e-11, 2.746e-11],
    (0, 0, 0.6): [2.915e-08, 7.913e-09, 1.774e-09, 4.045e-10, 8.848e-11, 2.650e-11],
    (0.2, 0.2, 0.2): [2.809e-08, 7.765e-09, 1.785e-09, 4.140e-10, 9.187e-11, 2.764e-11],
}

# The same for the curvature Ok0, sigma8 = 0.8 and Om0 = 0.3.
CURVED = {
    0.1: [2.286e-08, 6.810e-09, 1.596e-09, 3.827e-10, 8.821e-11, 2.694e-11],
    -0.05: [2.484e-08, 7.551e-09, 1.760e-09, 4.073e-10, 9.180e-11, 2.759e-11],
}


@pytest.mark.parametrize("curvature", [0.1, -0.05])
def test_lensing_power_with_curvature(curvature):
    cosmology = LambdaCDM(70, 0.3, 0.7 - curvature, Ob0=0.046, Tcmb0=2.7255, Neff=3.046,
                          meta={"sigma8": 0.8, "n": 0.97})
    found = convergence_power(ELL, 1.0, cosmology)
    np.testing.assert_allclose(found, CURVED[curvature], rtol=0.012)


# The linear power at redshift 0 by CAMB 2.0, divided by that of massless neutrinos with the same
# sigma8, at wavenumbers in 1/Mpc.
K_RATIO = [0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0]
RATIO = {
    (0.02, 0.02, 0.02): [1.0239, 1.0132, 1.0050, 0.9995, 0.9974, 0.9958, 0.9945],
    (0, 0, 0.06): [1.0320, 1.0193, 1.0068, 0.9994, 0.9968, 0.9950, 0.9937],
    (0.05, 0.1, 0.15): [1.1897, 1.1248, 1.0459, 0.9965, 0.9787, 0.9691, 0.9622],
    (0, 0, 0.6): [1.4262, 1.3578, 1.1640, 0.9979, 0.9118, 0.8710, 0.8529],
}


@pytest.mark.parametrize("masses", RATIO)
def test_neutrinos_change_the_linear_power_as_in_camb(masses):
    k = np.array(K_RATIO)
    ratio = linear_power(k, 0.0, _with_neutrinos(masses)) / linear_power(
        k, 0.0, _with_neutrinos((0, 0, 0))
    )
    # Of the neutrinos' own effect, 5 per cent.
    np.testing.assert_allclose(ratio, RATIO[masses], rtol=0, atol=0.05 * np.ptp(RATIO[masses]))


@pytest.mark.parametrize(
    ("masses", "tolerance"),
    [((0, 0, 0.06), 0.012), ((0.02,) * 3, 0.012), ((0, 0, 0.6), 0.022), ((0.2,) * 3, 0.015)],
)
def test_lensing_power_with_massive_neutrinos(masses, tolerance):
    found = convergence_power(ELL, 1.0, _with_neutrinos(masses))
    np.testing.assert_allclose(found, CAMB[masses], rtol=tolerance)
    without = _with_neutrinos((0, 0, 0))
    if sum(masses) > 0.5:  # a test of something
        assert np.max(np.abs(convergence_power(ELL, 1.0, without) / CAMB[masses] - 1)) > 0.07


def test_neutrinos_suppress_the_power_and_leave_sigma8():
    cosmology = _with_neutrinos((0.1, 0.1, 0.1))
    k = np.geomspace(1e-4, 1e2, 3000)
    x = 8 * k / H
    window = 3 * (np.sin(x) - x * np.cos(x)) / x**3
    power = linear_power(k, 0.0, cosmology)
    sigma8 = np.sqrt(np.trapezoid(power * window**2 * k**3 / (2 * np.pi**2), np.log(k)))
    assert sigma8 == pytest.approx(0.8, rel=2e-3)
    ratio = power / linear_power(k, 0.0, _with_neutrinos((0, 0, 0)))
    fraction = 0.3 / 93.14 / H**2 / 0.3
    # The well-known suppression on small scales relative to large ones (Lesgourgues & Pastor 2006).
    assert ratio[-1] / ratio[0] == pytest.approx(1 - 8 * fraction, abs=2 * fraction)


def test_too_massive_neutrinos_need_camb():
    heavy = _with_neutrinos((0.4, 0.4, 0.4))
    with pytest.raises(ValueError, match="at most 5% .*, not 8.8% .1.2 eV.: .* power='camb'"):
        convergence_power(100.0, 1.0, heavy)
    with pytest.raises(ValueError, match="at most 5% of its matter in massive neutrinos"):
        mass_function(1e14 * u.solMass, 0.3, heavy)


@pytest.mark.slow
@pytest.mark.parametrize("masses", [(0, 0, 0.06), (0, 0, 0.6)])
def test_lensing_power_is_camb_s_for_any_neutrinos(masses, capfd):
    pytest.importorskip("camb")
    found = convergence_power(ELL, 1.0, _with_neutrinos(masses), power="camb")
    np.testing.assert_allclose(found, CAMB[masses], rtol=2e-3)
    assert capfd.readouterr().out == ""


def test_camb_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "camb", None)
    with pytest.raises(ImportError, match=r"power='camb' needs .* install 'lensmap\[camb\]'"):
        convergence_power(100.0, 1.0, _with_neutrinos((0, 0, 0.07)), power="camb")
    with pytest.raises(ValueError, match="power must be one of 'halofit', 'camb'"):
        convergence_power(100.0, 1.0, power="emulator")


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
