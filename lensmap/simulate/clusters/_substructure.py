# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Subhalos of clusters, and the profile of the smooth matter that the subhalos replace."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from astropy import units as u

from lensmap.halos import concentration, nfw_mass, truncated_nfw_mass

if TYPE_CHECKING:
    from lensmap.halos import NFWHalo

__all__ = ["Subhalos", "draw_subhalos", "mean_subhalo_mass", "replaced_profile"]

# The mass function of subhalos, dN / dm ~ m^-1.9, between two masses in units of the M200c of the
# cluster.
_SLOPE = 1.9
_MIN_MASS_FRACTION, _MAX_MASS_FRACTION = 1e-3, 0.1

# The truncation radius of subhalos in units of their own r200c.
_TRUNCATION = 1.0

# The largest fraction of M200c in subhalos, so that the smooth cluster stays positive.
_MAX_TOTAL_FRACTION = 0.5


class Subhalos(NamedTuple):
    """The subhalos of one cluster, as arrays ``(n,)``.

    Attributes
    ----------
    mass : `~astropy.units.Quantity`
        The total mass in solar masses.
    m200c : `~astropy.units.Quantity`
        The M200c of the profile before truncation, in solar masses.
    c200c : `numpy.ndarray`
        The concentration c200c.
    x, y : `~astropy.units.Quantity`
        Offsets from the center of the cluster along the pixel axes, in proper Mpc.
    truncation : float
        The truncation radius of all subhalos, each in units of its own r200c.
    """

    mass: u.Quantity
    m200c: u.Quantity
    c200c: np.ndarray
    x: u.Quantity
    y: u.Quantity
    truncation: float = _TRUNCATION


def mean_subhalo_mass() -> float:
    """Return the mean mass of a subhalo in units of the M200c of the cluster.

    Returns
    -------
    float
        The mean of the subhalo mass function, divided by the M200c of the cluster.
    """
    a, b = 2 - _SLOPE, 1 - _SLOPE
    mass = (_MAX_MASS_FRACTION**a - _MIN_MASS_FRACTION**a) / a
    number = (_MAX_MASS_FRACTION**b - _MIN_MASS_FRACTION**b) / b
    return mass / number


def draw_subhalos(halo: NFWHalo, fraction: float, rng: np.random.Generator) -> Subhalos:
    """Draw random subhalos of a cluster.

    The number of subhalos has a Poisson distribution. Their positions follow the elliptical profile
    of the cluster out to r200c.

    Parameters
    ----------
    halo : lensmap.halos.NFWHalo
        The cluster.
    fraction : float
        The mean fraction of the M200c of the cluster that is in subhalos.
    rng : `numpy.random.Generator`
        The random number generator.

    Returns
    -------
    Subhalos
        The subhalos.
    """
    n = rng.poisson(fraction / mean_subhalo_mass())
    b = 1 - _SLOPE
    low, high = _MIN_MASS_FRACTION**b, _MAX_MASS_FRACTION**b
    mass_fraction = (low + rng.random(n) * (high - low)) ** (1 / b)
    nodes = np.geomspace(1e-4, halo.c200c, 1000)
    radius = np.interp(rng.random(n) * nfw_mass(halo.c200c), nfw_mass(nodes), nodes)
    cos_polar, azimuth = rng.uniform(-1, 1, n), rng.uniform(0, 2 * np.pi, n)
    keep = np.cumsum(mass_fraction) < _MAX_TOTAL_FRACTION
    mass_fraction, radius, cos_polar, azimuth = (
        a[keep] for a in (mass_fraction, radius, cos_polar, azimuth)
    )
    mass = mass_fraction * halo.m200c.to(u.solMass)
    c = concentration(mass, halo.z_lens, halo.cosmology) if len(mass) else np.zeros(0)
    truncated_fraction = truncated_nfw_mass(_TRUNCATION * c) / nfw_mass(c)
    q = (1 - halo.ellipticity) / (1 + halo.ellipticity)
    projected = radius * np.sqrt(1 - cos_polar**2)
    offset = projected * (np.cos(azimuth) / np.sqrt(q) + 1j * np.sin(azimuth) * np.sqrt(q))
    offset = offset * np.exp(1j * halo.angle.to_value(u.rad)) * halo.scale_radius.to(u.Mpc)
    return Subhalos(mass, mass / truncated_fraction, c, offset.real, offset.imag)


def replaced_profile(x: np.ndarray, c: float) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the projected profile of the smooth matter that subhalos replace.

    Subhalos are distributed like an NFW profile cut off at r200c, so this matter has that profile.

    Parameters
    ----------
    x : `numpy.ndarray`
        Projected distances in scale radii, ``(n,)``. They must increase from much less than 1 to
        more than c, in small logarithmic steps.
    c : float
        The concentration c200c, which is the cutoff radius in scale radii.

    Returns
    -------
    sigma, mean : `numpy.ndarray`
        The surface density at x and the mean surface density within x, ``(n,)``, for a total mass
        of 1 and a scale radius of 1.

    References
    ----------
    Takada & Jain 2003, MNRAS 340, 580, eq. 27.
    """
    inside = np.minimum(x, c)
    # The formula is 0 / 0 at x = 1, although the profile is smooth there.
    inside = np.where(np.abs(inside - 1) < 1e-4, 1 + 1e-4, inside)
    square = 1 - inside**2
    cosine = (inside**2 + c) / (inside * (1 + c))
    arc = np.arccosh(np.maximum(cosine, 1)) - np.arccos(np.minimum(cosine, 1))
    value = arc / np.abs(square) ** 1.5 - np.sqrt(c**2 - np.minimum(inside, c) ** 2) / (
        square * (1 + c)
    )
    sigma = np.where(x < c, value, 0.0) / (2 * np.pi * nfw_mass(c))
    # Within the first x, the density is logarithmic in x, and the mass is negligible.
    step = np.diff(np.log(x))
    rings = (sigma[1:] * x[1:] ** 2 + sigma[:-1] * x[:-1] ** 2) / 2 * step
    first = (sigma[0] + 1 / (2 * np.pi * nfw_mass(c)) / 2) * x[0] ** 2 / 2
    mean = 2 * (first + np.concatenate([[0.0], np.cumsum(rings)])) / x**2
    return sigma, mean
