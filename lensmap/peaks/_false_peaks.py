# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The expected number of false peaks in a map, from noise-only maps of the same field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from astropy.table import QTable

from lensmap.maps import check_map, each_noise_map, has_total_error, snr_in_other_noise
from lensmap.peaks._maxima import apart, edge_pixels, maxima_above
from lensmap.utils import (
    ParameterError,
    check_angle,
    check_choice,
    check_number,
    check_plausible,
    rounding_level,
    set_formats,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from astropy import units as u
    from numpy.typing import ArrayLike

    from lensmap.maps import ConvergenceMap
    from lensmap.typing import AngleLike, MapLike

__all__ = ["FalsePeaks", "PeakSelection", "false_peaks", "find_false_peaks", "number_and_error"]

_UNITS = {"snr": "a signal-to-noise ratio", "kappa": "a convergence"}


def number_and_error(number: float, error: float) -> str:
    """Return a number of peaks with its standard error as text, such as ``"0.13 +- 0.03"``.

    Parameters
    ----------
    number, error : float
        The number and its error, which is positive.

    Returns
    -------
    str
        Both, with the digits of the error that mean something.
    """
    digits = max(0, -int(np.floor(np.log10(error))))
    return f"{number:.{digits}f} +- {error:.{digits}f}"


@dataclass(frozen=True)
class PeakSelection:
    """The choice of peaks among the local maxima of an image.

    Attributes
    ----------
    threshold : float
        The minimum height.
    separation : `~astropy.units.Quantity`
        The minimum separation of two peaks, an angle.
    exclude_edges : bool
        Whether to exclude peaks next to masked pixels or the edge of the map.
    """

    threshold: float
    separation: u.Quantity
    exclude_edges: bool = False

    def of_image(
        self, kappa: ConvergenceMap, image: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return row and column of the peaks of an image, the highest first.

        Parameters
        ----------
        kappa : `~lensmap.ConvergenceMap`
            The map, with the mask and the WCS of the image.
        image : `numpy.ndarray`
            The image, ``(ny, nx)``.

        Returns
        -------
        y, x : `numpy.ndarray`
            Row and column of the peaks, ``(n,)``.
        """
        y, x = maxima_above(image, kappa.mask, self.threshold)
        chosen = self.of_maxima(kappa, y, x, image[y, x])
        return y[chosen], x[chosen]

    def of_maxima(
        self,
        kappa: ConvergenceMap,
        y: np.ndarray,
        x: np.ndarray,
        heights: np.ndarray,
        groups: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the indices of the peaks among local maxima, the highest of each group first.

        Parameters
        ----------
        kappa : `~lensmap.ConvergenceMap`
            The map, with the mask and the WCS of the maxima.
        y, x : `numpy.ndarray`
            Row and column of the maxima, ``(n,)``.
        heights : `numpy.ndarray`
            Their heights, ``(n,)``.
        groups : `numpy.ndarray` or None
            The number of the image of each maximum, int, ``(n,)``. None if there is one image.

        Returns
        -------
        `numpy.ndarray`
            The indices, int, ``(n_peaks,)``.
        """
        usable = ~kappa.mask[y, x] & (heights > self.threshold)
        if self.exclude_edges:  # before the separation, so that they suppress no other peak
            usable &= ~edge_pixels(kappa.mask)[y, x]
        chosen = np.flatnonzero(usable)
        keys = (-heights[chosen],) if groups is None else (-heights[chosen], groups[chosen])
        chosen = chosen[np.lexsort(keys)]
        groups = None if groups is None else groups[chosen]
        return chosen[apart(kappa, y[chosen], x[chosen], self.separation, groups)]


@dataclass(frozen=True)
class FalsePeaks:
    """The heights of the peaks of noise maps.

    Attributes
    ----------
    heights : list of `numpy.ndarray`
        The heights of the peaks in each noise map, in rising order; empty if there are no noise
        maps.
    complete_above : float
        The height above which no peak is missing.
    unknown : str or None
        The reason why the number of false peaks above the threshold is not known; None if it is.
    """

    heights: list[np.ndarray]
    complete_above: float = -np.inf
    unknown: str | None = None

    def above(self, heights: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean number of peaks in a noise map above some heights, with its error.

        Parameters
        ----------
        heights : array_like
            The heights, ``(n,)``.

        Returns
        -------
        mean, error : `numpy.ndarray`
            The mean number and its standard error, ``(n,)``; NaN where it is not known. If no noise
            map has such a peak, the error is that of one peak in all maps.
        """
        heights = np.asarray(heights, dtype=float)
        n_maps = len(self.heights)
        if n_maps == 0:
            return np.full(heights.shape, np.nan), np.full(heights.shape, np.nan)
        numbers = np.array([len(one) - np.searchsorted(one, heights) for one in self.heights])
        mean = numbers.mean(axis=0)
        error = np.maximum(numbers.std(axis=0, ddof=1) / np.sqrt(n_maps), 1 / n_maps)
        known = heights >= self.complete_above
        return np.where(known, mean, np.nan), np.where(known, error, np.nan)

    def add_to(self, table: QTable, heights: np.ndarray, threshold: float) -> None:
        """Add the expected number of false peaks to a table of peaks.

        Parameters
        ----------
        table : `~astropy.table.QTable`
            The table, which gets the column ``n_false`` and entries of ``meta``.
        heights : `numpy.ndarray`
            The heights of the peaks, ``(n,)``.
        threshold : float
            The minimum height of the peaks.
        """
        if self.heights:
            table["n_false"] = self.above(heights)[0]
            set_formats(table, {"n_false": ".3g"})
        if self.unknown is not None:
            table.meta["n_false_unknown"] = self.unknown
            return
        mean, error = self.above(threshold)
        table.meta |= {
            "n_false": float(mean),
            "n_false_err": float(error),
            "n_noise_maps": len(self.heights),
        }


def find_false_peaks(
    kappa: ConvergenceMap,
    selection: PeakSelection,
    by: str,
    troughs: bool,
    noise_maps: Iterable[MapLike] | None,
) -> FalsePeaks:
    """Find the peaks of noise maps, or those of the record in a map.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    selection : PeakSelection
        The choice of the peaks, the same as in the map.
    by : {"snr", "kappa", "kappa_over_error"}
        The quantity whose peaks are found.
    troughs : bool
        Whether to find minima instead.
    noise_maps : iterable or None
        The noise maps. None takes the record of the map.

    Returns
    -------
    FalsePeaks
        The heights of the peaks.
    """
    sign = -1.0 if troughs else 1.0
    if noise_maps is not None:
        heights = []
        for data in each_noise_map(noise_maps, kappa, minimum=5):
            image = sign * (data if by == "kappa" else _snr(kappa, data))
            heights.append(np.sort(image[selection.of_image(kappa, image)]))
        return FalsePeaks(heights)
    if by == "kappa_over_error" or kappa.noise_peaks is None or has_total_error(kappa):
        return FalsePeaks([], unknown="the map has no record of noise peaks")
    return _recorded(kappa, selection, "kappa" if by == "kappa" else "snr", sign)


def _snr(kappa, data):
    """Return the signal-to-noise ratio of a noise map, by the uncertainty of a map."""
    sigma = kappa.uncertainty.array
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(sigma > rounding_level(data[~kappa.mask]), data / sigma, np.nan)


def _recorded(
    kappa: ConvergenceMap, selection: PeakSelection, by: Literal["snr", "kappa"], sign: float
) -> FalsePeaks:
    """Return the peaks of the noise maps that a map has a record of."""
    record = kappa.noise_peaks
    lowest = float(record.meta[f"min_{by}"])
    record = record[record[f"in_{by}"] & (sign * record["kappa"] > 0)]
    y, x = np.asarray(record["y"]), np.asarray(record["x"])
    values = sign * np.asarray(record["kappa"], dtype=float)
    if by == "snr":
        values = snr_in_other_noise(
            values / kappa.uncertainty.array[y, x], record.meta["n_in_uncertainty"]
        )
    numbers = np.asarray(record["noise_map"])
    chosen = selection.of_maxima(kappa, y, x, values, numbers)
    starts = np.searchsorted(numbers[chosen], np.arange(1, record.meta["n_maps"]))
    # The peaks of a noise map are the highest first.
    heights = [part[::-1] for part in np.split(values[chosen], starts)]
    unknown = None
    if selection.threshold < lowest:
        unknown = f"the record of noise peaks begins at {by} = {lowest:.3g}"
    return FalsePeaks(heights, lowest, unknown)


def false_peaks(
    kappa: ConvergenceMap,
    thresholds: ArrayLike,
    *,
    by: str = "snr",
    min_separation: AngleLike = "2 arcmin",
    troughs: bool = False,
    exclude_edges: bool = False,
    noise_maps: Iterable[MapLike] | None = None,
) -> QTable:
    """Return the expected number of false peaks in a map, for several thresholds.

    This is the mean number of peaks that `find_peaks` finds in noise-only maps of the same field.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map. If ``noise_maps`` is None, it must have a record of the peaks of noise maps, as
        maps from estimators with ``uncertainty="rotations"`` have.
    thresholds : array_like
        The minimum heights of the peaks, in units of ``by``, ``(n,)``.
    by : {"snr", "kappa"}
        The quantity whose peaks are found.
    min_separation : `~astropy.units.Quantity` or str
        The minimum separation of two peaks, an angle.
    troughs : bool
        Whether to count minima instead.
    exclude_edges : bool
        Whether to exclude peaks at edges, as `find_peaks` does.
    noise_maps : iterable or None
        At least 5 noise-only maps, as for `find_peaks`. None takes the record of the map.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each threshold, with the columns

        - ``threshold``: the threshold;
        - ``n_false``, ``n_false_err``: the expected number of false peaks above it, and its
          standard error; NaN for thresholds at which the record of the map is not complete. If no
          noise map has such a peak, the error is that of one peak in all maps.

        ``meta`` holds ``by``, ``n_noise_maps`` and ``complete_above``, the height above which the
        record is complete.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or the map has no record and ``noise_maps`` is None.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.coordinates import SkyCoord
    >>> from lensmap import ConvergenceMap
    >>> from lensmap.grid import tangent_wcs
    >>> from lensmap.peaks import false_peaks
    >>> wcs = tangent_wcs(SkyCoord(150, 2, unit="deg"), (64, 64), "2 arcmin")
    >>> kappa = ConvergenceMap(np.zeros((64, 64)), np.ones((64, 64)), wcs=wcs)
    >>> white = np.random.default_rng(1).normal(size=(20, 64, 64))
    >>> false = false_peaks(kappa, [3, 4, 5], noise_maps=white)
    >>> [round(float(number), 1) for number in false["n_false"]]
    [6.5, 0.1, 0.0]
    """
    check_map(kappa)
    unit = _UNITS[check_choice(by, "by", tuple(_UNITS))]
    heights = np.atleast_1d(np.asarray(thresholds, dtype=float))
    for height in heights:
        check_plausible(check_number(float(height), "thresholds", "finite"), "thresholds", unit)
    if not len(heights):
        raise ParameterError("thresholds", "at least one number", "none", verb="contain")
    separation = check_angle(min_separation, "min_separation", allow_zero=True)
    if noise_maps is None and (kappa.noise_peaks is None or has_total_error(kappa)):
        raise ParameterError(
            "kappa", "a record of noise peaks", verb="have",
            remedy="reconstruct the map with {uncertainty='rotations'}, or give {noise_maps}",
        )
    selection = PeakSelection(float(heights.min()), separation, exclude_edges)
    found = find_false_peaks(kappa, selection, by, troughs, noise_maps)
    mean, error = found.above(heights)
    table = QTable(
        {"threshold": heights, "n_false": mean, "n_false_err": error},
        meta={"by": by, "n_noise_maps": len(found.heights),
              "complete_above": max(found.complete_above, float(heights.min()))},
    )
    return set_formats(table, {"threshold n_false n_false_err": ".3g"})
