# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Lens planes along the line of sight, with the mean halo statistics for random halos.

Halos above a lowest mass are drawn individually, and their profiles are added to the convergence
("painted"). All other matter is diffuse. Halos and diffuse matter trace the same lognormal density,
whose power is chosen so that both together have the non-linear matter power spectrum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy import constants
from astropy import units as u
from scipy.integrate import cumulative_trapezoid
from scipy.interpolate import RectBivariateSpline

from lensmap.cosmology import (
    farthest_source,
    lensing_efficiency,
    lensing_weight,
    matter_density,
    nonlinear_power,
)
from lensmap.halos import (
    concentration,
    halo_bias,
    mass_function,
    nfw_mass,
    radius_200c,
    truncated_nfw_fourier,
    truncated_nfw_mass,
)

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

    from lensmap.typing import RedshiftLike

__all__ = [
    "HaloPhysics",
    "HaloStatistics",
    "Plane",
    "highest_redshift",
    "make_planes",
    "mass_to_kappa",
]

# More massive halos are too rare to occur in a field.
_MAX_HALO_MASS_MSUN = 6e15

# With nearby sources, the planes are also nearby and few. At least this many are needed to sample
# the lensing weight.
_MIN_PLANES = 8

# The edges of the mass groups. All halos of a group are given the same bias, although the bias
# varies by about a tenth within a group.
_GROUP_EDGES_MSUN = (3e12, 1e13, 4e13, 1.2e14, 3e14)

# The large-scale power is cut off below this comoving scale, which is smaller than halos.
_LARGE_SCALE_CUTOFF_MPC = 0.5


@dataclass(frozen=True)
class HaloPhysics:
    """The assumed mass limit, truncation, concentrations and ellipticities of simulated halos.

    Attributes
    ----------
    min_mass : float
        The lowest M200c of halos that are simulated individually, in solar masses.
    truncation : float
        The truncation radius in units of r200c.
    concentration_scatter : float
        The standard deviation of ln c200c at a given mass.
    concentration_factor : float
        A factor that multiplies the median c200c(M, z).
    mean_ellipticity, ellipticity_scatter : float
        The mean and the standard deviation of the ellipticity :math:`(a - b) / (a + b)` of
        projected halos.
    """

    min_mass: float
    truncation: float
    concentration_scatter: float
    concentration_factor: float
    mean_ellipticity: float
    ellipticity_scatter: float


@dataclass(frozen=True)
class Plane:
    """A lens plane: the matter between two comoving distances, projected along the line of sight.

    The halos of the plane are divided into groups by mass.

    Attributes
    ----------
    near, far : float
        The comoving distances of the near and far sides of the slab of matter, in Mpc.
    z : float
        The redshift of the middle of the slab.
    weights : tuple of float
        The convergence caused by a density contrast of 1 in the slab, for each source redshift.
    group_numbers : `numpy.ndarray`
        The mean number of halos per steradian in each mass group.
    group_biases : `numpy.ndarray`
        The mean linear bias of the halos in each mass group, weighted by mass.
    log_mass, cumulative : `numpy.ndarray`
        A table of ln M200c (solar masses), and of the fraction of all individually simulated halos
        with a lower mass.
    group_cumulative : `numpy.ndarray`
        The values of ``cumulative`` at the edges of the mass groups.
    log_concentration : `numpy.ndarray`
        The median ln c200c at ``log_mass``.
    diffuse_response : float
        The linear response of the diffuse matter (outside individual halos) to the large-scale
        density: the ratio of their Fourier amplitudes.
    """

    near: float
    far: float
    z: float
    weights: tuple[float, ...]
    group_numbers: np.ndarray
    group_biases: np.ndarray
    log_mass: np.ndarray
    cumulative: np.ndarray
    group_cumulative: np.ndarray
    log_concentration: np.ndarray
    diffuse_response: float

    @property
    def distance(self) -> float:
        """The comoving distance of the middle of the lens plane in Mpc."""
        return (self.near + self.far) / 2

    @property
    def thickness(self) -> float:
        """The comoving thickness of the lens plane along the line of sight in Mpc."""
        return self.far - self.near


class HaloStatistics:
    """Tables in redshift of the abundance, bias and power spectrum of halos in a cosmology.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`
        A cosmology with ``sigma8`` and ``n`` in its ``meta``.
    physics : HaloPhysics
        The assumed properties of the halos.
    z_max : float
        The highest redshift in the tables.
    power : {"halofit", "camb"}
        What computes the matter power spectrum; see `lensmap.cosmology.nonlinear_power`.
    """

    n_nodes = 12
    _k = np.geomspace(3e-3, 300.0, 48)

    def __init__(
        self, cosmology: FLRW, physics: HaloPhysics, z_max: float, power: str = "halofit"
    ) -> None:
        self.cosmology, self.physics, self.power = cosmology, physics, power
        self.z = np.linspace(0.0, z_max * 1.001, self.n_nodes)
        self.log_mass = np.linspace(np.log(physics.min_mass), np.log(_MAX_HALO_MASS_MSUN), 120)
        self.matter = (cosmology.critical_density0 * matter_density(cosmology)).to_value(
            u.solMass / u.Mpc**3
        )
        inner_edges = [m for m in _GROUP_EDGES_MSUN if m > 1.01 * physics.min_mass]
        self.group_edges = np.log([physics.min_mass, *inner_edges, _MAX_HALO_MASS_MSUN])
        one_halo, responses, total = zip(
            *(self._power_terms(z) for z in self.z), strict=True
        )
        self._one_halo, *self._responses = (
            RectBivariateSpline(np.log(self._k), self.z, np.log(np.array(term).T), kx=3, ky=3)
            for term in (one_halo, *zip(*responses, strict=True))
        )
        self.response = np.array(total)

    def _power_terms(self, z):
        """Compute the 1-halo power spectrum at a redshift, and the response of the mass in halos.

        The linear response to the large-scale density is the ratio of the Fourier amplitudes of the
        mass in halos and of the density. Halos are divided into groups by mass.

        Returns
        -------
        power : `numpy.ndarray`
            The 1-halo power at the wave numbers ``_k``, comoving Mpc^3.
        responses : list of `numpy.ndarray`
            The linear response of each mass group at the wave numbers ``_k``.
        total : float
            The linear response of all groups together on large scales.
        """
        n, b, c = self.halos_at(z)
        mass = np.exp(self.log_mass)
        radius = radius_200c(mass * u.solMass, z, self.cosmology).to_value(u.Mpc) * (1 + z)
        # The scatter of ln c is integrated over by Gauss-Hermite quadrature.
        nodes, weights = np.polynomial.hermite_e.hermegauss(5)
        square, first, bound = 0.0, 0.0, 0.0
        for node, weight in zip(nodes, weights / weights.sum(), strict=True):
            ci = c * np.exp(self.physics.concentration_scatter * node)
            tau = self.physics.truncation * ci
            fraction = mass / self.matter * truncated_nfw_mass(tau) / nfw_mass(ci)
            profile = fraction * truncated_nfw_fourier(self._k[:, None] * radius / ci, tau)
            square = square + weight * profile**2
            first = first + weight * profile
            bound = bound + weight * fraction
        x = self.log_mass
        power = np.trapezoid(n * square, x, axis=1)
        groups = np.searchsorted(self.group_edges[1:-1], x, side="right")
        # The splines interpolate logarithms, so the values must be positive.
        responses = [
            np.maximum(np.trapezoid(n * b * first * (groups == g), x, axis=1), 1e-12)
            for g in range(len(self.group_edges) - 1)
        ]
        return power, responses, np.trapezoid(n * b * bound, x)

    def one_halo_power(self, k: np.ndarray, z: float) -> np.ndarray:
        """Return the 1-halo power of the individually simulated halos, in comoving Mpc^3.

        ``k`` are wave numbers in comoving 1/Mpc, any shape, and z is the redshift.
        """
        return self._interpolated(self._one_halo, k, z)

    def group_responses(self, k: np.ndarray, z: float) -> list[np.ndarray]:
        """Return the linear response of the halos in each mass group to the large-scale density.

        The response is the ratio of the Fourier amplitudes of the mass in these halos and of the
        density, at wave numbers ``k`` in comoving 1/Mpc.
        """
        return [self._interpolated(spline, k, z) for spline in self._responses]

    def _interpolated(self, spline, k, z):
        log_k = np.clip(np.log(k), np.log(self._k[0]), np.log(self._k[-1]))
        return np.exp(spline.ev(log_k, np.broadcast_to(z, np.shape(k))))

    def large_scale_power(self, k: np.ndarray, z: float) -> np.ndarray:
        """Return the non-linear matter power minus the 1-halo power, in comoving Mpc^3.

        ``k`` are wave numbers in comoving 1/Mpc. The difference is cut off at scales smaller than
        halos.
        """
        total = nonlinear_power(k, z, self.cosmology, power=self.power)
        difference = total - self.one_halo_power(k, z)
        return np.maximum(difference, 0.0) * np.exp(-((k * _LARGE_SCALE_CUTOFF_MPC) ** 2))

    def diffuse_response(self, z: float) -> float:
        """Return the linear response of diffuse matter to the large-scale density, at a redshift.

        Diffuse matter is all matter outside the individually simulated halos. The response is the
        ratio of its Fourier amplitudes and those of the density on large scales.
        """
        return float(1.0 - np.interp(z, self.z, self.response))

    def halos_at(self, z: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the mass function, bias and median c200c of halos at a redshift, each ``(n,)``.

        They are tabulated at the masses ``log_mass`` (ln M200c in solar masses). The mass function
        is dn / dln M per comoving Mpc^3.
        """
        masses = np.exp(self.log_mass) * u.solMass
        return (
            mass_function(masses, z, self.cosmology).value,
            halo_bias(masses, z, self.cosmology),
            self.physics.concentration_factor * concentration(masses, z, self.cosmology),
        )


def make_planes(
    statistics: HaloStatistics, z_sources: Sequence[RedshiftLike], max_thickness: float
) -> list[Plane]:
    """Divide the line of sight to the sources into lens planes of equal comoving thickness.

    Parameters
    ----------
    statistics : HaloStatistics
        The halo statistics of the cosmology.
    z_sources : sequence of float or SourceRedshifts
        The source redshifts or redshift distributions. The planes extend to the highest redshift.
    max_thickness : float
        The largest thickness of a plane in comoving Mpc.

    Returns
    -------
    list of Plane
        The lens planes, nearest first.
    """
    cosmology = statistics.cosmology
    z_table = np.linspace(0.0, highest_redshift(z_sources), 2000)
    chi = cosmology.comoving_distance(z_table).to_value(u.Mpc)
    n_planes = max(_MIN_PLANES, int(np.ceil(chi[-1] / max_thickness)))
    edges = np.linspace(0.0, chi[-1], n_planes + 1)
    # The lensing weight integrated from the observer, for each source redshift.
    integrals = [
        cumulative_trapezoid(lensing_weight(z_table, z_source, cosmology), chi, initial=0)
        for z_source in z_sources
    ]
    planes = []
    for near, far in zip(edges[:-1], edges[1:], strict=True):
        weights = tuple(
            float(np.interp(far, chi, integral) - np.interp(near, chi, integral))
            for integral in integrals
        )
        z = float(np.interp((near + far) / 2, chi, z_table))
        planes.append(_plane(statistics, near, far, z, weights))
    return planes


def highest_redshift(z_sources: Sequence[RedshiftLike]) -> float:
    """Return the highest source redshift in a sequence of redshifts and redshift distributions."""
    return max(map(farthest_source, z_sources))


def _plane(statistics, near, far, z, weights):
    log_mass = statistics.log_mass
    density, bias, median = statistics.halos_at(z)
    cumulative = cumulative_trapezoid(density, log_mass, initial=0)
    # The mean bias of a group is weighted by mass, because lensing is proportional to mass.
    mass = np.exp(log_mass)
    cumulative_mass = cumulative_trapezoid(density * mass, log_mass, initial=0)
    biased_mass = cumulative_trapezoid(density * mass * bias, log_mass, initial=0)
    edges = statistics.group_edges
    at_edges = np.interp(edges, log_mass, cumulative)
    numbers = np.diff(at_edges)
    biases = np.diff(np.interp(edges, log_mass, biased_mass)) / np.maximum(
        np.diff(np.interp(edges, log_mass, cumulative_mass)), 1e-300
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
        diffuse_response=statistics.diffuse_response(z),
    )


def mass_to_kappa(z: np.ndarray, z_source: RedshiftLike, cosmology: FLRW) -> np.ndarray:
    r"""Return the convergence of a lens with one solar mass per steradian at each redshift.

    With angular diameter distances D, this is

    .. math:: \frac{4 \pi G}{c^2} \frac{D_{ds}}{D_s D_d} .

    Parameters
    ----------
    z : `numpy.ndarray`
        The lens redshifts, positive.
    z_source : float or SourceRedshifts
        The source redshift or redshift distribution.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.

    Returns
    -------
    `numpy.ndarray`
        The convergence times the solid angle in steradians, per solar mass.
    """
    distance = cosmology.angular_diameter_distance(z)
    factor = (4 * np.pi * constants.G / constants.c**2 / distance).to_value(1 / u.solMass)
    return factor * lensing_efficiency(z, z_source, cosmology)
