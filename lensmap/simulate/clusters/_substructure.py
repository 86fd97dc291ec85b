# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Subhalos: the part of a cluster's mass that is in lumps."""

from typing import NamedTuple

import numpy as np
from astropy import units as u

from lensmap.halos import concentration, nfw_mass, truncated_nfw_mass

__all__ = ["Subhalos", "draw_subhalos", "mean_subhalo_mass", "cut_profile"]

# dN / dm ~ m^-1.9 between these parts of M200c.
_SLOPE = 1.9
_LOWEST, _HIGHEST = 1e-3, 0.1

# Where subhalos are truncated, in units of their own r200c.
_TRUNCATION = 1.0

# No more than this part of M200c is ever in subhalos, so that the smooth rest stays positive.
_MOST = 0.5


class Subhalos(NamedTuple):
    """The subhalos of one cluster, each an array ``(n,)``.

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
        The truncation radius of all, in units of r200c.
    """

    mass: u.Quantity
    m200c: u.Quantity
    c200c: np.ndarray
    x: u.Quantity
    y: u.Quantity
    truncation: float = _TRUNCATION


def mean_subhalo_mass():
    """Return the mean mass of subhalos in units of M200c of the cluster.

    Returns
    -------
    float
        The mean of the mass function.
    """
    a, b = 2 - _SLOPE, 1 - _SLOPE
    mass = (_HIGHEST**a - _LOWEST**a) / a
    number = (_HIGHEST**b - _LOWEST**b) / b
    return mass / number


def draw_subhalos(halo, fraction, rng):
    """Draw the subhalos of a cluster.

    Parameters
    ----------
    halo : lensmap.halos.NFWHalo
        The cluster.
    fraction : float
        The part of M200c that is in subhalos on average.
    rng : `numpy.random.Generator`
        The source of random numbers.

    Returns
    -------
    Subhalos
        Their number is Poisson; they follow the cluster's profile out to r200c, and its ellipse.
    """
    n = rng.poisson(fraction / mean_subhalo_mass())
    b = 1 - _SLOPE
    # The mass function's integral, turned around.
    part = (_LOWEST**b + rng.random(n) * (_HIGHEST**b - _LOWEST**b)) ** (1 / b)
    within = np.geomspace(1e-4, halo.c200c, 1000)
    radius = np.interp(rng.random(n) * nfw_mass(halo.c200c), nfw_mass(within), within)
    polar, around = rng.uniform(-1, 1, n), rng.uniform(0, 2 * np.pi, n)
    kept = np.cumsum(part) < _MOST
    part, radius, polar, around = (a[kept] for a in (part, radius, polar, around))
    mass = part * halo.m200c.to(u.solMass)
    c = concentration(mass, halo.z_lens, halo.cosmology) if len(mass) else np.zeros(0)
    share = truncated_nfw_mass(_TRUNCATION * c) / nfw_mass(c)
    q = (1 - halo.ellipticity) / (1 + halo.ellipticity)
    flat = radius * np.sqrt(1 - polar**2)
    place = flat * (np.cos(around) / np.sqrt(q) + 1j * np.sin(around) * np.sqrt(q))
    place = place * np.exp(1j * halo.angle.to_value(u.rad)) * halo.scale_radius.to(u.Mpc)
    return Subhalos(mass, mass / share, c, place.real, place.imag)


def cut_profile(x, c):
    r"""Return the projection of an NFW halo that ends at c scale radii: what subhalos replace.

    Parameters
    ----------
    x : `numpy.ndarray`
        Projected distances in scale radii, ``(n,)``, rising in small steps of the logarithm from
        much less than 1 to more than c.
    c : float
        Where the halo ends.

    Returns
    -------
    sigma, mean : `numpy.ndarray`
        The surface density, and its mean within x, ``(n,)``, in units of the mass per square
        scale radius.

    References
    ----------
    Takada & Jain 2003, MNRAS 340, 580, eq. 27.
    """
    inside = np.minimum(x, c)
    # The formula is 0 / 0 at 1, and smooth through it.
    inside = np.where(np.abs(inside - 1) < 1e-4, 1 + 1e-4, inside)
    square = 1 - inside**2
    cosine = (inside**2 + c) / (inside * (1 + c))
    below = np.arccosh(np.maximum(cosine, 1)) - np.arccos(np.minimum(cosine, 1))
    value = below / np.abs(square) ** 1.5 - np.sqrt(c**2 - np.minimum(inside, c) ** 2) / (
        square * (1 + c)
    )
    sigma = np.where(x < c, value, 0.0) / (2 * np.pi * nfw_mass(c))
    # Within the first node the density is a logarithm, next to nothing in mass.
    step = np.diff(np.log(x))
    rings = (sigma[1:] * x[1:] ** 2 + sigma[:-1] * x[:-1] ** 2) / 2 * step
    first = (sigma[0] + 1 / (2 * np.pi * nfw_mass(c)) / 2) * x[0] ** 2 / 2
    mean = 2 * (first + np.concatenate([[0.0], np.cumsum(rings)])) / x**2
    return sigma, mean
