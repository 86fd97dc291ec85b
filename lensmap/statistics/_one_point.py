# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One-point statistics of kappa: probability density and moments; and peak counts."""

from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.table import QTable
from astropy.units import Quantity
from numpy.typing import ArrayLike

from lensmap.maps import ConvergenceMap, check_map
from lensmap.peaks import find_peaks, unmasked_area
from lensmap.scores import jackknife_of_sums
from lensmap.statistics._blocks import block_sums, blocks
from lensmap.utils import check_angle, check_rising, rounding_level, set_formats

__all__ = ["kappa_moments", "kappa_pdf", "peak_counts"]


def kappa_pdf(
    kappa: ConvergenceMap, bins: int | ArrayLike = 50, *, n_blocks: int = 16
) -> QTable:
    """Measure the probability density of kappa in the unmasked pixels of a map.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    bins : int or array_like
        The edges of the bins in increasing order, ``(n + 1,)``; or the number of bins, which then
        cover the range of kappa in the map.
    n_blocks : int
        The approximate number of blocks of the map, of about equal size, for jackknife errors.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin, with the columns ``bin_low``, ``bin_high``, ``pdf`` and ``pdf_err``.
        The density is normalized such that its integral over all values of kappa, inside the bins
        or not, is 1. The errors are from a jackknife over blocks, because neighboring pixels are
        correlated.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or all pixels are masked.
    """
    values, block = _unmasked_values(kappa, n_blocks)
    edges = np.histogram_bin_edges(values, bins) if np.ndim(bins) == 0 else bins
    edges = check_rising(
        edges, "bins", "a number of bins, or at least two strictly increasing edges", given=bins
    )
    counts = np.array([np.histogram(values[block == b], edges)[0] for b in range(block.max() + 1)])
    sizes = np.bincount(block)[:, np.newaxis]

    def density(counts, size):
        return counts / size / np.diff(edges)

    pdf, error = jackknife_of_sums(density, counts, sizes)
    table = QTable({"bin_low": edges[:-1], "bin_high": edges[1:], "pdf": pdf, "pdf_err": error})
    return set_formats(table, {}, others=".4g")


def kappa_moments(
    kappa: ConvergenceMap, smoothings: Quantity | None = None, *, n_blocks: int = 16
) -> QTable:
    r"""Measure variance, skewness and kurtosis of kappa, for one or more smoothings.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    smoothings : `~astropy.units.Quantity` or None
        Standard deviations of the Gaussians that smooth the map, angles, ``(n,)``. None does not
        smooth the map.
    n_blocks : int
        The approximate number of blocks, as for `kappa_pdf`.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each smoothing, with the columns ``smoothing`` (arcmin, in addition to the
        smoothing that the map already has), ``variance``, ``skewness``
        :math:`S = \langle\kappa^3\rangle / \sigma^3` and ``kurtosis``
        :math:`K = \langle\kappa^4\rangle / \sigma^4 - 3`, where :math:`\kappa` is the convergence
        minus its mean. Each has an error from a jackknife over blocks, such as ``variance_err``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or all pixels are masked.
    """
    check_map(kappa)
    scales = [0 * u.arcmin] if smoothings is None else [
        check_angle(scale, "smoothings", allow_zero=True) for scale in np.atleast_1d(smoothings)
    ]
    rows = []
    for scale in scales:
        smoothed = kappa
        if scale > 0:
            # The uncertainty is removed first, because `smooth` would warn that it removes it.
            smoothed = kappa.replace(uncertainty=None, kappa_b=None).smooth(scale)
        values, block = _unmasked_values(smoothed, n_blocks)
        sums = block_sums(np.stack([values**k for k in range(5)]), block)
        moments, errors = jackknife_of_sums(_moments, sums)
        row = {"smoothing": scale.to(u.arcmin)}
        for name, value, error in zip(("variance", "skewness", "kurtosis"), moments, errors,
                                      strict=True):
            row |= {name: value, f"{name}_err": error}
        rows.append(row)
    return set_formats(QTable(rows), {}, others=".4g")


def _moments(sums):
    """Return variance, skewness and kurtosis, ``(..., 3)``, from sums of powers of kappa.

    ``sums``, ``(..., 5)``, are the sums over pixels of kappa to the powers 0 to 4.
    """
    n, *power_sums = np.moveaxis(sums, -1, 0)
    a, b, c, d = (total / n for total in power_sums)
    # In a map without structure, all central moments are rounding errors.
    variance = b - a**2
    variance = np.where(variance > rounding_level() * b, variance, np.nan)
    third = c - 3 * a * b + 2 * a**3
    fourth = d - 4 * a * c + 6 * a**2 * b - 3 * a**4
    return np.stack([variance, third / variance**1.5, fourth / variance**2 - 3], axis=-1)


def peak_counts(
    kappa: ConvergenceMap,
    bins: ArrayLike,
    *,
    by: Literal["snr", "kappa", "kappa_over_error"] = "snr",
    **settings: Any,
) -> QTable:
    """Count the peaks of a map in bins of signal-to-noise ratio or kappa.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    bins : array_like
        The edges of the bins in increasing order, ``(n + 1,)``.
    by : {"snr", "kappa", "kappa_over_error"}
        The quantity to bin peaks by, as for `~lensmap.peaks.find_peaks`.
    **settings
        Further parameters of `~lensmap.peaks.find_peaks`.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin, with the columns ``bin_low``, ``bin_high``, ``n`` (the number of
        peaks), ``peak_density`` (the number per square degree of unmasked pixels) and its Poisson
        error ``peak_density_err``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or all pixels are masked.
    """
    check_map(kappa, unmasked=True)
    edges = check_rising(bins, "bins")
    area = unmasked_area(kappa)
    # Peaks must exceed the threshold, but a bin includes its lower edge: the threshold is a little
    # lower than the lowest edge.
    lowest = float(edges[0] - 1e-9 * max(1.0, abs(edges[0])))
    peaks = find_peaks(kappa, lowest, by=by, **settings)
    is_ratio = by == "snr" and "kappa_over_error" in peaks.colnames
    values = np.asarray(peaks["kappa_over_error" if is_ratio else by])
    n, _ = np.histogram(-values if settings.get("troughs") else values, edges)
    table = QTable({"bin_low": edges[:-1], "bin_high": edges[1:], "n": n,
                    "peak_density": n / area, "peak_density_err": np.sqrt(n) / area})
    return set_formats(table, {}, others=".4g")


def _unmasked_values(kappa, n_blocks):
    """Return kappa in the unmasked pixels of a map, and the jackknife block of each pixel.

    Both are arrays, ``(n_unmasked,)``. ``n_blocks`` is the approximate number of blocks.
    """
    block = blocks(kappa, n_blocks)
    return kappa.data[~kappa.mask].astype(float), block
