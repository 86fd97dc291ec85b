# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What is the Wiener filter's own: its prior, its noise, its samples, what it makes of holes."""

import pickle
import sys

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.cosmology import Planck18
from catalogs import shear_catalog
from lenses import NFW, catalog_columns, shear_of, tangent_wcs, uniform_sky

from lensmap import ConvergenceMap, KaiserSquires, ShearCatalog, ShearGrid, WienerFilter
from lensmap.cosmology import SourceRedshifts, convergence_power
from lensmap.flatsky import convergence_to_shear, measure_power, mode_power
from lensmap.utils import MapWarning

CENTER = SkyCoord(20, -35, unit="deg")
SCALE = 0.4  # arcmin
PLANE = tangent_wcs(CENTER, (100, 100), SCALE)
RADIANS = np.radians(SCALE / 60)
LENS = CENTER.directional_offset_by(200 * u.deg, 2 * u.arcmin)


def spectrum(ell):
    """A spectrum with the power of sources at redshift 2; importable, so that it can be sent."""
    return 1e-8 / (1 + (ell / 150) ** 1.2) / (1 + (ell / 4000) ** 1.2)


def _sky(n, seed):
    return uniform_sky(CENTER, 0.5, n, np.random.default_rng(seed))


def _lens_catalog(noise=0.25, n=60_000, seed=1):
    sky, rng = _sky(n, seed), np.random.default_rng(seed)
    gamma, _ = shear_of(sky, [(LENS, NFW(kappa_s=0.1))])
    e = gamma + noise * (rng.normal(size=n) + 1j * rng.normal(size=n))
    return ShearCatalog(catalog_columns(sky, e), "generic", "celestial", "shear")


def _gaussian_catalog(seed, n=60_000):
    """Return galaxies behind a Gaussian field, and the field."""
    rng, sky = np.random.default_rng(seed), _sky(n, seed)
    root = np.sqrt(mode_power((200, 200), RADIANS, spectrum))
    field = np.fft.ifft2(root * np.fft.fft2(rng.normal(size=root.shape))).real
    x, y = (np.rint(v).astype(int) for v in PLANE.world_to_pixel(sky))
    # x is to the west: the celestial basis is the other handedness
    shear = np.conj(convergence_to_shear(field))[y % 200, x % 200]
    e = shear + 0.25 * (rng.normal(size=n) + 1j * rng.normal(size=n))
    return ShearCatalog(catalog_columns(sky, e), "generic", "celestial", "shear"), field[:100, :100]


def _r(kappa, truth):
    good = ~kappa.mask
    return np.corrcoef(kappa.data[good], truth[good])[0, 1]


# --- parameters -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"power": 3.0}, TypeError, "power must be 'halofit', 'camb', a function of ell"),
        ({"power": None}, TypeError, "a pair of arrays .* not NoneType"),
        ({"power": "emulator"}, ValueError, "power must be one of 'halofit', 'camb'"),
        ({"power": [1.0, 2.0]}, ValueError, r"their shapes are \(\) and \(\)"),
        ({"power": [[1.0, 2.0]]}, TypeError, "pair of arrays"),
        ({"power": ([1, 2, 3], [1, 2])}, ValueError, r"shapes are \(3,\) and \(2,\)"),
        ({"power": ([0, 1], [1, 2])}, ValueError, "ell, .* and strictly increasing"),
        ({"power": ([2, 1], [1, 2])}, ValueError, "ell, .* and strictly increasing"),
        ({"power": ([1, 2], [1, 0])}, ValueError, "C_ell, .* positive and finite, .* from 0 to 1"),
        ({"z_source": 0}, ValueError, "z_source must be between 0.001 and 100"),
        ({"z_source": "1"}, ValueError, "a redshift or the name of a redshift distribution"),
        ({"z_source": [1]}, TypeError, "a number .* or a SourceRedshifts"),
        ({"cosmology": "Planck99"}, ValueError, "cosmology must be one of"),
        ({"cosmology": 3}, TypeError, "cosmology must be an astropy cosmology, the name of one"),
        ({"padding": 0.5}, ValueError, "padding must be finite and at least 1, not 0.5"),
        ({"padding": None}, TypeError, "padding must be a number, finite and at least 1, not None"),
        ({"tolerance": 0}, ValueError, "tolerance must be between 0 and 1"),
        ({"tolerance": 2}, ValueError, "tolerance must be between 0 and 1"),
        ({"max_iterations": 0}, ValueError, "max_iterations must be at least 1"),
        ({"reduced_shear_iterations": -1}, ValueError, "must be at least 0"),
        ({"uncertainty": "analytic"}, ValueError, "one of None, 'rotations', 'posterior'"),
        ({"n_realizations": 1}, ValueError, "n_realizations must be at least 2"),
        ({"rng": None}, TypeError, "rng must be a whole number"),
        ({"scheme": "tsc"}, ValueError, "scheme must be one of"),
        ({"sigma_e": 0}, ValueError, "sigma_e must be None or positive, not 0"),
        ({"sigma_e": "0.3"}, TypeError, "sigma_e must be a number, None or positive, not '0.3'"),
        ({"dtype": "float16"}, ValueError, "dtype must be one of"),
    ],
)
def test_bad_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        WienerFilter(**parameters)


def test_a_map_is_no_spectrum():
    kappa = ConvergenceMap(np.zeros((100, 100)), wcs=PLANE)
    with pytest.raises(TypeError, match="not ConvergenceMap"):
        WienerFilter(power=kappa)


def test_a_spectrum_that_is_wrong_is_told_when_it_is_asked():
    with pytest.raises(ValueError, match="power must be finite and non-negative"):
        WienerFilter(power=lambda ell: -ell).reconstruct(_lens_catalog(n=2000), PLANE)


def test_repr_says_all():
    table = WienerFilter(power=(np.array([10, 1000]), np.array([1e-8, 1e-10])))
    assert repr(table) == "WienerFilter(power=((10.0, 1000.0), (1e-08, 1e-10)))"
    assert eval(repr(table)).get_params() == table.get_params()
    assert table.replace(padding=2).power == table.power
    estimator = WienerFilter(power=spectrum, uncertainty="posterior")
    assert pickle.loads(pickle.dumps(estimator)).get_params() == estimator.get_params()
    catalog = _lens_catalog(n=2000)
    meta = table.reconstruct(catalog, PLANE).meta
    assert meta["parameters"]["power"] == "a table of 2 multipoles from 10 to 1000"
    assert "spectrum" in estimator.replace(n_realizations=2).reconstruct(
        catalog, PLANE
    ).meta["parameters"]["power"]


# --- the prior ------------------------------------------------------------------------------


def test_theory_table_and_function_are_the_same_prior(tmp_path):
    catalog = _lens_catalog()
    theory = WienerFilter(z_source=1.4).reconstruct(catalog, PLANE)
    ell = np.geomspace(50, 60_000, 300)
    table = WienerFilter(power=(ell, convergence_power(ell, 1.4))).reconstruct(catalog, PLANE)
    function = WienerFilter(power=lambda ell: convergence_power(ell, 1.4))
    largest = np.abs(theory.data).max()
    for other in (table, function.reconstruct(catalog, PLANE)):
        np.testing.assert_allclose(other.data, theory.data, atol=2e-3 * largest)
    other = WienerFilter(z_source=0.5).reconstruct(catalog, PLANE)
    assert np.nanmax(other.data) < 0.8 * np.nanmax(theory.data)  # less mass is expected there
    sources = SourceRedshifts.preset("lsst_y10")
    kappa = WienerFilter(z_source=sources, cosmology=Planck18).reconstruct(catalog, PLANE)
    kappa.write(tmp_path / "k.fits")
    assert ConvergenceMap.read(tmp_path / "k.fits").meta == kappa.meta
    assert "Planck18" in kappa.meta["parameters"]["cosmology"]


@pytest.mark.filterwarnings("ignore:the lensing power that WienerFilter measures")
def test_the_theory_by_camb(monkeypatch):
    calls = []

    def camb(key, k, redshifts):  # a spectrum that is not halofit's
        calls.append(key)
        return (k[:, np.newaxis] ** -1.5 + 1.0) / (1 + redshifts) ** 2

    monkeypatch.setattr("lensmap.cosmology._power.camb_power", camb)
    catalog, cosmology = _lens_catalog(n=2000), Planck18.clone(name="of this test")
    theory = WienerFilter(z_source=1.4, power="camb", cosmology=cosmology)
    kappa = theory.reconstruct(catalog, PLANE)
    assert len(calls) == 1 and kappa.meta["parameters"]["power"] == "camb"
    ell = np.geomspace(1, 1e7, 400)
    table = (ell, convergence_power(ell, 1.4, cosmology, power="camb"))
    by_hand = WienerFilter(power=table).reconstruct(catalog, PLANE)
    np.testing.assert_allclose(kappa.data, by_hand.data, atol=1e-4 * np.abs(kappa.data).max())
    fitted = WienerFilter(power="camb", cosmology=cosmology).reconstruct(catalog, PLANE)
    other = WienerFilter(cosmology=cosmology).reconstruct(catalog, PLANE)
    assert "prior_power" in fitted.meta and not np.allclose(fitted.data, other.data)
    assert other.meta["parameters"]["power"] == "halofit"


def test_camb_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "camb", None)
    theory = WienerFilter(z_source=1.4, power="camb", cosmology=Planck18.clone(H0=67.0))
    with pytest.raises(ImportError, match=r"power='camb' needs .* install 'lensmap\[camb\]'"):
        theory.reconstruct(_lens_catalog(n=500), PLANE)


def test_a_measured_spectrum_is_as_good_as_the_true_one():
    catalog, truth = _gaussian_catalog(1)
    fields = [_gaussian_catalog(seed, n=1)[1] for seed in range(2, 30)]
    measured = WienerFilter(power=measure_power(fields, RADIANS)).reconstruct(catalog, PLANE)
    exact = WienerFilter(power=spectrum).reconstruct(catalog, PLANE)
    assert _r(measured, truth) == pytest.approx(_r(exact, truth), abs=0.01)
    best_ks = max(
        _r(KaiserSquires(smoothing=s * u.arcmin).reconstruct(catalog, PLANE), truth)
        for s in (0.6, 0.8, 1, 1.3, 1.7)
    )
    assert _r(exact, truth) > best_ks + 0.01


def test_cloud_in_cell_is_as_good():
    """The noise of its pixels is shared: counted as independent, it would be too low by half."""
    catalog, truth = _gaussian_catalog(3)
    nearest, clouds = (
        WienerFilter(power=spectrum, scheme=scheme).reconstruct(catalog, PLANE)
        for scheme in ("nearest", "cloud-in-cell")
    )
    assert _r(clouds, truth) == pytest.approx(_r(nearest, truth), abs=0.02)
    slopes = [
        np.polyfit(k.data[~k.mask], truth[~k.mask], 1)[0] for k in (nearest, clouds)
    ]
    assert slopes[1] == pytest.approx(slopes[0], abs=0.1)


# --- the noise ------------------------------------------------------------------------------


@pytest.mark.parametrize("shear", [0.0, 1e-9, 0.05])
def test_galaxies_without_scatter_do_not_blow_up(shear):
    """The noise that is measured from them is next to nothing."""
    sky = _sky(5000, 4)
    catalog = shear_catalog(catalog_columns(sky, np.full(5000, shear + 0j)))
    estimator = WienerFilter(z_source=1.0, uncertainty="posterior", n_realizations=2)
    kappa = estimator.reconstruct(catalog, PLANE)
    assert np.abs(kappa.data[~kappa.mask]).max() <= shear
    assert np.all(kappa.uncertainty.array[~kappa.mask] > 0)


def test_more_noise_makes_a_lower_map():
    catalog = _lens_catalog()
    estimators = (WienerFilter(z_source=1.0, sigma_e=s) for s in (0.1, 0.25, 1))
    peaks = [np.nanmax(one.reconstruct(catalog, PLANE).data) for one in estimators]
    assert peaks[0] > 1.2 * peaks[1] > 1.5 * peaks[2]


def test_single_precision_is_good_enough():
    catalog = _lens_catalog()
    double, single = (
        WienerFilter(z_source=1.0, dtype=dtype).reconstruct(catalog, PLANE)
        for dtype in ("float64", "float32")
    )
    assert single.data.dtype == np.float32
    np.testing.assert_allclose(single.data, double.data, atol=2e-6)


def test_what_padding_and_tolerance_change():
    """As the docstring says, on a field of two thirds of a degree."""
    catalog = _lens_catalog()
    estimator = WienerFilter(z_source=1.0)
    base = estimator.reconstruct(catalog, PLANE).data

    def change(**parameters):
        kappa = estimator.replace(**parameters).reconstruct(catalog, PLANE)
        return (kappa.data - base) / base.std()

    assert 1e-4 < np.std(change(padding=3.0)) < 0.03
    assert np.std(change(tolerance=1e-12)) < 1e-5
    assert np.abs(change(tolerance=1e-12)).max() < 3e-4


def test_the_reduced_shear_is_iterated():
    sky = _sky(60_000, 5)
    gamma, kappa = shear_of(sky, [(LENS, NFW(kappa_s=0.2, theta_s=1.5))])
    keep = np.abs(gamma / (1 - kappa)) < 0.9
    sky, gamma, g = sky[keep], gamma[keep], (gamma / (1 - kappa))[keep]

    def peak(e, n):
        estimator = WienerFilter(z_source=1.0, reduced_shear_iterations=n, sigma_e=0.1)
        catalog = ShearCatalog(catalog_columns(sky, e), "generic", "celestial", "shear")
        return np.nanmax(estimator.reconstruct(catalog, PLANE).data)

    truth = peak(gamma, 0)
    errors = [abs(peak(g, n) - truth) for n in (0, 1, 3)]
    assert errors[1] < errors[0] / 2 and errors[2] < errors[0] / 2


def test_what_has_not_converged_is_said():
    with pytest.warns(MapWarning, match="after 2 iterations .* increase max_iterations or"):
        WienerFilter(z_source=1.0, max_iterations=2).reconstruct(_lens_catalog(n=5000), PLANE)


# --- holes and edges ------------------------------------------------------------------------


def test_holes_are_filled_as_well_as_can_be():
    catalog, truth = _gaussian_catalog(6)
    mask = np.zeros((100, 100), dtype=bool)
    y, x = np.indices(mask.shape)
    rng = np.random.default_rng(6)
    for j, i in rng.uniform(5, 95, (40, 2)):
        mask[np.hypot(y - j, x - i) < 2.2] = True
    mask[40:60, 40:60] = True  # too large for anybody
    small = mask & ~((y >= 40) & (y < 60) & (x >= 40) & (x < 60))
    estimator = WienerFilter(power=spectrum, fill_holes=True, uncertainty="posterior")
    kappa = estimator.replace(n_realizations=40).reconstruct(catalog, PLANE, mask)
    assert kappa.mask[46:54, 46:54].all()
    filled = small & ~kappa.mask
    assert filled.sum() > 0.6 * small.sum()
    pull = (kappa.data - truth)[filled] / kappa.uncertainty.array[filled]
    assert np.std(pull) == pytest.approx(1, abs=0.15)
    assert np.corrcoef(kappa.data[filled], truth[filled])[0, 1] > 0.4
    hidden = estimator.replace(fill_holes=False, uncertainty=None).reconstruct(catalog, PLANE, mask)
    assert hidden.mask[mask].all()
    np.testing.assert_allclose(hidden.data[~mask], kappa.data[~mask], atol=1e-9)


def test_pixels_far_from_galaxies_are_masked():
    catalog = _lens_catalog()
    east = catalog.select(catalog.ra > CENTER.ra.deg)
    kappa = WienerFilter(z_source=1.0).reconstruct(east, PLANE)
    x = np.arange(100)
    edge, reach = 49.5, 2 / SCALE  # x grows to the west
    assert kappa.mask[50, x > edge + reach + 1].all()
    assert not kappa.mask[50, x < edge + reach - 1].any()


# --- errors and samples ---------------------------------------------------------------------


def test_the_posterior_does_not_depend_on_the_ellipticities():
    """And it is reproducible, and of a grid as good as of a catalog."""
    estimator = WienerFilter(
        z_source=1.0, uncertainty="posterior", n_realizations=5, sigma_e=0.25, rng=3
    )
    first = estimator.reconstruct(_lens_catalog(), PLANE)
    assert first.meta["uncertainty"] == "total"
    grid = ShearGrid.from_catalog(_lens_catalog(noise=0.0), PLANE)
    again = estimator.reconstruct(grid)
    np.testing.assert_allclose(again.uncertainty.array, first.uncertainty.array, rtol=1e-9)
    other = estimator.replace(rng=4).reconstruct(grid)
    assert not np.allclose(other.uncertainty.array, first.uncertainty.array, rtol=1e-3)
    with pytest.raises(ValueError, match="or use uncertainty='posterior'"):
        estimator.replace(uncertainty="rotations").reconstruct(grid)
    noise = estimator.replace(uncertainty="rotations").reconstruct(_lens_catalog(), PLANE)
    assert noise.meta["uncertainty"] == "noise"
    assert np.nanmedian(noise.uncertainty.array) < np.nanmedian(first.uncertainty.array)


def test_samples_scatter_about_the_map_like_its_error():
    catalog = _lens_catalog()
    estimator = WienerFilter(uncertainty="posterior", n_realizations=60, power=spectrum)
    kappa = estimator.reconstruct(catalog, PLANE)
    samples = list(estimator.sample(catalog, PLANE, n_samples=61, rng=1))
    assert len(samples) == 61
    assert all(s.kappa_b is None and s.meta["sample"] == "of the posterior" for s in samples)
    values = np.array([s.data for s in samples])
    error = kappa.uncertainty.array
    assert np.nanmean(values.std(axis=0) / error) == pytest.approx(1, abs=0.03)
    assert np.nanstd((values.mean(axis=0) - kappa.data) / error * np.sqrt(61)) < 1.15
    # a sample has the variance that the truth is expected to have, which the map has not
    assert np.nanstd(samples[0].data) > 1.3 * np.nanstd(kappa.data)


def test_samples_of_a_grid_and_their_arguments():
    grid = ShearGrid.from_catalog(_lens_catalog(n=5000), PLANE)
    estimator = WienerFilter(z_source=1.0, uncertainty="rotations")
    one, two = (next(estimator.sample(grid, n_samples=1, rng=r)) for r in (1, 1))
    np.testing.assert_array_equal(one.data, two.data)
    with pytest.raises(ValueError, match="n_samples must be at least 1"):
        next(WienerFilter(z_source=1.0).sample(grid, n_samples=0))


def test_the_posterior_is_resampled_with_the_map():
    wcs = tangent_wcs(CENTER, (60, 30), 0.5)
    wcs.wcs.cdelt = [-1 / 60, 0.5 / 60]
    catalog = _lens_catalog()
    estimator = WienerFilter(z_source=1.0, uncertainty="posterior", n_realizations=10)
    kappa = estimator.reconstruct(catalog, wcs)
    straight = estimator.reconstruct(catalog, tangent_wcs(CENTER, (60, 60), 0.5))
    assert kappa.shape == (60, 30) and kappa.meta["uncertainty"] == "total"
    found, expected = (np.nanmedian(k.uncertainty.array) for k in (kappa, straight))
    assert found == pytest.approx(expected, rel=0.1)


def test_one_galaxy_makes_its_own_map():
    catalog = ShearCatalog(
        {"ra": [CENTER.ra.deg], "dec": [CENTER.dec.deg], "e1": [0.3], "e2": [0.0]},
        "generic", "celestial", "shear"
    )
    kappa = WienerFilter(z_source=1.0).reconstruct(catalog, PLANE)
    assert np.isfinite(kappa.data[~kappa.mask]).all() and (~kappa.mask).sum() > 4
    assert WienerFilter(z_source=1.0).reconstruct(catalog).shape == (1, 1)
