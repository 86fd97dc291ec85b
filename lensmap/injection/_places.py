# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Where halos are put on a map: at random, where there are data, and apart from each other."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.peaks import unmasked_area

__all__ = ["draw_places", "most_halos"]

# Random places that are tried for each halo.
_TRIES = 200

# How much of the map the discs may cover of which no two overlap. Thrown at random they jam at
# 0.547 (Feder 1980, J. Theor. Biol. 87, 237), and before that it takes very many throws.
_FILLING = 0.3


def draw_places(kappa, sizes, closest, rng, n_controls=0):
    """Draw places on the open pixels of a map, no two too close to each other.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    sizes : `numpy.ndarray`
        The radius of each halo, radians, ``(n,)``: none lies within the sum of two.
    closest : float
        The least distance of any two, radians.
    rng : `numpy.random.Generator`
        The source of random numbers.
    n_controls : int
        How many further places without a halo, as far from all halos.

    Returns
    -------
    halos : `~astropy.coordinates.SkyCoord`
        ICRS, ``(n,)``.
    controls : `~astropy.coordinates.SkyCoord`
        At most ``n_controls``: where halos leave no room there are fewer.

    Raises
    ------
    ValueError
        If there is no room for so many halos.
    """
    n, pixels = len(sizes), np.nonzero(~kappa.mask)
    # The largest first: small ones find room between them.
    order = np.argsort(-sizes, kind="stable")
    places, taken = np.zeros((n, 3)), []
    for i in order:
        apart = np.maximum(closest, sizes[taken] + sizes[i])
        found = _free_place(kappa, pixels, places[taken], apart, rng)
        if found is None:
            raise ValueError(
                f"there is no room for {n} halos that do not overlap (the {len(taken) + 1}th found "
                "none): put fewer into each realization"
            )
        places[i] = found
        taken.append(i)
    controls = np.zeros((0, 3))
    for _ in range(n_controls):
        every = np.concatenate([places, controls])
        apart = np.concatenate([np.maximum(closest, sizes), np.full(len(controls), closest)])
        found = _free_place(kappa, pixels, every, apart, rng)
        if found is None:
            break
        controls = np.concatenate([controls, found[np.newaxis]])
    return _on_sky(places), _on_sky(controls)


def most_halos(kappa, size, closest):
    """Return how many halos have room on a map without being thrown at it for long.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    size, closest : float
        The radius of the largest halo and the least distance of two, radians.

    Returns
    -------
    int
        At least 1.
    """
    radius = max(closest / 2, size)
    return max(1, int(_FILLING * unmasked_area(kappa).to_value(u.sr) / (np.pi * radius**2)))


def _free_place(kappa, pixels, others, apart, rng):
    """Return a place that is far enough from others, as a unit vector; None if none is found."""
    which = rng.integers(len(pixels[0]), size=_TRIES)
    y, x = (v[which] + rng.uniform(-0.5, 0.5, _TRIES) for v in pixels)
    vectors = kappa.wcs.pixel_to_world(x, y).icrs.cartesian.xyz.value.T
    chords = np.linalg.norm(vectors[:, np.newaxis] - others, axis=-1)
    good = np.flatnonzero((chords >= 2 * np.sin(np.minimum(apart, np.pi) / 2)).all(axis=1))
    return vectors[good[0]] if len(good) else None


def _on_sky(vectors):
    lon = np.arctan2(vectors[:, 1], vectors[:, 0])
    return SkyCoord(np.remainder(lon, 2 * np.pi), np.arcsin(np.clip(vectors[:, 2], -1, 1)),
                    unit="rad")
