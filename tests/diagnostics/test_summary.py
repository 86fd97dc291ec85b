# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The summary against what the catalog was made of."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from catalogs import shear_catalog
from lenses import catalog_columns, uniform_sky

from lensmap.diagnostics import summarize_catalog
from lensmap.utils import CatalogWarning


@pytest.mark.parametrize("dec", [0, 60, 89.5])
def test_numbers(dec):
    rng = np.random.default_rng(1)
    n = 50_000
    sky = uniform_sky(SkyCoord(0, dec, unit="deg"), 0.5, n, rng)
    e = 0.3 * (rng.normal(size=n) + 1j * rng.normal(size=n))
    columns = catalog_columns(sky, e, weight=np.ones(n))
    columns["e1"][:3] = [1.5, -1.2, 5]
    columns["e2"][:3] = 0
    columns["weight"][5] = 0
    columns["ra"][10], columns["dec"][10] = columns["ra"][9], columns["dec"][9]
    with pytest.warns(CatalogWarning, match="1 of 50000 rows are left out"):
        summary = summarize_catalog(shear_catalog(columns))
    assert summary.n_galaxies == n - 1 and summary.n_left_out == {"|e| above 2": 1}
    area = np.pi * 0.5**2 * u.deg**2
    assert summary.area.to_value(u.deg**2) == pytest.approx(area.value, rel=0.1)
    assert summary.density.to_value(u.arcmin**-2) == pytest.approx(n / 2827.4, rel=0.1)
    assert summary.scatter == pytest.approx(0.3, rel=0.02)
    modulus = np.hypot(columns["e1"], columns["e2"])
    assert summary.n_above_one == np.count_nonzero(modulus > 1) - 1
    assert (summary.n_zero_weight, summary.n_duplicates) == (1, 1)
    text = str(summary)
    assert "49999 (left out: 1 |e| above 2)" in text and "deg2" in text
