# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Lenses with analytic shear, and source galaxies behind them, on the sphere.

This module does not use the rest of lensmap, so that tests compare independent calculations.
Angles on the sky come from `astropy.coordinates`.
"""

from collections.abc import Sequence

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

__all__ = [
    "CENTERS",
    "NFW",
    "ORIENTATIONS",
    "SIS",
    "catalog_columns",
    "lattice",
    "pixel_sky",
    "shear_of",
    "tangent_wcs",
    "uniform_sky",
]


class SIS:
    """A singular isothermal sphere as a lens, with kappa = gamma_t = theta_E / (2 theta).

    Parameters
    ----------
    theta_e : float
        The Einstein radius in arcmin.
    """

    def __init__(self, theta_e: float = 0.5) -> None:
        self.theta_e = theta_e

    def kappa(self, theta):
        """Return the convergence at angular distances ``theta`` (arcmin) from the center."""
        return self.theta_e / (2 * np.maximum(theta, 1e-6))

    gamma_t = kappa


class NFW:
    """An NFW halo as a lens, from Wright & Brainerd 2000, ApJ 534, 34, eq. 11-14.

    Parameters
    ----------
    kappa_s : float
        The characteristic convergence, ``rho_s r_s / sigma_crit``.
    theta_s : float
        The scale radius in arcmin.
    """

    def __init__(self, kappa_s: float = 0.25, theta_s: float = 1.5) -> None:
        self.kappa_s, self.theta_s = kappa_s, theta_s

    @staticmethod
    def _split(x):
        """Return the larger of x and 1e-9, and the function h(x) of the NFW lensing formulas.

        With x the radius in units of the scale radius, h is arccosh(1/x) / sqrt(1 - x^2) for
        x < 1, and arccos(1/x) / sqrt(x^2 - 1) for x > 1.
        """
        x = np.maximum(x, 1e-9)
        below = np.where(x < 1, x, 0.5)
        above = np.where(x > 1, x, 2.0)
        h_below = 2 / np.sqrt(1 - below**2) * np.arctanh(np.sqrt((1 - below) / (1 + below)))
        h_above = 2 / np.sqrt(above**2 - 1) * np.arctan(np.sqrt((above - 1) / (1 + above)))
        return x, np.where(x < 1, h_below, h_above)

    def kappa(self, theta):
        """Return the convergence at angular distances ``theta`` (arcmin) from the center."""
        x, h = self._split(np.asarray(theta, dtype=float) / self.theta_s)
        square = np.where(np.abs(x - 1) < 1e-6, 1e-6, x**2 - 1)
        value = np.where(np.abs(x - 1) < 1e-6, 1 / 3, (1 - h) / square)
        return 2 * self.kappa_s * value

    def mean_kappa(self, theta):
        """Return the mean convergence within circles of radius ``theta`` (arcmin)."""
        x, h = self._split(np.asarray(theta, dtype=float) / self.theta_s)
        return 4 * self.kappa_s * (h + np.log(x / 2)) / x**2

    def gamma_t(self, theta):
        """Return the tangential shear at angular distances ``theta`` (arcmin) from the center."""
        return self.mean_kappa(theta) - self.kappa(theta)


def uniform_sky(center: SkyCoord, radius: float, n: int, rng: np.random.Generator) -> SkyCoord:
    """Return random positions within a spherical cap.

    Parameters
    ----------
    center : `~astropy.coordinates.SkyCoord`
        The center of the cap.
    radius : float
        The radius of the cap in degrees.
    n : int
        The number of positions.
    rng : `numpy.random.Generator`
        Generator for the positions.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        The positions, ``(n,)``.
    """
    height = 1 - rng.random(n) * (1 - np.cos(np.radians(radius)))
    return center.directional_offset_by(
        rng.uniform(0, 360, n) * u.deg, np.degrees(np.arccos(height)) * u.deg
    )


def lattice(wcs: WCS, n: int) -> SkyCoord:
    """Return sky positions on a regular grid of n x n points in each pixel of a map.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        The WCS of the map.
    n : int
        The number of positions along the side of a pixel.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        The positions in ICRS, a one-dimensional array.
    """
    y, x = ((np.arange(side * n) + 0.5) / n - 0.5 for side in wcs.array_shape)
    x, y = np.meshgrid(x, y)
    return wcs.pixel_to_world(x.ravel(), y.ravel()).icrs


def pixel_sky(wcs: WCS) -> SkyCoord:
    """Return the sky positions of the centers of the pixels of a map.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        The WCS of the map.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        The positions in ICRS, a one-dimensional array.
    """
    y, x = np.indices(wcs.array_shape)
    return wcs.pixel_to_world(x.ravel(), y.ravel()).icrs


def shear_of(
    sky: SkyCoord, lenses: Sequence[tuple[SkyCoord, "NFW | SIS"]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the shear and the convergence of lenses at the positions of galaxies.

    The shear is tangential: at the galaxy, its direction is perpendicular to the great circle
    toward the lens. The shears and the convergences of several lenses are added.

    Parameters
    ----------
    sky : `~astropy.coordinates.SkyCoord`
        The positions of the galaxies.
    lenses : sequence of tuple
        A pair (position of the center, lens) for each lens.

    Returns
    -------
    gamma : `numpy.ndarray`
        The complex shear in the celestial basis, ``(n,)``.
    kappa : `numpy.ndarray`
        The convergence, ``(n,)``.
    """
    gamma, kappa = np.zeros(len(sky), dtype=complex), np.zeros(len(sky))
    for position, lens in lenses:
        theta = sky.separation(position).to_value(u.arcmin)
        toward = np.pi / 2 - sky.position_angle(position).rad  # from east through north
        gamma -= lens.gamma_t(theta) * np.exp(2j * toward)
        kappa += lens.kappa(theta)
    return gamma, kappa


def catalog_columns(sky: SkyCoord, e: np.ndarray, **more: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns of a shear catalog with ellipticities in the celestial basis.

    Parameters
    ----------
    sky : `~astropy.coordinates.SkyCoord`
        The positions of the galaxies.
    e : `numpy.ndarray`
        Complex ellipticities in the celestial basis.
    **more : `numpy.ndarray`
        Further columns, arrays ``(n,)`` keyed by name.

    Returns
    -------
    dict
        The columns, arrays keyed by name.
    """
    return {"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": e.real, "e2": e.imag, **more}


def tangent_wcs(
    center: SkyCoord, shape: tuple[int, int], scale: float, *, flip: bool = False,
    angle: float = 0.0, frame: str = "icrs",
) -> WCS:
    """Return a tangent-plane WCS centered on a position.

    Parameters
    ----------
    center : `~astropy.coordinates.SkyCoord`
        The center of the map.
    shape : tuple of int
        The shape of the map, ``(ny, nx)``.
    scale : float
        The side of a pixel in arcmin.
    flip : bool
        Whether the x axis points to the east instead of the west.
    angle : float
        The rotation of the image in degrees.
    frame : {"icrs", "galactic"}
        The celestial frame of the axes.

    Returns
    -------
    `~astropy.wcs.WCS`
        The WCS, with its ``array_shape``.
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


#: Positions on the sky, some of which reveal errors in coordinates.
CENTERS = {
    "equator": SkyCoord(40, 0, unit="deg"),
    "dec 45": SkyCoord(210, 45, unit="deg"),
    "dec 75": SkyCoord(300, 75, unit="deg"),
    "next to the pole": SkyCoord(10, -89.5, unit="deg"),
    "across RA 0": SkyCoord(0, 20, unit="deg"),
}

#: Orientations of a map, as parameters of `tangent_wcs`.
ORIENTATIONS: dict[str, dict] = {
    "north up, east left": {},
    "east right": {"flip": True},
    "rotated by 30 deg": {"angle": 30.0},
    "rotated by -140 deg, east right": {"angle": -140.0, "flip": True},
    "galactic": {"frame": "galactic"},
}
