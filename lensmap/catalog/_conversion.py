# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What else may stand for a shear catalog."""

from astropy.table import Table

from lensmap.catalog._shear_catalog import ShearCatalog
from lensmap.catalog._tables import declared_meta
from lensmap.utils import ConventionWarning, warn_user

__all__ = ["as_shear_catalog"]


def as_shear_catalog(catalog):
    """Return a `ShearCatalog` of a catalog or of a table with lensmap's column names.

    Parameters
    ----------
    catalog : ShearCatalog or `~astropy.table.Table`
        A table says its ``convention`` (or ``CONVENTN``, as in FITS headers), ``kind``, ``frame``
        and ``response`` in its meta; what it does not say is celestial, shear, icrs, None.

    Returns
    -------
    ShearCatalog
        ``catalog`` itself if it is one.

    Raises
    ------
    TypeError
        If it is neither.

    Warns
    -----
    ConventionWarning
        If a table does not say its convention and kind.
    """
    if isinstance(catalog, ShearCatalog):
        return catalog
    if not isinstance(catalog, Table):
        raise TypeError(
            f"catalog must be a ShearCatalog or an astropy table, not {type(catalog).__name__}"
        )
    meta = declared_meta(catalog)
    missing = [name for name in ("convention", "kind") if name not in meta]
    if missing:
        warn_user(
            f"the table's meta does not say its {' and '.join(missing)}: convention='celestial' "
            "and kind='shear' are assumed for what is missing; ShearCatalog(table, convention=...,"
            " kind=...) declares them",
            ConventionWarning,
            "undeclared_convention",
            "convention",
        )
    return ShearCatalog(catalog)
