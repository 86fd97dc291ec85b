# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The optimal filter for the shear of an NFW halo, with large-scale structure as noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from scipy.special import j0, j1, sici

from lensmap.estimators._fitted_power import FieldSums
from lensmap.estimators._power_prior import CLOUD_IN_CELL
from lensmap.flatsky import ApertureFilter, tabulated_filter
from lensmap.grid import ShearGrid
from lensmap.typing import CosmologyLike, RedshiftLike

if TYPE_CHECKING:
    from lensmap.halos import NFWHalo

__all__ = ["NoiseSums", "matched_filter"]

# The radii of the table of the filter, and the multipoles of the Hankel transform: the largest one,
# and the largest step in units of 1 / (the radius of the aperture) and as a number.
_N_RADII = 512
_MAX_ELL = 1e5
_STEP_RADIANS, _MAX_STEP = 0.1, 20.0

# The number of rows of Bessel functions that are computed at once.
_N_ROWS = 32


class NoiseSums:
    """Sums from which the noise power of the shear of one or more fields follows.

    Parameters
    ----------
    fields : FieldSums
        The binned galaxies of fields.
    numbers : `numpy.ndarray` or None
        The sums over further fields, whose grids are no longer needed: of the weights, of the
        squared weights times the noise variance per component, and of the area (steradians), of
        unmasked pixels.
    """

    def __init__(self, fields: FieldSums, numbers: np.ndarray | None = None) -> None:
        self._fields = fields
        self._numbers = np.zeros(3) if numbers is None else numbers

    def __add__(self, other: NoiseSums) -> NoiseSums:
        if not isinstance(other, NoiseSums):
            return NotImplemented
        return NoiseSums(self._fields + other._fields, self._numbers + other._numbers)

    def compact(self) -> NoiseSums:
        """Return the same sums without the grids of the fields."""
        return NoiseSums(FieldSums(), self._total())

    def power(self) -> float:
        r"""Return the noise power of the convergence, in steradians.

        Returns
        -------
        float
            :math:`\sigma^2 / n` for galaxies of equal weight, with the noise :math:`\sigma` per
            component and the density n.
        """
        weight, variance, area = self._total()
        return float(variance * area / weight**2)

    def _total(self) -> np.ndarray:
        return self._numbers + sum((_sums_of(grid) for grid in self._fields.grids), np.zeros(3))


def _sums_of(grid: ShearGrid) -> np.ndarray:
    area = np.count_nonzero(~grid.mask) * grid.pixel_frame.scale.to_value(u.rad) ** 2
    variance = float(np.sum(grid.noise_sum))
    if grid.scheme == "cloud-in-cell":
        variance /= CLOUD_IN_CELL
    return np.array([float(np.sum(grid.sum_w)), variance, area])


def matched_filter(
    radius: float,
    noise_power: float,
    halo_mass: float,
    z_lens: float,
    z_source: RedshiftLike,
    cosmology: CosmologyLike,
) -> ApertureFilter:
    r"""Return the optimal filter for the shear of an NFW halo.

    With the shear :math:`\tau` of the halo, the filter is :math:`\hat Q = \hat\tau / P_N`, where
    the noise power is that of the shapes and that of the convergence of large-scale structure,
    :math:`P_N = P_\epsilon + P_\kappa`. It is cut off at the radius of the aperture.

    Parameters
    ----------
    radius : float
        The radius of the aperture in radians.
    noise_power : float
        The noise power :math:`P_\epsilon` of the convergence, in steradians.
    halo_mass : float
        The mass M200c of the halo in solar masses.
    z_lens : float
        The redshift of the halo.
    z_source : float or `lensmap.cosmology.SourceRedshifts`
        The redshift of the galaxies, or their redshift distribution.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology.

    Returns
    -------
    ApertureFilter
        The filter, whose template is the shear of the halo.

    References
    ----------
    Maturi et al. 2005, A&A 442, 851 (the filter).
    """
    from lensmap.cosmology import convergence_power
    from lensmap.halos import NFWHalo, concentration

    mass = halo_mass * u.solMass
    c200c = float(concentration(mass, z_lens, cosmology))
    halo = NFWHalo(mass, c200c=c200c, z_lens=z_lens, cosmology=cosmology)
    x = np.linspace(0.0, 1.0, _N_RADII) ** 2  # more of them where the shear changes
    theta = np.maximum(x, 1e-9) * radius
    template = np.asarray(halo.tangential_shear(theta * u.rad, z_source), dtype=float)
    if not noise_power > 0:  # galaxies without noise
        return tabulated_filter(x, template, template)
    step = min(_STEP_RADIANS / radius, _MAX_STEP)
    ell = np.arange(step / 2, _MAX_ELL, step)
    structure = np.exp(np.interp(np.log(ell), *_log_power(convergence_power, z_source, cosmology)))
    wave = _halo_transform(halo, ell, z_source)
    # tau / P_N = (tau - tau P_kappa / P_N) / P_eps, of which the last term falls quickly with ell.
    removed = _shear_of(theta, ell, wave * structure / (noise_power + structure) * step)
    return tabulated_filter(x, (template - removed) / template.max(), template)


def _log_power(convergence_power, z_source, cosmology):
    """Return the logarithms of multipoles and of the power spectrum of the convergence there."""
    ell = np.geomspace(1.0, _MAX_ELL, 200)
    return np.log(ell), np.log(convergence_power(ell, z_source, cosmology))


def _halo_transform(
    halo: NFWHalo, ell: np.ndarray, z_source: RedshiftLike
) -> np.ndarray:
    """Return the Fourier transform of the convergence of an NFW halo, in steradians.

    The transform of the projected profile is that of the profile in three dimensions, which has a
    closed form.
    """
    from lensmap.cosmology import get_cosmology

    scale_radius = halo.scale_radius
    distance = get_cosmology(halo.cosmology, structure=False).angular_diameter_distance(halo.z_lens)
    theta_s = (scale_radius / distance).to_value(u.one)
    # At the scale radius, the surface density is 2/3 of the scale density times the scale radius.
    scale = 1.5 * float(halo.kappa(scale_radius, z_source))
    q = ell * theta_s
    si, ci = sici(q)
    return 4 * np.pi * theta_s**2 * scale * (np.sin(q) * (np.pi / 2 - si) - np.cos(q) * ci)


def _shear_of(theta: np.ndarray, ell: np.ndarray, wave: np.ndarray) -> np.ndarray:
    """Return the tangential shear at angles from the transform of the convergence.

    ``wave`` is the transform at the multipoles ``ell``, times their spacing.
    """
    weighted = wave * ell / (2 * np.pi)
    parts = []
    for start in range(0, len(theta), _N_ROWS):
        z = theta[start : start + _N_ROWS, np.newaxis] * ell
        parts.append((2 * j1(z) / z - j0(z)) @ weighted)
    return np.concatenate(parts)
