# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The interface of the data of halo fits, and the offsets of galaxies or pixels from halos."""

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

__all__ = ["FitData", "fit_radii", "local_offsets", "offsets_within", "reduced_shear"]

_DEFAULT_RADII = [0.2, 2.5] * u.Mpc

# The lower limit of 1 - kappa in the model, because a fit may try halos with critical curves.
_MIN_ONE_MINUS_KAPPA = 0.05


class FitData(Protocol):
    """The data of a halo fit, with the model that predicts them from halos.

    Attributes
    ----------
    unit : str
        The plural noun for the data in error messages, such as ``"galaxies"``.
    n : int
        The number of residuals.
    n_independent : int
        The number of galaxies, bins or pixels, which must not be less than the number of free
        parameters.
    adapts : bool
        Whether the model has to be adapted to the best-fit halos, and the fit repeated.
    """

    unit: str
    n: int
    n_independent: int
    adapts: bool

    @property
    def measured(self) -> np.ndarray:
        """The measured shear or convergence, in the order of the predictions by `model`."""

    def efficiency(self, i: int) -> tuple[float, float]:
        """Return the mean inverse critical surface density for a halo, and <beta^2> / <beta>^2.

        Parameters
        ----------
        i : int
            The index of the halo.

        Returns
        -------
        inverse : float
            The mean inverse critical surface density of the sources, Mpc2 / solMass (proper Mpc).
        ratio : float
            <beta^2> / <beta>^2, averages over the sources of the lensing efficiency beta.
        """

    def model(self, halos: Sequence[HaloValues]) -> np.ndarray:
        """Return the shear or convergence that the model predicts for the data.

        Parameters
        ----------
        halos : sequence of HaloValues
            The parameters of the halos.

        Returns
        -------
        `numpy.ndarray`
            The model values, in the order and shape of `measured`.
        """

    def adapt(self, halos: Sequence[HaloValues]) -> None:
        """Adapt the model to given halos. The method is called only if ``adapts`` is True.

        Parameters
        ----------
        halos : sequence of HaloValues
            The best-fit halos so far.
        """

    def residuals(self, halos: Sequence[HaloValues]) -> np.ndarray:
        """Return the data minus their model, decorrelated and in units of the errors.

        Parameters
        ----------
        halos : sequence of HaloValues
            The parameters of the halos.

        Returns
        -------
        `numpy.ndarray`
            The residuals, ``(n,)``.
        """


def reduced_shear(gamma: np.ndarray, kappa: np.ndarray) -> np.ndarray:
    """Return the reduced shear gamma / (1 - kappa) of a model.

    1 - kappa is limited from below, so that the result is finite near critical curves.
    """
    return gamma / np.maximum(1 - kappa, _MIN_ONE_MINUS_KAPPA)


def offsets_within(
    positions: SkyCoord,
    sky: SkyCoord,
    z_lens: np.ndarray,
    radii: u.Quantity | None,
    cosmology: FLRW,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the offsets of galaxies or pixels from halos, and select them by radius.

    Parameters
    ----------
    positions : `~astropy.coordinates.SkyCoord`
        Positions of the halos, ``(n_halos,)``.
    sky : `~astropy.coordinates.SkyCoord`
        Positions of the galaxies or pixels, ``(n,)``.
    z_lens : `numpy.ndarray`
        Redshifts of the halos, ``(n_halos,)``.
    radii : `~astropy.units.Quantity` or None
        ``(inner, outer)`` radius, angles or proper lengths; None selects 0.2 to 2.5 Mpc.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.

    Returns
    -------
    offsets : `numpy.ndarray`
        Complex offsets east + i north, radians, ``(n_halos, n)``. The modulus is the angular
        separation.
    selected : `numpy.ndarray`
        Bool, ``(n,)``: whether a galaxy or pixel is within the outer radius of any halo and outside
        the inner radius of every halo.
    """
    limits = fit_radii(radii, z_lens, cosmology)
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


def fit_radii(radii: u.Quantity | None, z_lens: np.ndarray, cosmology: FLRW) -> np.ndarray:
    """Return the inner and outer radius of a fit around each halo, radians, ``(n_halos, 2)``.

    Parameters
    ----------
    radii : `~astropy.units.Quantity` or None
        ``(inner, outer)`` radius, angles or proper lengths; None for 0.2 to 2.5 Mpc.
    z_lens : `numpy.ndarray`
        Redshifts of the halos, ``(n_halos,)``.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.

    Returns
    -------
    `numpy.ndarray`
        The radii.
    """
    return as_angles(
        _DEFAULT_RADII if radii is None else check_pair(radii), z_lens, len(z_lens), cosmology
    )


def local_offsets(positions: SkyCoord, sky: SkyCoord) -> np.ndarray:
    """Return the offsets of galaxies or pixels from halos, along east and north at each of them.

    Near a pole, these directions differ from those at the halo.

    Parameters
    ----------
    positions : `~astropy.coordinates.SkyCoord`
        Positions of the halos, ``(n_halos,)``.
    sky : `~astropy.coordinates.SkyCoord`
        Positions of the galaxies or pixels, ``(n,)``.

    Returns
    -------
    `numpy.ndarray`
        Complex offsets east + i north, radians, ``(n_halos, n)``. The modulus is the angular
        separation.
    """
    return np.array([
        center.separation(sky).rad * -np.exp(1j * (np.pi / 2 - sky.position_angle(center).rad))
        for center in positions.transform_to(sky.frame)
    ])
