# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The expected number of false peaks of a survey, from the noise realizations of its tiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable, vstack

from lensmap.maps import ConvergenceMap, HealpixMap, has_total_error, snr_in_other_noise
from lensmap.peaks import FalsePeaks, apart_on_sky
from lensmap.sphere import HealpixPixels
from lensmap.survey._peaks import peak_lattice, peaks_near_tile, without_doubles

__all__ = ["N_NOISE_MAPS", "NoisePeaks", "SurveyFalsePeaks", "tile_noise_peaks"]

#: The number of noise maps of a tile in which peaks are found.
N_NOISE_MAPS = 10

# Lower peaks are not kept, as in the records of maps on a plane.
_MIN_SNR = 3.0

# Extrema of kappa are kept above this many times the median error of a tile, which is lower than
# three because the error differs between tiles.
_MIN_KAPPA_RATIO = 1.5

# With fewer maps, the mean number of peaks has no meaningful error.
_MIN_NOISE_MAPS = 5

_NO_RECORD = "the map has no record of noise peaks"


@dataclass(frozen=True, eq=False)
class NoisePeaks:
    """The peaks and troughs of the noise maps of one tile, on the pixels of `peak_lattice`.

    Attributes
    ----------
    noise_map : `numpy.ndarray`
        The number of the noise map of each extremum, integer, ``(n,)``.
    in_kappa : `numpy.ndarray`
        True for extrema of kappa, False for those of the signal-to-noise ratio, bool, ``(n,)``.
    ratio : `numpy.ndarray`
        The value over the error of the map of the tile, negative for troughs, ``(n,)``.
    x, y : `numpy.ndarray`
        The highest pixels, integer, ``(n,)``.
    ra, dec : `numpy.ndarray`
        The positions, degrees, ``(n,)``.
    border : `numpy.ndarray`
        0 for extrema in the core of the tile, 1 next to its border, 2 beyond it, ``(n,)``.
    at_edge : `numpy.ndarray`
        Whether a neighbor of the highest pixel is masked, bool, ``(n,)``.
    n_maps, n_in_error : int
        The number of noise maps that were searched, and of those from which the error was computed.
    min_kappa : float
        The record of extrema of kappa is complete above this value.
    """

    noise_map: np.ndarray
    in_kappa: np.ndarray
    ratio: np.ndarray
    x: np.ndarray
    y: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    border: np.ndarray
    at_edge: np.ndarray
    n_maps: int
    n_in_error: int
    min_kappa: float

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the record as arrays, for the file of a tile."""
        return {item.name: np.asarray(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> NoisePeaks:
        """Return the record that `to_arrays` returned."""
        values: dict[str, Any] = {
            name: array.item() if array.ndim == 0 else array for name, array in arrays.items()
        }
        return cls(**values)


def tile_noise_peaks(
    place: tuple[int, int, float],
    pixels: HealpixPixels,
    layers: Mapping[str, np.ndarray],
    masked: np.ndarray,
    noise: list[np.ndarray],
    n_in_error: int,
) -> NoisePeaks | None:
    """Find the peaks of noise maps of a tile, as they are found in the map of a survey.

    Parameters
    ----------
    place : tuple
        The order and the nested index of the tile, and the side of its pixels, degrees.
    pixels : HealpixPixels
        The pixels of the survey.
    layers : dict
        The maps of the tile on these pixels, with ``index`` and ``error``, ``(n,)``.
    masked : `numpy.ndarray`
        True for masked pixels, bool, ``(n,)``.
    noise : list of `numpy.ndarray`
        The noise maps, ``(n,)`` each.
    n_in_error : int
        The number of noise maps from which the error was computed.

    Returns
    -------
    NoisePeaks or None
        The peaks. None if the tile has no unmasked pixel.
    """
    order, pixel, scale = place
    tile, wcs = peak_lattice(order, pixel, scale)
    error = layers["error"].astype(float)
    masked = masked | ~(error > 0)
    if masked.all():
        return None
    # The ratio to the error from all maps that is _MIN_SNR by that from the others.
    min_ratio = _MIN_SNR * np.sqrt(n_in_error / (n_in_error - 1 + _MIN_SNR**2))
    min_kappa = _MIN_KAPPA_RATIO * float(np.median(error[~masked]))
    tables = []
    for number in range(0, len(noise), 2):
        pair = noise[number:number + 2]
        cutout = HealpixMap(
            pair[0], pixels, layers["index"], mask=masked, uncertainty=error, kappa_b=pair[-1]
        ).cutout(wcs)
        if cutout.mask.all():
            continue
        second = cutout.replace(data=cutout.kappa_b)
        for i, one in enumerate((cutout, second)[:len(pair)]):
            for by, threshold in (("snr", min_ratio), ("kappa", min_kappa)):
                for troughs in (False, True):
                    found = peaks_near_tile(
                        one, tile, wcs, by=by, threshold=threshold, troughs=troughs
                    )
                    found["noise_map"] = np.full(len(found), number + i)
                    found["in_kappa"] = np.full(len(found), by == "kappa")
                    tables.append(found)
    if not tables:
        return None
    table = vstack(tables, metadata_conflicts="silent")
    return NoisePeaks(
        noise_map=np.asarray(table["noise_map"], np.int16),
        in_kappa=np.asarray(table["in_kappa"], bool),
        ratio=np.asarray(table["snr"], np.float32),
        x=np.asarray(table["x_peak"], np.int32), y=np.asarray(table["y_peak"], np.int32),
        ra=table["ra"].to_value(u.deg), dec=table["dec"].to_value(u.deg),
        border=np.asarray(table["border"], np.int8), at_edge=np.asarray(table["at_edge"], bool),
        n_maps=len(noise), n_in_error=n_in_error, min_kappa=min_kappa,
    )


class SurveyFalsePeaks:
    """The peaks of the noise maps of a survey, from the records of its tiles.

    Parameters
    ----------
    scale : float
        The side of the pixels of the tiles, degrees.
    separation : `~astropy.units.Quantity`
        The minimum separation of two peaks, at least that of pixels.
    threshold, by, troughs, exclude_edges
        As for `lensmap.find_peaks`.
    """

    def __init__(
        self,
        scale: float,
        separation: u.Quantity,
        *,
        threshold: float,
        by: str,
        troughs: bool = False,
        exclude_edges: bool = False,
    ) -> None:
        self._scale, self._separation = scale, separation
        self._threshold, self._by, self._sign = threshold, by, -1.0 if troughs else 1.0
        self._exclude_edges = exclude_edges
        self._tables: list[QTable] = []
        self._n_maps: int | None = None
        self._complete_above = _MIN_SNR if by == "snr" else -np.inf
        self._unknown: str | None = None

    def add(self, pixel: int, record: NoisePeaks | None, kappa: ConvergenceMap) -> None:
        """Add the noise peaks of a tile.

        Parameters
        ----------
        pixel : int
            The nested index of the tile.
        record : NoisePeaks or None
            The noise peaks of the tile; None if it has no record of them.
        kappa : ConvergenceMap
            The map of the survey on the pixels of `peak_lattice`, whose mask and error count.
        """
        known = self._by in ("snr", "kappa") and not has_total_error(kappa)
        if record is None or not known or kappa.uncertainty is None:
            self._unknown = _NO_RECORD
            return
        if record.n_maps < _MIN_NOISE_MAPS:
            self._unknown = f"the map has the peaks of fewer than {_MIN_NOISE_MAPS} maps of noise"
            return
        self._n_maps = record.n_maps
        ratio = self._sign * record.ratio.astype(float)
        if self._by == "kappa":
            # Where tiles are blended, the map has the error of the blend.
            heights = ratio * kappa.uncertainty.array[record.y, record.x]
            self._complete_above = max(self._complete_above, record.min_kappa)
        else:
            heights = snr_in_other_noise(ratio, record.n_in_error)
        kept = (self._sign * record.ratio > 0) & (record.in_kappa == (self._by == "kappa"))
        with np.errstate(invalid="ignore"):
            kept &= ~kappa.mask[record.y, record.x] & (heights > self._threshold)
        if self._exclude_edges:
            kept &= ~record.at_edge
        highest = kappa.wcs.pixel_to_world(record.x[kept], record.y[kept]).cartesian.xyz.value.T
        self._tables.append(QTable({
            "ra": record.ra[kept] * u.deg, "dec": record.dec[kept] * u.deg,
            "tile": np.full(np.count_nonzero(kept), pixel), "border": record.border[kept],
            "noise_map": record.noise_map[kept], "height": heights[kept],
            "highest": highest.reshape(-1, 3),
        }))

    def found(self) -> FalsePeaks:
        """Return the heights of the peaks in each noise map of the whole survey."""
        if self._unknown is not None or self._n_maps is None:
            return FalsePeaks([], unknown=self._unknown or _NO_RECORD)
        table = vstack(self._tables, metadata_conflicts="silent")
        heights = []
        for number in range(self._n_maps):
            one = table[np.asarray(table["noise_map"]) == number]
            one = one[without_doubles(one, self._scale)]
            one = one[np.lexsort((one["tile"], -one["height"]))]
            if len(one):
                one = one[apart_on_sky(np.asarray(one["highest"]), self._separation)]
            heights.append(np.sort(np.asarray(one["height"], float)))
        unknown = None
        if self._threshold < self._complete_above:
            unknown = (
                f"the record of noise peaks begins at {self._by} = {self._complete_above:.3g}"
            )
        return FalsePeaks(heights, self._complete_above, unknown)
