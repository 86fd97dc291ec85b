# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Projected mass within a radius from a map, and aperture densitometry from shear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.cosmology import get_cosmology, sigma_crit
from lensmap.maps import check_map, map_sources
from lensmap.profiles._kappa_profile import independent_pixels
from lensmap.profiles._pixels import pixels_around
from lensmap.profiles._radii import as_angles, check_edges, check_lens_redshifts, check_pair
from lensmap.utils import (
    MapWarning,
    ParameterError,
    ParameterTypeError,
    as_skycoord,
    check_count,
    seeded_generator,
    set_formats,
    warn_user,
)

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.cosmology import FLRW
    from numpy.typing import ArrayLike

    from lensmap.maps import ConvergenceMap
    from lensmap.typing import CosmologyLike, PositionLike, RedshiftLike, RNGLike

__all__ = ["projected_mass", "zeta_c"]

# The mass is NaN if a smaller fraction of the circle is on unmasked pixels.
_MIN_UNMASKED_FRACTION = 0.5

# For more distinct radii than this, the scatter at random positions is interpolated.
_MAX_RADII = 8

# A scatter of fewer random positions is uncertain by a quarter or more.
_MIN_RANDOM = 10


def projected_mass(
    kappa: ConvergenceMap,
    positions: PositionLike,
    radius: u.Quantity,
    *,
    z_lens: ArrayLike,
    z_source: RedshiftLike | None = None,
    background: u.Quantity | None = None,
    cosmology: CosmologyLike = None,
    n_random: int = 0,
    rng: RNGLike = None,
) -> QTable:
    r"""Compute the projected mass within a radius from a convergence map.

    .. math:: M(<R) = \pi R^2\, \Sigma_\mathrm{cr} (\bar\kappa(<R) - \bar\kappa_\mathrm{bg})

    This is the mass in a cylinder along the line of sight, which exceeds the mass in a sphere.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map. Masked pixels in a circle or ring count with the mean of its unmasked pixels.
    positions : `~astropy.coordinates.SkyCoord` or `~astropy.table.Table`
        One position or many; tables have the columns ``ra`` and ``dec``, such as peaks.
    radius : `~astropy.units.Quantity`
        The projected radius R, an angle or a proper length at the lens.
    z_lens : float or array_like
        The redshift of the lens, or of each lens.
    z_source : float, `~lensmap.SourceRedshifts` or None
        The redshift of the source galaxies of the map, or their distribution. None takes the
        distribution that a map of the galaxies behind a lens (`ShearCatalog.behind
        <lensmap.catalog.ShearCatalog.behind>`) records.
    background : `~astropy.units.Quantity` or None
        ``(inner, outer)`` radius of a background ring, angles or proper lengths. The mean
        convergence of the ring is subtracted, which removes the mass-sheet degeneracy but also
        subtracts the mass of the lens in the ring. None subtracts nothing.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology, or its name as for `lensmap.cosmology.get_cosmology`. None is the default
        cosmology of lensmap.
    n_random : int
        The number of random positions on the map. The error is the scatter of the mass at these
        positions, at least 2. With 0, the error is the noise, computed from the uncertainty of the
        map. A warning is given if few of the circles and rings are on unmasked pixels.
    rng : None, int or `numpy.random.Generator`
        Seed or generator for the random positions; None draws a new seed in each call. With
        ``n_random``, ``meta`` contains the seed.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each position, with the columns

        - ``mass``, ``mass_err``: solar masses. With ``n_random``, the error includes noise and
          other structure along the line of sight. Otherwise, the error is the noise, computed from
          the uncertainty and the smoothing of the map; it is NaN if the map lacks either, as maps
          from networks and from the Wiener filter do;
        - ``kappa_mean``, ``kappa_background``: the mean convergence of the unmasked pixels in the
          circle and in the ring; ``kappa_background`` is 0 without a ring;
        - ``unmasked_fraction``: the fraction of the circle on unmasked pixels of the map. The mass
          is NaN if this fraction is below 0.5, or if the ring has no unmasked pixel.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or a lens is not in front of the sources.

    Warns
    -----
    MapWarning
        If the mass at a position is NaN, or the errors are NaN because the smoothing of the map is
        not known.
    """
    check_map(kappa, quantity="kappa")
    positions = as_skycoord(positions)
    if check_count(n_random, "n_random") == 1:
        raise ParameterError("n_random", "0 or at least 2, because it gives a scatter", "1")
    n = len(positions)
    z = check_lens_redshifts(z_lens, n)
    cosmology = get_cosmology(cosmology, structure=False)
    inner = _one_radius(radius, z, n, cosmology)
    half = 0.5 * kappa.pixel_scale.to(u.arcmin)
    if n and inner.min() < half.to_value(u.rad):
        raise ParameterError(
            "radius",
            f"at least half a pixel ({half:.3g})",
            f"{np.degrees(inner.min()) * 60:.3g} arcmin",
        )
    ring = None
    if background is not None:
        ring = as_angles(check_pair(background, "background"), z, n, cosmology, "background")
    critical = sigma_crit(z, map_sources(kappa, z_source), cosmology).to_value(u.solMass / u.Mpc**2)
    radians_per_mpc = as_angles([0, 1] * u.Mpc, z, n, cosmology)[:, 1]
    factor = np.pi * (inner / radians_per_mpc) ** 2 * np.broadcast_to(critical, (n,))
    seed: dict = {}
    mean, ring_mean, error, unmasked = _mean_kappa(kappa, positions, inner, ring)
    if n_random > 0:
        generator, seed = seeded_generator(rng)
        error = _scatter_at_random(kappa, inner, ring, n_random, generator)
        error[~np.isfinite(mean - ring_mean)] = np.nan
    elif n and kappa.uncertainty is not None and kappa.smoothing is None:
        warn_user(
            "the masses have no errors, because the smoothing of the map, over which its noise is "
            "correlated, is not known: measure the errors at random positions, such as "
            "{n_random=200}",
            MapWarning,
            "no_errors",
            "n_random",
            placeholders=True,
        )
    _warn_without_mass(unmasked, ring_mean, n)
    table = QTable({
        "mass": factor * (mean - ring_mean) * u.solMass,
        "mass_err": factor * error * u.solMass,
        "kappa_mean": mean,
        "kappa_background": ring_mean,
        "unmasked_fraction": unmasked,
    }, meta=seed)
    return set_formats(table, {
        "mass mass_err": ".3g", "kappa_mean kappa_background": ".4f", "unmasked_fraction": ".3f",
    })


def _warn_without_mass(unmasked: np.ndarray, ring_mean: np.ndarray, n: int) -> None:
    """Warn that the projected mass is NaN at some of n positions, and give the cause.

    ``unmasked`` is the fraction of the circle around each position that lies on unmasked pixels,
    and ``ring_mean`` is the mean convergence in each background ring, ``(n,)`` each.
    """
    no_circle = ~(unmasked >= _MIN_UNMASKED_FRACTION)
    no_ring = ~no_circle & ~np.isfinite(ring_mean)
    for without_mass, cause in (
        (no_circle, "less than half of the circle is on unmasked pixels of the map"),
        (no_ring, "no pixel of the background ring is on the map and unmasked"),
    ):
        if without_mass.any():
            warn_user(
                f"the mass is NaN at {np.count_nonzero(without_mass)} of {n} positions, where "
                f"{cause}",
                MapWarning,
                "positions_without_mass",
                "positions",
            )


def zeta_c(
    profile: QTable, r1: u.Quantity, r2: u.Quantity, r_max: u.Quantity
) -> tuple[float, float]:
    r"""Compute the aperture densitometry statistic zeta_c from tangential shear.

    This is the mean convergence within a radius minus the mean convergence in a surrounding ring.

    .. math:: \zeta_c(r_1) = \bar\kappa(<r_1) - \bar\kappa(r_2..r_\mathrm{max})
              = 2 \int_{r_1}^{r_2} \langle\gamma_t\rangle\, d\ln r
              + \frac{2}{1 - r_2^2 / r_\mathrm{max}^2}
                \int_{r_2}^{r_\mathrm{max}} \langle\gamma_t\rangle\, d\ln r

    The tangential shear is taken as constant within each bin of the profile. The statistic needs
    neither the shear within ``r1`` nor a model of the mass.

    Parameters
    ----------
    profile : `~astropy.table.QTable`
        The profile, as returned by `shear_profile`. Its reduced shear is used in place of shear.
    r1, r2, r_max : `~astropy.units.Quantity`
        The radius, and the inner and outer radius of the ring, in increasing order and within the
        range of the profile; angles or lengths, as in the bins of the profile.

    Returns
    -------
    zeta, error : float
        The statistic and its error, computed from the errors of the bins as if independent.

    Raises
    ------
    TypeError, ValueError
        If the radii are not in increasing order, a radius is outside the range of the profile, or
        a bin between ``r1`` and ``r_max`` has no galaxies.

    References
    ----------
    Clowe et al. 1998, ApJ 497, L61; Clowe, Luppino, Kaiser & Gioia 2000, ApJ 539, 540, eq. 7.
    """
    unit = profile["radius_low"].unit
    edges = check_edges(u.Quantity([r1, r2, r_max]), "r1, r2, r_max").to_value(unit)
    low, high = profile["radius_low"].value, profile["radius_high"].value
    if edges[0] < low[0] * (1 - 1e-9) or edges[2] > high[-1] * (1 + 1e-9):
        raise ValueError(
            f"r1 and r_max must lie within the radii of the profile, {low[0]:g} to {high[-1]:g} "
            f"{unit}, not at {edges[0]:g} and {edges[2]:g} {unit}"
        )

    def overlap(a: float, b: float) -> np.ndarray:
        """Return the width in ln r of the part of each bin between the radii a and b."""
        top, bottom = np.minimum(high, b), np.maximum(low, a)
        return np.where(top > bottom, np.log(np.maximum(top, bottom) / bottom), 0.0)

    weight = 2 * overlap(edges[0], edges[1])
    weight += 2 / (1 - (edges[1] / edges[2]) ** 2) * overlap(edges[1], edges[2])
    used = weight > 0
    shear, error = np.asarray(profile["g_t"])[used], np.asarray(profile["g_err"])[used]
    if not np.all(np.isfinite(shear)):
        raise ParameterError(
            "profile", "galaxies in all bins from {r1} to {r_max}",
            f"{np.count_nonzero(~np.isfinite(shear))} empty bins",
            "measure the profile with wider bins", verb="have",
        )
    return float(weight[used] @ shear), float(np.sqrt(np.sum((weight[used] * error) ** 2)))


def _one_radius(
    radius: u.Quantity, z_lens: np.ndarray, n: int, cosmology: FLRW
) -> np.ndarray:
    """Check a projected radius, and convert it to an angle at each lens, radians, ``(n,)``."""
    if not isinstance(radius, u.Quantity) or not radius.isscalar:
        raise ParameterTypeError("radius", "one length or angle with a unit", repr(radius))
    if not radius > 0:
        raise ParameterError("radius", "positive", str(radius))
    edges = check_edges(u.Quantity([0 * radius, radius]), "radius")
    return as_angles(edges, z_lens, n, cosmology, "radius")[:, 1]


def _mean_kappa(
    kappa: ConvergenceMap, positions: SkyCoord, angles: np.ndarray, rings: np.ndarray | None
) -> np.ndarray:
    """Return the mean convergence in circles and background rings around positions.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    positions : `~astropy.coordinates.SkyCoord`
        The positions, ``(n,)``.
    angles : `numpy.ndarray`
        Radii of the circles, radians, ``(n,)``.
    rings : `numpy.ndarray` or None
        Inner and outer radii of the rings, radians, ``(n, 2)``; None for no rings.

    Returns
    -------
    `numpy.ndarray`
        ``(4, n)``: the mean in the circle, the mean in the ring (0 without rings), the error of
        the difference of both means, and the fraction of the circle on unmasked pixels.
    """
    pixel = kappa.pixel_scale.to_value(u.rad)
    reach = angles if rings is None else np.maximum(angles, rings[:, 1])
    rows = []
    for i, (theta, values, errors) in enumerate(pixels_around(kappa, positions, reach)):
        in_circle = theta <= angles[i]
        unmasked = np.count_nonzero(in_circle) * pixel**2 / (np.pi * angles[i] ** 2)
        if unmasked < _MIN_UNMASKED_FRACTION:
            rows.append((np.nan, np.nan, np.nan, min(unmasked, 1.0)))
            continue
        mean, variance = _mean_and_variance(values[in_circle], errors[in_circle], kappa)
        ring_mean = 0.0
        if rings is not None:
            in_ring = (theta >= rings[i, 0]) & (theta <= rings[i, 1])
            ring_mean, ring_variance = _mean_and_variance(values[in_ring], errors[in_ring], kappa)
            variance += ring_variance
        rows.append((mean, ring_mean, np.sqrt(variance), min(unmasked, 1.0)))
    return np.array(rows, dtype=float).reshape(-1, 4).T


def _mean_and_variance(
    values: np.ndarray, errors: np.ndarray, kappa: ConvergenceMap
) -> tuple[float, float]:
    """Return the mean convergence of pixels, and the variance of this mean from the noise.

    ``values`` and ``errors`` are convergence and uncertainty of the pixels, ``(n,)`` each. The
    noise of neighboring pixels is correlated by the smoothing of ``kappa``.
    """
    if len(values) == 0:
        return np.nan, np.nan
    return values.mean(), np.mean(errors**2) / independent_pixels(kappa, len(values))


def _warn_of_few(n_good: int, n_random: int) -> None:
    """Warn if few of the random positions have a circle and a ring on unmasked pixels."""
    if n_good < min(n_random, _MIN_RANDOM):
        warn_user(
            f"only {n_good} of {n_random} random positions have circles of which at least half is "
            "unmasked, and rings with unmasked pixels, so that the error of the mass is uncertain: "
            "use more positions, {n_random=200}, or smaller circles and rings",
            MapWarning,
            "few_random_positions",
            "n_random",
            placeholders=True,
        )


def _scatter_at_random(
    kappa: ConvergenceMap,
    angles: np.ndarray,
    rings: np.ndarray | None,
    n_random: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the scatter of the mean kappa in a circle minus that in a ring, at random positions.

    ``angles``, ``(n,)``, are the radii of n circles, and ``rings``, ``(n, 2)``, the inner and outer
    radii of their background rings, radians; None for no rings. The result, ``(n,)``, is the
    standard deviation over ``n_random`` positions on the map for each circle.
    """
    y, x = np.nonzero(~kappa.mask)
    if len(y) == 0:
        raise ParameterError("kappa", "at least one unmasked pixel", verb="have")
    chosen = rng.integers(len(y), size=n_random)
    sky = kappa.wcs.pixel_to_world(x[chosen], y[chosen])

    n_good: list[int] = []

    def scatter(angle: float, ring: np.ndarray | None) -> float:
        tiled = None if ring is None else np.tile(ring, (n_random, 1))
        mean, ring_mean, _, _ = _mean_kappa(kappa, sky, np.full(n_random, angle), tiled)
        values = (mean - ring_mean)[np.isfinite(mean - ring_mean)]
        n_good.append(len(values))
        return values.std() if len(values) > 1 else np.nan

    unique_angles, index = np.unique(angles, return_inverse=True)
    ratios = np.zeros((len(angles), 2)) if rings is None else rings / angles[:, np.newaxis]
    if len(unique_angles) > _MAX_RADII and np.allclose(ratios, ratios[0]):
        # Circles and rings differ only in scale, and the scatter is a smooth function of scale.
        nodes = np.geomspace(unique_angles[0], unique_angles[-1], _MAX_RADII)
        values = [scatter(node, None if rings is None else node * ratios[0]) for node in nodes]
        _warn_of_few(min(n_good, default=n_random), n_random)
        return np.exp(np.interp(np.log(unique_angles), np.log(nodes), np.log(values)))[index]
    by_size = {}
    for i, angle in enumerate(angles):
        size = (angle, *ratios[i])
        if size not in by_size:
            by_size[size] = scatter(angle, None if rings is None else rings[i])
    _warn_of_few(min(n_good, default=n_random), n_random)
    return np.array([by_size[(angle, *ratios[i])] for i, angle in enumerate(angles)])
