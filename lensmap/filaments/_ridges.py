# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Second opinions on filaments: a ridge filter, and the excess by direction about a cluster."""

import numpy as np

from lensmap.maps import check_map, each_noise_map
from lensmap.profiles import Sectors
from lensmap.utils import check_angle, check_number, set_formats

__all__ = ["azimuthal_excess", "ridge_strength"]


def ridge_strength(kappa, smoothings):
    """Measure how much each place of a map looks like a ridge.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    smoothings : `~astropy.units.Quantity`
        The standard deviations of the Gaussians with which curvatures are measured, angles; the
        largest answer counts.

    Returns
    -------
    `numpy.ndarray`
        ``(ny, nx)``, 0 or more, in units of kappa; NaN where masked, and low next to it.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used.

    References
    ----------
    Sato et al. 1998, Medical Image Analysis 2, 143.
    """
    check_map(kappa)
    from skimage.filters import sato

    smoothings = [check_angle(one, "smoothings") for one in np.atleast_1d(smoothings)]
    sigmas = [float(one / kappa.pixel_scale) for one in smoothings]
    if kappa.mask.all():
        raise ValueError("the map has no pixel that is not masked")
    values = np.where(kappa.mask, np.mean(kappa.data[~kappa.mask]), kappa.data)
    # scikit-image weighs curvatures with the square of the scale already.
    found = sato(values, sigmas=sigmas, black_ridges=False, mode="reflect")
    return np.where(kappa.mask, np.nan, found)


def azimuthal_excess(kappa, position, radii, noise_maps, *, n_bins=72, width=4.0, threshold=3.0,
                     z_lens=None, cosmology=None):
    """Test in which directions about a position a map has more than on average.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    position : `~astropy.coordinates.SkyCoord`
        The center, such as that of a cluster.
    radii : `~astropy.units.Quantity`
        ``(inner, outer)``, angles or lengths.
    noise_maps : iterable
        Maps of noise alone by the same estimator, as `~lensmap.ConvergenceMap` or arrays; at least
        two.
    n_bins, width : object
        As for `lensmap.profiles.azimuthal_profile`.
    threshold : float
        How significant the excess of a direction must be to be called one.
    z_lens, cosmology : object
        As for `lensmap.profiles.azimuthal_profile`.

    Returns
    -------
    `~astropy.table.QTable`
        As of `lensmap.profiles.azimuthal_profile`, with ``excess_err`` from the noise maps,
        ``snr``, and ``is_peak``: the directions above the threshold that are the highest within a
        sector.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or there are fewer than two noise maps.

    References
    ----------
    Cha et al. 2025, fig. 11.
    """
    check_number(threshold, "threshold", "finite")
    sectors = Sectors(kappa, position, radii, n_bins, width, z_lens, cosmology)
    table = sectors.profile(kappa)
    draws = np.array([sectors.mean(data) for data in each_noise_map(noise_maps, kappa)])
    draws -= np.nanmean(draws, axis=1, keepdims=True)
    table["excess_err"] = np.std(draws, axis=0, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        table["snr"] = table["excess"] / table["excess_err"]
    set_formats(table, {"excess_err": ".4f", "snr": ".2f"})
    snr = np.nan_to_num(np.asarray(table["snr"]), nan=-np.inf)
    reach = max(1, int(round(width / 2)))
    around = np.max([np.roll(snr, k) for k in range(-reach, reach + 1) if k], axis=0)
    table["is_peak"] = (snr > threshold) & (snr >= around)
    return table
