# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The HTML page of a survey map: its pictures, tiles, seams, null tests and quality."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lensmap.survey._map_numbers import MapNumbers, map_numbers
from lensmap.survey._outdated import REPORT_FILE, keep_state
from lensmap.survey._quality import QUALITY
from lensmap.survey._seams import Seams, measure_seams
from lensmap.utils import LensmapWarning, atomic_write, provenance

if TYPE_CHECKING:
    from lensmap.survey._survey_map import SurveyMap
    from lensmap.typing import PathLike

__all__ = ["Section", "render_page", "write_survey_report"]

# More tiles than this are left out of the table of the page.
_MAX_TILES = 500

# The resolution of the maps of the null tests: systematic errors have large scales.
_MAX_NSIDE = 512

_PICTURES = (
    ("kappa.hsp", "convergence"),
    ("counts.hsp", "galaxies per square arcminute, which show the footprint"),
    ("error.hsp", "error of the convergence"),
)


# The units at the ends of the names of settings.
_UNITS = ("arcmin", "deg")

_NAMES_OF_SETTINGS = {"given": "tiles and pixels chosen by the user"}


@dataclass
class Section:
    """A section of a page: paragraphs, pictures and tables."""

    heading: str
    texts: list[str] = field(default_factory=list)
    pictures: list[dict[str, str]] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)

    def table(
        self, headings: Sequence[str], rows: Iterable[Sequence[str]], caption: str = ""
    ) -> None:
        """Add a table."""
        self.tables.append({"headings": headings, "rows": list(rows), "caption": caption})


def write_survey_report(survey: SurveyMap, path: PathLike, *, overwrite: bool) -> Path:
    """Write the page of a survey map, and return its path.

    Parameters
    ----------
    survey : SurveyMap
        The survey.
    path : path-like
        The file, or an existing folder, in which it is ``report.html``.
    overwrite : bool
        Whether to replace an existing file.

    Returns
    -------
    `pathlib.Path`
        The path of the file.
    """
    file = Path(path, REPORT_FILE) if Path(path).is_dir() else Path(path)
    if file.exists() and not overwrite:
        raise FileExistsError(
            f"the file {str(file)!r} exists: set overwrite=True, or give another path"
        )
    page, state = _render(survey), survey.state
    with atomic_write(file, overwrite=overwrite) as temporary:
        Path(temporary).write_text(page, encoding="utf-8")
    if file.resolve() == (survey.folder / REPORT_FILE).resolve():
        keep_state(survey.folder, [REPORT_FILE], state)
    return file


def render_page(title: str, notes: Sequence[str], sections: Sequence[Section]) -> str:
    """Return an HTML page that needs no other file.

    Parameters
    ----------
    title : str
        The title.
    notes : sequence of str
        Sentences that stand before all else.
    sections : sequence of Section
        The sections.

    Returns
    -------
    str
        The page.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("lensmap.survey")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("survey.html").render(
        title=title, notes=notes, sections=sections,
        style_sheet=loader.get_source(environment, "survey.css")[0],
    )


def _render(survey: SurveyMap) -> str:
    numbers = map_numbers(survey.blocks())
    title = f"Mass map of {survey.plan['area_deg2']:.0f} square degrees"
    return render_page(title, _notes(survey), [
        _map_section(survey, numbers), _tile_section(survey), _seam_section(survey),
        _null_section(survey, numbers), _quality_section(numbers), _run_section(survey),
    ])


def _notes(survey: SurveyMap) -> list[str]:
    """Return what a reader must know before all else: that parts of the map are missing."""
    n, done = len(survey.plan["tiles"]), len(survey.tiles)
    notes = []
    if survey.failed:
        notes.append(
            f"{len(survey.failed)} of {n} tiles failed; their errors are in the table of tiles."
        )
    if done + len(survey.failed) < n:
        notes.append(f"{n - done - len(survey.failed)} of {n} tiles have not been mapped.")
    return notes


def _map_section(survey: SurveyMap, numbers: MapNumbers) -> Section:
    plan, section = survey.plan, Section("Map")
    rows = [
        ("Estimator", survey.settings["estimator"]),
        ("Area with galaxies", f"{plan['area_deg2']:.1f}\u00a0deg²"),
        ("Galaxies", f"{plan['n_galaxies']:,}"),
        ("Density", f"{plan['density_per_arcmin2']:.2f}\u00a0arcmin⁻²"),
        ("Resolution (nside)", f"{survey.nside}"),
        ("Pixels of the tiles", f"{plan['pixel_scale_arcmin']:.3g}\u00a0arcmin"),
        ("Pixels with data, masked", f"{numbers.n_pixels:,}, {numbers.n_masked:,}"),
        ("Mean of κ", f"{numbers.kappa[0]:.2g}"),
        ("Standard deviation of κ", f"{numbers.kappa[1]:.3g}"),
    ]
    if numbers.error is not None:
        rows.append(("Root mean square of the error of κ", f"{numbers.error:.3g}"))
    section.table((), rows)
    if len(survey.parts):
        section.table(
            ("part", "galaxies", "m", "response", "σ_e per component", "subtracted mean shear"),
            [(row["part"], f"{row['n_galaxies']:,}", f"{row['m']:.4f}", f"{row['response']:.4f}",
              f"{row['sigma_e']:.4f}", f"{row['mean_g1']:.5f}, {row['mean_g2']:.5f}")
             for row in survey.parts], "Parts that are calibrated by their own galaxies",
        )
    missing = []
    for name, caption in _PICTURES:
        if (survey.folder / name).exists():
            section.pictures.append(_picture(survey.folder / name, caption))
        elif name != "error.hsp":
            missing.append(name)
    if missing:
        section.texts.append(
            f"There is no picture of {' and '.join(missing)}, because the maps have not been "
            "written to the folder."
        )
    return section


def _picture(path: Path, caption: str) -> dict[str, str]:
    from lensmap.plotting import plot_sky, write_picture

    buffer = BytesIO()
    write_picture(plot_sky(path).ax.figure, buffer, tight=True)
    return {
        "caption": caption[0].upper() + caption[1:] + f" ({path.name}).",
        "png": base64.b64encode(buffer.getvalue()).decode(),
    }


def _tile_section(survey: SurveyMap) -> Section:
    table, failed = survey.tiles, survey.failed
    section = Section("Tiles", [
        f"{len(table)} tiles of order {survey.plan['tile_order']}, each mapped with a margin of "
        f"{survey.plan['margin_deg']:.3g} deg, took {table['seconds'].value.sum():.0f} s together."
    ])
    rows = [(f"{tile}", text) for tile, text in failed.items()]
    if rows:
        section.table(("tile", "error"), rows, "Tiles that failed")
    mapped = [
        (f"{row['tile']}", f"{row['ra'].value:.2f}", f"{row['dec'].value:+.2f}",
         f"{row['n_galaxies']:,}", f"{row['n_masked']:,}", f"{row['n_pixels']:,}",
         f"{row['ny']} × {row['nx']}", f"{row['seconds'].value:.1f}")
        for row in table[:_MAX_TILES]
    ]
    if len(table) > _MAX_TILES:
        section.texts.append(f"The table has the first {_MAX_TILES} tiles; all are in tiles.ecsv.")
    section.table(
        ("tile", "RA (deg)", "Dec (deg)", "galaxies", "masked galaxies", "pixels of the survey",
         "pixels of the tile", "time (s)"), mapped, "Tiles that were mapped",
    )
    return section


def _seam_section(survey: SurveyMap) -> Section:
    section = Section("Seams between tiles", [
        "Where two tiles overlap, both have a map of the same sky, and the survey map is their "
        "weighted mean. The differences of the two maps show how much the map depends on the "
        "tiling. They hold pixels in which both tiles have a weight of at least 0.1."
    ])
    seams: Seams = measure_seams(
        survey._files, survey._finished_tiles(), survey.plan["tile_order"]
    )
    if seams.n_pairs == 0:
        section.texts.append("No two tiles of this survey overlap.")
        return section
    section.table((), [
        ("Pairs of tiles that overlap", f"{seams.n_pairs}"),
        ("Pixels compared", f"{seams.n_pixels:,}"),
        ("Standard deviation of κ in cores of tiles", f"{seams.scatter:.3g}"),
        ("Standard deviation of κ where tiles overlap", f"{seams.scatter_blended:.3g}"),
        ("Root mean square of the difference", _share(seams.rms, seams.scatter_blended)),
        ("Root mean square of the mean difference of a pair",
         _share(seams.step, seams.scatter_blended)),
        ("Largest mean difference of a pair", _share(seams.largest_step, seams.scatter_blended)),
    ])
    return section


def _share(value: float, scatter: float) -> str:
    """Return a number and its share of the scatter as text."""
    if not np.isfinite(value):
        return "unknown"
    share = f" ({100 * value / scatter:.2g} % of the standard deviation)" if scatter > 0 else ""
    return f"{value:.2g}{share}"


def _null_section(survey: SurveyMap, numbers: MapNumbers) -> Section:
    section = Section("Null tests")
    if numbers.b_over_error is not None:
        rms, error = numbers.b_over_error
        section.texts.append(
            f"The root mean square of the B-mode, in units of the error of κ, is {rms:.3f}"
            + (f" ± {error:.3f}" if np.isfinite(error) else "")
            + ". Linear estimators have 1 from noise alone."
        )
    also = list(survey.settings["also_map"])
    if not also:
        section.texts.append(
            "No other columns were mapped: also_map maps those of the PSF, for example, and this "
            "page then has their cross-power with κ."
        )
    for name in also:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", LensmapWarning)  # the page says it
                power = survey.cross_power(name, nside=min(survey.nside, _MAX_NSIDE))
        except ValueError as error:
            section.texts.append(f"The cross-power of κ with {name} could not be measured: {error}")
            continue
        _add_cross_power(section, name, power)
    return section


def _add_cross_power(section: Section, name: str, power: Any) -> None:
    """Add the cross-power of kappa with another map to a section."""
    cross, error = power["cross"], power["cross_err"]
    pull = np.asarray(cross / error)
    rows = [
        (f"{row['ell_low']} to {row['ell_high'] - 1}", f"{row['cross']:.2e}",
         f"{row['cross_err']:.1e}", f"{row['cross'] / row['cross_err']:+.1f}",
         f"{row['power_other']:.2e}") for row in power
    ]
    section.table(
        ("multipoles", "cross-power (sr)", "its error", "ratio", f"power of {name} (sr)"), rows,
        f"Cross-power of κ with {name}",
    )
    meta, few = power.meta, ""
    if meta["n_patches"] < 5:
        few = f" The survey has only {meta['n_patches']} tiles, so that the errors are unreliable."
    section.texts.append(
        f"{name}: χ² = {np.sum(pull**2):.1f} for {len(power)} bins, with errors from a jackknife "
        f"over {meta['n_patches']} tiles or groups of tiles. The fraction of it in the shear "
        f"is {meta['leakage']:.3f} ± {meta['leakage_err']:.3f}.{few}"
    )


def _quality_section(numbers: MapNumbers) -> Section:
    section = Section("Quality of the data", [
        "Means, lowest and highest values over all unmasked pixels. The maps are in quality.hsp."
    ])
    section.table(("", "mean", "lowest", "highest"), [
        (f"{name}: {text.replace('^-2', '⁻²')}",
         *(f"{value:.3g}" for value in numbers.quality[name]))
        for name, text in QUALITY.items() if name in numbers.quality
    ])
    return section


def _as_text(value: Any) -> str:
    """Return the value of a setting in words; what was not given is ``none``."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        parts = [f"{_with_unit(name)} {_as_text(one)}" for name, one in value.items()
                 if one is not None]
        return ", ".join(parts) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_as_text, value)) or "none"
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _with_unit(name: str) -> str:
    """Return the name of a setting in words, with a unit at its end in parentheses."""
    words = _NAMES_OF_SETTINGS.get(name, name).split("_")
    if words[-1] in _UNITS:
        words[-1] = f"({words[-1]})"
    return " ".join(words)


def _run_section(survey: SurveyMap) -> Section:
    record, settings = provenance(), survey.settings
    section = Section("Run")
    rows = [(name, _as_text(value)) for name, value in settings["parameters"].items()]
    section.table(("parameter", "value"), rows, f"Parameters of {settings['estimator']}")
    rows = [
        (_with_unit(name), _as_text(value)) for name, value in settings.items()
        if name not in ("estimator", "parameters", "catalog", "mask")
    ]
    rows.append(("mask", "none" if settings["mask"] is None else "given"))
    section.table(("setting", "value"), rows, "Settings of the survey")
    rows = [("lensmap", str(record["lensmap"]))]
    rows += [
        (name, str(version)) for name, version in record["versions"].items() if name != "lensmap"
    ]
    section.table(("package", "version"), rows, f"Versions, {record['date']}")
    return section
