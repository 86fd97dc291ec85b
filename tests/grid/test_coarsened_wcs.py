# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Blocks of image pixels lie on the sky where the pixels of the image lie."""

import numpy as np
import pytest
from astropy import units as u
from astropy.wcs import WCS, DistortionLookupTable, Sip
from astropy.wcs.wcsapi import SlicedLowLevelWCS

from lensmap.grid import coarsened_wcs
from lensmap.utils import ContinuedWCS, check_celestial_wcs, sky_to_pixel, unit_vectors

SHAPE = (70, 95)
TURN = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
STEP = 0.2 / 60  # deg


def image(code="TAN", *, scales=(-STEP, STEP), turn=None, cd=False, crval=(150.0, 20.0),
          crpix=(40.3, 33.2), shape=SHAPE):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{code}", f"DEC--{code}"]
    wcs.wcs.crval, wcs.wcs.crpix = crval, crpix
    if cd:
        wcs.wcs.cd = (np.eye(2) if turn is None else turn) * np.array(scales)
    else:
        wcs.wcs.cdelt = scales
        if turn is not None:
            wcs.wcs.pc = turn
    wcs.array_shape = shape
    wcs.wcs.set()
    return wcs


def sip():
    wcs = image("TAN-SIP", turn=TURN, cd=True)
    a, b = np.zeros((2, 4, 4))
    a[2, 0], a[0, 3], a[1, 1], b[0, 2], b[2, 1] = 1e-4, 2e-7, -5e-5, 8e-5, 1e-6
    wcs.sip = Sip(a, b, -a, -b, wcs.wcs.crpix)
    return wcs


def tables():
    wcs = image()
    values = np.random.default_rng(1).normal(size=(9, 12)).astype(np.float32)
    wcs.cpdis1 = DistortionLookupTable(values, (1.0, 1.0), (1.0, 1.0), (8.9, 8.7))
    wcs.det2im2 = DistortionLookupTable(values[::-1].copy(), (1.0, 1.0), (1.0, 1.0), (8.9, 8.7))
    return wcs


def tpv(names):
    header = image(turn=TURN, cd=True).to_header()
    for name in ("1_1", "1_2", "2_1", "2_2"):
        header[names + name] = header.pop("PC" + name)
    if names == "CD":
        del header["CDELT*"]
    header.update(CTYPE1="RA---TPV", CTYPE2="DEC--TPV", PV1_1=1.01, PV1_7=3e-2, PV2_1=0.99,
                  PV2_4=0.1)
    wcs = WCS(header)
    wcs.array_shape = SHAPE
    return wcs


def crota():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [150.0, 20.0]
    wcs.wcs.crpix, wcs.wcs.cdelt, wcs.wcs.crota = [40.3, 33.2], [-STEP, STEP], [0.0, 25.0]
    wcs.array_shape = SHAPE
    return wcs


IMAGES = {
    "TAN": image,
    "SIN": lambda: image("SIN"),
    "CAR": lambda: image("CAR"),
    "rotated": lambda: image(turn=TURN),
    "CD matrix": lambda: image(turn=TURN, cd=True),
    "CROTA": crota,
    "mirrored": lambda: image(scales=(STEP, STEP)),
    "oblong": lambda: image(scales=(-STEP, 2 * STEP)),
    "SIP": sip,
    "TPV": lambda: tpv("CD"),
    "TPV with PC": lambda: tpv("PC"),
    "tables": tables,
    "common interface": lambda: SlicedLowLevelWCS(image(turn=TURN), np.s_[:, :]),
    # The columns of the whole sky, half of which lie beyond 180 degrees from CRVAL1.
    "CAR of the whole sky": lambda: image(
        "CAR", scales=(-4, 4), crval=(0, 0), crpix=(45.5, 23), shape=(45, 90)
    ),
    "continued": lambda: image("SFL", scales=(-3, 3), crval=(150, 0), shape=(60, 90)),
}


def positions_of(shape, factor):
    """Return the corners and centers of all blocks, as positions of blocks and of image pixels."""
    y, x = (v.ravel() for v in np.meshgrid(
        *(np.arange(-0.5, -(-n // factor), 0.5) for n in shape), indexing="ij"
    ))
    fine_x, fine_y = (factor * (v + 0.5) - 0.5 for v in (x, y))
    on_image = (fine_x <= shape[1] - 0.5) & (fine_y <= shape[0] - 0.5)
    return x[on_image], y[on_image], fine_x[on_image], fine_y[on_image]


def vectors(wcs, x, y):
    sky = wcs.pixel_to_world(x, y).icrs
    return unit_vectors(sky.ra.deg, sky.dec.deg)


@pytest.mark.parametrize("factor", [1, 2, 5, 7, 100])
@pytest.mark.parametrize("kind", IMAGES)
def test_blocks_are_aligned(kind, factor):
    wcs = check_celestial_wcs(IMAGES[kind]())
    ny, nx = wcs.array_shape
    step = np.abs(np.linalg.norm(
        np.cross(*(vectors(wcs, (nx - 1) / 2 + dx, (ny - 1) / 2 + dy)
                   - vectors(wcs, (nx - 1) / 2 - dx, (ny - 1) / 2 - dy)
                   for dx, dy in ((0.5, 0), (0, 0.5))))
    )) ** 0.5
    blocks = coarsened_wcs(IMAGES[kind](), (factor + 0.3) * step * u.rad)
    assert blocks.array_shape == (-(-ny // factor), -(-nx // factor))
    x, y, fine_x, fine_y = positions_of(wcs.array_shape, factor)
    coarse, fine = vectors(blocks, x, y), vectors(wcs, fine_x, fine_y)
    distance = np.linalg.norm(coarse - fine, axis=-1) / step
    known = np.isfinite(distance)
    if kind != "continued":  # a projection with an edge
        assert known.all()
    assert known.any() and distance[known].max() < 1e-6
    # And back, where the sky has one position on the map.
    inside = known & (x > 0) & (y > 0) & (fine_x < nx - 1) & (fine_y < ny - 1)
    if not inside.any():
        return
    checked = check_celestial_wcs(blocks)
    sky = wcs.pixel_to_world(fine_x[inside], fine_y[inside]).spherical
    back = sky_to_pixel(checked, sky.lon.deg, sky.lat.deg)
    tolerance = {"SIP": 1e-3, "tables": 1e-3}.get(kind, 1e-6)
    np.testing.assert_allclose(back, [x[inside], y[inside]], atol=tolerance)


def test_the_nearest_factor():
    wcs = image()
    for scale, shape in (("0.1arcmin", SHAPE), ("0.29arcmin", SHAPE), ("0.31arcmin", (35, 48)),
                         ("0.49arcmin", (35, 48)), ("0.51arcmin", (24, 32)), ("9deg", (1, 1))):
        assert coarsened_wcs(wcs, scale).array_shape == shape
    # The side of a square of the same area.
    assert coarsened_wcs(IMAGES["oblong"](), 0.2 * 2**0.5 * 3 * u.arcmin).array_shape == (24, 32)


def test_the_image_is_not_changed():
    wcs = sip()
    before = wcs.to_header_string(relax=True), wcs.array_shape, wcs.sip.a.copy()
    blocks = coarsened_wcs(wcs, "1arcmin")
    assert blocks is not wcs
    assert (wcs.to_header_string(relax=True), wcs.array_shape) == before[:2]
    np.testing.assert_array_equal(wcs.sip.a, before[2])


def test_tiny_images():
    for shape in ((1, 1), (1, 3), (2, 2)):
        wcs = image(shape=shape)
        assert coarsened_wcs(wcs, "0.2arcmin").array_shape == shape
        assert coarsened_wcs(wcs, "0.6arcmin").array_shape == (1, 1)


def test_kinds_of_results():
    assert type(coarsened_wcs(image(), "1arcmin")) is WCS
    continued = coarsened_wcs(IMAGES["continued"](), "9deg")
    assert isinstance(continued, ContinuedWCS) and continued.to_header()["CDELT1"] == -9


@pytest.mark.parametrize(
    ("wcs", "scale", "error", "message"),
    [
        (image(), "0.09arcmin", ValueError,
         "pixel_scale must be at least half of the pixel scale of the image, 0.2 arcmin, not 0.09"),
        (image(), 0.4, TypeError, "pixel_scale"),
        (image(), "2kpc", TypeError, "pixel_scale"),
        (image(), "-1arcmin", ValueError, "pixel_scale"),
        (image(shape=None), "1arcmin", ValueError, "array shape"),
        (WCS(naxis=2), "1arcmin", ValueError, "celestial"),
        (3, "1arcmin", TypeError, "wcs"),
    ],
)
def test_wrong_arguments(wcs, scale, error, message):
    with pytest.raises(error, match=message):
        coarsened_wcs(wcs, scale)


def test_a_distortion_that_does_not_scale(monkeypatch):
    wcs = sip()
    monkeypatch.setattr("lensmap.grid._coarsened_wcs._scaled_sip", lambda sip, factor: sip)
    with pytest.raises(ValueError, match="wcs must be without distortions"):
        coarsened_wcs(wcs, "1arcmin")
