# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Subhalos of clusters, and the smooth profile that they replace."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from astropy import units as u

from lensmap.halos import concentration, nfw_mass, truncated_nfw_mass

if TYPE_CHECKING:
    from lensmap.halos import NFWHalo

__all__ = ["Subhalos", "draw_subhalos", "mean_subhalo_mass", "replaced_profile"]

# dN / dm ~ m^-1.9 between these fractions of M200c.
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
        The total mass, solar masses.
    m200c : `~astropy.units.Quantity`
        M200c of the profile before truncation, solar masses.
    c200c : `numpy.ndarray`
        The concentration.
    x, y : `~astropy.units.Quantity`
        Offsets from the cluster along the axes of its frame, proper Mpc.
    truncation : float
        The truncation radius of all subhalos, in units of r200c.
    """

    mass: u.Quantity
    m200c: u.Quantity
    c200c: np.ndarray
    x: u.Quantity
    y: u.Quantity
    truncation: float = _TRUNCATION


def mean_subhalo_mass() -> float:
    """Return the mean mass of subhalos in units of M200c of the cluster.

    Returns
    -------
    float
        The mean of the mass function.
    """
    a, b = 2 - _SLOPE, 1 - _SLOPE
    mass = (_MAX_MASS_FRACTION**a - _MIN_MASS_FRACTION**a) / a
    number = (_MAX_MASS_FRACTION**b - _MIN_MASS_FRACTION**b) / b
    return mass / number


def draw_subhalos(halo: NFWHalo, fraction: float, rng: np.random.Generator) -> Subhalos:
    """Draw the subhalos of a cluster.

    Their number is Poisson. They follow the elliptical profile of the cluster out to r200c.

    Parameters
    ----------
    halo : lensmap.halos.NFWHalo
        The cluster.
    fraction : float
        The mean fraction of M200c in subhalos.
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
    r"""Return the projected profile that subhalos replace: NFW, cut off at c scale radii.

    Parameters
    ----------
    x : `numpy.ndarray`
        Projected distances in scale radii, ``(n,)``, rising in small steps of the logarithm from
        much less than 1 to more than c.
    c : float
        The cutoff radius in scale radii.

    Returns
    -------
    sigma, mean : `numpy.ndarray`
        The surface density and its mean within x, ``(n,)``, in units of the mass per square
        scale radius.

    References
    ----------
    Takada & Jain 2003, MNRAS 340, 580, eq. 27.
    """
    inside = np.minimum(x, c)
    # The formula is 0 / 0 at 1, where the profile is smooth.
    inside = np.where(np.abs(inside - 1) < 1e-4, 1 + 1e-4, inside)
    square = 1 - inside**2
    cosine = (inside**2 + c) / (inside * (1 + c))
    arc = np.arccosh(np.maximum(cosine, 1)) - np.arccos(np.minimum(cosine, 1))
    value = arc / np.abs(square) ** 1.5 - np.sqrt(c**2 - np.minimum(inside, c) ** 2) / (
        square * (1 + c)
    )
    sigma = np.where(x < c, value, 0.0) / (2 * np.pi * nfw_mass(c))
    # Within the first node the density is logarithmic in x, and its mass negligible.
    step = np.diff(np.log(x))
    rings = (sigma[1:] * x[1:] ** 2 + sigma[:-1] * x[:-1] ** 2) / 2 * step
    first = (sigma[0] + 1 / (2 * np.pi * nfw_mass(c)) / 2) * x[0] ** 2 / 2
    mean = 2 * (first + np.concatenate([[0.0], np.cumsum(rings)])) / x**2
    return sigma, mean
