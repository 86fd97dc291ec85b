# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Holes and edges as surveys have them, drawn at random, for tests and for training."""

import numpy as np
from astropy import units as u

from lensmap.flatsky import gaussian_smooth
from lensmap.maps import pixel_size
from lensmap.utils import as_generator, check_angle, check_celestial_wcs

__all__ = ["star_holes", "ragged_edge", "random_mask"]

# Bright stars and the halos around them in a deep survey.
_RADIUS = (0.3 * u.arcmin, 3 * u.arcmin)
_SLOPE = 2.0

# Of what `random_mask` excludes, the part that is in holes lies between these.
_HOLE_SHARE = (0.1, 0.5)


def star_holes(wcs, star_density, rng=None, *, radius=_RADIUS, slope=_SLOPE):
    r"""Draw round holes around stars.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A celestial WCS with its ``array_shape``.
    star_density : `~astropy.units.Quantity`
        Stars per solid angle; their number is Poisson.
    rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
        The source of random numbers.
    radius : tuple of `~astropy.units.Quantity`
        The smallest and the largest radius, angles.
    slope : float
        :math:`N({>}r) \propto r^{-\mathrm{slope}}` between the two; 0 is uniform in
        :math:`\ln r`.

    Returns
    -------
    `numpy.ndarray`
        Bool, ``(ny, nx)``, True = excluded.

    Raises
    ------
    TypeError
        If ``star_density`` or a radius has no unit.
    ValueError
        If a parameter is out of range.
    """
    check_celestial_wcs(wcs)
    if not isinstance(star_density, u.Quantity) or (
        not star_density.unit.is_equivalent(u.deg**-2)
    ):
        raise TypeError(
            "star_density must be a number per solid angle, such as 100 / u.deg**2, not "
            f"{star_density!r}"
        )
    if not star_density.isscalar or not np.isfinite(star_density) or not star_density > 0:
        raise ValueError(f"star_density must be one positive finite number, not {star_density}")
    scale = pixel_size(wcs, wcs.array_shape)
    low, high = _check_radii(radius, slope, scale)
    rng = as_generator(rng)
    ny, nx = wcs.array_shape
    # Stars off the map reach in.
    area = (nx + 2 * high) * (ny + 2 * high) * float(star_density * scale**2)
    result = np.zeros((ny, nx), dtype=bool)
    for x, y, r in _draw_stars(rng, rng.poisson(area), (ny, nx), low, high, slope):
        _punch(result, x, y, r)
    return result


def _check_radii(radius, slope, scale):
    """Return the smallest and the largest radius in pixels."""
    try:
        smallest, largest = radius
    except (TypeError, ValueError):
        raise TypeError(
            f"radius must be a pair of angles (smallest, largest), not {radius!r}"
        ) from None
    low, high = (float(check_angle(r, "radius") / scale) for r in (smallest, largest))
    if not low <= high:
        raise ValueError(f"radius must be (smallest, largest), not ({smallest}, {largest})")
    if not (np.isfinite(slope) and slope >= 0):
        raise ValueError(f"slope must be 0 or positive, not {slope!r}")
    return low, high


def _draw_stars(rng, n, shape, low, high, slope):
    """Return rows (x, y, radius) of n stars, in pixels, on the map and next to it."""
    ny, nx = shape
    fraction = rng.random(n)
    if slope == 0:
        radius = low * (high / low) ** fraction
    else:
        radius = (low**-slope + fraction * (high**-slope - low**-slope)) ** (-1 / slope)
    x = rng.uniform(-0.5 - high, nx - 0.5 + high, n)
    y = rng.uniform(-0.5 - high, ny - 0.5 + high, n)
    return np.stack([x, y, radius], axis=1)


def _punch(mask, x, y, radius):
    """Exclude the pixels whose center is in a disc; return how many are new."""
    ny, nx = mask.shape
    left, right = max(0, int(np.ceil(x - radius))), min(nx, int(np.floor(x + radius)) + 1)
    low, high = max(0, int(np.ceil(y - radius))), min(ny, int(np.floor(y + radius)) + 1)
    if left >= right or low >= high:
        return 0
    part = mask[low:high, left:right]
    disc = np.add.outer((np.arange(low, high) - y) ** 2, (np.arange(left, right) - x) ** 2)
    disc = disc <= radius**2
    new = np.count_nonzero(disc & ~part)
    part |= disc
    return new


def ragged_edge(wcs, fraction=0.2, rng=None):
    """Draw the irregular outline of a survey and exclude what is outside.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A celestial WCS with its ``array_shape``.
    fraction : float
        How much of the map is outside, from 0 to below 1; met to one pixel.
    rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
        The source of random numbers.

    Returns
    -------
    `numpy.ndarray`
        Bool, ``(ny, nx)``, True = excluded.

    Raises
    ------
    ValueError
        If ``fraction`` is out of range.
    """
    check_celestial_wcs(wcs)
    _check_fraction(fraction)
    return _outside(wcs.array_shape, fraction, as_generator(rng))


def _outside(shape, fraction, rng, taken=None):
    """Exclude what is outermost until a fraction is excluded, with what is taken already."""
    ny, nx = shape
    result = np.zeros(shape, dtype=bool) if taken is None else taken.copy()
    missing = round(fraction * ny * nx) - np.count_nonzero(result)
    if missing <= 0:
        return result
    y, x = np.ogrid[-1 : 1 : ny * 1j, -1 : 1 : nx * 1j]
    # A rounded box with a center of its own, as pointings make it ...
    shift_x, shift_y = rng.uniform(-0.25, 0.25, 2)
    power = rng.uniform(2, 6)
    outwards = (np.abs(x - shift_x) ** power + np.abs(y - shift_y) ** power) ** (1 / power)
    # ... with bays and capes of two sizes.
    for size, height in ((0.12, 0.25), (0.03, 0.08)):
        noise = gaussian_smooth(rng.standard_normal(shape, dtype=np.float32), size * max(shape))
        spread = noise.std()
        if spread > 0:
            outwards += height * noise / spread
    outwards[result] = -np.inf
    worst = np.argpartition(outwards, -missing, axis=None)[-missing:]
    result.ravel()[worst] = True
    return result


def random_mask(wcs, fraction=0.4, rng=None):
    """Draw a mask with holes and a ragged edge.

    From a tenth to a half of what is excluded lies in holes, the rest off the edge.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A celestial WCS with its ``array_shape``.
    fraction : float
        How much of the map is excluded, from 0 to below 1; met to one pixel, on maps that are
        larger than a hole.
    rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
        The source of random numbers.

    Returns
    -------
    `numpy.ndarray`
        Bool, ``(ny, nx)``, True = excluded.

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
    check_celestial_wcs(wcs)
    _check_fraction(fraction)
    rng = as_generator(rng)
    shape = wcs.array_shape
    scale = pixel_size(wcs, shape)
    low, high = (float(r / scale) for r in _RADIUS)
    wanted = rng.uniform(*_HOLE_SHARE) * fraction * shape[0] * shape[1]
    holes = np.zeros(shape, dtype=bool)
    found = 0
    while found < wanted:
        for x, y, r in _draw_stars(rng, 64, shape, low, high, _SLOPE):
            # a hole that would be too much is left out, and with it the search ends
            if found + np.pi * r**2 > fraction * holes.size:
                wanted = found
            if found >= wanted:
                break
            found += _punch(holes, x, y, r)
    return _outside(shape, fraction, rng, holes)


def _check_fraction(fraction):
    if isinstance(fraction, bool) or not 0 <= fraction < 1:
        raise ValueError(f"fraction must be from 0 to below 1, not {fraction!r}")
