# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What is in a catalog, in a dozen numbers."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u

from lensmap.catalog import Calibration, as_shear_catalog

__all__ = ["summarize_catalog", "CatalogSummary"]

# A cell of the area count should hold about this many galaxies: fewer leave gaps, more a wide rim.
_PER_CELL = 10


@dataclass(frozen=True)
class CatalogSummary:
    """A summary of a catalog; ``print`` shows it.

    Attributes
    ----------
    n_galaxies : int
        The number of galaxies that can be used.
    n_left_out : dict
        From the cause to the number of rows left out.
    area : `~astropy.units.Quantity`
        About the area that the galaxies cover, in square degrees.
    density : `~astropy.units.Quantity`
        Galaxies per square arcminute.
    effective_density : `~astropy.units.Quantity`
        The same, weighted: (sum w)^2 / sum w^2 per square arcminute.
    scatter : float
        The weighted scatter of the ellipticities per component, all noise included.
    n_above_one : int
        Galaxies with a modulus of the ellipticity above 1.
    n_zero_weight : int
        Galaxies with a weight of 0.
    n_duplicates : int
        Galaxies at the same position as another one before them.
    mean_e1, mean_e2 : float
        The weighted mean ellipticity (celestial).
    columns : tuple of str
        lensmap's names of the columns that are there.
    convention, kind, preset : str
        As declared and found.
    m, response : float
        The mean multiplicative bias, and the mean response of one component.
    """

    n_galaxies: int
    n_left_out: dict
    area: u.Quantity
    density: u.Quantity
    effective_density: u.Quantity
    scatter: float
    n_above_one: int
    n_zero_weight: int
    n_duplicates: int
    mean_e1: float
    mean_e2: float
    columns: tuple
    convention: str
    kind: str
    preset: str | None
    m: float
    response: float

    def __str__(self):
        left_out = ", ".join(f"{n} {cause}" for cause, n in self.n_left_out.items()) or "none"
        rows = [
            ("galaxies", f"{self.n_galaxies} (left out: {left_out})"),
            ("columns", f"{', '.join(self.columns)} (preset: {self.preset or 'none'})"),
            ("declared", f"convention {self.convention!r}, kind {self.kind!r}"),
            ("area", f"about {self.area:.3g}"),
            (
                "density",
                f"{self.density:.3g}, effectively {self.effective_density:.3g}",
            ),
            ("scatter of e", f"{self.scatter:.3f} per component"),
            ("mean e1, e2", f"{self.mean_e1:+.5f}, {self.mean_e2:+.5f}"),
            ("mean m, response", f"{self.m:+.4f}, {self.response:.4f}"),
            ("|e| above 1", f"{self.n_above_one} ({self.n_above_one / self.n_galaxies:.2%})"),
            ("zero weights", str(self.n_zero_weight)),
            ("same position", str(self.n_duplicates)),
        ]
        return "\n".join(f"{name + ':':18s}{text}" for name, text in rows)


def summarize_catalog(catalog):
    """Summarize a catalog.

    Parameters
    ----------
    catalog : ShearCatalog or `~astropy.table.Table`
        The galaxies.

    Returns
    -------
    CatalogSummary
        Its numbers.
    """
    catalog = as_shear_catalog(catalog)
    w = np.ones(len(catalog)) if catalog.weight is None else catalog.weight.astype(float)
    calibration = Calibration.from_catalog(catalog)
    area = _covered_area(catalog.ra, catalog.dec)
    modulus = np.hypot(catalog.e1, catalog.e2)
    total = w.sum()
    safe = total if total > 0 else 1.0
    effective = total**2 / np.sum(w**2) if total > 0 else 0.0
    return CatalogSummary(
        n_galaxies=len(catalog),
        n_left_out=dict(catalog.n_left_out),
        area=area.to(u.deg**2),
        density=(len(catalog) / area).to(u.arcmin**-2),
        effective_density=(effective / area).to(u.arcmin**-2),
        scatter=float(np.sqrt(calibration.sum_we2 / safe)),
        n_above_one=int(np.count_nonzero(modulus > 1)),
        n_zero_weight=int(np.count_nonzero(w == 0)),
        n_duplicates=len(catalog) - len(np.unique(catalog.ra + 1j * catalog.dec)),
        mean_e1=float(np.sum(w * catalog.e1) / safe),
        mean_e2=float(np.sum(w * catalog.e2) / safe),
        columns=tuple(catalog.table.colnames),
        convention=catalog.convention,
        kind=catalog.kind,
        preset=catalog.preset,
        m=calibration.m if total > 0 else 0.0,
        response=float(np.trace(calibration.matrix) / 2) if total > 0 else 1.0,
    )


def _covered_area(ra, dec):
    """Count the cells that hold galaxies, with cells as fine as the galaxies allow.

    Cells are cut from rings of declination, each into as many parts as make them nearly square,
    so that they have one area everywhere, the poles included.
    """
    lon, lat = np.radians(np.remainder(ra, 360.0)), np.radians(dec)
    for size in np.radians(2.0 ** np.arange(-6, 5)):  # 1 arcmin to 16 deg
        rows = np.floor((lat + np.pi / 2) / size).astype(np.int64)
        south = np.arange(rows.max() + 1) * size - np.pi / 2
        ring = 2 * np.pi * (np.sin(np.minimum(south + size, np.pi / 2)) - np.sin(south))
        parts = np.maximum(1, np.rint(ring / size**2)).astype(np.int64)
        columns = np.floor(lon / (2 * np.pi) * parts[rows]).astype(np.int64)
        first = np.cumsum(parts) - parts
        cells = np.unique(first[rows] + columns)
        if len(ra) >= min(_PER_CELL, len(ra) ** 0.5) * len(cells):
            break
    of_ring = np.searchsorted(first, cells, side="right") - 1
    return float(np.sum(ring[of_ring] / parts[of_ring])) * u.sr
