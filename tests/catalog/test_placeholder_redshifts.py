# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Placeholders in the column of redshifts, with and without p(z)."""

import numpy as np
import pytest
from astropy.table import Table
from catalogs import shear_catalog

from lensmap.utils import CatalogWarning


def test_placeholders_matter_only_without_pz():
    rng = np.random.default_rng(1)
    n, z_grid = 60, np.linspace(0, 2, 41)
    redshift = np.full(n, 1.0)
    redshift[:5] = -99.0
    table = Table({
        "ra": 10 + 0.05 * rng.random(n), "dec": 0.05 * rng.random(n),
        "e1": rng.normal(0, 0.2, n), "e2": rng.normal(0, 0.2, n), "redshift": redshift,
        "pdf": np.exp(-0.5 * ((z_grid - 1) / 0.2) ** 2) * np.ones((n, 1)),
    })
    with pytest.warns(CatalogWarning, match="5 of 60 rows count as galaxies without a redshift"):
        shear_catalog(table)
    # Warnings are errors in tests: p(z) counts in place of the redshift.
    catalog = shear_catalog(table, {"pz": "pdf"}, z_grid=z_grid)
    assert catalog.source_redshifts().mean == pytest.approx(1.0, abs=1e-3)
