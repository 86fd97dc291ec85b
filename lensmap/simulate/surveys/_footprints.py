# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Random masks of mock surveys: holes around stars, and irregular survey edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u

from lensmap.flatsky import gaussian_smooth
from lensmap.simulate.surveys._checks import check_surface_density
from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    as_generator,
    check_angle,
    check_celestial_wcs,
    pixel_size,
)

if TYPE_CHECKING:
    from astropy.wcs import WCS

    from lensmap.typing import AngleLike, RNGLike

__all__ = ["star_holes", "ragged_edge", "random_mask"]

# The range and the slope of the radii of holes around bright stars, as in a deep survey.
_HOLE_RADII = (0.3 * u.arcmin, 3 * u.arcmin)
_RADIUS_SLOPE = 2.0

# In `random_mask`, the fraction of the excluded pixels that lie in holes is drawn from this range.
_HOLE_FRACTION_RANGE = (0.1, 0.5)

# The number of stars that `random_mask` draws at a time.
_STARS_PER_BATCH = 64

# Pairs (size in units of the map, amplitude) of the irregularities of an edge.
_EDGE_NOISE = ((0.12, 0.25), (0.03, 0.08))


def star_holes(
    wcs: WCS,
    star_density: u.Quantity | str,
    rng: RNGLike = None,
    *,
    radius: tuple[AngleLike, AngleLike] = _HOLE_RADII,
    slope: float = _RADIUS_SLOPE,
) -> np.ndarray:
    r"""Draw a random survey mask of round holes around stars.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A celestial WCS with ``array_shape`` set.
    star_density : `~astropy.units.Quantity` or str
        The mean number of stars per solid angle. The number of stars is drawn from a Poisson
        distribution.
    rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
        Seed or generator. None draws a new seed in each call.
    radius : tuple of `~astropy.units.Quantity` or str
        The smallest and the largest angular radius of a hole.
    slope : float
        The slope of the cumulative radius distribution,
        :math:`N({>}r) \propto r^{-\mathrm{slope}}`. With 0, the radii are uniform in :math:`\ln r`.

    Returns
    -------
    `numpy.ndarray`
        The mask, bool, ``(ny, nx)``. True means excluded.

    Raises
    ------
    TypeError
        If ``star_density`` or a radius has no unit.
    ValueError
        If a parameter is out of range.
    """
    wcs = check_celestial_wcs(wcs)
    star_density = check_surface_density(star_density, "star_density")
    scale = pixel_size(wcs, wcs.array_shape)
    low, high = _check_radii(radius, slope, scale)
    generator = as_generator(rng)
    ny, nx = wcs.array_shape
    # Stars are also drawn around the map, because their holes may reach into it.
    area = (nx + 2 * high) * (ny + 2 * high) * float(star_density * scale**2)
    result = np.zeros((ny, nx), dtype=bool)
    n_stars = generator.poisson(area)
    for x, y, r in _draw_stars(generator, n_stars, (ny, nx), low, high, slope):
        _exclude_disk(result, x, y, r)
    return result


def _check_radii(radius, slope, scale):
    """Check the angular radii of holes and the slope of their distribution.

    Return the smallest and the largest radius in pixels; ``scale`` is the side of a pixel.
    """
    try:
        smallest, largest = radius
    except (TypeError, ValueError):
        raise ParameterTypeError(
            "radius", "a pair of angles (smallest, largest)", repr(radius)
        ) from None
    low, high = (float(check_angle(r, "radius") / scale) for r in (smallest, largest))
    if not low <= high:
        raise ParameterError(
            "radius", "a pair of angles with the smaller one first", f"({smallest}, {largest})"
        )
    if not (np.isfinite(slope) and slope >= 0):
        raise ParameterError("slope", "a finite number of at least 0", repr(slope))
    return low, high


def _draw_stars(rng, n, shape, low, high, slope):
    """Draw random positions and hole radii of n stars, on a map and within ``high`` of its edge.

    Return an array ``(n, 3)`` with x, y and the radius in pixels. The radii lie between ``low`` and
    ``high``, with the slope of their cumulative distribution.
    """
    ny, nx = shape
    fraction = rng.random(n)
    if slope == 0:
        radius = low * (high / low) ** fraction
    else:
        radius = (low**-slope + fraction * (high**-slope - low**-slope)) ** (-1 / slope)
    x = rng.uniform(-0.5 - high, nx - 0.5 + high, n)
    y = rng.uniform(-0.5 - high, ny - 0.5 + high, n)
    return np.stack([x, y, radius], axis=1)


def _exclude_disk(mask, x, y, radius):
    """Mask the pixels of a map whose centers lie in a disk, in place.

    Return the number of pixels that were not masked before. Positions and radius are in pixels.
    """
    ny, nx = mask.shape
    left, right = max(0, int(np.ceil(x - radius))), min(nx, int(np.floor(x + radius)) + 1)
    low, high = max(0, int(np.ceil(y - radius))), min(ny, int(np.floor(y + radius)) + 1)
    if left >= right or low >= high:
        return 0
    box = mask[low:high, left:right]
    disk = np.add.outer((np.arange(low, high) - y) ** 2, (np.arange(left, right) - x) ** 2)
    disk = disk <= radius**2
    n_new = np.count_nonzero(disk & ~box)
    box |= disk
    return n_new


def ragged_edge(wcs: WCS, fraction: float = 0.2, rng: RNGLike = None) -> np.ndarray:
    """Draw the irregular edge of a survey, and return a mask of the area outside the survey.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A celestial WCS with ``array_shape`` set.
    fraction : float
        The fraction of the map outside the survey, from 0 to below 1. The mask has this fraction to
        within one pixel.
    rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
        Seed or generator. None draws a new seed in each call.

    Returns
    -------
    `numpy.ndarray`
        The mask, bool, ``(ny, nx)``. True means excluded.

    Raises
    ------
    ValueError
        If ``fraction`` is out of range.
    """
    wcs = check_celestial_wcs(wcs)
    _check_fraction(fraction)
    ny, nx = wcs.array_shape
    return _exclude_edge(np.zeros((ny, nx), dtype=bool), fraction, as_generator(rng))


def _exclude_edge(holes, fraction, rng):
    """Return a mask of holes and of the outermost pixels, bool, ``(ny, nx)``, True = excluded.

    ``holes`` is the mask of the holes. So many outermost pixels are added, along an irregular edge,
    that the mask excludes the given fraction of the map.
    """
    ny, nx = shape = holes.shape
    result = holes.copy()
    n_outside = round(fraction * ny * nx) - np.count_nonzero(result)
    if n_outside <= 0:
        return result
    y, x = np.ogrid[-1 : 1 : ny * 1j, -1 : 1 : nx * 1j]
    # The footprint is a rounded box, as made by several pointings, with its center off the center
    # of the map. Pixels are excluded in order of the distance from the center of the box,
    shift_x, shift_y = rng.uniform(-0.25, 0.25, 2)
    power = rng.uniform(2, 6)
    distance = (np.abs(x - shift_x) ** power + np.abs(y - shift_y) ** power) ** (1 / power)
    # which is modified by irregularities of two sizes.
    for size, amplitude in _EDGE_NOISE:
        noise = gaussian_smooth(rng.standard_normal(shape, dtype=np.float32), size * max(shape))
        deviation = noise.std()
        if deviation > 0:
            distance += amplitude * noise / deviation
    distance[result] = -np.inf
    outermost = np.argpartition(distance, -n_outside, axis=None)[-n_outside:]
    result.ravel()[outermost] = True
    return result


def random_mask(wcs: WCS, fraction: float = 0.4, rng: RNGLike = None) -> np.ndarray:
    """Draw a random survey mask with star holes and a ragged edge.

    Between a tenth and a half of the excluded pixels lie in holes. The others lie outside the edge.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A celestial WCS with ``array_shape`` set.
    fraction : float
        The excluded fraction of the map, from 0 to below 1. The mask has this fraction to within
        one pixel, unless the map is smaller than a hole.
    rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
        Seed or generator. None draws a new seed in each call.

    Returns
    -------
    `numpy.ndarray`
        The mask, bool, ``(ny, nx)``. True means excluded.

    Raises
    ------
    ValueError
        If ``fraction`` is out of range.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.coordinates import SkyCoord
    >>> from lensmap import make_wcs
    >>> from lensmap.simulate import random_mask
    >>> wcs = make_wcs(SkyCoord([10.0, 11.0], [-0.5, 0.5], unit="deg"), 0.5 * u.arcmin)
    >>> mask = random_mask(wcs, fraction=0.4, rng=1)
    >>> print(f"{mask.mean():.3f}")
    0.400
    """
    wcs = check_celestial_wcs(wcs)
    _check_fraction(fraction)
    generator = as_generator(rng)
    shape = wcs.array_shape
    scale = pixel_size(wcs, shape)
    low, high = (float(r / scale) for r in _HOLE_RADII)
    target = generator.uniform(*_HOLE_FRACTION_RANGE) * fraction * shape[0] * shape[1]
    holes = np.zeros(shape, dtype=bool)
    n_excluded = 0
    while n_excluded < target:
        for x, y, r in _draw_stars(
            generator, _STARS_PER_BATCH, shape, low, high, _RADIUS_SLOPE
        ):
            # A hole that would exceed the excluded fraction is left out, and no more are drawn.
            if n_excluded + np.pi * r**2 > fraction * holes.size:
                target = n_excluded
            if n_excluded >= target:
                break
            n_excluded += _exclude_disk(holes, x, y, r)
    return _exclude_edge(holes, fraction, generator)


def _check_fraction(fraction):
    if isinstance(fraction, bool) or not 0 <= fraction < 1:
        raise ParameterError(
            "fraction", "the masked fraction of the pixels, at least 0 and below 1", repr(fraction)
        )
