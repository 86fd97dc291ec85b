# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Positions to test against a mask: on the sky and, on a map, in its pixels."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.wcs import WCS
    from numpy.typing import ArrayLike
    from scipy.spatial import KDTree

__all__ = ["Positions", "chord"]


def chord(angle: ArrayLike) -> np.ndarray:
    """Return the chord of an angle (radians) on the unit sphere."""
    return 2.0 * np.sin(np.minimum(angle, np.pi) / 2.0)


class Positions:
    """Positions in all coordinates that masks need, each computed once.

    Make them with `from_pixels` or `from_sky`. All arrays are flat.

    Attributes
    ----------
    shape : tuple of int
        The shape of the given positions.
    finite : `numpy.ndarray`
        Bool: the positions whose coordinates are finite.
    wcs : `~astropy.wcs.WCS` or None
        The WCS of the map; None for positions without a map.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        finite: np.ndarray,
        *,
        x: np.ndarray | None = None,
        y: np.ndarray | None = None,
        wcs: WCS | None = None,
        sky: SkyCoord | None = None,
    ) -> None:
        self.shape = shape
        self.finite = finite
        self.wcs = wcs
        self._xy = x, y
        if sky is not None:
            self.sky = sky

    @classmethod
    def from_pixels(cls, x: ArrayLike, y: ArrayLike, wcs: WCS) -> Positions:
        """Return the positions of 0-based pixel coordinates on a map."""
        x, y = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
        shape, x, y = x.shape, x.ravel(), y.ravel()
        # wcslib writes to a WCS during a transformation, so each thread needs a copy.
        return cls(shape, np.isfinite(x) & np.isfinite(y), x=x, y=y, wcs=wcs.deepcopy())

    @classmethod
    def from_sky(cls, sky: SkyCoord) -> Positions:
        """Return the positions of coordinates on the sky."""
        shape, sky = sky.shape, sky.icrs.ravel()
        return cls(shape, np.isfinite(sky.ra.deg) & np.isfinite(sky.dec.deg), sky=sky)

    def __len__(self) -> int:
        return len(self.finite)

    def pixels(self, kind: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the pixel positions x and y.

        Parameters
        ----------
        kind : str
            The kind of mask, for the error message.

        Returns
        -------
        tuple of `numpy.ndarray`
            x and y, ``(n,)`` each.

        Raises
        ------
        TypeError
            If there is no map.
        """
        x, y = self._xy
        if x is None or y is None:
            raise TypeError(
                f"{kind} is defined in the pixels of a map, and there is no map: give a mask on "
                "the sky"
            )
        return x, y

    @cached_property
    def sky(self) -> SkyCoord:
        """The positions on the sky, ICRS."""
        assert self.wcs is not None, "positions without a map are given on the sky"
        # astropy's pixel_to_skycoord would swap the pixel axes where latitude comes first.
        return self.wcs.pixel_to_world(*self._xy).icrs

    @cached_property
    def vectors(self) -> np.ndarray:
        """Unit vectors, ICRS, ``(n, 3)``; positions off the sky are far from all others."""
        vectors = self.sky.cartesian.xyz.value.T
        return np.where(np.isfinite(vectors), vectors, 1e3)

    @cached_property
    def _tree(self) -> KDTree:
        from scipy.spatial import KDTree  # slow to import, and of use for many shapes only

        return KDTree(self.vectors, balanced_tree=False, compact_nodes=False)

    def near(self, center: np.ndarray, length: float, *, use_tree: bool = False) -> np.ndarray:
        """Return the positions within a distance of a point on the sky.

        Parameters
        ----------
        center : `numpy.ndarray`
            The unit vector of the point, ICRS, ``(3,)``.
        length : float
            The chord of the distance.
        use_tree : bool
            Whether to search with a tree, which pays off for many searches.

        Returns
        -------
        `numpy.ndarray`
            Indices of the positions.
        """
        if use_tree:
            return np.array(self._tree.query_ball_point(center, length), dtype=np.intp)
        return np.flatnonzero(np.square(self.vectors - center).sum(axis=1) <= length**2)
