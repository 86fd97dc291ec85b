# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The aperture mass: known halos, noise near holes, exact sums, refusals."""

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from catalogs import shear_catalog
from lenses import NFW, catalog_columns, lattice, shear_of, tangent_wcs, uniform_sky
from scipy.integrate import quad
from scipy.special import j0, j1

from lensmap import ConvergenceMap, ShearCatalog, ShearGrid, find_peaks, fit_nfw
from lensmap.cosmology import convergence_power
from lensmap.estimators import ApertureMass, make_estimator
from lensmap.estimators._matched_filter import matched_filter
from lensmap.flatsky import convergence_filter, schirmer_filter, schneider_filter
from lensmap.grid import PixelFrame
from lensmap.halos import NFWHalo, concentration
from lensmap.peaks import aperture_mass, find_multiscale_peaks
from lensmap.profiles import kappa_profile, projected_mass
from lensmap.utils import MapWarning

# Small maps are fast.
pytestmark = pytest.mark.filterwarnings("ignore:.*so that sums over pixels differ")

CENTER = SkyCoord(20, -35, unit="deg")
PLANE = tangent_wcs(CENTER, (60, 60), 0.5)
ALL = ("schneider", "schirmer", "matched")


def _noise(n=8000, seed=1, radius=0.4, weighted=True, center=CENTER):
    """Return the columns of galaxies with random ellipticities, and their positions."""
    rng = np.random.default_rng(seed)
    sky = uniform_sky(center, radius, n, rng)
    e = 0.25 * (rng.normal(size=n) + 1j * rng.normal(size=n))
    more = {"weight": rng.uniform(0.3, 3, n)} if weighted else {}
    return catalog_columns(sky, e, **more), sky


def _lensed(wcs, lenses, n=3):
    """Return a catalog of galaxies without noise on a lattice behind lenses; shear is measured."""
    sky = lattice(wcs, n)
    return shear_catalog(catalog_columns(sky, shear_of(sky, lenses)[0]))


# --- known halos ----------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2])
def test_a_known_halo(order):
    """The aperture mass is the integral of U times kappa, here over a halo with a mass."""
    halo = NFWHalo(5e14 * u.solMass, c200c=4, z_lens=0.3)
    radius, wcs = 6 * u.arcmin, tangent_wcs(CENTER, (61, 61), 0.5)
    sky = lattice(wcs, 3)
    theta = sky.separation(CENTER)
    away = theta > 1 * u.arcsec
    sky, theta = sky[away], theta[away]
    toward = np.pi / 2 - sky.position_angle(CENTER).rad
    gamma = -halo.tangential_shear(theta, 1.0) * np.exp(2j * toward)
    kappa = ApertureMass(radius=radius, order=order).reconstruct(
        shear_catalog(catalog_columns(sky, gamma)), wcs
    )
    filter = schneider_filter(order)
    expected = quad(
        lambda x: 2 * np.pi * x * convergence_filter(filter, x)
        * halo.kappa(x * radius, 1.0), 0, 1, epsabs=1e-7,
    )[0]
    assert 0.02 < expected < 0.2
    assert np.unravel_index(np.nanargmax(kappa.data), kappa.shape) == (30, 30)
    assert kappa.data[30, 30] == pytest.approx(expected, rel=0.01)
    assert np.abs(kappa.kappa_b[14:-14, 14:-14]).max() < 0.005 * expected


@pytest.mark.parametrize("filter", ["schirmer", "matched"])
def test_the_template_gives_one_also_near_a_hole(filter):
    """A lens whose shear is the template has the amplitude 1, whatever galaxies there are."""
    wcs, radius = tangent_wcs(CENTER, (61, 61), 0.3), 7 * u.arcmin
    sky = lattice(wcs, 4)
    theta = sky.separation(CENTER)
    if filter == "schirmer":
        shear = schirmer_filter().weight((theta / radius).to_value(u.one))
    else:
        mass = 4e14 * u.solMass
        halo = NFWHalo(mass, float(concentration(mass, 0.25)), 0.25)
        shear = np.asarray(halo.tangential_shear(np.maximum(theta, 0.1 * u.arcsec), 1.1))
        shear = np.where(theta < 0.1 * u.arcmin, 0, shear)
    gamma = -shear * np.exp(2j * (np.pi / 2 - sky.position_angle(CENTER).rad))
    gamma += 1e-3 * np.random.default_rng(1).normal(size=len(sky))
    estimator = ApertureMass(radius=radius, filter=filter, halo_mass=4e14, z_lens=0.25,
                             z_source=1.1, sigma_e=0.25)
    mask = np.zeros(wcs.array_shape, dtype=bool)
    mask[34:48, 20:40] = True
    whole, with_hole = (
        estimator.reconstruct(shear_catalog(catalog_columns(sky, gamma)), wcs, where)
        for where in (None, mask)
    )
    assert whole.data[30, 30] == pytest.approx(1, abs=0.02)
    assert with_hole.data[30, 30] == pytest.approx(1, abs=0.02)
    assert with_hole.meta["normalization"] == "1 for the template"
    fraction = estimator.covered_fraction(shear_catalog(catalog_columns(sky, gamma)), wcs, mask)
    expected = 1 - 280 * 0.09 / (np.pi * 49)
    assert fraction[30, 30] == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("filter", ALL)
def test_there_is_no_b_mode_on_a_sky_of_lenses(filter):
    lenses = [
        (CENTER.directional_offset_by(pa * u.deg, r * u.arcmin), lens)
        for pa, r, lens in ((0, 5, NFW(0.05)), (100, 3, NFW(0.1, 1)), (220, 6, NFW(0.03, 3)))
    ]
    kappa = ApertureMass(radius="4 arcmin", filter=filter, sigma_e=0.25).reconstruct(
        _lensed(PLANE, lenses), PLANE
    )
    inner = np.s_[9:-9, 9:-9]
    assert np.std(kappa.kappa_b[inner]) < 0.01 * np.std(kappa.data[inner])
    assert kappa.data.flat[np.nanargmax(np.abs(kappa.data))] > 0


@pytest.mark.parametrize("exact", [False, True])
def test_the_sign_at_all_parities(exact):
    """A lens is positive, and the B-mode of rotated galaxies has the sign of the sky."""
    position = CENTER.directional_offset_by(70 * u.deg, 2 * u.arcmin)
    straight = tangent_wcs(CENTER, (30, 30), 0.6)
    sky = lattice(straight, 2)
    sky = sky[sky.separation(CENTER) < 7 * u.arcmin]
    gamma = shear_of(sky, [(position, NFW())])[0] * np.exp(0.5j)  # E and B
    columns, values = catalog_columns(sky, gamma), []
    for parameters in ({}, {"flip": True}, {"angle": 90.0}, {"angle": 40.0, "flip": True}):
        wcs = tangent_wcs(CENTER, (41, 41), 0.45, **parameters)
        kappa = ApertureMass(radius="4 arcmin", exact=exact, min_fraction=0.3).reconstruct(
            shear_catalog(columns), wcs
        )
        x, y = np.rint(wcs.world_to_pixel(position)).astype(int)
        values.append((kappa.data[y, x], kappa.kappa_b[y, x]))
    signal, b_mode = np.array(values).T
    assert (signal > 0.03).all() and (b_mode > 0.015).all()
    assert np.ptp(signal) < 0.1 * signal.mean() and np.ptp(b_mode) < 0.12 * b_mode.mean()


# --- noise ----------------------------------------------------------------------------------


@pytest.mark.parametrize("filter", ["schneider", "schirmer"])
def test_the_significance_of_noise_has_unit_variance(filter):
    """Also in pixels whose apertures are cut by holes, an edge, and uneven weights."""
    wcs = tangent_wcs(CENTER, (64, 64), 0.5)
    columns, sky = _noise(9000)
    x, _ = wcs.world_to_pixel(sky)
    columns["weight"] = columns["weight"] * np.where(x > 30, 3.0, 1.0)
    mask = np.zeros((64, 64), dtype=bool)
    mask[20:30, 14:26] = mask[40:43, 30:50] = True
    estimator = ApertureMass(radius="4 arcmin", filter=filter, fill_holes=True)
    fraction = estimator.covered_fraction(shear_catalog(columns), wcs, mask)
    e, n = columns["e1"] + 1j * columns["e2"], len(sky)
    total, rng = 0.0, np.random.default_rng(3)
    for _ in range(40):
        rotated = e * np.exp(2j * np.pi * rng.random(n))
        kappa = estimator.reconstruct(
            shear_catalog({**columns, "e1": rotated.real, "e2": rotated.imag}), wcs, mask
        )
        error = kappa.uncertainty.array
        total = total + ((kappa.data / error) ** 2 + (kappa.kappa_b / error) ** 2) / 80
    used = ~kappa.mask
    assert (used & mask).any()  # in holes
    for region in (used, used & (fraction < 0.7), used & (fraction > 0.98)):
        assert region.sum() > 150
        assert np.mean(total[region]) == pytest.approx(1, abs=0.03)


def test_both_uncertainties_agree():
    columns, _ = _noise()
    galaxies, rotations = (
        ApertureMass(radius="4 arcmin", uncertainty=kind).reconstruct(
            shear_catalog(columns), PLANE
        )
        for kind in ("galaxies", "rotations")
    )
    np.testing.assert_array_equal(galaxies.data, rotations.data)
    ratio = rotations.uncertainty.array / galaxies.uncertainty.array
    assert np.nanmean(ratio) == pytest.approx(1, abs=0.02) and np.nanstd(ratio) < 0.08
    assert galaxies.meta["uncertainty"] == rotations.meta["uncertainty"] == "noise"
    assert rotations.noise_peaks is not None and len(find_peaks(rotations, 3.5)) < 4


# --- exact sums -----------------------------------------------------------------------------


def _direct(estimator, catalog, wcs, shear, weight):
    """Return the signal and noise of each pixel by their definitions, ``(2, ny, nx)``, complex."""
    frame = PixelFrame(wcs)
    x, y = wcs.world_to_pixel(SkyCoord(catalog.ra, catalog.dec, unit="deg"))
    radius = float(estimator.radius / frame.scale)
    result = np.zeros((2, *wcs.array_shape), dtype=complex)
    for j, i in np.ndindex(*wcs.array_shape):
        dx, dy = x - i, y - j
        near = np.hypot(dx, dy) <= radius
        square = (np.hypot(dx, dy)[near] / radius) ** 2
        q = 6 / np.pi * square * (1 - square)
        factor = np.exp(-2j * np.arctan2(dy, dx)[near])
        w = weight[near]
        result[0, j, i] = -np.pi * np.sum(w * q * shear[near] * factor) / w.sum()
        moduli = np.abs(shear[near]) ** 2 / 2
        result[1, j, i] = np.pi * np.sqrt(np.sum((w * q) ** 2 * moduli)) / w.sum()
    return result


@pytest.mark.parametrize("flip", [False, True])
def test_exact_sums_are_direct_sums(flip):
    wcs = tangent_wcs(CENTER, (24, 28), 0.5, flip=flip)
    columns, sky = _noise(6000, radius=0.3)
    x, y = wcs.world_to_pixel(sky)
    on_map = (x > -0.5) & (y > -0.5) & (x < 27.5) & (y < 23.5)
    catalog = shear_catalog({name: values[on_map] for name, values in columns.items()})
    estimator = ApertureMass(radius="2.2 arcmin", exact=True)
    kappa = estimator.reconstruct(catalog, wcs)
    x, y = wcs.world_to_pixel(SkyCoord(catalog.ra, catalog.dec, unit="deg"))
    pixel = np.rint(y).astype(int) * 28 + np.rint(x).astype(int)
    shear = catalog.e1 + 1j * catalog.e2
    shear = shear * PixelFrame(wcs).rotation(catalog.ra, catalog.dec, pixel)
    shear = shear if flip else np.conj(shear)
    signal, noise = _direct(estimator, catalog, wcs, shear, catalog.weight)
    used, scale = ~kappa.mask, np.abs(signal).max()
    assert used.sum() > 500
    np.testing.assert_allclose(kappa.data[used], signal.real[used], atol=1e-6 * scale)
    sign = 1 if flip else -1  # that of the sky
    np.testing.assert_allclose(kappa.kappa_b[used], sign * signal.imag[used], atol=1e-6 * scale)
    np.testing.assert_allclose(kappa.uncertainty.array[used], noise.real[used], rtol=1e-5)


@pytest.mark.parametrize("filter", ALL)
def test_pixels_and_galaxies_agree(filter):
    wcs = tangent_wcs(CENTER, (40, 40), 0.25)
    columns, _ = _noise(20_000, radius=0.2)
    mask = np.zeros((40, 40), dtype=bool)
    mask[10:16, 12:20] = True
    estimator = ApertureMass(radius="4 arcmin", filter=filter, sigma_e=0.25)
    pixels, exact = (
        estimator.replace(exact=one).reconstruct(shear_catalog(columns), wcs, mask)
        for one in (False, True)
    )
    np.testing.assert_array_equal(pixels.mask, exact.mask)
    difference = (pixels.data - exact.data)[~exact.mask]
    allowed = 0.06 if filter == "schneider" else 0.15
    assert np.std(difference) < allowed * np.nanstd(exact.data)
    ratio = pixels.uncertainty.array / exact.uncertainty.array
    assert abs(np.nanmean(ratio) - 1) < 0.01


def test_exact_sums_are_calibrated_and_rotated():
    columns, _ = _noise(3000, radius=0.25)
    n, wcs = len(columns["ra"]), tangent_wcs(CENTER, (20, 20), 0.5)
    table = Table({**columns, "m": np.full(n, 0.1), "c1": np.full(n, 0.05)})
    columns["e1"] = (columns["e1"] - 0.05) / 1.1
    columns["e2"] = columns["e2"] / 1.1
    estimator = ApertureMass(radius="3 arcmin", exact=True, uncertainty=None)
    kappa, expected = (
        estimator.reconstruct(ShearCatalog(one, "generic", "celestial", "shear"), wcs)
        for one in (table, Table(columns))
    )
    np.testing.assert_allclose(kappa.data, expected.data, atol=1e-8)
    rotations, galaxies = (
        estimator.replace(uncertainty=kind, n_realizations=40).reconstruct(
            shear_catalog(columns), wcs
        )
        for kind in ("rotations", "galaxies")
    )
    ratio = rotations.uncertainty.array / galaxies.uncertainty.array
    assert np.nanmean(ratio) == pytest.approx(1, abs=0.03)


# --- the matched filter ---------------------------------------------------------------------


def _significance(filter, radius, noise_power, halo):
    """Return the expected signal-to-noise ratio of a halo in shape noise and structure."""
    x = (np.arange(500) + 0.5) / 500
    q = filter.weight(x)
    tau = halo.tangential_shear(x * radius * u.rad, 1.0)
    signal = 2 * np.pi * radius**2 * np.mean(x * q * tau)
    ell = np.arange(5.0, 4e4, 20.0)
    z = ell[:, np.newaxis] * x * radius
    wave = 2 * np.pi * radius**2 * ((2 * j1(z) / z - j0(z)) @ (x * q)) / 500
    noise = noise_power * 2 * np.pi * radius**2 * np.mean(x * q**2)
    structure = np.sum(ell * wave**2 * convergence_power(ell, 1.0)) * 20 / (2 * np.pi)
    return signal / np.sqrt(noise + structure)


def test_the_matched_filter_is_the_best():
    radius, noise_power = np.radians(12 / 60), 0.27**2 / 20 * np.radians(1 / 60) ** 2
    mass = 3e14 * u.solMass
    halo = NFWHalo(mass, float(concentration(mass, 0.3)), 0.3)
    matched = matched_filter(radius, noise_power, 3e14, 0.3, 1.0, None)
    best = _significance(matched, radius, noise_power, halo)
    others = [schneider_filter(1), schneider_filter(4), schirmer_filter(0.12),
              schirmer_filter(0.05), matched._replace(shear_weight=matched.template)]
    ratios = [_significance(one, radius, noise_power, halo) / best for one in others]
    assert 3 < best < 10
    assert max(ratios) < 1.0005, ratios
    assert ratios[-1] < 0.98  # structure makes a difference


def test_without_structure_the_matched_filter_is_the_template():
    matched = matched_filter(1e-3, 1e-5, 3e14, 0.3, 1.0, None)  # noise far above structure
    x = np.linspace(0.02, 1, 50)
    ratio = matched.weight(x) / matched.template(x)
    np.testing.assert_allclose(ratio / ratio.mean(), 1, atol=2e-3)


def test_the_noise_of_the_matched_filter_is_measured():
    """By both schemes alike; and sums of tiles add up."""
    columns, _ = _noise(30_000, radius=0.4, weighted=False)
    fits = {}
    for scheme in ("nearest", "cloud-in-cell"):
        estimator = ApertureMass(filter="matched", scheme=scheme)
        grid = ShearGrid.from_catalog(
            shear_catalog(columns), PLANE, scheme=scheme, extra_sums=estimator.extra_sums
        )
        sums = estimator.measure(grid)
        fits[scheme] = estimator.fit(sums)
        assert estimator.fit(estimator.compact(sums)) == pytest.approx(fits[scheme])
        assert estimator.fit(estimator.compact(sums) + estimator.compact(sums)) == pytest.approx(
            fits[scheme]
        )
    density = 30_000 / (np.pi * np.radians(0.4) ** 2)
    assert fits["nearest"] == pytest.approx(0.25**2 / density, rel=0.05)
    assert fits["cloud-in-cell"] == pytest.approx(fits["nearest"], rel=0.03)


# --- several radii, grids, other pixels -----------------------------------------------------


def test_several_radii_in_one_call():
    columns, _ = _noise()
    estimator = ApertureMass(filter="schirmer")
    maps = estimator.reconstruct_radii(shear_catalog(columns), [4, 6, 8] * u.arcmin, PLANE)
    for kappa, radius in zip(maps, (4, 6, 8), strict=True):
        assert kappa.meta["radius_arcmin"] == pytest.approx(radius)
        one = estimator.replace(radius=radius * u.arcmin).reconstruct(
            shear_catalog(columns), PLANE
        )
        np.testing.assert_array_equal(kappa.data, one.data)
    with pytest.raises(ValueError, match="radii must hold at least one angle"):
        estimator.reconstruct_radii(shear_catalog(columns), [], PLANE)


def test_a_grid_in_place_of_a_catalog():
    columns, _ = _noise()
    estimator = ApertureMass(radius="4 arcmin")
    grid = ShearGrid.from_catalog(
        shear_catalog(columns), PLANE, scheme="cloud-in-cell", extra_sums=estimator.extra_sums
    )
    np.testing.assert_array_equal(
        estimator.reconstruct(grid).data, estimator.reconstruct(shear_catalog(columns), PLANE).data
    )
    with pytest.raises(ValueError, match="with the sums 'sum_w2e2_whole'"):
        estimator.reconstruct(ShearGrid.from_catalog(shear_catalog(columns), PLANE))
    with pytest.raises(ValueError, match="needs the single galaxies"):
        estimator.replace(exact=True).reconstruct(grid)
    with pytest.raises(ValueError, match="exact must be False for a survey"):
        estimator.replace(exact=True).for_tiles()
    assert estimator.for_tiles() is estimator


def test_pixels_that_suit_the_radius():
    columns, _ = _noise(3000, radius=0.12)
    kappa = ApertureMass(radius="3 arcmin").reconstruct(shear_catalog(columns))
    assert kappa.pixel_scale.to_value(u.arcmin) == pytest.approx(0.2, rel=1e-3)
    assert ApertureMass(radius="3 arcmin").survey_pixel_scale(30) == 0.2 * u.arcmin
    assert ApertureMass(radius="30 arcmin").survey_pixel_scale(30) == 0.4 * u.arcmin
    fine = ApertureMass(radius="3 arcmin", filter="schirmer").survey_pixel_scale(30)
    assert fine == 0.1 * u.arcmin


def test_oblong_pixels_are_resampled():
    wcs = tangent_wcs(CENTER, (60, 40), 0.5)
    wcs.wcs.cdelt = [-0.75 / 60, 0.5 / 60]
    position = CENTER.directional_offset_by(30 * u.deg, 3 * u.arcmin)
    catalog = _lensed(tangent_wcs(CENTER, (70, 70), 0.5), [(position, NFW())])
    with pytest.warns(MapWarning, match="uncertainty is dropped"):
        kappa = ApertureMass(radius="5 arcmin").reconstruct(catalog, wcs)
    peak = find_peaks(kappa, 0.05, by="kappa")[0]
    assert wcs.pixel_to_world(peak["x"], peak["y"]).separation(position) < 0.3 * u.arcmin


# --- the quantity ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        lambda kappa: fit_nfw(kappa, CENTER, z_lens=0.3, z_source=1.0),
        lambda kappa: projected_mass(kappa, CENTER, 3 * u.arcmin, z_lens=0.3, z_source=1.0),
        lambda kappa: kappa_profile(kappa, CENTER, [0, 1, 2] * u.arcmin),
        lambda kappa: kappa.surface_density(0.3, 1.0),
        lambda kappa: aperture_mass(kappa, 3 * u.arcmin),
        lambda kappa: find_multiscale_peaks(kappa, [3] * u.arcmin),
    ],
)
def test_it_is_no_convergence(use, tmp_path):
    columns, _ = _noise(3000)
    made = ApertureMass(radius="4 arcmin").reconstruct(shear_catalog(columns), PLANE)
    made.write(tmp_path / "map.fits")
    for kappa in (made, ConvergenceMap.read(tmp_path / "map.fits")):
        assert kappa.meta["quantity"] == "aperture mass"
        with pytest.raises(ValueError, match="of a?.*kappa.*, not of aperture mass"):
            use(kappa)


# --- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"radius": 3}, TypeError, "radius must be an angle with a unit"),
        ({"radius": "0 arcmin"}, ValueError, "radius must be positive"),
        ({"radius": None}, TypeError, "radius must be an angle"),
        ({"filter": "tophat"}, ValueError, "filter must be one of 'schneider', 'schirmer'"),
        ({"order": 0}, ValueError, "order must be at least 1"),
        ({"order": 1.5}, TypeError, "order must be a whole number"),
        ({"x_c": 0}, ValueError, "x_c must be above 0"),
        ({"x_c": 2}, ValueError, "x_c must be above 0 and at most 1"),
        ({"halo_mass": 14}, ValueError, "halo_mass must be a mass in solar masses"),
        ({"z_lens": -1}, ValueError, "z_lens must be a redshift"),
        ({"z_lens": 1.5}, ValueError, "z_source must be larger than z_lens"),
        ({"z_source": None}, ValueError, "z_source must be a redshift"),
        ({"z_source": "euclid"}, ValueError, "z_source must be a redshift or the name"),
        ({"min_fraction": 1.1}, ValueError, "min_fraction must be from 0 to 1"),
        ({"uncertainty": "analytic"}, ValueError, "one of None, 'galaxies', 'rotations'"),
        ({"scheme": "tsc"}, ValueError, "scheme must be one of"),
        ({"sigma_e": 0}, ValueError, "sigma_e must be None or a positive number"),
    ],
)
def test_bad_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        ApertureMass(**parameters)


def test_a_radius_that_does_not_suit_the_field():
    columns, _ = _noise(3000)
    with pytest.raises(ValueError, match="radius must be at most .* on this field of 60 x 60"):
        ApertureMass(radius="1 deg").reconstruct(shear_catalog(columns), PLANE)
    with pytest.raises(ValueError, match="radius must be at least two pixels"), (
        warnings.catch_warnings()
    ):
        warnings.simplefilter("ignore")
        ApertureMass(radius="0.8 arcmin").reconstruct(shear_catalog(columns), PLANE)
    with pytest.warns(MapWarning, match="is only 6.0 pixels"):
        ApertureMass(radius="3 arcmin").reconstruct(shear_catalog(columns), PLANE)
    narrow = ApertureMass(radius="10 arcmin", filter="schirmer")
    with pytest.warns(MapWarning, match="is only 20.0 pixels"):
        narrow.reconstruct(shear_catalog(columns), PLANE)


def test_no_data():
    columns, sky = _noise(3000)
    with pytest.raises(ValueError, match="no galaxy is left on the map"):
        ApertureMass().reconstruct(shear_catalog(columns), PLANE, np.ones((60, 60), dtype=bool))
    few = sky.separation(CENTER) < 1 * u.arcmin
    with pytest.warns(MapWarning, match="no aperture of 5.0 arcmin has 50% of its area on data"):
        kappa = ApertureMass().reconstruct(
            shear_catalog({name: values[few] for name, values in columns.items()}), PLANE
        )
    assert kappa.mask.all() and len(find_peaks(kappa, 3)) == 0


def test_text_forms():
    estimator = make_estimator("apmass(radius=8arcmin, filter=matched, z_source=lsst_y10)")
    assert estimator.radius == 8 * u.arcmin and estimator.filter == "matched"
    assert repr(ApertureMass()) == "ApertureMass()"
