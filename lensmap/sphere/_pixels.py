# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`HealpixPixels`: the pixels of a map of the sphere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import ArrayLike

from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    check_count,
    converts_to_icrs,
    import_optional,
    n_threads,
)

__all__ = ["HealpixPixels", "import_ducc"]

_MAX_ORDER = 29


@lru_cache
def _is_frame(name: str) -> bool:
    return name == "icrs" or converts_to_icrs(name)


def import_ducc() -> Any:
    """Return the package ``ducc0``, or raise an ImportError that says how to install it."""
    return import_optional(
        "ducc0", purpose="a map of the sphere", install="'lensmap[survey]'"
    )


@dataclass(frozen=True)
class HealpixPixels:
    """HEALPix pixels of the whole sphere, in the nested scheme.

    They take the place of a WCS for estimators that work on the sphere.

    Attributes
    ----------
    nside : int
        The resolution, a power of 2 from 1 to 2^29. There are ``12 nside**2`` pixels.
    frame : str
        The name of the astropy frame of the sphere, such as ``"icrs"`` or ``"galactic"``.

    Raises
    ------
    TypeError, ValueError
        If ``nside`` is not a power of 2, or ``frame`` is not the name of such a frame.

    References
    ----------
    Gorski et al. 2005, ApJ 622, 759.

    Examples
    --------
    >>> from lensmap.sphere import HealpixPixels
    >>> pixels = HealpixPixels(4096)
    >>> print(f"{pixels.scale:.3f}")
    0.859 arcmin
    """

    nside: int
    frame: str = "icrs"

    def __post_init__(self) -> None:
        nside = check_count(self.nside, "nside", minimum=1)
        if nside & (nside - 1) or nside > 1 << _MAX_ORDER:
            below = 1 << min(nside.bit_length() - 1, _MAX_ORDER)
            remedy = f"the nearest are {below} and {2 * below}" if below < 1 << _MAX_ORDER else None
            raise ParameterError("nside", "a power of 2 from 1 to 2^29", str(nside), remedy)
        if not isinstance(self.frame, str):
            raise ParameterTypeError("frame", "the name of an astropy frame", repr(self.frame))
        if not _is_frame(self.frame):
            raise ParameterError(
                "frame", "the name of an astropy frame that converts to ICRS", repr(self.frame),
                "such as 'icrs' or 'galactic'",
            )

    def __reduce__(self) -> tuple:
        return type(self), (self.nside, self.frame)  # without the object of ducc0

    @property
    def order(self) -> int:
        """The order, the logarithm of ``nside`` to base 2."""
        return self.nside.bit_length() - 1

    @property
    def n_pixels(self) -> int:
        """The number of pixels of the whole sphere."""
        return 12 * self.nside**2

    @property
    def area(self) -> float:
        """The area of a pixel, steradian."""
        return 4 * np.pi / self.n_pixels

    @property
    def scale(self) -> u.Quantity:
        """The square root of the area of a pixel, an angle."""
        return (np.sqrt(self.area) * u.rad).to(u.arcmin)

    @cached_property
    def _nested(self) -> Any:
        return import_ducc().healpix.Healpix_Base(self.nside, "NEST")

    def at(self, lon: ArrayLike, lat: ArrayLike) -> np.ndarray:
        """Return the pixels that contain positions.

        Parameters
        ----------
        lon, lat : array_like
            Longitude and latitude in the frame of the sphere, degrees, ``(n,)``.

        Returns
        -------
        `numpy.ndarray`
            The nested indices of the pixels, int64, ``(n,)``.
        """
        if np.size(lon) == 0:  # which older releases of ducc0 refuse
            return np.empty(np.shape(lon), np.int64)
        angles = np.stack([90 - np.asarray(lat, float), np.mod(np.asarray(lon, float), 360)], -1)
        return self._nested.ang2pix(np.radians(angles), nthreads=n_threads())

    def centers(self, index: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return the centers of pixels.

        Parameters
        ----------
        index : array_like
            Nested indices of pixels, ``(n,)``.

        Returns
        -------
        lon, lat : `numpy.ndarray`
            Longitude and latitude in the frame of the sphere, degrees, ``(n,)``.
        """
        index = np.asarray(index, np.int64)
        if index.size == 0:
            return np.empty(index.shape), np.empty(index.shape)
        angles = np.degrees(self._nested.pix2ang(index, nthreads=n_threads()))
        return angles[..., 1], 90 - angles[..., 0]

    def to_ring(self, index: ArrayLike) -> np.ndarray:
        """Return the indices in the ring scheme of pixels with nested indices, int64, ``(n,)``."""
        index = np.asarray(index, np.int64)
        return self._nested.nest2ring(index, nthreads=n_threads()) if index.size else index

    def from_ring(self, index: ArrayLike) -> np.ndarray:
        """Return the nested indices of pixels with indices in the ring scheme, int64, ``(n,)``."""
        index = np.asarray(index, np.int64)
        return self._nested.ring2nest(index, nthreads=n_threads()) if index.size else index
