# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The tree of warnings, and whose line a warning points to."""

import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from astropy.utils.exceptions import AstropyUserWarning

from lensmap import ShearCatalog
from lensmap.utils import (
    CatalogWarning,
    ConventionWarning,
    LensmapWarning,
    MapWarning,
    ParameterError,
    ParameterTypeError,
    warn_user,
    without_warnings,
)
from lensmap.utils._exceptions import InUseError, OtherSettingsError


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
        read = ShearCatalog.read if through_a_file else ShearCatalog
        read(path if through_a_file else table, None, "celestial", "shear")
    (found,) = [w for w in record if issubclass(w.category, CatalogWarning)]
    assert found.filename == __file__


def test_warning_as_a_record():
    with pytest.warns(CatalogWarning) as record:
        warn_user("3 rows are left out", CatalogWarning, "rows_left_out", "weight")
    assert record[0].message.to_record() == {
        "code": "rows_left_out", "parameter": "weight", "message": "3 rows are left out"
    }


def test_code_of_the_class():
    with pytest.warns(MapWarning) as record:
        warn_user("some words", MapWarning)
    assert record[0].message.to_record()["code"] == "map"


def test_parameter_error():
    error = ParameterError("z_lens", "above 0", "-1", "give the cluster's redshift")
    assert str(error) == "z_lens must be above 0, not -1: give the cluster's redshift"
    shown = error.describe(lambda name, value: f"--{name}")
    assert shown.startswith("--z_lens must be above 0, not -1: ")
    assert isinstance(error, ValueError) and not isinstance(error, TypeError)
    assert error.to_record() == {
        "code": "parameter", "parameter": "z_lens", "message": str(error)
    }


def test_placeholders_name_other_parameters():
    error = ParameterError(
        "columns", "above {z_lens}", "{z_lens}", "{by='snr'} or {columns={'ra': ...}} in {1, 2}"
    )
    assert str(error) == (
        "columns must be above z_lens, not {z_lens}: by='snr' or columns={'ra': ...} in {1, 2}"
    )
    assert error.describe(lambda name, value: f"<{name}|{value}>") == (
        "<columns|None> must be above <z_lens|None>, not {z_lens}: "
        "<by|'snr'> or <columns|{'ra': ...}> in {1, 2}"
    )


def test_in_use():
    error = pickle.loads(pickle.dumps(InUseError("'f' is in use ({take_over=True})")))
    assert isinstance(error, RuntimeError) and str(error) == "'f' is in use (take_over=True)"
    assert error.to_record() == {"code": "in_use", "parameter": None, "message": str(error)}
    assert error.describe(lambda name, value: f"--{name}") == "'f' is in use (--take_over)"
    assert isinstance(OtherSettingsError("x"), ValueError) and str(OtherSettingsError("x")) == "x"


def test_parameter_type_error_is_both():
    error = ParameterTypeError("wcs", "celestial axes", verb="have")
    assert str(error) == "wcs must have celestial axes"
    assert isinstance(error, TypeError) and isinstance(error, ParameterError)


def test_errors_travel_between_processes():
    error = pickle.loads(pickle.dumps(ParameterTypeError("a", "b", "c", "d", verb="have")))
    assert (type(error), str(error)) == (ParameterTypeError, "a must have b, not c: d")


def test_without_warnings_concerns_one_thread_and_its_categories():
    with ThreadPoolExecutor(1) as pool, without_warnings(MapWarning):
        warn_user("left out", MapWarning)
        with pytest.warns(CatalogWarning):
            warn_user("another category", CatalogWarning)
        with pytest.warns(MapWarning):
            pool.submit(warn_user, "another thread", MapWarning).result()
        with without_warnings(LensmapWarning):
            warn_user("left out", CatalogWarning)
    with pytest.warns(MapWarning):
        warn_user("after the block", MapWarning)
