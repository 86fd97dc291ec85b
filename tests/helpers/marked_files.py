# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A function that worker processes can import, for tests of classes in files."""

import sys


def mark_and_path(estimators, number):
    """Return the mark of a class and the folders for imports."""
    return type(estimators[number]).mark, sys.path
