# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`SurveyMap`: the map of a survey in the folder of its run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import Column, QTable, vstack

from lensmap.maps import ConvergenceMap, HealpixMap
from lensmap.sphere import HealpixPixels
from lensmap.survey._blending import blocks
from lensmap.survey._tile_files import TileFiles
from lensmap.survey._tiles import Tile
from lensmap.survey._further_files import FURTHER_FILES
from lensmap.survey._outdated import REPORT_FILE, keep_state, state_of_tiles
from lensmap.survey.products import FILES, QUALITY_FILE, Block, read_cutout, standard_files
from lensmap.survey.products import write_products as write_all
from lensmap.utils import (
    MapWarning,
    ParameterError,
    RunFolder,
    check_angle,
    check_choice,
    check_count,
    check_memory,
    list_names,
    set_formats,
    warn_user,
    write_table,
)

if TYPE_CHECKING:
    from astropy.wcs import WCS

    from lensmap.simulate import SkyFiles
    from lensmap.survey._false_peaks import NoisePeaks
    from lensmap.survey._validation import SurveyValidation
    from lensmap.typing import AngleLike, PathLike, ProgressLike

__all__ = ["KIND", "SCHEMA", "STEPS", "SurveyMap", "write_tile_table"]

#: The version of the files in the folder of a survey, and the kind of the run.
SCHEMA = 1
KIND = "survey map"

#: The notes of the run with the seconds of its steps.
STEPS = "steps"

#: The table of the tiles.
TILE_TABLE = "tiles.ecsv"

_BYTES_PER_PIXEL = 60.0


class SurveyMap:
    """The mass map of a survey, which is read from its folder as far as it is needed.

    Parameters
    ----------
    folder : path-like
        The folder in which `map_survey` made the map. The run may still be going on; tiles that are
        not finished are then missing.

    Attributes
    ----------
    folder : `pathlib.Path`
        The folder.

    Raises
    ------
    FileNotFoundError
        If the folder holds no map of a survey.
    ValueError
        If the folder holds a run of another kind or another version.
    """

    def __init__(self, folder: PathLike) -> None:
        self._run = RunFolder.read(folder, schema=SCHEMA, kind=KIND)
        self.folder = Path(self._run.path)
        self._plan = self._run.notes("plan")
        if not self._plan:
            raise FileNotFoundError(
                f"the survey in {str(self.folder)!r} has no plan yet: its catalog has not been "
                "read; repeat the run"
            )

    def __repr__(self) -> str:
        area = self._plan["area_deg2"]
        return (
            f"<SurveyMap of {area:.{0 if area > 10 else 2}f} deg2, nside {self.nside}; "
            f"{len(self.tiles)} of {len(self._plan['tiles'])} tiles>"
        )

    @property
    def nside(self) -> int:
        """The resolution of the map."""
        return int(self._plan["nside"])

    @property
    def plan(self) -> dict[str, Any]:
        """The numbers of the plan of the map, with their units in the names."""
        return dict(self._plan)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the run."""
        return dict(self._run.settings)

    @property
    def parts(self) -> QTable:
        """The numbers of the parts of the survey that are calibrated by their own galaxies.

        Columns: ``part``, the name; ``n_galaxies``, the number of unmasked galaxies; ``m``, the
        mean multiplicative bias; ``response``, the mean response of the two components, without
        1 + m; ``sigma_e``, the intrinsic dispersion per component of the uncalibrated
        ellipticities; and ``mean_g1`` and ``mean_g2``, the mean shear that is subtracted, in the
        celestial convention. No rows if the survey has one calibration and no mean is subtracted.
        """
        rows = self._run.notes("parts").get("parts", [])
        names = ("part", "n_galaxies", "m", "response", "sigma_e", "mean_g1", "mean_g2")
        types = (str, int, float, float, float, float, float)
        table = QTable(rows=[tuple(row[name] for name in names) for row in rows] or None,
                       names=names, dtype=types)
        return set_formats(table, {
            "m response sigma_e": ".4f", "mean_g1 mean_g2": ".5f",
        })

    @property
    def failed(self) -> dict[int, str]:
        """The errors of the tiles that failed in the last run, by the indices of the tiles."""
        failed = self._run.notes("tiles").get("failed", {})
        return {int(tile): text for tile, text in failed.items()}

    @property
    def steps(self) -> dict[str, float]:
        """The seconds of the steps of the run, all calls together."""
        return dict(self._run.notes(STEPS))

    @cached_property
    def _files(self) -> TileFiles:
        return TileFiles(str(self.folder / "tiles"), "")

    @cached_property
    def tiles(self) -> QTable:
        """The finished tiles.

        Columns: ``tile``, the nested index; ``ra`` and ``dec`` of the center; ``n_galaxies``,
        ``n_masked`` and ``n_pixels`` of the tile; ``ny`` and ``nx``, the shape of the tile with its
        margin; ``seconds``, the time that it took; and ``warnings``, joined by semicolons.
        """
        rows, damaged = [], []
        for pixel in self._plan["tiles"]:  # after an update, there may be files of other tiles
            facts = self._files.any_facts(pixel)
            if facts is None:
                damaged += [pixel] if self._files.damaged(pixel) else []
                continue
            tile = Tile(self._plan["tile_order"], pixel, self._plan["margin_deg"])
            rows.append((
                tile.pixel, *tile.center, facts["n_galaxies"], facts["n_masked"],
                facts["n_pixels"], *facts["shape"], sum(facts["seconds"].values()),
                "; ".join(facts["warnings"]),
            ))
        if damaged:
            warn_user(
                f"the files of {len(damaged)} tiles in {str(self._files.folder)!r} are damaged: "
                f"{list_names([str(pixel) for pixel in damaged])}; the map lacks these tiles until "
                "the run is repeated, which maps them again",
                MapWarning,
                "damaged_tiles",
            )
        return _tile_table(rows)

    @cached_property
    def layer_names(self) -> list[str]:
        """The names of the maps of the survey, such as ``kappa`` and ``mask``."""
        first = next(self.blocks(), None)
        if first is None:
            raise ValueError(f"the survey in {str(self.folder)!r} has no finished tile")
        return list(first.layers)

    @property
    def product_paths(self) -> list[Path]:
        """The files, and the HiPS folder, of the map that are in the folder."""
        names = [*FILES.values(), QUALITY_FILE, *FURTHER_FILES.values(), REPORT_FILE, TILE_TABLE]
        return [path for name in names if (path := self.folder / name).exists()]

    # --- the map ----------------------------------------------------------------------------

    def blocks(self) -> Iterator[Block]:
        """Yield the maps tile by tile, blended with the neighboring tiles.

        Yields
        ------
        Block
            The pixels of one tile, in the order of the nested index.
        """
        return blocks(
            self._files, self._finished_tiles(), self._plan["tile_order"],
            HealpixPixels(self.nside).order,
        )

    @property
    def state(self) -> str:
        """A digest of the finished tiles, which differs when tiles are added or mapped anew."""
        return state_of_tiles(self._files, self._finished_tiles())

    def _finished_tiles(self) -> list[int]:
        return [int(tile) for tile in self.tiles["tile"]]

    def to_map(self) -> HealpixMap:
        """Return the whole map in memory.

        Returns
        -------
        HealpixMap
            The convergence, and the B-mode, the error, the galaxy counts and the mask.

        Raises
        ------
        MemoryError
            If the map does not fit into memory.
        """
        n = self._plan["area_deg2"] / (HealpixPixels(self.nside).area * np.degrees(1) ** 2)
        check_memory(_BYTES_PER_PIXEL * n, "the map of the survey", "use cutout for a part of it")
        parts: dict[str, list[np.ndarray]] = {}
        order = HealpixPixels(self.nside).order
        for block in self.blocks():
            layers = block.layers
            used = np.flatnonzero(np.isfinite(layers["unmasked"]))  # the footprint
            first = block.pixel << (2 * (order - block.order))
            parts.setdefault("index", []).append(first + used)
            for name in ("kappa", "kappa_b", "error", "counts", "mask"):
                if name in layers:
                    parts.setdefault(name, []).append(layers[name][used])
        if not parts:
            raise ValueError(f"the survey in {str(self.folder)!r} has no finished tile")
        whole = {name: np.concatenate(values) for name, values in parts.items()}
        planes = {
            name: np.nan_to_num(whole[name]) for name in ("kappa", "kappa_b", "error")
            if name in whole
        }
        return HealpixMap(
            planes["kappa"], self.nside, index=whole["index"], mask=whole["mask"],
            kappa_b=planes.get("kappa_b"), uncertainty=planes.get("error"),
            counts=whole["counts"], meta=self.meta,
        )

    @property
    def meta(self) -> dict[str, Any]:
        """Metadata of the map for its files."""
        meta = {
            "estimator": self.settings["estimator"], "quantity": self._plan["quantity"],
            "parameters": self.settings["parameters"], "nside": self.nside,
            "convention": self._plan["convention"], "kind": self._plan["kind"],
            "frame": self._plan["frame"], "survey": self._plan["survey"],
            "n_galaxies": self._plan["n_galaxies"], "n_masked": self._plan["n_masked"],
            "n_left_out": self._plan["n_left_out"], "pixel_window": True,
            "tile_order": self._plan["tile_order"], "margin_deg": self._plan["margin_deg"],
            "pixel_scale_arcmin": self._plan["pixel_scale_arcmin"],
            "zero_mode": "l = 0 and 1 are 0: they have no shear",
        }
        meaning = self._plan.get("uncertainty")
        return meta if meaning is None else {**meta, "uncertainty": meaning}

    def cutout(self, wcs: WCS) -> ConvergenceMap:
        """Return a part of the map on the pixels of an image.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`
            The pixels, any celestial WCS with its ``array_shape``.

        Returns
        -------
        ConvergenceMap
            The part of the map.

        Raises
        ------
        FileNotFoundError
            If the maps of the survey have not been written.
        ValueError
            If the survey does not cover the pixels.
        """
        return read_cutout(self.folder, wcs)

    def find_peaks(
        self,
        threshold: float = 3.0,
        *,
        by: str = "snr",
        min_separation: AngleLike = "2 arcmin",
        troughs: bool = False,
        exclude_edges: bool = False,
        progress: ProgressLike = None,
    ) -> QTable:
        """Find the peaks of the whole map.

        Peaks are found on a cutout of each tile with a margin, on a tangent plane with the pixels
        of the tiles. Each peak is in the table once, whether it lies within a tile or at a border
        of tiles. The memory is that of one cutout.

        Parameters
        ----------
        threshold, by, min_separation, troughs, exclude_edges
            As for `lensmap.find_peaks`.
        progress : None, bool or callable
            Progress report over tiles; see ``lensmap.typing``.

        Returns
        -------
        `~astropy.table.QTable`
            One row for each peak, the highest first, with the columns of `lensmap.find_peaks` apart
            from the positions on an image (``x``, ``y``, ``x_peak``, ``y_peak``), and ``tile``, the
            nested index of the tile on whose cutout the peak was found. If the error of the map is
            from random rotations, ``n_false`` is the expected number of false peaks in the whole
            survey that are at least as high, and ``meta`` has the number above the threshold,
            ``n_false``, its standard error ``n_false_err`` and ``n_noise_maps``: the mean number of
            peaks in up to ten noise maps, which were found in each tile when it was mapped, by the
            same rules. Otherwise ``meta["n_false_unknown"]`` is the reason why it is not known.

        Raises
        ------
        FileNotFoundError
            If the maps of the survey have not been written.
        TypeError, ValueError
            If a parameter is invalid, or ``by`` does not suit the uncertainty of the map.
        """
        from lensmap.survey._peaks import find_survey_peaks

        return find_survey_peaks(
            self.cutout, self._finished_tiles(), self._plan["tile_order"],
            self._plan["pixel_scale_arcmin"] / 60, threshold=threshold, by=by,
            min_separation=min_separation, troughs=troughs, exclude_edges=exclude_edges,
            progress=progress, noise_of=self._noise_peaks,
        )

    def _noise_peaks(self, pixel: int) -> NoisePeaks | None:
        """Return the peaks of the noise maps of a tile; None if it has no record of them."""
        from lensmap.survey._false_peaks import NoisePeaks

        arrays = self._files.noise_peaks(pixel)
        return None if arrays is None else NoisePeaks.from_arrays(arrays)

    def cross_power(
        self,
        name: str,
        *,
        n_bins: int = 8,
        ell: tuple[int, int] | None = None,
        nside: int | None = None,
        apodization: AngleLike = 20 * u.arcmin,
    ) -> QTable:
        r"""Return the cross-power of the convergence with another map of the survey.

        A map of ``also_map``, such as that of the ellipticity of the PSF, should have no power in
        common with the convergence. Of a map g that leaks into the shear with the fraction
        :math:`\alpha`, the cross-power is :math:`\alpha\, C_\ell^{gg}`.

        Both maps are averaged over larger pixels, multiplied by an apodized mask, after their mean
        is subtracted, and transformed on the sphere. The power of the products is divided by the
        mean of the squared mask over the sphere (pseudo-:math:`C_\ell`); the coupling of modes by
        the mask is not corrected. Errors are from a jackknife over tiles.

        Parameters
        ----------
        name : str
            The name of the map: of ``also_map``, ``"kappa_b"``, or of a quality map.
        n_bins : int
            The number of bins, of equal width in log l.
        ell : tuple of int or None
            The lowest and the highest multipole. None is from the width of the footprint, at
            least 20, to 1.5 times ``nside``.
        nside : int or None
            The resolution of the averaged maps, a power of 2 up to 1024. None is that of the map,
            at most 1024.
        apodization : `~astropy.units.Quantity` or str
            The distance from the nearest masked or empty area at which the mask reaches 1, an angle
            of at most half of the margin of the tiles.

        Returns
        -------
        `~astropy.table.QTable`
            One row for each bin, with the columns ``ell_low``, ``ell_high`` (exclusive) and
            ``ell``, the mean multipole; ``cross`` and ``cross_err``, the cross-power; and
            ``power_kappa`` and ``power_other``, the power of the two maps, all in steradian;
            ``leakage``, the ratio of ``cross`` and ``power_other``, with ``leakage_err``. ``meta``
            has ``leakage`` and ``leakage_err`` of all bins together, ``f_sky``, ``n_patches`` of
            the jackknife and ``nside``. Powers are those of the smoothed maps.

        Raises
        ------
        TypeError, ValueError
            If the survey has no such map, or a parameter is invalid.

        Warns
        -----
        MapWarning
            If the survey has fewer than 5 tiles, so that the errors are unreliable.

        References
        ----------
        Hivon et al. 2002, ApJ 567, 2 (pseudo-:math:`C_\ell`).
        """
        from lensmap.survey._cross_power import MAX_NSIDE, cross_power_table, degraded_maps

        names = [one for one in self.layer_names if one not in ("kappa", "mask", "counts", "edge")]
        check_choice(name, "name", names)
        nside = min(self.nside, MAX_NSIDE) if nside is None else HealpixPixels(nside).nside
        if nside > min(self.nside, MAX_NSIDE):
            raise ParameterError(
                "nside", f"at most {min(self.nside, MAX_NSIDE)}", str(nside), verb="be"
            )
        taper = check_angle(apodization, "apodization").to_value(u.deg)
        if taper > 0.5 * self._plan["margin_deg"]:
            raise ParameterError(
                "apodization", "at most half of the margin of the tiles, "
                f"{0.5 * self._plan['margin_deg']:g} deg", str(apodization),
            )
        lowest = max(20, int(180 / np.sqrt(self._plan["area_deg2"])))
        low, high = (lowest, 3 * nside // 2) if ell is None else ell
        if not 2 <= low < high <= 4 * nside:
            raise ParameterError(
                "ell", f"two multipoles in increasing order, from 2 to {4 * nside}",
                f"{low} and {high}",
            )
        n_bins = check_count(n_bins, "n_bins", minimum=1)
        edges = np.unique(np.geomspace(low, high + 1, n_bins + 1).round().astype(int))
        maps = degraded_maps(self.blocks(), name, self.nside, nside, taper)
        table = cross_power_table(maps, edges)
        table.meta |= {"name": name, "apodization_deg": float(taper)}
        return table

    def validate(
        self,
        sky: SkyFiles | PathLike,
        *,
        peak_density: u.Quantity = 5 / u.deg**2,
        match_radius: AngleLike = 2.4 * u.arcmin,
        apodization: AngleLike = 0.5 * u.deg,
        progress: ProgressLike = None,
    ) -> SurveyValidation:
        r"""Compare the map with the truth of the simulated sky that it was made of.

        The comparison holds the transfer and the correlation by multipole, the differences of
        neighboring tiles, the coverage of the errors in the cores of tiles and where tiles are
        blended, the peaks of the map against halos, and the time and memory of the run. The truth
        is smoothed as the map, if the estimator has a smoothing.

        Parameters
        ----------
        sky : path-like or SkyFiles
            The folder of the sky that `lensmap.simulate.simulate_sky` made, or what it returned.
        peak_density : `~astropy.units.Quantity`
            The number of peaks per solid angle: the highest are compared with halos.
        match_radius : `~astropy.units.Quantity` or str
            The largest separation of a peak and its halo, and the smallest of two peaks.
        apodization : `~astropy.units.Quantity` or str
            The width of the zone in which the mask of `compare_maps` falls to 0.
        progress : None, bool or callable
            Progress report over the tiles in which peaks are found; see ``lensmap.typing``.

        Returns
        -------
        SurveyValidation
            The numbers; its `~SurveyValidation.write` writes a table and a page.

        Raises
        ------
        FileNotFoundError
            If the folder holds no finished sky, or the maps of the survey have not been written.
        TypeError, ValueError
            If a parameter is invalid, or the sky does not cover the map.
        """
        from lensmap.survey._validation import validate_survey

        return validate_survey(
            self, sky, peak_density=peak_density, match_radius=match_radius,
            apodization=apodization, progress=progress,
        )

    # --- files ------------------------------------------------------------------------------

    def write_products(self, *others: Any, overwrite: bool = False) -> None:
        """Write the HealSparse files of the survey to its folder, and other files.

        Parameters
        ----------
        *others
            Further products: `HealSparseFile`, `HealpixTable`, `HipsFolder` or `MocFile`.
        overwrite : bool
            Whether to replace existing files.
        """
        files, state = standard_files(self.folder, self.layer_names), self.state
        write_all(
            [*files, *others], self.blocks(), self.nside, meta=self.meta, overwrite=overwrite
        )
        paths = [Path(getattr(one, "path", None) or one.folder) for one in (*files, *others)]
        names = [one.name for one in paths if one.resolve().parent == self.folder.resolve()]
        keep_state(self.folder, names, state)

    def write(self, path: PathLike, *, overwrite: bool = False) -> None:
        """Write the map to a file in a form that the name of the file chooses.

        Parameters
        ----------
        path : path-like
            ``*.hsp`` writes the convergence as HealSparse, ``*.fits`` all maps as partial HEALPix
            FITS, ``*.moc.fits`` the footprint as MOC, and a name without a suffix a HiPS folder.
        overwrite : bool
            Whether to replace an existing file.

        Raises
        ------
        ValueError
            If the suffix is another one.
        FileExistsError
            If the file exists and ``overwrite`` is False.
        """
        from lensmap.survey.products import HealpixTable, HealSparseFile, HipsFolder, MocFile

        name, layers = Path(path).name, self.layer_names
        product: Any
        if name.endswith(".hsp"):
            product = HealSparseFile(path, "kappa")
        elif name.endswith(".moc.fits"):
            product = MocFile(path, "mask")
        elif name.endswith(".fits"):
            product = HealpixTable(path, [name for name in layers if name != "mask"])
        elif "." not in name:
            product = HipsFolder(path, "kappa")
        else:
            raise ParameterError(
                "path", "'*.hsp', '*.fits', '*.moc.fits' or a folder for HiPS", repr(str(path)),
                verb="be",
            )
        write_all([product], self.blocks(), self.nside, meta=self.meta, overwrite=overwrite)

    def write_report(self, path: PathLike | None = None, *, overwrite: bool = False) -> Path:
        """Write a page about the map: pictures, tiles, seams, null tests and quality.

        Parameters
        ----------
        path : path-like or None
            The HTML file, or a folder, in which it is ``report.html``. None is the folder of the
            survey. The page needs no other file.
        overwrite : bool
            Whether to replace an existing file.

        Returns
        -------
        `pathlib.Path`
            The path of the file.

        Raises
        ------
        FileExistsError
            If the file exists and ``overwrite`` is False.
        ImportError
            If skyproj is not installed.
        """
        from lensmap.survey._report import write_survey_report

        return write_survey_report(
            self, self.folder if path is None else path, overwrite=overwrite
        )


def _tile_table(rows: list[tuple]) -> QTable:
    """Return the table of tiles with the given rows, whose last value is the warnings."""
    names = ("tile", "ra", "dec", "n_galaxies", "n_masked", "n_pixels", "ny", "nx", "seconds")
    types = (int, float, float, int, int, int, int, int, float)
    table = QTable(rows=[row[:-1] for row in rows] or None, names=names, dtype=types)
    for name, unit in (("ra", u.deg), ("dec", u.deg), ("seconds", u.s)):
        table[name].unit = unit
    table["warnings"] = Column([row[-1] for row in rows], dtype=str)
    return table


def write_tile_table(survey: SurveyMap) -> None:
    """Write the table of the tiles, of the failed ones as well, to the folder of a survey.

    It has the columns of `SurveyMap.tiles` and ``error``, which is empty for finished tiles. A
    tile that failed after an earlier success has the numbers of the earlier map.
    """
    failed = dict(survey.failed)
    table = survey.tiles.copy()
    errors = [failed.pop(int(tile), "") for tile in table["tile"]]
    order, margin = survey.plan["tile_order"], survey.plan["margin_deg"]
    rows = [
        (tile, *Tile(order, tile, margin).center, 0, 0, 0, 0, 0, np.nan, "") for tile in failed
    ]
    if rows:
        table = vstack([table, _tile_table(rows)])
    table["error"] = Column([*errors, *failed.values()], dtype=str)
    table.sort("tile")
    table.meta = {"kind": KIND, "nside": survey.nside}
    write_table(table, survey.folder / TILE_TABLE, overwrite=True)
