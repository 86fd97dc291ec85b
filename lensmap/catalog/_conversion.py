# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Conversion of tables to shear catalogs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from astropy.table import Table

from lensmap.catalog._shear_catalog import ShearCatalog
from lensmap.catalog._tables import declared_meta
from lensmap.utils import ConventionWarning, ParameterTypeError, warn_user

if TYPE_CHECKING:
    from lensmap.typing import CatalogLike

__all__ = ["as_shear_catalog"]


def as_shear_catalog(catalog: CatalogLike) -> ShearCatalog:
    """Convert a table to a `ShearCatalog`; a `ShearCatalog` is returned unchanged.

    Parameters
    ----------
    catalog : ShearCatalog or `~astropy.table.Table`
        The catalog. The meta of a table should declare its ``convention`` (or ``CONVENTN``, as in
        FITS headers), ``kind``, ``frame`` and ``response``. The defaults are ``"celestial"``,
        ``"shear"``, ``"icrs"`` and None.

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
        If the meta of a table does not declare its convention or its kind.
    """
    if isinstance(catalog, ShearCatalog):
        return catalog
    if not isinstance(catalog, Table):
        raise ParameterTypeError(
            "catalog", "a ShearCatalog or an astropy table", type(catalog).__name__
        )
    meta = declared_meta(catalog)
    missing = [name for name in ("convention", "kind") if name not in meta]
    if missing:
        warn_user(
            f"the table's meta does not declare its {' and '.join(missing)}: "
            "convention='celestial' and kind='shear' are assumed for what is missing; "
            "ShearCatalog(table, convention=..., kind=...) declares them",
            ConventionWarning,
            "undeclared_convention",
            "convention",
        )
    return ShearCatalog(catalog)
