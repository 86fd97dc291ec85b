# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The galaxies of a tile on its lattice, read in chunks to bound the memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lensmap.catalog import ShearCatalog, calibrated_catalog, galaxy_keys
from lensmap.grid import MapPixels, PixelAssignment, PixelFrame, ShearGrid
from lensmap.sphere import HealpixPixels
from lensmap.survey._frozen import Frozen
from lensmap.survey._keyed_noise import KeyedGalaxies, keyed_realizations
from lensmap.survey._seconds import Seconds
from lensmap.survey._spin2_columns import spin2_sums
from lensmap.survey._tiles import Tile, TileLattice

if TYPE_CHECKING:
    from lensmap.survey._tile_map import TileTask

__all__ = ["READ_STEPS", "TileGalaxies"]

#: Galaxies are read in pixels of this many orders above that of the tile.
READ_STEPS = 4

# The pixels of the lattice that are kept around the galaxies.
_ROOM_PIXELS = 32

# Galaxies, and their lensing efficiency if it is mapped, ``(n,)``.
_Chunk = tuple[ShearCatalog, np.ndarray | None]


class TileGalaxies:
    """The galaxies of a tile, binned on its lattice.

    The galaxies are read chunk by chunk. Only sums over the galaxies of each pixel are kept, and,
    for noise realizations, the pixel, the key and the ellipticity of each galaxy.

    Parameters
    ----------
    task : TileTask
        What all tiles share.
    frozen : Frozen
        The numbers that are fitted to the whole survey.
    tile : Tile
        The tile.
    lattice : TileLattice
        The pixels, of which those around galaxies are kept.
    seconds : Seconds
        The times to which those of reading and binning are added.
    with_margin : bool
        Whether the galaxies of the margin are used.

    Attributes
    ----------
    lattice : TileLattice
        The pixels of the grid.
    grid : ShearGrid or None
        The binned galaxies. None if there are none.
    also : dict
        The sums of weight times value (complex) and of weights of each pair of columns that is
        mapped like the shear, ``(ny, nx)`` each, by the name of its map.
    means : dict
        The sums of weight times a quantity, and of the weights of galaxies that have it, ``(ny,
        nx)`` each, by the name of the quantity: ``redshift`` and ``efficiency``, if the survey has
        them.
    n_masked : int
        The number of galaxies that the mask excludes.
    counts : `numpy.ndarray`
        The galaxy counts of the pixels of the survey map in the tile itself, without its margin, in
        nested order, int64, ``(n,)``.
    """

    def __init__(
        self,
        task: TileTask,
        frozen: Frozen,
        tile: Tile,
        lattice: TileLattice,
        seconds: Seconds,
        with_margin: bool = True,
    ) -> None:
        self._task, self._frozen, self._tile = task, frozen, tile
        kind = task.estimator.chosen_uncertainty
        self._with_keys = with_margin and kind is not None and kind.from_galaxies
        self._keyed: list[KeyedGalaxies] = []
        self.lattice, self._shape = lattice, lattice.shape
        frame = PixelFrame(lattice.wcs, task.source.frame)
        self._pixels = MapPixels.from_wcs(lattice.wcs, task.mask, frame)
        if task.mask is not None and task.mask.reads_images:
            self._pixels = replace(self._pixels, mask=None)  # galaxies are tested chunk by chunk
        self.n_masked = 0
        self._map_pixels = HealpixPixels(task.nside)
        self.counts = np.zeros(1 << self._count_shift, np.int64)
        self.also = {
            name: (np.zeros(self._shape, complex), np.zeros(self._shape)) for name in task.also
        }
        self.means: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.grid: ShearGrid | None = None
        with seconds.of("bin", without=("read", "mask")):
            assignments = self._assignments(self._chunks(seconds, with_margin))
            first = next(assignments, None)
            if first is not None:
                self._bin(itertools.chain([first], assignments))

    @property
    def _count_shift(self) -> int:
        """The bits of the index of a pixel of the survey map within the tile."""
        return 2 * (self._map_pixels.order - self._tile.order)

    def _chunks(self, seconds: Seconds, with_margin: bool) -> Iterator[_Chunk]:
        """Yield the calibrated galaxies of the lattice, or of the tile itself, in chunks."""
        task, order = self._task, self._tile.order + READ_STEPS
        if with_margin:
            pixels = self.lattice.covering_pixels(order)
        else:
            pixels = self._tile.pixel * 4**READ_STEPS + np.arange(4**READ_STEPS)
        chunks = task.source.chunks_within_pixels(
            order, pixels, extra_columns=task.extra_columns, keys=self._with_keys
        )
        while True:
            with seconds.of("read"):
                catalog = next(chunks, None)
            if catalog is None:
                return
            with seconds.of("mask"):
                catalog = self._unmasked(catalog)
            if catalog is not None:
                yield self._calibrated(catalog)

    def _unmasked(self, catalog: ShearCatalog) -> ShearCatalog | None:
        """Leave out the galaxies that a mask of many images excludes; None if it excludes all.

        They are tested at once, because galaxies in the order of the catalog would have each image
        read again and again.
        """
        mask = self._task.mask
        if mask is None or not mask.reads_images:
            return catalog
        masked = mask.excluded_sky(catalog.skycoord)
        self.n_masked += int(np.count_nonzero(masked))
        return None if masked.all() else catalog.select(~masked)

    def _calibrated(self, catalog: ShearCatalog) -> _Chunk:
        """Return galaxies, each calibrated by the numbers of its part, and their efficiency."""
        numbers, efficiency = self._frozen.parts, self._frozen.efficiency
        part = np.zeros(len(catalog), np.intp)
        if self._task.parts is not None and numbers is not None:
            part = self._task.parts.of_known(catalog, list(numbers))
            part = np.maximum(part, 0)  # the mask excludes galaxies in no part
        of_galaxies = None if efficiency is None else efficiency.of(catalog, part)
        if numbers is not None:
            catalog = calibrated_catalog(
                catalog, part, list(numbers.values()), self._task.estimator.sigma_e
            )
        return catalog, of_galaxies

    def _bin(self, assignments: Iterable[PixelAssignment]) -> None:
        """Sum over the galaxies of all chunks, and keep the part of the lattice around them."""
        in_parts = self._frozen.parts is not None
        estimator = self._task.estimator
        grid = ShearGrid.from_assignments(
            assignments, sigma_e=None if in_parts else estimator.sigma_e,
            extra_sums=estimator.extra_sums,
        )
        if not in_parts:  # the galaxies of parts are calibrated already
            grid = grid.with_calibration(self._frozen.calibration)
        self.n_masked += grid.n_masked
        y, x = np.nonzero(grid.count)
        whole, self.lattice = self.lattice, self.lattice.cropped(x, y, _ROOM_PIXELS)
        self._part = self.lattice.part_of(whole)
        self.grid = grid.cropped(*self._part)
        self.also = {
            name: (sum_we[self._part], sum_w[self._part])
            for name, (sum_we, sum_w) in self.also.items()
        }
        self.means = {
            name: (above[self._part], below[self._part])
            for name, (above, below) in self.means.items()
        }

    def _assignments(self, chunks: Iterable[_Chunk]) -> Iterator[PixelAssignment]:
        """Yield the chunks on the pixels, and add what is not part of the grid to its sums."""
        for catalog, efficiency in chunks:
            assignment = PixelAssignment(
                catalog, None, scheme=self._task.estimator.scheme, pixels=self._pixels
            )
            self._count(assignment)
            self._add_also(assignment)
            self._add_mean("redshift", assignment, assignment.column("redshift"))
            if efficiency is not None:
                self._add_mean("efficiency", assignment, efficiency[assignment.used_rows])
            if self._with_keys:
                keys = galaxy_keys(catalog)[assignment.used_rows]
                self._keyed.append(KeyedGalaxies(assignment, keys))
            yield assignment

    def _count(self, assignment: PixelAssignment) -> None:
        """Count galaxies in the pixels of the survey map in the tile itself."""
        rows, catalog = assignment.used_rows, assignment.catalog
        shift = self._count_shift
        nested = self._map_pixels.at(catalog.ra[rows], catalog.dec[rows])
        nested = nested[(nested >> shift) == self._tile.pixel]
        self.counts += np.bincount(nested & ((1 << shift) - 1), minlength=len(self.counts))

    def _add_also(self, assignment: PixelAssignment) -> None:
        """Add the sums of pairs of columns that are mapped like the shear."""
        for name, pair in self._task.also.items():
            for onto, sums in zip(
                self.also[name], spin2_sums(assignment, self._task.source.convention, pair),
                strict=True,
            ):
                onto += sums

    def _add_mean(self, name: str, assignment: PixelAssignment, values: np.ndarray | None) -> None:
        """Add the sums of weight times a quantity, and of weights of galaxies that have it."""
        if values is None:
            return
        if name not in self.means:
            self.means[name] = (np.zeros(self._shape), np.zeros(self._shape))
        known = np.isfinite(values)
        weight = known.astype(float)
        if assignment.weight is not None:
            weight *= assignment.weight
        assignment.sums(np.where(known, values, 0.0) * weight, weight, onto=self.means[name])

    def realizations(self, n_realizations: int, seed: int) -> Iterator[ShearGrid]:
        """Yield grids of galaxies that are rotated by random angles, one realization at a time.

        Parameters
        ----------
        n_realizations : int
            The number of realizations.
        seed : int
            The seed of the angles, which are the same in every tile that holds the galaxy.
        """
        assert self.grid is not None
        for sums in keyed_realizations(self._keyed, self._shape, n_realizations, seed):
            yield self.grid.with_ellipticities(sums[self._part])
