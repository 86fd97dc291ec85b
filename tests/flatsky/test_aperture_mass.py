# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Sums over apertures: those over galaxies are direct sums, those over pixels are near them."""

import numpy as np
import pytest

from lensmap.flatsky import (
    aperture_kernels,
    direct_aperture_sums,
    schirmer_filter,
    schneider_filter,
)

FILTERS = {"schneider": schneider_filter(1), "order 3": schneider_filter(3),
           "schirmer": schirmer_filter()}
every = pytest.mark.parametrize("filter", FILTERS.values(), ids=FILTERS)


def _galaxies(shape, density, seed=1):
    """Return positions in pixels, complex ellipticities and weights of random galaxies."""
    rng = np.random.default_rng(seed)
    n = int(density * shape[0] * shape[1])
    x, y = (rng.uniform(-0.5, side - 0.5, n) for side in shape[::-1])
    e = 0.25 * (rng.normal(size=n) + 1j * rng.normal(size=n))
    return x, y, e, rng.uniform(0.5, 2, n)


def _by_definition(filter, radius, center, x, y, e, w):
    """Return the three sums about one center, straight from their definitions."""
    dx, dy = x - center[0], y - center[1]
    phi, distance = np.arctan2(dy, dx), np.hypot(dx, dy) / radius
    inside = distance <= 1
    phi, distance, e, w = phi[inside], distance[inside], e[inside], w[inside]
    q = filter.shear_weight(distance)
    tangential = -(e.real * np.cos(2 * phi) + e.imag * np.sin(2 * phi))
    cross = -(e.imag * np.cos(2 * phi) - e.real * np.sin(2 * phi))
    norm = w if filter.template is None else w * q * filter.template(distance)
    return (
        np.sum(w * q * tangential) + 1j * np.sum(w * q * cross), norm.sum(),
        np.sum(w**2 * q**2 * np.abs(e) ** 2 / 2),
    )


@every
@pytest.mark.parametrize("radius", [3.3, 12.0, 40.0])
def test_sums_over_galaxies(filter, radius):
    shape = (24, 31)
    x, y, e, w = _galaxies(shape, 1.5)
    sums = direct_aperture_sums(
        filter, radius, shape, (x, y), w * e, w, w**2 * np.abs(e) ** 2 / 2
    )
    scales = [np.abs(one).max() for one in sums]
    for j, i in np.random.default_rng(2).integers(0, shape, (40, 2)):
        expected = _by_definition(filter, radius, (i, j), x, y, e, w)
        for one, value, scale in zip(sums, expected, scales, strict=True):
            assert abs(one[j, i] - value) < 1e-6 * scale


def test_no_galaxies_near_a_pixel():
    one = np.ones(1)
    sums = direct_aperture_sums(
        schneider_filter(), 3.0, (10, 60), (50 * one, 5 * one), 0.1 * one, one, one
    )
    assert sums.norm[:, :47].sum() == 0 and sums.norm[5, 50] == 1


def _binned(shape, x, y, values, scheme):
    """Return the sums of values in pixels."""
    total = np.zeros(shape, np.result_type(values))
    if scheme == "nearest":
        np.add.at(total, (np.rint(y).astype(int), np.rint(x).astype(int)), values)
        return total
    i, j = np.floor(x).astype(int), np.floor(y).astype(int)
    for dy in (0, 1):
        for dx in (0, 1):
            share = (1 - np.abs(x - i - dx)) * (1 - np.abs(y - j - dy))
            good = (i + dx >= 0) & (i + dx < shape[1]) & (j + dy >= 0) & (j + dy < shape[0])
            np.add.at(total, ((j + dy)[good], (i + dx)[good]), (values * share)[good])
    return total


@pytest.mark.parametrize(
    ("name", "radius", "scheme", "allowed"),
    [
        ("schneider", 60, "cloud-in-cell", 0.01), ("schneider", 60, "nearest", 0.04),
        ("schneider", 15, "cloud-in-cell", 0.03), ("schneider", 15, "nearest", 0.14),
        ("schirmer", 60, "cloud-in-cell", 0.01), ("schirmer", 15, "cloud-in-cell", 0.12),
    ],
)
def test_sums_over_pixels_of_noise(name, radius, scheme, allowed):
    """The difference from the sums over galaxies, in units of the scatter of pure noise."""
    filter, side = FILTERS[name], 2 * radius + 60
    x, y, e, w = _galaxies((side, side), 2.0)
    kernels = aperture_kernels(filter, radius, (side, side), scheme)
    pixels = kernels.shear_sum(_binned((side, side), x, y, w * e, scheme))
    norm = kernels.norm_sum(_binned((side, side), x, y, w, scheme))
    square = kernels.square_sum(
        _binned((side, side), x, y, w**2 * np.abs(e) ** 2 / 2, scheme)
    )
    centers = np.random.default_rng(3).integers(radius + 2, side - radius - 2, (60, 2))
    exact = np.array([_by_definition(filter, radius, (i, j), x, y, e, w) for j, i in centers])
    j, i = centers.T
    signal, direct = pixels[j, i] / norm[j, i], exact[:, 0] / exact[:, 1].real
    scatter = np.sqrt(np.mean(np.abs(direct) ** 2))
    assert np.sqrt(np.mean(np.abs(signal - direct) ** 2)) < allowed * scatter
    # With a template, the norm is the response of the smoothed kernel.
    np.testing.assert_allclose(
        norm[j, i], exact[:, 1].real, rtol=0.02 if filter.template is None else 0.05
    )
    np.testing.assert_allclose(square[j, i], exact[:, 2].real, rtol=0.15 if radius < 60 else 0.01)


def test_the_fraction_of_an_aperture():
    kernels = aperture_kernels(schneider_filter(), 10.0, (60, 80), "nearest")
    fraction = kernels.fraction(np.ones((60, 80), dtype=bool))
    assert fraction[30, 40] == pytest.approx(1, abs=1e-9)
    assert fraction[30, 0] == pytest.approx(0.5 + 0.5 * 2 / (np.pi * 10), abs=0.003)
    assert 0.25 < fraction[0, 0] < 0.29
    hole = np.ones((60, 80), dtype=bool)
    hole[:, 40:] = False
    assert kernels.fraction(hole)[30, 45] < 0.25


def test_an_aperture_larger_than_the_field():
    """Opposite edges do not mix, and no array is larger than two fields."""
    shape, filter = (12, 9), schneider_filter()
    kernels = aperture_kernels(filter, 50.0, shape, "nearest")
    assert kernels.padded[0] <= 25 and kernels.padded[1] <= 20
    y, x = np.indices(shape).reshape(2, -1).astype(float)
    rng = np.random.default_rng(4)
    e = rng.normal(size=x.size) + 1j * rng.normal(size=x.size)
    pixels = kernels.shear_sum(e.reshape(shape))
    for j, i in ((0, 0), (11, 8), (5, 4)):
        expected = _by_definition(filter, 50.0, (i, j), x, y, e, np.ones(x.size))[0]
        assert abs(pixels[j, i] - expected) < 2e-3 * np.abs(pixels).max()
