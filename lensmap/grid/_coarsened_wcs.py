# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""WCS whose pixels are blocks of the pixels of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.wcs import WCS, DistortionLookupTable, Sip
from astropy.wcs.wcsapi.wrappers import BaseWCSWrapper

from lensmap.utils import (
    ContinuedWCS,
    ParameterError,
    PlaneWCS,
    check_angle,
    check_celestial_wcs,
    pixel_size,
    pixel_to_sky,
    unit_vectors,
)

if TYPE_CHECKING:
    from lensmap.typing import AngleLike

__all__ = ["block_factor", "block_wcs", "coarsened_wcs"]

_TABLES = ("cpdis1", "cpdis2", "det2im1", "det2im2")

# The largest distance, in pixels of the image, between a corner of a block and that of the image.
_TOLERANCE_PIXELS = 1e-4


def coarsened_wcs(wcs: WCS, pixel_scale: AngleLike) -> WCS:
    """Make a WCS whose pixels are blocks of k x k pixels of an image.

    The blocks begin at the first pixel of the image, so that each of their edges is an edge of
    image pixels. The projection, its orientation and its distortions are those of the image.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS` or other WCS
        The celestial WCS of the image, with its ``array_shape``: that of a FITS header or any WCS
        of Astropy's common interface.
    pixel_scale : `~astropy.units.Quantity` or str
        The side of a block, an angle, at least half of the pixel scale of the image. The factor k
        is the whole number that is nearest to the ratio of the two scales. The scale of pixels that
        are not square is the square root of their area.

    Returns
    -------
    `~astropy.wcs.WCS` or other WCS
        The WCS of the blocks, with ``array_shape`` set. If k does not divide the number of pixels
        along an axis, the last blocks extend beyond the image.

    Raises
    ------
    TypeError
        If ``wcs`` is not a WCS, or ``pixel_scale`` is not an angle.
    ValueError
        If ``wcs`` is not two-dimensional and celestial, has no ``array_shape`` or has a distortion
        that does not scale with the pixels, or if ``pixel_scale`` is smaller than half of its
        pixels.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.coordinates import SkyCoord
    >>> from lensmap.grid import coarsened_wcs, tangent_wcs
    >>> image = tangent_wcs(SkyCoord(150, 2, unit="deg"), (6000, 6000), 0.2 * u.arcsec)
    >>> coarsened_wcs(image, 0.4 * u.arcmin).array_shape
    (50, 50)
    """
    wcs = check_celestial_wcs(wcs)
    return block_wcs(wcs, block_factor(wcs, pixel_scale))


def block_factor(wcs: WCS, pixel_scale: AngleLike) -> int:
    """Return the number of image pixels along the side of a block of about a given size.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS` or PlaneWCS
        The celestial WCS of the image, as ``lensmap.utils.check_celestial_wcs`` returns it.
    pixel_scale : `~astropy.units.Quantity` or str
        As for `coarsened_wcs`.

    Returns
    -------
    int
        The factor, at least 1.

    Raises
    ------
    ValueError
        If ``pixel_scale`` is smaller than half of the pixels.
    """
    pixel_scale = check_angle(pixel_scale, "pixel_scale")
    image_scale = pixel_size(wcs, wcs.array_shape).to(pixel_scale.unit)
    factor = int(np.floor(float(pixel_scale / image_scale) + 0.5))
    if factor < 1:
        raise ParameterError(
            "pixel_scale",
            f"at least half of the pixel scale of the image, {image_scale:.3g}",
            str(pixel_scale),
            "the pixels of an image are joined, not divided",
        )
    return factor


def block_wcs(wcs: WCS, factor: int) -> WCS:
    """Make a WCS whose pixels are blocks of the pixels of an image, from the side of a block.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS` or PlaneWCS
        The celestial WCS of the image, as ``lensmap.utils.check_celestial_wcs`` returns it.
    factor : int
        The number of image pixels along the side of a block, at least 1.

    Returns
    -------
    `~astropy.wcs.WCS` or PlaneWCS
        The WCS of the blocks, as `coarsened_wcs` returns it.

    Raises
    ------
    ValueError
        If the WCS has a distortion that does not scale with the pixels.
    """
    shape = tuple(-(-n // factor) for n in wcs.array_shape)
    if isinstance(wcs, PlaneWCS) and not isinstance(wcs, ContinuedWCS):
        return PlaneWCS(_BlockWCS(wcs, factor), shape)
    image = wcs.projection if isinstance(wcs, ContinuedWCS) else wcs
    # A distortion that acts between PC and CDELT, such as TPV, needs the factor in PC.
    matrices = ["cd"] if image.wcs.has_cd() else ["cdelt"]
    for matrix in matrices + ["pc"] * image.wcs.has_pc():
        blocks = _scaled(image, factor, matrix)
        blocks.array_shape = shape
        blocks = check_celestial_wcs(blocks)
        if _same_sky(wcs, blocks, factor):
            return blocks
    raise ParameterError(
        "wcs",
        "without distortions, or with those of SIP, TPV or tables",
        "one with another distortion, which does not scale with the pixels",
        "approximate it by a WCS without this distortion",
    )


def _scaled(wcs: WCS, factor: int, matrix: str) -> WCS:
    """Return a FITS WCS in units of larger pixels, without its ``array_shape``.

    ``matrix`` is the name of the part of the linear transformation that changes.
    """
    new = wcs.deepcopy()
    new.wcs.crpix = _block_position(wcs.wcs.crpix, factor)
    setattr(new.wcs, matrix, getattr(wcs.wcs, matrix) * factor)
    if wcs.sip is not None:
        new.sip = _scaled_sip(wcs.sip, factor)
    for name in _TABLES:
        table = getattr(wcs, name)
        if table is not None:
            setattr(new, name, DistortionLookupTable(
                (table.data / factor).astype(np.float32),
                tuple(table.crpix),
                tuple(_block_position(table.crval, factor)),
                tuple(np.divide(table.cdelt, factor)),
            ))
    new.pixel_bounds = None
    new.wcs.set()
    return new


def _block_position(position: Any, factor: int) -> np.ndarray:
    """Convert pixel positions of an image to those of blocks; the first pixel has the number 1."""
    return (np.asarray(position, dtype=float) - 0.5) / factor + 0.5


def _scaled_sip(sip: Sip, factor: int) -> Sip:
    """Return SIP polynomials in units of larger pixels."""

    def scaled(coefficients: np.ndarray | None) -> np.ndarray | None:
        if coefficients is None:
            return None
        p, q = np.indices(coefficients.shape)
        return coefficients * float(factor) ** (p + q - 1)

    return Sip(
        scaled(sip.a), scaled(sip.b), scaled(sip.ap), scaled(sip.bp),
        _block_position(sip.crpix, factor),
    )


def _same_sky(wcs: WCS, blocks: WCS, factor: int) -> bool:
    """Return whether blocks have the positions of their image pixels on the sky."""
    ny, nx = wcs.array_shape
    y, x = np.meshgrid(
        np.linspace(-0.5, ny - 0.5, 17), np.linspace(-0.5, nx - 0.5, 17), indexing="ij"
    )
    fine = unit_vectors(*pixel_to_sky(wcs, x.ravel(), y.ravel()))
    coarse = unit_vectors(*pixel_to_sky(
        blocks, *((v.ravel() + 0.5) / factor - 0.5 for v in (x, y))
    ))
    distance = np.linalg.norm(coarse - fine, axis=-1)
    # The two edges of an image of the whole sky are one meridian, on which one of them may be lost.
    distance = distance[np.isfinite(distance)]
    tolerance = _TOLERANCE_PIXELS * pixel_size(wcs, wcs.array_shape).to_value("rad")
    return bool(np.all(distance < tolerance))


class _BlockWCS(BaseWCSWrapper):
    """A WCS of Astropy's common interface whose pixels are blocks of those of another WCS."""

    def __init__(self, wcs: PlaneWCS, factor: int) -> None:
        super().__init__(wcs)
        self._factor = factor

    @property
    def pixel_shape(self) -> None:
        """The shape of the image is that of the `PlaneWCS` around this object."""
        return None

    @property
    def pixel_bounds(self) -> None:
        """The positions at which the WCS is defined are not restricted."""
        return None

    def pixel_to_world_values(self, *pixel_arrays: Any) -> Any:
        """Convert positions in blocks to world coordinates."""
        return self._wcs.pixel_to_world_values(
            *(self._factor * (np.asarray(v, dtype=float) + 0.5) - 0.5 for v in pixel_arrays)
        )

    def world_to_pixel_values(self, *world_arrays: Any) -> Any:
        """Convert world coordinates to positions in blocks."""
        return tuple(
            (np.asarray(v, dtype=float) + 0.5) / self._factor - 0.5
            for v in self._wcs.world_to_pixel_values(*world_arrays)
        )
