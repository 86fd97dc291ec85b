# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The uncertainty of a map, and the peaks of noise, from its noise realizations."""

from collections.abc import Iterable

import numpy as np
from astropy.table import Table

from lensmap.maps import NoisePeakRecorder

__all__ = ["summarize_noise"]


def summarize_noise(
    realizations: Iterable[list[np.ndarray]],
    n_realizations: int,
    mask: np.ndarray,
    *,
    with_peaks: bool,
) -> tuple[np.ndarray, Table | None]:
    """Compute the root mean square of noise maps, and find their peaks, without keeping the maps.

    Parameters
    ----------
    realizations : iterable of list of `numpy.ndarray`
        The noise maps of each realization, ``(ny, nx)``.
    n_realizations : int
        The number of realizations.
    mask : `numpy.ndarray`
        The mask of the map, bool, ``(ny, nx)``.
    with_peaks : bool
        Whether to find the peaks.

    Returns
    -------
    error : `numpy.ndarray`
        The root mean square, ``(ny, nx)``.
    peaks : `~astropy.table.Table` or None
        The peaks for the attribute ``noise_peaks`` of a `~lensmap.ConvergenceMap`. None without
        ``with_peaks``, or if there are too few maps.
    """
    total, n_maps = np.zeros(mask.shape), 0
    recorder = None
    for planes in realizations:
        if recorder is None and with_peaks:
            recorder = NoisePeakRecorder(mask, len(planes) * n_realizations)
        for plane in planes:
            total += np.square(plane, dtype=float)
            n_maps += 1
            if recorder is not None:
                recorder.add(plane, total)
    return np.sqrt(total / n_maps), None if recorder is None else recorder.peaks(total)
