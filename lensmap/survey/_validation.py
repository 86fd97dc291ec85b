# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`SurveyValidation`: a survey map against the truth of a simulated sky."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from lensmap.maps import HealpixMap
from lensmap.simulate import SkyFiles, read_sky
from lensmap.sphere import HealpixPixels
from lensmap.survey._cost import cost_table
from lensmap.survey._halo_peaks import (
    HALO_BINS_MSUN,
    MIN_MATCHED_MSUN,
    completeness_table,
    displaced,
    purity_table,
)
from lensmap.survey._seams import measure_seams
from lensmap.survey._truth import compare_maps
from lensmap.survey._truth_pass import compare_blocks
from lensmap.utils import (
    MapWarning,
    ParameterError,
    ParameterTypeError,
    check_angle,
    set_formats,
    without_warnings,
)

if TYPE_CHECKING:
    from lensmap.survey._survey_map import SurveyMap
    from lensmap.typing import AngleLike, PathLike, ProgressLike

__all__ = ["SurveyValidation", "validate_survey"]

# Errors are compared, and halos counted, at least this far from edges and holes, degrees. In small
# tiles it is this share of the margin, as the distance is known up to half of the margin.
_MIN_EDGE_DEG = 0.25
_MIN_EDGE_OF_MARGIN = 0.4

# Nearer halos fill the field.
_MIN_HALO_REDSHIFT = 0.05

_N_RANDOM = 5

# The columns of the table in `SurveyValidation.to_table` that name a row, by table.
_ROW_NAMES = {
    "scales": ("ell_low", "ell_high"), "seams": (), "coverage": ("zone",),
    "completeness": ("mass_low", "mass_high"), "purity": (), "cost": ("step",),
}


@dataclass(frozen=True)
class SurveyValidation:
    r"""A survey map against the truth of a simulated sky, as `SurveyMap.validate` returns it.

    Attributes
    ----------
    scales : `~astropy.table.QTable`
        Transfer, correlation and ratio of powers in bins of the multipole, from `compare_maps`.
    seams : `~astropy.table.QTable`
        One row about pixels in which two tiles overlap: ``n_pairs`` of tiles, ``n_pixels``,
        ``difference``, the root mean square difference of the maps of two tiles, ``step``, that of
        the mean difference of a pair, ``largest_step``, the largest mean difference, all in units
        of the standard deviation of the blended map; and ``blend_over_core``, its standard
        deviation over that of pixels with one tile.
    coverage : `~astropy.table.QTable` or None
        For cores of tiles and for pixels to which several tiles contribute (``zone``): ``n``
        pixels, ``pull``, the root mean square of (map minus truth) / error, and the shares
        ``within_1`` and ``within_2`` of pixels whose truth is within one and two errors. None for
        maps without errors, or if the pixels of the truth are too wide.
    completeness : `~astropy.table.QTable`
        For bins of M200c (``mass_low``, ``mass_high``): ``n`` halos, ``n_matched`` with a peak,
        ``completeness`` with its 68 per cent interval, ``chance``, the rate at random positions
        near halos, ``corrected`` for it, and ``height``, the mean of the map over the mean of the
        truth at halos, both above their means at random positions near halos, with ``height_err``.
    purity : `~astropy.table.QTable`
        One row: ``n`` peaks, ``n_matched`` with a halo of at least 1e14 solar masses, ``purity``
        with its interval, ``chance`` and ``corrected``.
    cost : `~astropy.table.QTable`
        Time and memory by ``step``: ``seconds``, ``seconds_per_deg2`` and ``memory``, the largest
        memory of a worker until the end of the step.
    meta : dict
        The estimator and its parameters, the resolution, the area, the density of the galaxies, the
        sky, and the settings of the comparison.
    """

    scales: QTable
    seams: QTable
    coverage: QTable | None
    completeness: QTable
    purity: QTable
    cost: QTable
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def tables(self) -> dict[str, QTable]:
        """The tables by name, without those that are None."""
        tables = {name: getattr(self, name) for name in _ROW_NAMES}
        return {name: table for name, table in tables.items() if table is not None}

    def to_table(self) -> QTable:
        """Return all numbers in one table.

        Returns
        -------
        `~astropy.table.QTable`
            One row for each number: ``table``, the name of the table; ``row``, the values that name
            its row, as text; ``quantity``, the column; ``value``; and ``unit``. ``meta`` is that of
            the validation.
        """
        rows = []
        for name, table in self.tables.items():
            keys = _ROW_NAMES[name]
            for row in table:
                label = " to ".join(_plain_text(row[key]) for key in keys)
                for column in table.colnames:
                    if column not in keys:
                        value = u.Quantity(row[column])
                        rows.append((name, label, column, value.value, str(value.unit)))
        table = QTable(rows=rows, names=("table", "row", "quantity", "value", "unit"))
        table.meta |= self.meta
        return table

    def write(self, path: PathLike | None = None, *, overwrite: bool = False) -> Path:
        """Write the numbers as an ECSV table, and a page with them.

        Parameters
        ----------
        path : path-like or None
            The folder, created if it does not exist. None is the folder of the survey. The files
            are ``validation.ecsv`` and ``validation.html``, a page that needs no other file.
        overwrite : bool
            Whether to replace existing files.

        Returns
        -------
        `pathlib.Path`
            The path of the page.

        Raises
        ------
        FileExistsError
            If a file exists and ``overwrite`` is False.
        """
        from lensmap.survey._validation_page import write_validation

        return write_validation(
            self, Path(self.meta["survey"] if path is None else path), overwrite=overwrite
        )


def validate_survey(
    survey: SurveyMap,
    sky: SkyFiles | PathLike,
    *,
    peak_density: u.Quantity,
    match_radius: AngleLike,
    apodization: AngleLike,
    progress: ProgressLike,
) -> SurveyValidation:
    """Compare a survey map with the truth of a simulated sky.

    The parameters and errors are those of `SurveyMap.validate`.

    Returns
    -------
    SurveyValidation
        The numbers.
    """
    files = sky if isinstance(sky, SkyFiles) else read_sky(sky)
    radius = check_angle(match_radius, "match_radius")
    per_area = _check_density(peak_density)
    truth = HealpixMap.read(files.kappa)
    plan = survey.plan
    smoothing = survey.settings["parameters"].get("smoothing")
    smoothing = None if smoothing is None else check_angle(smoothing, "smoothing")
    filtered = _filtered(truth, smoothing, survey.nside)
    halos = QTable.read(files.halos)
    halos = halos[halos["redshift"] > _MIN_HALO_REDSHIFT]
    halos = halos[halos["m200c"].to_value(u.solMass) >= HALO_BINS_MSUN[0]]
    sky_halos = SkyCoord(halos["ra"], halos["dec"])
    heavy = halos["m200c"].to_value(u.solMass) >= MIN_MATCHED_MSUN
    min_edge = min(_MIN_EDGE_DEG, _MIN_EDGE_OF_MARGIN * plan["margin_deg"])
    seeds = range(1, _N_RANDOM + 1)
    random = [displaced(sky_halos[heavy], radius, seed) for seed in seeds]
    peaks = survey.find_peaks(0.0, by="kappa", min_separation=radius, progress=progress)
    sky_peaks = SkyCoord(peaks["ra"], peaks["dec"])
    lists = [sky_halos, sky_peaks, *random]
    found = compare_blocks(
        survey.blocks(), survey.nside, filtered, _joined(lists), min_edge,
    )
    if smoothing is None or smoothing < truth.pixels.scale:
        if truth.nside < survey.nside:  # an error belongs to the pixels of the map
            found.coverage = None
    parts = np.split(np.arange(len(found.values)), np.cumsum([len(one) for one in lists])[:-1])
    inside = np.isfinite(found.values) & (found.edges >= min_edge)
    here = inside[parts[0]]
    halos, sky_halos, heavy = halos[here], sky_halos[here], heavy[here]
    around = np.concatenate(parts[2:])
    around = around[inside[around] & np.isfinite(found.truths[around])]
    for name, values in (("kappa", found.values), ("kappa_true", found.truths)):
        # Heights are those above the surroundings of halos.
        halos[name] = values[parts[0]][here] - (values[around].mean() if len(around) else 0.0)
    area = _area(found.kappa)
    sky_peaks = sky_peaks[inside[parts[1]]][: round(float(per_area * area))]
    random = [one[inside[part]] for one, part in zip(random, parts[2:], strict=True)]
    scales = compare_maps(found.kappa, truth, smoothing=smoothing, apodization=apodization)
    facts = [survey._files.any_facts(int(tile)) for tile in survey.tiles["tile"]]
    tables = {
        "scales": scales, "seams": _seam_table(survey), "coverage": found.coverage,
        "completeness": completeness_table(sky_peaks, halos, random, radius),
        "purity": purity_table(sky_peaks, sky_halos[heavy], random, radius),
        "cost": cost_table(survey.steps, [one for one in facts if one], plan["area_deg2"]),
    }
    for table in tables.values():
        if table is not None:
            set_formats(table, {"mass_low mass_high": ".3g"}, others=".4g")
    return SurveyValidation(
        **tables,
        meta={
            "survey": str(survey.folder), "sky": str(files.kappa.parent),
            "estimator": survey.settings["estimator"],
            "parameters": survey.settings["parameters"], "nside": survey.nside,
            "pixel_scale_arcmin": plan["pixel_scale_arcmin"], "area_deg2": plan["area_deg2"],
            "compared_area_deg2": float(area.to_value(u.deg**2)),
            "density_per_arcmin2": plan["density_per_arcmin2"],
            "nside_of_scales": scales.meta["nside"],
            "sky_fraction": scales.meta["sky_fraction"],
            "apodization_deg": float(check_angle(apodization, "apodization").to_value(u.deg)),
            "peak_density_per_deg2": float(per_area.to_value(u.deg**-2)),
            "match_radius_arcmin": float(radius.to_value(u.arcmin)),
            "min_edge_deg": min_edge, "min_matched_mass_msun": MIN_MATCHED_MSUN,
        },
    )


def _check_density(value: u.Quantity) -> u.Quantity:
    """Return a positive number per solid angle."""
    if not isinstance(value, u.Quantity) or not value.unit.is_equivalent(u.deg**-2):
        raise ParameterTypeError(
            "peak_density", "a number per solid angle, such as 5 / u.deg**2", repr(value)
        )
    if not value > 0:
        raise ParameterError("peak_density", "positive", str(value))
    return value


def _filtered(truth: HealpixMap, smoothing: u.Quantity | None, nside: int) -> HealpixMap:
    """Return the truth with the smoothing of the map, in pixels that are not finer."""
    if smoothing is not None:
        truth = truth.smooth(smoothing)
    if truth.nside > nside:
        with without_warnings(MapWarning):
            truth = truth.degrade(nside)
    return truth


def _joined(lists: list[SkyCoord]) -> tuple[np.ndarray, np.ndarray]:
    """Return the longitudes and the latitudes of several lists of positions, degrees."""
    return (
        np.concatenate([one.ra.deg for one in lists]),
        np.concatenate([one.dec.deg for one in lists]),
    )


def _area(kappa: HealpixMap) -> u.Quantity:
    return (len(kappa.index) * HealpixPixels(kappa.nside).area * u.sr).to(u.deg**2)


def _seam_table(survey: SurveyMap) -> QTable:
    """Return the differences of tiles in units of the scatter of the map, as one row."""
    tiles = [int(tile) for tile in survey.tiles["tile"]]
    seams = measure_seams(survey._files, tiles, survey.plan["tile_order"])
    unit = seams.scatter_blended if seams.scatter_blended > 0 else np.nan
    return QTable(
        rows=[(
            seams.n_pairs, seams.n_pixels, seams.rms / unit, seams.step / unit,
            seams.largest_step / unit, seams.scatter_blended / (seams.scatter or np.nan),
        )],
        names=("n_pairs", "n_pixels", "difference", "step", "largest_step", "blend_over_core"),
    )


def _plain_text(value: Any) -> str:
    if isinstance(value, u.Quantity):
        value = value.value
    return value if isinstance(value, str) else f"{value:g}"
