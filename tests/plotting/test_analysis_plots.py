# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pictures of peaks, profiles, filaments and statistics, by their content."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from lenses import catalog_columns, pixel_sky, uniform_sky
from matplotlib import pyplot

from lensmap import ConvergenceMap, NFWHalo, ShearCatalog, find_peaks, plotting
from lensmap.filaments import find_filaments
from lensmap.grid import tangent_wcs
from lensmap.peaks import completeness, purity
from lensmap.profiles import azimuthal_profile, fit_nfw, kappa_profile
from lensmap.statistics import (
    kappa_correlation,
    kappa_pdf,
    pixel_relation,
    power_spectrum,
    shear_correlation,
)

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


HALO = NFWHalo(8e14 * u.solMass, 4.0, 0.3)


def _shear_profile(radius):
    return QTable({
        "radius_low": 0.9 * radius, "radius_high": 1.1 * radius, "radius": radius,
        "g_t": HALO.reduced_shear(radius, 1.0), "g_x": np.zeros(8), "g_err": np.full(8, 0.005),
    })


def _fit(data):
    """A fit of the halo, to a profile, to galaxies behind it or to a map of it."""
    more = {"z_lens": 0.3, "z_source": 1.0}
    if data == "profile":
        return fit_nfw(_shear_profile(np.geomspace(0.2, 3, 8) * u.Mpc), **more)
    if data == "map":
        wcs = tangent_wcs(CENTER, (61, 61), 0.5 * u.arcmin)
        theta = CENTER.separation(pixel_sky(wcs)).reshape(61, 61)
        kappa = HALO.kappa(np.maximum(theta, 0.2 * u.arcmin), 1.0)
        meta = {"parameters": {"smoothing": None}}
        kappa = ConvergenceMap(kappa, np.full(kappa.shape, 0.01), None, wcs, meta)
        return fit_nfw(kappa, CENTER, **more)
    sky = uniform_sky(CENTER, 0.15, 4000, np.random.default_rng(0))
    turned = np.exp(2j * (np.pi / 2 - sky.position_angle(CENTER).rad))
    e = -HALO.reduced_shear(sky.separation(CENTER), 1.0) * turned
    catalog = ShearCatalog(catalog_columns(sky, e), "generic", "celestial", "shear")
    if data == "galaxies":
        return fit_nfw(catalog, CENTER, **more)
    far = CENTER.directional_offset_by(0 * u.deg, 20 * u.arcmin)
    return fit_nfw(catalog, SkyCoord([CENTER, far]), **more)


@pytest.mark.filterwarnings("ignore:the fit did not converge")  # to the halo that is not there
@pytest.mark.parametrize("data", ["profile", "map", "galaxies", "two halos"])
@pytest.mark.parametrize("unit", [u.Mpc, u.arcmin])
def test_shear_profile_with_a_fit(data, unit):
    profile = _shear_profile(np.geomspace(0.3, 2.5, 8) * {u.Mpc: 1, u.arcmin: 4}[unit] * unit)
    profile["radius"][0] = profile["g_t"][0] = np.nan  # a ring without galaxies
    ax = plotting.plot_shear_profile(profile, _fit(data))
    assert ax.get_xlabel() == f"radius ({unit})" and ax.get_ylabel() == "reduced shear"
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert any("M_{200c}" in w for w in words) and {"tangential", "cross"} <= set(words)
    model = next(line for line in ax.get_lines() if "M_{200c}" in str(line.get_label()))
    radius = profile["radius"].value
    np.testing.assert_allclose(model.get_xdata()[[0, -1]], radius[[1, -1]])
    drawn = np.interp(radius[1:], *model.get_data())
    np.testing.assert_allclose(drawn, profile["g_t"][1:], rtol=0.05)
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
    assert ax.get_legend() is None
    peaks.meta |= {"n_false": 0.125, "n_false_err": 0.03}
    (text,) = plotting.plot_peaks(kappa, peaks).get_legend().get_texts()
    assert text.get_text() == "2 peaks above 10$\\,\\sigma$\nexpected false: 0.12 ± 0.03"
    found = find_filaments(kappa, 0.05, by="kappa")
    before = len(ax.images)
    again = plotting.plot_filaments(kappa, found, ax)
    assert again is ax and len(ax.images) == before and len(ax.get_lines()) == len(found) == 1
    fresh = plotting.plot_filaments(kappa, found, quantity="snr", colorbar=False)
    assert len(fresh.images) == 1 and fresh.get_xlim() == (-0.5, 59.5)


def test_statistics(kappa):
    ax = plotting.plot_correlation(
        kappa_correlation(kappa, min_sep="0.7 arcmin", max_sep="5 arcmin", n_bins=5, n_patches=5,
                          rng=0),
        label="map",
    )
    assert "theta" in ax.get_xlabel() and ax.get_legend() is not None
    ax = plotting.plot_power(power_spectrum(kappa, n_bins=6))
    assert ax.get_xscale() == ax.get_yscale() == "log" and "ell" in ax.get_xlabel()
    table = power_spectrum(kappa, n_bins=6)
    for name in ("ee", "bb"):
        table[name], table[f"{name}_err"] = table["power"], table["power_err"]
    ax = plotting.plot_power(table)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["E", "B"]
    assert ax.get_yscale() == "linear"
    ax = plotting.plot_pdf(kappa_pdf(kappa, 20))
    assert ax.get_yscale() == "log" and "kappa" in ax.get_xlabel()
    truth = kappa.data + 0.01
    ax = plotting.plot_pixel_relation(kappa, truth)
    slope = pixel_relation(kappa, truth).tls_slope
    assert any(f"slope {slope:.2f}" in t.get_text() for t in ax.get_legend().get_texts())
    assert "r = 1.000" in ax.get_title()


@pytest.mark.parametrize("quantity", ["xi", "map2"])
def test_shear_correlation(quantity):
    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(0, 1, (2, 3000))
    galaxies = {"ra": ra, "dec": dec, "e1": 0.1 * rng.normal(size=3000),
                "e2": 0.1 * rng.normal(size=3000)}
    catalog = ShearCatalog(galaxies, "generic", "celestial", "shear")
    table = shear_correlation(catalog, min_sep="1 arcmin", max_sep="30 arcmin", n_bins=6,
                              n_patches=0, rng=0)
    ax = plotting.plot_shear_correlation(table, quantity=quantity)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == (["E", "B"] if quantity == "map2" else [r"$\xi_+$", r"$\xi_-$"])
    drawn = ax.containers[0][0].get_ydata()
    column, scale = ("map2", 1e6) if quantity == "map2" else ("xi_plus", 1e4 * table["theta"].value)
    np.testing.assert_allclose(drawn, scale * table[column])
    with pytest.raises(ValueError, match="quantity must be one of"):
        plotting.plot_shear_correlation(table, quantity="xi_plus")


@pytest.mark.parametrize("bins", [[1e14, 3e14, 1e15], [1e14, 2e14, 3e14]])
def test_completeness(kappa, bins):
    peaks = find_peaks(kappa, 10)
    peaks["m200c"] = [1e14, 5e14]
    table = completeness(peaks[1:], peaks, "2 arcmin", by="m200c", bins=bins, kappa=kappa, rng=0)
    ax = plotting.plot_completeness(table)
    assert ax.get_ylabel() == "completeness, corrected for chance" and ax.get_xlabel() == "m200c"
    assert min(ax.get_ylim()) < np.nanmin(table["corrected_low"])
    assert ax.get_xscale() == ("log" if bins[-1] == 1e15 else "linear")
    ax = plotting.plot_completeness(table, corrected=False)
    assert ax.get_ylabel() == "completeness"
    masses = peaks.copy()
    masses["m200c"].unit = u.solMass
    table = purity(masses, peaks, "2 arcmin", by="m200c", bins=bins)
    ax = plotting.plot_completeness(table)
    assert ax.get_ylabel() == "purity" and "odot" in ax.get_xlabel()
    pyplot.close("all")


@pytest.mark.parametrize(("bins", "middle", "half"), [
    (None, [0], [0]), ([1e14, 4e14, np.inf], [2.5e14, 4e14], [1.5e14, 0]),
])
def test_completeness_without_ends(kappa, bins, middle, half):
    peaks = find_peaks(kappa, 10)
    peaks["m200c"] = [1e14, 5e14]
    table = completeness(peaks[1:], peaks, "2 arcmin", by=bins and "m200c", bins=bins)
    ax = plotting.plot_completeness(table)
    points, _, (along, _) = ax.containers[0]
    np.testing.assert_allclose(points.get_xdata(), middle)
    np.testing.assert_allclose(points.get_ydata(), table["rate"])
    widths = [np.ptp(segment[:, 0]) for segment in along.get_segments()]
    np.testing.assert_allclose(widths, 2 * np.array(half))
    labels = [text.get_text() for text in ax.get_xticklabels()]
    assert (labels == ["all"]) == (bins is None)
