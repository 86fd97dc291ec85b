# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Profiles of a map about a position: by radius, and by direction."""

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.maps import check_map
from lensmap.profiles._pixels import pixels_around, places_around
from lensmap.profiles._radii import as_angles, brief, check_edges, check_lens_redshifts, check_pair
from lensmap.utils import as_skycoord, check_count, check_number, set_formats

__all__ = [
    "Sectors",
    "azimuthal_profile",
    "independent_pixels",
    "kappa_profile",
]


def kappa_profile(kappa, positions, bins, *, z_lens=None, cosmology=None):
    """Average a map in rings about a position, or about many.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map. Masked pixels do not count.
    positions : `~astropy.coordinates.SkyCoord` or `~astropy.table.Table`
        One position or many; tables have the columns ``ra`` and ``dec``.
    bins : `~astropy.units.Quantity`
        The edges of the rings, rising: angles, or proper lengths at the lens. A pixel is in the
        ring that its center is in.
    z_lens : float, array_like or None
        The redshift of the lens, or of each; needed for lengths.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each ring, with the columns ``radius_low``, ``radius_high``, ``radius`` (the
        mean of the pixels), ``n_pixels``, ``kappa`` and ``kappa_err``. Rings without pixels are
        NaN. The error is that of the mean over positions, from their scatter; of one position, that
        of the noise, from the uncertainty of the map and the smoothing that it says, and NaN if it
        has not both. ``meta["n_positions"]`` says how many there were.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or no pixel is in any ring.
    """
    check_map(kappa)
    positions = as_skycoord(positions)
    bins = check_edges(bins)
    n, n_bins = len(positions), len(bins) - 1
    if n == 0:
        raise ValueError("positions must be at least one")
    angles = as_angles(bins, check_lens_redshifts(z_lens, n), n, cosmology)
    sums = np.zeros((n, 3, n_bins))
    around = pixels_around(kappa, positions, angles[:, -1])
    for i, (theta, values, errors) in enumerate(around):
        column = np.searchsorted(angles[i], theta, side="right") - 1
        good = (column >= 0) & (column < n_bins)
        radius = theta / angles[i, -1]
        for k, value in enumerate((np.ones(len(theta)), values, radius)):
            sums[i, k] = np.bincount(column[good], value[good], minlength=n_bins)
    count, total, radius = sums.sum(axis=0)
    if not count.any():
        raise ValueError(
            "no pixel of the map that is not masked is in any of the rings: positions must lie on "
            f"the map or near it, not at {brief(positions)}"
        )
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
        error = _scatter(sums[:, 0], sums[:, 1])
        if n == 1:
            variance = np.bincount(column[good], errors[good] ** 2, minlength=n_bins) / count
            error = np.sqrt(variance / independent_pixels(kappa, count))
        table = QTable({
            "radius_low": bins[:-1],
            "radius_high": bins[1:],
            "radius": radius / count * bins[-1],
            "n_pixels": count.astype(int),
            "kappa": mean,
            "kappa_err": error,
        })
    table.meta["n_positions"] = n
    return set_formats(table, {"kappa kappa_err": ".4f"}, others=".4g")


def azimuthal_profile(kappa, position, radii, *, n_bins=36, z_lens=None, cosmology=None, width=1.0):
    r"""Average a map along rays from a position: where filaments meet a cluster.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    position : `~astropy.coordinates.SkyCoord`
        The center.
    radii : `~astropy.units.Quantity`
        ``(inner, outer)``: angles, or proper lengths at the lens. Only pixels between count.
    n_bins : int
        The number of directions, evenly spaced.
    z_lens : float or None
        The redshift of the lens; needed for lengths.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.
    width : float
        The width of each sector in units of their spacing; above 1 they overlap.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each direction, with the columns ``angle`` (the position angle, from north
        through east, degrees), ``kappa``, ``excess`` (kappa less the mean of all sectors),
        ``excess_err`` and ``n_pixels``. The error is that of the noise, from the uncertainty of the
        map and the smoothing that it says, and NaN if it has not both, as maps of networks and of
        the Wiener filter. Noise maps do better: `lensmap.filaments.azimuthal_excess`.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or no pixel is between the radii.

    References
    ----------
    Cha et al. 2025, fig. 11.
    """
    return Sectors(kappa, position, radii, n_bins, width, z_lens, cosmology).profile(kappa)


class Sectors:
    """The pixels of each direction about a position, to average many maps of the same pixels.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        One of the maps; its mask is that of all.
    position, radii, n_bins, width, z_lens, cosmology : object
        As for `azimuthal_profile`.

    Attributes
    ----------
    directions : `numpy.ndarray`
        Position angles of the middle of each, radians, ``(n_bins,)``.
    n_pixels : `numpy.ndarray`
        ``(n_bins,)``.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or no pixel is between the radii.
    """

    def __init__(self, kappa, position, radii, n_bins, width, z_lens, cosmology):
        check_map(kappa)
        position = as_skycoord(position, "position", scalar=True)
        radii = check_pair(radii)
        check_count(n_bins, "n_bins", minimum=3)
        check_number(width, "width", "positive", low=1e-3, high=n_bins)
        angles = as_angles(radii, check_lens_redshifts(z_lens, 1), 1, cosmology)[0]
        y, x, theta, direction = places_around(kappa, position, angles[1])
        ring = theta >= angles[0]
        if not ring.any():
            raise ValueError(
                "no pixel of the map that is not masked is between the radii: position must lie on "
                f"the map or near it, not at {brief(position)}"
            )
        self._pixels = y[ring], x[ring]
        spacing = 2 * np.pi / n_bins
        self.directions = spacing * np.arange(n_bins)
        away = (direction[ring, np.newaxis] - self.directions + np.pi) % (2 * np.pi) - np.pi
        self._inside = (np.abs(away) <= 0.5 * width * spacing).astype(float)
        self.n_pixels = self._inside.sum(axis=0).astype(int)

    def mean(self, data):
        """Return the mean of each sector, ``(n_bins,)``; NaN where it has no pixel.

        Parameters
        ----------
        data : `numpy.ndarray`
            ``(ny, nx)``.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            return data[self._pixels].astype(float) @ self._inside / self.n_pixels

    def profile(self, kappa):
        """Return the profile of one of the maps, as `azimuthal_profile` does.

        Parameters
        ----------
        kappa : `~lensmap.ConvergenceMap`
            The map.
        """
        mean, error = self.mean(kappa.data), np.full(len(self.directions), np.nan)
        if kappa.uncertainty is not None:
            with np.errstate(invalid="ignore", divide="ignore"):
                variance = self.mean(np.square(kappa.uncertainty.array))
                error = np.sqrt(variance / independent_pixels(kappa, self.n_pixels))
        table = QTable({
            "angle": np.degrees(self.directions) * u.deg,
            "kappa": mean,
            "excess": mean - np.nanmean(mean),
            "excess_err": error,
            "n_pixels": self.n_pixels,
        })
        return set_formats(table, {"angle": ".1f"}, others=".4f")


def _scatter(counts, totals):
    """Return the error of the mean over positions, weighted with their pixels."""
    n = np.count_nonzero(counts, axis=0)
    mean = totals.sum(axis=0) / counts.sum(axis=0)
    residual = totals - counts * mean
    return np.where(n > 1, np.sqrt(np.sum(residual**2, axis=0) * n / np.maximum(n - 1, 1))
                    / counts.sum(axis=0), np.nan)


def independent_pixels(kappa, n):
    r"""Return as how many pixels of independent noise some neighbors count.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map. White noise after a Gaussian smoothing has the correlation
        :math:`e^{-r^2 / 4 s^2}`, whose mean over a patch of the area A is about
        :math:`1 / (1 + A / 4 \pi s^2)`.
    n : int or `numpy.ndarray`
        The pixels of a patch.

    Returns
    -------
    float or `numpy.ndarray`
        At least 1. NaN if the map does not say how it was smoothed: nobody knows.
    """
    if kappa.smoothing is None:
        return np.nan * np.asarray(n, dtype=float)
    patch = np.maximum(4 * np.pi * kappa.smoothing_pixels**2, 1e-9)
    return np.maximum(np.minimum(n, 1 + n / patch), 1)
