# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Peaks of the aperture mass, each at the scale where it is most significant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.fft
from astropy import units as u
from astropy.coordinates import search_around_sky
from astropy.table import QTable, vstack

from lensmap.maps import ConvergenceMap, check_map, each_noise_map
from lensmap.peaks._finder import find_peaks
from lensmap.utils import (
    ParameterError,
    check_angle,
    check_number,
    check_plausible,
    n_threads,
    rounding_level,
    set_formats,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lensmap.typing import AngleLike, MapLike

__all__ = ["aperture_mass", "find_multiscale_peaks"]

# The radius at which the filter is truncated, in units of its scale.
_FILTER_REACH = 5.0

# The smallest scale of a filter that pixels resolve.
_MIN_SCALE_PIXELS = 0.5


def aperture_mass(kappa: ConvergenceMap, scale: AngleLike) -> np.ndarray:
    r"""Compute the aperture mass: a convergence map filtered with a compensated filter.

    .. math:: M_\mathrm{ap} = \int d^2\theta\, U(\theta) \kappa(\theta), \qquad
              U(\theta) = \frac{1}{2 \pi R^2} \left( 1 - \frac{\theta^2}{2 R^2} \right)
              e^{-\theta^2 / 2 R^2}

    The integral of U is 0, so that a mass sheet has no effect. To keep this property at edges and
    masks, each term of the filter is normalized by its weight on unmasked pixels.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    scale : `~astropy.units.Quantity` or str
        The scale R of the filter, an angle of at least half a pixel.

    Returns
    -------
    `numpy.ndarray`
        The aperture mass, ``(ny, nx)``; NaN in masked pixels.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid.

    References
    ----------
    Crittenden et al. 2002, ApJ 568, 20; Jarvis, Bernstein & Jain 2004, MNRAS 352, 338 (the filter).
    """
    check_map(kappa, quantity="kappa", pixels="square")
    scale = _in_pixels(kappa, check_angle(scale, "scale"), "scale")
    return np.where(kappa.mask, np.nan, _Aperture(kappa.mask, scale)(kappa.data))


def find_multiscale_peaks(
    kappa: ConvergenceMap,
    scales: u.Quantity | Sequence[AngleLike],
    threshold: float = 4.0,
    *,
    noise_maps: Iterable[MapLike] | None = None,
    min_separation: AngleLike = "2 arcmin",
) -> QTable:
    """Find peaks of the aperture mass at several scales.

    The significance of a peak is its `aperture_mass` divided by the standard deviation of the noise
    filtered at the same scale. A peak is discarded if a more significant peak lies within
    ``min_separation``, or within the scale of the more significant peak.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map, preferably with little or no smoothing.
    scales : `~astropy.units.Quantity`
        The scales R of the filter, angles of at least half a pixel, ``(n,)``.
    threshold : float
        The minimum significance of a peak.
    noise_maps : iterable or None
        At least 5 noise-only maps from the same estimator, as `~lensmap.ConvergenceMap` or arrays
        ``(ny, nx)``. The noise in each pixel is the root mean square of the filtered noise maps. If
        None, the noise is the standard deviation of the filtered B-mode over the whole map.
    min_separation : `~astropy.units.Quantity` or str
        The minimum separation of two peaks, an angle.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each peak, the most significant first. The columns are as for
        `~lensmap.peaks.find_peaks`, but with ``aperture_mass``, ``aperture_mass_err`` and ``scale``
        (R, arcmin) in place of ``kappa``, ``kappa_err`` and ``smoothing``.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, pixels are not square, the map has no B-mode and
        ``noise_maps`` is None, or the noise is no more than rounding errors.
    """
    check_map(kappa, quantity="kappa", pixels="square")
    check_number(threshold, "threshold", "finite")
    check_plausible(threshold, "threshold", "a signal-to-noise ratio")
    separation = check_angle(min_separation, "min_separation", allow_zero=True)
    angles = [check_angle(scale, "scales") for scale in np.atleast_1d(scales)]
    if not angles:
        raise ParameterError("scales", "at least one angle", "empty")
    apertures = _Apertures([_in_pixels(kappa, scale, "scales") for scale in angles])
    masses = apertures.filtered(kappa.data, kappa.mask)
    noise = _noise(kappa, noise_maps, apertures)
    _check_noise(kappa, noise, "kappa" if noise_maps is None else "noise_maps")
    tables = []
    for scale, mass, error in zip(angles, masses, noise, strict=True):
        filtered = ConvergenceMap(mass, np.broadcast_to(error, mass.shape), kappa.mask, kappa.wcs)
        peaks = find_peaks(filtered, threshold, min_separation=max(scale, separation))
        peaks.rename_columns(["kappa", "kappa_err"], ["aperture_mass", "aperture_mass_err"])
        peaks.remove_column("smoothing")
        peaks["scale"] = np.full(len(peaks), scale.to_value(u.arcmin)) * u.arcmin
        peaks.meta.clear()
        tables.append(peaks)
    peaks = _most_significant(vstack(tables), kappa, separation)
    return set_formats(peaks, {"aperture_mass aperture_mass_err": ".4g", "scale": ".3g"})


def _most_significant(table: QTable, kappa: ConvergenceMap, separation: u.Quantity) -> QTable:
    """Discard the peaks of a table that lie near a more significant peak.

    A peak is discarded if a more significant peak that is kept lies within ``separation``, or
    within the filter scale of the more significant peak.
    """
    table = table[np.argsort(-np.asarray(table["snr"]), kind="stable")]
    keep = np.ones(len(table), dtype=bool)
    if len(table) > 1:
        sky = kappa.wcs.pixel_to_world(np.asarray(table["x"]), np.asarray(table["y"]))
        reach = np.maximum(table["scale"], separation)
        one, other, distance, _ = search_around_sky(sky, sky, reach.max())
        near = (one < other) & (distance <= reach[one])
        # Pairs are sorted by their first, more significant peak: whether it is kept is decided
        # before its pairs are reached.
        for i, j in zip(one[near], other[near], strict=True):
            if keep[i]:
                keep[j] = False
    table = QTable(table[keep])
    table["id"] = np.arange(1, len(table) + 1)
    return table


def _noise(
    kappa: ConvergenceMap, noise_maps: Iterable[MapLike] | None, apertures: _Apertures
) -> list[float | np.ndarray]:
    """Return the standard deviation of the noise of the aperture mass at each scale, as a list.

    If ``noise_maps`` are given, the items of the list are images, ``(ny, nx)``. Otherwise, they are
    numbers, computed from the filtered B-mode of the map. ``apertures`` holds the filters.
    """
    if noise_maps is None:
        if kappa.kappa_b is None:
            raise ParameterError(
                "noise_maps", "given for a map without a B-mode", "None",
                "make them with lensmap.grid.noise_realizations",
            )
        masked = kappa.mask | ~np.isfinite(kappa.kappa_b)
        if masked.all():
            return [np.nan for _ in apertures.scales]
        return [float(mass[~masked].std()) for mass in apertures.filtered(kappa.kappa_b, masked)]
    squares, n = [np.zeros(kappa.shape) for _ in apertures.scales], 0
    for data in each_noise_map(noise_maps, kappa, minimum=5):
        filtered = apertures.filtered(data, kappa.mask | ~np.isfinite(data))
        for total, mass in zip(squares, filtered, strict=True):
            total += mass**2
        n += 1
    return [np.sqrt(total / n) for total in squares]


def _check_noise(kappa: ConvergenceMap, noise: list[float | np.ndarray], name: str) -> None:
    """Check that the noise at each scale is more than the rounding errors of the filtered map.

    ``name`` is the name of the parameter that the noise comes from, for the error message.
    """
    level = rounding_level(kappa.data)
    for sigma in noise:
        finite = np.broadcast_to(sigma, kappa.shape)[~kappa.mask & np.isfinite(sigma)]
        if finite.size and finite.max() <= level:
            raise ParameterError(
                name, "noise above the rounding errors of kappa",
                f"noise of {finite.max():.2g} after filtering",
                "use a map and noise maps of galaxies with noise", verb="have",
            )


def _in_pixels(kappa: ConvergenceMap, scale: u.Quantity, name: str) -> float:
    """Convert a filter scale from an angle to pixels, and check that it is at least half a pixel.

    ``name`` is the name of the parameter, for the error message.
    """
    pixels = float(scale / kappa.pixel_scale)
    if pixels < 0.99 * _MIN_SCALE_PIXELS:  # the rounded value in the message is allowed
        smallest = (_MIN_SCALE_PIXELS * kappa.pixel_scale).to(u.arcmin)
        raise ParameterError(name, f"at least half a pixel ({smallest:.3g})", str(scale))
    return pixels


class _Apertures:
    """Aperture-mass filters of several scales, reused for all maps with the same mask.

    Parameters
    ----------
    scales : list of float
        The scales R of the filters, pixels.
    """

    def __init__(self, scales: list[float]) -> None:
        self.scales = scales
        self._mask: np.ndarray | None = None
        self._filters: list[_Aperture] = []

    def filtered(self, values: np.ndarray, mask: np.ndarray) -> list[np.ndarray]:
        """Return the aperture mass of a map at each scale, interpolated in masked pixels.

        Parameters
        ----------
        values, mask : `numpy.ndarray`
            The map and its mask, ``(ny, nx)``.

        Returns
        -------
        list of `numpy.ndarray`
            One aperture mass image, ``(ny, nx)``, for each scale.
        """
        if self._mask is None or not np.array_equal(mask, self._mask):
            self._mask = mask
            self._filters = [_Aperture(mask, scale) for scale in self.scales]
        return [aperture(values) for aperture in self._filters]


class _Aperture:
    """The filter of the aperture mass: a Gaussian minus a ring.

    Each of the two terms is normalized by its weight on unmasked pixels.

    Parameters
    ----------
    mask : `numpy.ndarray`
        Bool, ``(ny, nx)``, True = masked.
    scale : float
        The scale R of the filter, pixels.
    """

    def __init__(self, mask: np.ndarray, scale: float) -> None:
        self._mask = mask
        # Pixels are at most n - 1 apart, so that more of a wide filter needs no padding.
        reaches = [min(max(2, int(np.ceil(_FILTER_REACH * scale))), n) for n in mask.shape]
        # The transform is periodic: padding with zeros of no weight separates opposite edges.
        self._padded = [
            scipy.fft.next_fast_len(n + reach, real=True)
            for n, reach in zip(mask.shape, reaches, strict=True)
        ]
        y, x = (np.minimum(i, len(i) - i) for i in map(np.arange, self._padded))
        half_square = (y[:, np.newaxis] ** 2 + x**2) / (2 * scale**2)
        near = (y <= reaches[0])[:, np.newaxis] & (x <= reaches[1])
        gaussian = np.exp(-half_square) * near
        # Symmetric kernels have real transforms.
        self._kernels = [
            self._transform(kernel / kernel.sum()).real.copy()
            for kernel in (gaussian, half_square * gaussian)
        ]
        unmasked = self._transform(~mask)
        self._inverse_weights = []
        for kernel in self._kernels:
            weight = self._inverse_transform(unmasked * kernel)
            # For an isolated pixel, the weight of the ring term is 0 up to a rounding error.
            positive = weight > 10 * np.finfo(float).eps
            self._inverse_weights.append(
                np.divide(1.0, weight, out=np.zeros_like(weight), where=positive)
            )

    def __call__(self, values: np.ndarray) -> np.ndarray:
        transform = self._transform(np.where(self._mask, 0.0, values))
        gaussian, ring = (
            self._inverse_transform(transform * kernel) * inverse
            for kernel, inverse in zip(self._kernels, self._inverse_weights, strict=True)
        )
        return gaussian - ring

    def _transform(self, field: np.ndarray) -> np.ndarray:
        workers = n_threads(self._mask.size)
        return scipy.fft.rfft2(field.astype(float), self._padded, workers=workers)

    def _inverse_transform(self, transform: np.ndarray) -> np.ndarray:
        ny, nx = self._mask.shape
        workers = n_threads(self._mask.size)
        return scipy.fft.irfft2(transform, self._padded, workers=workers)[:ny, :nx]
