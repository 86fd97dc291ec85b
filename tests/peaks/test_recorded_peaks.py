# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The expected number of false peaks, against theory and against peaks of other noise maps."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from catalogs import shear_catalog
from scipy import fft, integrate, special

from lensmap import ConvergenceMap, KaiserSquires, find_peaks, make_wcs
from lensmap.grid import tangent_wcs
from lensmap.maps import NoisePeakRecorder
from lensmap.peaks import false_peaks

SHAPE = (128, 128)
THETA = 2.0  # smoothing, pixels
WCS = tangent_wcs(SkyCoord(30, 20, unit="deg"), SHAPE, 0.5 * u.arcmin)


def gaussian_noise(n, seed):
    """Periodic white noise of unit scatter after smoothing, without edges."""
    rng = np.random.default_rng(seed)
    ky, kx = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(m) for m in SHAPE), indexing="ij")
    kernel = np.exp(-(kx**2 + ky**2) * THETA**2 / 2)
    kernel /= np.sqrt(np.mean(kernel**2))
    for _ in range(n):
        yield fft.ifft2(fft.fft2(rng.normal(size=SHAPE)) * kernel).real


def map_with_record(n, seed):
    """A map whose uncertainty and record come from Gaussian noise."""
    total, recorder = np.zeros(SHAPE), NoisePeakRecorder(np.zeros(SHAPE, dtype=bool), n)
    for plane in gaussian_noise(n, seed):
        total += plane**2
        recorder.add(plane, total)
    return ConvergenceMap(np.zeros(SHAPE), np.sqrt(total / n), wcs=WCS,
                          noise_peaks=recorder.peaks(total), meta={"uncertainty": "noise"})


def density_of_maxima(height):
    """The number of maxima of smoothed white noise above a height, per squared THETA.

    Bond & Efstathiou 1987, MNRAS 226, 655, eq. A1.9; gamma and theta_* are those of white noise
    that is smoothed by a Gaussian.
    """
    gamma = np.sqrt(0.5)

    def per_height(nu):
        x, rest = gamma * nu, 1 - gamma**2
        last = 3 - 2 * gamma**2
        curvature = (
            (x**2 - gamma**2) * special.ndtr(x / np.sqrt(rest))
            + x * rest * np.exp(-x**2 / (2 * rest)) / np.sqrt(2 * np.pi * rest)
            + np.exp(-x**2 / last) / np.sqrt(last) * special.ndtr(x / np.sqrt(rest * last))
        )
        return np.exp(-nu**2 / 2) * curvature / (2 * np.pi) ** 1.5

    return integrate.quad(per_height, height, np.inf)[0]


@pytest.fixture(scope="module")
def gaussian():
    return map_with_record(200, seed=1)


def test_gaussian_noise_has_the_peaks_of_theory(gaussian):
    heights = [3.2, 3.5, 4.0]
    found = false_peaks(gaussian, heights, by="kappa", min_separation="0 arcmin")
    expected = np.array([density_of_maxima(h) for h in heights]) * np.prod(SHAPE) / THETA**2
    assert expected[0] > 1.5
    # pixels cut the maxima: their heights are lower by about 1/2 r^2 / (2 theta^2) nu, r^2 = 1/6
    assert np.all(abs(found["n_false"] - expected) < 3 * found["n_false_err"] + 0.12 * expected)
    assert found.meta == {"by": "kappa", "n_noise_maps": 150, "complete_above": 3.2}


@pytest.mark.parametrize(("n", "seeds"), [(200, [1]), (20, range(10, 18))])
def test_the_number_is_that_of_noise_that_is_not_in_the_uncertainty(n, seeds, gaussian):
    # With few noise maps, those that are part of the uncertainty have far fewer peaks above 3.5.
    expected, counted, biased = [], [], []
    for seed in seeds:
        kappa = gaussian if n == 200 else map_with_record(n, seed)
        found = false_peaks(kappa, 3.5)
        expected.append((found["n_false"][0], found["n_false_err"][0] ** 2))
        for numbers, maps in (
            (counted, gaussian_noise(60 if n == 200 else 10, seed + 1000)),
            (biased, gaussian_noise(5, seed)),
        ):
            found = false_peaks(kappa, 3.5, noise_maps=maps)
            numbers.append((found["n_false"][0], found["n_false_err"][0] ** 2))
    (mean, variance), (other, variance_of_other), (part, _) = (
        np.mean(one, axis=0) for one in (expected, counted, biased)
    )
    error = np.sqrt((variance + variance_of_other) / len(seeds))
    assert error < 0.3 * other and abs(mean - other) < 3 * error
    if n == 20:
        assert part < 0.6 * other


def test_both_signs_any_separation_and_edges():
    """The number from the record is that of the same noise maps, given as maps."""
    gaussian = map_with_record(40, seed=3)
    maps = list(gaussian_noise(40, seed=3))[10:]
    sigma = gaussian.uncertainty.array
    others = [data / np.sqrt(1 + (sigma**2 - data**2) / sigma**2 / 39) for data in maps]
    for more in (
        {}, {"troughs": True}, {"min_separation": "10 arcmin"}, {"exclude_edges": True},
    ):
        found = false_peaks(gaussian, [3.1, 3.7], **more)
        given = false_peaks(gaussian, [3.1, 3.7], noise_maps=others, **more)
        np.testing.assert_allclose(found["n_false"], given["n_false"], rtol=1e-12)
        np.testing.assert_allclose(found["n_false_err"], given["n_false_err"], rtol=1e-12)
        by_kappa = false_peaks(gaussian, [3.3], by="kappa", **more)
        given = false_peaks(gaussian, [3.3], by="kappa", noise_maps=maps, **more)
        assert by_kappa["n_false"][0] == given["n_false"][0] > 0


def test_masked_pixels_count_no_peaks(gaussian):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, :64] = True
    half = false_peaks(gaussian.replace(mask=mask), 3.0)["n_false"][0]
    whole = false_peaks(gaussian, 3.0)["n_false"][0]
    assert half == pytest.approx(whole / 2, rel=0.2)
    assert false_peaks(gaussian[:, 64:], 3.0)["n_false"][0] == pytest.approx(half, rel=0.05)


def test_find_peaks_takes_the_record(gaussian):
    data = np.zeros(SHAPE)
    data[40, 50], data[80, 90] = 3.4, 8.0
    kappa = gaussian.replace(data=data * gaussian.uncertainty.array,
                             noise_peaks=gaussian.noise_peaks)
    peaks = find_peaks(kappa, 3.0)
    expected = false_peaks(kappa, [3.0, *peaks["snr"]])
    np.testing.assert_allclose(peaks["n_false"], expected["n_false"][1:])
    assert peaks["n_false"][0] == 0 < peaks["n_false"][1]
    assert peaks.meta == {
        "by": "snr", "threshold": 3.0, "min_separation_arcmin": 2.0, "troughs": False,
        "n_false": pytest.approx(expected["n_false"][0]),
        "n_false_err": pytest.approx(expected["n_false_err"][0]),
        "n_noise_maps": 150,
    }
    # the error of no peak in 150 maps is that of one
    assert find_peaks(kappa, 7).meta["n_false_err"] == 1 / 150


def test_below_the_record_the_number_is_not_known(gaussian, tmp_path):
    data = np.zeros(SHAPE)
    data[40, 50], data[80, 90] = 2.5, 8.0
    kappa = gaussian.replace(data=data * gaussian.uncertainty.array)
    peaks = find_peaks(kappa, 2.0)
    assert peaks["n_false"][0] == 0 and np.isnan(peaks["n_false"][1])
    reason = "the record of noise peaks begins at snr = 3"
    assert peaks.meta["n_false_unknown"] == reason and "n_false" not in peaks.meta
    found = false_peaks(kappa, [2.0, 3.0])
    assert np.isnan(found["n_false"][0]) and found["n_false"][1] > 0
    assert found.meta["complete_above"] == 3
    peaks.write(tmp_path / "p.ecsv")
    assert QTable.read(tmp_path / "p.ecsv").meta == peaks.meta


def test_without_a_record_the_number_is_not_known(gaussian):
    plain = gaussian.replace(noise_peaks=None)
    peaks = find_peaks(plain, 3)
    assert peaks.meta["n_false_unknown"] == "the map has no record of noise peaks"
    assert "n_false" not in peaks.colnames
    with pytest.raises(ValueError, match="kappa must have a record of noise peaks: reconstruct"):
        false_peaks(plain, 3)
    with pytest.raises(ValueError, match="thresholds must contain at least one number"):
        false_peaks(gaussian, [])


def field(n=2000):
    rng = np.random.default_rng(4)
    return shear_catalog(QTable({
        "ra": rng.uniform(10, 10.4, n) * u.deg, "dec": rng.uniform(-0.2, 0.2, n) * u.deg,
        "e1": rng.normal(0, 0.3, n), "e2": rng.normal(0, 0.3, n),
    }))


def test_maps_of_estimators():
    catalog = field()
    wcs = make_wcs(catalog, "0.5 arcmin")
    rotations = KaiserSquires(smoothing=1 * u.arcmin, uncertainty="rotations", n_realizations=20)
    kappa = rotations.reconstruct(catalog, wcs)
    assert kappa.noise_peaks.meta["n_maps"] == 30  # E- and B-modes, without the first quarter
    assert kappa.noise_peaks.meta["n_in_uncertainty"] == 40
    # about 1 peak in a field of 0.16 square degrees
    assert 0.2 < find_peaks(kappa, 3).meta["n_false"] < 4
    analytic = rotations.replace(uncertainty="analytic").reconstruct(catalog, wcs)
    assert analytic.noise_peaks is None
    few = rotations.replace(n_realizations=3).reconstruct(catalog, wcs)
    assert few.noise_peaks.meta["n_maps"] == 5
