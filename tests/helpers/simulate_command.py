# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap simulate`` in a few words, and what may be asked about its files."""

import os

import numpy as np

from lensmap.cli import main
from lensmap.simulate import LensingField

# Fields that take a second.
SMALL = ["--shape", "32", "32", "--pixel-scale", "3arcmin", "--z-source", "0.6"]


def simulate(*words):
    """Run it, and return the exit code."""
    return main(["simulate", *map(str, words)])


def names(path="."):
    """Return the names of the files in a folder."""
    return sorted(os.listdir(path))


def same(path, other):
    """Say whether two files hold the same field."""
    one, two = LensingField.read(path), LensingField.read(other)
    return (
        np.array_equal(one.kappa.data, two.kappa.data)
        and np.array_equal(one.gamma, two.gamma)
        and np.array_equal(one.halos["m200c"], two.halos["m200c"])
        and one.z_source == two.z_source
    )


def only_error(capsys):
    """Return what was said, which must be one line."""
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("lensmap: error: ") and err.count("\n") == 1
    return err
