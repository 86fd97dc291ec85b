# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The number of galaxies per pixel of an image, whatever part of it they cover."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from lensmap import ShearCatalog
from lensmap.grid import _pixel_density, galaxies_per_pixel, tangent_wcs

pytestmark = pytest.mark.filterwarnings("ignore:.* per square arcminute")

CENTER = SkyCoord(10, 60, unit="deg")
IMAGE = tangent_wcs(CENTER, (30_000, 20_000), 0.2 * u.arcsec)


def galaxies(n, x, y, **columns):
    """Return galaxies in a rectangle of the pixels of `IMAGE`."""
    rng = np.random.default_rng(1)
    sky = IMAGE.pixel_to_world(rng.uniform(*x, n), rng.uniform(*y, n))
    table = {"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": np.zeros(n), "e2": np.zeros(n)}
    return ShearCatalog(Table(table | columns), convention="celestial", kind="shear")


@pytest.mark.parametrize("n", [300, 3000, 50_000])
@pytest.mark.parametrize(
    ("x", "y"),
    [((0, 20_000), (0, 30_000)), ((5000, 6500), (20_000, 22_000)), ((-9000, 9000), (100, 2000))],
    ids=["the whole image", "a small part", "beyond the image"],
)
def test_density(n, x, y):
    truth = n / ((x[1] - x[0]) * (y[1] - y[0]))
    # A cell at the edge of the galaxies may hold more than half of a full cell.
    assert galaxies_per_pixel(galaxies(n, x, y), IMAGE) == pytest.approx(truth, rel=0.15)


def test_holes_do_not_count():
    catalog = galaxies(40_000, (0, 20_000), (0, 30_000))
    x, y = IMAGE.world_to_pixel(catalog.skycoord)
    kept = catalog.select(np.hypot(x - 10_000, y - 15_000) > 8000)
    density = galaxies_per_pixel(kept, IMAGE)
    assert density == pytest.approx(40_000 / 6e8, rel=0.1)


def test_galaxies_of_zero_weight_do_not_count():
    weight = np.where(np.arange(10_000) % 4 == 0, 1.0, 0.0)
    catalog = galaxies(10_000, (0, 20_000), (0, 30_000), weight=weight)
    assert galaxies_per_pixel(catalog, IMAGE) == pytest.approx(2500 / 6e8, rel=0.1)


def test_subset_of_a_large_catalog(monkeypatch):
    catalog = galaxies(20_000, (0, 20_000), (0, 30_000))
    whole = galaxies_per_pixel(catalog, IMAGE)
    monkeypatch.setattr(_pixel_density, "_MAX_GALAXIES", 2000)
    assert galaxies_per_pixel(catalog, IMAGE) == pytest.approx(whole, rel=0.1)


def test_few_galaxies():
    assert galaxies_per_pixel(galaxies(1, (0, 9), (0, 9)), IMAGE) == pytest.approx(1 / 6e8)
    assert galaxies_per_pixel(galaxies(9, (-900, -800), (0, 9)), IMAGE) == 0


def test_many_galaxies_per_pixel():
    wcs = tangent_wcs(CENTER, (10, 12), 10 * u.arcmin)
    catalog = galaxies(50_000, (0, 20_000), (0, 30_000))
    area = (0.2 / 60) ** 2 * 6e8  # square arcmin
    assert galaxies_per_pixel(catalog, wcs) == pytest.approx(50_000 / area * 100, rel=0.15)
