# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The class `Positions`: positions to test against a mask, on the sky and in pixels of a map."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.utils import as_icrs, celestial_frame, check_celestial_wcs, pixel_to_sky, sky_to_pixel

if TYPE_CHECKING:
    from astropy.wcs import WCS
    from numpy.typing import ArrayLike
    from scipy.spatial import KDTree

__all__ = ["Positions", "chord"]


def chord(angle: ArrayLike) -> np.ndarray:
    """Return the length of the chord of an angle (radians) on the unit sphere, 2 sin(angle / 2)."""
    return 2.0 * np.sin(np.minimum(angle, np.pi) / 2.0)


class Positions:
    """Positions to test against a mask, in pixels, on the sky and as unit vectors.

    Each coordinate system is computed at its first use, and then kept.

    Create an instance with `from_pixels` or `from_sky`. All arrays are one-dimensional.

    Attributes
    ----------
    shape : tuple of int
        The shape of the arrays in which the positions were given.
    finite : `numpy.ndarray`
        True for positions with finite coordinates, bool, ``(n,)``.
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
        self._on_images: dict[int, tuple[WCS, np.ndarray, np.ndarray]] = {}
        if sky is not None:
            self.sky = sky

    @classmethod
    def from_pixels(cls, x: ArrayLike, y: ArrayLike, wcs: WCS) -> Positions:
        """Create positions from 0-based pixel coordinates on a map."""
        x, y = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
        shape, x, y = x.shape, x.ravel(), y.ravel()
        wcs = check_celestial_wcs(wcs, need_shape=False)
        return cls(shape, np.isfinite(x) & np.isfinite(y), x=x, y=y, wcs=wcs)

    @classmethod
    def from_sky(cls, sky: SkyCoord) -> Positions:
        """Create positions from sky coordinates."""
        shape, sky = sky.shape, as_icrs(sky, "sky").ravel()
        return cls(shape, np.isfinite(sky.ra.deg) & np.isfinite(sky.dec.deg), sky=sky)

    def __len__(self) -> int:
        return len(self.finite)

    def pixels(self, kind: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the pixel positions x and y on the map.

        Parameters
        ----------
        kind : str
            The kind of mask, named in the error message.

        Returns
        -------
        tuple of `numpy.ndarray`
            x and y, ``(n,)`` each, 0-based.

        Raises
        ------
        TypeError
            If the positions were given on the sky, without a map.
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
        lon, lat = pixel_to_sky(self.wcs, *self.pixels("a mask"))
        return SkyCoord(lon, lat, unit=u.deg, frame=celestial_frame(self.wcs)).icrs

    def image_pixels(self, wcs: WCS) -> tuple[np.ndarray, np.ndarray]:
        """Return the pixel positions on an image with its own WCS.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`
            The WCS of the image, as ``lensmap.utils.check_celestial_wcs`` returns it.

        Returns
        -------
        tuple of `numpy.ndarray`
            x and y, ``(n,)`` each, 0-based. They are not finite for positions that the projection
            of the image does not include.
        """
        if id(wcs) not in self._on_images:
            sky = self.sky.transform_to(celestial_frame(wcs)).spherical
            # The WCS is kept, so that its id is not given to another one.
            self._on_images[id(wcs)] = wcs, *sky_to_pixel(wcs, sky.lon.deg, sky.lat.deg)
        return self._on_images[id(wcs)][1:]

    @cached_property
    def vectors(self) -> np.ndarray:
        """Unit vectors to the positions, ICRS, ``(n, 3)``.

        Positions that are not finite get a very long vector, so that no search near a point on the
        sky finds them.
        """
        vectors = self.sky.cartesian.xyz.value.T
        return np.where(np.isfinite(vectors), vectors, 1e3)

    @cached_property
    def _tree(self) -> KDTree:
        from scipy.spatial import KDTree  # slow to import, and used only for many shapes

        return KDTree(self.vectors, balanced_tree=False, compact_nodes=False)

    def near(self, center: np.ndarray, length: float, *, use_tree: bool = False) -> np.ndarray:
        """Return the indices of the positions within a distance of a point on the sky.

        Parameters
        ----------
        center : `numpy.ndarray`
            The unit vector to the point, ICRS, ``(3,)``.
        length : float
            The distance as a chord length on the unit sphere.
        use_tree : bool
            Whether to search with a k-d tree, which is faster for many searches.

        Returns
        -------
        `numpy.ndarray`
            Indices into the positions, integer.
        """
        if use_tree:
            return np.array(self._tree.query_ball_point(center, length), dtype=np.intp)
        return np.flatnonzero(np.square(self.vectors - center).sum(axis=1) <= length**2)
