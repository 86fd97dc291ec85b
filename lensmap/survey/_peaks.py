# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The peaks of a survey map, found tile by tile and joined to one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import QTable, vstack
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from lensmap.maps import ConvergenceMap
from lensmap.peaks import apart_on_sky, find_peaks, least_separation
from lensmap.sphere import HealpixPixels
from lensmap.survey._tiles import Tile
from lensmap.utils import ParameterError, check_angle, track, unit_vectors

if TYPE_CHECKING:
    from astropy.wcs import WCS

    from lensmap.survey._false_peaks import NoisePeaks
    from lensmap.typing import ProgressLike

__all__ = ["find_survey_peaks", "peak_lattice", "peaks_near_tile", "without_doubles"]

# Peaks up to this many pixels beyond the border of a tile are compared with those of its neighbors.
_BORDER_PIXELS = 4.0

# The same peak on the lattices of two tiles has positions that differ by less than this.
_SAME_PIXELS = 2.0

# Positions on the image of a tile have no meaning in the table of a survey.
_OF_IMAGES = ("x", "y", "x_peak", "y_peak")


def find_survey_peaks(
    cutout: Callable[[WCS], ConvergenceMap],
    tiles: Iterable[int],
    order: int,
    scale: float,
    *,
    min_separation: Any,
    progress: ProgressLike,
    noise_of: Callable[[int], NoisePeaks | None] | None = None,
    **options: Any,
) -> QTable:
    """Find the peaks of a survey map.

    Parameters
    ----------
    cutout : callable
        Returns the map on the pixels of a WCS.
    tiles : iterable of int
        The tiles, nested indices, in any order.
    order : int
        The order of the tiles.
    scale : float
        The side of the pixels on which peaks are found, degrees.
    min_separation : `~astropy.units.Quantity` or str
        The minimum separation of two peaks, an angle.
    progress : None, bool or callable
        Progress report over tiles.
    noise_of : callable or None
        Returns the peaks of the noise maps of a tile; None if the tile has no record of them. None
        if no tile has.
    **options
        ``threshold``, ``by``, ``troughs`` and ``exclude_edges`` of `lensmap.find_peaks`.

    Returns
    -------
    `~astropy.table.QTable`
        The peaks, the highest first.
    """
    from lensmap.survey._false_peaks import SurveyFalsePeaks

    separation = check_angle(min_separation, "min_separation", allow_zero=True)
    pixels = sorted(tiles)
    least = least_separation(separation, scale * u.deg)
    false = SurveyFalsePeaks(scale, least, **options)
    parts = []
    for pixel in track(pixels, len(pixels), progress, "tiles"):
        tile, wcs = peak_lattice(order, pixel, scale)
        kappa = _cutout_of(cutout, wcs)
        if kappa is None:
            continue
        parts.append(peaks_near_tile(kappa, tile, wcs, **options))
        false.add(pixel, None if noise_of is None else noise_of(pixel), kappa)
    if not parts:
        raise ValueError("the survey has no finished tile with unmasked pixels")
    # The separation is that of the whole survey: a peak may be near a higher one of another tile.
    meta = parts[0].meta | {"min_separation_arcmin": float(separation.to_value(u.arcmin))}
    table = vstack(parts, metadata_conflicts="silent")
    table = table[without_doubles(table, scale)]
    table = table[np.lexsort((table["tile"], -_heights(table, meta)))]
    if len(table):
        table = table[apart_on_sky(np.asarray(table["highest"]), least)]
    table["id"] = np.arange(1, len(table) + 1)
    table.remove_columns(["highest", "border", *_OF_IMAGES])
    table.meta.clear()
    for name in ("n_false", "n_false_err", "n_noise_maps", "n_false_unknown"):
        meta.pop(name, None)
    table.meta |= meta
    false.found().add_to(table, _heights(table, meta), float(meta["threshold"]))
    return table


def peak_lattice(order: int, pixel: int, scale: float) -> tuple[Tile, WCS]:
    """Return a tile with a narrow margin, and the pixels on which its peaks are found.

    Parameters
    ----------
    order, pixel : int
        The order and the nested index of the tile.
    scale : float
        The side of a pixel, degrees.

    Returns
    -------
    tile : Tile
        The tile.
    wcs : `~astropy.wcs.WCS`
        The pixels.
    """
    tile = Tile(order, pixel, 2 * _BORDER_PIXELS * scale)
    return tile, tile.lattice(scale).wcs


def _cutout_of(cutout: Callable[[WCS], ConvergenceMap], wcs: WCS) -> ConvergenceMap | None:
    """Return the map on the pixels of a tile; None if it has no unmasked pixel there."""
    try:
        kappa = cutout(wcs)
    except ParameterError as error:
        if error.verb == "overlap":  # the map has no pixel near the tile
            return None
        raise
    return None if kappa.mask.all() else kappa


def peaks_near_tile(kappa: ConvergenceMap, tile: Tile, wcs: WCS, **options: Any) -> QTable:
    """Return the peaks of a tile and next to its border.

    Parameters
    ----------
    kappa : ConvergenceMap
        The map on the pixels of `peak_lattice`.
    tile, wcs
        The results of `peak_lattice`.
    **options
        Those of `lensmap.find_peaks`, apart from the separation, which is 0.

    Returns
    -------
    `~astropy.table.QTable`
        The peaks, with the columns of `lensmap.find_peaks`; ``tile``, the nested index; ``border``,
        0 for peaks in the core of the tile, 1 next to its border, 2 beyond it; and ``highest``, the
        unit vectors to the highest pixels.
    """
    peaks = find_peaks(kappa, min_separation=0 * u.deg, **options)
    ra, dec = peaks["ra"].to_value(u.deg), peaks["dec"].to_value(u.deg)
    owner = HealpixPixels(1 << tile.order).at(ra, dec) if len(peaks) else np.empty(0, np.int64)
    weight = tile.weight(*tile.project(ra, dec))
    peaks["tile"] = np.full(len(peaks), tile.pixel)
    peaks["border"] = np.where(owner == tile.pixel, np.where(weight < 1, 1, 0), 2)
    highest = wcs.pixel_to_world(peaks["x_peak"], peaks["y_peak"])
    peaks["highest"] = unit_vectors(highest.ra.deg, highest.dec.deg)
    return peaks[(owner == tile.pixel) | (weight > 0)]


def _heights(table: QTable, meta: dict[str, Any]) -> np.ndarray:
    """Return the heights of peaks in the quantity in which they were found, ``(n,)``."""
    by = meta["by"]
    if by == "snr" and "kappa_over_error" in table.colnames:
        by = "kappa_over_error"  # the snr of a map with a total error
    return np.asarray(table[by], float) * (-1 if meta["troughs"] else 1)


def without_doubles(table: QTable, scale: float) -> np.ndarray:
    """Return which peaks to keep so that each is there once, bool, ``(n,)``.

    The position of a peak differs a little between the lattices of two tiles. A peak at a border
    may therefore lie in its own tile on both lattices, or on none. Peaks of different tiles are
    paired, the nearest first, and one of each pair is kept.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        The results of `peaks_near_tile` for all tiles.
    scale : float
        The side of a pixel, degrees.
    """
    own = np.asarray(table["border"]) < 2
    rows = np.flatnonzero(np.asarray(table["border"]) > 0)
    if len(rows) == 0:
        return own
    tile = np.asarray(table["tile"])[rows]
    points = unit_vectors(table["ra"].to_value(u.deg)[rows], table["dec"].to_value(u.deg)[rows])
    pairs = KDTree(points).query_pairs(np.radians(_SAME_PIXELS * scale), output_type="ndarray")
    pairs = pairs[tile[pairs[:, 0]] != tile[pairs[:, 1]]]
    distance = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    taken: set[tuple[int, int]] = set()
    same = []
    for i, j in pairs[np.lexsort((pairs[:, 1], pairs[:, 0], distance))].tolist():
        if (i, int(tile[j])) not in taken and (j, int(tile[i])) not in taken:
            taken |= {(i, int(tile[j])), (j, int(tile[i]))}
            same.append((i, j))
    one, other = np.array(same, int).reshape(-1, 2).T
    n = len(rows)
    _, group = connected_components(coo_array((np.ones(len(one)), (one, other)), (n, n)), False)
    size = np.bincount(group)
    # The first of each group is kept: one in its own tile, of the lowest index.
    best = np.lexsort((tile, ~own[rows], group))
    first = best[np.unique(group[best], return_index=True)[1]]
    first = first[own[rows[first]] | (size[group[first]] > 1)]
    keep = own.copy()
    keep[rows] = False
    keep[rows[first]] = True
    return keep
