# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tangent planes that cover what they shall, with no pixel more than needed."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from lenses import CENTERS, uniform_sky

from lensmap import ShearCatalog, make_wcs
from lensmap.grid import tangent_wcs, tangent_wcs_of


@pytest.mark.parametrize("place", CENTERS)
def test_covers_all_galaxies_tightly(place):
    sky = uniform_sky(CENTERS[place], 1.0, 20_000, np.random.default_rng(1))
    wcs = make_wcs(sky, 0.5 * u.arcmin)
    x, y = wcs.world_to_pixel(sky)
    ny, nx = wcs.array_shape
    for v, n in ((x, nx), (y, ny)):
        assert v.min() >= -0.5 and v.max() <= n - 0.5
        assert n <= 2 * 60 / 0.5 + 2
        # centered: as much room on one side as on the other
        np.testing.assert_allclose(v.min() + 0.5, n - 0.5 - v.max(), atol=1e-5)
    # north up, east left
    here = wcs.pixel_to_world(nx / 2, ny / 2)
    if abs(here.dec.deg) < 85:
        assert wcs.pixel_to_world(nx / 2, ny / 2 + 9).dec > here.dec
        assert here.position_angle(wcs.pixel_to_world(nx / 2 - 9, ny / 2)).deg < 180


def test_uneven_density_does_not_move_the_map():
    rng = np.random.default_rng(2)
    lon = np.concatenate([rng.uniform(10, 12, 100), rng.uniform(10, 10.1, 10_000)])
    wcs = make_wcs(SkyCoord(lon, rng.uniform(-1, 1, lon.size), unit="deg"), 1 * u.arcmin)
    assert max(wcs.array_shape) <= 122


def test_margin_and_frame():
    catalog = ShearCatalog(
        {"ra": [100.0, 100.5], "dec": [0.0, 0.5], "e1": [0.0, 0], "e2": [0.0, 0]},
        frame="galactic", convention="celestial", kind="shear",
    )
    wcs = make_wcs(catalog, 1 * u.arcmin, margin=3 * u.arcmin)
    assert list(wcs.wcs.ctype) == ["GLON-TAN", "GLAT-TAN"]
    assert wcs.array_shape == (37, 36)  # cos(lat) makes it a little narrower


def test_one_galaxy_is_one_pixel():
    wcs = make_wcs(SkyCoord([12.0], [-30.0], unit="deg"))
    assert wcs.array_shape == (1, 1)
    assert wcs.pixel_to_world(0, 0).separation(SkyCoord(12, -30, unit="deg")) < 1e-6 * u.arcsec


def test_fk5_catalog_gets_an_fk5_map():
    wcs = make_wcs(SkyCoord([10, 11], [5, 6], unit="deg", frame="fk5"))
    assert wcs.wcs.radesys == "FK5" and wcs.wcs.equinox == 2000


@pytest.mark.parametrize(
    ("scale", "error", "message"),
    [
        (0.4, TypeError, "pixel_scale must be an angle with a unit"),
        (0.4 * u.kg, TypeError, "pixel_scale must be an angle"),
        (-1 * u.arcmin, ValueError, "pixel_scale must be positive"),
        (np.nan * u.arcmin, ValueError, "pixel_scale must be one finite angle"),
    ],
)
def test_bad_pixel_scale(scale, error, message):
    with pytest.raises(error, match=message):
        make_wcs(SkyCoord([10, 11], [5, 6], unit="deg"), scale)


def test_more_than_a_plane_is_refused():
    with pytest.raises(ValueError, match="covers at most 60 deg"):
        make_wcs(SkyCoord([0, 140], [0, 0], unit="deg"))


def test_tangent_plane_of_another_map():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---CAR", "DEC--CAR"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [30, 0], [0, -600], [-0.1, 0.1]
    wcs.array_shape = (20, 40)
    plane = tangent_wcs_of(wcs, 3 * u.arcmin)
    y, x = np.indices((20, 40))
    px, py = plane.world_to_pixel(wcs.pixel_to_world(x, y))
    ny, nx = plane.array_shape
    assert px.min() > -0.5 and py.min() > -0.5 and px.max() < nx - 0.5 and py.max() < ny - 0.5


def test_a_tangent_plane_touches_the_middle_of_its_pixels():
    center = SkyCoord(120, 30, unit="deg", frame="galactic")
    wcs = tangent_wcs(center, (20, 31), 2 * u.arcmin)
    assert wcs.array_shape == (20, 31)
    assert wcs.pixel_to_world(15, 9.5).separation(center) < 1e-6 * u.arcsec
    east, north = wcs.pixel_to_world(14, 9.5), wcs.pixel_to_world(15, 10.5)
    assert center.separation(north).to_value(u.arcmin) == pytest.approx(2, rel=1e-4)
    assert center.icrs.position_angle(north).deg == pytest.approx(0, abs=0.1)
    assert center.icrs.position_angle(east).deg == pytest.approx(90, abs=0.1)
