# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The autocorrelation of maps, and their power and correlation with the truth by multipole."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from astropy import units as u
from astropy.table import QTable
from scipy import fft

from lensmap.scores import jackknife_of_sums, mean_and_error, ratio_and_error
from lensmap.utils import n_threads
from lensmap.validation._parts import TRUTH
from lensmap.validation.measures._base import Measure, Records, table_of_each

__all__ = ["Scales", "autocorrelation", "measure_scales", "relation_by_scale"]

# Bin edges in separation, in pixels.
_LAGS = np.array([0.5, 1.5, 2.5, 3.5, 5, 7, 10, 14, 20, 28, 40, 56, 80, 112, 150])
_N_BINS = 16  # bins in multipole


class Scales(Measure):
    """The autocorrelation of maps, and their power and correlation with the truth by multipole.

    The table ``autocorrelation`` has a row for each separation ``theta``, with the autocorrelation
    ``xi`` (mean over fields), its error, and the range ``xi_low`` to ``xi_high`` of 68 per cent of
    the fields. It has rows for the truth, too. The table ``by_scale`` has a row for each multipole
    ``ell``, with the ``correlation`` of map and truth and ``power_ratio``, the power of the map
    divided by the power of the truth.
    """

    name = "scales"
    keys = {"autocorrelation": ("theta",), "by_scale": ("ell",)}

    def measure(self, field):
        return measure_scales(field.mask, field.pixel_scale, field.truth, field.estimates)

    def pool(self, records):
        if not records.has("fields"):
            return {}
        return {
            "autocorrelation": table_of_each(
                [TRUTH, *records.names()], lambda name: autocorrelation(records, name)
            ),
            "by_scale": table_of_each(
                records.names(), lambda name: relation_by_scale(records, name)
            ),
        }

    def section(self, page, results):
        from lensmap.validation.report._figures_curves import (
            plot_autocorrelations,
            plot_by_scale,
        )

        page.section("Scale by scale")
        page.figure("autocorrelation",
                    plot_autocorrelations(results.tables["autocorrelation"], page.styles),
                    "The autocorrelation of kappa, means over fields (Cha et al. 2025, fig. 5).")
        page.figure("by_scale", plot_by_scale(results.tables["by_scale"], page.styles),
                    "Correlation with the truth and power, by multipole.")


class _PaddedTransforms:
    """Fourier transforms of zero-padded maps, for autocorrelations and power spectra.

    Zero padding keeps pixels at opposite edges of the field from counting as neighbors.

    Parameters
    ----------
    mask : `numpy.ndarray`
        The mask of all maps: bool, ``(ny, nx)``, True = excluded.
    pixel_scale : `~astropy.units.Quantity`
        The angular side length of a pixel.
    """

    def __init__(self, mask, pixel_scale):
        self._unmasked = ~mask
        self._pixel_rad = float(pixel_scale.to_value(u.rad))
        reach = int(min(_LAGS[-1], min(mask.shape) / 2))
        self._padded = tuple(fft.next_fast_len(n + reach, real=True) for n in mask.shape)
        self._lags = tuple(_LAGS[_LAGS <= reach])
        self._bins, self.ell, self.n_modes = _multipoles(self._padded, self._pixel_rad)

    def of_map(self, kappa):
        """Return the Fourier transform of a map minus its mean over the unmasked pixels."""
        mean = kappa[self._unmasked].mean()
        return self._transform(np.where(self._unmasked, kappa - mean, 0.0))

    def pairs(self):
        """Return the number of pairs of unmasked pixels in each separation bin, ``(n_bins,)``."""
        window = self._transform(self._unmasked.astype(float))
        return self.products(window)

    def _transform(self, plane):
        return fft.rfft2(plane, self._padded, workers=n_threads())

    def products(self, transform):
        """Return the sum of the products of pixel values over pairs of pixels, by separation.

        ``transform`` is the Fourier transform of the map, as returned by `of_map`. The result has a
        sum for each bin of separation, ``(n_bins,)``.
        """
        products = fft.irfft2(transform * transform.conj(), self._padded, workers=n_threads())
        ring, n = _rings(self._padded, self._lags)
        inside = ring >= 0
        return np.bincount(ring[inside], products[inside], minlength=n)

    def theta(self):
        """Return the mean separation of pixel pairs in each bin of separation, in radians."""
        return self._pixel_rad * _mean_distance(self._padded, self._lags)

    def spectrum(self, one, other):
        """Return the cross power of two maps, summed over the Fourier modes in each multipole bin.

        ``one`` and ``other`` are the Fourier transforms of the maps. The result has the shape
        ``(n_bins,)``.
        """
        product = (one * other.conj()).real * _mode_weights(self._padded)
        inside = self._bins >= 0
        return np.bincount(self._bins[inside], product[inside], minlength=_N_BINS)


def measure_scales(
    mask: np.ndarray,
    pixel_scale: u.Quantity,
    truth: np.ndarray,
    estimates: Mapping[str, np.ndarray],
) -> dict[str, dict[str, np.ndarray]]:
    """Measure the correlation functions and power spectra of the maps of one field.

    Parameters
    ----------
    mask : `numpy.ndarray`
        Bool, ``(ny, nx)``, True = excluded.
    pixel_scale : `~astropy.units.Quantity`
        The angular side length of a pixel.
    truth : `numpy.ndarray`
        The true convergence, ``(ny, nx)``.
    estimates : dict
        The map of each estimator, ``(ny, nx)``, keyed by the name of the estimator.

    Returns
    -------
    dict
        Dicts of arrays, keyed by ``"truth"`` and the names of estimators:

        - for the truth and each estimator, ``products``, the sum of products over pairs of pixels
          in each bin of separation, and ``power``, the sum of the power over the modes in each bin
          of multipole;
        - for each estimator, ``cross``, the sum of the cross power with the truth;
        - for the truth, ``pairs``, the number of pairs in each bin of separation, ``theta``, their
          mean separation in radians, and ``ell`` and ``n_modes``, the middle and the number of
          modes of each bin of multipole.
    """
    sums = _PaddedTransforms(mask, pixel_scale)
    transforms = {name: sums.of_map(kappa) for name, kappa in {TRUTH: truth, **estimates}.items()}
    record = {
        name: {"products": sums.products(one), "power": sums.spectrum(one, one)}
        for name, one in transforms.items()
    }
    for name in estimates:
        record[name]["cross"] = sums.spectrum(transforms[name], transforms[TRUTH])
    record[TRUTH] |= {
        "pairs": sums.pairs(), "theta": sums.theta(), "ell": sums.ell, "n_modes": sums.n_modes,
    }
    return record


def autocorrelation(records: Records, name: str) -> QTable:
    r"""Return the mean autocorrelation over fields for one estimator, or for the truth.

    .. math:: \xi(\theta) = \langle \delta\kappa(x)\, \delta\kappa(x + \theta) \rangle ,

    where :math:`\delta\kappa` is the map minus its mean over the unmasked pixels of the field.

    Parameters
    ----------
    records : Records
        The measurements of the statistic `Scales` in all fields.
    name : str
        The name of the estimator, or ``"truth"``.

    Returns
    -------
    `~astropy.table.QTable`
        The columns ``theta`` (arcmin), ``xi``, the mean over fields, ``xi_err``, its standard
        error, and ``xi_low`` and ``xi_high``, the range of 68 per cent of the fields.
    """
    products, pairs = (records.each("fields", one, array)
                       for one, array in ((name, "products"), (TRUTH, "pairs")))
    each = np.array([one / n for one, n in zip(products, pairs, strict=True)])
    mean, error = np.array([mean_and_error(column) for column in each.T]).T
    low, high = np.percentile(each, [16, 84], axis=0)
    theta = np.mean(records.each("fields", TRUTH, "theta"), axis=0)
    return QTable({
        "theta": (theta * u.rad).to(u.arcmin), "xi": mean, "xi_err": error,
        "xi_low": low, "xi_high": high,
    })


def relation_by_scale(records: Records, name: str) -> QTable:
    r"""Return the power of the maps of one estimator and their correlation with the truth by scale.

    Both are in bins of multipole, from the power spectra summed over all fields.

    Parameters
    ----------
    records : Records
        The measurements of the statistic `Scales` in all fields.
    name : str
        The name of the estimator.

    Returns
    -------
    `~astropy.table.QTable`
        The columns ``ell``, the middle of the bin; ``correlation``,
        :math:`P_{\kappa\hat\kappa} / \sqrt{P_{\kappa\kappa} P_{\hat\kappa\hat\kappa}}`; and
        ``power_ratio``, :math:`P_{\hat\kappa\hat\kappa} / P_{\kappa\kappa}`. Errors in ``..._err``
        are jackknife errors over fields. The spectra are not corrected for the mask.
    """
    truth = np.array(records.each("fields", TRUTH, "power"))
    power = np.array(records.each("fields", name, "power"))
    cross = np.array(records.each("fields", name, "cross"))
    filled = truth.sum(axis=0) > 0
    ratio, ratio_err = ratio_and_error(power[:, filled], truth[:, filled])
    correlation, correlation_err = jackknife_of_sums(
        lambda c, t, p: c / np.sqrt(t * p), cross[:, filled], truth[:, filled], power[:, filled]
    )
    return QTable({
        "ell": records.each("fields", TRUTH, "ell")[0][filled],
        "correlation": correlation, "correlation_err": correlation_err,
        "power_ratio": ratio, "power_ratio_err": ratio_err,
    })


@lru_cache(maxsize=2)
def _distances(shape):
    y, x = (np.minimum(np.arange(n), n - np.arange(n)) for n in shape)
    return np.hypot(y[:, np.newaxis], x)


@lru_cache(maxsize=2)
def _rings(shape, edges):
    """Return the separation bin of each lag between two pixels, and the number of bins.

    ``shape`` is the shape of the zero-padded map, which is also the shape of the bin indices.
    ``edges`` are the bin edges in pixels. The index of a lag outside all bins is -1.
    """
    distance, n = _distances(shape), len(edges) - 1
    ring = np.searchsorted(edges, distance.ravel(), side="right").reshape(distance.shape) - 1
    return np.where(ring < n, ring, -1), n


def _mean_distance(shape, edges):
    ring, n = _rings(shape, edges)
    inside = ring >= 0
    total = np.bincount(ring[inside], _distances(shape)[inside], minlength=n)
    return total / np.bincount(ring[inside], minlength=n)


@lru_cache(maxsize=2)
def _multipoles(shape, pixel):
    """Return the multipole bin of each Fourier mode, the bin centers and the mode counts.

    ``shape`` is the shape of the zero-padded map, and ``pixel`` is the pixel scale in radians. The
    bin index of a mode outside all bins is -1. The mode counts are the number of modes per bin.
    """
    ny, nx = shape
    ell = 2 * np.pi / pixel * np.hypot(fft.fftfreq(ny)[:, np.newaxis], fft.rfftfreq(nx))
    # From wavelengths of half the field to wavelengths of two pixels.
    edges = np.geomspace(4 * np.pi / (pixel * min(shape)), np.pi / pixel, _N_BINS + 1)
    bins = np.searchsorted(edges, ell, side="right") - 1
    bins = np.where((bins >= 0) & (bins < _N_BINS), bins, -1)
    counts = np.bincount(bins[bins >= 0], _mode_weights(shape)[bins >= 0], minlength=_N_BINS)
    return bins, np.sqrt(edges[1:] * edges[:-1]), counts


@lru_cache(maxsize=2)
def _mode_weights(shape):
    """Return the weight of each mode of ``rfft2`` in sums over all Fourier modes.

    ``rfft2`` does not store modes that are the complex conjugate of another mode. The weight is 2
    for a mode whose complex conjugate is not stored, and 1 otherwise.
    """
    ny, nx = shape
    weight = np.full((ny, nx // 2 + 1), 2.0)
    weight[:, 0] = 1.0
    if nx % 2 == 0:
        weight[:, -1] = 1.0
    return weight
