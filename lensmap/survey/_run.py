# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`SurveyRun`: the steps of the map of a survey, in a folder that keeps what is finished."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u

from lensmap.catalog import HatsCatalog
from lensmap.estimators import Estimator
from lensmap.masks import SkyMask
from lensmap.survey._efficiency import Efficiency, fit_efficiency
from lensmap.survey._freeze import large_scales_of, measure_tile
from lensmap.survey._frozen import Frozen, FrozenFile
from lensmap.survey._further_files import (
    FURTHER_FILES,
    check_nside,
    check_products,
    draw_picture,
    further_products,
)
from lensmap.survey._large_scales import NSIDE, LargeScales
from lensmap.survey._outdated import (
    keep_state,
    move_outdated,
    remove_replaced,
    warn_of_old,
)
from lensmap.survey._packing import packed, unpacked
from lensmap.survey._parts import Parts, check_known, facts_of_parts
from lensmap.survey._plan import Plan, check_given, make_plan, tiles_in_region
from lensmap.survey._resources import check_resources, needed_disk
from lensmap.survey._scan import Scan, ScanTask, scan_partition
from lensmap.survey._sources import as_source, check_same_sky, tile_digests
from lensmap.survey._survey_map import KIND, SCHEMA, STEPS, SurveyMap, write_tile_table
from lensmap.survey._tile_files import TileFiles
from lensmap.survey._tile_map import TileTask, map_tile
from lensmap.utils import (
    CatalogWarning,
    IncompleteRunError,
    MapWarning,
    ParameterError,
    RunFolder,
    exact_dumps,
    list_names,
    run_tasks,
    to_plain,
    warn_user,
)

__all__ = ["SurveyRun"]

# Increased whenever the same settings give other maps.
_ALGORITHM = 2

_SCAN = "scan"
_MODELS = "models"
_FROZEN = "frozen"
_PARTS = "parts"
_NUMBERS = "numbers"

#: The folder of the maps of tiles.
TILES = "tiles"

# Memory for the scan of one row of a partition, bytes.
_BYTES_PER_ROW = 400.0


class SurveyRun:
    """The steps of the map of a survey.

    The parameters are those of `map_survey`, checked. Use it as a context, which holds the folder.
    """

    def __init__(
        self,
        source: Any,
        estimator: Estimator,
        folder: Any,
        *,
        nside: int | None,
        pixel_scale: u.Quantity | None,
        mask: Any,
        also: dict[str, tuple[str, str]],
        large_scales: bool,
        tile_order: int | None,
        margin: u.Quantity,
        dither: int,
        lattice: tuple[tuple[float, float], u.Quantity],
        update: bool,
        workers: int | None,
        executor: Executor | Callable[[], Executor] | None,
        progress: Any,
        take_over: bool,
        catalog: dict[str, Any],
        parts: Parts | None = None,
        subtract_mean: bool = False,
        z_lens: float | None = None,
        source_redshifts: Any = None,
    ) -> None:
        estimator = estimator.for_tiles()
        check_given(estimator, nside, pixel_scale, tile_order, margin)
        self._estimator, self._given_nside, self._given_scale = estimator, nside, pixel_scale
        self._also, self._large_scales = also, large_scales
        self._given_order, self._margin, self._dither = tile_order, margin, dither
        self._offset, self._turn = lattice
        self._parts, self._subtract_mean = parts, subtract_mean
        self._z_lens, self._source_redshifts = z_lens, source_redshifts
        self._update, self._progress = update, progress
        self._plan: Plan | None = None
        self._work: dict[str, Any] = {"workers": workers, "executor": executor}
        self._mask = mask if mask is None or isinstance(mask, SkyMask) else SkyMask(mask)
        if self._mask is not None:
            self._mask.excluded_sky(_somewhere())  # refuses a mask on the pixels of a map
        for region in () if parts is None else parts.regions.values():
            region.excluded_sky(_somewhere())
        settings = {
            "estimator": type(estimator).__name__,
            "parameters": to_plain(estimator.describe_params()),
            "estimator_sha256": estimator.digest(),
            "mask": None if self._mask is None else _digest(exact_dumps(self._mask)),
            "also_map": {name: list(pair) for name, pair in also.items()},
            "large_scales": large_scales,
            "calibrate_by": None if parts is None else parts.column or {
                name: _digest(exact_dumps(region)) for name, region in parts.regions.items()
            },
            "subtract_mean": subtract_mean,
            "z_lens": z_lens,
            "source_redshifts": source_redshifts,
            "margin": margin,
            "dither": dither,
            "offset": list(self._offset),
            "turn": self._turn,
            "given": {"nside": nside, "pixel_scale": pixel_scale, "tile_order": tile_order},
            "catalog": {
                name: value if isinstance(value, (str, bool, float, int, type(None))) else
                to_plain(value) for name, value in catalog.items()
            },
        }
        self.folder = RunFolder(
            folder, settings, schema=SCHEMA, kind=KIND, algorithm=_ALGORITHM,
            products=("*.hsp", f"{TILES}/*.npz"), take_over=take_over,
        )
        try:
            self.source: HatsCatalog = as_source(
                source, self.folder, catalog, also, parts=() if parts is None else parts.columns,
                update=update, progress=progress, **self._work,
            )
        except (TypeError, ValueError, FileNotFoundError):
            self.folder.abandon()  # for a call with other parameters
            raise
        except BaseException:
            self.folder.close()
            raise

    def __enter__(self) -> SurveyRun:
        return self

    def __exit__(self, *error: object) -> None:
        self.folder.close()

    # --- the steps --------------------------------------------------------------------------

    def make(self, *, only: Any, products: Any) -> SurveyMap:
        """Make the map, and return it; the parameters are those of `map_survey`."""
        write, further = check_products(products)
        plan = self.plan()
        check_nside(further, plan.nside)
        tiles = self.tiles(only)
        self.check_resources(len(tiles), further)
        with self._timed("fit"):
            task = self._task(plan)
        with self._timed("tiles"):
            failed, moved = self._map(task, tiles, plan)
        self.folder.note("tiles", {
            "requested": tiles, "failed": failed, "damaged": self._damaged(),
        })
        survey = SurveyMap(self.folder.path)
        if failed and len(failed) == len(tiles) and len(survey.tiles) == 0:
            raise RuntimeError(
                f"all {len(tiles)} tiles failed; the first error is: {next(iter(failed.values()))}"
            )
        write_tile_table(survey)
        moved += move_outdated(survey.folder, survey.state)  # of a run that was killed
        if write:
            title = f"Convergence map: {self.folder.path.name}"
            layers = survey.layer_names
            with self._timed("products"):
                survey.write_products(
                    *further_products(further, survey.folder, layers, title), overwrite=True
                )
                if "picture" in further:
                    draw_picture(survey.folder, title)
                    keep_state(survey.folder, [FURTHER_FILES["picture"]], survey.state)
        remove_replaced(survey.folder)
        warn_of_old(survey.folder, moved)
        self._report(failed, len(tiles))
        return survey

    def tiles(self, only: Any = None) -> list[int]:
        """Return the tiles of the plan; with ``only``, those that have galaxies in a region."""
        plan = self.plan()
        if only is None:
            return list(plan.tiles)
        return tiles_in_region(only, self._scan.footprint, plan.tile_order)

    def check_resources(self, n_tiles: int, products: Collection[str] = ()) -> None:
        """Raise an error if tiles do not fit into the memory, or their maps not on the disk."""
        check_resources(
            self.plan(), self.folder.path, n_tiles, products,
            on_this_machine=self._work["executor"] is None,
        )

    def needed_disk(self, n_tiles: int, products: Collection[str] = ()) -> float:
        """Return the disk space that tiles and further products still need, bytes."""
        return needed_disk(self.plan(), self.folder.path, n_tiles, products)

    def plan(self) -> Plan:
        """Return the plan of the map, for which all galaxies are read once."""
        if self._plan is None:
            try:
                with self._timed("plan"):
                    self._plan = self._make_plan()
            except (TypeError, ValueError):
                self.folder.abandon()  # for a call with other parameters
                raise
        return self._plan

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        """Add the seconds of a step to those of earlier calls, in the folder.

        Yields
        ------
        None
            Nothing.
        """
        start = time.perf_counter()
        yield
        known = self.folder.notes(STEPS)
        spent = known.get(name, 0.0) + time.perf_counter() - start
        self.folder.note(STEPS, {**known, name: round(spent, 3)})

    def _make_plan(self) -> Plan:
        self._check_changes()
        scan = self._scan
        # After an update, the pixels stay those with which the map was begun.
        known = self.folder.notes("plan")
        if known:
            scale = known["pixel_scale_arcmin"] * u.arcmin
            nside, order = known["nside"], known["tile_order"]
        else:
            scale, nside, order = self._given_scale, self._given_nside, self._given_order
            if scale is None:
                scale = self._estimator.survey_pixel_scale(scan.density)
        plan = make_plan(
            self._estimator, scan.footprint, n_galaxies=scan.n_galaxies, area=scan.area,
            density=scan.density, pixel_scale=scale, nside=nside, tile_order=order,
            margin=self._margin, turn=self._turn.to_value(u.deg),
        )
        self._efficiency()  # raises errors before work begins
        kind = self._estimator.chosen_uncertainty
        if scan.parts is not None:
            if self._is_kept and not self.folder.missing(1, _FROZEN):
                check_known(list(scan.parts), [part["part"] for part in self.parts])
            else:
                self.folder.note(_PARTS, {"parts": facts_of_parts(scan.parts)})
        self.folder.note("plan", {
            "nside": plan.nside, "pixel_scale_arcmin": plan.pixel_scale.to_value(u.arcmin),
            "tile_order": plan.tile_order, "margin_deg": plan.margin.to_value(u.deg),
            "tiles": list(plan.tiles), "n_galaxies": plan.n_galaxies,
            "n_masked": scan.n_masked, "n_left_out": scan.n_left_out,
            "area_deg2": plan.area.to_value(u.deg**2), "density_per_arcmin2": plan.density,
            "memory_bytes": plan.memory, "disk_bytes": plan.disk,
            "quantity": self._estimator.quantity,
            "uncertainty": None if kind is None else kind.meaning, **scan.facts,
        })
        return plan

    @cached_property
    def _scan(self) -> Scan:
        """The sums over all partitions; those that were not read before are read now."""
        n = len(self.source.partitions)
        missing = self.folder.missing(n, _SCAN)
        sigma_e = self._estimator.sigma_e
        self._freeze_numbers()
        also = self._also if self._large_scales else {}
        task = ScanTask(self.source, self._mask, NSIDE, sigma_e, self._parts, also)
        rows = max((part.n_rows for part in self.source.partitions), default=0)
        damaged = {}
        for outcome in self._outcomes(
            scan_partition, task, missing, _BYTES_PER_ROW * rows, "partitions"
        ):
            number = int(outcome.item)
            if outcome.error is None:
                self.folder.save(number, outcome.value, _SCAN)
            else:
                damaged[str(number)] = str(outcome.error)
        self.folder.note("damaged", damaged)
        good = [number for number in range(n) if str(number) not in damaged]
        if not good:
            raise ValueError(
                f"none of the {n} partitions of the catalog can be read: "
                f"{next(iter(damaged.values()))}"
            )
        if damaged:
            self.source = self.source.without(sorted(map(int, damaged)))
        scan = Scan(
            (self.folder.load(number, _SCAN) for number in good), NSIDE, sigma_e, self._parts,
            self._subtract_mean,
        )
        if missing and scan.n_left_out:
            warn_user(
                f"{scan.n_left_out} of {scan.n_left_out + scan.n_galaxies} rows are left out",
                CatalogWarning, "rows_left_out",
            )
        if missing and scan.n_uncovered:
            warn_user(
                f"{scan.n_uncovered} of {scan.n_galaxies} galaxies lie on none of the images of "
                "the mask, and are masked",
                MapWarning, "uncovered", "mask",
            )
        return scan

    def _efficiency(self) -> Efficiency | None:
        """Return the lensing efficiency of the galaxies; None if no redshift is known."""
        return fit_efficiency(
            self._scan.redshifts, self._scan.part_weights, self._source_redshifts, self._z_lens,
            getattr(self._estimator, "cosmology", None),
        )

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The numbers of the parts of the survey, once its plan is made; empty without parts."""
        return list(self.folder.notes(_PARTS).get("parts", []))

    def _freeze_numbers(self) -> None:
        """Give the catalog the numbers with which its parts are read, such as the mean response.

        They are measured from all galaxies once: not in each worker, nor by a run that goes on.
        """
        if self.folder.missing(1, _NUMBERS):
            numbers = self.source.measured_numbers()
            versions = numbers.versions
            if versions is not None and versions.measured and self._parts is not None:
                warn_user(
                    "the response is measured from the sheared versions of all galaxies of the "
                    "survey together; only the other numbers are those of the parts",
                    CatalogWarning, "response_of_whole", "calibrate_by",
                )
            self.folder.save(0, {"numbers": packed(numbers)}, _NUMBERS)
        numbers = self.folder.load(0, _NUMBERS, lambda record: unpacked(record["numbers"]))
        self.source = self.source.with_numbers(numbers)

    def _damaged(self) -> dict[str, str]:
        """Return the errors of the partitions that cannot be read, by their numbers."""
        return dict(self.folder.notes("damaged"))

    def _check_changes(self) -> None:
        """Compare the catalog with that with which the folder was begun."""
        digests = self._digests
        known = self.folder.notes("source")
        if known and known != digests:
            if not self._update:
                raise ParameterError(
                    "source",
                    f"the catalog with which the map in {str(self.folder.path)!r} was begun",
                    "one that has changed since",
                    "use {update=True} to map the tiles that changed, with the calibration and the "
                    "models that were fitted then, or another folder",
                )
            check_same_sky(known, digests)
            if self.folder.missing(1, _FROZEN):
                self.folder.remove(_NUMBERS)
            else:  # noted first: an update that is killed keeps the numbers, too
                self.folder.note("kept", {"source": digests})
            self.folder.remove(_SCAN)
            self.folder.remove(_MODELS)
        self.folder.note("source", digests)
        settings = to_plain(self.source.settings)
        known = self.folder.notes("reading")
        if known and known != settings:
            names = [name for name in settings if settings[name] != known.get(name)]
            raise ParameterError(
                "source", f"read as when the map in {str(self.folder.path)!r} was begun",
                f"with another {list_names(names, quoted=False)}", "use another folder",
            )
        self.folder.note("reading", settings)

    def _task(self, plan: Plan) -> TileTask:
        """Return what all tiles share; what is fitted to the survey is fitted, if it was not."""
        estimator = self._estimator
        iterations = int(getattr(estimator, "reduced_shear_iterations", 0))
        if iterations:  # the survey iterates itself, with the joined map
            estimator = estimator.replace(reduced_shear_iterations=0)
        task = TileTask(
            source=self.source, estimator=estimator, frozen=FrozenFile("", ""),
            files=TileFiles(str(self._path / TILES), ""),
            order=plan.tile_order, margin=plan.margin.to_value(u.deg), nside=plan.nside,
            scale=plan.pixel_scale.to_value(u.deg), mask=self._mask, also=self._also,
            reduced_shear_iterations=iterations, dither=self._dither, offset=self._offset,
            turn=self._turn.to_value(u.deg), parts=self._parts,
        )
        path = self._path / "data" / _FROZEN / "000000.npz"
        if self.folder.missing(1, _FROZEN) or (
            not self._is_kept and FrozenFile.of(path).load().partitions != self._readable
        ):
            # Partitions that could not be read before count now, or the reverse.
            self._freeze(task, plan)
        frozen = FrozenFile.of(path)
        files = TileFiles(task.files.folder, self._stamp(plan, frozen))
        return dataclasses.replace(task, frozen=frozen, files=files)

    @property
    def _is_kept(self) -> bool:
        """Whether the numbers are kept that were fitted to the catalog before an update."""
        return bool(self.folder.notes("kept").get("source") == self._digests)

    @cached_property
    def _digests(self) -> dict[str, str]:
        """The digests of all partitions, also of those that cannot be read."""
        return self.source.partition_digests()

    @property
    def _readable(self) -> tuple[str, ...]:
        """The partitions that can be read, to which the numbers are fitted."""
        return tuple(f"{part.order}/{part.pixel}" for part in self.source.partitions)

    def _freeze(self, task: TileTask, plan: Plan) -> None:
        """Fit what is fitted to the whole survey, and keep it in the folder."""
        scales, others = None, dict[str, LargeScales]()
        if self._large_scales:
            scales, others = large_scales_of(self._scan, self._estimator, self._also)
        frozen = Frozen(
            self._scan.calibration, None, scales, self._scan.parts, self._efficiency(), others,
            self._readable,
        )
        if self._estimator.fits_model:
            # The fit needs the calibration.
            self.folder.save(0, frozen.to_record(), "calibration")
            path = self._path / "data" / "calibration" / "000000.npz"
            task = dataclasses.replace(task, frozen=FrozenFile.of(path))
            sums = None
            for value in self._measured(task, plan):
                sums = value if sums is None else sums + value
            frozen = dataclasses.replace(frozen, fitted=self._estimator.fit(sums))
        self.folder.save(0, frozen.to_record(), _FROZEN)
        self.folder.remove(_MODELS)

    def _measured(self, task: TileTask, plan: Plan) -> Iterator[Any]:
        """Yield the sums of all tiles in their order; the folder keeps those that are finished."""
        of = {"partitions": list(self._readable), "source": self._digests}
        if self.folder.notes(_MODELS) != of:  # those of a run that could read other partitions
            self.folder.remove(_MODELS)
            self.folder.note(_MODELS, of)
        failed: dict[int, Exception] = {}
        missing = self.folder.missing(plan.tiles, _MODELS)
        for outcome in self._outcomes(measure_tile, task, missing, plan.memory, "models"):
            if outcome.error is None:
                self.folder.save(outcome.item, {"sums": packed(outcome.value)}, _MODELS)
            else:
                failed[outcome.item] = outcome.error
        if failed:
            error = next(iter(failed.values()))
            raise RuntimeError(
                "the models of the estimator need the galaxies of all tiles, but "
                f"{_numbered(list(failed), len(plan.tiles))} (first error: {error}); nothing is "
                "mapped yet, and the same call tries these tiles again"
            ) from error
        for tile in plan.tiles:
            sums = unpacked(self.folder.load(tile, _MODELS)["sums"])
            if sums is not None:
                yield sums

    def _outcomes(
        self, function: Any, task: Any, items: list[Any], memory: float, description: str
    ) -> Iterator[Any]:
        """Return the outcomes of tasks that run on the workers."""
        return run_tasks(
            function, task, items, memory=memory, folder=self.folder.path,
            progress=self._progress, description=description, **self._work,
        )

    @cached_property
    def _path(self) -> Path:
        """The folder as workers find it, which may have another working directory."""
        return self.folder.path.absolute()

    def _map(
        self, task: TileTask, tiles: list[int], plan: Plan
    ) -> tuple[dict[str, str], list[str]]:
        """Map the tiles whose files are missing.

        Return the errors of those that failed, and the names of products that were moved, because
        they hold the map before.
        """
        digests = tile_digests(self.source, task, tiles)
        items = [(tile, digests[tile]) for tile in tiles]
        todo = [item for item in items if task.files.facts(*item) is None]
        moved = move_outdated(self.folder.path) if todo else []
        failed: dict[str, str] = {}
        notes: dict[str, list[int]] = {}
        for outcome in self._outcomes(map_tile, task, todo, plan.memory, "tiles"):
            tile = outcome.item[0]
            if outcome.error is not None:
                failed[str(tile)] = str(outcome.error)
                continue
            for text in outcome.value["warnings"]:
                notes.setdefault(text, []).append(tile)
        for text, where in notes.items():
            places = f"tile {where[0]}" if len(where) == 1 else f"{len(where)} tiles"
            warn_user(f"in {places}: {text}", MapWarning, "in_tiles")
        return failed, moved

    def _stamp(self, plan: Plan, frozen: FrozenFile) -> str:
        """Return the text that identifies the run in the files of its tiles."""
        text = json.dumps([
            self.folder.settings, _ALGORITHM, plan.nside, plan.tile_order,
            plan.pixel_scale.to_value(u.arcmin), frozen.sha256,
        ], sort_keys=True)
        return _digest(text.encode())

    def _report(self, failed: dict[str, str], n_tiles: int) -> None:
        """Raise an error if tiles or partitions failed."""
        damaged = self._damaged()
        parts, first = [], ""
        in_files = self.folder.notes("damaged_files").get("message")
        if in_files:
            parts.append(f"files of the catalog cannot be read ({in_files})")
        if damaged:
            first = next(iter(damaged.values()))
            parts.append(f"{len(damaged)} partitions of the catalog cannot be read")
        if failed:
            first = first or next(iter(failed.values()))
            parts.append(_numbered(list(failed), n_tiles))
        if not parts:
            return
        remedy = ""
        if in_files or damaged:
            remedy = (
                "; when the files are repaired, the option to update maps the tiles that change"
            )
        raise IncompleteRunError(
            f"{' and '.join(parts)}{f' (first error: {first})' if first else ''}; the map of the "
            f"others is in the folder {str(self.folder.path)!r}, and the same call tries what "
            f"failed again{remedy}"
        )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _numbered(failed: list[Any], n_tiles: int) -> str:
    """Return a phrase that names the tiles that failed."""
    names = ", ".join(map(str, failed[:10])) + (", ..." if len(failed) > 10 else "")
    return f"{len(failed)} of {n_tiles} tiles failed: {names}"


def _somewhere() -> Any:
    from astropy.coordinates import SkyCoord

    return SkyCoord(np.array([0.0]), np.array([0.0]), unit="deg")
