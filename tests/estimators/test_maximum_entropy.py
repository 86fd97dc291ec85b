# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Maximum-entropy maps: parameters, records, B-modes, pixels, reduced shear, errors."""

import pickle
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from lenses import NFW, catalog_columns, shear_of, tangent_wcs, uniform_sky

from lensmap import ConvergenceMap, MaximumEntropy, ShearCatalog, ShearGrid, WienerFilter
from lensmap.utils import MapWarning

CENTER = SkyCoord(20, -35, unit="deg")
SCALE = 0.5  # arcmin
PLANE = tangent_wcs(CENTER, (60, 64), SCALE)
LENS = CENTER.directional_offset_by(200 * u.deg, 2 * u.arcmin)


def _spectrum(ell):
    """A spectrum with the power of sources at redshift 2; importable, so that it can be sent."""
    return 1e-8 / (1 + (ell / 150) ** 1.2) / (1 + (ell / 4000) ** 1.2)


def _catalog(noise=0.25, n=30_000, seed=1, lens=None, reduced=False, **columns):
    rng = np.random.default_rng(seed)
    sky = uniform_sky(CENTER, 0.36, n, rng)
    gamma, kappa = shear_of(sky, [(LENS, lens or NFW(kappa_s=0.15))])
    if reduced:
        keep = np.abs(gamma / (1 - kappa)) < 0.95
        sky, gamma, n = sky[keep], (gamma / (1 - kappa))[keep], keep.sum()
    e = gamma + noise * (rng.normal(size=n) + 1j * rng.normal(size=n))
    return ShearCatalog(catalog_columns(sky, e, **columns), "generic", "celestial", "shear")


def _peak(kappa, wcs=PLANE):
    x, y = (int(np.rint(v)) for v in wcs.world_to_pixel(LENS))
    return float(np.mean(kappa.data[y - 1 : y + 2, x - 1 : x + 2]))


QUICK = MaximumEntropy(power=_spectrum, sigma_e=0.25, dtype="float32")


# --- parameters -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"event_density": 0}, ValueError, r"event_density must be above 0 and at most 1e\+08"),
        ({"event_density": 1e9}, ValueError, "event_density must be above 0"),
        ({"event_density": np.nan}, ValueError, "event_density must be above 0"),
        ({"event_density": "many"}, TypeError, "event_density must be a number"),
        ({"power_factor": 0}, ValueError, "power_factor must be finite and positive"),
        ({"power_factor": np.inf}, ValueError, "power_factor must be finite and positive"),
        ({"power": 3.0}, TypeError, "power must be 'halofit', 'camb', a function of ell"),
        ({"z_source": 0}, ValueError, "z_source must be between 0.001 and 100"),
        ({"cosmology": "Planck99"}, ValueError, "cosmology must be one of"),
        ({"padding": 0.5}, ValueError, "padding must be finite and at least 1, not 0.5"),
        ({"tolerance": 0}, ValueError, "tolerance must be between 0 and 1"),
        ({"max_iterations": 0}, ValueError, "max_iterations must be at least 1"),
        ({"uncertainty": "analytic"}, ValueError, "one of None, 'rotations', 'posterior'"),
        ({"n_realizations": 1}, ValueError, "n_realizations must be at least 2"),
        ({"scheme": "tsc"}, ValueError, "scheme must be one of"),
        ({"sigma_e": 0}, ValueError, "sigma_e must be None or positive, not 0"),
        ({"dtype": "float16"}, ValueError, "dtype must be one of"),
    ],
)
def test_bad_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        MaximumEntropy(**parameters)


def test_everything_masked_is_an_error():
    with pytest.raises(ValueError, match="no galaxy"):
        QUICK.reconstruct(_catalog(n=500), PLANE, np.ones((60, 64), dtype=bool))


def test_repr_says_all():
    table = MaximumEntropy(power=(np.array([10, 1000]), np.array([1e-8, 1e-10])))
    assert eval(repr(table)).get_params() == table.get_params()
    assert pickle.loads(pickle.dumps(QUICK)).get_params() == QUICK.get_params()


# --- the map --------------------------------------------------------------------------------


def test_the_record_of_the_solution(tmp_path):
    kappa = QUICK.reconstruct(_catalog(), PLANE)
    facts = kappa.meta["maximum_entropy"]
    assert facts["converged"] is True and 5 < facts["n_iterations"] < 300
    assert 0.9 < facts["chi_square_per_datum"] < 1.02
    assert kappa.meta["zero_mode"].startswith("set to 0") and "prior_power" not in kappa.meta
    kappa.write(tmp_path / "k.fits")
    assert ConvergenceMap.read(tmp_path / "k.fits").meta == kappa.meta


def test_the_power_is_fitted_as_for_the_wiener_filter():
    catalog = _catalog()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MapWarning)
        one = MaximumEntropy(dtype="float32", b_mode=False).reconstruct(catalog, PLANE)
        other = WienerFilter(dtype="float32").reconstruct(catalog, PLANE)
    assert one.meta["prior_power"] == other.meta["prior_power"]
    assert one.kappa_b is None


@pytest.mark.filterwarnings("error")
def test_the_warning_about_no_signal_names_the_method():
    rng = np.random.default_rng(3)
    sky = uniform_sky(CENTER, 0.36, 3000, rng)
    e = 0.25 * (rng.normal(size=3000) + 1j * rng.normal(size=3000))
    catalog = ShearCatalog(catalog_columns(sky, e), "generic", "celestial", "shear")
    with pytest.warns(MapWarning, match="that MaximumEntropy measures in the catalog"):
        MaximumEntropy(dtype="float32").reconstruct(catalog, PLANE)


def test_many_events_are_the_wiener_filter():
    catalog = _catalog(weight=np.random.default_rng(2).uniform(0.3, 2, 30_000))
    mask = np.zeros((60, 64), dtype=bool)
    mask[10:20, 30:45] = True
    many = MaximumEntropy(
        power=_spectrum, event_density=1e7, power_factor=1, tolerance=1e-13
    ).reconstruct(catalog, PLANE, mask)
    wiener = WienerFilter(power=_spectrum, tolerance=1e-9).reconstruct(catalog, PLANE, mask)
    np.testing.assert_array_equal(many.mask, wiener.mask)
    good = ~wiener.mask
    for one, other in ((many.data, wiener.data), (many.kappa_b, wiener.kappa_b)):
        difference = (one - other)[good]
        assert np.std(difference) < 2.4e-4 * other[good].std()


def test_a_halo_is_higher_than_in_the_wiener_map():
    catalog = _catalog()
    entropy = QUICK.reconstruct(catalog, PLANE)
    wiener = WienerFilter(power=_spectrum, sigma_e=0.25).reconstruct(catalog, PLANE)
    assert _peak(entropy) > 1.2 * _peak(wiener)
    away = np.hypot(*(np.indices((60, 64)) - 30)) > 20
    assert np.std(entropy.data[away]) < 1.2 * np.std(wiener.data[away])
    # The B-mode is noise without a halo.
    assert np.abs(entropy.kappa_b).max() < 0.6 * _peak(entropy)
    assert np.std(entropy.kappa_b[away]) < 1.5 * np.std(wiener.kappa_b[away])


def test_b_modes_have_a_sign_on_the_sky():
    """Shear rotated by 45 degrees shows the lens in the B-mode, with one sign or the other."""
    catalog = _catalog(noise=0.15)
    e = catalog.e1 + 1j * catalog.e2
    maps = []
    for factor in (1, 1j, -1j):
        columns = {"ra": catalog.ra, "dec": catalog.dec, "e1": (factor * e).real,
                   "e2": (factor * e).imag}
        maps.append(QUICK.reconstruct(ShearCatalog(columns, "generic", "celestial", "shear"),
                                      PLANE))
    straight, plus, minus = maps
    np.testing.assert_allclose(plus.kappa_b, -minus.kappa_b, atol=1e-4)
    x, y = (int(np.rint(v)) for v in PLANE.world_to_pixel(LENS))
    assert plus.kappa_b[y, x] == pytest.approx(straight.data[y, x] / 2, rel=0.6)
    assert plus.kappa_b[y, x] > 5 * np.std(straight.kappa_b)


@pytest.mark.parametrize("orientation", [{"flip": True}, {"angle": 33.0}])
def test_mirrored_and_rotated_pixels_show_the_same_halo(orientation):
    catalog = _catalog(noise=0.1)
    wcs = tangent_wcs(CENTER, (60, 64), SCALE, **orientation)
    peaks = [_peak(QUICK.reconstruct(catalog, one), one) for one in (PLANE, wcs)]
    assert peaks[1] == pytest.approx(peaks[0], rel=0.12)


@pytest.mark.slow
def test_oblong_pixels_are_resampled():
    wcs = tangent_wcs(CENTER, (60, 64), SCALE)
    wcs.wcs.cdelt[1] *= 1.6
    wcs.array_shape = (38, 64)
    wcs.wcs.crpix = [32.5, 19.5]
    kappa = QUICK.reconstruct(_catalog(noise=0.1), wcs)
    assert "resampled_by" in kappa.meta
    y, x = np.unravel_index(np.nanargmax(np.where(kappa.mask, 0, kappa.data)), kappa.shape)
    assert wcs.pixel_to_world(x, y).icrs.separation(LENS) < 1.2 * u.arcmin


def test_the_strength_is_one_of_the_sky_not_of_the_pixels():
    """Smaller pixels have fewer events each, and give the same halo."""
    catalog = _catalog(noise=0.2)
    peaks = []
    for scale in (0.35, 0.5, 0.7):
        n = int(np.ceil(30 / scale))
        wcs = tangent_wcs(CENTER, (n, n), scale)
        kappa = QUICK.reconstruct(catalog, wcs)
        y, x = np.indices(kappa.shape)
        x0, y0 = wcs.world_to_pixel(LENS)
        peaks.append(np.mean(kappa.data[np.hypot(x - x0, y - y0) * scale < 1.2]))
    assert np.ptp(peaks) < 0.12 * np.mean(peaks)


def test_holes_and_uneven_noise():
    rng = np.random.default_rng(5)
    mask = np.hypot(*(np.indices((60, 64)) - np.array([12, 50])[:, None, None])) < 3
    catalog = _catalog(sigma_e=rng.uniform(0.2, 0.5, 30_000))
    estimator = QUICK.replace(sigma_e=None)
    hidden = estimator.reconstruct(catalog, PLANE, mask)
    assert hidden.mask[mask].all() and not hidden.mask[~mask].any()
    filled = estimator.replace(fill_holes=True).reconstruct(catalog, PLANE, mask)
    assert (~filled.mask[mask]).mean() > 0.5
    np.testing.assert_array_equal(filled.data[~mask], hidden.data[~mask])


# --- reduced shear --------------------------------------------------------------------------


def test_the_likelihood_of_the_reduced_shear():
    """The halo of a map from reduced shear is that of a map from shear."""
    lens = NFW(kappa_s=0.35, theta_s=1.5)
    estimator = QUICK.replace(sigma_e=0.1, b_mode=False)
    truth = _peak(estimator.reconstruct(_catalog(noise=0.1, lens=lens), PLANE))
    catalog = _catalog(noise=0.1, lens=lens, reduced=True)
    plain = _peak(estimator.reconstruct(catalog, PLANE))
    kappa = estimator.replace(reduced_shear=True).reconstruct(catalog, PLANE)
    assert truth > 0.3 and plain > 1.1 * truth
    assert abs(_peak(kappa) - truth) < 0.5 * abs(plain - truth)
    assert kappa.meta["maximum_entropy"]["converged"]


def test_measurement_errors_are_part_of_the_variance():
    rng = np.random.default_rng(6)
    sigma_m = rng.uniform(0.05, 0.2, 30_000)
    catalog = _catalog(noise=0.25, sigma_m=sigma_m)
    grid = ShearGrid.from_catalog(catalog, PLANE, sigma_e=0.2)
    estimator = QUICK.replace(sigma_e=0.2, reduced_shear=True, scheme="nearest")
    variance = estimator._variance(grid)
    part = estimator._measurement_variance(grid, variance)
    good = grid.sum_w > 0
    x, y = (np.rint(v).astype(int) for v in PLANE.world_to_pixel(
        SkyCoord(catalog.ra, catalog.dec, unit="deg")))
    inside = (x >= 0) & (y >= 0) & (x < 64) & (y < 60)
    total = np.zeros((60, 64))
    np.add.at(total, (y[inside], x[inside]), sigma_m[inside] ** 2)
    expected = total[good] / grid.count[good] ** 2
    np.testing.assert_allclose(part[good], expected, rtol=1e-4)
    assert np.all(part[good] < variance[good])


# --- errors and samples ---------------------------------------------------------------------


def test_rotations_are_the_noise_of_the_map():
    catalog = _catalog(n=20_000)
    estimator = QUICK.replace(uncertainty="rotations", n_realizations=4, b_mode=False)
    kappa = estimator.reconstruct(catalog, PLANE)
    assert kappa.meta["uncertainty"] == "noise"
    rng = np.random.default_rng(7)
    turned = catalog.e1 + 1j * catalog.e2
    turned = turned * np.exp(2j * np.pi * rng.uniform(size=len(turned)))
    columns = {"ra": catalog.ra, "dec": catalog.dec, "e1": turned.real, "e2": turned.imag}
    noise = estimator.replace(uncertainty=None).reconstruct(
        ShearCatalog(columns, "generic", "celestial", "shear"), PLANE
    )
    scatter = np.sqrt(np.mean(noise.data**2))
    assert np.sqrt(np.mean(kappa.uncertainty.array**2)) == pytest.approx(scatter, rel=0.25)


def test_samples_and_their_scatter():
    catalog = _catalog(n=20_000)
    grid = ShearGrid.from_catalog(catalog, PLANE, sigma_e=0.25)
    estimator = QUICK.replace(uncertainty="posterior", n_realizations=3, b_mode=False)
    kappa = estimator.reconstruct(grid)
    assert kappa.meta["uncertainty"] == "total"
    samples = list(estimator.sample(grid, n_samples=3, rng=8))
    assert len(samples) == 3 and all(one.kappa_b is None for one in samples)
    assert all(one.meta["sample"] == "of the posterior" for one in samples)
    scatter = np.sqrt(np.mean([(one.data - kappa.data) ** 2 for one in samples]))
    assert np.sqrt(np.mean(kappa.uncertainty.array**2)) == pytest.approx(scatter, rel=0.35)
    assert np.ptp([one.data[30, 30] for one in samples]) > 0


def test_what_has_not_converged_is_said():
    with pytest.warns(MapWarning, match="after 2 iterations .* increase max_iterations or"):
        kappa = QUICK.replace(max_iterations=2).reconstruct(_catalog(n=5000), PLANE)
    assert kappa.meta["maximum_entropy"]["converged"] is False
