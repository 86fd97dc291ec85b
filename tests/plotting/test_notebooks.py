# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A map, a catalog and a fit show themselves in a notebook."""

import base64
import io
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from lensmap import ConvergenceMap, NFWHalo, ShearCatalog, fit_nfw, shear_profile
from lensmap.grid import tangent_wcs

WCS = tangent_wcs(SkyCoord(0, 2, unit="deg"), (30, 40), "1 arcmin")


class _Texts(HTMLParser):
    """The texts of a page, and what could run."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.tags = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attributes)

    def handle_data(self, data):
        self.texts.append(data)


def _rows(page):
    """Return the rows of the table, keyed by name."""
    parsed = _Texts(page)
    assert not {"script", "iframe"} & set(parsed.tags)
    title, *cells = parsed.texts
    return title, dict(zip(cells[::2], cells[1::2], strict=True))


def _catalog():
    rng = np.random.default_rng(1)
    center, halo = SkyCoord(0, 2, unit="deg"), NFWHalo(1e15 * u.solMass, 4, 0.3)
    sky = center.directional_offset_by(
        rng.uniform(0, 360, 3000) * u.deg, np.sqrt(rng.uniform(1, 200, 3000)) * u.arcmin
    )
    angle = np.pi / 2 - sky.position_angle(center).rad
    e = -halo.reduced_shear(sky.separation(center), 1.0) * np.exp(2j * angle)
    e += 0.1 * (rng.standard_normal((3000, 2)) @ [1, 1j])
    e[:3] = np.nan
    table = Table({"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": e.real, "e2": e.imag})
    with pytest.warns(UserWarning, match="rows are left out"):
        return ShearCatalog(table, convention="celestial", kind="shear")


def test_a_map():
    from PIL import Image

    values = np.random.default_rng(0).normal(0, 0.01, (30, 40))
    kappa = ConvergenceMap(values, np.full((30, 40), 0.02), wcs=WCS, mask=values > 0.02,
                           meta={"estimator": "<script>alert(1)</script>", "n_galaxies": 7})
    page = kappa._repr_html_()
    title, rows = _rows(page)
    assert title == "ConvergenceMap" and rows["method"] == "<script>alert(1)</script>"
    assert rows["pixels"] == "30 x 40 (ny x nx) of 1 arcmin" and rows["galaxies"] == "7"
    assert rows["field"].startswith("0.667 x 0.5 deg about RA 0.0000, Dec +2.0000")
    assert rows["kappa"].startswith(f"{np.nanmin(kappa.data):.3g} to {np.nanmax(kappa.data):.3g}")
    assert rows["uncertainty"] == "0.02 (median)" and "B-mode" not in rows
    picture = base64.b64decode(re.search("base64,([^\"]*)", page)[1])
    with Image.open(io.BytesIO(picture)) as image:
        assert 300 <= max(image.size) <= 340 and len(picture) < 50_000


def test_a_map_without_a_picture(monkeypatch):
    kappa = ConvergenceMap(np.zeros((30, 40)), wcs=WCS)
    masked = kappa.replace(mask=np.ones((30, 40), dtype=bool))
    assert "img" not in _Texts(masked._repr_html_()).tags
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    assert "img" not in _Texts(kappa._repr_html_()).tags


def test_a_catalog_across_ra_0():
    title, rows = _rows(_catalog()._repr_html_())
    assert title == "ShearCatalog" and rows["galaxies"] == "2997"
    assert rows["rows left out"].startswith("3 ") and rows["kind"] == "shear (argument)"
    first, last = map(float, re.findall(r"[\d.]+", rows["RA"]))
    assert 359.7 < first < 359.8 and 0.2 < last < 0.3


def test_fits():
    catalog, center = _catalog(), SkyCoord(0, 2, unit="deg")
    profile = shear_profile(catalog, center, [1, 2, 4, 8, 14] * u.arcmin, z_lens=0.3, z_source=1.0)
    fit = fit_nfw(profile, z_lens=0.3, concentration=4.0)
    title, rows = _rows(fit._repr_html_())
    assert title == "NFWFit" and rows["converged"] == "yes" and rows["c200c"] == "4.00"
    assert rows["M200c"].startswith(f"{fit.m200c.value / 1e14:.3g} (")
    assert rows["chi^2"].endswith("for 3 degrees of freedom")
    with pytest.warns(UserWarning, match="did not converge"):  # nothing is at the other position
        two = fit_nfw(catalog, SkyCoord([0, 0.1], [2, 2.1], unit="deg"), z_lens=[0.3, 0.3],
                      z_source=1.0, concentration=4.0)
    rows = _rows(two._repr_html_())[1]
    assert {"M200c 0", "M200c 1", "redshift 1"} <= rows.keys()
    assert rows["converged"].startswith("no: ")
