# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The total error of a map is not its noise."""

import warnings

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from lenses import tangent_wcs

from lensmap import ConvergenceMap, find_peaks
from lensmap.peaks import find_segments, write_regions
from lensmap.plotting import plot_map
from lensmap.statistics import peak_counts
from lensmap.utils import MapWarning

SHAPE = (64, 64)
WCS = tangent_wcs(SkyCoord(150, 2, unit="deg"), SHAPE, 0.5)


def _map(kind):
    y, x = np.indices(SHAPE)
    data = 0.1 * np.exp(-((x - 30) ** 2 + (y - 40) ** 2) / 18)
    return ConvergenceMap(data, np.full(SHAPE, 0.01), wcs=WCS, meta={"uncertainty": kind})


def test_it_gives_no_sigma():
    with pytest.warns(MapWarning, match="total error .* is no significance") as caught:
        peaks = find_peaks(_map("total"), 5)
    assert caught[0].message.code == "total-error"
    assert np.isnan(peaks["snr"]).all() and peaks["kappa_over_error"][0] == pytest.approx(10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = find_peaks(_map("total"), 5, by="kappa_over_error")
        noise = find_peaks(_map("noise"), 5)
    assert list(again["x"]) == list(peaks["x"]) == list(noise["x"])
    assert "kappa_over_error" not in noise.colnames and noise["snr"][0] == pytest.approx(10)


@pytest.mark.parametrize("find", [find_peaks, find_segments])
def test_noise_is_no_total_error(find):
    with pytest.raises(ValueError, match="by must be 'snr' or 'kappa' for a map whose uncert"):
        find(_map("noise"), 5, by="kappa_over_error")
    with pytest.raises(ValueError, match="by must be 'kappa' for a map without an uncertainty"):
        find(_map("total").replace(uncertainty=None), 5, by="kappa_over_error")


def test_segments_and_counts():
    with pytest.warns(MapWarning, match="total error"):
        table = find_segments(_map("total"), 5).table
    assert np.isnan(table["snr_max"]).all()
    assert table["kappa_over_error_max"][0] == pytest.approx(10)
    with pytest.warns(MapWarning, match="total error"):
        counts = peak_counts(_map("total"), [5, 9, 11])
    assert list(counts["n"]) == [0, 1]
    assert list(peak_counts(_map("total"), [5, 9, 11], by="kappa_over_error")["n"]) == [0, 1]


def test_labels_follow(tmp_path):
    peaks = find_peaks(_map("total"), 5, by="kappa_over_error")
    write_regions(peaks, tmp_path / "peaks.reg", "1 arcmin")
    text = (tmp_path / "peaks.reg").read_text()
    assert "10.0 times the error" in text and "sigma" not in text
    for kind, label in (("total", "total error"), ("noise", "sigma")):
        figure = plot_map(_map(kind), quantity="snr").figure
        assert any(label in ax.get_ylabel() for ax in figure.axes)
