# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Conversion of tables to shear catalogs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from astropy.table import Table

from lensmap.catalog._shear_catalog import ShearCatalog
from lensmap.utils import ParameterTypeError

if TYPE_CHECKING:
    from lensmap.typing import CatalogLike

__all__ = ["as_shear_catalog"]


def as_shear_catalog(catalog: CatalogLike) -> ShearCatalog:
    """Convert a table to a `ShearCatalog`; a `ShearCatalog` is returned unchanged.

    Parameters
    ----------
    catalog : ShearCatalog or `~astropy.table.Table`
        The catalog. The meta of a table should declare its ``convention`` (or ``CONVENTN``, as in
        FITS headers), ``kind``, ``frame`` and ``response``, unless its columns are those of a
        survey that `lensmap.catalog.COLUMN_PRESETS` knows.

    Returns
    -------
    ShearCatalog
        The converted table, or ``catalog`` itself if it is a `ShearCatalog`.

    Raises
    ------
    TypeError
        If ``catalog`` is neither a `ShearCatalog` nor a table.

    Warns
    -----
    ConventionWarning
        As for `ShearCatalog`: if the convention or the kind of a table is not known.
    """
    if isinstance(catalog, ShearCatalog):
        return catalog
    if not isinstance(catalog, Table):
        raise ParameterTypeError(
            "catalog", "a ShearCatalog or an astropy table", type(catalog).__name__
        )
    return ShearCatalog(catalog)
