# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Catalogs of tables and files that declare nothing themselves."""

from lensmap import ShearCatalog

__all__ = ["read_shear_catalog", "shear_catalog"]


def shear_catalog(table, columns=None, convention="celestial", kind="shear", **more):
    """Return a catalog of celestial shears, unless another convention or kind is given."""
    return ShearCatalog(table, columns, convention, kind, **more)


def read_shear_catalog(path, /, columns=None, convention="celestial", kind="shear", **more):
    """Read a catalog of celestial shears, unless another convention or kind is given."""
    return ShearCatalog.read(path, columns, convention, kind, **more)
