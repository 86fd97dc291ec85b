# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Sums over pairs of galaxies and positions in radial bins, and the profiles that follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lensmap.profiles._pair_calibration import PairCalibration, pooling

if TYPE_CHECKING:
    from lensmap.profiles._efficiency import Efficiency
    from lensmap.profiles._pairs import Sources

__all__ = ["PairTerms", "ProfileSums"]

# Each name is the product that is summed, with the factors n (1, for the number), weight w,
# separation r, tangential ellipticity t and cross ellipticity x over the mean response, tangential
# and cross additive bias c and d, noise variance s of the shear, inverse critical surface density
# b, and the mean q of its square.
_OF_SHEAR = ("n", "w", "wr", "wt", "wx", "wws")
_OF_DENSITY = ("wb", "wq", "wbb", "wbq", "wbt", "wbx", "wwbbs")
_OF_BIAS = {False: ("wc", "wd"), True: ("wc", "wd", "wbc", "wbd")}


@dataclass(frozen=True, eq=False)
class PairTerms:
    """The pairs of one position in the radial bins.

    Attributes
    ----------
    column : `numpy.ndarray`
        The radial bin of each pair, ``(n,)``.
    values : `numpy.ndarray`
        The terms of each pair in the sums, ``(n_sums, n)``.
    variance : `numpy.ndarray`
        The noise variance of the shear of each galaxy, ``(n,)``.
    n_left_out : int
        The number of pairs in the bins that are left out, because the galaxy is not behind the lens
        or has no redshift.
    """

    column: np.ndarray
    values: np.ndarray
    variance: np.ndarray
    n_left_out: int


class ProfileSums:
    """The sums of a shear profile: their terms, and the means that follow from them.

    Parameters
    ----------
    sources : Sources
        The galaxies.
    efficiency : Efficiency or None
        The inverse critical surface density of each pair; None if it is not known.
    z_lens : `numpy.ndarray` or None
        The redshifts of the lenses, ``(n_lens,)``.
    lens_weight : `numpy.ndarray`
        The weights of the lenses, ``(n_lens,)``.
    n_bins : int
        The number of radial bins.
    behind : `numpy.ndarray` or None
        As for `PairCalibration`.

    Attributes
    ----------
    names : tuple of str
        The names of the sums.
    with_density : bool
        Whether there are sums for the excess surface density.
    """

    def __init__(
        self,
        sources: Sources,
        efficiency: Efficiency | None,
        z_lens: np.ndarray | None,
        lens_weight: np.ndarray,
        n_bins: int,
        behind: np.ndarray | None = None,
    ) -> None:
        self._sources, self._efficiency, self._lens_weight = sources, efficiency, lens_weight
        self.n_bins, self.with_density = n_bins, efficiency is not None
        self._calibration = PairCalibration(sources, efficiency, z_lens, behind)
        self.names = (
            _OF_SHEAR
            + (_OF_DENSITY if self.with_density else ())
            + (() if sources.additive is None else _OF_BIAS[self.with_density])
            + self._calibration.names
        )

    def terms(self, i: int, position: np.ndarray, edges: np.ndarray) -> PairTerms:
        """Return the terms of the pairs of one position.

        Parameters
        ----------
        i : int
            The index of the position.
        position : `numpy.ndarray`
            Its longitude and latitude in the frame of the galaxies, radians, ``(2,)``.
        edges : `numpy.ndarray`
            The edges of the radial bins, radians, ``(n_bins + 1,)``.

        Returns
        -------
        PairTerms
            The terms, in the order of `names`.
        """
        sources = self._sources
        rows, theta, spin = sources.directions(position, edges[-1])
        column = np.searchsorted(edges, theta, side="right") - 1
        used, n_left_out = (column >= 0) & (column < self.n_bins), 0
        if self._efficiency is not None:
            inverse, square = self._efficiency.inverse_sigma_crit(i, rows)
            n_left_out = int(np.count_nonzero(used & ~(inverse > 0)))
            used &= inverse > 0
            inverse, square = inverse[used], square[used]
        rows, theta, spin, column = rows[used], theta[used], spin[used], column[used]
        shape = -sources.over_response[rows] * spin
        variance, w = sources.variance[rows], sources.weight[rows] * self._lens_weight[i]
        # Radii in units of the outermost edge, which is the same length for all lenses.
        terms = [np.ones(len(rows)), w, w * theta / edges[-1], w * shape.real, w * shape.imag,
                 w**2 * variance]
        by_name = {"w": w}
        if self._efficiency is not None:
            wb = w * inverse
            by_name |= {"wb": wb, "wbb": wb * inverse}
            terms += [wb, w * square, by_name["wbb"], wb * square, wb * shape.real, wb * shape.imag,
                      wb**2 * variance]
        if sources.additive is not None:
            bias = -sources.additive[rows] * spin
            for name in ("w", "wb") if self.with_density else ("w",):
                terms += [by_name[name] * bias.real, by_name[name] * bias.imag]
        terms += self._calibration.terms(i, rows, by_name)
        return PairTerms(column, np.array(terms), variance, n_left_out)

    def of_position(
        self, i: int, position: np.ndarray, edges: np.ndarray
    ) -> tuple[np.ndarray, int]:
        """Return the sums over the pairs of one position, and the number of pairs left out.

        Parameters
        ----------
        i, position, edges
            As for `terms`.

        Returns
        -------
        sums : `numpy.ndarray`
            The sums in each radial bin, ``(n_sums, n_bins)``.
        n_left_out : int
            The number of pairs in the bins whose galaxy is not behind the lens.
        """
        terms = self.terms(i, position, edges)
        return self.of_bins(terms), terms.n_left_out

    def of_bins(self, terms: PairTerms) -> np.ndarray:
        """Return the sums over the pairs of one position in each radial bin, ``(n_sums, n_bins)``.

        Parameters
        ----------
        terms : PairTerms
            The pairs.

        Returns
        -------
        `numpy.ndarray`
            The sums, in the order of `names`.
        """
        return np.array([
            np.bincount(terms.column, term, minlength=self.n_bins) for term in terms.values
        ])

    def by_name(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Return sums, ``(..., n_sums, n_bins)``, as a dict of arrays ``(..., n_bins)``."""
        return dict(zip(self.names, np.moveaxis(sums, -2, 0), strict=True))

    def pooling(self, sums: np.ndarray) -> np.ndarray:
        """Return the bins whose pairs calibrate each bin, by `pooling`, ``(n_bins, n_bins)``."""
        return pooling(self.by_name(sums)["n"])

    def means(self, sums: np.ndarray, pool: np.ndarray) -> dict[str, np.ndarray]:
        """Return the shear and the excess surface density in radial bins.

        Parameters
        ----------
        sums : `numpy.ndarray`
            The sums over pairs, ``(..., n_sums, n_bins)``.
        pool : `numpy.ndarray`
            The bins whose pairs calibrate each bin, ``(n_bins, n_bins)``.

        Returns
        -------
        dict
            ``"g_t"``, ``"g_x"`` and, with redshifts, ``"delta_sigma"`` and ``"delta_sigma_x"``
            (solMass / Mpc2), ``(..., n_bins)`` each. Values of bins without galaxies are NaN.
        """
        by_name, means = self.by_name(sums), {}
        for name, shape, norm, weight in self._kinds():
            response, bias = self._calibration.factors(by_name, weight, pool)
            with np.errstate(invalid="ignore", divide="ignore"):
                for suffix, component, additive in (("_t", "t", "c"), ("_x", "x", "d")):
                    total = by_name[shape + component] / response
                    total = total - by_name.get(shape + additive, 0.0)
                    means[_column(name, suffix)] = total / by_name[norm] / bias
        return means

    def noise(self, sums: np.ndarray, pool: np.ndarray) -> dict[str, np.ndarray]:
        """Return the errors of ``g_t`` and ``delta_sigma`` from the noise of the galaxies.

        Parameters
        ----------
        sums, pool
            As for `means`.

        Returns
        -------
        dict
            ``"g_t"`` and, with redshifts, ``"delta_sigma"``, ``(..., n_bins)`` each.
        """
        by_name, errors = self.by_name(sums), {}
        for name, shape, norm, weight in self._kinds():
            square = "wws" if shape == "w" else "wwbbs"
            factor = self._calibration.noise_factor(by_name, weight, pool)
            with np.errstate(invalid="ignore", divide="ignore"):
                errors[_column(name, "_t")] = np.sqrt(by_name[square]) / by_name[norm] * factor
        return errors

    def deviations(
        self, terms: PairTerms, noise: np.ndarray, sums: np.ndarray, pool: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return the changes of ``g_t`` and ``delta_sigma`` by noise of the pairs of one position.

        Parameters
        ----------
        terms : PairTerms
            The pairs.
        noise : `numpy.ndarray`
            The noise of the tangential shear of each pair, ``(n,)``.
        sums, pool
            As for `means`.

        Returns
        -------
        dict
            As for `noise`.
        """
        by_name, changes = self.by_name(sums), {}
        values = self.by_name(terms.values)
        for name, shape, norm, weight in self._kinds():
            factor = self._calibration.noise_factor(by_name, weight, pool)
            total = np.bincount(terms.column, values[shape] * noise, minlength=self.n_bins)
            with np.errstate(invalid="ignore", divide="ignore"):
                changes[_column(name, "_t")] = total / by_name[norm] * factor
        return changes

    def _kinds(self) -> list[tuple[str, str, str, str]]:
        """Return shear and excess surface density, each with the names of its sums.

        The names are those of the weight of the ellipticities, of the denominator, and of the
        weight of the calibration.
        """
        kinds = [("g", "w", "w", self._calibration.shear_weight)]
        if self.with_density:
            kinds.append(("delta_sigma", "wb", "wbb", "wbb"))
        return kinds


def _column(name: str, suffix: str) -> str:
    """Return the name of a column: the tangential excess surface density has no suffix."""
    return name if name == "delta_sigma" and suffix == "_t" else name + suffix
