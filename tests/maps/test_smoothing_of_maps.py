# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What maps say of their smoothing."""

import numpy as np
import pytest
from astropy import units as u
from lenses import CENTERS, tangent_wcs

from lensmap import ConvergenceMap


@pytest.mark.parametrize(
    ("meta", "arcmin"),
    [
        ({}, None),
        ({"parameters": {"smoothing": "3 arcmin"}}, 3.0),
        ({"parameters": {"smoothing": None}}, 0.0),
        ({"parameters": {"smoothing": "3 arcmin"}, "smoothed_by": ["4 arcmin"]}, 5.0),
        ({"smoothed_by": ["4 arcmin"]}, 4.0),
        # An estimator without that parameter smooths in its own way, before what came after.
        ({"estimator": "WienerFilter", "parameters": {}, "smoothed_by": ["4 arcmin"]}, None),
        ({"estimator": "KaiserSquires", "parameters": {"smoothing": None}}, 0.0),
        ({"parameters": {"smoothing": "much"}}, None),
    ],
)
def test_what_a_map_says(meta, arcmin):
    wcs = tangent_wcs(CENTERS["equator"], (8, 8), 0.5)
    kappa = ConvergenceMap(np.zeros((8, 8)), wcs=wcs, meta=meta)
    if arcmin is None:
        assert kappa.smoothing is None and kappa.smoothing_pixels == 0
    else:
        assert kappa.smoothing.to_value(u.arcmin) == pytest.approx(arcmin)
        assert kappa.smoothing_pixels == pytest.approx(2 * arcmin, rel=1e-3)
