# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Sizes and positions of pixels on the sky, and the comparison of two WCS."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from scipy.interpolate import RegularGridInterpolator

from lensmap.utils import (
    ParameterError,
    celestial_frame,
    central_pixel,
    pixel_to_sky,
    sky_to_pixel,
    unit_vectors,
)

__all__ = [
    "MAX_ANISOTROPY", "MAX_PLANE_ANISOTROPY", "check_pixels", "pixel_areas", "pixel_sides",
    "pixel_to_pixel", "same_pixels",
]

#: The largest ratio of the sides of a pixel that counts as square. Shear that is inverted on such
#: pixels has a relative error of about 0.03, and smoothing that is isotropic in pixels is isotropic
#: on the sky.
MAX_ANISOTROPY = 1.03

#: The anisotropy of a tangent plane 25 degrees from its center, the largest on a map of the flat
#: sky. The pixel scale varies by less than the square of it.
MAX_PLANE_ANISOTROPY = 1.1

# The numbers of points along a side of a map at which its pixels are compared, and between which
# their areas are interpolated.
_N_POINTS, _N_AREAS = 9, 33

# The largest distance, in pixels, between pixels of two WCS that count as equal. It allows for the
# rounding of a FITS header, which keeps 14 digits.
_TOLERANCE_PIXELS = 1e-3


def pixel_to_pixel(
    x: np.ndarray, y: np.ndarray, wcs_in: WCS, wcs_out: WCS
) -> tuple[np.ndarray, np.ndarray]:
    """Convert pixel positions on one WCS to pixel positions on another.

    Parameters
    ----------
    x, y : `numpy.ndarray`
        0-based pixel positions on ``wcs_in``.
    wcs_in, wcs_out : `~astropy.wcs.WCS`
        Two-dimensional celestial WCS.

    Returns
    -------
    x, y : `numpy.ndarray`
        0-based pixel positions on ``wcs_out``. NaN for positions outside its projection.
    """
    sphere = _sky(wcs_in, x, y).transform_to(celestial_frame(wcs_out)).spherical
    new_x, new_y = sky_to_pixel(wcs_out, sphere.lon.deg.ravel(), sphere.lat.deg.ravel())
    return new_x.reshape(np.shape(x)), new_y.reshape(np.shape(x))


def _sky(wcs, x, y):
    return SkyCoord(*pixel_to_sky(wcs, x, y), unit=u.deg, frame=celestial_frame(wcs))


def pixel_sides(wcs: WCS, shape: tuple[int, int]) -> u.Quantity:
    """Return the height and the width of the central pixel of a map.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A two-dimensional celestial WCS.
    shape : tuple of int
        The shape of the map, ``(ny, nx)``.

    Returns
    -------
    `~astropy.units.Quantity`
        The height (along y) and the width (along x) on the sky, angles, ``(2,)``.
    """
    return np.linalg.norm(central_pixel(wcs, shape), axis=1) * u.rad


def check_pixels(
    wcs: WCS, shape: tuple[int, int], name: str = "kappa", *, square: bool = True
) -> None:
    """Check that the pixels of a map are as a method that works in pixels needs them.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A two-dimensional celestial WCS.
    shape : tuple of int
        The shape of the map, ``(ny, nx)``.
    name : str
        The name of the parameter that holds the map, for the error message.
    square : bool
        Whether pixels must be squares. If False, rectangles and rhombs are allowed, but all pixels
        must have about the same area.

    Raises
    ------
    ParameterError
        If pixels are not as required at the center of the map, or become much different towards its
        edges. The allowed differences are those on a tangent plane up to 25 degrees from its
        center.
    """
    remedy = "reproject the map to square pixels first, such as those of a tangent plane"
    largest, smallest = np.linalg.svd(central_pixel(wcs, shape), compute_uv=False)
    if square and not largest <= MAX_ANISOTROPY * smallest:
        raise ParameterError(
            name, "square pixels", f"pixels stretched by a factor of {largest / smallest:.3g}",
            remedy, verb="have",
        )
    sides = _sides(wcs, *_points(shape, _N_POINTS))
    sides = sides[np.isfinite(sides).all(axis=(-2, -1))]
    scales = np.linalg.svd(sides, compute_uv=False)
    stretch = float(np.max(scales[:, 0] / scales[:, 1], initial=1.0))
    if square and stretch > MAX_PLANE_ANISOTROPY:
        raise ParameterError(
            name, "square pixels everywhere", f"pixels stretched by a factor of {stretch:.3g} at "
            "its edge", remedy, verb="have",
        )
    scale = np.sqrt(scales.prod(axis=1))
    if np.max(scale, initial=0.0) > MAX_PLANE_ANISOTROPY**2 * np.min(scale, initial=np.inf):
        raise ParameterError(
            name, "pixels of one size",
            f"pixels whose scales differ by a factor of {scale.max() / scale.min():.3g}",
            remedy, verb="have",
        )


def pixel_areas(wcs: WCS, shape: tuple[int, int]) -> np.ndarray:
    """Return the solid angle of each pixel of a map.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A two-dimensional celestial WCS.
    shape : tuple of int
        The shape of the map, ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        The solid angles in steradians, ``(ny, nx)``, interpolated between some pixels; NaN next to
        the edge of the projection.
    """
    y, x = _points(shape, _N_AREAS)
    areas = np.linalg.norm(np.cross(*np.moveaxis(_sides(wcs, y, x), -2, 0)), axis=-1)
    nodes = (np.unique(y), np.unique(x))
    areas = areas.reshape([len(axis) for axis in nodes])
    if min(areas.shape) < 2:
        return np.broadcast_to(areas, shape)
    return RegularGridInterpolator(nodes, areas)(
        tuple(np.meshgrid(*map(np.arange, shape), indexing="ij"))
    )


def _points(shape: tuple[int, int], number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions (y, x) of pixels spread over a map, ``(n,)`` each."""
    axes = [np.unique(np.rint(np.linspace(0, n - 1, number))) for n in shape]
    y, x = np.meshgrid(*axes, indexing="ij")
    return y.ravel(), x.ravel()


def _sides(wcs: WCS, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the sides of pixels as vectors in radians, ``(n, 2, 3)``: along y, then along x."""
    up, left = np.array([-0.5, 0.5, 0.0, 0.0]), np.array([0.0, 0.0, -0.5, 0.5])
    ends = unit_vectors(*pixel_to_sky(wcs, x[:, np.newaxis] + left, y[:, np.newaxis] + up))
    return ends[:, 1::2] - ends[:, ::2]


def same_pixels(one: WCS, other: WCS, shape: tuple[int, int]) -> bool:
    """Return whether the pixels of two WCS have the same positions on the sky.

    Parameters
    ----------
    one, other : `~astropy.wcs.WCS`
        Two-dimensional celestial WCS. Their headers, projections and frames may differ.
    shape : tuple of int
        The shape of the map, ``(ny, nx)``.

    Returns
    -------
    bool
        True if the positions agree to a thousandth of a pixel.
    """
    ny, nx = shape
    y, x = np.meshgrid(np.linspace(0, ny - 1, 5), np.linspace(0, nx - 1, 5), indexing="ij")
    first, second = (_sky(wcs, x, y).icrs for wcs in (one, other))
    distance = first.separation(second) / pixel_sides(one, shape).min()
    # Pixels may lie outside the projection, such as the corners of an all-sky map.
    outside = [np.isnan(sky.ra) for sky in (first, second)]
    return bool(
        np.array_equal(*outside) and np.all(distance[~outside[0]] < _TOLERANCE_PIXELS)
    )
