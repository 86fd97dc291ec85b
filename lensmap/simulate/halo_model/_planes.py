# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The line of sight in planes: what stands in each on average, worked out before any draw.

A halo model: the mass of halos above a lowest mass is painted halo by halo, what is left over
follows a lognormal density, and both follow the same large-scale structure. Its power is chosen
so that the whole has the non-linear power of matter.
"""

from dataclasses import dataclass

import numpy as np
from astropy import constants
from astropy import units as u
from scipy.integrate import cumulative_trapezoid
from scipy.interpolate import RectBivariateSpline

from lensmap.cosmology import farthest_source, lensing_efficiency, lensing_weight, nonlinear_power
from lensmap.halos import (
    concentration,
    halo_bias,
    mass_function,
    nfw_mass,
    radius_200c,
    truncated_nfw_fourier,
    truncated_nfw_mass,
)

__all__ = [
    "HaloPhysics",
    "Plane",
    "Statistics",
    "farthest",
    "make_planes",
    "mass_to_kappa",
]

# There are none above (solar masses).
_LARGEST = 6e15

# Planes, at least: for near sources, too.
_FEWEST = 8

# Halos of similar mass share one bias: enough groups that it varies by a tenth within one.
_GROUP_EDGES = (3e12, 1e13, 4e13, 1.2e14, 3e14)

# What is smaller than this (comoving Mpc) is the inside of halos, not large-scale structure.
_SMOOTHING = 0.5


@dataclass(frozen=True)
class HaloPhysics:
    """What is assumed of halos.

    Attributes
    ----------
    min_mass : float
        The lowest M200c that is painted as a halo, solar masses.
    truncation : float
        The truncation radius in units of r200c.
    concentration_scatter : float
        The standard deviation of ln c at a given mass.
    concentration_factor : float
        What the median c(M) is multiplied by.
    mean_ellipticity, ellipticity_scatter : float
        Of the projected halos, :math:`(a - b) / (a + b)`.
    """

    min_mass: float
    truncation: float
    concentration_scatter: float
    concentration_factor: float
    mean_ellipticity: float
    ellipticity_scatter: float


@dataclass(frozen=True)
class Plane:
    """A slab of comoving space between two distances.

    Attributes
    ----------
    near, far : float
        Comoving distances, Mpc.
    z : float
        The redshift in its middle.
    weights : tuple of float
        The convergence of a density contrast of 1, for each source redshift.
    group_numbers : `numpy.ndarray`
        The mean number of halos of each mass group per steradian.
    group_biases : `numpy.ndarray`
        Their bias, weighted by mass.
    log_mass, cumulative : `numpy.ndarray`
        ln M200c and the share of the halos above the lowest mass that lie below it.
    group_cumulative : `numpy.ndarray`
        The values of ``cumulative`` at the edges of the groups.
    log_concentration : `numpy.ndarray`
        The median ln c200c at ``log_mass``.
    smooth : float
        How strongly what is not in halos follows the large-scale density: the part of the
        linear response of matter that halos leave.
    """

    near: float
    far: float
    z: float
    weights: tuple
    group_numbers: np.ndarray
    group_biases: np.ndarray
    log_mass: np.ndarray
    cumulative: np.ndarray
    group_cumulative: np.ndarray
    log_concentration: np.ndarray
    smooth: float

    @property
    def distance(self):
        """The comoving distance of its middle, Mpc."""
        return (self.near + self.far) / 2

    @property
    def thickness(self):
        """Mpc."""
        return self.far - self.near


class Statistics:
    """The halo statistics of a cosmology on nodes in redshift, and what follows from them.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`
        With sigma8 and n in its meta.
    physics : HaloPhysics
        What is assumed of halos.
    z_max : float
        How far.
    """

    n_nodes = 12
    _k = np.geomspace(3e-3, 300.0, 48)

    def __init__(self, cosmology, physics, z_max):
        self.cosmology, self.physics = cosmology, physics
        self.z = np.linspace(0.0, z_max * 1.001, self.n_nodes)
        self.log_mass = np.linspace(np.log(physics.min_mass), np.log(_LARGEST), 120)
        self.matter = (cosmology.critical_density0 * cosmology.Om0).to_value(
            u.solMass / u.Mpc**3
        )
        self.group_edges = np.log(
            [physics.min_mass, *(m for m in _GROUP_EDGES if m > 1.01 * physics.min_mass), _LARGEST]
        )
        power, responses, total = zip(
            *(self._power_parts(z) for z in self.z), strict=True
        )
        self._one_halo, *self._responses = (
            RectBivariateSpline(np.log(self._k), self.z, np.log(np.array(part).T), kx=3, ky=3)
            for part in (power, *zip(*responses, strict=True))
        )
        self.response = np.array(total)

    def _power_parts(self, z):
        """Return the 1-halo power, the response I(k) of each group of halos, and that of all."""
        n, b, c = self.halos_at(z)
        mass = np.exp(self.log_mass)
        radius = radius_200c(mass * u.solMass, z, self.cosmology).to_value(u.Mpc) * (1 + z)
        # Gauss-Hermite nodes of the scatter of ln c.
        nodes, weights = np.polynomial.hermite_e.hermegauss(5)
        square, first, bound = 0.0, 0.0, 0.0
        for node, weight in zip(nodes, weights / weights.sum(), strict=True):
            ci = c * np.exp(self.physics.concentration_scatter * node)
            tau = self.physics.truncation * ci
            share = mass / self.matter * truncated_nfw_mass(tau) / nfw_mass(ci)
            shape = share * truncated_nfw_fourier(self._k[:, None] * radius / ci, tau)
            square = square + weight * shape**2
            first = first + weight * shape
            bound = bound + weight * share
        x = self.log_mass
        power = np.trapezoid(n * square, x, axis=1)
        groups = np.searchsorted(self.group_edges[1:-1], x, side="right")
        # Each halo counts in its own group; logarithms are interpolated, and 0 is a small number.
        responses = [
            np.maximum(np.trapezoid(n * b * first * (groups == g), x, axis=1), 1e-12)
            for g in range(len(self.group_edges) - 1)
        ]
        return power, responses, np.trapezoid(n * b * bound, x)

    def one_halo_power(self, k, z):
        """Return the power of the painted halos' insides, comoving Mpc^3."""
        return self._interpolated(self._one_halo, k, z)

    def group_responses(self, k, z):
        """Return how the mass in each group of halos responds to the large-scale density."""
        return [self._interpolated(spline, k, z) for spline in self._responses]

    def _interpolated(self, spline, k, z):
        log_k = np.clip(np.log(k), np.log(self._k[0]), np.log(self._k[-1]))
        return np.exp(spline.ev(log_k, np.broadcast_to(z, np.shape(k))))

    def large_scale_power(self, k, z):
        """Return the power that is not in halos' insides, nor on their scale (comoving Mpc^3)."""
        left = nonlinear_power(k, z, self.cosmology) - self.one_halo_power(k, z)
        return np.maximum(left, 0.0) * np.exp(-((k * _SMOOTHING) ** 2))

    def smooth(self, z):
        """Return the response of what is not in painted halos."""
        return 1.0 - np.interp(z, self.z, self.response)

    def halos_at(self, z):
        """Return density (dn / dln M per Mpc^3), bias and concentration by `log_mass`."""
        masses = np.exp(self.log_mass) * u.solMass
        return (
            mass_function(masses, z, self.cosmology).value,
            halo_bias(masses, z, self.cosmology),
            self.physics.concentration_factor * concentration(masses, z, self.cosmology),
        )


def make_planes(statistics, z_sources, thickness):
    """Cut the line of sight into planes.

    Parameters
    ----------
    statistics : Statistics
        The halo statistics.
    z_sources : sequence of float or SourceRedshifts
        The source redshifts; the planes reach the farthest one.
    thickness : float
        How thick a plane is at most, comoving Mpc.

    Returns
    -------
    list of Plane
        From near to far.
    """
    cosmology = statistics.cosmology
    z_end = farthest(z_sources)
    z_table = np.linspace(0.0, z_end, 2000)
    chi = cosmology.comoving_distance(z_table).to_value(u.Mpc)
    # For near sources the weight varies within a few planes.
    n_planes = max(_FEWEST, int(np.ceil(chi[-1] / thickness)))
    edges = np.linspace(0.0, chi[-1], n_planes + 1)
    # The weight integrated over chi up to any distance, for each source redshift.
    integrals = [
        cumulative_trapezoid(lensing_weight(z_table, z_source, cosmology), chi, initial=0)
        for z_source in z_sources
    ]
    planes = []
    for near, far in zip(edges[:-1], edges[1:], strict=True):
        weights = tuple(
            float(np.interp(far, chi, total) - np.interp(near, chi, total)) for total in integrals
        )
        z = float(np.interp((near + far) / 2, chi, z_table))
        planes.append(_plane(statistics, near, far, z, weights))
    return planes


def farthest(z_sources):
    """Return the highest redshift of the sources."""
    return max(map(farthest_source, z_sources))


def _plane(statistics, near, far, z, weights):
    log_mass = statistics.log_mass
    density, bias, median = statistics.halos_at(z)
    cumulative = cumulative_trapezoid(density, log_mass, initial=0)
    # Weighted by mass, since mass is what lenses.
    mass = np.exp(log_mass)
    carried = cumulative_trapezoid(density * mass, log_mass, initial=0)
    biased = cumulative_trapezoid(density * mass * bias, log_mass, initial=0)
    edges = statistics.group_edges
    at_edges = np.interp(edges, log_mass, cumulative)
    numbers = np.diff(at_edges)
    biases = np.diff(np.interp(edges, log_mass, biased)) / np.maximum(
        np.diff(np.interp(edges, log_mass, carried)), 1e-300
    )
    volume = (far**3 - near**3) / 3  # per steradian
    return Plane(
        near=near,
        far=far,
        z=z,
        weights=weights,
        group_numbers=numbers * volume,
        group_biases=biases,
        log_mass=log_mass,
        cumulative=cumulative / cumulative[-1],
        group_cumulative=at_edges / cumulative[-1],
        log_concentration=np.log(median),
        smooth=float(statistics.smooth(z)),
    )


def mass_to_kappa(z, z_source, cosmology):
    r"""Return the convergence of a solar mass spread over a steradian, by redshift.

    .. math:: \frac{4 \pi G}{c^2} \frac{D_{ds}}{D_s D_d}

    Parameters
    ----------
    z : `numpy.ndarray`
        Redshifts of lenses, positive.
    z_source : float or SourceRedshifts
        The sources.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.

    Returns
    -------
    `numpy.ndarray`
        Steradian per solar mass.
    """
    distance = cosmology.angular_diameter_distance(z)
    factor = (4 * np.pi * constants.G / constants.c**2 / distance).to_value(1 / u.solMass)
    return factor * lensing_efficiency(z, z_source, cosmology)
