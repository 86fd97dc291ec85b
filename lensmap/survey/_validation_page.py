# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The files of the validation of a survey map: a table and an HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lensmap.survey._report import Section, render_page
from lensmap.utils import atomic_write, write_table

if TYPE_CHECKING:
    from astropy.table import QTable

    from lensmap.survey._validation import SurveyValidation

__all__ = ["PAGE_FILE", "TABLE_FILE", "write_validation"]

#: The names of the table and of the page in the folder.
TABLE_FILE, PAGE_FILE = "validation.ecsv", "validation.html"

_DIGITS = 3


def write_validation(validation: SurveyValidation, folder: Path, *, overwrite: bool) -> Path:
    """Write the table and the page of a validation, and return the path of the page.

    Parameters
    ----------
    validation : SurveyValidation
        The validation.
    folder : `pathlib.Path`
        The folder, created if it does not exist.
    overwrite : bool
        Whether to replace existing files.

    Returns
    -------
    `pathlib.Path`
        The path of the page.
    """
    table, page = folder / TABLE_FILE, folder / PAGE_FILE
    for path in (table, page):
        if path.exists() and not overwrite:
            raise FileExistsError(
                f"the file {str(path)!r} exists: set overwrite=True, or give another path"
            )
    folder.mkdir(parents=True, exist_ok=True)
    text = render_page(
        f"Validation of a mass map of {validation.meta['area_deg2']:.0f} square degrees",
        [], _sections(validation),
    )
    write_table(validation.to_table(), table, overwrite=True)
    with atomic_write(page, overwrite=True) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")
    return page


def _sections(validation: SurveyValidation) -> list[Section]:
    meta = validation.meta
    sections = [Section("Map and sky")]
    parameters = ", ".join(f"{name}={value}" for name, value in meta["parameters"].items())
    sections[0].table((), [
        ("Survey", meta["survey"]), ("Simulated sky", meta["sky"]),
        ("Estimator", f"{meta['estimator']}({parameters})"),
        ("Area with galaxies", f"{meta['area_deg2']:.1f} deg²"),
        ("Density", f"{meta['density_per_arcmin2']:.2f} arcmin⁻²"),
        ("Resolution (nside)", f"{meta['nside']}"),
        ("Pixels of the tiles", f"{meta['pixel_scale_arcmin']:.3g} arcmin"),
    ])
    texts = {
        "scales": (
            "Scales", "Transfer is C(map, truth) / C(truth, truth), and power is C(map, map) / "
            "C(truth, truth), noise included. Both maps have the same mask, which falls to 0 "
            f"within {meta['apodization_deg']:g} deg of edges and holes.",
        ),
        "seams": (
            "Seams between tiles", "The differences of the maps of two tiles in the pixels that "
            "both map, in units of the standard deviation of the blended map.",
        ),
        "coverage": (
            "Errors", "The root mean square of (map − truth) / error, and the shares of pixels "
            f"within one and two errors, {meta['min_edge_deg']:g} deg and more from edges. For a "
            "normal distribution, they are 1, 0.683 and 0.954.",
        ),
        "completeness": (
            "Halos", f"Halos with one of the highest {meta['peak_density_per_deg2']:g} peaks per "
            f"square degree within {meta['match_radius_arcmin']:g} arcmin. Chance is the rate at "
            "random positions around halos. Height is the mean of the map at halos over that of "
            "the truth, both above their means at the random positions.",
        ),
        "purity": (
            "Peaks", "Peaks with a halo of at least "
            f"{meta['min_matched_mass_msun']:g} solar masses.",
        ),
        "cost": (
            "Cost", "The steps of the run, and those of all tiles added up. Memory is the largest "
            "of a worker until the end of the step.",
        ),
    }
    tables = validation.tables
    for name, (heading, text) in texts.items():
        section = Section(heading, [text])
        if name in tables:
            _add(section, tables[name])
        else:
            section.texts = [
                "The map has no errors, or the pixels of the truth are wider than those of the map."
            ]
        sections.append(section)
    return sections


def _add(section: Section, table: QTable) -> None:
    """Add a table to a section."""
    headings = [
        name.replace("_", " ") + (f" ({unit})" if (unit := table[name].unit) else "")
        for name in table.colnames
    ]
    section.table(headings, [[_cell(row[name]) for name in table.colnames] for row in table])


def _cell(value: Any) -> str:
    value = getattr(value, "value", value)
    if isinstance(value, str):
        return value
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    return f"{value:.{_DIGITS}g}" if np.isfinite(value) else "unknown"
