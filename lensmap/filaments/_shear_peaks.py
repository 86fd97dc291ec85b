# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The number of peaks of the aligned shear in each direction about a position."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import scipy.fft
from astropy import units as u
from astropy.table import QTable
from scipy.ndimage import maximum_filter

from lensmap.filaments._look_elsewhere import check_scan, random_shears
from lensmap.flatsky import isolated_shear
from lensmap.utils import as_generator, check_angle, check_count, check_number, set_formats, track

if TYPE_CHECKING:
    from lensmap.filaments._scan import ArmScan, ScanState
    from lensmap.typing import AngleLike, ProgressLike, RNGLike

__all__ = ["shear_peak_statistic"]

# The length of a segment, and how far its shear is used beyond its end, in units of the core width.
_LENGTH, _REACH = 4.0, 3.0

# Pixels where the galaxies have less than this fraction of the highest weight have no peaks.
_MIN_WEIGHT = 0.2


def shear_peak_statistic(
    scan: ArmScan,
    *,
    threshold: float = 2.0,
    length: AngleLike | None = None,
    half_width: AngleLike | None = None,
    n_skies: int = 200,
    structure: bool | Iterable[np.ndarray] = True,
    rng: RNGLike = 0,
    progress: ProgressLike = None,
) -> QTable:
    r"""Count the peaks of the aligned shear along each direction about a position.

    The aligned shear of a position and a direction is the correlation of the shear with that of a
    short segment of a filament, which has its middle there and points in this direction. Its local
    maxima above the threshold are counted in a strip along the direction. The number of peaks is
    compared with that in skies without filaments, and with that in all other directions of the same
    field.

    Parameters
    ----------
    scan : ArmScan
        The result of `matched_filter`. Its radii, directions and galaxies are used, and the shear
        of its cluster is subtracted.
    threshold : float
        The minimum height of a peak, in units of the shape noise of the aligned shear.
    length : `~astropy.units.Quantity`, str or None
        The length of the segment, an angle. None takes four times the core width of the scan. The
        profile across it is that of the template of the scan.
    half_width : `~astropy.units.Quantity`, str or None
        Half the width of the strip, an angle. None takes the core width of the scan.
    n_skies : int
        The number of skies without filaments, at least 2.
    structure : bool or iterable of `numpy.ndarray`
        The shear of large-scale structure in these skies, as for `random_scans`. With True, it is
        Gaussian, without halos.
    rng : None, int or `numpy.random.Generator`
        Seed or generator of the skies.
    progress : None, True or callable
        Whether to show the progress, or a function that is called with the number of skies done
        and their total number.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each direction, with the columns

        - ``angle``: the position angle, from north through east (deg);
        - ``n_peaks``: the number of peaks;
        - ``n_expected``, ``n_scatter``: the mean and the standard deviation of the number in skies
          without filaments;
        - ``snr``: the excess over the mean in units of the standard deviation;
        - ``false_probability``: the probability that the highest ``snr`` of all directions is at
          least as high in a sky without filaments;
        - ``other_directions``: the fraction of the other directions with at least as many peaks.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid.

    Notes
    -----
    Maturi & Merten 2013 count subclumps in the area of a filament, and HyeongHan et al. 2024 give
    significances of a shear-peak statistic. The definition above is that of lensmap, and its
    numbers are not those of these papers. Directions closer than the angle that the strip subtends
    share peaks.

    References
    ----------
    Maturi & Merten 2013, A&A 559, A112; HyeongHan et al. 2024, Nature Astronomy 8, 377.
    """
    state = check_scan(scan)
    check_number(threshold, "threshold", "finite")
    check_count(n_skies, "n_skies", minimum=2)
    core = scan.core_width
    length = _LENGTH * core if length is None else check_angle(length, "length")
    half_width = core if half_width is None else check_angle(half_width, "half_width")
    counter = _PeakCounter(scan, state, length, half_width, threshold)
    n_peaks = counter.count(state.residual)
    shears = random_shears(state, n_skies, structure, as_generator(rng))
    skies = np.array([counter.count(shear) for shear in track(shears, n_skies, progress)])
    mean, scatter = skies.mean(axis=0), skies.std(axis=0, ddof=1)
    scatter = np.where(scatter > 0, scatter, np.nan)
    snr = (n_peaks - mean) / scatter
    highest = np.sort(np.nanmax((skies - mean) / scatter, axis=1, initial=-np.inf))
    n_above = n_skies - np.searchsorted(highest, snr)
    others = np.sum(n_peaks >= n_peaks[:, np.newaxis], axis=1) - 1
    table = QTable({
        "angle": scan.table["angle"], "n_peaks": n_peaks, "n_expected": mean,
        "n_scatter": scatter, "snr": snr, "false_probability": (n_above + 1) / (n_skies + 1),
        "other_directions": others / (len(n_peaks) - 1),
    })
    return set_formats(table, {"angle": ".1f", "n_expected n_scatter snr": ".2f",
                               "false_probability other_directions": ".3g"})


class _PeakCounter:
    """The number of peaks of the aligned shear in the strip along each direction of a scan."""

    def __init__(
        self,
        scan: ArmScan,
        state: ScanState,
        length: u.Quantity,
        half_width: u.Quantity,
        threshold: float,
    ) -> None:
        scale = state.grid.pixel_frame.scale
        core, half_length, width = (
            float((size / scale).to_value(u.one))
            for size in (scan.core_width, length / 2, half_width)
        )
        self._threshold = threshold
        variance = np.where(state.use, state.grid.sigma**2, np.inf)
        self._weight = 1 / variance
        ny, nx = state.use.shape
        reach = int(np.ceil(half_length + _REACH * core))
        self._box = tuple(scipy.fft.next_fast_len(n + reach) for n in (ny, nx))
        directions = np.radians(scan.table["angle"].to_value(u.deg)) + np.pi / 2
        y, x = np.indices((ny, nx), dtype=float)
        x, y = x - (nx - 1) / 2, y - (ny - 1) / 2
        inner, outer = (scan.radii / scale).to_value(u.one)
        ring = (np.hypot(x, y) > inner) & (np.hypot(x, y) < outer)
        weight_modes = self._forward(self._weight)
        self._filters = []
        for direction in directions:
            template = _segment_shear(direction, reach, half_length, core)
            square = self._backward(weight_modes * self._forward(np.abs(template) ** 2).conj(),
                                    reach).real
            has_weight = square > _MIN_WEIGHT * square.max()
            norm = np.zeros(square.shape)
            norm[has_weight] = square[has_weight] ** -0.5
            cos, sin = np.cos(direction), np.sin(direction)
            near = (np.abs(y * cos - x * sin) < width) & (x * cos + y * sin > 0)
            strip = np.flatnonzero(ring & near & has_weight)
            self._filters.append((self._forward(template).conj(), norm, strip))
        self._reach = reach

    def _forward(self, field):
        return scipy.fft.fft2(field.astype(np.complex64), self._box)

    def _backward(self, modes, reach):
        """Return a correlation with a template whose center is ``reach`` pixels from its corner."""
        ny, nx = self._weight.shape
        return np.roll(scipy.fft.ifft2(modes), (reach, reach), (0, 1))[:ny, :nx]

    def count(self, shear: np.ndarray) -> np.ndarray:
        """Return the number of peaks in each direction, int, ``(n_directions,)``."""
        modes = self._forward(shear * self._weight)
        counts = []
        for template, norm, strip in self._filters:
            snr = self._backward(modes * template, self._reach).real * norm
            highest = maximum_filter(snr, size=3, mode="constant", cval=-np.inf)
            values = snr.ravel()[strip]
            is_peak = (values >= highest.ravel()[strip]) & (values > self._threshold)
            counts.append(np.count_nonzero(is_peak))
        return np.array(counts)


def _segment_shear(direction, reach, half_length, core):
    """Return the shear of a segment of a filament, complex, ``(2 reach + 1, 2 reach + 1)``."""
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(float)
    along = x * np.cos(direction) + y * np.sin(direction)
    across = np.abs(y * np.cos(direction) - x * np.sin(direction))
    kappa = 1 / (1 + (np.maximum(across - core, 0) / core) ** 2)
    # The ends are smooth over a pixel.
    kappa *= np.clip(half_length - np.abs(along) + 0.5, 0, 1)
    shear = isolated_shear(kappa)
    shear[np.hypot(x, y) > reach] = 0
    return shear
