# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Warnings about positions that are probably in a wrong unit or placeholders for missing values."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from lensmap.utils import CatalogWarning, unit_vectors, warn_user

__all__ = ["warn_of_positions", "warn_of_shapes"]

_MIN_GALAXIES = 100
_MAX_SAMPLE = 10_000
# Lensing catalogs have from 0.5 (shallow surveys) to some 300 galaxies per square arcminute (JWST).
_MAX_DENSITY_ARCMIN2 = 1000.0
_MIN_DENSITY_ARCMIN2 = 0.01
# Groups of galaxies with fewer than this fraction of all rows are too small to be fields.
_MAX_STRAY_FRACTION = 1e-3
_MIN_GAP_DEG = 3.0
# Nominally square fields may be rectangles with sides in this ratio.
_MAX_OBLONGNESS = 1.25


def warn_of_positions(ra: np.ndarray, dec: np.ndarray) -> None:
    """Warn if positions seem to be in another unit, or if some are degrees away from all others.

    Parameters
    ----------
    ra, dec : `numpy.ndarray`
        The positions in degrees, ``(n,)``. Fewer than 100 positions are not judged.

    Warns
    -----
    CatalogWarning
        If the positions are too dense, too sparse, or 15 times denser in RA than in dec; or if
        groups of less than 0.1 per cent of the rows are more than 3 degrees away from the others.
    """
    if len(ra) < _MIN_GALAXIES:
        return
    center, low, high = _box(ra, dec)
    _warn_of_density(len(ra), ra, dec, low, high)
    if _may_have_strays(ra, dec, center, low, high):
        _warn_of_strays(ra, dec)


def warn_of_shapes(e1: np.ndarray, e2: np.ndarray) -> None:
    """Warn if both components of the shapes have the same values, but for their signs.

    Parameters
    ----------
    e1, e2 : `numpy.ndarray`
        The components, ``(n,)``. Fewer than 100 galaxies, and constant values, are not judged.

    Warns
    -----
    CatalogWarning
        If the absolute values of the components are equal for all galaxies.
    """
    if len(e1) < _MIN_GALAXIES or not np.array_equal(np.abs(e1[:_MAX_SAMPLE]),
                                                     np.abs(e2[:_MAX_SAMPLE])):
        return
    if np.ptp(e1) > 0 and np.array_equal(np.abs(e1), np.abs(e2)):
        warn_user(
            "e1 and e2 have the same absolute values for all galaxies: one column of the table "
            "may have been taken for both; check the names of the columns",
            CatalogWarning,
            "same_shapes",
            "columns",
        )


def _box(ra: np.ndarray, dec: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Return a central RA, and the limits of a box that holds most positions.

    The limits ``low`` and ``high``, ``(2,)``, are the 1st and 99th percentiles of the offset of RA
    from the central RA, and of dec, in degrees.
    """
    step = -(-len(ra) // _MAX_SAMPLE)
    ra, dec = ra[::step], dec[::step]
    angles = np.radians(ra)
    center = np.degrees(np.arctan2(np.mean(np.sin(angles)), np.mean(np.cos(angles))))
    offsets = np.remainder(ra - center + 180.0, 360.0) - 180.0
    low, high = np.percentile([offsets, dec], [1, 99], axis=1)
    return float(center), low, high


def _warn_of_density(
    n: int, ra: np.ndarray, dec: np.ndarray, low: np.ndarray, high: np.ndarray
) -> None:
    width, height = high - low
    width *= np.cos(np.radians(0.5 * (low[1] + high[1])))
    if width <= 0 or height <= 0:
        return
    density = 0.98**2 * n / (width * height * 3600.0)
    # The extreme values are compared only where something is wrong, as they take time.
    if density > _MAX_DENSITY_ARCMIN2:
        cause = "their positions may be in another unit than degrees"
        if np.all(np.abs(ra) <= 2 * np.pi + 0.01) and np.all(np.abs(dec) <= np.pi / 2 + 0.01):
            cause = (
                "the positions are probably in radians; if so, declare it with "
                "{units={'ra': 'rad', 'dec': 'rad'}}"
            )
        warn_user(
            f"{density:.3g} galaxies per square arcminute are more than any survey has: {cause}",
            CatalogWarning,
            "density_too_high",
            "units",
            placeholders=True,
        )
    elif _MAX_OBLONGNESS**-1 < 15.0 * width / height < _MAX_OBLONGNESS and (
        np.all(ra >= 0.0) and np.all(ra <= 24.0)
    ):
        warn_user(
            f"the galaxies cover {width:.3g} deg of RA (times cos dec) and {height:.3g} deg of "
            "dec, and all RA are from 0 to 24: the RA are probably in hours; if so, declare it "
            "with {units={'ra': 'hourangle'}}",
            CatalogWarning,
            "ra_in_hours",
            "units",
            placeholders=True,
        )
    elif density < _MIN_DENSITY_ARCMIN2:
        area = _occupied_area(ra, dec)  # without the gaps between several fields
        density = n / (area * 3600.0)
        if density >= _MIN_DENSITY_ARCMIN2:
            return
        warn_user(
            f"{n} galaxies spread over about {area:.3g} square degrees are "
            f"{density:.2g} per square arcminute, but a mass map needs about 1 or more; the "
            "catalog may be a subsample, or its positions may be in another unit than degrees",
            CatalogWarning,
            "density_too_low",
            "units",
        )


def _cells(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Return the index of the cell of each position, in a grid of 360 x 180 cells of one degree."""
    lon = np.minimum(np.remainder(ra, 360.0).astype(np.int64), 359)
    lat = np.minimum((dec + 90.0).astype(np.int64), 179)
    return lat * 360 + lon


def _occupied_area(ra: np.ndarray, dec: np.ndarray) -> float:
    """Return the total area, in square degrees, of the cells of one degree that hold galaxies."""
    cells = np.flatnonzero(np.bincount(_cells(ra, dec)))
    return float(np.sum(np.cos(np.radians(cells // 360 - 89.5))))


def _may_have_strays(
    ra: np.ndarray, dec: np.ndarray, center: float, low: np.ndarray, high: np.ndarray
) -> bool:
    """Test quickly whether any position is far from the box that holds most positions.

    ``center``, ``low`` and ``high`` describe the box, as `_box` returns them.
    """
    gap = _MIN_GAP_DEG
    if np.min(dec) < low[1] - gap or np.max(dec) > high[1] + gap:
        return True
    smallest, largest = np.min(ra), np.max(ra)
    first, last = np.remainder(np.array([smallest, largest]) - center + 180.0, 360.0) - 180.0
    if first <= last and largest - smallest < 180.0:
        return bool(first < low[0] - gap or last > high[0] + gap)
    offsets = np.remainder(ra - center + 180.0, 360.0) - 180.0
    return bool(np.min(offsets) < low[0] - gap or np.max(offsets) > high[0] + gap)


def _warn_of_strays(ra: np.ndarray, dec: np.ndarray) -> None:
    """Warn if small groups of galaxies are degrees away from all others."""
    cells = _cells(ra, dec)
    counts = np.bincount(cells, minlength=180 * 360)
    occupied = np.flatnonzero(counts)
    vectors = unit_vectors(occupied % 360 + 0.5, occupied // 360 - 89.5)
    links = cKDTree(vectors).query_pairs(2 * np.sin(np.radians(_MIN_GAP_DEG) / 2),
                                         output_type="ndarray")
    graph = coo_array((np.ones(len(links)), links.T), shape=(len(occupied),) * 2)
    group = connected_components(graph, directed=False)[1]
    sizes = np.bincount(group, weights=counts[occupied])
    stray = sizes[group] <= max(1.0, _MAX_STRAY_FRACTION * len(ra))
    n_stray = int(counts[occupied[stray]].sum())
    if n_stray == 0 or n_stray > 10 * _MAX_STRAY_FRACTION * len(ra):
        return
    is_stray = np.zeros(len(counts), dtype=bool)
    is_stray[occupied[stray]] = True
    first = int(np.argmax(is_stray[cells]))
    chord = cKDTree(vectors[~stray]).query(unit_vectors(ra[first], dec[first]))[0]
    gap = np.degrees(2 * np.arcsin(min(1.0, chord / 2)))
    rows, lie = ("rows", "lie") if n_stray > 1 else ("row", "lies")
    warn_user(
        f"{n_stray} of {len(ra)} {rows} {lie} degrees away from all others, the first at ra, dec = "
        f"{ra[first]:.6g}, {dec[first]:.6g} deg, about {gap:.0f} deg from the nearest others: a "
        "row without a position may have a placeholder such as 0, 0; leave such rows out, because "
        "the map of the catalog would extend to them",
        CatalogWarning,
        "stray_positions",
        "ra",
    )
