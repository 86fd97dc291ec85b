# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Radial and azimuthal profiles of a convergence map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.maps import check_map
from lensmap.profiles._pixels import pixels_around, places_around
from lensmap.profiles._radii import (
    as_angles,
    check_edges,
    check_lens_redshifts,
    check_pair,
    describe_positions,
)
from lensmap.utils import ParameterError, as_skycoord, check_count, check_number, set_formats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lensmap.maps import ConvergenceMap
    from lensmap.typing import CosmologyLike, PositionLike

__all__ = [
    "Sectors",
    "azimuthal_profile",
    "independent_pixels",
    "kappa_profile",
]


def kappa_profile(
    kappa: ConvergenceMap,
    positions: PositionLike,
    bins: u.Quantity,
    *,
    z_lens: ArrayLike | None = None,
    cosmology: CosmologyLike = None,
) -> QTable:
    """Measure the mean convergence in rings around one or more positions.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map. Masked pixels are left out.
    positions : `~astropy.coordinates.SkyCoord` or `~astropy.table.Table`
        One position or many; tables have the columns ``ra`` and ``dec``.
    bins : `~astropy.units.Quantity`
        Edges of the rings in increasing order, ``(n_bins + 1,)``: angles, or proper lengths at the
        lens. A pixel belongs to the ring that contains its center.
    z_lens : float, array_like or None
        The redshift of the lens, or of each lens; required if ``bins`` are lengths.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology, or its name as for `lensmap.cosmology.get_cosmology`. None is the default
        cosmology of lensmap.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each ring, with the columns ``radius_low``, ``radius_high``, ``radius`` (the
        mean radius of the pixels), ``n_pixels``, ``kappa`` and ``kappa_err``. Values of rings
        without pixels are NaN. For several positions, the error is the standard error of the mean,
        from the scatter between positions. For one position, the error is the noise of the mean,
        computed from the uncertainty and the smoothing of the map; it is NaN if the map lacks
        either. ``meta["n_positions"]`` is the number of positions.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or no unmasked pixel is in any ring.
    """
    check_map(kappa, quantity="kappa")
    positions = as_skycoord(positions)
    bins = check_edges(bins)
    n, n_bins = len(positions), len(bins) - 1
    if n == 0:
        raise ParameterError("positions", "at least one position", "empty")
    angles = as_angles(bins, check_lens_redshifts(z_lens, n), n, cosmology)
    sums = np.zeros((n, 3, n_bins))
    for i, (theta, values, errors) in enumerate(pixels_around(kappa, positions, angles[:, -1])):
        ring = np.searchsorted(angles[i], theta, side="right") - 1
        in_bins = (ring >= 0) & (ring < n_bins)
        radius = theta / angles[i, -1]
        for k, value in enumerate((np.ones(len(theta)), values, radius)):
            sums[i, k] = np.bincount(ring[in_bins], value[in_bins], minlength=n_bins)
    count, total, radius = sums.sum(axis=0)
    if not count.any():
        raise ParameterError(
            "positions", "on the map or near it", f"at {describe_positions(positions)}",
            "no unmasked pixel is in any ring around them", verb="lie",
        )
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
        error = _error_of_mean(sums[:, 0], sums[:, 1])
        if n == 1:
            variance = np.bincount(ring[in_bins], errors[in_bins] ** 2, minlength=n_bins) / count
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


def azimuthal_profile(
    kappa: ConvergenceMap,
    position: PositionLike,
    radii: u.Quantity,
    *,
    n_bins: int = 36,
    z_lens: float | None = None,
    cosmology: CosmologyLike = None,
    width: float = 1.0,
) -> QTable:
    r"""Measure the mean convergence in sectors of a ring around a position.

    Filaments connected to a cluster appear as maxima of the profile.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map. Masked pixels are left out.
    position : `~astropy.coordinates.SkyCoord`
        The center of the ring.
    radii : `~astropy.units.Quantity`
        ``(inner, outer)`` radius of the ring: angles, or proper lengths at the lens.
    n_bins : int
        The number of sectors, evenly spaced in position angle.
    z_lens : float or None
        The redshift of the lens; required if ``radii`` are lengths.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology, or its name as for `lensmap.cosmology.get_cosmology`. None is the default
        cosmology of lensmap.
    width : float
        The width of a sector in units of the spacing of the sectors. Above 1, sectors overlap.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each sector, with the columns ``angle`` (the position angle of the middle, from
        north through east, degrees), ``kappa``, ``excess`` (kappa minus the mean over all sectors),
        ``excess_err`` and ``n_pixels``. The error is the noise, computed from the uncertainty and
        the smoothing of the map. It is NaN if the map lacks either, as maps from networks and from
        the Wiener filter do; for those, `lensmap.filaments.azimuthal_excess` measures the errors
        in noise maps.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or no unmasked pixel is between the radii.

    References
    ----------
    Cha et al. 2025, fig. 11.
    """
    return Sectors(kappa, position, radii, n_bins, width, z_lens, cosmology).profile(kappa)


class Sectors:
    """The pixels in each sector of a ring, for azimuthal profiles of several maps on one grid.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        One of the maps. Its mask is used for all maps.
    position : `~astropy.coordinates.SkyCoord`
        The center of the ring.
    radii : `~astropy.units.Quantity`
        ``(inner, outer)`` radius of the ring: angles, or proper lengths at the lens.
    n_bins : int
        The number of sectors, evenly spaced in position angle.
    width : float
        The width of a sector in units of the spacing of the sectors.
    z_lens : float or None
        The redshift of the lens; required if ``radii`` are lengths.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology, or its name as for `lensmap.cosmology.get_cosmology`. None is the default
        cosmology of lensmap.

    Attributes
    ----------
    directions : `numpy.ndarray`
        Position angle of the middle of each sector, radians, ``(n_bins,)``.
    n_pixels : `numpy.ndarray`
        The number of unmasked pixels in each sector, ``(n_bins,)``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or no unmasked pixel is between the radii.
    """

    def __init__(
        self,
        kappa: ConvergenceMap,
        position: PositionLike,
        radii: u.Quantity,
        n_bins: int,
        width: float,
        z_lens: float | None,
        cosmology: CosmologyLike,
    ) -> None:
        check_map(kappa, quantity="kappa")
        center = as_skycoord(position, "position", scalar=True)
        radii = check_pair(radii)
        check_count(n_bins, "n_bins", minimum=3)
        check_number(width, "width", "positive", low=1e-3, high=n_bins)
        angles = as_angles(radii, check_lens_redshifts(z_lens, 1), 1, cosmology)[0]
        y, x, theta, direction = places_around(kappa, center, angles[1])
        in_ring = theta >= angles[0]
        if not in_ring.any():
            raise ParameterError(
                "position", "on the map or near it", f"at {describe_positions(center)}",
                "no unmasked pixel is between the inner and the outer radius", verb="lie",
            )
        self._pixels = y[in_ring], x[in_ring]
        spacing = 2 * np.pi / n_bins
        self.directions = spacing * np.arange(n_bins)
        offset = (direction[in_ring, np.newaxis] - self.directions + np.pi) % (2 * np.pi) - np.pi
        self._in_sector = (np.abs(offset) <= 0.5 * width * spacing).astype(float)
        self.n_pixels = self._in_sector.sum(axis=0).astype(int)

    def mean(self, data: np.ndarray) -> np.ndarray:
        """Return the mean of an image in each sector.

        Parameters
        ----------
        data : `numpy.ndarray`
            The image, ``(ny, nx)``.

        Returns
        -------
        `numpy.ndarray`
            The means, ``(n_bins,)``; NaN for sectors without pixels.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            return data[self._pixels].astype(float) @ self._in_sector / self.n_pixels

    def profile(self, kappa: ConvergenceMap) -> QTable:
        """Return the azimuthal profile of one of the maps.

        Parameters
        ----------
        kappa : `~lensmap.ConvergenceMap`
            The map.

        Returns
        -------
        `~astropy.table.QTable`
            One row for each sector, with the columns that `azimuthal_profile` returns.
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


def _error_of_mean(counts: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Return the standard error of the mean convergence in each ring, from several positions.

    ``counts`` and ``totals`` are the number of pixels in each ring around each position, and the
    sum of their convergence, ``(n_positions, n_bins)``. The mean over positions is weighted by the
    number of pixels. The result, ``(n_bins,)``, is NaN for rings with pixels around one position or
    none.
    """
    n = np.count_nonzero(counts, axis=0)
    mean = totals.sum(axis=0) / counts.sum(axis=0)
    residual = totals - counts * mean
    return np.where(n > 1, np.sqrt(np.sum(residual**2, axis=0) * n / np.maximum(n - 1, 1))
                    / counts.sum(axis=0), np.nan)


def independent_pixels(kappa: ConvergenceMap, n: int | np.ndarray) -> float | np.ndarray:
    r"""Return the effective number of pixels with independent noise in a patch of the map.

    White noise smoothed with a Gaussian of standard deviation s has the correlation
    :math:`e^{-r^2 / 4 s^2}` at the separation r. The mean of this correlation over all pairs of
    points in a patch of area A is about :math:`1 / (1 + A / 4 \pi s^2)`.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    n : int or `numpy.ndarray`
        The number of pixels in the patch.

    Returns
    -------
    float or `numpy.ndarray`
        The effective number, at least 1; NaN if the smoothing of the map is not known.
    """
    if kappa.smoothing is None:
        return np.nan * np.asarray(n, dtype=float)
    patch = np.maximum(4 * np.pi * kappa.smoothing_pixels**2, 1e-9)
    return np.maximum(np.minimum(n, 1 + n / patch), 1)
