# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The sizes of the filament template, as angles and in working pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from astropy import units as u

from lensmap.cosmology import get_cosmology
from lensmap.utils import ParameterError, ParameterTypeError, check_angle

if TYPE_CHECKING:
    from lensmap.typing import CosmologyLike

__all__ = ["ArmSizes", "arm_sizes"]

# Half the side of the field in units of the outer radius, and the pixels per core width.
_FIELD, _PIXELS_PER_CORE = 1.4, 3.0

# The flat-sky approximation fails beyond this outer radius.
_MAX_RADIUS_DEG = 10.0


class ArmSizes(NamedTuple):
    """The sizes of the template of a filament and of the working pixels, in arcmin.

    Attributes
    ----------
    inner, outer : float
        The radii at which the template begins and ends.
    core : float
        The half-width of the core.
    excluded : float
        The radius within which galaxies are left out.
    scale : float
        The side of a working pixel.
    """

    inner: float
    outer: float
    core: float
    excluded: float
    scale: float

    @property
    def n_pixels(self) -> int:
        """The number of pixels along a side of the field, an even number."""
        return 2 * int(np.ceil(_FIELD * self.outer / self.scale))

    @property
    def middle(self) -> tuple[float, float]:
        """The pixel position (x, y) of the center of the field."""
        return (self.n_pixels - 1) / 2, (self.n_pixels - 1) / 2


def arm_sizes(
    radii: Any,
    core_width: Any,
    inner_radius: Any,
    pixel_scale: Any,
    z_lens: float | None,
    cosmology: CosmologyLike,
) -> ArmSizes:
    """Check the sizes of the template of a filament, and convert them to arcmin.

    Parameters
    ----------
    radii, core_width, inner_radius, pixel_scale : object
        The parameters of `matched_filter`.
    z_lens : float or None
        The redshift of the lens, required for proper lengths.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology.

    Returns
    -------
    ArmSizes
        The sizes.

    Raises
    ------
    TypeError, ValueError
        If one of the sizes is invalid.
    """
    convert = _Converter(z_lens, cosmology)
    inner, outer = convert.pair(radii)
    core = convert.angle(core_width, "core_width")
    excluded = core
    if inner_radius is not None:
        excluded = convert.angle(inner_radius, "inner_radius", zero=True)
    scale = core / _PIXELS_PER_CORE
    if pixel_scale is not None:
        scale = check_angle(pixel_scale, "pixel_scale").to_value(u.arcmin)
    if scale > core:
        raise ParameterError("pixel_scale", f"at most the core width ({core:.3g} arcmin)",
                             f"{scale:.3g} arcmin")
    return ArmSizes(inner, outer, core, excluded, float(scale))


class _Converter:
    """The conversion of angles and of proper lengths at the lens to arcmin."""

    def __init__(self, z_lens: float | None, cosmology: CosmologyLike) -> None:
        self._z_lens, self._cosmology = z_lens, get_cosmology(cosmology)

    def angle(self, size: Any, name: str, *, zero: bool = False) -> float:
        """Return one size in arcmin."""
        if isinstance(size, str):
            try:
                size = u.Quantity(size)
            except (TypeError, ValueError):
                pass
        if not isinstance(size, u.Quantity) or not (
            size.unit.is_equivalent(u.rad) or size.unit.is_equivalent(u.Mpc)
        ):
            raise ParameterTypeError(
                name, "an angle or a proper length, such as 5 * u.arcmin or 0.15 * u.Mpc",
                repr(size),
            )
        if size.unit.is_equivalent(u.Mpc):
            if self._z_lens is None:
                raise ParameterError(
                    "z_lens", f"given if {{{name}}} is a length", "None",
                    "give the redshift of the lens, or an angle",
                )
            distance = self._cosmology.angular_diameter_distance(self._z_lens)
            size = (size / distance).to_value(u.one) * u.rad
        value = check_angle(size, name, allow_zero=zero).to_value(u.arcmin)
        return float(value)

    def pair(self, radii: Any) -> tuple[float, float]:
        """Return the inner and the outer radius in arcmin."""
        if not isinstance(radii, u.Quantity) or radii.shape != (2,):
            raise ParameterTypeError(
                "radii", "two angles or lengths, such as [0.7, 2.7] * u.Mpc", repr(radii)
            )
        inner = self.angle(radii[0], "radii", zero=True)
        outer = self.angle(radii[1], "radii")
        if not inner < outer <= 60 * _MAX_RADIUS_DEG:
            raise ParameterError(
                "radii", "an inner radius and a larger outer radius of at most "
                f"{_MAX_RADIUS_DEG:g} deg", str(radii),
            )
        return inner, outer
