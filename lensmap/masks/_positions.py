# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Where a mask is asked: on the sky, and in the pixels of a map if there is one."""

from functools import cached_property

import numpy as np

__all__ = ["Positions", "chord"]


def chord(radius):
    """Return the length of the chord that an angle (radians) spans on the unit sphere."""
    return 2.0 * np.sin(np.minimum(radius, np.pi) / 2.0)


class Positions:
    """Positions that all parts of a mask are asked about; what they share is worked out once.

    Make them with `from_pixels` or `from_sky`. All arrays are flat.

    Attributes
    ----------
    shape : tuple of int
        What the answer shall be reshaped to.
    finite : `numpy.ndarray`
        Bool: which positions are numbers.
    wcs : `~astropy.wcs.WCS` or None
        The map's; None for positions on the sky without a map.
    """

    def __init__(self, shape, finite, *, x=None, y=None, wcs=None, sky=None):
        self.shape = shape
        self.finite = finite
        self.wcs = wcs
        self._xy = x, y
        if sky is not None:
            self.sky = sky

    @classmethod
    def from_pixels(cls, x, y, wcs):
        """Take 0-based pixel positions on a map."""
        x, y = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
        shape, x, y = x.shape, x.ravel(), y.ravel()
        # wcslib keeps work space in a WCS, and masks are asked by several threads.
        return cls(shape, np.isfinite(x) & np.isfinite(y), x=x, y=y, wcs=wcs.deepcopy())

    @classmethod
    def from_sky(cls, sky):
        """Take a `~astropy.coordinates.SkyCoord`."""
        shape, sky = sky.shape, sky.icrs.ravel()
        return cls(shape, np.isfinite(sky.ra.deg) & np.isfinite(sky.dec.deg), sky=sky)

    def __len__(self):
        return len(self.finite)

    def pixels(self, what):
        """Return x and y; ``what`` needs them, and says so where there is no map."""
        if self.wcs is None:
            raise TypeError(
                f"{what} speaks of the pixels of a map, and there is none here: give a mask on "
                "the sky"
            )
        return self._xy

    @cached_property
    def sky(self):
        """The positions as a `~astropy.coordinates.SkyCoord`, ICRS."""
        # Not astropy's pixel_to_skycoord, which swaps the pixel axes where latitude comes first.
        return self.wcs.pixel_to_world(*self._xy).icrs

    @cached_property
    def vectors(self):
        """Unit vectors, ICRS, ``(n, 3)``; those that are not on the sky are far from all."""
        vectors = self.sky.cartesian.xyz.value.T
        return np.where(np.isfinite(vectors), vectors, 1e3)

    @cached_property
    def _tree(self):
        from scipy.spatial import KDTree  # only with many holes

        return KDTree(self.vectors, balanced_tree=False, compact_nodes=False)

    def near(self, center, length, *, of_many=False):
        """Find positions near a point of the sky.

        Parameters
        ----------
        center : `numpy.ndarray`
            A unit vector, ICRS.
        length : float
            The longest chord.
        of_many : bool
            Whether many such questions come: a tree is worth its making then.

        Returns
        -------
        `numpy.ndarray`
            Indices.
        """
        if of_many:
            return np.array(self._tree.query_ball_point(center, length), dtype=np.intp)
        return np.flatnonzero(np.square(self.vectors - center).sum(axis=1) <= length**2)
