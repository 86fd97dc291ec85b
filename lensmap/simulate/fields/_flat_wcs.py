# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The WCS of fields that know nothing of the sky."""

from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.grid import tangent_wcs

__all__ = ["NOWHERE", "flat_wcs"]

#: Where a field is put that is nowhere.
NOWHERE = SkyCoord(180.0, 0.0, unit=u.deg)


def flat_wcs(shape, pixel_scale, center=None):
    """Return a tangent plane, north up and east left, that touches the center of a field.

    Parameters
    ----------
    shape : tuple of int
        ``(ny, nx)``.
    pixel_scale : `~astropy.units.Quantity`
        The side of a pixel, an angle.
    center : `~astropy.coordinates.SkyCoord` or None
        Where; None is RA 180, dec 0.

    Returns
    -------
    `~astropy.wcs.WCS`
        ICRS, with its ``array_shape``.

    Raises
    ------
    TypeError
        If ``center`` is not one position.
    """
    center = NOWHERE if center is None else center
    if not isinstance(center, SkyCoord) or not center.isscalar:
        raise TypeError(f"center must be one SkyCoord or None, not {center!r}")
    return tangent_wcs(center, shape, pixel_scale)
