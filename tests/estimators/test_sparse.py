# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Sparse maps: parameters, records, null fields, heights of halos, holes, false peaks."""

import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from lenses import NFW, catalog_columns, pixel_sky, shear_of, tangent_wcs, uniform_sky

from lensmap import ConvergenceMap, ShearCatalog, ShearGrid
from lensmap.estimators import SparseReconstructor
from lensmap.utils import MapWarning

CENTER = SkyCoord(200, 50, unit="deg")
SCALE = 0.5  # arcmin
PLANE = tangent_wcs(CENTER, (60, 64), SCALE)
LENS = CENTER.directional_offset_by(70 * u.deg, 3 * u.arcmin)
HALO = NFW(kappa_s=0.2, theta_s=1.5)


def _catalog(noise=0.25, n=30_000, seed=1, lens=HALO, reduced=False, **columns):
    rng = np.random.default_rng(seed)
    sky = uniform_sky(CENTER, 0.36, n, rng)
    gamma, kappa = shear_of(sky, [(LENS, lens)] if lens is not None else [])
    if reduced:
        keep = np.abs(gamma / (1 - kappa)) < 0.95
        sky, gamma, n = sky[keep], (gamma / (1 - kappa))[keep], keep.sum()
    e = gamma + noise * (rng.normal(size=n) + 1j * rng.normal(size=n))
    return ShearCatalog(catalog_columns(sky, e, **columns), "generic", "celestial", "shear")


def _distance(wcs=PLANE):
    return pixel_sky(wcs).separation(LENS).arcmin.reshape(wcs.array_shape)


def _height(kappa, wcs=PLANE):
    return float(np.mean(kappa.data[_distance(wcs) < 1.5]))


QUICK = SparseReconstructor(sigma_e=0.25, dtype="float32")


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"threshold": 0}, ValueError, "threshold must be finite and positive, not 0"),
        ({"threshold": np.inf}, ValueError, "threshold must be finite and positive"),
        ({"min_scale": "wide"}, ValueError, "min_scale"),
        ({"min_scale": 20 * u.arcmin}, ValueError, r"max_scale must be at least min_scale \(20"),
        ({"padding": 0.5}, ValueError, "padding must be finite and at least 1, not 0.5"),
        ({"tolerance": 1}, ValueError, "tolerance must be between 0 and 1"),
        ({"max_iterations": 0}, ValueError, "max_iterations must be at least 1"),
        ({"uncertainty": "posterior"}, ValueError, "one of None, 'rotations'"),
        ({"scheme": "tsc"}, ValueError, "scheme must be one of"),
        ({"sigma_e": -1}, ValueError, "sigma_e must be None or positive, not -1"),
        ({"dtype": "float16"}, ValueError, "dtype must be one of"),
    ],
)
def test_bad_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        SparseReconstructor(**parameters)


def test_everything_masked_is_an_error():
    with pytest.raises(ValueError, match="no galaxy"):
        QUICK.reconstruct(_catalog(n=500), PLANE, np.ones((60, 64), dtype=bool))


def test_repr_says_all():
    one = SparseReconstructor(max_scale="6 arcmin", threshold=4)
    assert eval(repr(one)).get_params() == one.get_params()
    assert pickle.loads(pickle.dumps(one)).get_params() == one.get_params()


def test_the_record_of_the_solution(tmp_path):
    kappa = QUICK.reconstruct(_catalog(), PLANE)
    facts = kappa.meta["sparse"]
    assert facts["n_active"] > 0 and facts["starlet_scales"] == [2, 4]
    assert facts["converged"] is True and 0 < facts["change"] <= QUICK.tolerance
    assert 0.9 < facts["chi_square_per_datum"] < 1.05
    assert kappa.meta["zero_mode"].startswith("0 where nothing is significant")
    kappa.write(tmp_path / "k.fits")
    assert ConvergenceMap.read(tmp_path / "k.fits").meta == kappa.meta


def test_a_map_without_lensing_is_zero():
    for seed in range(3):
        kappa = QUICK.reconstruct(_catalog(lens=None, seed=seed), PLANE)
        assert not kappa.data.any() and not kappa.kappa_b.any()


def test_halos_have_their_height():
    """The mean of eight noises is that of the halo itself, within 10 per cent."""
    y, x = np.indices((60, 64))
    fine = np.mean([
        HALO.kappa(np.hypot(*(np.array(PLANE.world_to_pixel(LENS))[:, None, None]
                              - np.array([x + dx, y + dy])) * SCALE))
        for dx in (-0.3, 0, 0.3) for dy in (-0.3, 0, 0.3)
    ], axis=0)
    truth = fine[_distance() < 1.5].mean()
    one = QUICK.replace(b_mode=False)
    maps = [one.reconstruct(_catalog(seed=seed), PLANE) for seed in range(8)]
    assert np.mean([_height(kappa) for kappa in maps]) == pytest.approx(truth, rel=0.1)
    assert all(kappa.data.min() >= 0 for kappa in maps)


def test_b_modes_have_a_sign_on_the_sky():
    """Shear rotated by 45 degrees shows the lens in the B-mode, with one sign or the other."""
    catalog = _catalog()
    e = catalog.e1 + 1j * catalog.e2
    maps = []
    for factor in (1, 1j, -1j):
        columns = {"ra": catalog.ra, "dec": catalog.dec, "e1": (factor * e).real,
                   "e2": (factor * e).imag}
        maps.append(QUICK.reconstruct(ShearCatalog(columns, "generic", "celestial", "shear"),
                                      PLANE))
    straight, plus, minus = maps
    assert not straight.kappa_b.any()
    np.testing.assert_allclose(plus.kappa_b, -minus.kappa_b, atol=1e-6)
    np.testing.assert_allclose(plus.kappa_b, straight.data / 2, atol=1e-6)


@pytest.mark.parametrize("orientation", [{"flip": True}, {"angle": 33.0}])
def test_mirrored_and_rotated_pixels_show_the_same_halo(orientation):
    catalog = _catalog(noise=0.1)
    estimator = QUICK.replace(sigma_e=0.1, b_mode=False)
    wcs = tangent_wcs(CENTER, (60, 64), SCALE, **orientation)
    heights = [_height(estimator.reconstruct(catalog, one), one) for one in (PLANE, wcs)]
    assert heights[1] == pytest.approx(heights[0], rel=0.05)


def test_holes_weights_and_uneven_noise():
    rng = np.random.default_rng(5)
    hole = np.hypot(*(np.indices((60, 64)) - np.array([12, 50])[:, None, None])) < 3
    catalog = _catalog(
        sigma_e=rng.uniform(0.2, 0.5, 30_000), weight=rng.uniform(0.5, 2, 30_000)
    )
    estimator = QUICK.replace(sigma_e=None, b_mode=False)
    hidden = estimator.reconstruct(catalog, PLANE, hole)
    assert hidden.mask[hole].all() and not hidden.mask[~hole].any()
    filled = estimator.replace(fill_holes=True).reconstruct(catalog, PLANE, hole)
    assert (~filled.mask[hole]).mean() > 0.5
    np.testing.assert_array_equal(filled.data[~hole], hidden.data[~hole])
    # A halo beside a hole is the halo.
    beside = (_distance() < 6) & (_distance() > 2.5)
    covered = estimator.reconstruct(catalog, PLANE, beside & (np.indices((60, 64))[1] > 33))
    assert _height(covered) == pytest.approx(_height(hidden), rel=0.25)


def test_reduced_shear():
    lens = NFW(kappa_s=0.35, theta_s=1.5)
    estimator = QUICK.replace(sigma_e=0.05, b_mode=False)
    truth = _height(estimator.reconstruct(_catalog(0.05, lens=lens), PLANE))
    catalog = _catalog(0.05, lens=lens, reduced=True)
    plain = _height(estimator.reconstruct(catalog, PLANE))
    corrected = _height(estimator.replace(reduced_shear=True).reconstruct(catalog, PLANE))
    assert plain > 1.1 * truth
    assert corrected == pytest.approx(truth, rel=0.05)


def test_rotations_count_false_peaks():
    catalog = _catalog(n=8000)
    estimator = QUICK.replace(uncertainty="rotations", n_realizations=4, threshold=3.5)
    kappa = estimator.reconstruct(catalog, PLANE)
    assert kappa.meta["uncertainty"] == "noise" and len(kappa.noise_peaks) > 0
    assert 0 < np.count_nonzero(kappa.uncertainty.array) < kappa.data.size
    high = estimator.replace(threshold=8.0).reconstruct(catalog, PLANE)
    assert not high.uncertainty.array.any() and np.isnan(high.snr).all()


def test_a_grid_needs_no_catalog():
    catalog = _catalog()
    grid = ShearGrid.from_catalog(catalog, PLANE, sigma_e=0.25)
    one = QUICK.replace(b_mode=False)
    np.testing.assert_allclose(
        one.reconstruct(grid).data, one.reconstruct(catalog, PLANE).data, atol=1e-6
    )


def test_what_has_not_converged_is_said():
    with pytest.warns(MapWarning, match="in the last of 2 iterations .* increase max_iterations"):
        kappa = QUICK.replace(max_iterations=2).reconstruct(_catalog(), PLANE)
    assert kappa.meta["sparse"]["converged"] is False
