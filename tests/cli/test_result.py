# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Numbers of results in fixed units, as JSON can hold them."""

import json
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, QTable

from lensmap.cli._result import Result, numbers_of_table, value_in
from lensmap.utils import plain


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ra_deg", 30 * u.arcmin, 0.5),
        ("pixel_scale_arcmin", 24 * u.arcsec, 0.4),
        ("area_deg2", 3600 * u.arcmin**2, 1.0),
        ("density_per_deg2", 1 / u.arcmin**2, 3600.0),
        ("density_per_arcmin2", 3600 / u.deg**2, 1.0),
        ("r200c_mpc", 1500 * u.kpc, 1.5),
        ("m200c_msun", 2e14 * u.solMass, 2e14),
        ("delta_sigma_msun_per_mpc2", 1 * u.solMass / u.pc**2, 1e12),
        ("snr", 4.5 * u.one, 4.5),
        ("n", 7, 7),
    ],
)
def test_units_stand_in_the_name(name, value, expected):
    assert value_in(name, value) == pytest.approx(expected)


def test_a_quantity_needs_a_name_with_its_unit():
    with pytest.raises(u.UnitConversionError):
        value_in("offset", 1 * u.arcmin)


def test_rows():
    table = QTable({"ra": [10.0, 11.0] * u.deg, "snr": [5.0, np.nan], "id": [1, 2]})
    rows = numbers_of_table(table, {"id": "id", "ra": "ra_deg", "snr": "snr", "mass": "mass_msun"})
    assert plain(rows) == [
        {"id": 1, "ra_deg": 10.0, "snr": 5.0}, {"id": 2, "ra_deg": 11.0, "snr": None}
    ]


def test_json_has_no_nan():
    value = {
        "a": np.float32(0.5), "b": float("nan"), "c": -np.inf, "d": np.array([1.0, np.nan]),
        "e": (np.int64(3), np.bool_(True), None), "f": Path("k.fits"), "g": [{"h": np.nan}],
        "i": MaskedColumn([1.5, 2.5], mask=[True, False]),
    }
    converted = plain(value)
    assert converted == {
        "a": 0.5, "b": None, "c": None, "d": [1.0, None], "e": [3, True, None], "f": "k.fits",
        "g": [{"h": None}], "i": [None, 2.5],
    }
    assert json.loads(json.dumps(converted, allow_nan=False)) == converted


def test_text():
    assert str(Result()) == "" and str(Result("a")) == "a"
    assert str(Result("a", outputs=("b", Path("c")))) == "a\nwritten: b, c"
    assert str(Result(outputs=("b",))) == "written: b"
