# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pixel positions on tangent planes, held against wcslib."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from lensmap import ShearCatalog, ShearGrid
from lensmap.grid import PixelFrame, tangent_wcs
from lensmap.grid._gnomonic import Gnomonic


def plane(ra=40.0, dec=30.0, cd=((-0.01, 0.0), (0.0, 0.01)), ctype=("RA---TAN", "DEC--TAN")):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = list(ctype)
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.cd = np.array(cd)
    wcs.wcs.crpix = [50.3, 20.9]
    wcs.array_shape = (80, 120)
    wcs.wcs.set()
    return wcs


PLANES = {
    "plain": plane(),
    "across RA = 0": plane(ra=359.99),
    "next to a pole": plane(dec=-89.9),
    "turned": plane(cd=((-0.008, 0.006), (0.006, 0.008))),
    "mirrored": plane(cd=((0.01, 0.0), (0.0, 0.01))),
    "sheared": plane(cd=((-0.01, 0.003), (0.001, 0.02))),
}


@pytest.mark.parametrize("wcs", PLANES.values(), ids=PLANES)
def test_positions_are_those_of_wcslib(wcs):
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-200, 300, (2, 1000))
    lon, lat = wcs.wcs_pix2world(np.stack([x, y], -1), 0).T
    found = Gnomonic.of(wcs).positions(lon, lat)
    np.testing.assert_allclose(found, [x, y], atol=1e-7)
    np.testing.assert_allclose(Gnomonic.of(wcs).positions(lon + 360, lat), [x, y], atol=1e-7)


def test_other_half_of_the_sky_has_no_position():
    lon, lat = np.array([220.0, 40.0, 130.0, 131.0]), np.array([-30.0, 30.0, 0.0, 0.0])
    x, y = Gnomonic.of(plane()).positions(lon, lat)
    assert np.isfinite(x).tolist() == np.isfinite(y).tolist()
    assert np.isnan(x[[0, 3]]).all() and np.isfinite(x[1])


def rotated_pole():
    wcs = plane()
    wcs.wcs.lonpole = 150
    wcs.wcs.set()
    return wcs


def distorted():
    header = plane(ctype=("RA---TAN-SIP", "DEC--TAN-SIP")).to_header()
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN-SIP", "DEC--TAN-SIP"
    header.update({"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-5, "B_0_2": 1e-5})
    wcs = WCS(header)
    wcs.array_shape = (80, 120)
    return wcs


OTHERS = {
    "another projection": plane(ctype=("RA---SIN", "DEC--SIN")),
    "axes exchanged": plane(ctype=("DEC--TAN", "RA---TAN"), ra=30.0, dec=40.0),
    "tangent at the pole": plane(dec=90.0),  # LONPOLE is 0 there
    "rotated pole": rotated_pole(),
    "distorted": distorted(),
}


@pytest.mark.parametrize("wcs", OTHERS.values(), ids=OTHERS)
def test_other_projections_are_left_to_wcslib(wcs):
    found = Gnomonic.of(wcs)
    if found is not None:  # a pole may be rotated and the positions be the same
        test_positions_are_those_of_wcslib(wcs)
    frame = PixelFrame(wcs)
    y, x = np.indices(wcs.array_shape)
    lon, lat = wcs.all_pix2world(x.ravel(), y.ravel(), 0)
    if wcs.wcs.lng == 1:
        lon, lat = lat, lon
    np.testing.assert_allclose(frame.positions(lon, lat), [x.ravel(), y.ravel()], atol=1e-6)


def test_grid_of_a_galactic_plane_is_unchanged():
    """A catalog in another frame than the plane is transformed first."""
    sky = SkyCoord(l=[120.0, 120.1], b=[30.0, 30.1], unit="deg", frame="galactic")
    wcs = plane(ra=120.05, dec=30.05, ctype=("GLON-TAN", "GLAT-TAN"))
    catalog = ShearCatalog(
        {"ra": sky.icrs.ra.deg, "dec": sky.icrs.dec.deg, "e1": [0.1, 0.1], "e2": [0.0, 0.0]},
        convention="celestial", kind="shear",
    )
    grid = ShearGrid.from_catalog(catalog, wcs)
    x, y = wcs.world_to_pixel(sky)
    assert [grid.count[round(b), round(a)] for a, b in zip(x, y, strict=True)] == [1, 1]


def test_maps_of_lensmap_are_plain_planes():
    assert Gnomonic.of(tangent_wcs(SkyCoord(10, 80, unit="deg"), (50, 60), "1arcmin")) is not None
