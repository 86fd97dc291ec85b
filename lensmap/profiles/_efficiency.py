# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Inverse critical surface density for each pair of a lens and a source galaxy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from astropy import constants
from astropy import units as u

from lensmap.cosmology import SourceRedshifts, check_z_source, distance_ratio, lensing_efficiency
from lensmap.utils import ParameterError

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

    from lensmap.typing import RedshiftLike

__all__ = ["Efficiency", "inverse_scale"]

# The number of source redshifts at which distance ratios are tabulated.
_N_NODES = 1500


class Efficiency(ABC):
    r"""Inverse critical surface density :math:`1 / \Sigma_\mathrm{cr}` of sources behind lenses.

    Attributes
    ----------
    of_galaxies : bool
        Whether it differs between galaxies.
    """

    of_galaxies = True

    @staticmethod
    def from_redshifts(
        redshift: np.ndarray | None,
        z_lens: np.ndarray | None,
        z_source: RedshiftLike | None,
        cosmology: FLRW,
        highest: float | None = None,
    ) -> Efficiency | None:
        """Return the inverse critical surface density of sources, from redshifts.

        Parameters
        ----------
        redshift : `numpy.ndarray` or None
            Redshifts of the galaxies, ``(n,)``, NaN where missing; used if ``z_source`` is None.
        z_lens : `numpy.ndarray` or None
            Redshifts of the lenses, ``(n_lens,)``.
        z_source : float, `~lensmap.SourceRedshifts` or None
            The redshift of all galaxies, or their redshift distribution. None uses ``redshift``.
        cosmology : `~astropy.cosmology.FLRW`
            The cosmology.
        highest : float or None
            The highest redshift of the survey of which the galaxies are a part. None is that of
            the galaxies.

        Returns
        -------
        Efficiency or None
            The inverse critical surface density for each pair of a lens and a galaxy. None if the
            redshifts of the lenses or of the sources are missing.

        Raises
        ------
        TypeError, ValueError
            If ``z_source`` cannot be used, or one of the lenses has no source behind it.
        """
        if z_source is not None:
            z_source = check_z_source(z_source)
        if z_lens is None:
            return None
        if z_source is not None:
            return Efficiency.from_sources(z_source, z_lens, cosmology)
        return None if redshift is None else _GalaxyEfficiency(
            redshift, z_lens, cosmology, highest
        )

    @staticmethod
    def from_sources(z_source: RedshiftLike, z_lens: np.ndarray, cosmology: FLRW) -> Efficiency:
        """Return the inverse critical surface density for sources of one redshift distribution.

        Parameters
        ----------
        z_source : float or `~lensmap.SourceRedshifts`
            The redshift of all galaxies, or their redshift distribution.
        z_lens : `numpy.ndarray`
            Redshifts of the lenses, ``(n_lens,)``.
        cosmology : `~astropy.cosmology.FLRW`
            The cosmology.

        Returns
        -------
        Efficiency
            The inverse critical surface density for each lens, which is the same for all galaxies.

        Raises
        ------
        TypeError, ValueError
            If ``z_source`` cannot be used, or one of the lenses has no source behind it.
        """
        return _CommonEfficiency(check_z_source(z_source), z_lens, cosmology)

    @abstractmethod
    def inverse_sigma_crit(self, i: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the means of 1 / Sigma_cr and of 1 / Sigma_cr^2 for each galaxy, for one lens.

        Parameters
        ----------
        i : int
            The index of the lens.
        rows : `numpy.ndarray`
            The indices of the galaxies, ``(m,)``.

        Returns
        -------
        inverse : `numpy.ndarray`
            The mean over the redshift distribution, Mpc2 / solMass (proper Mpc), ``(m,)``; 0 for
            galaxies in front of the lens or without a redshift.
        square : `numpy.ndarray`
            The mean of the square over the redshift distribution, ``(m,)``.
        """


class _CommonEfficiency(Efficiency):
    """Inverse critical surface density for galaxies of one redshift or redshift distribution."""

    of_galaxies = False

    def __init__(self, z_source: RedshiftLike, z_lens: np.ndarray, cosmology: FLRW) -> None:
        unique_z, index = np.unique(z_lens, return_inverse=True)
        ratio = np.asarray(lensing_efficiency(unique_z, z_source, cosmology))
        if np.any(ratio <= 0):
            raise ParameterError(
                "z_lens",
                "lower than {z_source}",
                f"{unique_z[-1]:g}",
                f"{{z_source}} is {z_source}",
            )
        self._mean = inverse_scale(z_lens, cosmology) * ratio[index]
        self._square_ratio = np.array(
            [_square_ratio(z, z_source, cosmology) for z in unique_z]
        )[index]

    def inverse_sigma_crit(self, i: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inverse = np.full(len(rows), self._mean[i])
        return inverse, inverse**2 * self._square_ratio[i]


class _GalaxyEfficiency(Efficiency):
    """Inverse critical surface density for galaxies with individual redshifts."""

    def __init__(
        self,
        redshift: np.ndarray,
        z_lens: np.ndarray,
        cosmology: FLRW,
        highest: float | None = None,
    ) -> None:
        if highest is None:
            finite = redshift[np.isfinite(redshift)]
            highest = float(finite.max()) if len(finite) else -np.inf
        if highest <= z_lens.max():
            raise ParameterError(
                "z_lens",
                "lower than the redshift of some galaxies",
                f"{z_lens.max():g}",
                f"the highest redshift of a galaxy is {highest:g}" if np.isfinite(highest)
                else "no galaxy has a redshift; give {z_source}",
            )
        self._z_lens, self._redshift = z_lens, redshift
        # Nodes are evenly spaced in the scale factor, because catalogs have redshifts such as 99.
        self._nodes = 1 / np.linspace(1 / 1.0001, 1 / (1.001 + highest), _N_NODES) - 1
        scale = inverse_scale(z_lens, cosmology)
        self._table = distance_ratio(z_lens, self._nodes, cosmology) * scale[:, np.newaxis]

    def inverse_sigma_crit(self, i: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        redshift = self._redshift[rows]
        inverse = np.interp(redshift, self._nodes, self._table[i], left=0.0)
        # The negation includes missing redshifts, which are NaN.
        inverse[~(redshift > self._z_lens[i])] = 0.0
        return inverse, inverse**2


def inverse_scale(z_lens: np.ndarray, cosmology: FLRW) -> np.ndarray:
    """Return 4 pi G D_l / c^2, the inverse critical surface density for D_ls / D_s = 1.

    Parameters
    ----------
    z_lens : `numpy.ndarray`
        Redshifts of the lenses, ``(n_lens,)``.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.

    Returns
    -------
    `numpy.ndarray`
        The values, Mpc2 / solMass (proper Mpc), ``(n_lens,)``.
    """
    constant = (4 * np.pi * constants.G / constants.c**2).to_value(u.Mpc / u.solMass)
    return constant * cosmology.angular_diameter_distance(z_lens).to_value(u.Mpc)


def _square_ratio(z_lens: float, z_source: RedshiftLike, cosmology: FLRW) -> float:
    """Return <beta^2> / <beta>^2 for a lens, averaged over sources, where beta = D_ls / D_s."""
    if not isinstance(z_source, SourceRedshifts):
        return 1.0
    z = np.linspace(max(z_source.z[0], 1e-4), z_source.z[-1], 2000)
    density = np.interp(z, z_source.z, z_source.pdf)
    beta = distance_ratio(np.array([z_lens]), z, cosmology)[0]
    total, first, second = (np.trapezoid(density * beta**k, z) for k in range(3))
    return float(second * total / first**2)
