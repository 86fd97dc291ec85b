# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Errors name the options of the command, not parameters of Python."""

import pytest

from lensmap.cli._messages import OptionError, OptionNames, error_record
from lensmap.utils import ParameterError, RunError

NAMES = OptionNames({
    "z_lens": "--z-lens", "by": "--by", "m200c": "--mass", "columns": "--columns",
    "overwrite": "--overwrite", "n_bins": "--bins",
})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("z_lens", None, "--z-lens"),
        ("m200c", None, "--mass"),
        ("by", "'kappa'", "--by kappa"),
        ("n_bins", "3", "--bins 3"),
        ("overwrite", "True", "--overwrite"),
        ("columns", "{'ra': ..., 'e1': 'g1'}", "--columns ra=...,e1=g1"),
        # What is no option of the command stays.
        ("errors", "'shape noise'", "errors='shape noise'"),
        ("z_source", None, "z_source"),
    ],
)
def test_parameters_become_options(name, value, expected):
    assert NAMES(name, value) == expected


def test_error_about_a_parameter():
    error = ParameterError(
        "z_lens", "below {z_source}", "2", "or set {by='kappa'}, {overwrite=True}"
    )
    assert error_record(error, NAMES) == {
        "code": "parameter",
        "parameter": "z_lens",
        "message": "--z-lens must be below z_source, not 2: or set --by kappa, --overwrite",
    }


def test_a_folder_in_use():
    names = OptionNames({"take_over": "--take-over"})
    assert error_record(RunError("'f' is in use: take it ({take_over=True})"), names) == {
        "code": "run", "parameter": None, "message": "'f' is in use: take it (--take-over)"
    }


def test_names_of_files_are_no_options():
    error = ParameterError("m200c", "positive", "'z_lens' in overwrite=True")
    assert error_record(error, NAMES)["message"].endswith("not 'z_lens' in overwrite=True")


def test_other_errors():
    assert error_record(OptionError("by", "--by is wrong", "wrong"), NAMES) == {
        "code": "wrong", "parameter": "by", "message": "--by is wrong"
    }
    assert error_record(FileNotFoundError("no\n  file"), NAMES) == {
        "code": "file_not_found", "parameter": None, "message": "no file"
    }
    assert error_record(MemoryError(), NAMES)["message"] == "MemoryError"
