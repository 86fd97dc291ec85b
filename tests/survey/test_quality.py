# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Maps of the quality of the data on the pixels of a tile."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from lensmap import ShearCatalog
from lensmap.grid import PixelAssignment, ShearGrid, tangent_wcs
from lensmap.survey._quality import quality_planes

SCALE = 1 / 60
N = 90


@pytest.fixture(scope="module")
def planes():
    """Galaxies in the western two thirds of a field, half of them with a redshift of 0.7."""
    rng = np.random.default_rng(2)
    n = 20 * N**2
    table = Table({
        "ra": 0.75 - 1.5 * rng.random(n), "dec": 0.75 - 1.5 * rng.random(n),
        "e1": rng.normal(0, 0.2, n), "e2": rng.normal(0, 0.2, n),
    })
    table = table[table["ra"] < 0.25]
    table["redshift"] = np.where(table["ra"] < -0.25, 0.7, np.nan)
    table["ra"] %= 360
    wcs = tangent_wcs(SkyCoord(0, 0, unit="deg"), (N, N), 1 * u.arcmin)
    catalog = ShearCatalog(table, convention="celestial", kind="shear")
    assignment = PixelAssignment(catalog, wcs)
    grid = ShearGrid.from_assignment(assignment)
    known = np.isfinite(assignment.column("redshift"))
    sums = assignment.sums(np.where(known, 0.7, 0.0), known.astype(float))
    return quality_planes(grid, {"redshift": tuple(sums)}, grid.count == 0, SCALE, 0.0, 1.0)


def test_values_of_galaxies(planes):
    np.testing.assert_allclose(planes["redshift"][:, 70:], 0.7)
    assert np.median(planes["sigma_e"][:, 50:]) == pytest.approx(0.2, rel=0.02)
    assert np.median(planes["density"][5:-5, 50:85]) == pytest.approx(20, rel=0.03)


def test_where_no_galaxy_is_near_there_is_no_mean_and_no_scatter(planes):
    """East is at low x: no galaxies in the first third, and no redshifts in the second one."""
    assert np.isnan(planes["redshift"][:, :40]).all()
    assert np.isfinite(planes["sigma_e"][:, 35:]).all()
    assert np.isnan(planes["sigma_e"][:, :10]).all()
    np.testing.assert_array_equal(planes["density"][:, :10], 0)
