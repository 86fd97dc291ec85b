# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The cross-power of the convergence of a survey with other maps of the same pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from astropy.table import QTable

from lensmap.sphere import HealpixPixels, SphericalTransform
from lensmap.survey.products import Block
from lensmap.utils import MapWarning, set_formats, warn_user

__all__ = ["DegradedMaps", "cross_power_table", "degraded_maps"]

#: The highest resolution of the maps whose power is measured.
MAX_NSIDE = 1024

# Neighboring tiles are left out together, so that the jackknife has at most this many patches.
_MAX_PATCHES = 50

_MIN_PATCHES = 5


@dataclass(frozen=True)
class DegradedMaps:
    """Two maps of a survey at low resolution, with the mask that tapers their edges.

    Attributes
    ----------
    pixels : HealpixPixels
        The pixels.
    index : `numpy.ndarray`
        The nested indices of the pixels with data, increasing, ``(n,)``.
    kappa, other : `numpy.ndarray`
        The means of the maps over the pixels, ``(n,)``.
    weight : `numpy.ndarray`
        The mask, from 0 at edges to 1, ``(n,)``.
    tile : `numpy.ndarray`
        The tile of each pixel, ``(n,)``.
    """

    pixels: HealpixPixels
    index: np.ndarray
    kappa: np.ndarray
    other: np.ndarray
    weight: np.ndarray
    tile: np.ndarray


def degraded_maps(
    blocks: Iterable[Block], name: str, nside: int, new_nside: int, apodization: float
) -> DegradedMaps:
    r"""Average two maps over larger pixels, tile by tile.

    Parameters
    ----------
    blocks : iterable of Block
        The maps.
    name : str
        The layer beside ``kappa``.
    nside, new_nside : int
        The resolution of the blocks and of the result.
    apodization : float
        The distance from the nearest edge at which the mask reaches 1, degrees.

    Returns
    -------
    DegradedMaps
        The maps. The mask of a pixel is the mean of :math:`\sin^2(\pi d / 2 a)` for the distance
        d from the nearest masked or empty area and the apodization a, and 1 for larger d.
    """
    steps = 2 * (HealpixPixels(nside).order - HealpixPixels(new_nside).order)
    parts: dict[str, list[np.ndarray]] = {}
    for block in blocks:
        layers = block.layers
        good = np.isfinite(layers["kappa"]) & np.isfinite(layers[name])
        edge = np.where(good, layers["edge"], 0.0).astype(float)
        taper = np.sin(0.5 * np.pi * np.clip(edge / apodization, 0, 1)) ** 2
        taper = np.where(good, taper, 0.0).reshape(-1, 4 ** (steps // 2))
        total = taper.sum(axis=1)
        used = np.flatnonzero(total > 0)
        if len(used) == 0:
            continue
        first = block.pixel << 2 * (HealpixPixels(new_nside).order - block.order)
        for layer, key in (("kappa", "kappa"), (name, "other")):
            values = np.where(good, layers[layer], 0.0).astype(float).reshape(taper.shape)
            mean = np.sum(values * taper, axis=1)[used] / total[used]
            parts.setdefault(key, []).append(mean)
        parts.setdefault("index", []).append(first + used)
        parts.setdefault("weight", []).append(total[used] / taper.shape[1])
        parts.setdefault("tile", []).append(np.full(len(used), block.pixel))
    if not parts:
        raise ValueError(
            "the survey has no pixel with data that is off its edges: use a narrower apodization"
        )
    return DegradedMaps(
        HealpixPixels(new_nside), **{key: np.concatenate(one) for key, one in parts.items()}
    )


def cross_power_table(maps: DegradedMaps, edges: np.ndarray) -> QTable:
    """Return the cross-power of two maps in bins of multipoles.

    Parameters
    ----------
    maps : DegradedMaps
        The maps.
    edges : `numpy.ndarray`
        The edges of the bins, integer, ``(n_bins + 1,)``; a bin holds its lower edge.

    Returns
    -------
    `~astropy.table.QTable`
        As `SurveyMap.cross_power` returns it.
    """
    total, patches, f_sky = _power_of_parts(maps, edges)
    kappa, other, cross = total / f_sky
    without = (total - patches[0]) / (f_sky - patches[1])[:, np.newaxis, np.newaxis]
    n = len(without)
    if n < _MIN_PATCHES:
        warn_user(
            f"the errors of the cross-power are unreliable: the survey has only {n} tiles, and a "
            f"jackknife needs {_MIN_PATCHES} or more", MapWarning, "few_tiles",
        )

    def error(values: np.ndarray) -> np.ndarray:
        if n < 2:
            return np.full(values.shape[1:], np.nan)
        return np.sqrt((n - 1) * np.mean((values - values.mean(axis=0)) ** 2, axis=0))

    n_modes = np.diff(edges.astype(float) ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, ratios = cross / other, without[:, 2] / without[:, 1]
        mean, means = (
            np.sum(n_modes * one[..., 2, :], axis=-1) / np.sum(n_modes * one[..., 1, :], axis=-1)
            for one in (total / f_sky, without)
        )
    table = QTable({
        "ell_low": edges[:-1], "ell_high": edges[1:], "ell": _mean_multipole(edges),
        "cross": cross, "cross_err": error(without[:, 2]), "power_kappa": kappa,
        "power_other": other, "leakage": ratio, "leakage_err": error(ratios),
    })
    table.meta |= {
        "f_sky": float(f_sky), "n_patches": n, "nside": maps.pixels.nside,
        "leakage": float(mean), "leakage_err": float(error(means[:, np.newaxis])[0]),
    }
    return set_formats(table, {"ell": ".0f", "leakage leakage_err": ".3f"}, others=".3g")


def _mean_multipole(edges: np.ndarray) -> np.ndarray:
    """Return the mean multipole of the modes of each bin."""
    return np.array([
        np.average(ell, weights=2 * ell + 1)
        for ell in (np.arange(low, high) for low, high in zip(edges[:-1], edges[1:], strict=True))
    ])


def _power_of_parts(
    maps: DegradedMaps, edges: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], float]:
    """Return the power of the masked maps, and what each patch contributes to it.

    Returns
    -------
    total : `numpy.ndarray`
        The power of kappa and of the other map, and their cross-power, in bins, ``(3, n_bins)``;
        not divided by the part of the sky.
    patches : tuple of `numpy.ndarray`
        What is lost of it without each patch, ``(n_patches, 3, n_bins)``, and the part of the sky
        of each patch, ``(n_patches,)``.
    f_sky : float
        The mean of the squared mask over the sphere.
    """
    lmax = int(edges[-1]) - 1
    weight = maps.weight
    planes = [
        weight * (plane - np.average(plane, weights=weight)) for plane in (maps.kappa, maps.other)
    ]
    transform = SphericalTransform(maps.pixels, maps.index, lmax=lmax)
    one, other = (transform.to_coefficients(plane) for plane in planes)
    n_bins = len(edges) - 1
    bins = np.searchsorted(edges, np.arange(lmax + 1), side="right") - 1
    modes = (2 * np.arange(lmax + 1) + 1) * (bins >= 0)
    norm = np.bincount(np.maximum(bins, 0), modes, minlength=n_bins)

    def binned(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.stack([
            np.bincount(np.maximum(bins, 0), modes * transform.power(*pair), minlength=n_bins)
            / norm for pair in ((a, a), (b, b), (a, b))
        ])

    total = binned(one, other)
    lost, areas = [], []
    patch = _patches(maps.tile)
    for number in range(patch.max() + 1):
        rows = np.flatnonzero(patch == number)
        # The transform is linear: only the rings of the patch are transformed.
        part = SphericalTransform(maps.pixels, maps.index[rows], lmax=lmax)
        a, b = (part.to_coefficients(plane[rows]) for plane in planes)
        lost.append(total - binned(one - a, other - b))
        areas.append(np.sum(weight[rows] ** 2) / maps.pixels.n_pixels)
    f_sky = float(np.sum(weight**2) / maps.pixels.n_pixels)
    return total, (np.array(lost), np.array(areas)), f_sky


def _patches(tile: np.ndarray) -> np.ndarray:
    """Return the patch of each pixel: its tile, or several tiles in a row for many tiles."""
    number = np.unique(tile, return_inverse=True)[1]
    n = int(number.max()) + 1
    return number if n <= _MAX_PATCHES else number * _MAX_PATCHES // n
