# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Errors of shear profiles from resampling: bootstrap and jackknife."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lensmap.utils import LensmapWarning, warn_user

if TYPE_CHECKING:
    from lensmap.profiles._pairs import Sources
    from lensmap.profiles._profile_sums import PairTerms, ProfileSums

__all__ = ["MIN_PATCHES", "noise_covariances", "patch_covariances", "sum_patches"]

#: Fewer positions or patches underestimate the scatter between them.
MIN_PATCHES = 10

# The scatter of fewer pairs is too uncertain: errors from it are correlated with the shear.
_MIN_PAIRS = 100


def noise_covariances(
    sums: ProfileSums,
    terms: PairTerms,
    sources: Sources,
    n_bootstrap: int,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    r"""Return covariances around one position, from a bootstrap of the noise of the galaxies.

    Each galaxy keeps its place and weight. In each sample it gets the ellipticity of a galaxy that
    is drawn from the whole catalog and rotated at random, scaled from the noise of that galaxy to
    its own. The error of a bin thus does not depend on the few ellipticities in it, and no bin is
    ever empty.

    Parameters
    ----------
    sums : ProfileSums
        The sums of the profile.
    terms : PairTerms
        The pairs.
    sources : Sources
        The galaxies.
    n_bootstrap : int
        The number of samples.
    rng : `numpy.random.Generator`
        The generator for the samples.

    Returns
    -------
    dict
        The covariances ``(n_bins, n_bins)`` of ``"g_t"`` and, with redshifts, ``"delta_sigma"``;
        NaN for empty bins.

    References
    ----------
    Efron & Tibshirani 1993, An Introduction to the Bootstrap, sec. 9.4 (bootstrap of residuals).
    """
    total = sums.of_bins(terms)
    pool = sums.pooling(total)
    usable = np.flatnonzero((sources.weight > 0) & (sources.variance > 0))
    sigma = np.sqrt(terms.variance)
    samples: dict[str, list] = {}
    for _ in range(n_bootstrap):
        rows = usable[rng.integers(len(usable), size=len(sigma))]
        angle = rng.uniform(0, 2 * np.pi, len(rows))
        drawn = (sources.shear[rows] * np.exp(1j * angle)).real / np.sqrt(sources.variance[rows])
        for name, change in sums.deviations(terms, drawn * sigma, total, pool).items():
            samples.setdefault(name, []).append(change)
    return {name: np.atleast_2d(np.cov(np.transpose(s))) for name, s in samples.items()}


def sum_patches(sums: np.ndarray, patches: np.ndarray) -> np.ndarray:
    """Add the sums over the pairs of each position in patches.

    Parameters
    ----------
    sums : `numpy.ndarray`
        The sums of each position, ``(n_positions, n_sums, n_bins)``.
    patches : `numpy.ndarray`
        The patch of each position, ``(n_positions,)``.

    Returns
    -------
    `numpy.ndarray`
        The sums of each patch, ``(n_patches, n_sums, n_bins)``.
    """
    added = np.zeros((patches.max() + 1, *sums.shape[1:]))
    np.add.at(added, patches, sums)
    return added


def patch_covariances(
    sums: ProfileSums,
    patch_sums: np.ndarray,
    n_bootstrap: int | None,
    rng: np.random.Generator,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return covariances of a stack, from a bootstrap or a jackknife of patches of positions.

    Parameters
    ----------
    sums : ProfileSums
        The sums of the profile.
    patch_sums : `numpy.ndarray`
        The sums of each patch, ``(n_patches, n_sums, n_bins)``.
    n_bootstrap : int or None
        The number of bootstrap samples; None makes a jackknife.
    rng : `numpy.random.Generator`
        The generator for the bootstrap.

    Returns
    -------
    covariances : dict
        The covariances ``(n_bins, n_bins)`` of ``"g_t"`` and, with redshifts, ``"delta_sigma"``;
        NaN for empty bins.
    from_noise : `numpy.ndarray`
        Bool, ``(n_bins,)``: bins with pairs in too few patches or with too few pairs for a scatter
        between patches. Their variance is that of the noise of the galaxies, and their covariance
        with other bins is 0.

    Warns
    -----
    LensmapWarning
        If there are such bins.
    """
    n, total = len(patch_sums), patch_sums.sum(axis=0)
    pool = sums.pooling(total)
    if n_bootstrap is None:
        samples, factor = total - patch_sums, n - 1
    else:
        counts = rng.multinomial(n, np.full(n, 1 / n), size=n_bootstrap)
        samples, factor = np.tensordot(counts.astype(float), patch_sums, 1), 1
    n_pairs = sums.by_name(patch_sums)["n"]
    filled = np.count_nonzero(n_pairs, axis=0)
    from_noise = (filled < min(MIN_PATCHES, n)) | (n_pairs.sum(axis=0) < _MIN_PAIRS)
    from_noise &= filled > 0
    means, noise = sums.means(total, pool), sums.noise(total, pool)
    covariances = {}
    for name, values in sums.means(samples, pool).items():
        if name not in noise:
            continue
        # A sample may lack a bin; those that most samples lack are in from_noise.
        change = np.where(np.isfinite(values), values - means[name], 0.0)
        matrix = np.atleast_2d(np.cov(change.T, bias=n_bootstrap is None)) * factor
        matrix[from_noise] = matrix[:, from_noise] = 0.0
        matrix[from_noise, from_noise] = noise[name][from_noise] ** 2
        matrix[filled == 0] = matrix[:, filled == 0] = np.nan
        covariances[name] = matrix
    if from_noise.any():
        warn_user(
            f"{np.count_nonzero(from_noise)} of {len(from_noise)} bins have pairs around fewer "
            f"than {MIN_PATCHES} positions or patches, or fewer than {_MIN_PAIRS} pairs: their "
            "errors are those of the noise of the galaxies; wider bins have errors from the "
            "scatter between positions",
            LensmapWarning,
            "bins_with_noise_errors",
            "bins",
        )
    return covariances, from_noise
