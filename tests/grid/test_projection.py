# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Positions against astropy, and angles against small steps on the sky."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from astropy.wcs.utils import skycoord_to_pixel
from lenses import CENTERS, ORIENTATIONS, tangent_wcs, uniform_sky

from lensmap.grid import PixelFrame
from lensmap.grid._projection import _locate, _nodes_along


def _expected_rotation(sky, wcs, frame):
    """Return exp(-2 i phi) and the parity by stepping 1 arcsec to the east and to the north."""
    sky = sky.transform_to(frame)
    here = np.array(skycoord_to_pixel(sky, wcs, 0))
    steps = []
    for position_angle in (90, 0):
        moved = sky.directional_offset_by(position_angle * u.deg, 1 * u.arcsec)
        steps.append(np.array(skycoord_to_pixel(moved, wcs, 0)) - here)
    east, north = steps
    # the image of east in the pixel plane has the angle -phi, or phi if mirrored
    parity = np.sign(east[0] * north[1] - east[1] * north[0])
    angle = np.arctan2(east[1], east[0])
    phi = -angle * parity
    return np.exp(-2j * phi), parity


@pytest.mark.parametrize("frame", ["icrs", "galactic", "fk5"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("place", CENTERS)
def test_positions_and_rotation(place, orientation, frame):
    center = CENTERS[place]
    wcs = tangent_wcs(center, (200, 180), 0.5, **ORIENTATIONS[orientation])
    sky = uniform_sky(center, 0.9, 3000, np.random.default_rng(3)).transform_to(frame)
    lon, lat = sky.spherical.lon.deg, sky.spherical.lat.deg
    pixels = PixelFrame(wcs, frame)
    x, y = pixels.positions(lon, lat)
    np.testing.assert_allclose([x, y], skycoord_to_pixel(sky, wcs, 0), atol=1e-7)
    inside = (x > -0.5) & (x < 179.5) & (y > -0.5) & (y < 199.5)
    x, y, lon, lat = x[inside], y[inside], lon[inside], lat[inside]
    index = np.floor(y + 0.5).astype(int) * 180 + np.floor(x + 0.5).astype(int)
    expected, parity = _expected_rotation(sky[inside], wcs, frame)
    assert np.all(parity == pixels.parity)
    found = pixels.rotation(lon, lat, index)
    np.testing.assert_allclose(np.abs(found), 1, atol=1e-5)
    # next to the pole a step of an arcsecond is not small any more
    far = np.abs(np.degrees(np.sin(np.radians(90 - np.abs(lat))))) > 0.05
    np.testing.assert_allclose(found[far], expected[far], atol=2e-3)


def test_the_angle_is_the_textbook_one_at_the_center():
    center = SkyCoord(80, 30, unit="deg")
    for flip, angle, phi in ((True, 0, 0), (False, 0, 180), (True, 20, 20)):
        pixels = PixelFrame(tangent_wcs(center, (11, 11), 0.5, flip=flip, angle=angle))
        found = pixels.rotation(np.array([80.0]), np.array([30.0]), np.array([60]))
        assert pixels.parity == (1 if flip else -1)
        np.testing.assert_allclose(found, np.exp(-2j * np.radians(phi)), atol=1e-5)


def test_north_turns_by_13_deg_at_the_edge_of_a_field_at_dec_75():
    center = SkyCoord(0, 75, unit="deg")
    wcs = tangent_wcs(center, (512, 512), 0.41)
    x, y = np.array([0.0, 511.0]), np.array([511.0, 511.0])
    sky = wcs.pixel_to_world(x, y)
    rotation = PixelFrame(wcs).rotation(sky.ra.deg, sky.dec.deg, (y * 512 + x).astype(int))
    turn = np.degrees(np.angle(rotation)) / 2
    assert 6 < abs(turn[0]) < 13.5 and turn[0] == pytest.approx(-turn[1], abs=1e-3)


def test_pole_inside_the_map_is_smooth():
    """Shear that is constant on the plane stays constant next to the pole."""
    pole = SkyCoord(0, 90, unit="deg")
    wcs = tangent_wcs(pole, (21, 21), 1.0)
    rng = np.random.default_rng(4)
    sky = uniform_sky(pole, 0.15, 2000, rng)
    pixels = PixelFrame(wcs)
    x, y = pixels.positions(sky.ra.deg, sky.dec.deg)
    keep = (np.abs(x - 10) < 10) & (np.abs(y - 10) < 10)
    sky, x, y = sky[keep], x[keep], y[keep]
    index = np.rint(y).astype(int) * 21 + np.rint(x).astype(int)
    # at the north pole east turns with RA: on the sky a constant shear is exp(-2 i RA)
    shear = np.exp(-2j * sky.ra.rad)
    constant = pixels.to_pixel_basis(shear, pixels.rotation(sky.ra.deg, sky.dec.deg, index))
    np.testing.assert_allclose(constant, constant[0], atol=1e-4)


def test_fk4_is_more_than_a_rotation():
    """An image of 1950: positions and directions are those of astropy, E-terms and all."""
    wcs = tangent_wcs(SkyCoord(80, 30, unit="deg"), (40, 40), 1.0)
    wcs.wcs.radesys, wcs.wcs.equinox = "FK4", 1950
    sky = uniform_sky(wcs.pixel_to_world(20, 20).icrs, 0.2, 50, np.random.default_rng(6))
    pixels = PixelFrame(wcs)
    x, y = pixels.positions(sky.ra.deg, sky.dec.deg)
    np.testing.assert_allclose([x, y], skycoord_to_pixel(sky, wcs, 0), atol=1e-7)
    index = np.rint(y).astype(int) * 40 + np.rint(x).astype(int)
    expected, _ = _expected_rotation(sky, wcs, "icrs")
    found = pixels.rotation(sky.ra.deg, sky.dec.deg, index)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_opposite_side_of_the_sky_has_no_place():
    wcs = tangent_wcs(SkyCoord(10, 20, unit="deg"), (50, 50), 1.0)
    x, y = PixelFrame(wcs).positions(np.array([190.0, 10.0]), np.array([-20.0, 20.0]))
    assert not np.isfinite(x[0]) and not np.isfinite(y[0])
    np.testing.assert_allclose([x[1], y[1]], 24.5)


def test_latitude_first_and_sip():
    center = SkyCoord(10, 20, unit="deg")
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["DEC--TAN", "RA---TAN"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [20, 10], [25, 25], [0.01, 0.01]
    wcs.array_shape = (49, 49)
    x, y = PixelFrame(wcs).positions(np.array([10.1]), np.array([20.0]))
    np.testing.assert_allclose([x[0], y[0]], wcs.world_to_pixel(SkyCoord(10.1, 20, unit="deg")))
    assert y[0] > 33 and x[0] == pytest.approx(24, abs=0.01)
    header = tangent_wcs(center, (100, 100), 0.5).to_header()
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN-SIP", "DEC--TAN-SIP"
    header.update({"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 2e-4, "B_1_1": -1e-4,
                   "NAXIS": 2, "NAXIS1": 100, "NAXIS2": 100})
    sip = WCS(header)
    sip.array_shape = (100, 100)
    sky = uniform_sky(center, 0.3, 200, np.random.default_rng(5))
    x, y = PixelFrame(sip).positions(sky.ra.deg, sky.dec.deg)
    np.testing.assert_allclose([x, y], skycoord_to_pixel(sky, sip, 0, mode="all"), atol=1e-4)


def test_anisotropy_and_scales():
    center = SkyCoord(10, 20, unit="deg")
    wcs = tangent_wcs(center, (50, 50), 1.0)
    assert PixelFrame(wcs).anisotropy == pytest.approx(1, abs=1e-4)
    wcs.wcs.cdelt = [-1 / 60, 2 / 60]
    assert PixelFrame(wcs).anisotropy == pytest.approx(2, rel=1e-3)
    low, high = PixelFrame(wcs).scales
    assert PixelFrame(wcs).scale == (low + high) / 2
    np.testing.assert_allclose([low.to_value("arcmin"), high.to_value("arcmin")], [1, 2], rtol=1e-3)


def test_off_the_sky():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---AIT", "DEC--AIT"]
    wcs.wcs.crpix, wcs.wcs.cdelt = [20.5, 10.5], [-9, 9]
    wcs.array_shape = (20, 40)
    off = PixelFrame(wcs).off_sky
    assert off[0, 0] and not off[10, 20]
    wcs.array_shape = (3, 3)
    wcs.wcs.crpix = [500, 500]
    with pytest.raises(ValueError, match="at least one pixel on the sky"):
        _ = PixelFrame(wcs).parity


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_rotation_at_the_center_of_each_pixel(orientation):
    """Large pixels at a high declination, where the direction of north varies from node to node."""
    wcs = tangent_wcs(SkyCoord(40, 80, unit="deg"), (30, 45), 12.0, **ORIENTATIONS[orientation])
    # The stereographic projection is conformal: the images of east and north are orthogonal.
    wcs.wcs.ctype = [name.replace("TAN", "STG") for name in wcs.wcs.ctype]
    y, x = np.indices((30, 45))
    sky = wcs.pixel_to_world(x, y).icrs
    expected, parity = _expected_rotation(sky, wcs, "icrs")
    pixels = PixelFrame(wcs)
    found = pixels.pixel_rotation()
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert np.ptp(np.angle(expected)) > 1
    # Longitudes may go beyond a whole turn.
    lon, lat, index = sky.ra.deg.ravel(), sky.dec.deg.ravel(), np.arange(30 * 45)
    np.testing.assert_allclose(pixels.rotation(lon + 360, lat, index), found.ravel(), atol=1e-5)
    # An ellipse along +x has g1 > 0, and the second component is that of the pixel axes.
    shear = np.array([0.1, 0.1j])
    in_pixels = pixels.to_pixel_basis(shear, np.array([1j, 1j]))
    np.testing.assert_allclose(in_pixels, [0.1j * parity[0, 0], -0.1])


def test_rotation_next_to_the_edge_of_the_sky():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---AIT", "DEC--AIT"]
    wcs.wcs.crpix, wcs.wcs.cdelt = [20.5, 10.5], [-9, 9]
    wcs.array_shape = (20, 40)
    pixels = PixelFrame(wcs)
    found, off = pixels.pixel_rotation(), pixels.off_sky
    assert np.all(found[off] == 0)
    inner = np.hypot(*(np.indices((20, 40)) - [[[9.5]], [[19.5]]]) / [[[9]], [[18]]]) < 0.85
    np.testing.assert_allclose(np.abs(found[inner]), 1, atol=1e-5)


def test_nodes_of_the_interpolation():
    for n in (1, 2, 3, 7, 9, 10, 15, 17, 50):
        nodes = _nodes_along(n)
        assert nodes[0] == 0 and nodes[-1] == n - 1 and len(nodes) == min(n, 2 + (n - 1) // 8)
        assert np.all(np.diff(nodes) <= 8)
    before, offset = _locate(np.array([0.0, 5.0, 10.0]), 11)
    assert before.tolist() == [0] * 5 + [1] * 6
    np.testing.assert_allclose(offset, [0, 0.2, 0.4, 0.6, 0.8, 0, 0.2, 0.4, 0.6, 0.8, 1])
