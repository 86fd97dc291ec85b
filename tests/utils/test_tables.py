# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What is shown is short, what is kept and written is whole."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable, hstack, vstack

from lensmap.utils import set_formats


def _table():
    table = QTable({"n": [1, 2], "ra": [10 / 3, 1e-9] * u.deg, "snr": np.array([2 / 3, np.nan]),
                    "mass": [1e14 / 3, 2e14] * u.solMass, "name": ["a", "b"]})
    return set_formats(table, {"ra dec": ".5f", "snr": ".2f"}, others=".3g")


def test_only_what_is_shown_changes():
    table = _table()
    assert table.pformat(show_unit=False)[2].split() == ["1", "3.33333", "0.67", "3.33e+13", "a"]
    assert table["ra"][0] == 10 / 3 * u.deg and table["ra"][1].value == 1e-9
    assert table["n"].info.format is None and table["name"].info.format is None


def test_formats_go_along():
    table = _table()
    other = QTable({"kappa": [0.1]})
    for part in (table[1:], table[["snr", "n"]], hstack([table[:1], other]), table.copy(),
                 vstack([table, table])):
        assert part["snr"].info.format == ".2f"


@pytest.mark.parametrize("name", ["table.ecsv", "table.fits"])
def test_files_have_all_digits(name, tmp_path):
    table = _table()
    table.write(tmp_path / name)
    found = QTable.read(tmp_path / name)
    for column in ("ra", "snr", "mass"):
        np.testing.assert_array_equal(found[column].value, table[column].value)
    if name.endswith("ecsv"):
        assert found.pformat() == table.pformat()


def test_columns_that_are_left_out_stay():
    table = set_formats(QTable({"a": [1 / 3], "b": [1 / 3]}), {"a": ".1f", "c": ".2f"})
    assert (table["a"].info.format, table["b"].info.format) == (".1f", None)
