# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`find_multiscale_peaks`: peaks of the aperture mass, each at the scale that suits it."""

import numpy as np
from astropy import units as u
from astropy.convolution import convolve_fft
from astropy.coordinates import search_around_sky
from astropy.table import QTable, vstack

from lensmap.maps import ConvergenceMap, check_map, each_noise_map
from lensmap.peaks.finder import find_peaks
from lensmap.utils import check_angle, check_number

__all__ = ["aperture_mass", "find_multiscale_peaks"]

# The filter reaches so many of its scales.
_REACH = 5.0


def aperture_mass(kappa, scale):
    r"""Filter a map with a compensated aperture.

    .. math:: M_\mathrm{ap} = \int d^2\theta\, U(\theta) \kappa(\theta), \qquad
              U(\theta) = \frac{1}{2 \pi R^2} \left( 1 - \frac{\theta^2}{2 R^2} \right)
              e^{-\theta^2 / 2 R^2}

    Its total is 0: a mass sheet does not count, at edges and holes either, where the two parts of
    the filter are normalised by what is open of each.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    scale : `~astropy.units.Quantity` or str
        R, an angle.

    Returns
    -------
    `numpy.ndarray`
        ``(ny, nx)``; NaN where masked.

    References
    ----------
    Crittenden et al. 2002, ApJ 568, 20; Jarvis, Bernstein & Jain 2004, MNRAS 352, 338 (the filter).
    """
    check_map(kappa)
    return _filtered(kappa.data, kappa.mask, _pixels(kappa, scale))


def find_multiscale_peaks(
    kappa, scales, threshold=4.0, *, noise_maps=None, min_separation="2 arcmin"
):
    """Find peaks of the aperture mass over several scales.

    At each scale the map is filtered (`aperture_mass`) and compared with noise filtered alike; of
    peaks that are closer than their scale, or than ``min_separation``, the most significant counts.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map, best with little or no smoothing.
    scales : `~astropy.units.Quantity`
        The scales R, angles, ``(n,)``.
    threshold : float
        What the significance of a peak exceeds.
    noise_maps : iterable or None
        Maps of noise alone by the same estimator, as `~lensmap.ConvergenceMap` or arrays
        ``(ny, nx)``: their scatter pixel by pixel is the noise; at least 5. None takes the scatter
        of the B-mode over the whole map.
    min_separation : `~astropy.units.Quantity` or str
        An angle.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each peak, the most significant first: the columns of
        `~lensmap.peaks.find_peaks` but for ``kappa``, ``kappa_err`` and ``smoothing``, and
        ``aperture_mass``, ``aperture_mass_err``, ``scale``.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or there is neither a B-mode nor noise maps.
    """
    check_map(kappa)
    check_number(threshold, "threshold", "a number")
    separation = check_angle(min_separation, "min_separation", allow_zero=True)
    scales = [check_angle(one, "scales") for one in np.atleast_1d(scales)]
    if not scales:
        raise ValueError("scales must be at least one angle")
    noise = _noise(kappa, noise_maps, scales)
    tables = []
    for scale, error in zip(scales, noise, strict=True):
        mass = aperture_mass(kappa, scale)
        filtered = ConvergenceMap(mass, np.broadcast_to(error, mass.shape), kappa.mask, kappa.wcs)
        found = find_peaks(filtered, threshold, min_separation=max(scale, separation))
        found.rename_columns(["kappa", "kappa_err"], ["aperture_mass", "aperture_mass_err"])
        found.remove_column("smoothing")
        found["scale"] = np.full(len(found), scale.to_value(u.arcmin)) * u.arcmin
        found.meta.clear()
        tables.append(found)
    return _most_significant(vstack(tables), kappa, separation)


def _most_significant(table, kappa, separation):
    """Of peaks of all scales keep the most significant within its scale."""
    table = table[np.argsort(-np.asarray(table["snr"]), kind="stable")]
    keep = np.ones(len(table), dtype=bool)
    if len(table) > 1:
        sky = kappa.wcs.pixel_to_world(np.asarray(table["x"]), np.asarray(table["y"]))
        reach = np.maximum(table["scale"], separation)
        one, other, distance, _ = search_around_sky(sky, sky, reach.max())
        near = (one < other) & (distance <= reach[one])
        for i, j in zip(one[near], other[near], strict=True):  # the first index rises
            if keep[i]:
                keep[j] = False
    table = QTable(table[keep])
    table["id"] = np.arange(1, len(table) + 1)
    return table


def _noise(kappa, noise_maps, scales):
    """Return the standard deviation of the filtered noise for each scale."""
    pixels = [_pixels(kappa, scale) for scale in scales]
    if noise_maps is None:
        if kappa.kappa_b is None:
            raise ValueError("noise_maps must be given for a map without a B-mode")
        closed = kappa.mask | ~np.isfinite(kappa.kappa_b)
        if closed.all():
            return [np.nan for _ in scales]
        return [float(np.nanstd(_filtered(kappa.kappa_b, closed, one))) for one in pixels]
    squares, n = [np.zeros(kappa.shape) for _ in scales], 0
    for data in each_noise_map(noise_maps, kappa, minimum=5):
        for total, one in zip(squares, pixels, strict=True):
            total += np.nan_to_num(_filtered(data, kappa.mask, one)) ** 2
        n += 1
    return [np.sqrt(total / n) for total in squares]


def _pixels(kappa, scale):
    return float(check_angle(scale, "scale") / kappa.pixel_scale)


def _filtered(values, mask, scale):
    """Return the difference of the two parts of the filter, each normalised by what is open."""
    if mask.all():
        return np.full(values.shape, np.nan)
    reach = max(2, int(np.ceil(_REACH * scale)))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    half = (x**2 + y**2) / (2 * scale**2)
    inner = np.exp(-half)
    # NaN around the map, so that what lies outside is not taken for 0.
    filled = np.pad(np.where(mask, np.nan, values), reach, constant_values=np.nan)
    parts = [
        convolve_fft(filled, kernel, nan_treatment="interpolate", normalize_kernel=True,
                     boundary="fill", fill_value=0.0, allow_huge=True)
        for kernel in (inner, half * inner)
    ]
    result = (parts[0] - parts[1])[reach:-reach, reach:-reach]
    return np.where(mask, np.nan, result)
