# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The peaks of noise maps that a map keeps, against a search of all maps at once."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from scipy import ndimage

from lensmap import ConvergenceMap
from lensmap.grid import tangent_wcs
from lensmap.maps import NoisePeakRecorder, snr_in_other_noise

SHAPE = (60, 75)
WCS = tangent_wcs(SkyCoord(30, 20, unit="deg"), SHAPE, 0.5 * u.arcmin)


def noise_maps(n, smoothing=1.5, seed=0, power=1):
    """Noise with a scatter that changes over the field, and falls off slowly if power > 1."""
    rng = np.random.default_rng(seed)
    scatter = 0.01 * (1 + np.indices(SHAPE)[1] / SHAPE[1])
    for _ in range(n):
        noise = ndimage.gaussian_filter(rng.normal(size=SHAPE), smoothing)
        yield scatter * np.sign(noise) * abs(noise) ** power


def recorded(planes, mask):
    """The sum of squares of noise maps, and the record of their peaks."""
    total, recorder = np.zeros(SHAPE), NoisePeakRecorder(mask, len(planes))
    for plane in planes:
        total += plane**2
        recorder.add(plane, total)
    return total, recorder.peaks(total)


def extrema(image, mask):
    """Local maxima and minima of an image, by another algorithm."""
    result = np.zeros(SHAPE, dtype=bool)
    for sign in (-1, 1):
        filled = np.where(mask, -np.inf, sign * image)
        result |= (filled == ndimage.maximum_filter(filled, 3)) & (filled > 0) & ~mask
    return result


@pytest.mark.parametrize(
    ("n", "smoothing", "power"), [(40, 1.5, 1), (40, 0.0, 1), (12, 1.5, 1), (60, 1.5, 4)]
)
def test_the_record_is_complete(n, smoothing, power):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[20:30, 10:30] = True
    planes = list(noise_maps(n, smoothing, power=power))
    planes = [plane.astype(np.float32).astype(float) for plane in planes]
    total, record = recorded(planes, mask)
    sigma = np.sqrt(total / n)
    searched = planes[-record.meta["n_maps"]:]
    assert 0.7 * n <= len(searched) < n and record.meta["n_in_uncertainty"] == n
    expected = {"in_snr": set(), "in_kappa": set()}
    for number, plane in enumerate(searched):
        ratio = plane / sigma
        height = abs(snr_in_other_noise(ratio, n))
        is_peak = extrema(ratio, mask) & (height > record.meta["min_snr"])
        expected["in_snr"] |= {(number, *place) for place in np.argwhere(is_peak)}
        is_peak = extrema(plane, mask) & (abs(plane) > record.meta["min_kappa"])
        expected["in_kappa"] |= {(number, *place) for place in np.argwhere(is_peak)}
    for name, places in expected.items():
        rows = record[record[name]]
        assert len(places) > 20
        assert set(zip(rows["noise_map"], rows["y"], rows["x"], strict=True)) == places
    values = [searched[row["noise_map"]][row["y"], row["x"]] for row in record]
    np.testing.assert_allclose(record["kappa"], values, rtol=1e-6)
    assert record.meta["min_kappa"] == pytest.approx(
        np.median(sigma[~mask]) * record.meta["min_snr"], rel=0.35
    )


def test_few_pixels_are_kept():
    total, recorder = np.zeros(SHAPE), NoisePeakRecorder(np.zeros(SHAPE, dtype=bool), 200)
    most = 0
    for plane in noise_maps(200):
        total += plane**2
        recorder.add(plane, total)
        most = max(most, sum(len(one) for one in recorder._pixels))
    assert most < 0.05 * 200 * total.size  # all maps would be 200


def test_the_ratio_to_the_uncertainty_from_other_maps():
    planes = np.random.default_rng(2).normal(size=(8, 50))
    sigma = np.sqrt(np.mean(planes**2, axis=0))
    others = np.sqrt(np.mean(planes[:-1] ** 2, axis=0))
    np.testing.assert_allclose(snr_in_other_noise(planes[-1] / sigma, 8), planes[-1] / others)


def test_without_enough_maps_there_is_no_record():
    mask = np.zeros(SHAPE, dtype=bool)
    assert recorded(list(noise_maps(5)), mask)[1] is None
    recorder = NoisePeakRecorder(mask, 20)
    for plane in noise_maps(21):  # more than announced: some may be missing
        recorder.add(plane, np.ones(SHAPE))
    assert recorder.peaks(np.ones(SHAPE)) is None


@pytest.fixture(scope="module")
def kappa():
    total, record = recorded(list(noise_maps(30)), np.zeros(SHAPE, dtype=bool))
    return ConvergenceMap(np.zeros(SHAPE), np.sqrt(total / 30), wcs=WCS, noise_peaks=record,
                          meta={"uncertainty": "noise"})


def same(one, other):
    assert one.colnames == other.colnames and one.meta == other.meta
    for name in one.colnames:
        assert one[name].dtype == other[name].dtype
        np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("name", ["k.fits", "k.fits.gz"])
def test_a_file_keeps_the_record(kappa, tmp_path, name):
    kappa.write(tmp_path / name)
    again = ConvergenceMap.read(tmp_path / name)
    same(again.noise_peaks, kappa.noise_peaks)
    kappa.replace(noise_peaks=None).write(tmp_path / name, overwrite=True)
    assert ConvergenceMap.read(tmp_path / name).noise_peaks is None


def test_a_part_has_the_peaks_in_it(kappa):
    part = kappa[10:40, 20:]
    record = kappa.noise_peaks
    inside = (record["y"] >= 10) & (record["y"] < 40) & (record["x"] >= 20)
    assert 0 < inside.sum() < len(record)
    np.testing.assert_array_equal(part.noise_peaks["y"] + 10, record["y"][inside])
    np.testing.assert_array_equal(part.noise_peaks["x"] + 20, record["x"][inside])
    assert part.noise_peaks.meta == record.meta and len(kappa.noise_peaks) == len(record)


def test_a_number_times_a_map(kappa):
    product = (kappa * -2).noise_peaks
    np.testing.assert_array_equal(product["kappa"], -2 * kappa.noise_peaks["kappa"])
    assert product.meta["min_kappa"] == 2 * kappa.noise_peaks.meta["min_kappa"]
    assert product.meta["min_snr"] == kappa.noise_peaks.meta["min_snr"]
    assert (0 * kappa).noise_peaks is None


@pytest.mark.filterwarnings("ignore::lensmap.utils.MapWarning")
def test_other_noise_has_no_record(kappa):
    assert (kappa + 1).noise_peaks is kappa.noise_peaks
    assert ConvergenceMap(kappa).noise_peaks is kappa.noise_peaks
    for other in (
        kappa + kappa, kappa.smooth("1 arcmin"), kappa.replace(uncertainty=np.ones(SHAPE)),
        kappa[:30, :30].reproject(kappa[:20, :20].wcs),
    ):
        assert other.noise_peaks is None


def test_what_is_no_record(kappa):
    with pytest.raises(TypeError, match="noise_peaks must be .* not list"):
        kappa.replace(noise_peaks=[1])
    with pytest.raises(ValueError, match="noise_peaks must have the column 'noise_map'"):
        kappa.replace(noise_peaks=Table({"x": [1]}))
    bare = kappa.noise_peaks.copy()
    bare.meta.clear()
    with pytest.raises(ValueError, match="the entry of meta 'n_maps'"):
        kappa.replace(noise_peaks=bare)
    with pytest.raises(ValueError, match="noise_peaks must contain only peaks within the shape"):
        ConvergenceMap(np.zeros((20, 20)), noise_peaks=kappa.noise_peaks,
                       wcs=tangent_wcs(SkyCoord(30, 20, unit="deg"), (20, 20), "1 arcmin"))
