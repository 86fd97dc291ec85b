# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Errors speak of the options that there are, not of Python."""

import pytest

from lensmap.cli._messages import with_options


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("find peaks by='kappa'", "find peaks --by kappa"),
        ("lengths: they need z_lens, which is None", "lengths: they need --z-lens"),
        ("z_lens must be positive, not -1", "--z-lens must be positive, not -1"),
        ("name them with columns={'ra': ...}; or not", "name them with --columns ra=...; or not"),
        ("name them with columns={'ra': ..., 'e1': ...}", "name them with --columns ra=...,e1=..."),
        ("columns='a', columns='b' or a dict", "--columns a, --columns b or a dict"),
        ("'k.fits' exists; overwrite=True replaces it", "'k.fits' exists; --overwrite replaces it"),
        ("take it over (take_over=True) if", "take it over (--take-over) if"),
        ("m200c must rise, in one unit", "--mass must rise, in one unit"),
        # What is no option stays, and so do names of columns and files.
        ("errors='shape noise' or n_bins=3", "errors='shape noise' or n_bins=3"),
        ("there is no file 'z_lens'", "there is no file 'z_lens'"),
        ("the column z_lens_err", "the column z_lens_err"),
    ],
)
def test_parameters_become_options(text, expected):
    options = {"by": "--by", "z_lens": "--z-lens", "columns": "--columns", "m200c": "--mass"}
    assert with_options(text, options) == expected
