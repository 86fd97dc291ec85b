# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Two-dimensional celestial WCS of Astropy's common interface, with the attributes of FITS WCS."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np
from astropy.wcs.wcsapi import BaseLowLevelWCS, HighLevelWCSMixin, SlicedLowLevelWCS

__all__ = ["PlaneWCS"]


class PlaneWCS(BaseLowLevelWCS, HighLevelWCSMixin):
    """A celestial WCS that is not a plain FITS WCS, such as a ``gwcs.WCS``.

    The class adds the attributes of `astropy.wcs.WCS` that lensmap uses to a WCS of Astropy's
    common interface (APE 14): an ``array_shape`` that can be set, ``slice`` and ``deepcopy``.

    Parameters
    ----------
    wcs : `~astropy.wcs.wcsapi.BaseLowLevelWCS`
        A WCS with two pixel axes and two celestial axes.
    shape : tuple of int or None
        The shape of the image, ``(ny, nx)``. None takes ``array_shape`` of ``wcs``.
    """

    #: As for a FITS WCS: a header cannot hold this WCS.
    has_distortion = True

    has_celestial = True

    def __init__(self, wcs: BaseLowLevelWCS, shape: tuple[int, int] | None = None) -> None:
        self._wcs = wcs
        shape = wcs.array_shape if shape is None else shape
        self._shape = None if shape is None else (int(shape[0]), int(shape[1]))

    def __repr__(self) -> str:
        return f"<PlaneWCS of a {type(self._wcs).__name__}; array_shape={self._shape}>"

    __str__ = __repr__

    def __getattr__(self, name: str) -> Any:
        # What is not defined here is that of the WCS: units, names and classes of the world axes.
        if name.startswith("__") or name == "_wcs":
            raise AttributeError(name)
        return getattr(self._wcs, name)

    @property
    def naxis(self) -> int:
        """The number of pixel axes, 2."""
        return 2

    pixel_n_dim = world_n_dim = naxis

    @property
    def frame(self) -> Any:
        """The celestial frame of the world axes, an astropy frame without positions."""
        ny, nx = self._shape or (1, 1)
        return self.pixel_to_world((nx - 1) / 2, (ny - 1) / 2).frame.replicate_without_data()

    @property
    def array_shape(self) -> tuple[int, int] | None:
        """The shape of the image, ``(ny, nx)``; None if it is unknown."""
        return self._shape

    @array_shape.setter
    def array_shape(self, shape: tuple[int, int] | None) -> None:
        self._shape = None if shape is None else (int(shape[0]), int(shape[1]))

    @property
    def pixel_shape(self) -> tuple[int, int] | None:
        """The shape of the image, ``(nx, ny)``; None if it is unknown."""
        return None if self._shape is None else self._shape[::-1]

    @pixel_shape.setter
    def pixel_shape(self, shape: tuple[int, int] | None) -> None:
        self.array_shape = None if shape is None else (shape[1], shape[0])

    @property
    def world_axis_physical_types(self) -> list[str]:
        """The physical types of the world axes, such as ``"pos.eq.ra"``."""
        return self._wcs.world_axis_physical_types

    @property
    def world_axis_units(self) -> list[str]:
        """The units of the world axes, such as ``["deg", "deg"]``."""
        return self._wcs.world_axis_units

    @property
    def world_axis_object_components(self) -> list:
        """Access to each world axis in a SkyCoord, in the form that APE 14 defines."""
        return self._wcs.world_axis_object_components

    @property
    def world_axis_object_classes(self) -> dict:
        """The class of the world coordinates (SkyCoord) and its arguments, as defined in APE 14."""
        return self._wcs.world_axis_object_classes

    @property
    def axis_correlation_matrix(self) -> np.ndarray:
        """Bool, ``(2, 2)``: whether each world axis (row) depends on each pixel axis (column)."""
        return self._wcs.axis_correlation_matrix

    @property
    def low_level_wcs(self) -> Self:
        """This WCS, as the low-level interface (APE 14) of itself."""
        return self

    def pixel_to_world_values(self, *pixel_arrays: Any) -> Any:
        """Convert pixel positions (x, y) to celestial coordinates.

        The coordinates are numbers in the order and units of the world axes.
        """
        return self._wcs.pixel_to_world_values(*pixel_arrays)

    def world_to_pixel_values(self, *world_arrays: Any) -> Any:
        """Convert celestial coordinates to pixel positions (x, y).

        The coordinates are numbers in the order and units of the world axes.
        """
        return self._wcs.world_to_pixel_values(*world_arrays)

    def slice(self, view: Any) -> PlaneWCS:
        """Return the WCS of a part of the image.

        Parameters
        ----------
        view : tuple of slice
            The slices ``(y, x)``, without steps.

        Returns
        -------
        PlaneWCS
            The WCS of the part.
        """
        assert self._shape is not None, "only images of known shape are sliced"
        shape = tuple(len(range(n)[part]) for n, part in zip(self._shape, view, strict=True))
        return PlaneWCS(SlicedLowLevelWCS(self, view), (shape[0], shape[1]))

    def deepcopy(self) -> Self:
        """Return a copy of the WCS that shares no data with it."""
        return copy.deepcopy(self)

    def to_header(self, *args: Any, **kwargs: Any) -> Any:
        """Raise a ValueError, because a FITS header cannot hold this WCS."""
        raise ValueError(
            f"a FITS header cannot hold a {type(self._wcs).__name__}: reproject the map to an "
            "astropy.wcs.WCS first"
        )

    to_header_string = to_header
