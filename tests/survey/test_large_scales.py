# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The largest scales of a survey on the pixels of a tile."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from lensmap.grid import PixelFrame
from lensmap.sphere import HealpixPixels, SphericalTransform
from lensmap.survey._large_scales import LMAX, LargeScales, sphere_pixels
from lensmap.survey._tiles import Tile


@pytest.fixture(scope="module")
def scales():
    rng = np.random.default_rng(2)
    ell = np.concatenate([np.arange(m, LMAX + 1) for m in range(LMAX + 1)])
    modes = rng.standard_normal(len(ell)) + 1j * rng.standard_normal(len(ell))
    modes[: LMAX + 1] = np.sqrt(2) * modes[: LMAX + 1].real
    return LargeScales(modes * (ell >= 2) / (10.0 + ell) ** 1.5, LMAX, 100.0)


@pytest.fixture(scope="module", params=[(3, 304), (3, 63), (4, 40)], ids=str)
def lattice(request):
    return Tile(*request.param, 1.0).lattice(0.1)


@pytest.fixture(scope="module")
def on_lattice(scales, lattice):
    return scales.on_lattice(lattice, PixelFrame(lattice.wcs), smoothing=0.003)


def at_positions(lattice, plane, lon, lat):
    """Return the values of a map of the tile at positions."""
    x, y = lattice.pixel_positions(*lattice.tile.project(lon, lat))
    return map_coordinates(plane, [y, x], order=3)


def near(lattice):
    return lattice.tile.blended_pixels(8)[::11]


def test_convergence_is_that_of_the_sphere(scales, lattice, on_lattice):
    index = near(lattice)
    transform = SphericalTransform(HealpixPixels(256), index, LMAX)
    lon, lat = transform.pixels.centers(index)
    for plane, modes in (
        (on_lattice.kappa, scales.modes),
        (on_lattice.low, scales.modes * scales.window[transform.ell]),
    ):
        truth = transform.to_map(modes)
        found = at_positions(lattice, plane, lon, lat)
        assert np.std(found - truth) < 0.03 * np.std(truth)


def test_smoothing_and_window_take_the_power_of_gaussians(scales, on_lattice):
    assert np.std(on_lattice.low) < np.std(on_lattice.kappa)
    assert np.std(on_lattice.low_smoothed) < np.std(on_lattice.low)
    assert scales.window[100] == pytest.approx(np.exp(-0.5 * 1.01))
    assert scales.smoothing_deg == pytest.approx(34 / 60, rel=0.02)


def test_shear_is_that_of_the_sphere_in_the_basis_of_the_pixels(scales, lattice, on_lattice):
    index = near(lattice)
    transform = SphericalTransform(HealpixPixels(256), index, LMAX)
    shear = transform.to_shear(scales.modes * scales.window[transform.ell])
    lon, lat = transform.pixels.centers(index)
    # The direction of the shear on the lattice, from those of east and north.
    step = 1e-4
    x, y = lattice.pixel_positions(*lattice.tile.project(lon, lat))
    xe, ye = lattice.pixel_positions(
        *lattice.tile.project(lon + step / np.cos(np.radians(lat)), lat)
    )
    xn, yn = lattice.pixel_positions(*lattice.tile.project(lon, lat + step))
    angle = 0.5 * np.angle(shear)
    dx = np.cos(angle) * (xe - x) + np.sin(angle) * (xn - x)
    dy = np.cos(angle) * (ye - y) + np.sin(angle) * (yn - y)
    expected = np.abs(shear) * np.exp(2j * np.arctan2(dy, dx))
    found = at_positions(lattice, on_lattice.low_shear.real, lon, lat) + 1j * at_positions(
        lattice, on_lattice.low_shear.imag, lon, lat
    )
    assert np.std(found - expected) < 0.02 * np.std(expected)


def test_join_takes_the_largest_scales_from_the_sphere(scales, lattice, on_lattice):
    support = np.ones(lattice.shape, bool)
    support[:, :20] = False
    rng = np.random.default_rng(1)
    small = rng.standard_normal(lattice.shape)
    small -= small.mean()
    joined = scales.join(small + 5.0, on_lattice, lattice.scale, support)
    again = scales.join(joined, on_lattice, lattice.scale, support)
    # A second join changes little, and the constant is gone.
    assert np.std((again - joined)[support]) < 0.5 * np.std(on_lattice.kappa)
    assert abs(np.mean((joined - on_lattice.kappa)[support])) < 0.05
    assert np.corrcoef(joined[support], small[support])[0, 1] > 0.5


def test_sphere_has_pixels_of_14_arcmin():
    assert sphere_pixels().scale.to_value("arcmin") == pytest.approx(13.7, abs=0.1)
