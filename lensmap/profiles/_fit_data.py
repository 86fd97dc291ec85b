# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Data for fits of halos: the protocol, and the geometry that catalogs and maps share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from astropy import units as u

from lensmap.profiles._radii import as_angles, check_pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.coordinates import SkyCoord
    from astropy.cosmology import FLRW

    from lensmap.profiles._halo_parameters import HaloValues

__all__ = ["FitData", "offsets_within", "reduced_shear"]

_DEFAULT_RADII = [0.2, 2.5] * u.Mpc

# Model values have kappa at most this far from 1, because fits may reach critical curves.
_MIN_ONE_MINUS_KAPPA = 0.05


class FitData(Protocol):
    """Data that halos are fitted to.

    Attributes
    ----------
    unit : str
        The data in the plural, such as ``"galaxies"``, for messages.
    n : int
        The number of residuals.
    n_independent : int
        The number of data for the comparison with the number of parameters.
    """

    unit: str
    n: int
    n_independent: int

    @property
    def measured(self) -> np.ndarray:
        """The data, in the order of `model`."""

    def efficiency(self, i: int) -> tuple[float, float]:
        """Return the mean inverse critical surface density and the ratio of efficiencies.

        Parameters
        ----------
        i : int
            The index of the halo.

        Returns
        -------
        inverse : float
            The mean over the sources, Mpc2 / solMass.
        ratio : float
            <beta^2> / <beta>^2 of the lensing efficiency beta.
        """

    def model(self, halos: Sequence[HaloValues]) -> np.ndarray:
        """Return the model of the data.

        Parameters
        ----------
        halos : sequence of HaloValues
            The parameters of the halos.

        Returns
        -------
        `numpy.ndarray`
            One value for each measured one.
        """

    def residuals(self, halos: Sequence[HaloValues]) -> np.ndarray:
        """Return independent residuals in units of their errors.

        Parameters
        ----------
        halos : sequence of HaloValues
            The parameters of the halos.

        Returns
        -------
        `numpy.ndarray`
            ``(n,)``.
        """


def reduced_shear(gamma: np.ndarray, kappa: np.ndarray) -> np.ndarray:
    """Return the reduced shear of a model; it stays finite near critical curves."""
    return gamma / np.maximum(1 - kappa, _MIN_ONE_MINUS_KAPPA)


def offsets_within(
    positions: SkyCoord,
    sky: SkyCoord,
    z_lens: np.ndarray,
    radii: u.Quantity | None,
    cosmology: FLRW,
) -> tuple[np.ndarray, np.ndarray]:
    """Return offsets from halos, and a selection by radius.

    Parameters
    ----------
    positions : `~astropy.coordinates.SkyCoord`
        The halos, ``(n_halos,)``.
    sky : `~astropy.coordinates.SkyCoord`
        Galaxies or pixels, ``(n,)``.
    z_lens : `numpy.ndarray`
        Redshifts of the halos, ``(n_halos,)``.
    radii : `~astropy.units.Quantity` or None
        ``(inner, outer)``, lengths or angles; None is 0.2 to 2.5 Mpc.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.

    Returns
    -------
    offsets : `numpy.ndarray`
        Complex, east + i north, radians, ``(n_halos, n)``; the modulus is the separation.
    selected : `numpy.ndarray`
        Bool, ``(n,)``: within the outer radius of some halo, and the inner radius of none.
    """
    limits = as_angles(
        _DEFAULT_RADII if radii is None else check_pair(radii), z_lens, len(positions), cosmology
    )
    offsets = []
    within_outer, within_inner = np.zeros((2, len(sky)), dtype=bool)
    for position, (inner, outer) in zip(positions, limits, strict=True):
        center = position.transform_to(sky.frame)
        theta = center.separation(sky).rad
        angle = center.position_angle(sky).rad
        offsets.append(theta * np.exp(1j * (np.pi / 2 - angle)))
        within_outer |= theta <= outer
        within_inner |= theta < inner
    return np.array(offsets), within_outer & ~within_inner
