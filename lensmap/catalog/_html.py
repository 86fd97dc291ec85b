# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""HTML representation of a catalog in notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lensmap.utils import summary_html

if TYPE_CHECKING:
    from lensmap.catalog._shear_catalog import ShearCatalog

__all__ = ["html_of_catalog"]


def html_of_catalog(catalog: ShearCatalog) -> str:
    """Return a table of the most important numbers of a catalog.

    Parameters
    ----------
    catalog : `~lensmap.ShearCatalog`
        The catalog.

    Returns
    -------
    str
        The HTML.
    """
    left_out = ", ".join(f"{n} {cause}" for cause, n in catalog.n_left_out.items())
    rows = [
        ("galaxies", len(catalog)),
        ("rows left out", left_out or "none"),
        ("rows not selected", f"{catalog.n_not_selected} by {catalog.where}"
         if catalog.where else None),
        ("columns", ", ".join([*catalog._arrays, *catalog._extras])),
        ("preset", catalog.preset),
        ("survey", catalog.survey),
        *((name, f"{getattr(catalog, name)} ({origin})")
          for name, origin in catalog.origins.items() if getattr(catalog, name) is not None),
        *_ranges(catalog),
    ]
    return summary_html("ShearCatalog", rows)


def _ranges(catalog):
    """Return the rows of the positions and of the scatter of the ellipticities."""
    if len(catalog) == 0:
        return []
    sky = catalog.skycoord.icrs
    # The smallest arc in right ascension, also where it crosses 0.
    ra = np.sort(sky.ra.deg)
    gaps = np.append(np.diff(ra), ra[0] + 360 - ra[-1])
    first = (np.argmax(gaps) + 1) % len(ra)
    scatter = np.sqrt((np.var(catalog.e1) + np.var(catalog.e2)) / 2)
    return [
        ("RA", f"{ra[first]:.4f} to {ra[first - 1]:.4f} deg"),
        ("Dec", f"{sky.dec.deg.min():+.4f} to {sky.dec.deg.max():+.4f} deg"),
        ("scatter of e1, e2", f"{scatter:.3f} per component"),
    ]
