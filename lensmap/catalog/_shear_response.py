# Licensed under a 3-clause BSD style license - see LICENSE.rst
r"""The mean response of ellipticities to shear, from the sheared versions of the galaxies.

Metadetection measures and selects the galaxies again on images with an artificial shear of
:math:`\pm\Delta`. The response of the selected galaxies is

.. math:: R_{ij} = \frac{\langle e_i \rangle_{j+} - \langle e_i \rangle_{j-}}{2 \Delta}

where each mean has the weights and the selection of its own version (Sheldon et al. 2020, ApJ 902,
138; Sheldon et al. 2023, OJAp 6, 17). Most galaxies are in all versions with nearly the same
noise, which cancels in the difference; the error is that of a jackknife over patches of the sky.
"""

from __future__ import annotations

import numpy as np

from lensmap.catalog._patches import SkyPatches
from lensmap.catalog._version_names import UNSHEARED, VERSIONS

__all__ = ["SHEAR_STEP", "add_versions", "response_of_versions", "sums_of_versions"]

#: The artificial shear of the versions of all public catalogs.
SHEAR_STEP = 0.01

_SHEARED = tuple(number for number in range(len(VERSIONS)) if number != UNSHEARED)

_CHUNK = 500_000


def sums_of_versions(
    codes: np.ndarray,
    ra: np.ndarray,
    dec: np.ndarray,
    e1: np.ndarray,
    e2: np.ndarray,
    weight: np.ndarray | None,
) -> np.ndarray:
    """Sum the ellipticities of each sheared version of the galaxies in patches of the sky.

    Parameters
    ----------
    codes : `numpy.ndarray`
        The version of each row, ``(n,)``, as indices in ``VERSIONS`` (noshear, 1p, 1m, 2p, 2m); -1
        for other versions.
    ra, dec : `numpy.ndarray`
        The positions in degrees, ``(n,)``.
    e1, e2 : `numpy.ndarray`
        The ellipticities, ``(n,)``.
    weight : `numpy.ndarray` or None
        The weights, ``(n,)``. If None, all weights are 1.

    Returns
    -------
    `numpy.ndarray`
        The sums of the weights and of the weights times e1 and e2, ``(n_patches, 4, 3)``. The
        second axis is the version: 1p and 1m with positive and negative artificial g1, 2p and 2m
        with positive and negative g2.
    """
    unsheared = codes == UNSHEARED
    patches = SkyPatches(ra[unsheared], dec[unsheared])
    n_patches = len(patches)
    sums = np.zeros((3, len(_SHEARED) * n_patches))
    for start in range(0, len(codes), _CHUNK):
        rows = start + np.flatnonzero(codes[start:start + _CHUNK] > UNSHEARED)
        bins = (codes[rows].astype(int) - 1) * n_patches + patches.index_of(ra[rows], dec[rows])
        w = np.ones(len(rows)) if weight is None else weight[rows].astype(float)
        for total, values in zip(sums, (w, w * e1[rows], w * e2[rows]), strict=True):
            total += np.bincount(bins, values, minlength=sums.shape[1])
    return sums.reshape(3, len(_SHEARED), n_patches).transpose(2, 1, 0)


def add_versions(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    """Join the sums over the sheared versions of two catalogs.

    Parameters
    ----------
    first, second : `numpy.ndarray` or None
        The sums, as `sums_of_versions` returns them, ``(n_patches, 4, 3)``. Both or neither must be
        None. Patches that both catalogs have, because they are parts of one catalog and share its
        response, count once.

    Returns
    -------
    `numpy.ndarray` or None
        The sums of both catalogs. None if both are None.

    Raises
    ------
    ValueError
        If only one of the catalogs has sums.
    """
    if first is None and second is None:
        return None
    if first is None or second is None:
        raise ValueError(
            "catalogs cannot be added if only one of them has sheared versions of the galaxies"
        )
    return np.unique(np.concatenate([first, second]), axis=0)


def response_of_versions(
    sums: np.ndarray, step: float = SHEAR_STEP
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean response to shear and its standard error.

    Parameters
    ----------
    sums : `numpy.ndarray`
        The sums, as `sums_of_versions` returns them.
    step : float
        The artificial shear.

    Returns
    -------
    response, error : `numpy.ndarray`
        The response and its standard error, ``(2, 2)``. Element ``[i, j]`` is the response of the
        component i of the ellipticity to the component j of the shear. The error is infinite if
        it cannot be measured.
    """
    total = sums.sum(axis=0)
    sums = sums[sums[:, :, 0].any(axis=1)]
    n = len(sums)
    if n < 2:
        return _response(total, step), np.full((2, 2), np.inf)
    parts = _response(total - sums, step)
    variance = (n - 1) * np.var(parts, axis=0)
    return _response(total, step), np.where(np.isfinite(variance), np.sqrt(variance), np.inf)


def _response(sums: np.ndarray, step: float) -> np.ndarray:
    """Return the response matrix, ``(..., 2, 2)``, from sums over the four sheared versions.

    ``sums`` are the sums of w, w e1 and w e2 for the versions 1p, 1m, 2p and 2m, ``(..., 4, 3)``,
    and ``step`` is the artificial shear.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums[..., 1:] / sums[..., :1]
    difference = (means[..., 0::2, :] - means[..., 1::2, :]) / (2.0 * step)
    return np.swapaxes(difference, -1, -2)
