# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The record of a field in a file."""

import numpy as np
from astropy import units as u
from hypothesis import given
from hypothesis import strategies as st

from lensmap.validation._records import RecordFolder
from lensmap.validation.measures._record import numbers_of, pack, scalar_record, unpack

NAMES = st.text(min_size=1, max_size=8)


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, st.dictionaries(
    NAMES, st.integers(0, 9), min_size=1, max_size=2), min_size=1, max_size=2), max_size=2))
def test_any_name_survives(record):
    packed = pack(record)
    assert all("/" not in name for estimators in packed.values() for name in estimators)
    assert unpack(packed) == record


def test_a_record_is_read_as_it_was_saved(tmp_path):
    folder = RecordFolder(tmp_path, {"seed": 1, "lensmap": "1"})
    record = {"scores": {"ks:tuned": {"a": np.arange(3)}, "x/y.h5": {"a": np.float32(0.1)}}}
    folder.save("fields", 3, pack(record))
    [again] = map(unpack, folder.load("fields"))
    np.testing.assert_array_equal(again["scores"]["ks:tuned"]["a"], [0, 1, 2])
    assert again["scores"]["x/y.h5"]["a"] == np.float32(0.1)


def test_scalars_keep_their_kind():
    array = scalar_record({"n": 3, "r": 0.1, "density": 2.5 / u.deg**2, "none": np.nan})
    numbers = numbers_of(array)
    assert numbers["n"] == 3 and isinstance(numbers["n"], int)
    assert numbers["r"] == 0.1 and numbers["density"] == 2.5 and np.isnan(numbers["none"])
