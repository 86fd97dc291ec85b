# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A ridge filter for maps, and the convergence excess by direction around a cluster."""

from collections.abc import Iterable

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from astropy.units import Quantity

from lensmap.maps import ConvergenceMap, check_map, each_noise_map
from lensmap.profiles import Sectors
from lensmap.typing import CosmologyLike, MapLike
from lensmap.utils import check_angle, check_number, rounding_level, set_formats

__all__ = ["azimuthal_excess", "ridge_strength"]


def ridge_strength(kappa: ConvergenceMap, smoothings: Quantity) -> np.ndarray:
    """Compute the response of a map to a multiscale ridge filter.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    smoothings : `~astropy.units.Quantity`
        The scales of the filter: the standard deviations of the Gaussians that smooth the map
        before its curvature is measured, angles, ``(n,)``. The result is the largest response over
        all scales.

    Returns
    -------
    `numpy.ndarray`
        The response, 0 or positive, in units of kappa, ``(ny, nx)``. It is NaN in masked pixels and
        unreliable next to them, where masked pixels count with the mean of the map.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or all pixels are masked.

    References
    ----------
    Sato et al. 1998, Medical Image Analysis 2, 143.
    """
    check_map(kappa, unmasked=True, pixels="square")
    from skimage.filters import sato

    scales = [check_angle(scale, "smoothings") for scale in np.atleast_1d(smoothings)]
    sigmas = [float(scale / kappa.pixel_scale) for scale in scales]
    values = np.where(kappa.mask, np.mean(kappa.data[~kappa.mask]), kappa.data)
    # scikit-image multiplies the curvature by the square of the scale, which gives units of kappa.
    response = sato(values, sigmas=sigmas, black_ridges=False, mode="reflect")
    return np.where(kappa.mask, np.nan, response)


def azimuthal_excess(
    kappa: ConvergenceMap,
    position: SkyCoord,
    radii: Quantity,
    noise_maps: Iterable[MapLike],
    *,
    n_bins: int = 72,
    width: float = 4.0,
    threshold: float = 3.0,
    z_lens: float | None = None,
    cosmology: CosmologyLike = None,
) -> QTable:
    """Measure the convergence excess as a function of direction from a position.

    The excess in a direction is the mean convergence in a sector of a ring, minus the mean over all
    sectors. Noise-only maps provide the errors.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    position : `~astropy.coordinates.SkyCoord`
        The center of the ring, such as a cluster.
    radii : `~astropy.units.Quantity`
        ``(inner, outer)`` radius of the ring, angles or proper lengths at the lens.
    noise_maps : iterable
        At least two noise-only maps from the same estimator, as `~lensmap.ConvergenceMap` or arrays
        ``(ny, nx)``.
    n_bins : int
        The number of sectors, evenly spaced in position angle.
    width : float
        The width of a sector in units of the spacing of the sectors. Above 1, sectors overlap.
    threshold : float
        The minimum signal-to-noise ratio of a peak of the excess.
    z_lens : float or None
        The redshift of the lens; required if ``radii`` are lengths.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology, used if ``radii`` are lengths. None is ``"massivenus"``.

    Returns
    -------
    `~astropy.table.QTable`
        The table as returned by `lensmap.profiles.azimuthal_profile`, but with ``excess_err`` from
        the scatter of the noise maps, and with two more columns: ``snr``, and ``is_peak``, which is
        True for a direction above the threshold if no direction within half a sector width has a
        higher ``snr``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or there are fewer than two noise maps.

    References
    ----------
    Cha et al. 2025, fig. 11.
    """
    check_number(threshold, "threshold", "finite")
    sectors = Sectors(kappa, position, radii, n_bins, width, z_lens, cosmology)
    table = sectors.profile(kappa)
    noise = np.array([sectors.mean(data) for data in each_noise_map(noise_maps, kappa)])
    noise -= np.nanmean(noise, axis=1, keepdims=True)
    table["excess_err"] = np.std(noise, axis=0, ddof=1)
    error = np.where(table["excess_err"] > rounding_level(kappa.data), table["excess_err"], np.nan)
    table["snr"] = table["excess"] / error
    set_formats(table, {"excess_err": ".4f", "snr": ".2f"})
    snr = np.nan_to_num(np.asarray(table["snr"]), nan=-np.inf)
    reach = max(1, int(round(width / 2)))
    neighbors = np.max([np.roll(snr, k) for k in range(-reach, reach + 1) if k], axis=0)
    table["is_peak"] = (snr > threshold) & (snr >= neighbors)
    return table
