# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The mean of the maps of a tile on several lattices, and the error of this mean."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

__all__ = ["mean_of_layers", "scaled_error"]

# Layers that are the same on all lattices, and those of the sampled pixels.
_FIXED = ("index", "weight", "counts")
_SAMPLED = ("sampled", "samples")


def mean_of_layers(maps: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    r"""Return the mean of the layers of a tile on several lattices.

    The galaxies are the same on all lattices, but they fall into other pixels, so that the noise of
    the maps is correlated, not equal. The error of the mean is :math:`\bar\sigma \sqrt{\bar\rho}`
    with the mean correlation of the noise realizations, in which a galaxy is rotated by the same
    angle on all lattices. Without realizations, as for total errors, the correlation is 1.

    Parameters
    ----------
    maps : sequence of dict
        The layers on each lattice: arrays with one row for each HEALPix pixel, ``index`` among
        them; and optionally ``sampled``, the rows of the pixels with noise realizations, and
        ``samples``, the realizations, ``(n_sampled, n_realizations)``.

    Returns
    -------
    dict
        The layers in the pixels that all lattices have.
    """
    common = reduce(np.intersect1d, [layers["index"] for layers in maps])
    rows = [np.searchsorted(layers["index"], common) for layers in maps]
    result: dict[str, np.ndarray] = {"index": common}
    for name, values in maps[0].items():
        if name in _SAMPLED or name == "index":
            continue
        planes = [layers[name][row] for layers, row in zip(maps, rows, strict=True)]
        result[name] = planes[0]
        if name not in _FIXED:
            result[name] = np.mean(planes, axis=0).astype(values.dtype)
    if all("samples" in layers for layers in maps):
        result |= _mean_of_samples(maps, common)
        unmasked = result["unmasked"] == 1
        result["error"] = scaled_error(
            result["error"], result["sampled"], result["samples"], unmasked
        )
    return result


def _mean_of_samples(
    maps: Sequence[dict[str, np.ndarray]], common: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the means of the realizations in the sampled pixels that all lattices have."""
    pixels = [layers["index"][layers["sampled"]] for layers in maps]
    shared = reduce(np.intersect1d, pixels)
    samples = [
        layers["samples"][np.searchsorted(pixel, shared)]
        for layers, pixel in zip(maps, pixels, strict=True)
    ]
    mean = np.mean(samples, axis=0)
    return {"sampled": np.searchsorted(common, shared), "samples": mean.astype(np.float32)}


def scaled_error(
    error: np.ndarray, sampled: np.ndarray, samples: np.ndarray, unmasked: np.ndarray
) -> np.ndarray:
    """Scale a map of errors to the noise realizations of some of its pixels.

    Parameters
    ----------
    error : `numpy.ndarray`
        The error of each pixel, up to a common factor, float32, ``(n,)``.
    sampled : `numpy.ndarray`
        The rows of the sampled pixels, integer, ``(n_sampled,)``.
    samples : `numpy.ndarray`
        The realizations of the noise in these pixels, ``(n_sampled, n_realizations)``.
    unmasked : `numpy.ndarray`
        True for pixels without any masked part, ``(n,)``, which determine the factor.

    Returns
    -------
    `numpy.ndarray`
        The errors, float32, ``(n,)``: those given, if no sampled pixel is unmasked.
    """
    scatter = np.sqrt(np.mean(np.square(samples, dtype=float), axis=-1))
    given = error[sampled]
    good = unmasked[sampled] & (given > 0)
    if not good.any():
        return error
    return error * np.float32(np.median(scatter[good] / given[good]))
