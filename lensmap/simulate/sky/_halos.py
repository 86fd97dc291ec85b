# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Random halos on the sphere, which trace a Gaussian field in each lens plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from astropy import units as u

from lensmap.cosmology import farthest_source
from lensmap.halos import nfw_mass, radius_200c, truncated_nfw_mass
from lensmap.simulate.halo_model import HaloPhysics, mass_to_kappa
from lensmap.simulate.sky._powers import MIN_HALO_REDSHIFT, PlanePowers, SkyPowers
from lensmap.sphere import HealpixPixels, SphericalTransform, multiply_multipoles

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

    from lensmap.typing import RedshiftLike

__all__ = ["TRACER_PIXELS", "SkyHalos", "draw_halos", "gaussian_modes", "random_positions"]

#: The pixels in which the density of halos is constant. They are smaller than the smoothing of the
#: field that halos trace.
TRACER_PIXELS = HealpixPixels(512)

_CONCENTRATION_RANGE = (1.0, 30.0)

_FINEST_ORDER = 29


class SkyHalos(NamedTuple):
    """Halos as lenses, as arrays ``(n,)``.

    Attributes
    ----------
    lon, lat : `numpy.ndarray`
        Right ascension and declination, degrees.
    redshift : `numpy.ndarray`
        The redshifts.
    mass : `numpy.ndarray`
        M200c in solar masses.
    concentration : `numpy.ndarray`
        The concentrations c200c.
    weight : `numpy.ndarray`
        The convergence integrated over the solid angle, steradian.
    scale : `numpy.ndarray`
        The scale radii, radians.
    tau : `numpy.ndarray`
        The truncation radii in scale radii.
    """

    lon: np.ndarray
    lat: np.ndarray
    redshift: np.ndarray
    mass: np.ndarray
    concentration: np.ndarray
    weight: np.ndarray
    scale: np.ndarray
    tau: np.ndarray

    def select(self, which: np.ndarray) -> SkyHalos:
        """Return some of the halos; ``which`` is a mask or indices, ``(n,)``."""
        return SkyHalos(*(values[which] for values in self))


def gaussian_modes(
    power: np.ndarray, rng: np.random.Generator, dtype: type = np.float64
) -> np.ndarray:
    """Draw the coefficients of a Gaussian field on the sphere.

    Parameters
    ----------
    power : `numpy.ndarray`
        The power of each multipole, steradian, ``(lmax + 1,)``.
    rng : `numpy.random.Generator`
        The random number generator.
    dtype : type
        The precision, ``numpy.float32`` or ``numpy.float64``.

    Returns
    -------
    `numpy.ndarray`
        The coefficients, complex, ``(n_modes,)``, in the order of
        `lensmap.sphere.SphericalTransform`.
    """
    lmax = len(power) - 1
    n = (lmax + 1) * (lmax + 2) // 2
    # numpy's annotation of this dtype parameter leaves out types.
    parts = rng.standard_normal(2 * n, dtype=dtype)  # type: ignore[call-overload]
    modes = parts.view(np.complex64 if dtype is np.float32 else np.complex128)
    # The coefficients of m = 0 are real.
    modes[: lmax + 1] = modes[: lmax + 1].real * np.sqrt(2)
    multiply_multipoles(modes, lmax, np.sqrt(power / 2).astype(dtype))
    return modes


def random_positions(
    order: int, index: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw positions that are uniform in HEALPix pixels.

    Parameters
    ----------
    order : int
        The order of the pixels.
    index : `numpy.ndarray`
        The nested index of the pixel of each position, ``(n,)``.
    rng : `numpy.random.Generator`
        The random number generator.

    Returns
    -------
    finest : `numpy.ndarray`
        The nested index of each position at order 29, int64, ``(n,)``.
    lon, lat : `numpy.ndarray`
        The positions in degrees, ``(n,)``.
    """
    # All pixels of one order have the same area. Those of order 29 have a side of 0.4 mas.
    children = 2 * (_FINEST_ORDER - order)
    finest = (np.asarray(index, np.int64) << children) | rng.integers(
        0, 1 << children, len(index), dtype=np.int64
    )
    return finest, *HealpixPixels(1 << _FINEST_ORDER).centers(finest)


def draw_halos(
    powers: SkyPowers,
    physics: HaloPhysics,
    z_source: RedshiftLike,
    region: np.ndarray,
    rng: np.random.Generator,
) -> tuple[SkyHalos, np.ndarray]:
    """Draw the halos in a part of the sky, and the field that they trace.

    Parameters
    ----------
    powers : SkyPowers
        The powers of the parts of the sky.
    physics : HaloPhysics
        The assumed properties of halos.
    z_source : float or SourceRedshifts
        The redshift of the sources, or their redshift distribution.
    region : `numpy.ndarray`
        The nested indices of the pixels (`TRACER_PIXELS`) with halos, ``(n_pixels,)``.
    rng : `numpy.random.Generator`
        The random number generator.

    Returns
    -------
    halos : SkyHalos
        The halos.
    between : `numpy.ndarray`
        The coefficients of the convergence of the matter between halos that follows the same
        field, complex, ``(n_modes,)``, up to ``powers.tracer_lmax``.
    """
    n = len(powers.planes)
    field_rngs, halo_rngs = (one.spawn(n) for one in rng.spawn(2))
    transform = SphericalTransform(TRACER_PIXELS, region, powers.tracer_lmax)
    between = np.zeros(len(transform.ell), complex)
    halos = []
    for one, field_rng, halo_rng in zip(
        powers.planes, field_rngs, halo_rngs, strict=True
    ):
        modes = gaussian_modes(one.field, field_rng)
        halos.append(_in_plane(one, transform.to_map(modes), region, halo_rng))
        multiply_multipoles(modes, powers.tracer_lmax, powers.between_halos(one))
        between += modes
    drawn = {name: np.concatenate([one[name] for one in halos]) for name in halos[0]}
    return _as_lenses(drawn, powers.statistics.cosmology, physics, z_source, rng), between


def _in_plane(
    one: PlanePowers, field: np.ndarray, region: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Draw the halos of a plane.

    Return arrays ``(n,)``: longitudes and latitudes in degrees, comoving distances in Mpc, masses
    in solar masses, and logarithms of the median concentrations.
    """
    plane, variance = one.plane, one.variance
    pixels, fractions = [], []
    for j, (number, bias) in enumerate(zip(plane.group_numbers, plane.group_biases, strict=True)):
        density = np.exp(bias * field - bias**2 * variance / 2)
        total = np.cumsum(density)
        n = rng.poisson(total[-1] * number * TRACER_PIXELS.area)
        place = np.searchsorted(total, rng.random(n) * total[-1], side="right")
        pixels.append(region[np.minimum(place, len(region) - 1)])
        low, high = plane.group_cumulative[j : j + 2]
        fractions.append(low + rng.random(n) * (high - low))
    log_mass = np.interp(np.concatenate(fractions), plane.cumulative, plane.log_mass)
    _, lon, lat = random_positions(TRACER_PIXELS.order, np.concatenate(pixels), rng)
    n = len(log_mass)
    distance = np.cbrt(plane.near**3 + rng.random(n) * (plane.far**3 - plane.near**3))
    return {
        "lon": lon, "lat": lat, "distance": distance, "mass": np.exp(log_mass),
        "median": np.interp(log_mass, plane.log_mass, plane.log_concentration),
    }


def _as_lenses(
    drawn: dict[str, np.ndarray],
    cosmology: FLRW,
    physics: HaloPhysics,
    z_source: RedshiftLike,
    rng: np.random.Generator,
) -> SkyHalos:
    """Return drawn halos as `SkyHalos`, without those that are too close.

    ``drawn`` is what `_in_plane` returns, for all planes.
    """
    z_table = np.linspace(0.0, 1.001 * farthest_source(z_source), 8000)
    chi = cosmology.comoving_distance(z_table).to_value(u.Mpc)
    redshift = np.interp(drawn["distance"], chi, z_table)
    scatter = rng.standard_normal(len(redshift)) * physics.concentration_scatter
    keep = redshift > MIN_HALO_REDSHIFT
    lon, lat, mass = (drawn[name][keep] for name in ("lon", "lat", "mass"))
    concentration = np.clip(np.exp(drawn["median"] + scatter), *_CONCENTRATION_RANGE)[keep]
    redshift = redshift[keep]
    highest = max(float(redshift.max(initial=0.0)), 1.1 * MIN_HALO_REDSHIFT)
    nodes = np.linspace(MIN_HALO_REDSHIFT, highest, 2000)
    angular = cosmology.angular_diameter_distance(nodes).to_value(u.Mpc)
    unit_size = radius_200c(1 * u.solMass, nodes, cosmology).to_value(u.Mpc) / angular
    strength = mass_to_kappa(nodes, z_source, cosmology)
    tau = physics.truncation * concentration
    total_mass = mass * truncated_nfw_mass(tau) / nfw_mass(concentration)
    return SkyHalos(
        lon, lat, redshift, mass, concentration,
        total_mass * np.interp(redshift, nodes, strength),
        np.interp(redshift, nodes, unit_size) * np.cbrt(mass) / concentration, tau,
    )
