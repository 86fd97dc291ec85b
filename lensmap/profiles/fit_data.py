# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What halos are fitted to: profiles, galaxies or pixels, each as residuals in units of errors."""

import numpy as np
from astropy import units as u
from scipy import linalg
from scipy.ndimage import gaussian_filter

from lensmap.catalog import Calibration, as_shear_catalog
from lensmap.halos import nfw_mass, nfw_mean_sigma, nfw_sigma, radius_200c
from lensmap.profiles.efficiency import Efficiency
from lensmap.profiles.radii import as_angles, check_pair

__all__ = ["catalog_data", "map_data", "profile_data"]

_USUAL_RADII = [0.2, 2.5] * u.Mpc
_SURFACE = u.solMass / u.Mpc**2


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


class _ProfileData:
    """The bins of a profile."""

    def __init__(self, theta, g_t, whiten, inverse, ratio, halo):
        self._theta, self.measured, self._whiten = theta, g_t, whiten
        self._inverse, self._ratio, self._halo = inverse, ratio, halo
        self.n = len(g_t)

    def model(self, halos):
        """Return the reduced tangential shear of each bin."""
        (ln_m, ln_c, _, _), = halos
        sigma, excess = self._halo.surface(self._theta, ln_m, ln_c)
        kappa, gamma = sigma * self._inverse, excess * self._inverse
        return gamma / np.maximum(1 - self._ratio * kappa, 0.05)

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
    theta = as_angles(_edges(profile["radius"]), z_lens, 1, cosmology)[0, 1:]
    used = np.isfinite(profile["g_t"]) & np.isfinite(profile["g_err"]) & (
        np.asarray(profile["g_err"]) > 0
    )
    if radii is not None:
        limits = as_angles(check_pair(radii), z_lens, 1, cosmology)[0]
        used &= (theta >= limits[0]) & (theta <= limits[1])
    matrix = np.diag(np.where(used, np.asarray(profile["g_err"], dtype=float), 1.0) ** 2)
    if "covariance" in profile.meta:
        matrix = np.array(profile.meta["covariance"], dtype=float)
    if covariance is not None:
        more = np.asarray(covariance, dtype=float)
        if more.shape != (n_all, n_all):
            raise ValueError(
                f"covariance must be ({n_all}, {n_all}), as the profile has bins, not {more.shape}"
            )
        matrix = matrix + more
    if z_source is not None:
        inverse, square = Efficiency.of(None, z_lens, z_source, cosmology).inverse_sigma_crit(
            0, np.zeros(n_all, dtype=int)
        )
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
    return _ProfileData(theta[used], np.asarray(profile["g_t"], dtype=float)[used], whiten,
                        inverse[used], ratio[used], _Halo(float(z_lens[0]), cosmology))


class _CatalogData:
    """Galaxies around the halos: both components of their shear."""

    def __init__(self, offsets, shear, sigma, inverse, square, halos):
        self._offsets, self.measured, self._sigma = offsets, shear, sigma
        self._inverse, self._square, self._halos = inverse, square, halos
        self.n = 2 * len(shear)

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
        return gamma / np.maximum(1 - kappa, 0.05)

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
    efficiency = Efficiency.of(catalog["redshift"], z_lens, z_source, cosmology)
    if efficiency is None:
        raise ValueError("z_source must be given: the catalogue has no column redshift")
    rows = np.arange(len(catalog))
    pairs = [efficiency.inverse_sigma_crit(i, rows) for i in range(len(positions))]
    inverse, square = (np.array(part) for part in zip(*pairs, strict=True))
    used &= np.any(inverse > 0, axis=0)
    weight = catalog.weight
    weight = np.ones(len(catalog)) if weight is None else np.asarray(weight, dtype=float)
    used &= weight > 0
    if not used.any():
        raise ValueError("no galaxy behind the halos is within radii of any of the positions")
    shear = Calibration.of(catalog).shear(catalog)[used]
    weight = weight[used]
    # Weights are inverse variances up to a factor, which the scatter tells.
    variance = np.sum(weight**2 * 0.5 * np.abs(shear) ** 2) / np.sum(weight**2)
    sigma = np.sqrt(variance * np.sum(weight**2) / np.sum(weight) / weight)
    frame = [_Halo(float(z), cosmology) for z in z_lens]
    # The axes are those of each galaxy: towards the pole they turn against those of the halo.
    sky = catalog.skycoord[used]
    here = np.array([
        np.abs(offset) * -np.exp(1j * (np.pi / 2 - sky.position_angle(centre).rad))
        for offset, centre in zip(offsets[:, used], positions.transform_to(sky.frame), strict=True)
    ])
    return _CatalogData(here, shear, sigma, inverse[:, used], square[:, used], frame)


class _MapData:
    """The pixels of a map around the halos, less a constant."""

    def __init__(self, values, sigma, used, offsets, smallest, smoothing, inverse, halos):
        self.measured, self._sigma, self._used = values, sigma, used
        self._offsets, self._smallest, self._smoothing = offsets, smallest, smoothing
        self._inverse, self._halos = inverse, halos
        self.n = len(values)

    def model(self, halos):
        """Return the smoothed convergence of each pixel, less its mean."""
        kappa = np.zeros(self._used.shape)
        for i, (ln_m, ln_c, east, north) in enumerate(halos):
            theta = np.abs(self._offsets[i] - (east + 1j * north))
            # A pixel at the very centre has the mean of the innermost third of a pixel.
            kappa += self._halos[i].surface(np.maximum(theta, self._smallest), ln_m, ln_c)[0] * (
                self._inverse[i]
            )
        if self._smoothing > 0:
            kappa = gaussian_filter(kappa, self._smoothing, mode="nearest")
        kappa = kappa[self._used]
        return kappa - np.average(kappa, weights=self._sigma**-2)

    def residuals(self, halos):
        """Return what differs, in units of its error."""
        return (self.measured - self.model(halos)) / self._sigma


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
    if z_source is None:
        raise ValueError("z_source must be given with a map")
    y, x = np.indices(kappa.shape)
    sky = kappa.wcs.pixel_to_world(x.ravel(), y.ravel())
    offsets, used = _offsets(positions, sky, z_lens, radii, cosmology)
    used = used.reshape(kappa.shape) & ~kappa.mask & (kappa.uncertainty.array > 0)
    if not used.any():
        raise ValueError("no open pixel of the map is within radii of any of the positions")
    smoothing = kappa.smoothing_pixels
    rows, columns = np.nonzero(used)
    # Around what is fitted, the model must be known as far as the smoothing reaches.
    more = int(np.ceil(4 * smoothing)) + 1
    window = np.s_[
        max(0, rows.min() - more) : rows.max() + more + 1,
        max(0, columns.min() - more) : columns.max() + more + 1,
    ]
    used = used[window]
    values, sigma = kappa.data[window][used], kappa.uncertainty.array[window][used]
    values = values - np.average(values, weights=sigma**-2)
    # Noise is correlated over 4 pi sigma^2 pixels: as many of them count as one.
    sigma = sigma * np.sqrt(max(1.0, 4 * np.pi * smoothing**2))
    inverse = Efficiency.of(None, z_lens, z_source, cosmology)
    return _MapData(
        values, sigma, used, offsets.reshape(len(positions), *kappa.shape)[(slice(None), *window)],
        kappa.pixel_scale.to_value(u.rad) / 3, smoothing,
        np.array([inverse.inverse_sigma_crit(i, np.zeros(1, dtype=int))[0][0]
                  for i in range(len(positions))]),
        [_Halo(float(z), cosmology) for z in z_lens],
    )


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
        centre = position.transform_to(sky.frame)
        theta = centre.separation(sky).rad
        angle = centre.position_angle(sky).rad
        found.append(theta * np.exp(1j * (np.pi / 2 - angle)))
        used |= theta <= high
        too_close |= theta < low
    return np.array(found), used & ~too_close
