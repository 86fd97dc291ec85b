# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Masses within a projected radius: of a map, and of the shear outside."""

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.cosmology import get_cosmology, sigma_crit
from lensmap.maps import check_map
from lensmap.profiles._kappa_profile import independent_pixels
from lensmap.profiles._pixels import pixels_around
from lensmap.profiles._radii import as_angles, check_edges, check_lens_redshifts, check_pair
from lensmap.utils import (
    MapWarning,
    as_skycoord,
    check_count,
    seeded_generator,
    set_formats,
    warn_user,
)

__all__ = ["projected_mass", "zeta_c"]

# A circle of which less than this part is on the map and open has no mass.
_LEAST_OPEN = 0.5

# At more sizes of the circle than this, scatter is interpolated.
_MANY_SIZES = 8


def projected_mass(
    kappa,
    positions,
    radius,
    *,
    z_lens,
    z_source,
    background=None,
    cosmology=None,
    n_random=0,
    rng=None,
):
    r"""Return the mass of a map within a projected radius.

    .. math:: M(<R) = \pi R^2\, \Sigma_\mathrm{cr} (\bar\kappa(<R) - \bar\kappa_\mathrm{bg})

    The mass within a cylinder along the line of sight, which is more than that within a sphere.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map. Masked pixels do not count: the mean of the others stands for them.
    positions : `~astropy.coordinates.SkyCoord` or `~astropy.table.Table`
        One position or many; tables have the columns ``ra`` and ``dec``, such as peaks.
    radius : `~astropy.units.Quantity`
        A proper length at the lens, or an angle.
    z_lens : float or array_like
        The redshift of the lens, or of each.
    z_source : float or `~lensmap.SourceRedshifts`
        The redshift of the galaxies behind the map, or their distribution.
    background : `~astropy.units.Quantity` or None
        ``(inner, outer)`` radii of a ring, lengths or angles, whose mean convergence is subtracted;
        None subtracts nothing. The mass sheet of a map is not measured, and a ring takes it out,
        with what the lens itself has in the ring.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.
    n_random : int
        At how many random places of the map the same is measured, for the error. 0 takes the
        map's uncertainty, where it has one.
    rng : None, int or `numpy.random.Generator`
        The seed or generator of these places; None draws a seed, which is in the ``meta``.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each position, with the columns

        - ``mass``, ``mass_err``: solar masses. With ``n_random``, the error is the scatter at
          random places: noise and other structure along the line of sight. Without, it is the
          noise alone, from the map's uncertainty and the smoothing that the map says; NaN if it has
          not both, with a warning where there is an uncertainty without (maps of networks and of
          the Wiener filter);
        - ``kappa_mean``, ``kappa_background`` (0 without a ring): means over open pixels;
        - ``open_part``: the part of the circle on the map and not masked. Below a half there is
          no mass: NaN, with one warning; nor where a ring has no open pixel.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or a lens is not in front of the sources.
    """
    check_map(kappa, quantity="kappa")
    positions = as_skycoord(positions)
    check_count(n_random, "n_random")
    n = len(positions)
    z_lens = check_lens_redshifts(z_lens, n)
    cosmology = get_cosmology(cosmology, structure=False)
    inner = _one_radius(radius, z_lens, n, cosmology)
    half = 0.5 * kappa.pixel_scale.to(u.arcmin)
    if n and inner.min() < half.to_value(u.rad):
        raise ValueError(
            f"radius must be at least half a pixel, {half:.3g}, but is "
            f"{np.degrees(inner.min()) * 60:.3g} arcmin"
        )
    ring = None
    if background is not None:
        ring = as_angles(check_pair(background, "background"), z_lens, n, cosmology, "background")
    critical = sigma_crit(z_lens, z_source, cosmology).to_value(u.solMass / u.Mpc**2)
    scale = as_angles([0, 1] * u.Mpc, z_lens, n, cosmology)[:, 1]  # of 1 Mpc
    factor = np.pi * (inner / scale) ** 2 * np.broadcast_to(critical, (n,))
    seed = {}
    mean, back, error, part = _mean_kappa(kappa, positions, inner, ring)
    if n_random > 0:
        rng, seed = seeded_generator(rng)
        error = _scatter_at_random(kappa, inner, ring, n_random, rng)
        error[~np.isfinite(mean - back)] = np.nan
    elif n and kappa.uncertainty is not None and kappa.smoothing is None:
        warn_user(
            "the masses have no errors: the map does not say how it was smoothed, and so not over "
            "which scale its noise is correlated; n_random measures them",
            MapWarning,
            "no_errors",
            "n_random",
        )
    _warn_of_closed(part, back, n)
    table = QTable({
        "mass": factor * (mean - back) * u.solMass,
        "mass_err": factor * error * u.solMass,
        "kappa_mean": mean,
        "kappa_background": back,
        "open_part": part,
    }, meta=seed)
    return set_formats(table, {
        "mass mass_err": ".3g", "kappa_mean kappa_background": ".4f", "open_part": ".3f",
    })


def _warn_of_closed(part, back, n):
    """Say which positions have no mass, and why."""
    closed = ~(part >= _LEAST_OPEN)
    no_ring = ~closed & ~np.isfinite(back)
    for which, why in (
        (closed, "less than half of the circle is on the map and not masked"),
        (no_ring, "no pixel of the background ring is on the map and not masked"),
    ):
        if which.any():
            warn_user(
                f"{np.count_nonzero(which)} of {n} positions have no mass: {why}",
                MapWarning,
                "positions_without_mass",
                "positions",
            )


def zeta_c(profile, r1, r2, r_max):
    r"""Return the mean convergence within a radius less that in a ring, from the shear alone.

    .. math:: \zeta_c(r_1) = \bar\kappa(<r_1) - \bar\kappa(r_2..r_\mathrm{max})
              = 2 \int_{r_1}^{r_2} \langle\gamma_t\rangle\, d\ln r
              + \frac{2}{1 - r_2^2 / r_\mathrm{max}^2}
                \int_{r_2}^{r_\mathrm{max}} \langle\gamma_t\rangle\, d\ln r

    The tangential shear is taken as constant in each bin of the profile (in a part of a bin as in
    the whole). No mass within ``r1`` is needed to be known, no profile is assumed.

    Parameters
    ----------
    profile : `~astropy.table.QTable`
        Of `shear_profile`. Its reduced shear is taken for the shear.
    r1, r2, r_max : `~astropy.units.Quantity`
        Rising, in units like the bins, within the profile.

    Returns
    -------
    zeta, error : float
        The mean convergence and its error, from those of the bins as if independent.

    Raises
    ------
    TypeError, ValueError
        If the radii do not rise, lie off the profile, or a bin between has no galaxies.

    References
    ----------
    Clowe et al. 1998, ApJ 497, L61; Clowe, Luppino, Kaiser & Gioia 2000, ApJ 539, 540, eq. 7.
    """
    unit = profile["radius_low"].unit
    edges = check_edges(u.Quantity([r1, r2, r_max]), "r1, r2, r_max").to_value(unit)
    low, high = profile["radius_low"].value, profile["radius_high"].value
    if edges[0] < low[0] * (1 - 1e-9) or edges[2] > high[-1] * (1 + 1e-9):
        raise ValueError(
            f"r1 and r_max must lie within the profile, {low[0]:g} to {high[-1]:g} {unit}, but are "
            f"{edges[0]:g} and {edges[2]:g}"
        )

    def share(a, b):
        """How much of d ln r each bin has between a and b."""
        top, bottom = np.minimum(high, b), np.maximum(low, a)
        return np.where(top > bottom, np.log(np.maximum(top, bottom) / bottom), 0.0)

    weight = 2 * share(edges[0], edges[1])
    weight += 2 / (1 - (edges[1] / edges[2]) ** 2) * share(edges[1], edges[2])
    used = weight > 0
    shear, error = np.asarray(profile["g_t"])[used], np.asarray(profile["g_err"])[used]
    if not np.all(np.isfinite(shear)):
        raise ValueError(
            "a bin of the profile between r1 and r_max has no galaxies: take wider ones"
        )
    return float(weight[used] @ shear), float(np.sqrt(np.sum((weight[used] * error) ** 2)))


def _one_radius(radius, z_lens, n, cosmology):
    """Return a radius as an angle for each lens, radians, ``(n,)``."""
    if not isinstance(radius, u.Quantity) or not radius.isscalar:
        raise TypeError(f"radius must be one length or angle with a unit, not {radius!r}")
    if not radius > 0:
        raise ValueError(f"radius must be positive, not {radius}")
    edges = check_edges(u.Quantity([0 * radius, radius]), "radius")
    return as_angles(edges, z_lens, n, cosmology, "radius")[:, 1]


def _mean_kappa(kappa, positions, angles, rings):
    """Return the means in circles, those in rings, the errors of the first less the second, and
    which parts of the circles are open; ``(4, n)``."""
    pixel = kappa.pixel_scale.to_value(u.rad)
    reach = angles if rings is None else np.maximum(angles, rings[:, 1])
    rows = []
    for i, (theta, values, errors) in enumerate(pixels_around(kappa, positions, reach)):
        circle = theta <= angles[i]
        part = np.count_nonzero(circle) * pixel**2 / (np.pi * angles[i] ** 2)
        if part < _LEAST_OPEN:
            rows.append((np.nan, np.nan, np.nan, min(part, 1.0)))
            continue
        mean, variance = _mean(values[circle], errors[circle], kappa)
        back = 0.0
        if rings is not None:
            around = (theta >= rings[i, 0]) & (theta <= rings[i, 1])
            back, more = _mean(values[around], errors[around], kappa)
            variance += more
        rows.append((mean, back, np.sqrt(variance), min(part, 1.0)))
    return np.array(rows, dtype=float).reshape(-1, 4).T


def _mean(values, errors, kappa):
    """Return the mean of pixels and its variance."""
    if len(values) == 0:
        return np.nan, np.nan
    return values.mean(), np.mean(errors**2) / independent_pixels(kappa, len(values))


def _scatter_at_random(kappa, inner, ring, n_random, rng):
    """Return the scatter of the same measurement at random places, for each position."""
    y, x = np.nonzero(~kappa.mask)
    if len(y) == 0:
        raise ValueError("kappa has no pixel that is not masked")
    chosen = rng.integers(len(y), size=n_random)
    sky = kappa.wcs.pixel_to_world(x[chosen], y[chosen])

    def scatter(angle, around):
        rings = None if around is None else np.tile(around, (n_random, 1))
        mean, back, _, _ = _mean_kappa(kappa, sky, np.full(n_random, angle), rings)
        return np.nanstd(mean - back)

    sizes, which = np.unique(inner, return_inverse=True)
    ratios = np.zeros((len(inner), 2)) if ring is None else ring / inner[:, np.newaxis]
    if len(sizes) > _MANY_SIZES and np.allclose(ratios, ratios[0]):
        # The same at all sizes but for the scale: between some of them it is smooth.
        nodes = np.geomspace(sizes[0], sizes[-1], _MANY_SIZES)
        values = [scatter(node, None if ring is None else node * ratios[0]) for node in nodes]
        return np.exp(np.interp(np.log(sizes), np.log(nodes), np.log(values)))[which]
    measures = {}
    for i, angle in enumerate(inner):
        key = (angle, *ratios[i])
        if key not in measures:
            measures[key] = scatter(angle, None if ring is None else ring[i])
    return np.array([measures[(angle, *ratios[i])] for i, angle in enumerate(inner)])
