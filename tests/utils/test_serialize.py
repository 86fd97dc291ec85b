# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Stored settings: the same numbers whatever the unit in which they were given."""

import json

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.cosmology import Planck18
from hypothesis import given
from hypothesis import strategies as st

from lensmap import KaiserSquires
from lensmap.cosmology import SourceRedshifts
from lensmap.halos import NFWHalo
from lensmap.simulate import ClusterField
from lensmap.utils._serialize import to_plain


@given(st.floats(1e-6, 1e6))
def test_units_do_not_matter(number):
    angle = number * u.arcmin
    same = [angle.to(unit) for unit in (u.arcmin, u.arcsec, u.deg, u.rad)]
    assert len({json.dumps(to_plain({"pixel_scale": a})) for a in same}) == 1


@pytest.mark.parametrize(
    ("name", "value", "plain"),
    [
        ("pixel_scale", 24 * u.arcsec, {"pixel_scale_arcmin": 0.4}),
        ("radius", 500 * u.kpc, {"radius_mpc": 0.5}),
        ("density", 3600 / u.deg**2, {"density_per_arcmin2": 1.0}),
        ("mass", [1e14, 2e14] * u.solMass, {"mass_msun": [1e14, 2e14]}),
        ("ratio", 50 * u.percent, {"ratio": 0.5}),
        ("offset", 0 * u.arcsec, {"offset_arcmin": 0.0}),
        ("none", None, {"none": None}),
        ("shape", (np.int64(3), 4), {"shape": [3, 4]}),
        ("array", np.array([[1.5, 2], [3, 4]]), {"array": [[1.5, 2.0], [3.0, 4.0]]}),
        ("inner", {"a": np.float32(0.5)}, {"inner": {"a": 0.5}}),
    ],
)
def test_value(name, value, plain):
    assert to_plain({name: value}) == plain
    json.dumps(to_plain({name: value}), allow_nan=False)


def test_estimator():
    plain = to_plain(KaiserSquires(smoothing=90 * u.arcsec))
    assert plain["class"] == "KaiserSquires"
    assert plain["smoothing_arcmin"] == 1.5


def test_cosmology():
    plain = to_plain(Planck18)
    assert plain["name"] == "Planck18"
    assert float(plain["Om0"]) == Planck18.Om0
    assert plain["sigma8"] == Planck18.meta["sigma8"]
    assert plain != to_plain(Planck18.clone(Om0=0.3))
    assert plain != to_plain(Planck18.clone(meta={**Planck18.meta, "sigma8": 0.9}))


def test_no_fixed_unit():
    with pytest.raises(TypeError, match="settings of a run must be an angle, .*, not in K"):
        to_plain({"temperature": 2.7 * u.K})


def test_unknown_object():
    with pytest.raises(TypeError, match="or object with get_params, not"):
        to_plain({"a": object()})


def _a_function():
    pass


def test_positions_and_functions():
    plain = to_plain({"center": SkyCoord("10h00m00s +02d30m00s", frame="fk5")})["center"]
    assert plain == pytest.approx({"ra_deg": 150, "dec_deg": 2.5}, abs=1e-5)
    assert to_plain(_a_function).endswith("test_serialize._a_function")
    with pytest.raises(TypeError, match="lensmap can store and compare"):
        to_plain(lambda: None)


def test_parts_of_a_simulation():
    halo = NFWHalo(2e14 * u.solMass, 4.0, 0.3)
    plain = to_plain(ClusterField([halo], z_source=SourceRedshifts.preset("lsst_y1")))
    assert plain["clusters"][0] == {
        "class": "NFWHalo", **plain["clusters"][0], "m200c_msun": 2e14, "c200c": 4.0, "z_lens": 0.3,
    }
    assert plain["z_source"]["class"] == "SourceRedshifts"
    assert plain["z_source"]["name"] == "lsst_y1" and len(plain["z_source"]["z"]) == 500
    json.dumps(plain, allow_nan=False)
