# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Lenses of which everything is known, and catalogs of galaxies behind them.

Written apart from lensmap, so that the tests compare two things: the sky is a sphere here, and
angles come from `astropy.coordinates`.
"""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS


class SIS:
    """A singular isothermal sphere: kappa = gamma_t = theta_E / (2 theta)."""

    def __init__(self, theta_e=0.5):
        self.theta_e = theta_e  # arcmin

    def kappa(self, theta):
        return self.theta_e / (2 * np.maximum(theta, 1e-6))

    gamma_t = kappa


class NFW:
    """An NFW halo; Wright & Brainerd 2000, ApJ 534, 34, eq. 11-14.

    ``theta_s`` is the scale radius in arcmin, ``kappa_s`` = rho_s r_s / sigma_crit.
    """

    def __init__(self, kappa_s=0.25, theta_s=1.5):
        self.kappa_s, self.theta_s = kappa_s, theta_s

    @staticmethod
    def _split(x):
        """Return (1 - h(x)) pieces: h is arctanh or arctan over the root of |x^2 - 1|."""
        x = np.maximum(x, 1e-9)
        below = np.where(x < 1, x, 0.5)
        above = np.where(x > 1, x, 2.0)
        h_below = 2 / np.sqrt(1 - below**2) * np.arctanh(np.sqrt((1 - below) / (1 + below)))
        h_above = 2 / np.sqrt(above**2 - 1) * np.arctan(np.sqrt((above - 1) / (1 + above)))
        return x, np.where(x < 1, h_below, h_above)

    def kappa(self, theta):
        x, h = self._split(np.asarray(theta, dtype=float) / self.theta_s)
        square = np.where(np.abs(x - 1) < 1e-6, 1e-6, x**2 - 1)
        value = np.where(np.abs(x - 1) < 1e-6, 1 / 3, (1 - h) / square)
        return 2 * self.kappa_s * value

    def mean_kappa(self, theta):
        x, h = self._split(np.asarray(theta, dtype=float) / self.theta_s)
        return 4 * self.kappa_s * (h + np.log(x / 2)) / x**2

    def gamma_t(self, theta):
        return self.mean_kappa(theta) - self.kappa(theta)


def uniform_sky(center, radius, n, rng):
    """Return n random positions within a spherical cap (radius in degrees)."""
    height = 1 - rng.random(n) * (1 - np.cos(np.radians(radius)))
    return center.directional_offset_by(
        rng.uniform(0, 360, n) * u.deg, np.degrees(np.arccos(height)) * u.deg
    )


def shear_of(sky, lenses):
    """Return complex shear (celestial basis) and kappa of ``[(position, lens), ...]``.

    The shear is tangential to the great circle to the lens: its position angle at the galaxy is
    that of the lens, turned by 90 degrees.
    """
    gamma, kappa = np.zeros(len(sky), dtype=complex), np.zeros(len(sky))
    for position, lens in lenses:
        theta = sky.separation(position).to_value(u.arcmin)
        toward = np.pi / 2 - sky.position_angle(position).rad  # from east through north
        gamma -= lens.gamma_t(theta) * np.exp(2j * toward)
        kappa += lens.kappa(theta)
    return gamma, kappa


def catalog_columns(sky, e, **more):
    """Return the columns of a noise-free catalog in the celestial convention."""
    return {"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": e.real, "e2": e.imag, **more}


def tangent_wcs(center, shape, scale, *, flip=False, angle=0.0, frame="icrs"):
    """Return a tangent-plane WCS centered on a position.

    ``flip`` makes x point to the east; ``angle`` (degrees) turns the image.
    """
    wcs = WCS(naxis=2)
    if frame == "galactic":
        wcs.wcs.ctype = ["GLON-TAN", "GLAT-TAN"]
        wcs.wcs.crval = [center.galactic.l.deg, center.galactic.b.deg]
    else:
        wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        wcs.wcs.radesys = "ICRS"
        wcs.wcs.crval = [center.icrs.ra.deg, center.icrs.dec.deg]
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2]
    wcs.wcs.cdelt = [scale / 60 if flip else -scale / 60, scale / 60]
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.pc = [[c, -s], [s, c]]
    wcs.array_shape = shape
    wcs.wcs.set()
    return wcs


def pixel_sky(wcs):
    """Return the sky positions of the pixel centers, flat, in ICRS."""
    y, x = np.indices(wcs.array_shape)
    return wcs.pixel_to_world(x.ravel(), y.ravel()).icrs


CENTERS = {
    "equator": SkyCoord(40, 0, unit="deg"),
    "dec 45": SkyCoord(210, 45, unit="deg"),
    "dec 75": SkyCoord(300, 75, unit="deg"),
    "next to the pole": SkyCoord(10, -89.5, unit="deg"),
    "across RA 0": SkyCoord(0, 20, unit="deg"),
}

ORIENTATIONS = {
    "north up, east left": {},
    "east right": {"flip": True},
    "turned by 30 deg": {"angle": 30.0},
    "turned by -140 deg, east right": {"angle": -140.0, "flip": True},
    "galactic": {"frame": "galactic"},
}


def reconstructed_data(estimator, columns, wcs):
    """Return a map's array; a module that another process can import, too."""
    from lensmap import ShearCatalog

    return np.asarray(estimator.reconstruct(ShearCatalog(columns, "generic"), wcs).data)
