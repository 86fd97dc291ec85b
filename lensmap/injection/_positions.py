# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Random positions on unmasked pixels for injected halos and control positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.peaks import unmasked_area
from lensmap.utils import ParameterError

if TYPE_CHECKING:
    from lensmap.maps import ConvergenceMap

__all__ = ["draw_positions", "max_halos"]

# The number of trial positions for each halo.
_N_TRIALS = 200

# The fraction of the map that non-overlapping discs around the halos may cover. Random placement
# of discs saturates at a fraction of 0.547 (Feder 1980, J. Theor. Biol. 87, 237), and needs very
# many trials close to saturation.
_MAX_FILLING_FACTOR = 0.3


def draw_positions(
    kappa: ConvergenceMap,
    sizes: np.ndarray,
    min_separation: float,
    rng: np.random.Generator,
    n_controls: int = 0,
) -> tuple[SkyCoord, SkyCoord]:
    """Draw random positions of halos, and control positions, on the unmasked pixels of a map.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    sizes : `numpy.ndarray`
        The angular radius of each halo, radians, ``(n,)``. Two halos are separated by at least the
        sum of their radii.
    min_separation : float
        The minimum separation of any two positions, radians.
    rng : `numpy.random.Generator`
        Generator for the positions.
    n_controls : int
        The number of control positions without a halo.

    Returns
    -------
    halos : `~astropy.coordinates.SkyCoord`
        Positions of the halos, ICRS, ``(n,)``.
    controls : `~astropy.coordinates.SkyCoord`
        Control positions, ICRS. There are ``n_controls``, or fewer if the map has no room for more.

    Raises
    ------
    ValueError
        If the map has no room for all halos.
    """
    n, pixels = len(sizes), np.nonzero(~kappa.mask)
    # Large halos are placed first, because small halos fit between them.
    order = np.argsort(-sizes, kind="stable")
    halos = np.zeros((n, 3))
    placed: list[int] = []
    for i in order:
        separations = np.maximum(min_separation, sizes[placed] + sizes[i])
        position = _free_position(kappa, pixels, halos[placed], separations, rng)
        if position is None:
            raise ParameterError(
                "n_halos", "smaller", str(n), f"only {len(placed)} halos found room on the map "
                "without overlap; a smaller {min_separation} may help too"
            )
        halos[i] = position
        placed.append(i)
    controls = np.zeros((0, 3))
    for _ in range(n_controls):
        others = np.concatenate([halos, controls])
        separations = np.concatenate(
            [np.maximum(min_separation, sizes), np.full(len(controls), min_separation)]
        )
        position = _free_position(kappa, pixels, others, separations, rng)
        if position is None:
            break
        controls = np.concatenate([controls, position[np.newaxis]])
    return _to_skycoord(halos), _to_skycoord(controls)


def max_halos(kappa: ConvergenceMap, size: float, min_separation: float) -> int:
    """Return how many halos can be placed on a map at random without overlap.

    With this number, the discs of the halos cover at most 30 per cent of the unmasked area, so that
    random trial positions succeed quickly.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    size : float
        The angular radius of the largest halo, radians.
    min_separation : float
        The minimum separation of two halos, radians.

    Returns
    -------
    int
        The number of halos, at least 1.
    """
    radius = max(min_separation / 2, size)
    area = unmasked_area(kappa).to_value(u.sr)
    return max(1, int(_MAX_FILLING_FACTOR * area / (np.pi * radius**2)))


def _free_position(
    kappa: ConvergenceMap,
    pixels: tuple[np.ndarray, ...],
    others: np.ndarray,
    separations: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray | None:
    """Return a random position on a map that is far enough from given positions.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    pixels : tuple of `numpy.ndarray`
        The indices y and x of the unmasked pixels, in which the position may lie.
    others : `numpy.ndarray`
        Unit vectors to the given positions, ICRS, ``(n, 3)``.
    separations : `numpy.ndarray`
        The minimum separation from each of the given positions, radians, ``(n,)``.
    rng : `numpy.random.Generator`
        Generator for the position.

    Returns
    -------
    `numpy.ndarray` or None
        The unit vector to the position, ICRS, ``(3,)``. None if all random trial positions are too
        close to the given positions.
    """
    index = rng.integers(len(pixels[0]), size=_N_TRIALS)
    y, x = (v[index] + rng.uniform(-0.5, 0.5, _N_TRIALS) for v in pixels)
    vectors = kappa.wcs.pixel_to_world(x, y).icrs.cartesian.xyz.value.T
    chords = np.linalg.norm(vectors[:, np.newaxis] - others, axis=-1)
    min_chords = 2 * np.sin(np.minimum(separations, np.pi) / 2)
    free = np.flatnonzero((chords >= min_chords).all(axis=1))
    return vectors[free[0]] if len(free) else None


def _to_skycoord(vectors: np.ndarray) -> SkyCoord:
    lon = np.arctan2(vectors[:, 1], vectors[:, 0])
    return SkyCoord(np.remainder(lon, 2 * np.pi), np.arcsin(np.clip(vectors[:, 2], -1, 1)),
                    unit="rad")
