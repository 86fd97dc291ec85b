# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Gridded mocks have the statistics of catalogs that are binned."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from lenses import NFW, ORIENTATIONS, pixel_sky, tangent_wcs

from lensmap import ConvergenceMap, KaiserSquires, ShearGrid
from lensmap.simulate import LensingField, MockSurvey

CENTER = SkyCoord(150, 2, unit="deg")
SMALL = tangent_wcs(CENTER, (64, 64), 0.41)
# Deep, so that measurement errors and weights differ much from galaxy to galaxy.
SURVEY = MockSurvey(density=20 / u.arcmin**2, magnitude_limit=26)
N = 25


def _field(kappa, gamma, wcs=SMALL):
    shape = wcs.array_shape
    return LensingField(
        ConvergenceMap(np.full(shape, kappa), wcs=wcs), np.full(shape, gamma, dtype=complex)
    )


FIELDS = {
    "no lensing": None,
    "weak": _field(0.1, 0.03 - 0.05j),
    "large": _field(0.2, 0.3 + 0.2j),
    "mirrored": _field(0.9, 0.2 - 0.1j),
}


@pytest.fixture(scope="module", params=FIELDS)
def both(request):
    """The sums of N grids, from catalogs and drawn at once, each stacked."""
    field = FIELDS[request.param]
    grids = (
        [ShearGrid.from_catalog(SURVEY.observe(field, SMALL, rng=i), SMALL) for i in range(N)],
        [SURVEY.observe_grid(field, SMALL, rng=i) for i in range(N)],
    )
    names = ("count", "sum_w", "sum_w2", "sum_w2v_m", "sum_w2v_e", "shear")
    return tuple(
        {name: np.stack([getattr(grid, name) for grid in one]) for name in names} for one in grids
    )


def test_counts(both):
    exact, quick = (one["count"] for one in both)
    assert quick.mean() == pytest.approx(exact.mean(), rel=0.01)
    assert quick.var() == pytest.approx(exact.var(), rel=0.02)
    assert quick.mean() == pytest.approx(20 * 0.41**2, rel=0.01)


def test_sums_of_weights_and_their_dependence_on_counts(both):
    exact, quick = both
    for name in ("sum_w", "sum_w2", "sum_w2v_m", "sum_w2v_e"):
        assert quick[name].mean() == pytest.approx(exact[name].mean(), rel=0.01)
        assert quick[name].var() == pytest.approx(exact[name].var(), rel=0.03)
        for n in (1, 3, 6):
            one, other = (group[name][group["count"] == n] for group in both)
            assert other.mean() == pytest.approx(one.mean(), rel=0.01)
            assert other.std() == pytest.approx(one.std(), rel=0.05)
        r = [np.corrcoef(group["count"].ravel(), group[name].ravel())[0, 1] for group in both]
        assert r[0] == pytest.approx(r[1], abs=5e-3)
    pairs = [np.corrcoef(group["sum_w"].ravel(), group["sum_w2"].ravel())[0, 1] for group in both]
    assert pairs[0] == pytest.approx(pairs[1], abs=1e-3)


def test_mean_ellipticities_for_each_count(both):
    for n in (1, 2, 4, 7):
        one, other = (group["shear"][group["count"] == n] for group in both)
        for part in (np.real, np.imag):
            noise = part(one).std() / np.sqrt(len(one))
            assert part(other).mean() == pytest.approx(part(one).mean(), abs=6 * noise)
            assert part(other).std() == pytest.approx(part(one).std(), rel=0.05)
        # the two components stay independent
        assert np.corrcoef(other.real, other.imag)[0, 1] == pytest.approx(
            0, abs=5 / np.sqrt(len(other))
        )


def test_the_noise_that_a_grid_declares_is_its_noise():
    grids = [SURVEY.observe_grid(None, SMALL, rng=i) for i in range(N)]
    pull = np.concatenate([(g.shear / g.sigma)[g.count > 0] for g in grids])
    assert pull.real.std() == pytest.approx(1, abs=0.01)
    assert pull.imag.std() == pytest.approx(1, abs=0.01)


def test_totals_are_those_of_the_catalog():
    grid = SURVEY.observe_grid(FIELDS["weak"], rng=1)
    exact = ShearGrid.from_catalog(SURVEY.observe(FIELDS["weak"], rng=1), SMALL)
    for name in ("sum_w", "sum_w2", "sum_we2", "sum_w2e2", "sum_wv_m", "sum_w2v_m", "sum_wv_e",
                 "sum_w2v_e"):
        one, other = (getattr(g.calibration, name) for g in (exact, grid))
        # The squares of ellipticities are those of a sky without lensing.
        assert other == pytest.approx(one, rel=0.1 if "e2" in name else 0.05), name
    assert grid.calibration.noise_squares() == exact.calibration.noise_squares()


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_a_cluster_is_where_it_is(orientation):
    wcs = tangent_wcs(CENTER, (64, 64), 0.5, **orientation)
    position = SkyCoord(150.05, 2.08, unit="deg")
    theta = pixel_sky(wcs).separation(position).to_value(u.arcmin).reshape(64, 64)
    kappa = ConvergenceMap(NFW(0.1, 3.0).kappa(np.maximum(theta, 0.3)), wcs=wcs)
    survey = MockSurvey(density=100 / u.arcmin**2, sigma_e=0.01, measurement_error=0)
    field = LensingField.from_kappa(kappa)
    grid = survey.observe_grid(field, rng=1)
    exact = ShearGrid.from_catalog(survey.observe(field, rng=1), wcs)
    # the field's own shear, not a conjugate of it
    full = (grid.count > 0) & (exact.count > 0)
    assert np.corrcoef(grid.g2[full], exact.g2[full])[0, 1] > 0.98
    assert grid.parity == exact.parity
    found = KaiserSquires(smoothing=1 * u.arcmin).reconstruct(grid)
    peak = wcs.array_index_to_world(*np.unravel_index(np.nanargmax(found.data), found.shape))
    assert peak.separation(position) < 0.6 * u.arcmin


def test_masks():
    own = np.zeros((64, 64), dtype=bool)
    own[:20] = True
    kappa = ConvergenceMap(np.zeros((64, 64)), wcs=SMALL, mask=own.T)
    survey = SURVEY.replace(mask=own)
    grid = survey.observe_grid(kappa, rng=1)
    np.testing.assert_array_equal(grid.mask, own | own.T)
    assert grid.count[grid.mask].sum() == 0 and grid.count[~grid.mask].mean() > 3
    assert np.all(grid.sum_w[grid.mask] == 0) and np.all(np.isinf(grid.sigma[grid.mask]))
    np.testing.assert_array_equal(survey.observe_grid(None, SMALL, rng=1).mask, own)


def test_density_is_per_solid_angle():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---CAR", "DEC--CAR"]
    wcs.wcs.cdelt = [-1 / 60, 1 / 60]
    wcs.wcs.crval, wcs.wcs.crpix = [100, 0], [40.5, -3600]  # 60 deg from the equator
    wcs.array_shape = (80, 80)
    grid = MockSurvey(density=50 / u.arcmin**2).observe_grid(None, wcs, rng=1)
    expected = 50 * np.cos(np.radians(60 + 40 / 60))
    assert grid.count.mean() == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize("measurement_error", ["hsc", 0.0])
def test_seeds_reproduce_and_pixels_are_remembered(measurement_error):
    survey = MockSurvey(measurement_error=measurement_error)
    other = tangent_wcs(CENTER, (70, 60), 0.6)
    first = survey.observe_grid(None, SMALL, rng=3)
    assert survey.observe_grid(None, other, rng=3).shape == (70, 60)
    for again in (
        survey.observe_grid(None, SMALL, rng=np.random.default_rng(3)),
        MockSurvey(measurement_error=measurement_error).observe_grid(None, SMALL, rng=3),
        survey.observe_grid(None, SMALL.deepcopy(), rng=3),
    ):
        np.testing.assert_array_equal(again.sum_we, first.sum_we)
        np.testing.assert_array_equal(again.count, first.count)
    assert np.any(survey.observe_grid(None, SMALL, rng=4).sum_we != first.sum_we)


def test_threads_do_not_change_what_is_drawn(monkeypatch):
    wcs = tangent_wcs(CENTER, (300, 300), 0.5)  # more pixels than one thread gets
    first = MockSurvey().observe_grid(None, wcs, rng=1)
    monkeypatch.setattr("lensmap.utils._threads.n_threads", lambda size=None: 1)
    again = MockSurvey().observe_grid(None, wcs, rng=1)
    np.testing.assert_array_equal(again.sum_we, first.sum_we)


def test_next_to_no_shear_is_defined_where_kappa_is_one():
    grid = MockSurvey().observe_grid(_field(1.0, 0.1), rng=1)
    assert np.all(np.isfinite(grid.shear))
    empty = MockSurvey().observe_grid(_field(1.0, 0.0), rng=1)
    assert np.all(np.isfinite(empty.shear))


def test_precision():
    grid = MockSurvey().observe_grid(None, SMALL, rng=1)
    assert grid.sum_we.dtype == np.complex64 and grid.sum_w.dtype == np.float32
    assert grid.count.dtype.kind == "i"
    with pytest.raises(ValueError, match="same mask"):
        grid + MockSurvey(mask=np.eye(64, dtype=bool)).observe_grid(None, SMALL, rng=1)
    both = grid + MockSurvey().observe_grid(None, SMALL, rng=2)
    assert both.n_used > 1.9 * grid.n_used
