# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Painted halos against their profiles, averaged over pixels by brute force."""

import numpy as np
import pytest
import scipy.fft

from lensmap.halos import truncated_nfw_mass, truncated_nfw_sigma
from lensmap.simulate.halo_model._painting import HaloPainter, Halos

N = 96
PAINTER = HaloPainter((N, N), np.float64)


def _halos(*rows):
    """Return halos of rows of (x, y, resolved, weight, scale, tau, ellipticity, angle)."""
    x, y, resolved, weight, *rest = (np.array(column) for column in zip(*rows, strict=True))
    return Halos(x, y, resolved, weight[np.newaxis].astype(float), *rest)


def _painted(*rows, painter=PAINTER):
    shape = painter.shape
    return scipy.fft.irfft2(painter.paint(_halos(*rows))[0], shape)


def _averaged(x, y, scale, tau, ellipticity=0.0, angle=0.0, parts=31):
    """Return the mean over each pixel of a profile whose integral is 1."""
    q = (1 - ellipticity) / (1 + ellipticity)
    rows, columns = np.indices((N, N), dtype=float)
    total = np.zeros((N, N))
    for a, b in np.ndindex(parts, parts):
        dx = columns + (a + 0.5) / parts - 0.5 - x
        dy = rows + (b + 0.5) / parts - 0.5 - y
        along = dx * np.cos(angle) + dy * np.sin(angle)
        across = dy * np.cos(angle) - dx * np.sin(angle)
        radius = np.sqrt(q * along**2 + across**2 / q) / scale
        total += truncated_nfw_sigma(np.maximum(radius, 1e-4), tau)
    return total / (parts**2 * 4 * np.pi * scale**2 * truncated_nfw_mass(tau))


@pytest.mark.parametrize(
    "halo",
    [
        (48.0, 48.0, 3.0, 4.0),
        (47.5, 48.3, 3.0, 4.0),
        (48.4, 48.0, 1.0, 8.0),
        (48.0, 47.6, 6.0, 3.0),
    ],
)
def test_pixels_hold_the_mean_of_a_round_halo(halo):
    x, y, scale, tau = halo
    found = _painted((x, y, True, 1.0, scale, tau, 0.0, 0.0))
    expected = _averaged(x, y, scale, tau)
    r = np.hypot(*(np.indices((N, N)) - np.array([y, x])[:, None, None]))
    for low, high, tolerance in ((0, 1.2, 0.04), (1.2, 2.5, 0.01), (2.5, 8, 0.006), (8, 20, 0.01)):
        ring = (r >= low) & (r < high)
        assert found[ring].mean() == pytest.approx(expected[ring].mean(), rel=tolerance)
    assert np.abs(found - expected).max() < 0.04 * expected.max()


@pytest.mark.parametrize("angle", [0.0, 0.5, 2.0])
def test_an_elliptical_halo_points_where_it_is_told(angle):
    found = _painted((48.3, 47.6, True, 1.0, 4.0, 4.0, 0.3, angle))
    expected = _averaged(48.3, 47.6, 4.0, 4.0, 0.3, angle, parts=15)
    y, x = np.indices((N, N)) - np.array([47.6, 48.3])[:, None, None]
    near = np.hypot(x, y) < 12

    def quadrupole(kappa):
        return np.sum((kappa * (x + 1j * y) ** 2)[near]) / np.sum((kappa * (x**2 + y**2))[near])

    assert abs(quadrupole(found) - quadrupole(expected)) < 0.01 * abs(quadrupole(expected))
    assert np.angle(quadrupole(found)) == pytest.approx(
        np.angle(np.exp(2j * angle)), abs=0.01
    )
    assert np.abs(found - expected)[near].max() < 0.05 * expected.max()


def test_a_point_is_one_pixel():
    found = _painted((20.0, 30.0, False, 2.5, 1e-3, 5.0, 0.0, 0.0))
    assert found[30, 20] == pytest.approx(2.5, rel=0.01)
    found[30, 20] = 0
    assert np.abs(found).max() < 0.02


@pytest.mark.parametrize("scale", [0.15, 0.4])
def test_halos_that_pixels_do_not_resolve_hold_their_mean(scale):
    found = _painted((48.0, 48.0, False, 1.0, scale, 10.0, 0.0, 0.0))
    expected = _averaged(48.0, 48.0, scale, 10.0, parts=61)
    assert np.abs(found - expected).max() < 0.01 * expected.max()


def test_mass_is_conserved_and_wraps_around():
    rows = [(1.0, 95.0, True, 3.0, 5.0, 6.0, 0.2, 1.0), (40.0, 2.0, False, 2.0, 0.2, 9.0, 0.0, 0.0)]
    found = _painted(*rows)
    assert found.sum() == pytest.approx(5.0, rel=1e-3)
    moved = [(x + 17.0, y - 33.0, *rest) for x, y, *rest in rows]
    shifted = np.roll(found, (-33, 17), axis=(0, 1))
    np.testing.assert_allclose(_painted(*moved), shifted, atol=1e-9)


def test_halos_add_up_and_sources_have_their_own_weights():
    one = (30.3, 40.2, True, 1.0, 3.0, 5.0, 0.1, 0.3)
    two = (60.0, 50.0, False, 2.0, 0.3, 8.0, 0.0, 0.0)
    together = _painted(one, two)
    np.testing.assert_allclose(together, _painted(one) + _painted(two), atol=1e-12)
    halos = _halos(one, two)
    both = PAINTER.paint(halos._replace(weight=np.array([[1.0, 2.0], [0.5, 0.0]])))
    np.testing.assert_allclose(scipy.fft.irfft2(both[0], (N, N)), together, atol=1e-12)
    np.testing.assert_allclose(scipy.fft.irfft2(both[1], (N, N)), 0.5 * _painted(one), atol=1e-12)


def test_nothing_is_painted_of_nothing():
    empty = Halos(*(np.zeros((1, 0)) if name == "weight" else np.zeros(0, dtype=bool)
                    if name == "resolved" else np.zeros(0) for name in Halos._fields))
    assert not PAINTER.paint(empty).any()


def test_single_precision_and_uneven_grids():
    painter = HaloPainter((64, 96), np.float32)
    row = (40.2, 30.7, True, 1.0, 3.0, 5.0, 0.2, 0.4)
    found = _painted(row, painter=painter)
    assert found.dtype == np.float32 and found.shape == (64, 96)
    double = _painted(row, painter=HaloPainter((64, 96), np.float64))
    assert np.abs(found - double).max() < 1e-5 * double.max()
    y, x = np.unravel_index(found.argmax(), found.shape)
    assert (x, y) == (40, 31)
