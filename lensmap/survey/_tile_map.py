# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The map of one tile of a survey: a pure function of the galaxies and the frozen numbers."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from scipy.special import ndtr, stdtrit

from lensmap.catalog import Calibration, HatsCatalog
from lensmap.estimators import Estimator, check_inversion, mask_of
from lensmap.grid import ShearGrid
from lensmap.masks import SkyMask
from lensmap.sphere import HealpixPixels
from lensmap.survey._blending import MIN_UNMASKED, in_footprint
from lensmap.survey._dithering import mean_of_layers, scaled_error
from lensmap.survey._false_peaks import N_NOISE_MAPS, NoisePeaks, tile_noise_peaks
from lensmap.survey._frozen import Frozen, FrozenFile
from lensmap.survey._large_scales import LargeScales, LatticeScales
from lensmap.survey._parts import Parts
from lensmap.survey._projection import PixelMeans
from lensmap.survey._quality import quality_planes
from lensmap.survey._seconds import Seconds
from lensmap.survey._tile_files import SAMPLE_STEPS, TileFiles
from lensmap.survey._tile_galaxies import TileGalaxies
from lensmap.survey._tiles import Tile, TileLattice

__all__ = ["TileTask", "bin_tile", "map_tile"]

# The names of the layers of noise maps, which are removed when their peaks are found.
_NOISE_MAP = "noise_map_"


@dataclass(frozen=True)
class TileTask:
    """Settings shared by all tiles of a survey; small, so that it can be sent to every worker.

    Attributes
    ----------
    source : HatsCatalog
        The galaxies.
    estimator : Estimator
        The estimator, without its correction for reduced shear.
    frozen : FrozenFile
        The numbers that are fitted to the whole survey.
    files : TileFiles
        The files of the maps of tiles.
    order : int
        The order of the tiles.
    margin : float
        The margin of a tile, degrees.
    nside : int
        The resolution of the survey map.
    scale : float
        The side of a pixel of a tile, degrees.
    mask : `lensmap.masks.SkyMask` or None
        The mask.
    also : dict
        The pairs of columns that are mapped like the shear, by the names of their maps.
    reduced_shear_iterations : int
        The number of iterations that correct for the reduced shear, with the joined map.
    offset : tuple of float
        The shift of the lattices along x and y, pixels.
    turn : float
        A further rotation of the lattices, degrees.
    dither : int
        The number of lattices over which the map of a tile is averaged, 1 or 4.
    parts : Parts or None
        The parts of the survey that have numbers of their own; None for the whole survey.
    """

    source: HatsCatalog
    estimator: Estimator
    frozen: FrozenFile
    files: TileFiles
    order: int
    margin: float
    nside: int
    scale: float
    mask: SkyMask | None = None
    also: Mapping[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
    reduced_shear_iterations: int = 0
    offset: tuple[float, float] = (0.0, 0.0)
    turn: float = 0.0
    dither: int = 1
    parts: Parts | None = None

    @property
    def smoothing(self) -> float:
        """The standard deviation of the smoothing of the estimator, degrees; 0 without."""
        smoothing = getattr(self.estimator, "smoothing", None)
        return 0.0 if smoothing is None else float(smoothing.to_value(u.deg))

    @property
    def extra_columns(self) -> tuple[str, ...]:
        """The columns of the catalog that are read besides those of every catalog."""
        names = [name for pair in self.also.values() for name in pair]
        names += [] if self.parts is None else self.parts.columns
        return tuple(dict.fromkeys(names))


def map_tile(task: TileTask, item: tuple[int, str]) -> dict[str, Any]:
    """Map one tile, and write the result to its file.

    Parameters
    ----------
    task : TileTask
        What all tiles share.
    item : tuple
        The nested index of the tile, and the digest of the files of its galaxies.

    Returns
    -------
    dict
        The facts of the tile: the numbers of galaxies and pixels, the warnings, the seconds of each
        step, and the largest memory (bytes) of the process until the end of each step. A tile whose
        file exists is not mapped again.
    """
    pixel, digest = item
    known = task.files.facts(pixel, digest)
    if known is not None:
        return known
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tile = _TileMap(task, pixel)
        layers, facts = tile.layers()
    # Rows that are left out were reported for the whole catalog.
    facts["warnings"] = sorted({
        str(one.message) for one in caught
        if getattr(one.message, "code", None) != "rows_left_out"
    })
    facts["galaxies"] = digest
    facts["stamp"] = task.files.stamp
    task.files.write(
        pixel, task.order, HealpixPixels(task.nside).order, layers, facts,
        None if tile.noise_peaks is None else tile.noise_peaks.to_arrays(),
    )
    return facts


def bin_tile(task: TileTask, pixel: int) -> ShearGrid | None:
    """Return the binned galaxies of a tile without its margin; None without galaxies.

    The sums of the tiles of a survey add up to those of the survey, because no galaxy is in two of
    them.
    """
    tile = _TileMap(task, pixel, with_margin=False)
    return tile.galaxies.grid


class _TileMap:
    """The map of a tile.

    Parameters
    ----------
    task : TileTask
        What all tiles share.
    pixel : int
        The nested index of the tile.
    with_margin : bool
        Whether the galaxies of the margin are used.
    """

    def __init__(self, task: TileTask, pixel: int, with_margin: bool = True) -> None:
        self.task, self.tile = task, Tile(task.order, pixel, task.margin)
        self.frozen: Frozen = task.frozen.load()
        self.seconds = Seconds()
        self.noise_peaks: NoisePeaks | None = None
        self._n_in_error = 0
        self._bin(self.tile.lattice(task.scale, task.offset, task.turn), with_margin)

    def _bin(self, lattice: TileLattice, with_margin: bool = True) -> None:
        """Bin the galaxies on a lattice."""
        self.galaxies = TileGalaxies(
            self.task, self.frozen, self.tile, lattice, self.seconds, with_margin
        )
        self.lattice = self.galaxies.lattice

    @property
    def grid(self) -> ShearGrid:
        """The binned galaxies."""
        assert self.galaxies.grid is not None
        return self.galaxies.grid

    @property
    def is_empty(self) -> bool:
        """Whether there is no galaxy with a weight."""
        grid = self.galaxies.grid
        return grid is None or not (grid.sum_w > 0).any()

    # --- the map ----------------------------------------------------------------------------

    def layers(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return the maps on HEALPix pixels, and the facts of the tile."""
        facts: dict[str, Any] = {
            "n_galaxies": 0, "n_masked": 0, "n_pixels": 0, "shape": [0, 0],
            "seconds": self.seconds, "memory": self.seconds.memory,
        }
        if self.is_empty:
            return {"index": np.empty(0, np.int64)}, facts
        layers = self._dithered() if self.task.dither > 1 else self._layers()
        self._find_noise_peaks(layers)
        facts |= {
            "n_galaxies": int(layers.get("counts", np.zeros(1)).sum()),
            "n_masked": self.galaxies.n_masked,
            "n_pixels": len(layers["index"]),
            "shape": list(self.lattice.shape),
        }
        return layers, facts

    def _find_noise_peaks(self, layers: dict[str, np.ndarray]) -> None:
        """Find the peaks of the noise maps among the layers, which are removed."""
        names = [name for name in layers if name.startswith(_NOISE_MAP)]
        noise = [layers.pop(name) for name in names]
        if not noise:
            return
        task, pixels = self.task, HealpixPixels(self.task.nside)
        masked = (layers["unmasked"] < MIN_UNMASKED) | ~in_footprint(layers)
        with self.seconds.of("noise peaks"):
            self.noise_peaks = tile_noise_peaks(
                (task.order, self.tile.pixel, task.scale), pixels, layers, masked, noise,
                self._n_in_error,
            )

    def _dithered(self) -> dict[str, np.ndarray]:
        """Return the mean of the maps on lattices that are shifted by half a pixel."""
        first = self.lattice
        maps: list[dict[str, np.ndarray]] = []
        for shift in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5)):
            moved = (first.first[0] + shift[0], first.first[1] + shift[1])
            if any(shift):
                self._bin(dataclasses.replace(first, first=moved))
            maps.append(self._layers())
        return mean_of_layers(maps)

    def _layers(self) -> dict[str, np.ndarray]:
        task, grid, estimator = self.task, self.grid, self.task.estimator
        with self.seconds.of("prepare"):
            estimator.check(grid)
            self.state = estimator.prepare(grid, self.frozen.fitted)
        with self.seconds.of("invert"):
            inversion, kappa = self._inverted(
                estimator, grid, self.frozen.large_scales, task.reduced_shear_iterations
            )
            check_inversion(estimator, grid, inversion)
        masked = mask_of(estimator, grid, inversion)
        outside = np.zeros_like(masked)
        if inversion.unsupported is not None:
            outside = inversion.unsupported & ~grid.mask
        smooth = {"kappa": kappa}
        if inversion.kappa_b is not None:
            smooth["kappa_b"] = inversion.kappa_b * grid.handedness
        if inversion.uncertainty is not None:
            smooth["error"] = inversion.uncertainty
        with self.seconds.of("also"):
            smooth |= self._also()
        with self.seconds.of("quality"):
            quality = quality_planes(
                grid, self.galaxies.means, masked, task.scale, task.smoothing, 0.5 * task.margin
            )
        with self.seconds.of("project"):
            pixels = HealpixPixels(task.nside)
            means = PixelMeans(self.lattice, pixels, self.tile.blended_pixels(pixels.order))
            layers = means.means(
                {name: np.nan_to_num(plane) for name, plane in smooth.items()},
                {"unmasked": ~masked, "outside": outside},
                quality,
            )
        with self.seconds.of("noise"):
            layers |= self._noise(means, layers["unmasked"] == 1)
        layers |= {"index": means.index, "weight": means.weight.astype(np.float32)}
        layers |= self._counts(pixels, means.index)
        return layers

    def _on_lattice(self, scales: LargeScales | None) -> LatticeScales | None:
        """Return the largest scales on the pixels of the tile; None if it does not take them."""
        if scales is None or self.task.estimator.quantity != "kappa":
            return None
        smoothing = np.radians(self.task.smoothing)
        return scales.on_lattice(self.lattice, self.grid.pixel_frame, smoothing)

    def _inverted(
        self, estimator: Estimator, grid: ShearGrid, large_scales: LargeScales | None,
        n_iterations: int = 0,
    ) -> tuple[Any, np.ndarray]:
        """Return the inversion of a grid, and the convergence that is joined to the sphere.

        If the estimator has ``residual_shear``, the shear of the largest scales is subtracted
        before the inversion, and their convergence is added afterwards. Otherwise, they are
        replaced after the inversion. ``n_iterations`` correct for the reduced shear.
        """
        kappa: np.ndarray | None = None
        scales = self._on_lattice(large_scales)
        for _ in range(1 + n_iterations):
            shear = grid if kappa is None else grid.with_factor(1 - kappa)
            if scales is not None and estimator.residual_shear:
                inversion = estimator.invert(shear.minus_shear(scales.low_shear), self.state)
                kappa = inversion.kappa + scales.low_smoothed
            else:
                inversion = estimator.invert(shear, self.state)
                kappa = inversion.kappa
                if scales is not None:
                    assert large_scales is not None
                    support = ~mask_of(estimator, grid, inversion)
                    kappa = large_scales.join(kappa, scales, self.task.scale, support)
        assert kappa is not None
        return inversion, kappa

    def _also(self) -> dict[str, np.ndarray]:
        """Return the maps of other spin-2 columns, by the same estimator on the same scales.

        They take their largest scales from the sphere as the convergence does: otherwise, they
        would lack them, and the part of them that leaks into the shear would seem larger there.
        """
        planes: dict[str, np.ndarray] = {}
        plain = self.task.estimator
        if plain.uncertainty is not None:
            plain = plain.replace(uncertainty=None)
        for name, (sum_we, sum_w) in self.galaxies.also.items():
            # These are not shears: no response and no bias apply to them.
            grid = dataclasses.replace(
                self.grid, sum_we=sum_we, sum_w=sum_w, sum_wc=None,
                calibration=Calibration(sum_w=float(sum_w.sum())),
            )
            grid.__dict__.update(
                pixel_frame=self.grid.pixel_frame, noise_sum=self.grid.noise_sum
            )
            scales = self.frozen.also_scales.get(name)
            planes[name] = self._inverted(plain, grid, scales)[1]
        return planes

    def _counts(self, pixels: HealpixPixels, index: np.ndarray) -> dict[str, np.ndarray]:
        """Return the galaxy counts of the pixels of the tile itself; 0 in other pixels."""
        shift = 2 * (pixels.order - self.tile.order)
        own = (index >> shift) == self.tile.pixel
        counts = np.zeros(len(index), np.int32)
        counts[own] = self.galaxies.counts[index[own] & ((1 << shift) - 1)]
        return {"counts": counts}

    # --- noise ------------------------------------------------------------------------------

    def _noise(self, means: PixelMeans, unmasked: np.ndarray) -> dict[str, np.ndarray]:
        """Return the error from noise realizations, and realizations in some of the pixels.

        ``unmasked`` is True for HEALPix pixels without any masked part, ``(n,)``.
        """
        estimator = self.task.estimator
        kind = estimator.chosen_uncertainty
        if kind is None or kind.with_map:
            return {}
        sampled = np.flatnonzero((means.index & (4**SAMPLE_STEPS - 1)) == 4**SAMPLE_STEPS // 2)
        total, n_maps = np.zeros(self.grid.shape), 0
        samples: list[np.ndarray] = []
        noise: dict[str, np.ndarray] = {}
        with_peaks = kind.from_galaxies and kind.meaning == "noise"
        for planes in self._realizations():
            for plane in planes:
                total += np.square(plane)
                n_maps += 1
                if with_peaks and len(noise) < N_NOISE_MAPS:
                    name = f"{_NOISE_MAP}{len(noise)}"
                    noise |= means.means({name: plane}, {})
            if kind.from_galaxies:
                samples.extend(means.sampled(sampled, planes))
        error = np.sqrt(total / n_maps)
        self._n_in_error = n_maps
        if kind.meaning == "total":
            # As in Estimator.reconstruct: the root mean square of a few maps scatters itself.
            error *= stdtrit(2 * estimator.n_realizations, ndtr(1.0))
        layers = means.means({"error": error}, {}) | noise
        if not samples:
            return layers
        stacked = np.stack(samples, axis=-1)
        # The noise of the mean over a HEALPix pixel is slightly less than that of a point.
        layers["error"] = scaled_error(layers["error"], sampled, stacked, unmasked)
        return layers | {"sampled": sampled, "samples": stacked.astype(np.float32)}

    def _realizations(self) -> Iterator[list[np.ndarray]]:
        estimator = self.task.estimator
        kind = estimator.chosen_uncertainty
        assert kind is not None
        n, seed = estimator.n_realizations, _seed_of(estimator)
        rng = np.random.default_rng([seed, self.tile.order, self.tile.pixel])
        if kind.from_galaxies:
            for rotated in self.galaxies.realizations(n, seed):
                yield list(estimator.noise(rotated, self.state, rng))
        else:
            for _ in range(n):
                yield list(estimator.noise(self.grid, self.state, rng))


def _seed_of(estimator: Estimator) -> int:
    """Return the seed of the noise realizations as an integer."""
    if isinstance(estimator.rng, np.random.SeedSequence):
        return int(estimator.rng.generate_state(1, np.uint64)[0])
    return int(estimator.rng)
