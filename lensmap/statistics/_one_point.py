# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The distribution of kappa: of pixels, of their moments, and of peaks."""

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.maps import check_map
from lensmap.peaks import find_peaks, open_area
from lensmap.utils import check_angle, check_count, check_rising, set_formats

__all__ = ["blocks", "jackknife_blocks", "kappa_moments", "kappa_pdf", "peak_counts"]


def kappa_pdf(kappa, bins=50, *, n_blocks=16):
    """Measure the distribution of kappa over the open pixels.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    bins : int or array_like
        The edges, rising, or how many between the lowest and the highest value.
    n_blocks : int
        Into how many blocks of about the same size the map is cut for the errors.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin, with the columns ``bin_low``, ``bin_high``, ``pdf`` (its integral over
        all values is 1) and ``pdf_err``: a jackknife over blocks, since neighbors are not
        independent.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or no pixel is open.
    """
    values, block = _open_values(kappa, n_blocks)
    edges = np.histogram_bin_edges(values, bins) if np.ndim(bins) == 0 else bins
    edges = check_rising(edges, "bins", "a number or at least two rising edges", given=bins)
    counts = np.array([np.histogram(values[block == b], edges)[0] for b in range(block.max() + 1)])
    sizes = np.bincount(block).astype(float)

    def density(keep):
        return counts[keep].sum(axis=0) / sizes[keep].sum() / np.diff(edges)

    pdf, error = jackknife_blocks(density, len(sizes))
    table = QTable({"bin_low": edges[:-1], "bin_high": edges[1:], "pdf": pdf, "pdf_err": error})
    return set_formats(table, {}, others=".4g")


def kappa_moments(kappa, smoothings=None, *, n_blocks=16):
    r"""Measure the moments of kappa, as it is or after smoothing.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    smoothings : `~astropy.units.Quantity` or None
        Standard deviations of Gaussians, angles, ``(n,)``; None takes the map as it is.
    n_blocks : int
        As for `kappa_pdf`.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each smoothing, with the columns ``smoothing`` (that which is added, arcmin),
        ``variance``, ``skewness`` :math:`S = \langle\kappa^3\rangle / \sigma^3` and ``kurtosis``
        :math:`K = \langle\kappa^4\rangle / \sigma^4 - 3` of kappa less its mean, each with its
        ``_err`` from a jackknife over blocks.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or no pixel is open.
    """
    check_map(kappa)
    scales = [0 * u.arcmin] if smoothings is None else [
        check_angle(one, "smoothings", allow_zero=True) for one in np.atleast_1d(smoothings)
    ]
    rows = []
    for scale in scales:
        one = kappa
        if scale > 0:
            # The moments need no uncertainty, so that no warning is due when it is dropped.
            one = kappa.replace(uncertainty=None, kappa_b=None).smooth(scale)
        values, block = _open_values(one, n_blocks)
        powers = np.stack([values**k for k in range(5)])
        sums = np.array([powers[:, block == b].sum(axis=1) for b in range(block.max() + 1)])

        def moments(keep, sums=sums):
            n, *raw = sums[keep].sum(axis=0)
            a, b, c, d = (total / n for total in raw)
            variance = b - a**2
            third = c - 3 * a * b + 2 * a**3
            fourth = d - 4 * a * c + 6 * a**2 * b - 3 * a**4
            return np.array([variance, third / variance**1.5, fourth / variance**2 - 3])

        found, error = jackknife_blocks(moments, len(sums))
        row = {"smoothing": scale.to(u.arcmin)}
        for name, value, spread in zip(("variance", "skewness", "kurtosis"), found, error,
                                       strict=True):
            row |= {name: value, f"{name}_err": spread}
        rows.append(row)
    return set_formats(QTable(rows), {}, others=".4g")


def peak_counts(kappa, bins, *, by="snr", **settings):
    """Count the peaks of a map in bins of their height.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    bins : array_like
        The edges, rising.
    by : {"snr", "kappa"}
        What they are of.
    **settings
        As for `~lensmap.peaks.find_peaks`.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin, with the columns ``bin_low``, ``bin_high``, ``n``,
        ``peak_density`` and ``peak_density_err`` (Poisson; per square degree of open pixels).

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or no pixel is open.
    """
    edges = check_rising(bins, "bins")
    area = open_area(kappa)
    if area == 0:
        raise ValueError("kappa has no pixel that is not masked")
    # What exceeds the threshold is a peak: one at the lowest edge itself as well.
    lowest = float(edges[0] - 1e-9 * max(1.0, abs(edges[0])))
    peaks = find_peaks(kappa, lowest, by=by, **settings)
    heights = np.asarray(peaks[by])
    n, _ = np.histogram(-heights if settings.get("troughs") else heights, edges)
    table = QTable({"bin_low": edges[:-1], "bin_high": edges[1:], "n": n,
                    "peak_density": n / area, "peak_density_err": np.sqrt(n) / area})
    return set_formats(table, {}, others=".4g")


def blocks(kappa, n_blocks):
    """Cut the open pixels of a map into blocks of about the same number.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    n_blocks : int
        How many, about: as many columns as rows, of about as many open pixels each.

    Returns
    -------
    `numpy.ndarray`
        Int, ``(n_open,)``: the block of each open pixel, in the order of ``~mask``.
    """
    check_count(n_blocks, "n_blocks", minimum=2)
    y, x = np.nonzero(~kappa.mask)
    if len(y) == 0:
        raise ValueError("kappa has no pixel that is not masked")
    rows = max(1, int(np.sqrt(n_blocks)))
    columns = -(-n_blocks // rows)
    band = _shares(y, rows)
    block = np.zeros(len(y), dtype=int)
    for i in range(rows):
        here = band == i
        block[here] = i * columns + _shares(x[here], columns)
    return np.unique(block, return_inverse=True)[1]


def _shares(position, n):
    """Divide positions into n groups of about the same number, by their order."""
    if len(position) == 0:
        return np.zeros(0, dtype=int)
    edges = np.quantile(position, np.arange(1, n) / n)
    return np.searchsorted(edges, position, side="right")


def _open_values(kappa, n_blocks):
    check_map(kappa)
    block = blocks(kappa, n_blocks)
    return kappa.data[~kappa.mask].astype(float), block


def jackknife_blocks(statistic, n):
    """Return a statistic of all blocks and its error.

    Parameters
    ----------
    statistic : callable
        From a selection of blocks, bool ``(n,)``, to a number or an array.
    n : int
        The number of blocks.

    Returns
    -------
    value, error : float or `numpy.ndarray`
        The error is that of leaving out each block in turn; NaN of one block.
    """
    every = np.ones(n, dtype=bool)
    found = statistic(every)
    if n < 2:
        return found, np.full(np.shape(found), np.nan)
    without = []
    for i in range(n):
        keep = every.copy()
        keep[i] = False
        without.append(statistic(keep))
    spread = np.array(without) - np.mean(without, axis=0)
    return found, np.sqrt((n - 1) / n * np.sum(spread**2, axis=0))
