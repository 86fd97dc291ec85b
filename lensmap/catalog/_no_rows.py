# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Errors about tables of which no row can be used."""

from lensmap.utils import ParameterError

__all__ = ["NoRowsError", "NoSelectedRowsError"]


class NoRowsError(ValueError):
    """An error about a table without a usable row."""


class NoSelectedRowsError(ParameterError, NoRowsError):
    """An error about a condition that no row of a table fulfills."""
