# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Means of the map of a tile over the HEALPix pixels of the survey."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from scipy import ndimage

from lensmap.sphere import HealpixPixels
from lensmap.survey._tiles import TileLattice
from lensmap.utils import chunk_slices

__all__ = ["PixelMeans"]

# A HEALPix pixel is sampled at points that are at most this many pixels of the tile apart.
_MAX_SPACING = 0.6

_CHUNK_SAMPLES = 1 << 20


class PixelMeans:
    """The HEALPix pixels of a tile, and the means of maps on its lattice over these pixels.

    A map is sampled at four or more points in each HEALPix pixel, by cubic interpolation.

    Parameters
    ----------
    lattice : TileLattice
        The pixels of the map of the tile.
    pixels : HealpixPixels
        The pixels of the survey.
    index : `numpy.ndarray`
        The nested indices of HEALPix pixels, increasing, int64, ``(n,)``. Those whose center is off
        the lattice, or in which the tile has no weight, are left out.

    Attributes
    ----------
    index : `numpy.ndarray`
        The nested indices of the pixels on the lattice, int64, ``(n,)``.
    weight : `numpy.ndarray`
        The weight of the tile in each pixel, ``(n,)``.
    """

    def __init__(self, lattice: TileLattice, pixels: HealpixPixels, index: np.ndarray) -> None:
        self._lattice, self._pixels = lattice, pixels
        kept, weights = [np.empty(0, np.int64)], [np.empty(0)]
        ny, nx = lattice.shape
        for rows in chunk_slices(len(index), _CHUNK_SAMPLES):
            part = index[rows]
            xi, eta = lattice.tile.project(*pixels.centers(part))
            weight = lattice.tile.weight(xi, eta)
            x, y = lattice.pixel_positions(xi, eta)
            keep = (weight > 0) & (x >= 0) & (x <= nx - 1) & (y >= 0) & (y <= ny - 1)
            kept.append(part[keep])
            weights.append(weight[keep])
        self.index, self.weight = np.concatenate(kept), np.concatenate(weights)
        ratio = pixels.scale.to_value("deg") / lattice.scale
        #: The number of orders by which pixels are divided for the samples.
        self.steps = max(1, int(np.ceil(np.log2(ratio / _MAX_SPACING))))

    def _samples(self, rows: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions of the samples of pixels on the lattice, ``(n, n_samples)``."""
        n = 4**self.steps
        fine = HealpixPixels(self._pixels.nside << self.steps)
        children = self.index[rows][:, np.newaxis] * n + np.arange(n)
        xi, eta = self._lattice.tile.project(*fine.centers(children.ravel()))
        x, y = self._lattice.pixel_positions(xi, eta)
        ny, nx = self._lattice.shape
        return (
            np.clip(x, 0, nx - 1).reshape(-1, n),
            np.clip(y, 0, ny - 1).reshape(-1, n),
        )

    def _chunks(self) -> list[slice]:
        return chunk_slices(len(self.index), max(1, _CHUNK_SAMPLES // 4**self.steps))

    def means(
        self,
        smooth: Mapping[str, np.ndarray],
        stepped: Mapping[str, np.ndarray],
        at_centers: Mapping[str, np.ndarray] | None = None,
    ) -> dict[str, np.ndarray]:
        """Return the means of maps over the HEALPix pixels.

        Parameters
        ----------
        smooth : dict
            Maps for cubic interpolation, ``(ny, nx)``.
        stepped : dict
            Maps, such as masks, for interpolation by the nearest pixel, ``(ny, nx)``.
        at_centers : dict or None
            Maps that hardly vary within a pixel, ``(ny, nx)``, whose values at the centers of the
            HEALPix pixels are taken, by linear interpolation. None has no such maps.

        Returns
        -------
        dict
            The means, float32, ``(n,)``, by the names of the maps.
        """
        names = (*smooth, *stepped, *(at_centers or {}))
        result = {name: np.empty(len(self.index), np.float32) for name in names}
        splines = {name: _spline(plane) for name, plane in smooth.items()}
        for rows in self._chunks():
            x, y = self._samples(rows)
            for name, spline in splines.items():
                result[name][rows] = _evaluated(spline, y, x).mean(axis=1)
            nearest = (np.rint(y).astype(np.intp), np.rint(x).astype(np.intp))
            for name, plane in stepped.items():
                result[name][rows] = plane[nearest].mean(axis=1)
            if at_centers:
                # The samples are placed about the center.
                center = [y.mean(axis=1), x.mean(axis=1)]
                for name, plane in at_centers.items():
                    result[name][rows] = ndimage.map_coordinates(
                        plane, center, output=np.float32, order=1, mode="nearest"
                    )
        return result

    def sampled(self, rows: np.ndarray, planes: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the means of many maps over some of the pixels.

        Parameters
        ----------
        rows : `numpy.ndarray`
            The positions of the pixels in ``index``, integer, ``(m,)``.
        planes : iterable of `numpy.ndarray`
            The maps, ``(ny, nx)``.

        Yields
        ------
        `numpy.ndarray`
            The means of one map, float32, ``(m,)``.
        """
        x, y = self._samples(rows)
        for plane in planes:
            yield _evaluated(_spline(plane), y, x).mean(axis=1)


def _spline(plane: np.ndarray) -> np.ndarray:
    return ndimage.spline_filter(plane, order=3, output=np.float64, mode="mirror")


def _evaluated(spline: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return ndimage.map_coordinates(
        spline, [y, x], output=np.float32, order=3, mode="mirror", prefilter=False
    )
