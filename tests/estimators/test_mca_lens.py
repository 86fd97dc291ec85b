# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""MCALens: parameters, records, the limit of the Wiener filter, peaks, holes, errors."""

import pickle
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from lenses import NFW, catalog_columns, shear_of, tangent_wcs, uniform_sky

from lensmap import ConvergenceMap, ShearCatalog, ShearGrid, WienerFilter
from lensmap.estimators import MCALens
from lensmap.utils import MapWarning

CENTER = SkyCoord(20, -35, unit="deg")
SCALE = 0.5  # arcmin
PLANE = tangent_wcs(CENTER, (60, 64), SCALE)
LENS = CENTER.directional_offset_by(200 * u.deg, 2 * u.arcmin)
HOLE = np.zeros((60, 64), dtype=bool)
HOLE[10:20, 40:52] = True


def _spectrum(ell):
    """A spectrum with the power of sources at redshift 2; importable, so that it can be sent."""
    return 1e-8 / (1 + (ell / 150) ** 1.2) / (1 + (ell / 4000) ** 1.2)


def _catalog(noise=0.25, n=30_000, seed=1, kappa_s=0.15, reduced=False, **columns):
    rng = np.random.default_rng(seed)
    sky = uniform_sky(CENTER, 0.36, n, rng)
    gamma, kappa = shear_of(sky, [(LENS, NFW(kappa_s=kappa_s))])
    if reduced:
        keep = np.abs(gamma / (1 - kappa)) < 0.95
        sky, gamma, n = sky[keep], (gamma / (1 - kappa))[keep], keep.sum()
    e = gamma + noise * (rng.normal(size=n) + 1j * rng.normal(size=n))
    return ShearCatalog(catalog_columns(sky, e, **columns), "generic", "celestial", "shear")


def _peak(kappa, wcs=PLANE):
    x, y = (int(np.rint(v)) for v in wcs.world_to_pixel(LENS))
    return float(np.mean(kappa.data[y - 1 : y + 2, x - 1 : x + 2]))


QUICK = MCALens(power=_spectrum, sigma_e=0.25, dtype="float32")


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"threshold": 0}, ValueError, "threshold must be finite and positive, not 0"),
        ({"threshold": np.nan}, ValueError, "threshold must be finite and positive"),
        ({"threshold": "high"}, TypeError, "threshold must be a number"),
        ({"n_iterations": -1}, ValueError, "n_iterations must be at least 0"),
        ({"n_iterations": 2.5}, TypeError, "n_iterations must be a whole number"),
        ({"min_scale": 2}, TypeError, "min_scale must be an angle"),
        ({"min_scale": 0 * u.arcmin}, ValueError, "min_scale"),
        ({"max_scale": 0.5 * u.arcmin}, ValueError, r"max_scale must be at least min_scale \(0.8"),
        ({"power": 3.0}, TypeError, "power must be 'halofit', 'camb', a function of ell"),
        ({"z_source": 0}, ValueError, "z_source must be between 0.001 and 100"),
        ({"padding": 0.5}, ValueError, "padding must be finite and at least 1, not 0.5"),
        ({"tolerance": 0}, ValueError, "tolerance must be between 0 and 1"),
        ({"max_iterations": 0}, ValueError, "max_iterations must be at least 1"),
        ({"uncertainty": "analytic"}, ValueError, "one of None, 'rotations', 'posterior'"),
        ({"sigma_e": 0}, ValueError, "sigma_e must be None or positive, not 0"),
        ({"dtype": "float16"}, ValueError, "dtype must be one of"),
    ],
)
def test_bad_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        MCALens(**parameters)


def test_everything_masked_is_an_error():
    with pytest.raises(ValueError, match="no galaxy"):
        QUICK.reconstruct(_catalog(n=500), PLANE, np.ones((60, 64), dtype=bool))


def test_repr_says_all():
    one = MCALens(min_scale="1 arcmin", power=(np.array([10, 1000]), np.array([1e-8, 1e-10])))
    assert eval(repr(one)).get_params() == one.get_params()
    assert pickle.loads(pickle.dumps(QUICK)).get_params() == QUICK.get_params()


def test_the_record_of_the_solution(tmp_path):
    kappa = QUICK.reconstruct(_catalog(), PLANE)
    facts = kappa.meta["mcalens"]
    assert facts["n_active"] > 0 and facts["starlet_scales"] == [1, 4]
    assert 0.02 < facts["max_sparse"] < np.nanmax(kappa.data) + 0.05
    assert 0.9 < facts["chi_square_per_datum"] < 1.05
    assert kappa.meta["zero_mode"].startswith("set to 0") and "prior_power" not in kappa.meta
    kappa.write(tmp_path / "k.fits")
    assert ConvergenceMap.read(tmp_path / "k.fits").meta == kappa.meta


@pytest.mark.parametrize("off", [{"threshold": 1e6}, {"n_iterations": 0}])
def test_with_the_sparse_part_off_it_is_the_wiener_filter(off):
    """With uneven weights and a hole; fitted power as well."""
    catalog = _catalog(weight=np.random.default_rng(2).uniform(0.3, 2, 30_000))
    given = {"tolerance": 1e-7}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MapWarning)
        one = MCALens(**given, **off).reconstruct(catalog, PLANE, HOLE)
        wiener = WienerFilter(**given).reconstruct(catalog, PLANE, HOLE)
    np.testing.assert_array_equal(one.mask, wiener.mask)
    assert one.meta["prior_power"] == wiener.meta["prior_power"]
    good = ~wiener.mask
    for first, second in ((one.data, wiener.data), (one.kappa_b, wiener.kappa_b)):
        assert np.abs(first - second)[good].max() < 1e-4 * second[good].std()


def test_a_halo_is_higher_than_in_the_wiener_map():
    catalog = _catalog()
    kappa = QUICK.reconstruct(catalog, PLANE)
    wiener = WienerFilter(power=_spectrum, sigma_e=0.25).reconstruct(catalog, PLANE)
    assert _peak(kappa) > 1.2 * _peak(wiener)
    away = np.hypot(*(np.indices((60, 64)) - 30)) > 20
    assert np.std((kappa.data - wiener.data)[away]) < 0.3 * np.std(wiener.data[away])
    # The B-mode is noise without a halo.
    assert np.abs(kappa.kappa_b).max() < 0.6 * _peak(kappa)
    assert QUICK.replace(b_mode=False).reconstruct(catalog, PLANE).kappa_b is None


def test_scales_are_angles():
    """Smaller pixels have other scales of the same angles, and give the same halo."""
    catalog = _catalog(noise=0.2)
    peaks, scales = [], []
    for scale in (0.25, 0.5):
        n = int(np.ceil(30 / scale))
        wcs = tangent_wcs(CENTER, (n, n), scale)
        kappa = QUICK.replace(b_mode=False).reconstruct(catalog, wcs)
        scales.append(kappa.meta["mcalens"]["starlet_scales"])
        y, x = np.indices(kappa.shape)
        x0, y0 = wcs.world_to_pixel(LENS)
        peaks.append(np.mean(kappa.data[np.hypot(x - x0, y - y0) * scale < 1.2]))
    assert scales == [[2, 5], [1, 4]]
    assert peaks[0] == pytest.approx(peaks[1], rel=0.12)


@pytest.mark.parametrize("size", [6, 12])
def test_small_fields(size):
    wcs = tangent_wcs(CENTER, (size, size), 1.0)
    kappa = QUICK.reconstruct(_catalog(n=5000), wcs)
    assert np.isfinite(kappa.data[~kappa.mask]).all() and (~kappa.mask).any()


def test_reduced_shear():
    """The halo of a map from reduced shear is nearer to that of a map from shear."""
    estimator = QUICK.replace(sigma_e=0.05, b_mode=False)
    truth = _peak(estimator.reconstruct(_catalog(0.05, kappa_s=0.3), PLANE))
    catalog = _catalog(0.05, kappa_s=0.3, reduced=True)
    plain = _peak(estimator.reconstruct(catalog, PLANE))
    corrected = _peak(estimator.replace(reduced_shear=True).reconstruct(catalog, PLANE))
    assert plain > 1.1 * truth
    assert abs(corrected - truth) < 0.5 * abs(plain - truth)


def test_holes():
    catalog = _catalog()
    hidden = QUICK.reconstruct(catalog, PLANE, HOLE)
    assert hidden.mask[HOLE].all() and not hidden.mask[~HOLE].any()
    small = np.hypot(*(np.indices((60, 64)) - np.array([12, 50])[:, None, None])) < 3
    filled = QUICK.replace(fill_holes=True).reconstruct(catalog, PLANE, small)
    assert (~filled.mask[small]).mean() > 0.5


def test_rotations_are_the_noise_of_the_map():
    catalog = _catalog(n=20_000, kappa_s=0.01)
    estimator = QUICK.replace(uncertainty="rotations", n_realizations=4, b_mode=False)
    kappa = estimator.reconstruct(catalog, PLANE)
    assert kappa.meta["uncertainty"] == "noise" and kappa.noise_peaks is not None
    noise = estimator.replace(uncertainty=None).reconstruct(
        _catalog(n=20_000, seed=9, kappa_s=1e-6), PLANE
    )
    scatter = np.sqrt(np.mean(noise.data**2))
    assert np.sqrt(np.mean(kappa.uncertainty.array**2)) == pytest.approx(scatter, rel=0.25)


def test_the_posterior_is_that_of_the_wiener_filter():
    grid = ShearGrid.from_catalog(_catalog(n=20_000), PLANE, sigma_e=0.25)
    given = {"power": _spectrum, "uncertainty": "posterior", "n_realizations": 10}
    kappa = MCALens(**given, b_mode=False).reconstruct(grid)
    wiener = WienerFilter(**given).reconstruct(grid)
    assert kappa.meta["uncertainty"] == "total"
    np.testing.assert_allclose(kappa.uncertainty.array, wiener.uncertainty.array, rtol=1e-6)
    samples = list(MCALens(power=_spectrum, b_mode=False).sample(grid, n_samples=2, rng=8))
    assert len(samples) == 2 and np.ptp([one.data[30, 30] for one in samples]) > 0


def test_what_has_not_converged_is_said():
    with pytest.warns(MapWarning, match="Wiener filter has not converged: after 2 iterations"):
        QUICK.replace(max_iterations=2).reconstruct(_catalog(n=5000), PLANE, HOLE)
