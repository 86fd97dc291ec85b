# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The power spectrum that the Wiener filter fits to a field, where the truth is known."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from catalogs import shear_catalog
from lenses import catalog_columns, tangent_wcs

from lensmap import ConvergenceMap, ShearGrid, WienerFilter
from lensmap.estimators._fitted_power import FittedPower, _PowerFit, theory_table
from lensmap.flatsky import MaskedPower, convergence_to_shear, interpolate_power, mode_power
from lensmap.testing import check_estimator
from lensmap.utils import MapWarning

CENTER = SkyCoord(20, -35, unit="deg")
SCALE, N = 0.8, 256  # 3.4 deg
WCS = tangent_wcs(CENTER, (N, N), SCALE)
PIXEL = np.radians(SCALE / 60)
TABLE = theory_table(None)
DEFAULT = WienerFilter(dtype="float32")


def _truth(amplitude, cutoff):
    return FittedPower(amplitude, 0, cutoff, 0, 0, 1, 0, 0)


def _spectrum(truth):
    return lambda ell: truth.power(ell, interpolate_power(ell, *TABLE))


def _field(truth, seed):
    """Return the convergence of a Gaussian field and its shear in the pixel basis."""
    rng = np.random.default_rng(seed)
    root = np.sqrt(mode_power((3 * N // 2, 3 * N // 2), PIXEL, _spectrum(truth)))
    kappa = np.fft.ifft2(root * np.fft.fft2(rng.normal(size=root.shape))).real
    return kappa[:N, :N], convergence_to_shear(kappa)[:N, :N]


def _catalog(shear, seed, *, n=300_000, sigma=0.26, side=N):
    """Return galaxies at random positions of the first ``side`` pixels, with and without shear."""
    rng = np.random.default_rng((seed, 1))
    x, y = rng.uniform(-0.5, side - 0.5, (2, n))
    sky = WCS.pixel_to_world(x, y)
    e = sigma * (rng.normal(size=n) + 1j * rng.normal(size=n))
    if shear is not None:
        # x is to the west: the celestial basis is the other handedness
        e += np.conj(shear[np.rint(y).astype(int), np.rint(x).astype(int)])
    columns = catalog_columns(sky, e, sigma_e=np.full(n, sigma))
    return shear_catalog(columns)


def _fit(catalog, mask=None, estimator=DEFAULT, **options):
    grid = ShearGrid.from_catalog(catalog, WCS, mask, **options)
    return estimator.fit(estimator.measure(grid))


@pytest.fixture(scope="module")
def sky():
    """A truth, its convergence, and galaxies behind it."""
    truth = _truth(1.4, 4000.0)
    kappa, shear = _field(truth, 2)
    return truth, kappa, _catalog(shear, 2)


@pytest.mark.filterwarnings("error")
def test_parameters_of_negative_power_are_not_tried_twice():
    """The B-mode of masked fields may have a response that is slightly negative."""
    ell, n_modes = np.linspace(100, 5000, 50), np.full(4, 500.0)
    response = np.zeros((2, 4, 50))
    response[0], response[1] = np.repeat(np.eye(4), [12, 13, 12, 13], axis=1) / 12.5, -1e-4
    noise = np.full(4, 1e-10)
    signal = response @ _spectrum(_truth(1.5, 4000.0))(ell)
    one = np.ones(9)
    spectrum = MaskedPower(ell, signal + noise, response, noise, n_modes, one, one, 0.01)
    fit = _PowerFit([spectrum], TABLE)
    fit._set_modes(signal.ravel())
    value, gradient, _ = fit._posterior(np.array([7.0, np.log(1e6), -3.0]))
    assert value == np.inf and np.isfinite(gradient).all()
    assert fit.result().amplitude == pytest.approx(1.5, rel=0.2)


def _holes():
    y, x = np.indices((N, N))
    rng, mask = np.random.default_rng(3), np.zeros((N, N), dtype=bool)
    for j, i in rng.uniform(0, N, (120, 2)):
        mask[np.hypot(y - j, x - i) < rng.uniform(2, 9)] = True
    return mask


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("amplitude", [0.3, 3.0])
def test_a_known_amplitude_is_recovered(amplitude, masked):
    truth = _truth(amplitude, 3000.0)
    fits = [_fit(_catalog(_field(truth, seed)[1], seed), _holes() if masked else None)
            for seed in (5, 6, 7)]
    for fit in fits:
        assert abs(fit.amplitude - amplitude) < 2.5 * fit.amplitude_error
        assert fit.amplitude_error < 0.7 * amplitude
        assert abs(np.log(fit.cutoff / 3000)) < 2.5 * fit.ln_cutoff_error
        assert fit.noise_ratio == pytest.approx(1, abs=0.02)
    # the prior pulls a low amplitude toward 1
    assert 0.8 < np.mean([fit.amplitude for fit in fits]) / amplitude < 1.6


def test_the_map_is_as_good_as_with_the_true_power(sky):
    truth, kappa, catalog = sky
    mask = _holes()

    def score(estimator):
        result = estimator.reconstruct(catalog, WCS, mask)
        good = ~result.mask
        return np.corrcoef(result.data[good], kappa[good])[0, 1]

    matched = score(WienerFilter(power=_spectrum(truth), dtype="float32"))
    assert matched - 0.005 < score(DEFAULT) < matched + 0.002


def test_the_map_records_the_fit(sky, tmp_path):
    truth, _, catalog = sky
    kappa = DEFAULT.reconstruct(catalog, WCS)
    kappa.write(tmp_path / "k.fits")
    meta = ConvergenceMap.read(tmp_path / "k.fits").meta["prior_power"]
    assert meta == kappa.meta["prior_power"]
    assert abs(meta["amplitude"] - truth.amplitude) < 2.5 * meta["amplitude_error"]
    assert "0.9" in meta["model"] and "0 +- 0.7" in meta["prior"]
    sample = next(DEFAULT.sample(catalog, WCS, n_samples=1, rng=1))
    assert sample.meta["prior_power"] == meta
    for given in ({"z_source": 1.0}, {"power": ([10, 1e4], [1e-9, 1e-12])}):
        estimator = DEFAULT.replace(**given)
        assert estimator.measure(None) is None and estimator.fit(None) is None
        grid = ShearGrid.from_catalog(catalog, WCS)
        assert "prior_power" not in estimator.reconstruct(grid).meta


def test_the_noise_of_the_catalog_may_be_wrong(sky):
    """By a few per cent, as where it is measured: the B-mode corrects it."""
    right, wrong = (_fit(sky[2], sigma_e=sigma) for sigma in (0.26, 0.27))
    assert wrong.noise_ratio == pytest.approx(right.noise_ratio * (0.26 / 0.27) ** 2, rel=1e-3)
    assert wrong.amplitude == pytest.approx(right.amplitude, rel=0.02)


def test_the_scale_of_weights_and_the_scheme_do_not_matter(sky):
    _, _, catalog = sky
    fit = _fit(catalog)
    columns = {name: catalog[name] for name in ("ra", "dec", "e1", "e2", "sigma_e")}
    columns["weight"] = np.full(len(catalog), 1e5)
    scaled = _fit(shear_catalog(columns))
    np.testing.assert_allclose(scaled, fit, rtol=1e-4)
    clouds = _fit(catalog, scheme="cloud-in-cell")
    assert clouds.amplitude == pytest.approx(fit.amplitude, abs=fit.amplitude_error)
    assert clouds.noise_ratio == pytest.approx(1, abs=0.03)


def test_a_small_field_shrinks_to_the_theory():
    """A field of half a degree has few modes."""
    shear = _field(_truth(6.0, 4000.0), 8)[1]
    catalog = _catalog(shear, 8, n=2500, side=40)
    wcs = tangent_wcs(CENTER, (N, N), SCALE)
    grid = ShearGrid.from_catalog(catalog, wcs)
    with pytest.warns(MapWarning, match="not significant .* give z_source"):
        fit = DEFAULT.fit(DEFAULT.measure(grid))
    assert fit.prior_weight > 0.3 and fit.significance < 2
    assert 0.4 < fit.amplitude < 4


def test_noise_alone_has_a_small_amplitude_and_a_flat_map():
    catalog = _catalog(None, 9)
    with pytest.warns(MapWarning, match="lensing power .* uncertain"):
        kappa = DEFAULT.reconstruct(catalog, WCS)
    fit = kappa.meta["prior_power"]
    assert fit["amplitude"] < 0.25 and fit["significance"] < 2
    expected = WienerFilter(z_source=0.9, dtype="float32").reconstruct(catalog, WCS)
    assert np.nanstd(kappa.data) < 0.4 * np.nanstd(expected.data)


def test_an_excess_of_the_b_mode_is_told(sky):
    rotated = _catalog(1j * _field(sky[0], 1)[1], 1)
    with pytest.warns(MapWarning, match="the B-mode exceeds the E-mode by .* sign convention"):
        assert _fit(rotated).e_minus_b < -3


def test_parts_and_tiles_add(sky):
    _, _, catalog = sky
    whole = _fit(catalog)
    halves = [ShearGrid.from_catalog(catalog.select(part), WCS)
              for part in (np.s_[:100_000], np.s_[100_000:])]
    sums = DEFAULT.measure(halves[0]) + DEFAULT.measure(halves[1])
    np.testing.assert_allclose(DEFAULT.fit(sums), whole, rtol=1e-4)
    tiles = [ShearGrid.from_catalog(catalog, WCS[half]) for half in
             (np.s_[: N // 2], np.s_[N // 2 :])]
    first, second = map(DEFAULT.measure, tiles)
    tiled = DEFAULT.fit(first + second)
    assert tiled.amplitude == pytest.approx(whole.amplitude, abs=whole.amplitude_error)
    assert tiled.amplitude_error == pytest.approx(whole.amplitude_error, rel=0.3)
    # frozen for all tiles of a survey
    state = DEFAULT.prepare(tiles[0], tiled)
    assert DEFAULT.invert(tiles[0], state).meta["prior_power"]["amplitude"] == pytest.approx(
        tiled.amplitude, rel=1e-5)
    with pytest.raises(TypeError):
        first + 3


@pytest.mark.filterwarnings("ignore:the lensing power that WienerFilter measures")
def test_law_14():
    (result,) = check_estimator("wiener", laws=["14"], z_source=None).results
    assert result.status == "holds"


def test_galaxies_without_scatter_have_the_theory():
    catalog = _catalog(None, 4, n=3000, sigma=1e-300)
    fit = _fit(catalog)
    assert (fit.amplitude, fit.prior_weight, fit.significance) == (1.0, 1.0, 0.0)


@pytest.mark.slow
def test_amplitude_and_posterior_of_many_fields():
    """The error of the amplitude is that of realistic fields, so it is large for Gaussian ones."""
    truth, pulls, errors = _truth(1.4, 4000.0), [], []
    estimator = DEFAULT.replace(uncertainty="posterior", n_realizations=15)
    for seed in range(15):
        kappa, shear = _field(truth, (20, seed))
        result = estimator.reconstruct(_catalog(shear, seed), WCS)
        fit = result.meta["prior_power"]
        pulls.append((fit["amplitude"] - truth.amplitude) / fit["amplitude_error"])
        inside = np.s_[20:-20, 20:-20]
        errors.append(np.abs(result.data - kappa)[inside] < result.uncertainty.array[inside])
    assert np.mean(np.abs(pulls) < 2) >= 0.9 and 0.3 < np.std(pulls) < 1.2
    assert np.mean(errors) == pytest.approx(0.68, abs=0.03)


def test_a_unit_of_the_theory():
    """The amplitude is the ratio at the multipole 1000."""
    fit = _truth(2.0, 3000.0)
    assert fit.power(np.array([1000.0]), np.array([3e-10])) == pytest.approx(6e-10)
