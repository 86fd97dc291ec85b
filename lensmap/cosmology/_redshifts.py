# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Redshift distributions of the source galaxies."""

from __future__ import annotations

import numbers
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.integrate import cumulative_trapezoid

from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    as_generator,
    check_plausible,
    look_up,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lensmap.typing import CosmologyLike, RedshiftLike, RNGLike

__all__ = ["SourceRedshifts", "check_z_source", "farthest_source"]

# Source samples of the LSST DESC requirements (Mandelbaum et al. 2018, arXiv:1809.01669, appendix
# D): n(z) ~ z^2 exp(-(z / z0)^alpha). The z0 = 0.28, alpha = 0.90 given there are for lens samples.
_PRESETS = {
    "lsst_y1": {"z0": 0.13, "alpha": 0.78},
    "lsst_y10": {"z0": 0.11, "alpha": 0.68},
}


# Smail distributions without z_max end at this redshift at the latest.
_MAX_REDSHIFT = 6.0


class SourceRedshifts:
    """A tabulated distribution of source redshifts, with linear interpolation.

    Parameters
    ----------
    z : array_like
        Redshifts, ``(n,)``, non-negative and strictly increasing; at least two.
    pdf : array_like
        The density of sources per unit redshift at ``z``, ``(n,)``, non-negative, in any
        normalization.
    name : str or None
        A name that identifies the distribution in stored settings; None leaves it unnamed.

    Attributes
    ----------
    name : str or None
        The name of the distribution.
    z : `numpy.ndarray`
        The redshifts, ``(n,)``.
    pdf : `numpy.ndarray`
        The probability density at ``z``, ``(n,)``, normalized to an integral of 1.

    Raises
    ------
    ValueError
        If ``z`` or ``pdf`` has a wrong shape or values that are not allowed.

    Examples
    --------
    >>> from lensmap.cosmology import SourceRedshifts
    >>> sources = SourceRedshifts.preset("lsst_y10")
    >>> print(f"mean {sources.mean:.2f}, median {sources.quantile(0.5):.2f}")
    mean 1.05, median 0.87
    """

    def __init__(self, z: ArrayLike, pdf: ArrayLike, *, name: str | None = None) -> None:
        self.name = name
        z, pdf = np.array(z, dtype=float), np.array(pdf, dtype=float)
        if z.ndim != 1 or z.shape != pdf.shape or len(z) < 2:
            raise ValueError(
                "'z' and 'pdf' must be one-dimensional arrays of the same length, at least 2, not "
                f"arrays of the shapes {z.shape} and {pdf.shape}"
            )
        if not (np.all(np.isfinite(z)) and np.all(np.diff(z) > 0) and z[0] >= 0):
            raise ParameterError(
                "z", "finite, non-negative and strictly increasing", _abbreviated(z)
            )
        if not np.all(np.isfinite(pdf)) or pdf.min() < 0 or pdf.max() == 0:
            raise ParameterError(
                "pdf", "finite, non-negative and not 0 everywhere", _abbreviated(pdf)
            )
        check_plausible(z[np.flatnonzero(pdf)[-1]], "z", "a source redshift")
        self.z = z
        self.pdf = pdf / np.trapezoid(pdf, z)
        self.z.flags.writeable = self.pdf.flags.writeable = False

    def get_params(self) -> dict[str, object]:
        """Return the parameters that define the distribution, for storage with other settings.

        Returns
        -------
        dict
            The values of ``name``, ``z`` and ``pdf``, keyed by these names.
        """
        return {"name": self.name, "z": self.z, "pdf": self.pdf}

    @classmethod
    def smail(
        cls, z0: float, alpha: float, beta: float = 2.0, *, z_max: float | None = None
    ) -> SourceRedshifts:
        r"""Return the distribution :math:`n(z) \propto z^\beta \exp(-(z / z_0)^\alpha)`.

        Parameters
        ----------
        z0, alpha, beta : float
            The parameters of the formula, all positive.
        z_max : float or None
            The highest redshift. If None, the redshift above which only a fraction of 1e-5 of the
            sources lies, but at most 6.

        Returns
        -------
        SourceRedshifts
            The distribution, tabulated at 500 redshifts.

        Raises
        ------
        ValueError
            If a parameter is not positive.

        References
        ----------
        Smail, Ellis & Fitchett 1994, MNRAS 270, 245.
        """
        for name, value in (("z0", z0), ("alpha", alpha), ("beta", beta)):
            if not (np.isfinite(value) and value > 0):
                raise ParameterError(name, "a positive number", repr(value))
        z = np.linspace(0.0, _MAX_REDSHIFT if z_max is None else z_max, 6001)
        pdf = z**beta * np.exp(-((z / z0) ** alpha))
        if z_max is None:
            total = np.cumsum(pdf)
            z_max = z[np.searchsorted(total, (1 - 1e-5) * total[-1])]
        points = np.linspace(0.0, z_max, 500)
        return cls(points, points**beta * np.exp(-((points / z0) ** alpha)))

    @staticmethod
    def available_presets() -> list[str]:
        """Return the names of the predefined distributions, for `preset`.

        Returns
        -------
        list of str
            The names, such as ``"lsst_y10"``.
        """
        return list(_PRESETS)

    @classmethod
    def preset(cls, name: str) -> SourceRedshifts:
        """Return a predefined distribution.

        Parameters
        ----------
        name : {"lsst_y1", "lsst_y10"}
            The LSST DESC source sample after one year or after ten years.

        Returns
        -------
        SourceRedshifts
            The distribution.

        Raises
        ------
        ValueError
            If the name is unknown.

        References
        ----------
        LSST DESC 2018, arXiv:1809.01669, appendix D.
        """
        sources = cls.smail(**look_up(_PRESETS, name, "source redshift preset"))
        sources.name = name
        return sources

    def __repr__(self) -> str:
        return (
            f"<SourceRedshifts: mean {self.mean:.3g}, {self.z[0]:.3g} to {self.z[-1]:.3g}, "
            f"{len(self.z)} points>"
        )

    @cached_property
    def _cumulative(self) -> np.ndarray:
        total = cumulative_trapezoid(self.pdf, self.z, initial=0)
        return total / total[-1]

    @property
    def mean(self) -> float:
        """The mean redshift of the sources."""
        a, b = self.z[:-1], self.z[1:]
        p, q = self.pdf[:-1], self.pdf[1:]
        return float(np.sum((b - a) * (p * (2 * a + b) + q * (a + 2 * b)) / 6))

    def effective_redshift(self, z_lens: float, cosmology: CosmologyLike = None) -> float:
        """Return the redshift at which all sources would have the same mean lensing efficiency.

        Parameters
        ----------
        z_lens : float
            The redshift of the lens. The effective redshift belongs to this lens redshift.
        cosmology : `~astropy.cosmology.FLRW`, str or None
            The cosmology or its name; None is ``"massivenus"``. See `get_cosmology`.

        Returns
        -------
        float
            The effective redshift.

        Raises
        ------
        ValueError
            If ``z_lens`` is out of range, or no source is behind the lens.

        Examples
        --------
        >>> from lensmap.cosmology import SourceRedshifts
        >>> print(f"{SourceRedshifts.preset('lsst_y10').effective_redshift(0.3):.2f}")
        0.69
        """
        # Here, because that module imports this class.
        from lensmap.cosmology._lensing import distance_ratio, lensing_efficiency

        efficiency = lensing_efficiency(z_lens, self, cosmology)
        if not 0 < efficiency < 1:
            raise ParameterError(
                "z_lens", "positive and lower than the redshift of some source", f"{z_lens:g}"
            )
        # The scale factor resolves high redshifts as well as those just behind the lens.
        nodes = 1 / np.linspace(1 / (1 + z_lens), 1 / (1.001 + 1.001 * self.z[-1]), 4001) - 1
        ratio = distance_ratio([z_lens], nodes, cosmology)[0]
        return float(np.interp(efficiency, ratio, nodes))

    def quantile(self, fraction: ArrayLike) -> float | np.ndarray:
        """Return the redshift below which a fraction of the sources lies.

        Parameters
        ----------
        fraction : float or array_like
            The fraction of the sources, between 0 and 1; any shape.

        Returns
        -------
        float or `numpy.ndarray`
            The redshift, with the same shape as ``fraction``.

        Raises
        ------
        ValueError
            If a fraction is not between 0 and 1.
        """
        fraction = np.asarray(fraction, dtype=float)
        invalid = ~((fraction >= 0) & (fraction <= 1))
        if np.any(invalid):
            raise ParameterError(
                "fraction", "a fraction of the sources between 0 and 1", str(fraction[invalid][0])
            )
        i = np.clip(np.searchsorted(self._cumulative, fraction, side="right") - 1,
                    0, len(self.z) - 2)
        # The pdf is linear between two points, so its integral is quadratic. This form of the root
        # of the quadratic equation has no cancellation.
        width = self.z[i + 1] - self.z[i]
        p, slope = self.pdf[i], (self.pdf[i + 1] - self.pdf[i]) / width
        area = np.clip(fraction - self._cumulative[i], 0.0, None)
        root = p + np.sqrt(np.clip(p**2 + 2 * slope * area, 0.0, None))
        step = np.divide(2 * area, root, out=np.zeros_like(root), where=root > 0)
        result = self.z[i] + np.minimum(step, width)
        return float(result) if result.ndim == 0 else result

    def sample(self, size: int | tuple[int, ...], rng: RNGLike = None) -> np.ndarray:
        """Draw random source redshifts.

        Parameters
        ----------
        size : int or tuple of int
            The number of redshifts, or the shape of the array.
        rng : None, int or `numpy.random.Generator`
            Seed or generator for the redshifts; None draws a new seed in each call.

        Returns
        -------
        `numpy.ndarray`
            The redshifts, with the shape ``size``.
        """
        return np.asarray(self.quantile(as_generator(rng).random(size)))


def _abbreviated(values):
    """Return an array as one line of text, in which dots replace inner values of a long array."""
    return np.array2string(values, threshold=8, max_line_width=np.inf)


def check_z_source(z_source: RedshiftLike) -> RedshiftLike:
    """Check a source redshift or a redshift distribution.

    Parameters
    ----------
    z_source : float or SourceRedshifts
        The redshift of the sources, or their redshift distribution.

    Returns
    -------
    float or SourceRedshifts
        A number as a float, a distribution unchanged.

    Raises
    ------
    TypeError
        If ``z_source`` is neither a number nor a distribution.
    ValueError
        If a number is not between 0.001 and 100.
    """
    if isinstance(z_source, SourceRedshifts):
        return z_source
    if isinstance(z_source, bool) or not isinstance(z_source, numbers.Real):
        raise ParameterTypeError(
            "z_source", "a number (the redshift) or a SourceRedshifts", repr(z_source)
        )
    check_plausible(float(z_source), "z_source", "a source redshift")
    return float(z_source)


def farthest_source(z_source: RedshiftLike) -> float:
    """Return the highest redshift of the sources.

    Parameters
    ----------
    z_source : float or SourceRedshifts
        The redshift of the sources, or their redshift distribution.

    Returns
    -------
    float
        ``z_source``, or the upper end of the distribution.
    """
    return float(z_source.z[-1]) if isinstance(z_source, SourceRedshifts) else z_source
