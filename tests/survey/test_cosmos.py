# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The map of a real field through the tiles of a survey."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u

from lensmap import KaiserSquires, ShearCatalog, WienerFilter, make_wcs
from lensmap.survey import map_survey

DATA = os.environ.get("LENSMAP_DATA")

pytestmark = [
    pytest.mark.slow, pytest.mark.skipif(DATA is None, reason="LENSMAP_DATA is not set")
]


@pytest.mark.parametrize(
    "estimator",
    [KaiserSquires(fill_iterations=10, uncertainty="analytic"), WienerFilter(z_source=1.0)],
    ids=["ks", "wiener"],
)
def test_tiles_give_the_map_of_the_field(estimator, tmp_path):
    catalog = ShearCatalog.read(
        Path(DATA, "cosmos_shear.fits"), convention="celestial", kind="shear"
    )
    survey = map_survey(catalog, estimator, tmp_path / "survey", nside=16384, workers=1)
    assert len(survey.tiles) > 1
    wcs = make_wcs(catalog, survey.plan["pixel_scale_arcmin"] * u.arcmin)
    flat, cutout = estimator.reconstruct(catalog, wcs), survey.cutout(wcs)
    good = ~(flat.mask | cutout.mask)
    assert good.sum() > 0.95 * (~flat.mask).sum()
    assert np.corrcoef(flat.data[good], cutout.data[good])[0, 1] > 0.97
    if flat.uncertainty is not None:
        ratio = np.median((cutout.uncertainty.array / flat.uncertainty.array)[good])
        assert ratio == pytest.approx(1, abs=0.03)
