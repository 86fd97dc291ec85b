# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The tangent-plane WCS of simulated fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.grid import tangent_wcs
from lensmap.utils import ParameterTypeError

if TYPE_CHECKING:
    from astropy.wcs import WCS

    from lensmap.typing import AngleLike

__all__ = ["NOWHERE", "flat_wcs"]

#: The arbitrary sky position given to the center of fields that have none.
NOWHERE = SkyCoord(180.0, 0.0, unit=u.deg)


def flat_wcs(
    shape: tuple[int, int], pixel_scale: AngleLike, center: SkyCoord | None = None
) -> WCS:
    """Return the WCS of a simulated field: a tangent plane with north up and east left.

    Parameters
    ----------
    shape : tuple of int
        The shape of the field in pixels, ``(ny, nx)``.
    pixel_scale : `~astropy.units.Quantity` or str
        The angular side of a pixel.
    center : `~astropy.coordinates.SkyCoord` or None
        The center of the field. If None, RA 180 deg, Dec 0.

    Returns
    -------
    `~astropy.wcs.WCS`
        The WCS in ICRS, with ``array_shape`` set.

    Raises
    ------
    TypeError
        If ``center`` is not a single position.
    """
    center = NOWHERE if center is None else center
    if not isinstance(center, SkyCoord) or not center.isscalar:
        raise ParameterTypeError("center", "a SkyCoord of one position, or None", repr(center))
    return tangent_wcs(center, shape, pixel_scale)
