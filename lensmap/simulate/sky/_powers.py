# Licensed under a 3-clause BSD style license - see LICENSE.rst
r"""The powers of the parts of a simulated sky, such that their sum is the power of the theory.

The convergence is the sum of

* halos. In each lens plane i, halos of mass group j are drawn with the density
  :math:`\propto \exp(b_j g_i)`, where b is the bias and g a Gaussian field with the linear power of
  matter, which is smoothed. Each halo has a compensation: its mass is taken from a Gaussian of
  1 deg around it;
* the matter between the halos on large scales, which is proportional to the same fields g;
* a Gaussian field that is independent of the others, with the power that is still missing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from scipy.special import roots_legendre

from lensmap.cosmology import (
    convergence_power,
    farthest_source,
    lensing_weight,
    linear_power,
)
from lensmap.simulate.halo_model import HaloPhysics, HaloStatistics, Plane, make_planes
from lensmap.sphere import gaussian_window

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

    from lensmap.typing import RedshiftLike

__all__ = ["COMPENSATION", "MIN_HALO_REDSHIFT", "PlanePowers", "SkyPowers"]

#: The standard deviation of the Gaussian from which the mass of a halo is taken, radians.
COMPENSATION = float(np.radians(1.0))

#: Halos closer than this hardly lens, and would cover a large part of the sky.
MIN_HALO_REDSHIFT = 0.02

_MAX_PLANE_THICKNESS_MPC = 190.0

# The field that halos trace is smoothed by a Gaussian with the larger of these deviations. Within
# halos, the distribution of the mass does not depend on where other halos are.
_MIN_SMOOTHING = float(np.radians(10 / 60))
_FORMATION_RADIUS_MPC = 2.5

# The smoothed field has no power above this multipole.
_TRACER_LMAX = 1535

_N_NODES = 96


class PlanePowers:
    """The powers of one lens plane.

    Parameters
    ----------
    plane : Plane
        The lens plane.
    statistics : HaloStatistics
        The statistics of halos.
    lmax : int
        The highest multipole of the field that halos trace.

    Attributes
    ----------
    plane : Plane
        The lens plane.
    field : `numpy.ndarray`
        The power of the Gaussian field that halos trace, ``(lmax + 1,)``.
    response : `numpy.ndarray`
        The linear response of the mass in halos, without their compensation, to this field,
        ``(lmax + 1,)``.
    tracers : `numpy.ndarray`
        The power of the mean density of the mass in halos, without their compensation,
        ``(lmax + 1,)``.
    """

    def __init__(self, plane: Plane, statistics: HaloStatistics, lmax: int) -> None:
        self.plane = plane
        ell = np.arange(lmax + 1.0)
        k = (ell + 0.5) / plane.distance
        smoothing = max(_MIN_SMOOTHING, _FORMATION_RADIUS_MPC / plane.distance)
        window = gaussian_window(smoothing, lmax)
        power = linear_power(k, plane.z, statistics.cosmology)
        self.field = power * window**2 / (plane.distance**2 * plane.thickness)
        self.field[:2] = 0
        responses = np.array(statistics.group_responses(k, plane.z))
        self.response = responses.sum(axis=0)
        masses = responses / plane.group_biases[:, np.newaxis]
        self.tracers = _lognormal_power(self.field, plane.group_biases, masses)

    @property
    def variance(self) -> float:
        """The variance of the field that halos trace."""
        ell = np.arange(len(self.field))
        return float(np.sum((2 * ell + 1) * self.field) / (4 * np.pi))


def _lognormal_power(power, biases, masses):
    r"""Return the power of a weighted sum of densities :math:`\exp(b g)` in units of their means.

    Parameters
    ----------
    power : `numpy.ndarray`
        The power of the Gaussian field g, ``(lmax + 1,)``.
    biases : `numpy.ndarray`
        The bias b of each group, ``(n_groups,)``.
    masses : `numpy.ndarray`
        The weight of each group at each multipole, ``(n_groups, lmax + 1)``.

    Returns
    -------
    `numpy.ndarray`
        The power, ``(lmax + 1,)``.

    References
    ----------
    Coles & Jones 1991, MNRAS 248, 1 (the correlation function).
    """
    lmax = len(power) - 1
    # The correlation function is exp(b c xi) - 1, whose multipoles extend a little beyond lmax.
    nodes, weights = _quadrature(lmax + lmax // 2 + 1)
    scaled = (2 * np.arange(lmax + 1) + 1) / (4 * np.pi) * power
    correlation = np.polynomial.legendre.legval(nodes, scaled)
    pairs = [(i, j) for i in range(len(biases)) for j in range(i + 1)]
    values = np.array([np.expm1(biases[i] * biases[j] * correlation) for i, j in pairs])
    powers = _legendre_transform(values * (2 * np.pi * weights), nodes, lmax)
    return sum(
        (1 if i == j else 2) * masses[i] * masses[j] * one
        for (i, j), one in zip(pairs, powers, strict=True)
    )


@lru_cache(maxsize=4)
def _quadrature(n):
    return roots_legendre(n)


def _legendre_transform(weighted, nodes, lmax):
    """Return the sums over nodes of values times Legendre polynomials, ``(n, lmax + 1)``."""
    result = np.empty((len(weighted), lmax + 1))
    before, now = np.zeros_like(nodes), np.ones_like(nodes)
    for ell in range(lmax + 1):
        result[:, ell] = weighted @ now
        before, now = now, ((2 * ell + 1) * nodes * now - ell * before) / (ell + 1)
    return result


class SkyPowers:
    """The powers of all parts of a simulated sky.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.
    z_source : float or SourceRedshifts
        The redshift of the sources, or their redshift distribution.
    physics : HaloPhysics
        The assumed properties of the halos.
    lmax : int
        The highest multipole of the sky.
    power : {"halofit", "camb"}
        What computes the matter power spectrum; see `lensmap.cosmology.nonlinear_power`.

    Attributes
    ----------
    planes : list of PlanePowers
        The lens planes and their powers.
    theory : `numpy.ndarray`
        The power of the convergence, ``(lmax + 1,)``; 0 for the multipoles 0 and 1.
    one_halo : `numpy.ndarray`
        The power of compensated halos without clustering, ``(lmax + 1,)``.
    coherent : `numpy.ndarray`
        The response of all matter to the fields that halos trace, at most 1,
        ``(tracer_lmax + 1,)``.
    residual : `numpy.ndarray`
        The power of the independent Gaussian field, ``(lmax + 1,)``.
    """

    def __init__(
        self,
        cosmology: FLRW,
        z_source: RedshiftLike,
        physics: HaloPhysics,
        lmax: int,
        power: str = "halofit",
    ) -> None:
        self.statistics = HaloStatistics(cosmology, physics, farthest_source(z_source), power)
        self.tracer_lmax = min(_TRACER_LMAX, lmax)
        self.planes = [
            PlanePowers(plane, self.statistics, self.tracer_lmax)
            for plane in make_planes(self.statistics, [z_source], _MAX_PLANE_THICKNESS_MPC)
        ]
        self.theory = np.zeros(lmax + 1)
        ell = np.arange(2.0, lmax + 1)
        # The power is smooth, so that it is computed at some multipoles only.
        self.theory[2:] = _interpolated(
            ell, lambda nodes: convergence_power(nodes, z_source, cosmology, power=power)
        )
        self.compensation = 1 - gaussian_window(COMPENSATION, lmax)
        self.one_halo = np.zeros(lmax + 1)
        self.one_halo[2:] = _interpolated(
            ell, lambda nodes: self._one_halo(nodes, cosmology, z_source)
        )
        self.one_halo *= self.compensation**2
        self._divide()

    def _one_halo(self, ell, cosmology, z_source):
        """Return the power of halos that do not cluster and have no compensation."""
        near = cosmology.comoving_distance(MIN_HALO_REDSHIFT).to_value(u.Mpc)
        far = self.planes[-1].plane.far
        if far <= near:
            return np.zeros(len(ell))
        nodes, weights = roots_legendre(_N_NODES)
        chi = near + (far - near) * (nodes + 1) / 2
        z_table = np.linspace(0, self.statistics.z[-1], 4000)
        z = np.interp(chi, cosmology.comoving_distance(z_table).to_value(u.Mpc), z_table)
        kernel = lensing_weight(z, z_source, cosmology)
        step = weights * (far - near) / 2
        return sum(
            step[i] * (kernel[i] / chi[i]) ** 2
            * self.statistics.one_halo_power((ell + 0.5) / chi[i], np.full(len(ell), z[i]))
            for i in range(_N_NODES)
        )

    def _divide(self):
        """Divide the power that halos do not have among the coherent and the independent field."""
        top = self.tracer_lmax + 1
        compensation = self.compensation[:top]
        linear, tracers, shared = np.zeros((3, top))
        for one in self.planes:
            square = one.plane.weights[0] ** 2
            linear += square * one.field
            tracers += square * one.tracers * compensation**2
            shared += square * (one.response * compensation) ** 2 * one.field
        remaining = self.theory - self.one_halo
        # With the response c of all matter and r of halos, matter between halos is (c - r) g. The
        # power of the sum is that of the tracers plus (c^2 - r^2) times that of g.
        ratio = np.divide(
            remaining[:top] - tracers + shared, linear, out=np.zeros(top), where=linear > 0
        )
        self.coherent = np.sqrt(np.clip(ratio, 0, 1))
        remaining[:top] -= tracers - shared + self.coherent**2 * linear
        self.residual = np.maximum(remaining, 0)

    def between_halos(self, one: PlanePowers) -> np.ndarray:
        """Return the response of the matter between halos to the field of a plane.

        Parameters
        ----------
        one : PlanePowers
            The plane.

        Returns
        -------
        `numpy.ndarray`
            The convergence of each multipole in units of that of the field,
            ``(tracer_lmax + 1,)``.
        """
        halos = one.response * self.compensation[: self.tracer_lmax + 1]
        return one.plane.weights[0] * (self.coherent - halos)


def _interpolated(ell, function):
    nodes = np.unique(np.round(np.geomspace(ell[0], ell[-1], 250)))
    return np.exp(np.interp(np.log(ell), np.log(nodes), np.log(function(nodes))))
