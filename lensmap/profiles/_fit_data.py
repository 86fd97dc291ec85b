# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What halos are fitted to: profiles, galaxies or pixels, each as residuals in units of errors."""

import numpy as np
from astropy import units as u
from scipy import linalg
from scipy.ndimage import gaussian_filter

from lensmap.catalog import Calibration, as_shear_catalog
from lensmap.halos import nfw_mass, nfw_mean_sigma, nfw_sigma, radius_200c
from lensmap.profiles._efficiency import Efficiency
from lensmap.profiles._radii import as_angles, brief, check_pair

__all__ = ["catalog_data", "map_data", "profile_data"]

_USUAL_RADII = [0.2, 2.5] * u.Mpc
_SURFACE = u.solMass / u.Mpc**2

# Points within each ring of a profile at which the model is taken.
_RING_NODES = 4

# Redshifts of lenses that differ by less are the same.
_SAME_REDSHIFT = 1e-3

# The distance of the pixels of a map that are used, in units of its smoothing, and their number.
_THIN_STEP = 1.5
_MOST_PIXELS = 1500


class _Halo:
    """An NFW halo at a redshift, for many masses."""

    def __init__(self, z_lens, cosmology):
        self.distance = cosmology.angular_diameter_distance(z_lens).to_value(u.Mpc)
        # r200c goes with the cube root of the mass.
        self._unit_radius = radius_200c(1 * u.solMass, z_lens, cosmology).to_value(u.Mpc)

    def _scaled(self, ln_m, ln_c):
        c, mass = np.exp(ln_c), np.exp(ln_m)
        scale = self._unit_radius * np.exp(ln_m / 3) / c
        return scale, mass / (4 * np.pi * scale**2 * nfw_mass(c))

    def surface(self, theta, ln_m, ln_c):
        """Return the surface density and its excess, solMass / Mpc2, at angles in radians."""
        scale, unit = self._scaled(ln_m, ln_c)
        x = np.maximum(theta * self.distance / scale, 1e-6)
        sigma = nfw_sigma(x)
        return sigma * unit, (nfw_mean_sigma(x) - sigma) * unit


def _reduced(gamma, kappa):
    """Return reduced shear; near critical curves, where a fit has no business, it stays finite."""
    return gamma / np.maximum(1 - kappa, 0.05)


class _ProfileData:
    """The bins of a profile."""

    unit = "bins"

    def __init__(self, edges, g_t, whiten, inverse, ratio, halo):
        # Means over rings, by area: that at the mean radius is off by per cents in wide ones.
        nodes, self._weights = np.polynomial.legendre.leggauss(_RING_NODES)
        low, high = edges**2
        self._theta = np.sqrt(low + (nodes[:, np.newaxis] + 1) / 2 * (high - low))
        self.measured, self._whiten = g_t, whiten
        self._inverse, self._ratio, self._halo = inverse, ratio, halo
        self.n = self.n_independent = len(g_t)

    def efficiency(self, i):
        """Return 1 / sigma_crit of the mean source, and <beta^2> / <beta>^2."""
        return np.mean(self._inverse), np.mean(self._ratio)

    def model(self, halos):
        """Return the reduced tangential shear of each bin."""
        (ln_m, ln_c, _, _), = halos
        sigma, excess = self._halo.surface(self._theta, ln_m, ln_c)
        kappa, gamma = sigma * self._inverse, excess * self._inverse
        return self._weights @ _reduced(gamma, self._ratio * kappa) / 2

    def residuals(self, halos):
        """Return what differs, in units of its error."""
        return self._whiten @ (self.measured - self.model(halos))


def profile_data(profile, z_lens, z_source, radii, covariance, cosmology):
    """Take the bins of a profile.

    Parameters
    ----------
    profile : `~astropy.table.QTable`
        Of `shear_profile`.
    z_lens : `numpy.ndarray`
        One redshift.
    z_source, radii, covariance, cosmology : object
        As for `fit_nfw`.

    Returns
    -------
    object
        With ``n``, ``model(halos)`` and ``residuals(halos)``.
    """
    n_all = len(profile)
    made_with = profile.meta.get("z_lens")
    if made_with is not None and abs(made_with - z_lens[0]) > _SAME_REDSHIFT:
        raise ValueError(
            f"z_lens is {z_lens[0]:g}, but the profile was made with {made_with:g}"
        )
    theta, low, high = (
        as_angles(_edges(profile[name]), z_lens, 1, cosmology)[0, 1:]
        for name in ("radius", "radius_low", "radius_high")
    )
    used = np.isfinite(profile["g_t"]) & np.isfinite(profile["g_err"]) & (
        np.asarray(profile["g_err"]) > 0
    )
    if radii is not None:
        limits = as_angles(check_pair(radii), z_lens, 1, cosmology)[0]
        used &= (theta >= limits[0]) & (theta <= limits[1])
    matrix = np.diag(np.where(used, np.asarray(profile["g_err"], dtype=float), 1.0) ** 2)
    if "covariance" in profile.meta:
        matrix = _measured_covariance(profile, np.count_nonzero(used))
    if covariance is not None:
        more = _as_matrix(covariance, n_all)
        matrix = matrix + more
    if z_source is not None:
        efficiency = Efficiency.from_redshifts(None, z_lens, z_source, cosmology)
        inverse, square = efficiency.inverse_sigma_crit(0, np.zeros(n_all, dtype=int))
        ratio = square / inverse**2
    elif "sigma_crit" in profile.colnames:
        inverse = 1 / profile["sigma_crit"].to_value(_SURFACE)
        ratio = np.asarray(profile["efficiency_ratio"])
    else:
        raise ValueError("z_source must be given: the profile was made without redshifts")
    if not used.any():
        raise ValueError("no bin of the profile has a shear and an error within radii")
    try:
        factor = linalg.cholesky(matrix[np.ix_(used, used)], lower=True)
    except linalg.LinAlgError:
        raise ValueError("the covariance of the bins is not positive") from None
    whiten = linalg.solve_triangular(factor, np.eye(len(factor)), lower=True)
    g_t = np.asarray(profile["g_t"], dtype=float)[used]
    return _ProfileData(np.array([low, high])[:, used], g_t, whiten, inverse[used], ratio[used],
                        _Halo(float(z_lens[0]), cosmology))


def _as_matrix(covariance, n):
    try:
        matrix = np.asarray(covariance, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"covariance must be an array of numbers, not {covariance!r}") from None
    if matrix.shape != (n, n):
        raise ValueError(
            f"covariance must be ({n}, {n}), as the profile has bins, not {matrix.shape}"
        )
    if not np.all(np.isfinite(matrix)):
        raise ValueError("covariance must be finite, but has NaN or infinity")
    return matrix


def _measured_covariance(profile, n_used):
    """Return a covariance from a bootstrap, larger for what it does not know itself.

    The inverse of a covariance from few draws is too large (Hartlap et al. 2007), and the best
    parameters scatter more than it says (Dodelson & Schneider 2013); factors for two parameters.
    """
    n = profile.meta["n_bootstrap"]
    if profile.meta["n_positions"] > 1:
        n = 1 / (1 / n + 1 / profile.meta["n_positions"])
    if n < n_used + 6:
        raise ValueError(
            f"the profile has {n_used} bins and a covariance from {profile.meta['n_positions']} "
            f"positions and {profile.meta['n_bootstrap']} draws, too few to fit with: take "
            "errors='shape noise', wider bins or more positions"
        )
    more = (n - n_used - 2) / ((n - n_used - 1) * (n - n_used - 4)) * (n_used - 2)
    factor = (n - 1) / (n - n_used - 2) * (1 + max(more, 0.0))
    return np.array(profile.meta["covariance"], dtype=float) * factor


class _CatalogData:
    """Galaxies around the halos: both components of their shear."""

    unit = "galaxies"

    def __init__(self, offsets, shear, sigma, inverse, square, halos):
        self._offsets, self.measured, self._sigma = offsets, shear, sigma
        self._inverse, self._square, self._halos = inverse, square, halos
        self.n, self.n_independent = 2 * len(shear), len(shear)

    def efficiency(self, i):
        """Return 1 / sigma_crit of the mean source, and <beta^2> / <beta>^2."""
        weight = self._sigma**-2 * (self._inverse[i] > 0)
        mean = np.average(self._inverse[i], weights=weight)
        return mean, np.average(self._square[i], weights=weight) / mean**2

    def model(self, halos):
        """Return the complex reduced shear of each galaxy."""
        gamma, kappa = 0.0, 0.0
        for i, (ln_m, ln_c, east, north) in enumerate(halos):
            # Of galaxies at several redshifts behind one halo, <beta^2> / <beta> weighs kappa.
            away = self._offsets[i] - (east + 1j * north)
            theta = np.maximum(np.abs(away), 1e-9)
            sigma, excess = self._halos[i].surface(theta, ln_m, ln_c)
            gamma = gamma - excess * self._inverse[i] * (away / theta) ** 2
            kappa = kappa + sigma * self._square[i] / np.where(
                self._inverse[i] > 0, self._inverse[i], np.inf
            )
        return _reduced(gamma, kappa)

    def residuals(self, halos):
        """Return what differs, in units of its error."""
        difference = (self.measured - self.model(halos)) / self._sigma
        return np.concatenate([difference.real, difference.imag])


def catalog_data(catalog, positions, z_lens, z_source, radii, cosmology):
    """Take the galaxies around positions.

    Parameters
    ----------
    catalog : `~lensmap.ShearCatalog`
        The galaxies.
    positions : `~astropy.coordinates.SkyCoord`
        The halos, ``(n_halos,)``.
    z_lens : `numpy.ndarray`
        Their redshifts.
    z_source, radii, cosmology : object
        As for `fit_nfw`.

    Returns
    -------
    object
        With ``n``, ``model(halos)`` and ``residuals(halos)``.
    """
    catalog = as_shear_catalog(catalog)
    offsets, used = _offsets(positions, catalog.skycoord, z_lens, radii, cosmology)
    efficiency = Efficiency.from_redshifts(catalog["redshift"], z_lens, z_source, cosmology)
    if efficiency is None:
        raise ValueError("z_source must be given: the catalog has no column redshift")
    rows = np.arange(len(catalog))
    pairs = [efficiency.inverse_sigma_crit(i, rows) for i in range(len(positions))]
    inverse, square = (np.array(part) for part in zip(*pairs, strict=True))
    used &= np.any(inverse > 0, axis=0)
    weight = catalog.weight
    weight = np.ones(len(catalog)) if weight is None else np.asarray(weight, dtype=float)
    used &= weight > 0
    if not used.any():
        raise ValueError(
            "no galaxy behind the halos is within radii of any position: position must lie in the "
            f"survey, not at {brief(positions)}"
        )
    shear = Calibration.from_catalog(catalog).shear(catalog)[used]
    weight = weight[used]
    # Weights are inverse variances up to a factor, which the scatter tells.
    variance = np.sum(weight**2 * 0.5 * np.abs(shear) ** 2) / np.sum(weight**2)
    sigma = np.sqrt(variance * np.sum(weight**2) / np.sum(weight) / weight)
    frame = [_Halo(float(z), cosmology) for z in z_lens]
    # The axes are those of each galaxy: towards the pole they turn against those of the halo.
    sky = catalog.skycoord[used]
    here = np.array([
        np.abs(offset) * -np.exp(1j * (np.pi / 2 - sky.position_angle(center).rad))
        for offset, center in zip(offsets[:, used], positions.transform_to(sky.frame), strict=True)
    ])
    return _CatalogData(here, shear, sigma, inverse[:, used], square[:, used], frame)


class _MapData:
    """Some of the pixels of a map around the halos, less a constant."""

    unit = "pixels"

    def __init__(self, values, used, offsets, smallest, smoothing, whiten, inverse, halos, reduced):
        self._values, self._used, self._whiten = values, used, whiten
        self._offsets, self._smallest, self._smoothing = offsets, smallest, smoothing
        self._inverse, self._halos, self._reduced = inverse, halos, reduced
        # The mass sheet is not known: what is like a constant does not count.
        self._constant = whiten(np.ones(len(values)))
        self._constant /= np.linalg.norm(self._constant)
        self.n = self.n_independent = len(values)

    @property
    def measured(self):
        """The convergence of the pixels, less its mean."""
        return self._values - self._values.mean()

    def efficiency(self, i):
        """Return 1 / sigma_crit of the mean source, and <beta^2> / <beta>^2."""
        return self._inverse[i], 1.0

    def model(self, halos):
        """Return the smoothed convergence of each pixel, less its mean."""
        kappa = self._kappa(halos)
        return kappa - kappa.mean()

    def _kappa(self, halos):
        kappa = np.zeros(self._used.shape)
        for i, (ln_m, ln_c, east, north) in enumerate(halos):
            theta = np.abs(self._offsets[i] - (east + 1j * north))
            # A pixel at the very center has the mean of the innermost third of a pixel.
            theta = np.maximum(theta, self._smallest)
            nodes = np.geomspace(theta.min(), 30 * theta.max(), 500)
            sigma, excess = (part * self._inverse[i]
                             for part in self._halos[i].surface(nodes, ln_m, ln_c))
            if self._reduced:
                sigma = _seen_in_reduced_shear(nodes, sigma, excess)
            kappa += np.interp(np.log(theta), np.log(nodes), sigma)
        if self._smoothing > 0:
            kappa = gaussian_filter(kappa, self._smoothing, mode="nearest")
        return kappa[self._used]

    def residuals(self, halos):
        """Return what differs, in units of its error."""
        difference = self._whiten(self._values - self._kappa(halos))
        return difference - self._constant * (self._constant @ difference)


def _seen_in_reduced_shear(theta, kappa, gamma):
    r"""Return the convergence that reduced shear looks like, of a round halo.

    Shear gives :math:`\kappa(\theta) = 2 \int_\theta^\infty \gamma_t\, d\ln\theta - \gamma_t`;
    this has the reduced shear in its place.
    """
    g = _reduced(gamma, kappa)
    step = np.diff(np.log(theta)) * (g[1:] + g[:-1])
    return np.append(np.cumsum(step[::-1])[::-1], 0.0) - g


def map_data(kappa, positions, z_lens, z_source, radii, cosmology):
    """Take the pixels around positions.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map, with an uncertainty.
    positions : `~astropy.coordinates.SkyCoord`
        The halos, ``(n_halos,)``.
    z_lens : `numpy.ndarray`
        Their redshifts.
    z_source, radii, cosmology : object
        As for `fit_nfw`.

    Returns
    -------
    object
        With ``n``, ``model(halos)`` and ``residuals(halos)``.
    """
    if kappa.uncertainty is None:
        raise ValueError("the map has no uncertainty, which its fit needs: reconstruct it with one")
    if kappa.smoothing is None:
        raise ValueError(
            "the map does not say what Gaussian it was smoothed with, which its fit needs "
            "(Kaiser-Squires maps do): fit the catalog or its profile"
        )
    if z_source is None:
        raise ValueError("z_source must be given with a map")
    y, x = np.indices(kappa.shape)
    sky = kappa.wcs.pixel_to_world(x.ravel(), y.ravel())
    offsets, used = _offsets(positions, sky, z_lens, radii, cosmology)
    used = used.reshape(kappa.shape) & ~kappa.mask & (kappa.uncertainty.array > 0)
    if not used.any():
        raise ValueError(
            "no open pixel of the map is within radii of any position: position must lie on the "
            f"map, not at {brief(positions)}"
        )
    smoothing = kappa.smoothing_pixels
    offsets = offsets.reshape(len(positions), *kappa.shape)
    used = _thinned(used, np.abs(offsets[0]), smoothing)
    rows, columns = np.nonzero(used)
    # Around what is fitted, the model must be known as far as the smoothing reaches.
    more = int(np.ceil(4 * smoothing)) + 1
    window = np.s_[
        max(0, rows.min() - more) : rows.max() + more + 1,
        max(0, columns.min() - more) : columns.max() + more + 1,
    ]
    inverse = Efficiency.from_redshifts(None, z_lens, z_source, cosmology)
    return _MapData(
        kappa.data[used], used[window], offsets[(slice(None), *window)],
        kappa.pixel_scale.to_value(u.rad) / 3, smoothing,
        _whitening(rows, columns, kappa.uncertainty.array[used], smoothing),
        np.array([inverse.inverse_sigma_crit(i, np.zeros(1, dtype=int))[0][0]
                  for i in range(len(positions))]),
        [_Halo(float(z), cosmology) for z in z_lens],
        "estimator" in kappa.meta,
    )


def _thinned(used, distance, smoothing):
    """Leave out pixels that say little: neighbors within the smoothing, and all but so many.

    What is left is a grid through the pixel nearest to the first halo.
    """
    step = max(1, round(_THIN_STEP * smoothing))
    y, x = np.unravel_index(np.argmin(distance), distance.shape)
    while True:
        grid = np.zeros_like(used)
        grid[y % step :: step, x % step :: step] = True
        if smoothing == 0 or np.count_nonzero(used & grid) <= _MOST_PIXELS:
            return used & grid
        step += 1


def _whitening(rows, columns, sigma, smoothing):
    """Return what makes the noise of some pixels independent, of the variance 1."""
    if smoothing == 0:
        return lambda values: values / sigma
    square = (rows[:, np.newaxis] - rows) ** 2 + (columns[:, np.newaxis] - columns) ** 2
    # White noise after a Gaussian; in maps with holes, about so.
    correlation = np.exp(-square / (4 * smoothing**2))
    correlation[np.diag_indices_from(correlation)] += 1e-6
    factor = linalg.cholesky(correlation, lower=True)
    return lambda values: linalg.solve_triangular(factor, values / sigma, lower=True)


def _edges(radius):
    """Return radii as a rising quantity that begins at 0, for `as_angles`; NaN are 0."""
    values = np.nan_to_num(radius.value)
    return u.Quantity([0.0, *values], radius.unit)


def _offsets(positions, sky, z_lens, radii, cosmology):
    """Return the offset of each point of the sky from each halo, and which are within radii.

    The offsets are complex, radians, east + i north, of the length of the separation.
    """
    limits = as_angles(_USUAL_RADII if radii is None else check_pair(radii), z_lens, len(positions),
                       cosmology)
    found, used = [], np.zeros(len(sky), dtype=bool)
    too_close = np.zeros(len(sky), dtype=bool)
    for position, (low, high) in zip(positions, limits, strict=True):
        center = position.transform_to(sky.frame)
        theta = center.separation(sky).rad
        angle = center.position_angle(sky).rad
        found.append(theta * np.exp(1j * (np.pi / 2 - angle)))
        used |= theta <= high
        too_close |= theta < low
    return np.array(found), used & ~too_close
