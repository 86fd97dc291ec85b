# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Power spectra: of theory on the modes of a grid, of tables, and measured."""

import numpy as np
import pytest

from lensmap.flatsky import interpolate_power, measure_power, mode_ell, mode_power, pixel_window

SCALE = np.radians(0.5 / 60)


def _spectrum(ell):
    return 1e-9 * (ell / 1000) ** -1.3


def _fields(n, number, cut=None, smoothed=1, seed=1):
    """Return Gaussian fields, periodic, or a corner of larger ones that is not."""
    rng, cut = np.random.default_rng(seed), cut or n
    root = np.sqrt(mode_power((n, n), SCALE, _spectrum, smoothed=smoothed))
    for _ in range(number):
        yield np.fft.ifft2(root * np.fft.fft2(rng.normal(size=(n, n)))).real[:cut, :cut]


def test_modes():
    ell = mode_ell((4, 8), 0.01)
    assert ell.shape == (4, 8) and ell[0, 0] == 0
    np.testing.assert_allclose(ell[0, 1], 2 * np.pi / 0.08)
    np.testing.assert_allclose(ell[3, 0], 2 * np.pi / 0.04)
    window = pixel_window((4, 8))
    assert window[0, 0] == 1
    np.testing.assert_allclose(window[2, 4], (2 / np.pi) ** 2)


def test_the_variance_of_a_pixel_is_the_mean_power():
    power = mode_power((32, 48), SCALE, _spectrum, smoothed=0)
    ell = mode_ell((32, 48), SCALE)
    assert power[0, 0] == 0
    np.testing.assert_allclose(power[3, 5], _spectrum(ell[3, 5]) / SCALE**2)
    averaged = mode_power((32, 48), SCALE, _spectrum)
    np.testing.assert_allclose(averaged, power * pixel_window((32, 48)) ** 2)


def test_averaging_over_pixels_is_what_the_window_says():
    """Of a field that is known ten times as finely."""
    rng, n, fine = np.random.default_rng(2), 24, 10

    def steep(ell):
        return 1e-9 * (ell / 1000) ** -4.0  # so that little is left beyond the grid

    root = np.sqrt(mode_power((n * fine, n * fine), SCALE / fine, steep, smoothed=0))
    total = 0
    for _ in range(200):
        field = np.fft.ifft2(root * np.fft.fft2(rng.normal(size=root.shape))).real
        mean = field.reshape(n, fine, n, fine).mean(axis=(1, 3))
        total = total + np.abs(np.fft.fft2(mean)) ** 2 / n**2 / 200
    ratio = total[:9, :9] / mode_power((n, n), SCALE, steep)[:9, :9].clip(1e-30)
    assert np.mean(ratio[1:, 1:]) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    ("power", "message"),
    [
        (lambda ell: -ell, "finite and non-negative"),
        (lambda ell: 0 * ell, "positive at some of them"),
        (lambda ell: ell * np.nan, "finite and non-negative"),
        (lambda ell: 1.0, "one value for each of"),
    ],
)
def test_bad_spectra(power, message):
    with pytest.raises(ValueError, match=message):
        mode_power((8, 8), SCALE, power)


def test_tables():
    table = [10.0, 100.0, 1000.0], [1e-7, 1e-8, 1e-10]
    found = interpolate_power([1.0, 10, np.sqrt(1000), 100, 1000, 10_000], *table)
    np.testing.assert_allclose(found, [1e-7, 1e-7, 10**-7.5, 1e-8, 1e-10, 1e-12])


@pytest.mark.parametrize("case", ["periodic", "cut out", "masked", "sampled"])
def test_measured_power_is_that_of_the_fields(case):
    """Away from the scale of the field, where the window mixes modes."""
    periodic = case in ("periodic", "sampled")
    smoothed = 0 if case == "sampled" else 1
    maps = list(_fields(128 if periodic else 300, 40, 128, smoothed))
    if case == "masked":
        rng = np.random.default_rng(3)
        y, x = np.indices((128, 128))
        for j, i in rng.uniform(0, 128, (12, 2)):
            for field in maps:
                field[np.hypot(y - j, x - i) < 6] = np.nan
        maps[0] = np.ma.masked_invalid(maps[0])
        assert 0.05 < np.isnan(maps[1]).mean() < 0.15
    found = measure_power(maps, SCALE, taper=0 if periodic else 0.1, smoothed=smoothed)
    assert np.all(np.diff(found.ell) > 0) and found.n_modes[-1] > found.n_modes[0]
    ratio = found.power / _spectrum(found.ell)
    small = found.ell > (0 if periodic else 1200)
    assert small.sum() > 8
    assert np.abs(ratio[small] - 1).max() < 0.12 and abs(ratio[small].mean() - 1) < 0.04


def test_the_number_of_modes_tells_the_error():
    spectra = [measure_power(field, SCALE, taper=0) for field in _fields(64, 200)]
    powers = np.array([spectrum.power for spectrum in spectra])
    relative = powers.std(axis=0) / powers.mean(axis=0)
    np.testing.assert_allclose(relative[3:], spectra[0].n_modes[3:] ** -0.5, rtol=0.25)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([], SCALE), ValueError, "at least one map"),
        (([np.ones(4)], SCALE), ValueError, "each map must be two-dimensional"),
        ((np.full((8, 8), np.nan), SCALE), ValueError, "at least one finite, unmasked pixel"),
        ((np.ones((8, 8)), 0.0), ValueError, "pixel_scale must be a positive number"),
        ((np.ones((8, 8)), SCALE, 0), ValueError, "n_bins must be at least 1"),
        ((np.ones((8, 8)), SCALE, 5, 0.7), ValueError, "taper must be a number from 0 to 0.5"),
    ],
)
def test_bad_arguments(arguments, error, message):
    maps, scale, *rest = arguments
    with pytest.raises(error, match=message):
        measure_power(maps, scale, **dict(zip(("n_bins", "taper"), rest, strict=False)))
