# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`find_peaks` on maps whose peaks are known."""

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from astropy.wcs import WCS
from photutils.centroids import centroid_quadratic
from scipy import ndimage

from lensmap import ConvergenceMap, find_peaks

SHAPE = (60, 80)


def _wcs(scale=0.5, aspect=1.0, ctype=("RA---TAN", "DEC--TAN"), shape=SHAPE):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ctype
    wcs.wcs.crval = 30.0, 45.0
    wcs.wcs.crpix = (shape[1] + 1) / 2, (shape[0] + 1) / 2
    wcs.wcs.cdelt = -scale * aspect / 60, scale / 60
    wcs.array_shape = shape
    return wcs


def _map_of(*peaks, sigma=2.0, error=0.01, mask=None, wcs=None, **more):
    """A sum of Gaussians at (x, y, height)."""
    y, x = np.indices(SHAPE)
    kappa = sum(
        h * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * sigma**2)) for a, b, h in peaks
    )
    uncertainty = None if error is None else np.broadcast_to(error, SHAPE)
    wcs = _wcs() if wcs is None else wcs
    return ConvergenceMap(np.zeros(SHAPE) + kappa, uncertainty, mask, wcs, **more)


def test_places_and_values():
    kappa = _map_of((20.3, 30.6, 0.1), (60, 12, 0.2))
    peaks = find_peaks(kappa, 5)
    assert peaks["id"].tolist() == [1, 2]
    np.testing.assert_allclose(peaks["x"], [60, 20.3], atol=0.02)
    np.testing.assert_allclose(peaks["y"], [12, 30.6], atol=0.02)
    assert peaks["x_peak"].tolist() == [60, 20] and peaks["y_peak"].tolist() == [12, 31]
    np.testing.assert_allclose(peaks["kappa"], [0.2, kappa.data[31, 20]])
    np.testing.assert_allclose(peaks["snr"], peaks["kappa"] / 0.01)
    sky = SkyCoord(peaks["ra"], peaks["dec"])
    truth = kappa.wcs.pixel_to_world([60, 20.3], [12, 30.6])
    assert np.all(sky.separation(truth) < 0.02 * 0.5 * u.arcmin)
    assert not peaks["at_edge"].any()


@pytest.mark.parametrize("ctype", [("GLON-CAR", "GLAT-CAR"), ("DEC--TAN", "RA---TAN")])
def test_positions_are_icrs_whatever_the_map(ctype):
    wcs = _wcs(ctype=ctype)
    wcs.wcs.crval = (30.0, 2.0)
    peaks = find_peaks(_map_of((20, 30, 0.1), wcs=wcs), 5)
    truth = wcs.pixel_to_world(20, 30).icrs
    assert SkyCoord(peaks["ra"], peaks["dec"])[0].separation(truth) < 0.01 * u.arcmin


def test_the_threshold_is_in_the_unit_that_is_named():
    kappa = _map_of((20, 30, 0.1), (60, 12, 0.2), error=np.where(np.indices(SHAPE)[1] < 40, 1, 4))
    assert len(find_peaks(kappa, 0.15, by="kappa")) == 1
    assert find_peaks(kappa, 0.08, by="snr")["x_peak"].tolist() == [20]
    # the order is that of the threshold
    assert find_peaks(kappa, 0.01, by="snr")["x_peak"].tolist() == [20, 60]
    assert find_peaks(kappa, 0.01, by="kappa")["x_peak"].tolist() == [60, 20]


def test_troughs():
    kappa = _map_of((20, 30, 0.1), (60, 12, -0.2))
    troughs = find_peaks(kappa, 5, troughs=True)
    assert troughs["x_peak"].tolist() == [60]
    assert troughs["kappa"][0] < 0 and troughs["snr"][0] == pytest.approx(-20)
    assert len(find_peaks(-1 * kappa, 5)) == 1


def test_min_separation_is_on_the_sky():
    # 10 pixels apart along x: 5 arcmin, and 2.5 where pixels are half as wide
    peaks = (30, 30, 0.1), (40, 30, 0.2)
    for aspect, distance in ((1.0, 5.0), (0.5, 2.5)):
        kappa = _map_of(*peaks, wcs=_wcs(aspect=aspect))
        assert len(find_peaks(kappa, 5, min_separation=(distance - 0.1) * u.arcmin)) == 2
        found = find_peaks(kappa, 5, min_separation=(distance + 0.1) * u.arcmin)
        assert found["x_peak"].tolist() == [40]


def test_a_peak_that_is_hidden_hides_none():
    kappa = _map_of((20, 30, 0.3), (30, 30, 0.2), (40, 30, 0.1))
    assert find_peaks(kappa, 5, min_separation=6 * u.arcmin)["x_peak"].tolist() == [20, 40]


def test_a_masked_bright_pixel_hides_no_neighbor():
    mask = np.zeros(SHAPE, dtype=bool)
    mask[29:32, 21:23] = True
    kappa = _map_of((20, 30, 0.1), mask=mask)
    bright = kappa.data.copy()
    bright[mask] = 100.0
    found = find_peaks(ConvergenceMap(bright, 0.01 * np.ones(SHAPE), mask, kappa.wcs), 5)
    assert found["x_peak"].tolist() == [20]


def test_edges_and_neighbors_of_masked_pixels_are_marked():
    mask = np.zeros(SHAPE, dtype=bool)
    mask[30, 51] = True
    kappa = _map_of((0, 20, 0.1), (50, 30, 0.1), (30, 30, 0.1), mask=mask)
    found = find_peaks(kappa, 5)
    assert dict(zip(found["x_peak"], found["at_edge"])) == {0: True, 50: True, 30: False}
    assert found["x"][found["x_peak"] == 50] == 50  # a paraboloid would use what is masked
    assert find_peaks(kappa, 5, exclude_edges=True)["x_peak"].tolist() == [30]


def test_a_peak_at_the_edge_hides_none_if_edges_are_excluded():
    kappa = _map_of((0, 30, 0.2), (7, 30, 0.1))
    found = find_peaks(kappa, 5, min_separation=5 * u.arcmin)
    assert found["x_peak"].tolist() == [0]
    found = find_peaks(kappa, 5, min_separation=5 * u.arcmin, exclude_edges=True)
    assert found["x_peak"].tolist() == [7] and not found["at_edge"].any()


def test_a_map_below_zero_has_peaks_at_its_edge():
    kappa = _map_of((0, 20, 0.1)) - 1.0
    assert find_peaks(kappa, -0.95, by="kappa")["x_peak"].tolist() == [0]


def test_a_plateau_is_one_peak():
    data = np.zeros(SHAPE)
    data[10, 10:12] = 1.0
    found = find_peaks(ConvergenceMap(data, wcs=_wcs()), 0.5, by="kappa", min_separation="0 deg")
    assert len(found) == 1
    assert (found["x"][0], found["y"][0]) == pytest.approx((10.5, 10))


def test_without_a_paraboloid_it_is_the_pixel():
    data = np.zeros(SHAPE)
    data[9:12, 19:22] = [[0.9, 0, 0.9], [0, 1, 0], [0.9, 0, 0.9]]
    (peak,) = find_peaks(ConvergenceMap(data, wcs=_wcs()), 0.95, by="kappa")
    assert (peak["x"], peak["y"]) == (20, 10)


@pytest.mark.parametrize(
    ("mask", "threshold"), [(None, 1e3), (np.ones(SHAPE, dtype=bool), 3.0)]
)
def test_nothing_found_is_a_table_without_rows(mask, threshold):
    with_peak, none = _map_of((20, 30, 0.1)), _map_of((20, 30, 0.1), mask=mask)
    found, usual = find_peaks(none, threshold), find_peaks(with_peak)
    assert len(found) == 0 < len(usual) and found.colnames == usual.colnames
    assert [found[c].unit for c in ("ra", "smoothing")] == [u.deg, u.arcmin]


def test_the_table_can_be_written(tmp_path):
    for threshold in (5, 1e3):
        peaks = find_peaks(_map_of((20, 30, 0.1)), threshold)
        for name, file_format in (("p.ecsv", "ascii.ecsv"), ("p.vot", "votable")):
            peaks.write(tmp_path / name, format=file_format, overwrite=True)
            again = QTable.read(tmp_path / name, format=file_format)
            assert again.colnames == peaks.colnames and len(again) == len(peaks)
            np.testing.assert_allclose(again["ra"].value, peaks["ra"].value)


def test_the_smoothing_is_what_the_map_says():
    kappa = _map_of((20, 30, 0.1), error=None, meta={"parameters": {"smoothing": "0.6 arcmin"}})
    found = find_peaks(kappa.smooth(0.8 * u.arcmin), 0.01, by="kappa")
    assert found["smoothing"][0].to_value(u.arcmin) == pytest.approx(1.0)
    assert np.isnan(found["snr"][0]) and np.isnan(found["kappa_err"][0])
    assert np.isnan(find_peaks(_map_of((20, 30, 0.1)))["smoothing"][0])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"by": "sigma"}, ValueError, "by must be one of 'snr', 'kappa'"),
        ({"threshold": "3"}, TypeError, "threshold must be a number"),
        ({"threshold": np.nan}, ValueError, "threshold must be finite"),
        ({"min_separation": 2.0}, TypeError, "min_separation must be an angle"),
    ],
)
def test_bad_parameters(change, error, message):
    with pytest.raises(error, match=message):
        find_peaks(_map_of((20, 30, 0.1)), **change)


def test_what_is_no_map_and_a_map_without_errors():
    with pytest.raises(TypeError, match="kappa must be a ConvergenceMap, not ndarray"):
        find_peaks(np.zeros(SHAPE))
    with pytest.raises(ValueError, match="by must be 'kappa' for .*, not 'snr': for 'snr', recon"):
        find_peaks(_map_of((20, 30, 0.1), error=None))
    with pytest.raises(ValueError, match="kappa must have an uncertainty above the rounding err"):
        find_peaks(_map_of((20, 30, 0.1), error=0.0))


def test_centroids_are_those_of_photutils():
    rng = np.random.default_rng(3)
    values = ndimage.gaussian_filter(rng.normal(size=(80, 90)), 1.5)
    values[40:44, 50] = np.nan
    kappa = ConvergenceMap(values, mask=~np.isfinite(values), wcs=_wcs(shape=(80, 90)))
    peaks = find_peaks(kappa, -1.0, by="kappa", min_separation=0 * u.arcmin)
    assert len(peaks) > 100
    compared = 0
    for peak in peaks:
        y, x = peak["y_peak"], peak["x_peak"]
        around = values[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
        if around.shape == (3, 3) and np.all(np.isfinite(around)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = centroid_quadratic(around, fit_boxsize=3) + (x - 1, y - 1)
            if np.all(np.abs(expected - (x, y)) < 1):
                np.testing.assert_allclose((peak["x"], peak["y"]), expected, atol=1e-9)
                compared += 1
                continue
        assert (peak["x"], peak["y"]) == (x, y)
    assert compared > 90
