# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of the data, parameters and frame that `fit_nfw` passes to the search."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.cosmology import FlatLambdaCDM
from astropy.table import QTable
from lenses import tangent_wcs

from lensmap import ConvergenceMap
from lensmap.profiles import _nfw_fit, fit_nfw

CENTER = SkyCoord(150, 2, unit="deg")
COSMOLOGY = FlatLambdaCDM(70, 0.3)  # without sigma8, which no fit of a fixed concentration needs
OPTIONS = {"z_lens": 0.3, "z_source": 1.0, "concentration": 4.0, "cosmology": COSMOLOGY}


@pytest.fixture(autouse=True)
def no_search(monkeypatch):
    """Return the data and the parameters in place of the fit."""
    monkeypatch.setattr(
        _nfw_fit, "best_fit", lambda data, parameters: {"data": data, "parameters": parameters}
    )
    monkeypatch.setattr(_nfw_fit, "NFWFit", lambda **values: values)


def test_a_profile():
    edges = [1, 2, 3] * u.arcmin
    profile = QTable({"radius_low": edges[:-1], "radius_high": edges[1:], "g_t": [0.2, 0.1],
                      "radius": [1.5, 2.5] * u.arcmin, "g_err": [0.02, 0.02]})
    fit = fit_nfw(profile, miscentering=(0.25, 0.2 * u.Mpc), **OPTIONS)
    assert fit["data"].unit == "bins" and fit["parameters"].names == ["ln_m200c"]
    assert fit["position"] is None and fit["_frame"] is None
    assert fit["miscentering"] == (0.25, 0.2 * u.Mpc)
    with pytest.raises(ValueError, match="'fixed' for a profile"):
        fit_nfw(profile, center="free", **OPTIONS)


@pytest.mark.parametrize(("center", "names"), [
    ("fixed", ["ln_m200c"]), ("free", ["ln_m200c", "east", "north"]),
])
def test_a_table_of_galaxies_and_a_map(center, names):
    angle = np.arange(200) * 7
    sky = CENTER.directional_offset_by(angle * u.deg, np.linspace(1, 8, 200) * u.arcmin)
    e = np.random.default_rng(1).normal(0, 0.2, (2, 200))
    galaxies = QTable({"ra": sky.ra, "dec": sky.dec, "e1": e[0], "e2": e[1]})
    galaxies.meta |= {"convention": "celestial", "kind": "shear"}
    shape = (24, 24)
    meta = {"parameters": {"smoothing": "1 arcmin"}}
    kappa = ConvergenceMap(np.zeros(shape), np.full(shape, 0.1), None,
                           tangent_wcs(CENTER, shape, 0.8), meta)
    for data, unit in ((galaxies, "galaxies"), (kappa, "pixels")):
        fit = fit_nfw(data, CENTER, center=center, **OPTIONS)
        assert fit["data"].unit == unit and fit["parameters"].names == names
        assert fit["_frame"].name == "icrs" and fit["position"].separation(CENTER)[0] < 1e-9 * u.deg
