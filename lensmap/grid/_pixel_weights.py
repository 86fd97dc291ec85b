# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The weights of the galaxies in each pixel, for noise that depends on the weight."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lensmap.grid._add_at import add_at
from lensmap.utils import chunk_slices

if TYPE_CHECKING:
    from lensmap.catalog import VarianceByWeight
    from lensmap.grid._assignment import Assignment

__all__ = ["PixelWeights"]

_CHUNK_ENTRIES = 500_000

# With more entries per pixel than this, galaxies of nearly the same weight in the same pixel are
# merged, so that memory does not grow with the number of galaxies without limit.
_MAX_ENTRIES_PER_PIXEL = 32

# Weights are merged if they agree in their exponent and in these bits of the mantissa: bins whose
# width is between 1/8 and 1/4 of the weight.
_MERGED_BITS = 50
_N_BINS = 1 << (63 - _MERGED_BITS)


@dataclass(frozen=True, eq=False)
class PixelWeights:
    r"""The pixel and the weight of each galaxy on a map.

    The shape noise as a function of the weight is known only when all galaxies have been read.
    Therefore, a shear grid keeps the weights until then, in 8 bytes per galaxy (64 with
    cloud-in-cell). Each entry of the arrays is one galaxy in one pixel. If there are more than 32
    entries per pixel, galaxies in the same pixel whose weights differ by at most a quarter are
    merged into one entry.

    Attributes
    ----------
    n_pixels : int
        The number of pixels of the map.
    pixel : `numpy.ndarray`
        The flat index of the pixel of each entry, integer, ``(n,)``.
    weight : `numpy.ndarray`
        The weight of the galaxy, ``(n,)``. For merged galaxies, a mean of their weights.
    share : `numpy.ndarray` or None
        The factor of :math:`w^2` in the sum of squared weights, ``(n,)``. For one galaxy, it is the
        square of the fraction that falls in the pixel. For merged galaxies, it is the sum of their
        squared weights divided by the square of their mean weight. None if all factors are 1.
    merged : bool
        Whether galaxies are merged.
    """

    n_pixels: int
    pixel: np.ndarray
    weight: np.ndarray
    share: np.ndarray | None = None
    merged: bool = False

    @property
    def max_entries(self) -> int:
        """The largest number of stored weights, an integer.

        If there are more weights, galaxies of similar weight in the same pixel are merged.
        """
        return _MAX_ENTRIES_PER_PIXEL * self.n_pixels

    @classmethod
    def from_assignment(cls, assignment: Assignment) -> PixelWeights | None:
        """Return the weights of galaxies that are assigned to pixels.

        Parameters
        ----------
        assignment : Assignment
            The galaxies and their pixels.

        Returns
        -------
        PixelWeights or None
            The weights. None if they are not needed to compute the noise, because the catalog has
            no weights or has the column ``sigma_e``.
        """
        weight = assignment.weight
        if weight is None or assignment.catalog["sigma_e"] is not None:
            return None
        n_pixels = assignment.mask.size
        kind = np.int32 if n_pixels <= np.iinfo(np.int32).max else np.int64
        if assignment.scheme == "nearest":
            # A copy, because a view of a column would keep the whole chunk in memory.
            return cls(n_pixels, assignment.pixel.astype(kind), weight.copy())
        parts = []
        for pixel, fraction in assignment.targets():
            assert fraction is not None  # with cloud-in-cell
            used = fraction > 0
            parts.append(cls(
                n_pixels, pixel[used].astype(kind), weight[used], fraction[used] ** 2
            ))
        return cls.concatenate(parts)

    @classmethod
    def concatenate(cls, parts: Iterable[PixelWeights]) -> PixelWeights:
        """Return the weights of several sets of galaxies on the same map.

        Parameters
        ----------
        parts : iterable of PixelWeights
            The weights of at least one set.

        Returns
        -------
        PixelWeights
            The weights of all galaxies. If there are more than ``max_entries``, galaxies of similar
            weight in the same pixel are merged.
        """
        parts = list(parts)
        if len(parts) == 1 and len(parts[0].pixel) <= parts[0].max_entries:
            return parts[0]
        pixel = np.concatenate([part.pixel for part in parts])
        weight = np.concatenate([part.weight for part in parts])
        share = None
        if any(part.share is not None for part in parts):
            share = np.concatenate([
                np.ones(len(part.pixel)) if part.share is None else part.share for part in parts
            ])
        whole = cls(parts[0].n_pixels, pixel, weight, share)
        # Once galaxies have been merged, all are, so that the result does not depend on the parts.
        too_many = len(pixel) > whole.max_entries or any(part.merged for part in parts)
        return whole.merged_by_weight() if too_many else whole

    def cropped(self, shape: tuple[int, int], y: range, x: range) -> PixelWeights:
        """Return the weights on a rectangle of the pixels.

        Parameters
        ----------
        shape : tuple of int
            The shape of the map, ``(ny, nx)``.
        y, x : range
            The rows and the columns of the rectangle.

        Returns
        -------
        PixelWeights
            The weights in the rectangle, with the flat indices of its pixels.
        """
        row, column = np.divmod(self.pixel, shape[1])
        row -= y.start
        column -= x.start
        on = (row >= 0) & (row < len(y)) & (column >= 0) & (column < len(x))
        return PixelWeights(
            len(y) * len(x), (row * len(x) + column)[on], self.weight[on],
            None if self.share is None else self.share[on], merged=self.merged,
        )

    def merged_by_weight(self) -> PixelWeights:
        """Return the weights with galaxies of similar weight in the same pixel merged.

        Returns
        -------
        PixelWeights
            The merged weights. Sums of w and of w^2 are kept exactly.
        """
        weight = self.weight.astype(float)
        key = self.pixel.astype(np.int64) * _N_BINS + (weight.view(np.int64) >> _MERGED_BITS)
        key, entry = np.unique(key, return_inverse=True)
        share = 1.0 if self.share is None else self.share
        # Sums of w and of w^2 keep the noise exact for one dispersion and for inverse variances.
        linear = np.bincount(entry, share * weight)
        square = np.bincount(entry, share * weight**2)
        mean = np.divide(square, linear, out=np.zeros_like(square), where=linear > 0)
        share = np.divide(linear**2, square, out=np.zeros_like(square), where=square > 0)
        pixel = (key // _N_BINS).astype(self.pixel.dtype)
        return PixelWeights(self.n_pixels, pixel, mean, share, merged=True)

    def noise_sum(self, variance: VarianceByWeight) -> np.ndarray:
        r"""Return the sum of weight squared times variance over the galaxies of each pixel.

        Parameters
        ----------
        variance : VarianceByWeight
            The variance of an ellipticity component, :math:`\sigma^2(w)`, as a function of the
            weight.

        Returns
        -------
        `numpy.ndarray`
            The sums :math:`\sum w^2 \sigma^2(w)`, float, ``(n_pixels,)``.
        """
        result = np.zeros(self.n_pixels)
        for rows in chunk_slices(len(self.pixel), _CHUNK_ENTRIES):
            weight = self.weight[rows]
            values = weight * variance.weighted(weight)
            if self.share is not None:
                values *= self.share[rows]
            add_at(result, self.pixel[rows], values)
        return result
