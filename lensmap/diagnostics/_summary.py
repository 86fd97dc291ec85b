# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A summary of a catalog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u

from lensmap.catalog import Calibration, as_shear_catalog
from lensmap.diagnostics._kind import kind_hint
from lensmap.diagnostics._origins import origin_text

if TYPE_CHECKING:
    from lensmap.typing import CatalogLike

__all__ = ["summarize_catalog", "CatalogSummary"]

# With fewer galaxies per cell, empty cells would leave gaps in the covered area. Larger cells would
# extend the area beyond the edge of the catalog.
_GALAXIES_PER_CELL = 10


@dataclass(frozen=True)
class CatalogSummary:
    """The summary of a catalog; ``print`` shows it.

    Attributes
    ----------
    n_galaxies : int
        The number of usable galaxies.
    n_left_out : dict
        The number of rows left out of the catalog, for each cause.
    area : `~astropy.units.Quantity`
        The approximate area that the galaxies cover, in square degrees.
    density : `~astropy.units.Quantity`
        The number of galaxies per square arcminute.
    effective_density : `~astropy.units.Quantity`
        The effective number of galaxies, (sum w)^2 / sum w^2, per square arcminute.
    scatter : float
        The weighted scatter of the ellipticities per component. It includes the intrinsic
        dispersion and the measurement errors.
    n_above_one : int
        The number of galaxies whose ellipticity has a modulus above 1.
    n_zero_weight : int
        The number of galaxies with a weight of 0.
    n_duplicates : int
        The number of galaxies at the same position as an earlier galaxy of the catalog.
    mean_e1, mean_e2 : float
        The weighted mean ellipticity, in the celestial convention.
    columns : tuple of str
        The columns of the catalog, with lensmap's names.
    convention, kind : str
        The sign convention of e1 and e2, and the kind of ellipticity: ``"shear"`` or
        ``"distortion"``.
    origins : dict
        The origins of convention, kind, frame and response, keyed by these names:
        ``"argument"``, ``"file"``, ``"survey"``, ``"measured"`` or ``"default"``.
    preset, survey : str or None
        The preset of column names with which the catalog was read, None if no preset was used;
        and the survey whose columns the catalog has, None if it is not known.
    preset_sha256 : str or None
        The SHA-256 digest of the preset file of the user; None if the preset is no file.
    documented : dict
        The convention and the kind that the survey documents, and its reference, keyed by name.
        Empty if the survey is not known.
    kind_hint : str or None
        The reason to doubt the kind: an intrinsic dispersion that is typical of the other kind. The
        kind cannot be tested on the galaxies, so None does not confirm it.
    m, response : float
        The mean multiplicative shear bias, and the mean shear response per component.
    response_error : float or None
        The standard error of the response. None if the response was not measured from sheared
        versions of the galaxies.
    """

    n_galaxies: int
    n_left_out: dict[str, int]
    area: u.Quantity
    density: u.Quantity
    effective_density: u.Quantity
    scatter: float
    n_above_one: int
    n_zero_weight: int
    n_duplicates: int
    mean_e1: float
    mean_e2: float
    columns: tuple[str, ...]
    convention: str
    kind: str
    origins: dict[str, str]
    preset: str | None
    preset_sha256: str | None
    survey: str | None
    documented: dict[str, str]
    kind_hint: str | None
    m: float
    response: float
    response_error: float | None = None

    def __str__(self) -> str:
        error = "" if self.response_error is None else f" +- {self.response_error:.4f}"
        left_out = ", ".join(f"{n} {cause}" for cause, n in self.n_left_out.items()) or "none"
        rows = [
            ("galaxies", f"{self.n_galaxies} (left out: {left_out})"),
            ("columns", f"{', '.join(self.columns)} (preset: {self._preset()})"),
            *((name, self._with_origin(name)) for name in ("convention", "kind")),
            ("area", f"about {self.area:.3g}"),
            (
                "density",
                f"{self.density:.3g}, effectively {self.effective_density:.3g}",
            ),
            ("scatter of e", f"{self.scatter:.3f} per component"),
            ("mean e1, e2", f"{self.mean_e1:+.5f}, {self.mean_e2:+.5f}"),
            ("mean m, response", f"{self.m:+.4f}, {self.response:.4f}{error}"),
            ("|e| above 1", f"{self.n_above_one} ({self.n_above_one / self.n_galaxies:.2%})"),
            ("zero weights", str(self.n_zero_weight)),
            ("same position", str(self.n_duplicates)),
        ]
        return "\n".join(f"{name + ':':18s}{text}" for name, text in rows)

    def _preset(self) -> str:
        """Return the preset as text, with the beginning of the digest of its file."""
        if self.preset is None or self.preset_sha256 is None:
            return self.preset or "none"
        return f"{self.preset}, SHA-256 {self.preset_sha256[:12]}..."

    def _with_origin(self, name: str) -> str:
        """Return an attribute as text, with the origin of its value and the reasons to doubt it.

        ``name`` is ``"convention"`` or ``"kind"``.
        """
        value, documented = getattr(self, name), self.documented.get(name)
        origin = origin_text(self.origins[name], self.survey)
        if documented not in (None, value):
            origin += f"; the survey {self.survey!r} documents {documented!r}"
        if name == "convention":
            return f"{value} ({origin})"
        doubt = "" if self.kind_hint is None else f"; doubtful: {self.kind_hint}"
        return f"{value} ({origin}; not tested on the galaxies){doubt}"


def summarize_catalog(catalog: CatalogLike) -> CatalogSummary:
    """Summarize a catalog: number density, scatter of the ellipticities, and calibration.

    Parameters
    ----------
    catalog : ShearCatalog or `~astropy.table.Table`
        The galaxies.

    Returns
    -------
    CatalogSummary
        The summary of the catalog, which ``print`` shows as text.
    """
    catalog = as_shear_catalog(catalog)
    w = np.ones(len(catalog)) if catalog.weight is None else catalog.weight.astype(float)
    calibration = Calibration.from_catalog(catalog)
    area = _covered_area(catalog.ra, catalog.dec)
    modulus = np.hypot(catalog.e1, catalog.e2)
    total = w.sum()
    error = calibration.matrix_error
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
        origins=dict(catalog.origins),
        preset=catalog.preset,
        preset_sha256=catalog.preset_sha256,
        survey=catalog.survey,
        documented=dict(catalog.documented),
        kind_hint=kind_hint(catalog, calibration),
        m=calibration.m if total > 0 else 0.0,
        response=float(np.trace(calibration.matrix) / 2) if total > 0 else 1.0,
        response_error=None if error is None else float(np.hypot(error[0, 0], error[1, 1]) / 2),
    )


def _covered_area(ra: np.ndarray, dec: np.ndarray) -> u.Quantity:
    """Return the area of the sky that the galaxies cover.

    The area is that of the occupied cells of a grid on the sky, at the finest resolution at which
    the occupied cells hold about 10 galaxies on average, so that few gaps are left. The cells
    divide rings of declination into nearly square parts. All cells of a ring have the same area,
    and the poles need no special case.
    """
    lon, lat = np.radians(np.remainder(ra, 360.0)), np.radians(dec)
    for size in np.radians(2.0 ** np.arange(-6, 5)):  # 1 arcmin to 16 deg
        rows = np.floor((lat + np.pi / 2) / size).astype(np.int64)
        south = np.arange(rows.max() + 1) * size - np.pi / 2
        ring_area = 2 * np.pi * (np.sin(np.minimum(south + size, np.pi / 2)) - np.sin(south))
        n_cells = np.maximum(1, np.rint(ring_area / size**2)).astype(np.int64)
        columns = np.floor(lon / (2 * np.pi) * n_cells[rows]).astype(np.int64)
        first = np.cumsum(n_cells) - n_cells
        cells = np.unique(first[rows] + columns)
        if len(ra) >= min(_GALAXIES_PER_CELL, len(ra) ** 0.5) * len(cells):
            break
    ring = np.searchsorted(first, cells, side="right") - 1
    return float(np.sum(ring_area[ring] / n_cells[ring])) * u.sr
