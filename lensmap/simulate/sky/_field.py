# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The smooth part of the convergence of a simulated sky, and its halos."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lensmap.simulate.halo_model import HaloPhysics
from lensmap.simulate.sky._footprint import Footprint
from lensmap.simulate.sky._halos import TRACER_PIXELS, SkyHalos, draw_halos, gaussian_modes
from lensmap.simulate.sky._powers import COMPENSATION, SkyPowers
from lensmap.simulate.sky._profiles import DividedProfiles
from lensmap.sphere import HealpixPixels, gaussian_window, import_ducc, multiply_multipoles
from lensmap.utils import n_threads, unit_vectors

if TYPE_CHECKING:
    from lensmap.typing import RedshiftLike

__all__ = ["SkyField", "draw_field", "smoothing_scale"]

# The Gaussian that divides halos into a smooth and a compact part is exp(-8) at lmax.
_SMOOTHING_TIMES_LMAX = 4.0

# Halos are drawn this far around the footprint, in units of the scale of their compensation.
_MARGIN = 3.0

# The number of halos whose profiles are computed together.
_HALOS_PER_CHUNK = 2000


class SkyField(NamedTuple):
    """The matter of a simulated sky.

    Attributes
    ----------
    kappa : `numpy.ndarray`
        The coefficients of the smooth part of the convergence, complex64, ``(n_modes,)``.
    halos : SkyHalos
        The halos, whose compact parts are not in ``kappa``.
    profiles : DividedProfiles
        The profiles of the compact parts.
    reach : `numpy.ndarray`
        The radius of the compact part of each halo, radians, ``(n_halos,)``.
    """

    kappa: np.ndarray
    halos: SkyHalos
    profiles: DividedProfiles
    reach: np.ndarray


def smoothing_scale(lmax: int) -> float:
    """Return the standard deviation (radians) of the Gaussian that divides halos."""
    return _SMOOTHING_TIMES_LMAX / lmax


def draw_field(
    powers: SkyPowers,
    physics: HaloPhysics,
    z_source: RedshiftLike,
    nside: int,
    footprint: Footprint,
    rng: np.random.Generator,
) -> SkyField:
    """Draw the matter of a simulated sky.

    Parameters
    ----------
    powers : SkyPowers
        The powers of the parts of the sky, up to lmax.
    physics : HaloPhysics
        The assumed properties of halos.
    z_source : float or SourceRedshifts
        The redshift of the sources, or their redshift distribution.
    nside : int
        The resolution of the pixels to which smooth halos are added, at least half of lmax.
    footprint : Footprint
        The part of the sky around which halos are drawn.
    rng : `numpy.random.Generator`
        The random number generator.

    Returns
    -------
    SkyField
        The matter.
    """
    lmax = len(powers.theory) - 1
    halo_rng, field_rng = rng.spawn(2)
    region = footprint.around(TRACER_PIXELS, _MARGIN * COMPENSATION)
    halos, between = draw_halos(powers, physics, z_source, region, halo_rng)
    profiles = DividedProfiles(smoothing_scale(lmax))
    kappa, reach = _smooth_halos(halos, profiles, nside, lmax)
    kappa += gaussian_modes(powers.residual, field_rng, np.float32)
    start = low = 0
    for m in range(powers.tracer_lmax + 1):
        n = powers.tracer_lmax + 1 - m
        kappa[start : start + n] += between[low : low + n]
        start, low = start + lmax + 1 - m, low + n
    kappa[:2] = kappa[lmax + 1] = 0  # the multipoles 0 and 1
    return SkyField(kappa, halos, profiles, reach)


def _smooth_halos(halos, profiles, nside, lmax):
    """Return the coefficients of the smooth parts of halos with their compensation.

    The second result is the radius of the compact part of each halo, radians.
    """
    base = import_ducc().healpix.Healpix_Base(nside, "RING")
    rings = base.sht_info()
    used = _rings_near(rings["theta"], halos, profiles)
    first = int(rings["ringstart"][used.start])
    last = int(rings["ringstart"][used.stop - 1] + rings["nphi"][used.stop - 1])
    values = np.zeros(last - first, np.float32)
    reach = np.zeros(len(halos.lon))
    for start in range(0, len(reach), _HALOS_PER_CHUNK):
        chunk = slice(start, start + _HALOS_PER_CHUNK)
        some = halos.select(chunk)
        reach[chunk] = profiles.compact(some.weight, some.scale, some.tau).radius
        _paint(values, first, base, some, profiles)
    modes = import_ducc().sht.adjoint_synthesis(
        map=values[np.newaxis], spin=0, lmax=lmax, theta=rings["theta"][used],
        nphi=rings["nphi"][used], phi0=rings["phi0"][used],
        ringstart=rings["ringstart"][used] - np.uint64(first), nthreads=n_threads(),
    )[0]
    # The compensation is the halo, convolved with a wider Gaussian.
    ratio = gaussian_window(math.sqrt(COMPENSATION**2 - profiles.sigma**2), lmax)
    factor = (1 - ratio) * HealpixPixels(nside).area
    multiply_multipoles(modes, lmax, factor.astype(np.float32))
    return modes, reach


def _rings_near(theta, halos, profiles):
    """Return the range of rings to which halos are added."""
    lat = halos.lat
    if len(lat) == 0:
        return slice(0, 1)
    radius = float(profiles.smooth_radius(halos.scale, halos.tau).max())
    low = math.radians(90 - lat.max()) - radius
    high = math.radians(90 - lat.min()) + radius
    start = int(np.searchsorted(theta, low))
    return slice(min(start, len(theta) - 1), max(int(np.searchsorted(theta, high)), start + 1))


def _paint(values, first, base, halos, profiles):
    """Add the smooth parts of halos to the pixels of some rings, in place."""
    smooth = profiles.smooth(halos.weight, halos.scale, halos.tau)
    centers = unit_vectors(halos.lon, halos.lat)
    angles = np.radians(np.stack([90 - halos.lat, halos.lon % 360], axis=-1))
    for i, radius in enumerate(smooth.radius):
        ranges = base.query_disc(angles[i], min(float(radius), math.pi)).astype(np.int64)
        lengths = ranges[:, 1] - ranges[:, 0]
        if lengths.sum() == 0:
            continue
        skipped = ranges[:, 0] - np.concatenate([[0], np.cumsum(lengths)[:-1]])
        pixel = np.arange(lengths.sum()) + np.repeat(skipped, lengths)
        offset = base.pix2vec(pixel) - centers[i]
        chord = np.sqrt(np.einsum("ij,ij->i", offset, offset))
        theta = 2 * np.arcsin(np.minimum(chord / 2, 1)) if radius > 0.1 else chord
        values[pixel - first] += profiles.smooth_kappa(smooth.values[i], theta)
