# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pictures of peaks, profiles, filaments and statistics, by their content."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from matplotlib import pyplot

from lensmap import ConvergenceMap, NFWHalo, find_peaks, plotting
from lensmap.filaments import find_filaments
from lensmap.grid import tangent_wcs
from lensmap.peaks import completeness
from lensmap.profiles import azimuthal_profile, fit_nfw, kappa_profile
from lensmap.statistics import kappa_correlation, kappa_pdf, pixel_relation, power_spectrum

CENTER = SkyCoord(150, 2, unit="deg")


@pytest.fixture(scope="module")
def kappa():
    wcs = tangent_wcs(CENTER, (60, 60), 0.5 * u.arcmin)
    y, x = np.indices((60, 60))
    data = 0.2 * np.exp(-((x - 20) ** 2 + (y - 30) ** 2) / 20)
    data += 0.15 * np.exp(-((x - 42) ** 2 + (y - 30) ** 2) / 20)
    data += 0.05 * np.exp(-((y - 30) ** 2) / 8) * ((x > 20) & (x < 42))
    data += 0.002 * np.random.default_rng(0).normal(size=data.shape)
    return ConvergenceMap(data, np.full(data.shape, 0.01), None, wcs)


def test_shear_profile_with_its_fit():
    halo = NFWHalo(8e14 * u.solMass, 4.0, 0.3)
    radius = np.geomspace(0.3, 2.5, 8) * u.Mpc
    profile = QTable({
        "radius_low": 0.9 * radius, "radius_high": 1.1 * radius, "radius": radius,
        "g_t": halo.reduced_shear(radius, 1.0), "g_x": np.zeros(8), "g_err": np.full(8, 0.005),
    })
    profile["g_t"][0] = np.nan  # a ring without galaxies
    fit = fit_nfw(profile, z_lens=0.3, z_source=1.0)
    ax = plotting.plot_shear_profile(profile, fit)
    assert ax.get_xlabel() == "radius (Mpc)" and ax.get_ylabel() == "reduced shear"
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert any("M_{200c}" in w for w in words) and {"tangential", "cross"} <= set(words)
    model = next(line for line in ax.get_lines() if "NFW" in str(line.get_label()))
    np.testing.assert_allclose(model.get_ydata(), profile["g_t"][1:], rtol=0.02)
    assert plotting.plot_shear_profile(profile, ax=ax) is ax


def test_profiles_of_maps(kappa):
    ax = plotting.plot_kappa_profile(kappa_profile(kappa, CENTER, [1, 2, 4] * u.arcmin))
    assert "kappa" in ax.get_ylabel() and ax.get_xscale() == "log"
    profile = azimuthal_profile(kappa, CENTER, [1, 8] * u.arcmin)
    profile["snr"] = profile["excess"] / profile["excess_err"]
    profile["is_peak"] = np.arange(len(profile)) == 9
    ax = plotting.plot_azimuthal_profile(profile)
    assert "position angle" in ax.get_xlabel() and ax.get_xlim() == (0, 360)
    assert any("sigma" in text.get_text() for text in ax.texts)


def test_peaks_and_filaments_on_the_map(kappa):
    peaks = find_peaks(kappa, 10)
    ax = plotting.plot_peaks(kappa, peaks)
    offsets = ax.collections[-1].get_offsets()
    np.testing.assert_allclose(np.asarray(offsets), np.stack([peaks["ra"].value,
                                                              peaks["dec"].value], axis=1))
    assert [text.get_text() for text in ax.texts] == ["1", "2"]
    found = find_filaments(kappa, 0.05, unit="kappa")
    before = len(ax.images)
    again = plotting.plot_filaments(kappa, found, ax)
    assert again is ax and len(ax.images) == before and len(ax.get_lines()) == len(found) == 1
    fresh = plotting.plot_filaments(kappa, found, quantity="snr", colorbar=False)
    assert len(fresh.images) == 1 and fresh.get_xlim() == (-0.5, 59.5)


def test_statistics(kappa):
    ax = plotting.plot_correlation(
        kappa_correlation(kappa, min_sep="0.7 arcmin", max_sep="5 arcmin", n_bins=5, n_patches=5),
        label="map",
    )
    assert "theta" in ax.get_xlabel() and ax.get_legend() is not None
    ax = plotting.plot_power(power_spectrum(kappa, n_bins=6))
    assert ax.get_xscale() == ax.get_yscale() == "log" and "ell" in ax.get_xlabel()
    ax = plotting.plot_pdf(kappa_pdf(kappa, 20))
    assert ax.get_yscale() == "log" and "kappa" in ax.get_xlabel()
    truth = kappa.data + 0.01
    ax = plotting.plot_pixel_relation(kappa, truth)
    slope = pixel_relation(kappa, truth).tls_slope
    assert any(f"slope {slope:.2f}" in t.get_text() for t in ax.get_legend().get_texts())
    assert "r = 1.000" in ax.get_title()


@pytest.mark.parametrize("bins", [[1e14, 3e14, 1e15], [1e14, 2e14, 3e14]])
def test_completeness(kappa, bins):
    peaks = find_peaks(kappa, 10)
    peaks["m200c"] = [1e14, 5e14]
    table = completeness(peaks[1:], peaks, "2 arcmin", by="m200c", bins=bins, kappa=kappa)
    ax = plotting.plot_completeness(table)
    assert "less chance" in ax.get_ylabel()
    assert ax.get_xscale() == ("log" if bins[-1] == 1e15 else "linear")
    ax = plotting.plot_completeness(table, corrected=False)
    assert "chance" not in ax.get_ylabel()
    pyplot.close("all")
