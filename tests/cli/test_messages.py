# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Errors name the options of the command, not parameters of Python."""

from pathlib import Path

import pytest
from astropy.table import Table
from python_forms import python_forms, settings_in_errors

import lensmap
from lensmap.cli import main
from lensmap.cli._messages import OptionError, OptionNames, error_record
from lensmap.utils import ParameterError, RunError

NAMES = OptionNames({
    "z_lens": "--z-lens", "by": "--by", "m200c": "--mass", "columns": "--columns",
    "overwrite": "--overwrite", "n_bins": "--bins", "errors='bootstrap'": "--bootstrap",
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
        # A setting may have words of its own.
        ("errors", "'bootstrap'", "--bootstrap"),
        ("errors", "None", "errors=None"),
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


def test_what_has_the_form_of_python():
    assert python_forms("set by='kappa' or n_random=200") == ["by='", "n_random=2", "n_random"]
    assert python_forms("z_lens must be lower than --z-source") == ["z_lens"]
    for text in ("--columns ra=RA,m=none", "--method 'ks(padding=3)'", "the column 'z_lens' of",
                 "--units ra=rad", "the file a/z_lens.fits", "delta_sigma is corrected"):
        assert python_forms(text) == []


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


# Modules whose messages are about objects that only Python has, with what these messages name.
_PYTHON_ONLY = {
    "cosmology/_parameters.py": "meta={",  # of a cosmology that the user makes
    "estimators/_binning.py": "uncertainty=0",  # of a ShearGrid
    "grid/_shear_grid.py": "keep_galaxies=True",  # of a ShearGrid
    "grid/_sums.py": "extra_sums=(",  # of a ShearGrid
    "maps/_healpix_map.py": "uncertainty='rotations'",  # of HealpixMap.snr
    "masks/_healpix.py": "frame='",  # of a HEALPix object
    "networks/models/_large_kernel.py": "padding='",  # of a Keras layer
    "networks/models/_overlap_save.py": "padding='",  # of a Keras layer
    "networks/_network.py": "inputs=0",  # of an Architecture
    "simulate/clusters/_field.py": "cluster=0",  # of a Filament
    "survey/products/_blocks.py": "frame='icrs'",  # of HealpixPixels
    "utils/_plain_hdf5.py": "expand_external=True",  # of h5py
    "validation/_setup.py": "z_source=0",  # of a sky
}


def test_settings_in_messages_are_placeholders():
    """The command line turns placeholders such as {by='kappa'} into options."""
    package = Path(lensmap.__file__).parent
    found = {
        path.relative_to(package).as_posix(): settings
        for path in sorted(package.rglob("*.py"))
        if (settings := settings_in_errors(path.read_text(encoding="utf-8")))
    }
    assert found.keys() <= _PYTHON_ONLY.keys(), found


EVIL = "\x1b]0;title\x07\x1b[31m\r"


@pytest.mark.parametrize(
    "words",
    [
        ["check", "{file}", "--columns", "e1={name}"],
        ["check", "{file}", "--where", "`{name}` > 0"],
        ["check", "{file}"],
        ["check", "{file}", "--no{name}"],
        ["check", "no such {name}.csv"],
        ["check", "{file}", "--convention", "{name}"],
        ["reconstruct", "{file}", "-o", "x.fits", "--method", "{name}"],
        ["reconstruct", "{file}", "-o", "x{name}.txt"],
        ["profile", "{file}", "-o", "x.ecsv", "--at", "{name}"],
        ["peaks", "{file}", "-o", "x{name}.csv"],
        ["{name}"],
    ],
)
def test_control_characters_never_reach_the_terminal(tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    name = f"e1{EVIL}"
    Table({"ra": [1.0, 2.0], "dec": [0.0, 1.0], name: [0.1, 0.2], "e2": [0.1, 0.3]}).write(
        f"cat{EVIL}.csv", format="ascii.csv"
    )
    try:
        main([word.format(file=f"cat{EVIL}.csv", name=name) for word in words])
    except SystemExit:
        pass
    text = "".join(capsys.readouterr())
    assert text and text.replace("\n", "").isprintable()


@pytest.mark.parametrize("name", ["k.fits", b"k.fits", "k" * 5000])
def test_errors_of_the_system(name):
    message = error_record(OSError(36, "File name too long", name), NAMES)["message"]
    assert message.startswith("cannot use the file 'k")
    assert message.endswith("': File name too long")
    assert len(message) < 200
    assert error_record(OSError(5, "Input/output error"), NAMES)["message"] == (
        "[Errno 5] Input/output error"
    )
