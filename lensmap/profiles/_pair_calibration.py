# Licensed under a 3-clause BSD style license - see LICENSE.rst
r"""Calibration of the pairs of galaxies and positions that a shear profile uses.

A galaxy with the response :math:`\rho_i` and the multiplicative bias :math:`m_i` has the mean
ellipticity :math:`\rho_i (1 + m_i)\, g_i`. The shear :math:`g_i` is proportional to the inverse
critical surface density :math:`b_i`, so that the response of a sum of :math:`w_i e_i` is the mean
with the weights :math:`w_i b_i`, and that of a sum of :math:`w_i b_i e_i` the mean with the weights
:math:`w_i b_i^2`. Galaxies in front of the lens, whose :math:`b_i` is 0, do not contribute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lensmap.catalog import galaxy_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lensmap.profiles._efficiency import Efficiency
    from lensmap.profiles._pairs import Sources

__all__ = [
    "MIN_CALIBRATING",
    "PairCalibration",
    "at_lenses",
    "chosen_lenses",
    "mean_response",
    "pooling",
]

#: The smallest number of galaxies or pairs whose mean calibrates.
MIN_CALIBRATING = 1000

# For more lens redshifts than this, the response behind a lens is interpolated.
_MAX_REDSHIFTS = 32


def mean_response(values: np.ndarray, weight: np.ndarray) -> float:
    """Return the weighted mean of relative responses of galaxies.

    Parameters
    ----------
    values : `numpy.ndarray`
        The responses relative to the mean of the catalog, ``(n,)``.
    weight : `numpy.ndarray`
        The weights, ``(n,)``; 0 for galaxies that are not used.

    Returns
    -------
    float
        The mean. Galaxies that lack to 1000 used ones count with the mean of the catalog, 1.
    """
    used = weight > 0
    n = np.count_nonzero(used)
    if n == 0:
        return 1.0
    share = min(n / MIN_CALIBRATING, 1.0)
    return share * float(np.average(values[used], weights=weight[used])) + 1 - share


def pooling(n_pairs: np.ndarray) -> np.ndarray:
    """Return the matrix that adds neighboring bins to those with few pairs.

    The sums of a bin with less than 1000 pairs are completed to 1000 pairs by those of the next
    bins on both sides, the last of which count in part. Means of such sums are a smooth function of
    radius, and those of full bins are their own.

    Parameters
    ----------
    n_pairs : `numpy.ndarray`
        The number of pairs in each bin, ``(n_bins,)``.

    Returns
    -------
    `numpy.ndarray`
        The contribution of the bin j to the sums of the bin i, ``(n_bins, n_bins)``.
    """
    n_bins = len(n_pairs)
    matrix = np.eye(n_bins)
    for i, row in enumerate(matrix):
        missing = MIN_CALIBRATING - n_pairs[i]
        for distance in range(1, n_bins):
            next_bins = [j for j in (i - distance, i + distance) if 0 <= j < n_bins]
            available = n_pairs[next_bins].sum()
            if missing <= 0 or not next_bins:
                break
            if available > 0:
                row[next_bins] = min(missing / available, 1.0)
                missing -= available
    return matrix


class PairCalibration:
    """The calibration of pairs, relative to that of all galaxies of the catalog.

    Parameters
    ----------
    sources : Sources
        The galaxies.
    efficiency : Efficiency or None
        The inverse critical surface density of each pair; None if it is not known.
    z_lens : `numpy.ndarray` or None
        The redshifts of the lenses, ``(n_lens,)``.
    behind : `numpy.ndarray` or None
        The mean relative response of all galaxies behind each lens with the weights w b and w b^2,
        ``(n_lens, 2)``, if the galaxies are a part of a survey. None computes it.

    Attributes
    ----------
    names : tuple of str
        The names of the sums over pairs that calibrate them: weight w, inverse critical surface
        density b, bias m and relative response r.
    """

    def __init__(
        self,
        sources: Sources,
        efficiency: Efficiency | None,
        z_lens: np.ndarray | None,
        behind: np.ndarray | None = None,
    ) -> None:
        self._m, self._mean_m = sources.catalog["m"], sources.calibration.m
        self._by_galaxy: np.ndarray | None = None
        self._by_lens: np.ndarray | None = None
        response = galaxy_response(sources.catalog, sources.calibration)
        if response is not None and not response.noisy:
            self._by_galaxy = response.values
        elif response is not None and efficiency is not None and efficiency.of_galaxies:
            assert z_lens is not None
            self._by_lens = behind if behind is not None else _behind_lenses(
                response.values, sources.weight, efficiency, z_lens
            )
        self.shear_weight = "w" if efficiency is None else "wb"
        weights = ("w",) if efficiency is None else ("wb", "wbb")
        factors = [
            name for name, values in (("m", self._m), ("r", self._by_galaxy), ("r", self._by_lens))
            if values is not None
        ]
        self.names = tuple(weight + factor for weight in weights for factor in factors)

    def terms(self, i: int, rows: np.ndarray, by_name: Mapping[str, np.ndarray]) -> list:
        """Return the terms of the pairs of one lens in the sums, in the order of `names`.

        Parameters
        ----------
        i : int
            The index of the lens.
        rows : `numpy.ndarray`
            The indices of the galaxies, ``(n,)``.
        by_name : dict
            The weights of the pairs with the keys ``"w"``, ``"wb"`` and ``"wbb"``, ``(n,)`` each.

        Returns
        -------
        list of `numpy.ndarray`
            The terms, ``(n,)`` each.
        """
        terms = []
        for name in self.names:
            weight, factor = name[:-1], name[-1]
            if factor == "m":
                value = self._m[rows]
            elif self._by_galaxy is not None:
                value = self._by_galaxy[rows]
            elif self._by_lens is not None:
                value = self._by_lens[i, int(weight == "wbb")]
            terms.append(by_name[weight] * value)
        return terms

    def factors(
        self, sums: Mapping[str, np.ndarray], weight: str, pool: np.ndarray
    ) -> tuple[np.ndarray | float, np.ndarray | float]:
        """Return the relative response and 1 + m of the pairs in radial bins.

        Parameters
        ----------
        sums : dict
            The sums over pairs, ``(..., n_bins)``, keyed by their names.
        weight : {"w", "wb", "wbb"}
            The weights of the mean.
        pool : `numpy.ndarray`
            The result of `pooling`.

        Returns
        -------
        response : `numpy.ndarray` or float
            The response relative to that of all galaxies.
        bias : `numpy.ndarray` or float
            The factor 1 + m.
        """
        response: np.ndarray | float = 1.0
        bias: np.ndarray | float = 1 + self._mean_m
        pooled = sums[weight] @ pool.T
        with np.errstate(invalid="ignore", divide="ignore"):
            if self._m is not None:
                bias = 1 + (sums[weight + "m"] @ pool.T) / pooled
            if self._by_galaxy is not None:
                response = (sums[weight + "r"] @ pool.T) / pooled
            elif self._by_lens is not None:
                response = sums[weight + "r"] / sums[weight]
        return response, bias

    def noise_factor(
        self, sums: Mapping[str, np.ndarray], weight: str, pool: np.ndarray
    ) -> np.ndarray | float:
        """Return the factor from the noise by the calibration of all galaxies to that of pairs.

        The parameters are those of `factors`.
        """
        response, bias = self.factors(sums, weight, pool)
        return (1 + self._mean_m) / (response * bias)


def _behind_lenses(
    values: np.ndarray, weight: np.ndarray, efficiency: Efficiency, z_lens: np.ndarray
) -> np.ndarray:
    """Return the mean response of all galaxies of a catalog behind each lens, ``(n_lens, 2)``.

    ``values`` are the relative responses and ``weight`` the weights w of the galaxies, ``(n,)``.
    The columns are the means with the weights w b and w b^2, for the inverse critical surface
    density b.
    """
    chosen = chosen_lenses(z_lens)
    rows, nodes = np.arange(len(values)), []
    for i in chosen:
        inverse, _ = efficiency.inverse_sigma_crit(i, rows)
        product = weight * inverse
        nodes.append([
            mean_response(values, product), mean_response(values, product * inverse)
        ])
    return at_lenses(z_lens, chosen, np.array(nodes))


def chosen_lenses(z_lens: np.ndarray) -> np.ndarray:
    """Return the indices of lenses of different redshifts, between which others are interpolated.

    The redshifts of the lenses, ``(n_lens,)``, give indices in the order of redshift.
    """
    unique_z, first = np.unique(z_lens, return_index=True)
    if len(unique_z) <= _MAX_REDSHIFTS:
        return first
    return first[np.unique(np.linspace(0, len(unique_z) - 1, _MAX_REDSHIFTS).astype(int))]


def at_lenses(z_lens: np.ndarray, chosen: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Interpolate values ``(n_chosen, k)`` at the chosen lenses to all lenses, ``(n_lens, k)``."""
    return np.stack(
        [np.interp(z_lens, z_lens[chosen], column) for column in nodes.T], axis=-1
    )
