# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of the estimators on the sphere, on lenses and skies with a known convergence."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from catalogs import shear_catalog

from lensmap import KaiserSquires
from lensmap.catalog import Calibration
from lensmap.cosmology import convergence_power
from lensmap.estimators import SphericalKaiserSquires, SphericalWiener
from lensmap.grid import SphericalShearGrid, tangent_wcs
from lensmap.maps import HealpixMap
from lensmap.sphere import HealpixPixels, SphericalTransform, pixel_window
from lensmap.utils import ParameterTypeError

pytest.importorskip("ducc0")

NSIDE = 256
SMOOTHING = 40 * u.arcmin
INNER = tangent_wcs(SkyCoord(150, 30, unit="deg"), (40, 40), 7 * u.arcmin)


def lens_catalog(lon, lat, n=30_000, radius=5.0, noise=0.03, seed=0, factor=1.0,
                 reduced=False):
    """Return galaxies around a position, behind a Gaussian mass 1 deg away, and where it is."""
    rng = np.random.default_rng(seed)
    center = SkyCoord(lon, lat, unit="deg")
    sky = center.directional_offset_by(
        rng.uniform(0, 360, n) * u.deg, radius * np.sqrt(rng.random(n)) * u.deg
    )
    lens = center.directional_offset_by(40 * u.deg, 1 * u.deg)
    x = sky.separation(lens).deg
    width = 0.6
    kappa = np.exp(-0.5 * (x / width) ** 2)
    mean = 2 * (width / x) ** 2 * (1 - kappa)
    angle = sky.position_angle(lens).to_value(u.rad)
    shear = -0.3 * (mean - kappa) * np.exp(2j * (np.pi / 2 - angle))
    if reduced:
        shear = shear / (1 - 0.3 * kappa)
    e = factor * (shear + noise * (rng.standard_normal(n) + 1j * rng.standard_normal(n)))
    table = Table({"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": e.real, "e2": e.imag})
    return shear_catalog(table), lens


pytestmark = pytest.mark.filterwarnings("ignore:.*per square arcminute")


@pytest.mark.parametrize(("lon", "lat"), [(10, 0), (359.9, 45), (200, 75), (60, -89.5)])
def test_a_lens_is_where_it_is(lon, lat):
    catalog, lens = lens_catalog(lon, lat)
    kappa = SphericalKaiserSquires(smoothing=SMOOTHING).reconstruct(catalog, NSIDE)
    assert isinstance(kappa, HealpixMap) and kappa.nside == NSIDE
    # A Gaussian of 0.6 deg, smoothed, less the mean of the field, which its shear does not show.
    width = np.hypot(0.6, 40 / 60)
    expected = 0.3 * (0.6 / width) ** 2 - 0.3 * 2 * 0.6**2 / 5.0**2
    assert kappa.at(lens) == pytest.approx(expected, rel=0.06)
    highest = np.nanargmax(kappa.data)
    place = SkyCoord(*(c[0] for c in kappa.pixels.centers(kappa.index[[highest]])), unit="deg")
    assert place.separation(lens) < 15 * u.arcmin
    distance = SkyCoord(*kappa.pixels.centers(kappa.index), unit="deg").separation(lens).deg
    assert np.nanstd(kappa.kappa_b[distance < 2]) < 0.15 * np.nanmax(kappa.data)
    assert np.nanmean(kappa.data[(distance > 2.5) & (distance < 3.5)]) < 0.1 * expected


def test_rotated_shear_swaps_the_modes():
    estimator = SphericalKaiserSquires(smoothing=SMOOTHING, sigma_e=0.15, tolerance=1e-7)
    kappa = estimator.reconstruct(lens_catalog(150, 30)[0], NSIDE)
    turned = estimator.reconstruct(lens_catalog(150, 30, factor=1j)[0], NSIDE)
    scale = np.nanmax(kappa.data)
    np.testing.assert_allclose(turned.data, -kappa.kappa_b, atol=1e-5 * scale)
    np.testing.assert_allclose(turned.kappa_b, kappa.data, atol=1e-5 * scale)


@pytest.mark.parametrize("estimator", [
    SphericalKaiserSquires(smoothing=SMOOTHING, sigma_e=0.2, tolerance=1e-7),
    SphericalWiener(sigma_e=0.2, tolerance=1e-7),
])
def test_linearity_and_weights(estimator):
    catalog, _ = lens_catalog(150, 30, n=5000)
    zero = estimator.reconstruct(lens_catalog(150, 30, n=5000, factor=0.0)[0], NSIDE)
    assert np.nanmax(np.abs(zero.data)) == 0
    kappa = estimator.reconstruct(catalog, NSIDE)
    twice = estimator.reconstruct(lens_catalog(150, 30, n=5000, factor=0.5)[0], NSIDE)
    scale = np.nanmax(np.abs(kappa.data))
    np.testing.assert_allclose(2 * twice.data, kappa.data, atol=1e-5 * scale)
    table = Table({"ra": catalog.ra, "dec": catalog.dec, "e1": catalog.e1, "e2": catalog.e2,
                   "weight": np.full(len(catalog), 7.0)})
    weighted = estimator.reconstruct(shear_catalog(table[::-1]), NSIDE)
    np.testing.assert_allclose(weighted.data, kappa.data, atol=1e-5 * scale)
    again = estimator.reconstruct(catalog, NSIDE)
    np.testing.assert_array_equal(again.data, kappa.data)


def test_a_plane_and_the_sphere_agree():
    """The same field of 5 deg, smoothed by 20 arcmin, on a tangent plane and on the sphere."""
    catalog, lens = lens_catalog(150, 30, n=80_000, noise=0.05)
    wcs = tangent_wcs(SkyCoord(150, 30, unit="deg"), (120, 120), 5 * u.arcmin)
    plane = KaiserSquires(smoothing="30 arcmin", padding=4).reconstruct(catalog, wcs)
    sphere = SphericalKaiserSquires(smoothing="30 arcmin").reconstruct(catalog, 512).cutout(wcs)
    x, y = np.meshgrid(np.arange(120), np.arange(120))
    inner = wcs.pixel_to_world(x, y).separation(SkyCoord(150, 30, unit="deg")) < 3 * u.deg
    difference = (plane.data - sphere.data)[inner]
    assert np.std(difference) < 0.06 * np.std(plane.data[inner])
    assert np.corrcoef(plane.data[inner], sphere.data[inner])[0, 1] > 0.998


@pytest.fixture(scope="module")
def sky():
    """Return the grid of a noisy Gaussian sky on 2000 square degrees, and its convergence."""
    pixels = HealpixPixels(64)
    lmax = 128
    transform = SphericalTransform(pixels, lmax=lmax)
    ell = np.arange(lmax + 1)
    power = np.zeros(lmax + 1)
    power[2:] = convergence_power(ell[2:].astype(float), 1.0)
    rng = np.random.default_rng(3)
    kappa = rng.standard_normal(len(transform.ell)) + 1j * rng.standard_normal(len(transform.ell))
    kappa /= np.sqrt(2)
    kappa[: lmax + 1] = rng.standard_normal(lmax + 1)
    kappa *= np.sqrt(power)[transform.ell]
    lon, lat = pixels.centers(np.arange(pixels.n_pixels))
    index = np.flatnonzero((np.abs(lon - 180) < 25) & (np.abs(lat) < 20))
    n = len(index)
    shear = transform.to_shear(kappa * pixel_window(64, lmax)[transform.ell])[index]
    sigma = 0.004
    noise = sigma * (rng.standard_normal(n) + 1j * rng.standard_normal(n))
    # One galaxy in each pixel stands for the mean of many.
    grid = SphericalShearGrid(
        pixels=pixels, index=index, mask=np.zeros(n, bool), sum_we=shear + noise,
        sum_w=np.ones(n), sum_w2=np.ones(n), sum_wc=None, sum_w2v_m=None, sum_w2v_e=None,
        count=np.ones(n, int), calibration=Calibration(), sigma_e=sigma,
    )
    return grid, transform.to_map(kappa)[index]


def test_posterior_errors_cover_the_truth(sky):
    grid, truth = sky
    estimator = SphericalWiener(sigma_e=0.004, uncertainty="posterior", n_realizations=20)
    kappa = estimator.reconstruct(grid)
    assert kappa.meta["uncertainty"] == "total" and kappa.meta["estimator"] == "SphericalWiener"
    inside = np.abs(kappa.data - truth) < kappa.uncertainty.array
    assert np.mean(inside) == pytest.approx(0.68, abs=0.06)
    error = np.std(kappa.data - truth)
    assert error < 0.95 * np.std(truth)
    assert np.sqrt(np.mean(kappa.uncertainty.array**2)) == pytest.approx(error, rel=0.1)
    # Not even the truth times the best constant does better with another strength of the prior.
    for factor in (0.2, 5.0):
        other = SphericalWiener(
            sigma_e=0.004, power=lambda ell, f=factor: f * 1e-9 * (ell / 100) ** -0.4
        ).reconstruct(grid)
        assert np.std(other.data - truth) > error


def test_rotations():
    catalog, _ = lens_catalog(150, 30, n=20_000, radius=3.0, noise=0.15)
    estimator = SphericalKaiserSquires(
        smoothing="40 arcmin", uncertainty="rotations", n_realizations=8
    )
    kappa = estimator.reconstruct(catalog, 128)
    inner = kappa.counts > 0
    # White noise of the galaxies, smoothed by a Gaussian: sigma_e / sqrt(n 4 pi s^2).
    density = 20_000 / (np.pi * 9)
    expected = 0.15 / np.sqrt(density * 4 * np.pi * (40 / 60) ** 2)
    assert np.nanmedian(kappa.uncertainty.array[inner]) == pytest.approx(expected, rel=0.25)
    assert kappa.meta["uncertainty"] == "noise"
    assert np.nanmax(kappa.snr) > 5


def test_holes_are_masked_or_inpainted():
    regions = pytest.importorskip("regions")
    catalog, lens = lens_catalog(150, 30, n=20_000, noise=0.05)
    hole = regions.CircleSkyRegion(lens, 0.5 * u.deg)
    kappa = SphericalKaiserSquires(smoothing=SMOOTHING).reconstruct(catalog, NSIDE, hole)
    assert np.isnan(kappa.at(lens)) and kappa.meta["n_masked"] > 100
    filled = SphericalKaiserSquires(smoothing=SMOOTHING, fill_holes=True).reconstruct(
        catalog, NSIDE, hole)
    whole = SphericalKaiserSquires(smoothing=SMOOTHING).reconstruct(catalog, NSIDE)
    assert filled.at(lens) == pytest.approx(float(whole.at(lens)), rel=0.25)
    # Holes where the shear is large: counted as zero shear, they distort the map around them.
    holes = [
        regions.CircleSkyRegion(lens.directional_offset_by(a * u.deg, 1 * u.deg), 0.4 * u.deg)
        for a in range(0, 360, 90)
    ]
    errors = [
        np.nanstd(
            SphericalKaiserSquires(smoothing=SMOOTHING, gaps=gaps)
            .reconstruct(catalog, NSIDE, holes).cutout(INNER).data - whole.cutout(INNER).data
        )
        for gaps in ("solve", "zero")
    ]
    assert errors[0] < 0.6 * errors[1]


def test_the_whole_sphere_by_quadrature():
    """All of a sky without gaps: the smoothed convergence itself."""
    pixels = HealpixPixels(32)
    transform = SphericalTransform(pixels)
    rng = np.random.default_rng(1)
    kappa = rng.standard_normal(len(transform.ell)) + 1j * rng.standard_normal(len(transform.ell))
    kappa[: transform.lmax + 1] = kappa[: transform.lmax + 1].real
    kappa[(transform.ell < 2) | (transform.ell > 24)] = 0
    kappa *= 1e-3
    n = pixels.n_pixels
    window = pixel_window(32, transform.lmax)[transform.ell]
    grid = SphericalShearGrid(
        pixels=pixels, index=np.arange(n), mask=np.zeros(n, bool),
        sum_we=transform.to_shear(kappa * window), sum_w=np.ones(n), sum_w2=np.ones(n),
        sum_wc=None, sum_w2v_m=None, sum_w2v_e=None, count=np.ones(n, int),
        calibration=Calibration(), sigma_e=0.1,
    )
    found = SphericalKaiserSquires(smoothing="3 deg", gaps="zero").reconstruct(grid)
    ell = transform.ell
    smooth = kappa * np.exp(-0.5 * ell * (ell + 1) * np.radians(3) ** 2)
    truth = transform.to_map(smooth)
    assert np.std(found.data - truth) < 0.01 * np.std(truth)
    assert np.std(found.kappa_b) < 0.01 * np.std(truth)


def test_zero_filled_gaps_need_neither_noise_nor_a_prior(monkeypatch):
    from lensmap.estimators import _spherical_kaiser_squires as module

    def fail(*arguments):
        raise AssertionError("a prior was computed")

    monkeypatch.setattr(module, "theory_power", fail)
    catalog, _ = lens_catalog(150, 30, n=4000, radius=2.0, factor=0.0)  # without scatter
    with pytest.raises(AssertionError, match="a prior"):
        SphericalKaiserSquires(sigma_e=0.2).reconstruct(catalog, 32)
    kappa = SphericalKaiserSquires(gaps="zero", reduced_shear_iterations=2).reconstruct(catalog, 32)
    assert np.nanmax(np.abs(kappa.data)) == 0
    with pytest.raises(ValueError, match="sigma_e must be given, because the galaxies have no sc"):
        SphericalKaiserSquires().reconstruct(catalog, 32)


@pytest.mark.parametrize("gaps", ["solve", "zero"])
def test_reduced_shear(gaps):
    """The correction finds the map of the shear in that of the reduced shear."""
    estimator = SphericalKaiserSquires(smoothing=SMOOTHING, gaps=gaps, sigma_e=0.03)
    shear, lens = lens_catalog(150, 30, noise=0)
    truth = estimator.reconstruct(shear, 128)
    reduced, _ = lens_catalog(150, 30, noise=0, reduced=True)
    errors = [
        np.nanstd(estimator.replace(reduced_shear_iterations=n).reconstruct(reduced, 128).data
                  - truth.data) for n in (0, 3)
    ]
    assert errors[1] < {"solve": 0.3, "zero": 0.6}[gaps] * errors[0]


def test_a_tabulated_prior_is_described_in_the_map():
    catalog, _ = lens_catalog(150, 30, n=4000, radius=2.0)
    ell = np.geomspace(2, 500, 40)
    kappa = SphericalWiener(power=(ell, 1e-9 / ell)).reconstruct(catalog, 32)
    assert kappa.meta["parameters"]["power"] == "a table of 40 multipoles from 2 to 500"


def test_default_pixels():
    catalog, _ = lens_catalog(150, 30, n=4000, radius=2.0)
    kappa = SphericalKaiserSquires(smoothing="60 arcmin").reconstruct(catalog)
    assert kappa.nside == 128  # 27 arcmin, at most half of the smoothing
    assert repr(SphericalKaiserSquires().replace(gaps="zero")) == (
        "SphericalKaiserSquires(gaps='zero')")


def test_errors():
    catalog, _ = lens_catalog(150, 30, n=4000, radius=2.0)
    wcs = tangent_wcs(SkyCoord(150, 30, unit="deg"), (20, 20), 5 * u.arcmin)
    with pytest.raises(TypeError, match="wcs must be HealpixPixels for SphericalKaiserSquires"):
        SphericalKaiserSquires().reconstruct(catalog, wcs)
    with pytest.raises(TypeError, match="wcs must be a WCS for KaiserSquires, .* use Spherical"):
        KaiserSquires().reconstruct(catalog, HealpixPixels(64))
    with pytest.raises(ValueError, match="nside must be a power of 2"):
        SphericalKaiserSquires().reconstruct(catalog, 100)
    grid = SphericalShearGrid.from_catalog(catalog, HealpixPixels(64))
    with pytest.raises(ParameterTypeError, match="binned on a plane for KaiserSquires, not on a s"):
        KaiserSquires().reconstruct(grid)
    with pytest.raises(ValueError, match="gaps must be one of"):
        SphericalKaiserSquires(gaps="fill")
    for cls in (SphericalKaiserSquires, SphericalWiener):
        with pytest.raises(ValueError, match="z_source must be a redshift or .* not fitted to"):
            cls(z_source=None)


def test_signs_of_a_sky_of_another_program(cosmos_path):
    """Sources of a public simulation, whose shear is in the basis of HEALPix (x south, y east)."""
    table = fits.getdata(cosmos_path / "octant_shear_kappa.fits")[1:]
    ra, dec, g1, g2, kappa_of_sources = (
        table[name].astype(float) for name in ("ra", "dec", "gamma1", "gamma2", "kappa")
    )
    correlations = {}
    for signs in ((-1, -1), (1, -1)):
        catalog = shear_catalog(Table({
            "ra": ra, "dec": dec, "e1": signs[0] * g1, "e2": signs[1] * g2
        }))
        kappa = SphericalKaiserSquires(smoothing="20 arcmin", gaps="zero").reconstruct(catalog, 256)
        place = np.searchsorted(kappa.index, kappa.pixels.at(ra, dec))
        total = np.bincount(place, kappa_of_sources, minlength=len(kappa.index))
        good = ~kappa.mask & (kappa.counts > 0)
        truth = total[good] / kappa.counts[good]
        correlations[signs] = [
            np.corrcoef(truth, values[good])[0, 1] for values in (kappa.data, kappa.kappa_b)
        ]
    assert correlations[-1, -1][0] > 0.15  # the patches are small: most of the kernel is off them
    others = [correlations[-1, -1][1], *correlations[1, -1]]
    assert np.max(np.abs(others)) < 0.04
