# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`find_multiscale_peaks`: peaks of the aperture mass, each at the scale that suits it."""

import numpy as np
import scipy.fft
from astropy import units as u
from astropy.coordinates import search_around_sky
from astropy.table import QTable, vstack

from lensmap.maps import ConvergenceMap, check_map, each_noise_map
from lensmap.peaks._finder import find_peaks
from lensmap.utils import check_angle, check_number, n_threads, set_formats

__all__ = ["aperture_mass", "find_multiscale_peaks"]

# The filter reaches so many of its scales.
_REACH = 5.0

# A filter of a smaller scale, in pixels, would fall between them.
_SMALLEST = 0.5


def aperture_mass(kappa, scale):
    r"""Filter a map with a compensated aperture.

    .. math:: M_\mathrm{ap} = \int d^2\theta\, U(\theta) \kappa(\theta), \qquad
              U(\theta) = \frac{1}{2 \pi R^2} \left( 1 - \frac{\theta^2}{2 R^2} \right)
              e^{-\theta^2 / 2 R^2}

    Its total is 0: a mass sheet does not count, at edges and holes either, where the two parts of
    the filter are normalized by what is open of each.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    scale : `~astropy.units.Quantity` or str
        R, an angle of at least half a pixel.

    Returns
    -------
    `numpy.ndarray`
        ``(ny, nx)``; NaN where masked.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used.

    References
    ----------
    Crittenden et al. 2002, ApJ 568, 20; Jarvis, Bernstein & Jain 2004, MNRAS 352, 338 (the filter).
    """
    check_map(kappa, quantity="kappa")
    scale = _pixels(kappa, check_angle(scale, "scale"), "scale")
    return np.where(kappa.mask, np.nan, _Aperture(kappa.mask, scale)(kappa.data))


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
        The scales R, angles of at least half a pixel, ``(n,)``.
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
    check_map(kappa, quantity="kappa")
    check_number(threshold, "threshold", "finite")
    separation = check_angle(min_separation, "min_separation", allow_zero=True)
    scales = [check_angle(one, "scales") for one in np.atleast_1d(scales)]
    if not scales:
        raise ValueError("scales must be at least one angle")
    apertures = _Apertures([_pixels(kappa, scale, "scales") for scale in scales])
    masses = apertures.filtered(kappa.data, kappa.mask)
    noise = _noise(kappa, noise_maps, apertures)
    tables = []
    for scale, mass, error in zip(scales, masses, noise, strict=True):
        filtered = ConvergenceMap(mass, np.broadcast_to(error, mass.shape), kappa.mask, kappa.wcs)
        found = find_peaks(filtered, threshold, min_separation=max(scale, separation))
        found.rename_columns(["kappa", "kappa_err"], ["aperture_mass", "aperture_mass_err"])
        found.remove_column("smoothing")
        found["scale"] = np.full(len(found), scale.to_value(u.arcmin)) * u.arcmin
        found.meta.clear()
        tables.append(found)
    found = _most_significant(vstack(tables), kappa, separation)
    return set_formats(found, {"aperture_mass aperture_mass_err": ".4g", "scale": ".3g"})


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


def _noise(kappa, noise_maps, apertures):
    """Return the standard deviation of the filtered noise for each scale."""
    if noise_maps is None:
        if kappa.kappa_b is None:
            raise ValueError("noise_maps must be given for a map without a B-mode")
        closed = kappa.mask | ~np.isfinite(kappa.kappa_b)
        if closed.all():
            return [np.nan for _ in apertures.scales]
        return [float(one[~closed].std()) for one in apertures.filtered(kappa.kappa_b, closed)]
    squares, n = [np.zeros(kappa.shape) for _ in apertures.scales], 0
    for data in each_noise_map(noise_maps, kappa, minimum=5):
        filtered = apertures.filtered(data, kappa.mask | ~np.isfinite(data))
        for total, one in zip(squares, filtered, strict=True):
            total += one**2
        n += 1
    return [np.sqrt(total / n) for total in squares]


def _pixels(kappa, scale, name):
    """Return a scale in pixels."""
    pixels = float(scale / kappa.pixel_scale)
    if pixels < 0.99 * _SMALLEST:  # what the message rounds to is allowed
        smallest = (_SMALLEST * kappa.pixel_scale).to(u.arcmin)
        raise ValueError(f"{name} must be at least half a pixel, {smallest:.3g}, not {scale}")
    return pixels


class _Apertures:
    """Filters of some scales, in pixels, made anew only for a map with other masked pixels."""

    def __init__(self, scales):
        self.scales = scales
        self._closed, self._filters = None, []

    def filtered(self, values, closed):
        """Return the map filtered at each scale, ``(ny, nx)``; masked pixels are interpolated."""
        if self._closed is None or not np.array_equal(closed, self._closed):
            self._closed = closed
            self._filters = [_Aperture(closed, scale) for scale in self.scales]
        return [apply(values) for apply in self._filters]


class _Aperture:
    """The difference of the two parts of a filter, each normalized by what is open of it."""

    def __init__(self, closed, scale):
        self._closed = closed
        reach = max(2, int(np.ceil(_REACH * scale)))
        # Zeros without weight around the map, so that nothing comes in over the opposite edge.
        self._padded = [scipy.fft.next_fast_len(n + reach, real=True) for n in closed.shape]
        y, x = (np.minimum(i, len(i) - i) for i in map(np.arange, self._padded))
        half = (y[:, np.newaxis] ** 2 + x**2) / (2 * scale**2)
        inner = np.exp(-half) * ((y <= reach)[:, np.newaxis] & (x <= reach))
        # Symmetric kernels have real transforms.
        self._kernels = [
            self._transformed(kernel / kernel.sum()).real.copy() for kernel in (inner, half * inner)
        ]
        opened = self._transformed(~closed)
        self._inverses = []
        for kernel in self._kernels:
            weight = self._back(opened * kernel)
            # A pixel without any neighbor has rounding errors for the weight of the ring.
            some = weight > 10 * np.finfo(float).eps
            self._inverses.append(np.divide(1.0, weight, out=np.zeros_like(weight), where=some))

    def __call__(self, values):
        transform = self._transformed(np.where(self._closed, 0.0, values))
        inner, ring = (
            self._back(transform * kernel) * inverse
            for kernel, inverse in zip(self._kernels, self._inverses, strict=True)
        )
        return inner - ring

    def _transformed(self, field):
        workers = n_threads(self._closed.size)
        return scipy.fft.rfft2(field.astype(float), self._padded, workers=workers)

    def _back(self, transform):
        ny, nx = self._closed.shape
        workers = n_threads(self._closed.size)
        return scipy.fft.irfft2(transform, self._padded, workers=workers)[:ny, :nx]
