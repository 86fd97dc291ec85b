# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The tree of warnings, and whose line a warning points to."""

import warnings

import pytest
from astropy.utils.exceptions import AstropyUserWarning

from lensmap import ShearCatalog
from lensmap.utils import CatalogWarning, ConventionWarning, LensmapWarning, MapWarning, warn_user


def test_tree():
    assert issubclass(LensmapWarning, AstropyUserWarning)
    assert issubclass(CatalogWarning, LensmapWarning) and issubclass(MapWarning, LensmapWarning)
    assert issubclass(ConventionWarning, CatalogWarning)
    assert not issubclass(MapWarning, CatalogWarning)


def test_direct_call_points_here():
    with pytest.warns(MapWarning, match="^some words$") as record:
        warn_user("some words", MapWarning)
    assert record[0].filename == __file__


@pytest.mark.parametrize("through_a_file", [False, True])
def test_points_to_the_line_that_called_lensmap(through_a_file, tmp_path):
    path = tmp_path / "shear.csv"
    path.write_text("ra,dec,e1,e2\n1,2,nan,0\n1,2,0,0\n")
    table = {"ra": [1, 1], "dec": [2, 2], "e1": [float("nan"), 0], "e2": [0, 0]}
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        ShearCatalog.read(path) if through_a_file else ShearCatalog(table)
    (found,) = [w for w in record if issubclass(w.category, CatalogWarning)]
    assert found.filename == __file__
