# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Autocorrelation of maps, and how they follow the truth scale by scale."""

from functools import lru_cache

import numpy as np
from astropy import units as u
from astropy.table import QTable
from scipy import fft

from lensmap.scores import jackknife_of_sums, mean_and_error, ratio_and_error
from lensmap.utils import n_threads

__all__ = ["Scales", "autocorrelation", "relation_by_scale"]

# The edges of the bins in separation, in pixels.
_LAGS = np.array([0.5, 1.5, 2.5, 3.5, 5, 7, 10, 14, 20, 28, 40, 56, 80, 112, 150])
_N_BINS = 16


class Scales:
    """Correlations and spectra of maps with the same pixels and mask, by one padded transform each.

    Parameters
    ----------
    mask : `numpy.ndarray`
        Bool, ``(ny, nx)``, True = excluded.
    pixel_scale : `~astropy.units.Quantity`
        The side of a pixel.
    """

    def __init__(self, mask, pixel_scale):
        self.open = ~mask
        self.pixel = float(pixel_scale.to_value(u.rad))
        reach = int(min(_LAGS[-1], min(mask.shape) / 2))
        self._padded = tuple(fft.next_fast_len(n + reach, real=True) for n in mask.shape)
        self._lags = _LAGS[_LAGS <= reach]
        window = self._transform(self.open.astype(float))
        self._pairs = self._rings(window, window)

    def _transform(self, values):
        return fft.rfft2(values, self._padded, workers=n_threads())

    def _rings(self, one, other):
        """Return the sums over pairs of pixels, by their distance."""
        products = fft.irfft2(one * other.conj(), self._padded, workers=n_threads())
        ring, n = _rings_of(self._padded, tuple(self._lags))
        inside = ring >= 0
        return np.bincount(ring[inside], products[inside], minlength=n)

    def measure(self, truth, maps):
        """Return what is kept of a field.

        Parameters
        ----------
        truth : `numpy.ndarray`
            ``(ny, nx)``.
        maps : list of `numpy.ndarray`
            ``(ny, nx)`` each.

        Returns
        -------
        dict
            ``pairs`` and ``products``: sums over pairs of pixels by distance, ``(n_bins,)`` and
            ``(1 + n_maps, n_bins)``, the truth first; ``theta``: the mean distance, radians;
            ``ell``, ``n_modes``, ``power`` ``(1 + n_maps, n)`` and ``cross`` ``(n_maps, n)`` with
            the truth: sums over modes by multipole.
        """
        transforms = [self._transform(self._centered(values)) for values in (truth, *maps)]
        bins, ell, n_modes = _multipoles(self._padded, self.pixel)
        inside = bins >= 0
        weight = _mode_weights(self._padded)

        def spectrum(one, other):
            product = (one * other.conj()).real * weight
            return np.bincount(bins[inside], product[inside], minlength=_N_BINS)

        return {
            "pairs": self._pairs,
            "products": np.array([self._rings(one, one) for one in transforms]),
            "theta": self.pixel * _mean_distance(self._padded, tuple(self._lags)),
            "ell": ell,
            "n_modes": n_modes,
            "power": np.array([spectrum(one, one) for one in transforms]),
            "cross": np.array([spectrum(one, transforms[0]) for one in transforms[1:]]),
        }

    def _centered(self, values):
        return np.where(self.open, values - values[self.open].mean(), 0.0)


def autocorrelation(records, which):
    r"""Return the autocorrelation of one of the maps over all fields.

    .. math:: \xi(\theta) = \langle \delta\kappa(x)\, \delta\kappa(x + \theta) \rangle

    of the map less its mean over the open pixels of each field.

    Parameters
    ----------
    records : list of dict
        What `Scales.measure` gave for each field.
    which : int
        0 is the truth, 1 the first map, and so on.

    Returns
    -------
    `~astropy.table.QTable`
        The columns ``theta`` (arcmin), ``xi``, the mean over fields, ``xi_err``, its standard
        error, and ``xi_low`` and ``xi_high``, between which 68 per cent of the fields are.
    """
    each = np.array([record["products"][which] / record["pairs"] for record in records])
    mean, error = np.array([mean_and_error(column) for column in each.T]).T
    low, high = np.percentile(each, [16, 84], axis=0)
    theta = np.mean([record["theta"] for record in records], axis=0)
    return QTable({
        "theta": (theta * u.rad).to(u.arcmin), "xi": mean, "xi_err": error,
        "xi_low": low, "xi_high": high,
    })


def relation_by_scale(records, which):
    r"""Return how a map follows the truth, by multipole.

    Parameters
    ----------
    records, which : object
        As for `autocorrelation`, 1 being the first map.

    Returns
    -------
    `~astropy.table.QTable`
        The columns ``ell``, the middle of the bin; ``correlation``,
        :math:`P_{\kappa\hat\kappa} / \sqrt{P_{\kappa\kappa} P_{\hat\kappa\hat\kappa}}`, and
        ``power_ratio``, :math:`P_{\hat\kappa\hat\kappa} / P_{\kappa\kappa}`, of all fields
        together; ``..._err`` by the jackknife over fields. The mask is not undone.
    """
    truth = np.array([record["power"][0] for record in records])
    power = np.array([record["power"][which] for record in records])
    cross = np.array([record["cross"][which - 1] for record in records])
    some = truth.sum(axis=0) > 0
    ratio, ratio_err = ratio_and_error(power[:, some], truth[:, some])
    correlation, correlation_err = jackknife_of_sums(
        lambda c, t, p: c / np.sqrt(t * p), cross[:, some], truth[:, some], power[:, some]
    )
    return QTable({
        "ell": records[0]["ell"][some],
        "correlation": correlation, "correlation_err": correlation_err,
        "power_ratio": ratio, "power_ratio_err": ratio_err,
    })


@lru_cache(maxsize=2)
def _distances(shape):
    y, x = (np.minimum(np.arange(n), n - np.arange(n)) for n in shape)
    return np.hypot(y[:, np.newaxis], x)


@lru_cache(maxsize=2)
def _rings_of(shape, edges):
    """Return the bin of each lag, -1 for none, and the number of bins."""
    distance, n = _distances(shape), len(edges) - 1
    ring = np.searchsorted(edges, distance.ravel(), side="right").reshape(distance.shape) - 1
    return np.where(ring < n, ring, -1), n


def _mean_distance(shape, edges):
    ring, n = _rings_of(shape, edges)
    inside = ring >= 0
    total = np.bincount(ring[inside], _distances(shape)[inside], minlength=n)
    return total / np.bincount(ring[inside], minlength=n)


@lru_cache(maxsize=2)
def _multipoles(shape, pixel):
    """Return the bin of each mode, -1 for none, the middles of the bins, and their modes."""
    ny, nx = shape
    ell = 2 * np.pi / pixel * np.hypot(fft.fftfreq(ny)[:, np.newaxis], fft.rfftfreq(nx))
    # From waves of half the field to those of two pixels along an axis.
    edges = np.geomspace(4 * np.pi / (pixel * min(shape)), np.pi / pixel, _N_BINS + 1)
    bins = np.searchsorted(edges, ell, side="right") - 1
    bins = np.where((bins >= 0) & (bins < _N_BINS), bins, -1)
    counts = np.bincount(bins[bins >= 0], _mode_weights(shape)[bins >= 0], minlength=_N_BINS)
    return bins, np.sqrt(edges[1:] * edges[:-1]), counts


@lru_cache(maxsize=2)
def _mode_weights(shape):
    """Return 2 for modes that stand for their mirror, too."""
    ny, nx = shape
    weight = np.full((ny, nx // 2 + 1), 2.0)
    weight[:, 0] = 1.0
    if nx % 2 == 0:
        weight[:, -1] = 1.0
    return weight
