# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The peaks of noise-only maps, which a map keeps to say how many of its own peaks are false."""

from __future__ import annotations

import numpy as np
from astropy.io import fits
from astropy.table import Table

from lensmap.utils import ParameterError, ParameterTypeError

__all__ = [
    "NOISE_PEAKS_HDU",
    "NoisePeakRecorder",
    "check_noise_peaks",
    "noise_peaks_from_hdu",
    "noise_peaks_of_part",
    "noise_peaks_times",
    "noise_peaks_to_hdu",
    "snr_in_other_noise",
]

#: The name of the FITS extension with the peaks of noise maps.
NOISE_PEAKS_HDU = "NOISE_PEAKS"

_COLUMNS = ("noise_map", "x", "y", "kappa", "in_snr", "in_kappa")

# The entries of meta and their FITS keywords, with a comment.
_CARDS = {
    "n_maps": ("NMAPS", "noise maps that were searched for peaks"),
    "n_in_uncertainty": ("NUNCERT", "noise maps from which UNCERT was computed"),
    "min_snr": ("MINSNR", "the record is complete above this SNR"),
    "min_kappa": ("MINKAPPA", "the record is complete above this kappa"),
}

# Lower peaks of noise maps are not kept. There are so many of them that they tell little.
_MIN_SNR = 3.0

# The first noise maps are not searched: the uncertainty is not known yet, and too many of their
# pixels would have to be kept. They are a quarter of all, or more if there are very many.
_SKIPPED_FRACTION = 0.25
_MAX_SEARCHED_MAPS = 300

# With fewer maps, the mean number of peaks has no meaningful error.
_MIN_SEARCHED_MAPS = 5


def snr_in_other_noise(ratio: np.ndarray, n_maps: int) -> np.ndarray:
    r"""Return the signal-to-noise ratio that a noise map has by the uncertainty from other maps.

    The uncertainty of a map is the root mean square :math:`\sigma` of ``n_maps`` noise maps. A
    noise map :math:`n` that is one of them has increased it where it is high itself, which lowers
    its :math:`r = n / \sigma`. Without this map, the ratio is
    :math:`r \sqrt{(N - 1) / (N - r^2)}`. It has the distribution that the noise of the observed
    map has, which is not part of :math:`\sigma`.

    Parameters
    ----------
    ratio : `numpy.ndarray`
        The ratio r of noise maps to the uncertainty.
    n_maps : int
        The number N of noise maps from which the uncertainty was computed.

    Returns
    -------
    `numpy.ndarray`
        The ratio to the uncertainty without the noise map itself.
    """
    rest = np.maximum(n_maps - np.square(ratio, dtype=float), 1e-6)
    return ratio * np.sqrt((n_maps - 1) / rest)


class NoisePeakRecorder:
    """Collect the peaks of noise-only maps that are made one after the other.

    The signal-to-noise ratio of a noise map is known only after the last map, because the
    uncertainty is the root mean square of all. Of each noise map, only the pixels are kept that may
    turn out to be high enough: the sum of squares so far is a lower limit of the sum of all. The
    limit rises with each map, and pixels below it are dropped.

    Parameters
    ----------
    mask : `numpy.ndarray`
        The mask of the map, bool, ``(ny, nx)``.
    n_maps : int
        The number of noise maps that will be added.
    """

    def __init__(self, mask: np.ndarray, n_maps: int) -> None:
        self._unmasked = ~mask
        self._n_maps = n_maps
        self._n_skipped = max(int(_SKIPPED_FRACTION * n_maps), n_maps - _MAX_SEARCHED_MAPS)
        self._n_added = 0
        # The ratio to the uncertainty from all maps that is _MIN_SNR by that from the others.
        self._min_ratio = _MIN_SNR * np.sqrt(n_maps / (n_maps - 1 + _MIN_SNR**2))
        self._pixels: list[np.ndarray] = []  # flat indices, for each map that was searched
        self._values: list[np.ndarray] = []
        self._median = 0.0  # of the sum of squares, at the last pruning
        self._n_after_pruning = 0

    def add(self, plane: np.ndarray, sum_of_squares: np.ndarray) -> None:
        """Add a noise map.

        Parameters
        ----------
        plane : `numpy.ndarray`
            The noise map, ``(ny, nx)``.
        sum_of_squares : `numpy.ndarray`
            The sum of the squares of all maps so far, with this one, ``(ny, nx)``.
        """
        self._n_added += 1
        if self._n_added <= self._n_skipped:
            return
        if not self._pixels:
            self._median = self._median_of(sum_of_squares)
        limit = self._limit(sum_of_squares)
        with np.errstate(invalid="ignore"):
            kept = np.flatnonzero((np.square(plane, dtype=float) > limit) & self._unmasked)
        self._pixels.append(kept.astype(np.int32 if plane.size < 2**31 else np.int64))
        self._values.append(plane.ravel()[kept].astype(np.float32))
        if sum(map(len, self._pixels)) > 2 * self._n_after_pruning + plane.size // 4:
            self._prune(sum_of_squares)

    def peaks(self, sum_of_squares: np.ndarray) -> Table | None:
        """Return the peaks and troughs of the noise maps.

        Parameters
        ----------
        sum_of_squares : `numpy.ndarray`
            The sum of the squares of all maps, ``(ny, nx)``.

        Returns
        -------
        `~astropy.table.Table` or None
            The peaks, as described for the attribute ``noise_peaks`` of `lensmap.ConvergenceMap`.
            None if too few maps were searched, or more maps were added than announced.
        """
        n_searched = len(self._pixels)
        if n_searched < _MIN_SEARCHED_MAPS or self._n_added > self._n_maps:
            return None
        self._prune(sum_of_squares)
        sigma = np.sqrt(sum_of_squares / self._n_added)
        shape = sum_of_squares.shape
        is_peak = _LocalExtrema(shape)
        min_kappa = self._min_ratio * np.sqrt(self._median / self._n_added)
        rows = []
        for number, (pixels, values) in enumerate(zip(self._pixels, self._values, strict=True)):
            ratio = values / sigma.ravel()[pixels]
            in_snr = is_peak(pixels, ratio) & (abs(ratio) > self._min_ratio)
            in_kappa = is_peak(pixels, values) & (abs(values) > min_kappa)
            kept = in_snr | in_kappa
            y, x = np.unravel_index(pixels[kept], shape)
            rows.append((np.full(len(y), number), x, y, values[kept], in_snr[kept], in_kappa[kept]))
        whole = np.int16 if max(*shape, n_searched) < 2**15 else np.int32
        dtypes = (whole, whole, whole, np.float32, bool, bool)
        columns = [
            np.concatenate(column).astype(dtype)
            for column, dtype in zip(zip(*rows, strict=True), dtypes, strict=True)
        ]
        return Table(columns, names=_COLUMNS, meta={
            "n_maps": n_searched,
            "n_in_uncertainty": self._n_added,
            "min_snr": _MIN_SNR,
            "min_kappa": float(min_kappa),
        })

    def _median_of(self, sum_of_squares):
        values = sum_of_squares[self._unmasked]
        return float(np.nanmedian(values)) if np.isfinite(values).any() else np.inf

    def _limit(self, sum_of_squares):
        """Return the square of the lowest value that may be that of a peak, for each pixel.

        In regions with much noise, this is the limit for peaks of kappa.
        """
        return self._min_ratio**2 / self._n_maps * np.minimum(sum_of_squares, self._median)

    def _prune(self, sum_of_squares):
        self._median = self._median_of(sum_of_squares)
        limit = self._limit(sum_of_squares).ravel()
        for i, (pixels, values) in enumerate(zip(self._pixels, self._values, strict=True)):
            kept = np.square(values, dtype=float) > limit[pixels]
            self._pixels[i], self._values[i] = pixels[kept], values[kept]
        self._n_after_pruning = sum(map(len, self._pixels))


class _LocalExtrema:
    """Find the local extrema among some pixels of an image; all others are closer to 0.

    A pixel is one if none of its eight neighbors is higher (lower, where its value is negative).
    """

    def __init__(self, shape):
        self._width = shape[1]
        # One more row and column on each side, so that pixels at the edge have neighbors.
        self._image = np.zeros((shape[0] + 2) * (shape[1] + 2), dtype=np.float32)

    def __call__(self, pixels, values):
        y, x = np.divmod(pixels.astype(np.int64), self._width)
        place = (y + 1) * (self._width + 2) + x + 1
        self._image[place] = values
        sign = np.sign(values)
        height = abs(self._image[place])  # in the precision of the image
        result = np.ones(len(pixels), dtype=bool)
        for row in (-1, 0, 1):
            for column in (-1, 0, 1):
                neighbor = self._image[place + row * (self._width + 2) + column]
                result &= height >= sign * neighbor
        self._image[place] = 0
        return result


def check_noise_peaks(noise_peaks: object, shape: tuple[int, int]) -> None:
    """Check the table of the peaks of noise maps that a map keeps.

    Parameters
    ----------
    noise_peaks : object
        The table, or None.
    shape : tuple of int
        The shape of the map, ``(ny, nx)``.

    Raises
    ------
    TypeError, ValueError
        If it is no table, lacks a column or an entry of ``meta``, or has peaks outside the map.
    """
    if noise_peaks is None:
        return
    if not isinstance(noise_peaks, Table):
        raise ParameterTypeError(
            "noise_peaks", "the attribute noise_peaks of a map, or None", type(noise_peaks).__name__
        )
    for kind, needed, given in (
        ("column", _COLUMNS, noise_peaks.colnames), ("entry of meta", _CARDS, noise_peaks.meta)
    ):
        missing = [name for name in needed if name not in given]
        if missing:
            raise ParameterError(
                "noise_peaks", f"the {kind} {missing[0]!r}", verb="have",
                remedy="take it from a map with {uncertainty='rotations'}",
            )
    x, y = noise_peaks["x"], noise_peaks["y"]
    if len(noise_peaks) and (min(x.min(), y.min()) < 0 or y.max() >= shape[0]
                             or x.max() >= shape[1]):
        raise ParameterError(
            "noise_peaks", f"only peaks within the shape of the data, {shape} (ny, nx)",
            verb="contain",
        )


def noise_peaks_of_part(noise_peaks: Table | None, view: tuple[slice, ...]) -> Table | None:
    """Return the peaks of noise maps in a rectangular part of a map.

    Parameters
    ----------
    noise_peaks : `~astropy.table.Table` or None
        The peaks in the whole map; None is returned unchanged.
    view : tuple of slice
        The slices ``(y, x)`` of the part, with start and stop.

    Returns
    -------
    `~astropy.table.Table` or None
        The peaks, in pixels of the part.
    """
    if noise_peaks is None:
        return None
    y, x = (np.asarray(noise_peaks[name]) for name in "yx")
    inside = (y >= view[0].start) & (y < view[0].stop) & (x >= view[1].start) & (x < view[1].stop)
    part = noise_peaks[inside]
    part["y"], part["x"] = y[inside] - view[0].start, x[inside] - view[1].start
    return part


def noise_peaks_times(noise_peaks: Table | None, factor: float) -> Table | None:
    """Return the peaks of noise maps that are multiplied by a number.

    Parameters
    ----------
    noise_peaks : `~astropy.table.Table` or None
        The peaks; None is returned unchanged.
    factor : float
        The number. A negative one exchanges peaks and troughs.

    Returns
    -------
    `~astropy.table.Table` or None
        The peaks; None if the number is 0.
    """
    if noise_peaks is None or factor == 0:
        return None
    product = noise_peaks.copy()
    product["kappa"] = noise_peaks["kappa"] * np.float32(factor)
    product.meta["min_kappa"] *= abs(factor)
    return product


def noise_peaks_to_hdu(noise_peaks: Table) -> fits.BinTableHDU:
    """Convert the peaks of noise maps to a FITS extension.

    Parameters
    ----------
    noise_peaks : `~astropy.table.Table`
        The peaks.

    Returns
    -------
    `~astropy.io.fits.BinTableHDU`
        The extension.
    """
    plain = Table(noise_peaks, meta={}, copy=False)
    hdu = fits.table_to_hdu(plain)
    hdu.name = NOISE_PEAKS_HDU
    for name, (key, comment) in _CARDS.items():
        hdu.header[key] = (noise_peaks.meta[name], comment)
    return hdu


def noise_peaks_from_hdu(hdu: fits.BinTableHDU) -> Table:
    """Read the peaks of noise maps from a FITS extension.

    Parameters
    ----------
    hdu : `~astropy.io.fits.BinTableHDU`
        The extension.

    Returns
    -------
    `~astropy.table.Table`
        The peaks.
    """
    columns = {
        name: np.array(hdu.data[name], dtype=hdu.data[name].dtype.newbyteorder("="))
        for name in hdu.columns.names
    }
    meta = {name: hdu.header[key] for name, (key, _) in _CARDS.items() if key in hdu.header}
    return Table(columns, meta=meta)
