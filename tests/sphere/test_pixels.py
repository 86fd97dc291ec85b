# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of `lensmap.sphere.HealpixPixels`."""

import numpy as np
import pytest
from astropy import units as u

from lensmap.sphere import HealpixPixels

pytest.importorskip("ducc0")


@pytest.fixture
def positions():
    rng = np.random.default_rng(1)
    lat = np.degrees(np.arcsin(rng.uniform(-1, 1, 2000)))
    lat[:4] = 90, -90, 89.99, -89.99
    return rng.uniform(-180, 540, 2000), lat


@pytest.mark.parametrize("nside", [1, 2, 64, 8192])
def test_indices_are_those_of_healpix(positions, nside):
    hpgeom = pytest.importorskip("hpgeom")
    pixels = HealpixPixels(nside)
    lon, lat = positions
    index = pixels.at(lon, lat)
    np.testing.assert_array_equal(index, hpgeom.angle_to_pixel(nside, lon % 360, lat))
    found = pixels.centers(index)
    expected = hpgeom.pixel_to_angle(nside, index)
    np.testing.assert_allclose(np.degrees(np.sin(np.radians(found[0] - expected[0]))), 0, atol=1e-9)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-9)
    np.testing.assert_array_equal(pixels.from_ring(pixels.to_ring(index)), index)


def test_sizes():
    pixels = HealpixPixels(4096)
    assert (pixels.order, pixels.n_pixels) == (12, 12 * 4096**2)
    assert pixels.area * pixels.n_pixels == pytest.approx(4 * np.pi)
    assert pixels.scale.to_value(u.arcmin) == pytest.approx(0.8589, abs=1e-4)
    assert pixels == HealpixPixels(4096) != HealpixPixels(4096, frame="galactic")


@pytest.mark.parametrize(
    ("nside", "words"),
    [(1000, "power of 2 .* not 1000: the nearest are 512 and 1024"), (2**30, "power of 2"),
     (0, "nside must be")],
)
def test_bad_nside(nside, words):
    with pytest.raises(ValueError, match=words):
        HealpixPixels(nside)
    with pytest.raises(TypeError):
        HealpixPixels("256")


def test_unknown_frames():
    with pytest.raises(ValueError, match="frame must be the name of an astropy frame .* 'sky'"):
        HealpixPixels(8, "sky")
    with pytest.raises(ValueError, match="frame must be .* not 'altaz': such as 'icrs'"):
        HealpixPixels(8, "altaz")
    with pytest.raises(TypeError, match="frame must be the name of an astropy frame, not 3"):
        HealpixPixels(8, 3)
