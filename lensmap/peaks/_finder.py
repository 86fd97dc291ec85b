# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Detection of peaks, the local maxima of a map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.maps import check_map, has_total_error
from lensmap.peaks._false_peaks import PeakSelection, find_false_peaks
from lensmap.peaks._maxima import edge_pixels
from lensmap.utils import (
    MapWarning,
    ParameterError,
    check_angle,
    check_choice,
    check_number,
    check_plausible,
    set_formats,
    warn_user,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lensmap.maps import ConvergenceMap
    from lensmap.typing import AngleLike, MapLike

__all__ = ["detection_image", "find_peaks", "peak_table"]

_BY = ("snr", "kappa", "kappa_over_error")

# If the centroid is farther from the highest pixel, this pixel is the position of the peak.
_MAX_CENTROID_OFFSET_PIXELS = 1.0


def find_peaks(
    kappa: ConvergenceMap,
    threshold: float = 3.0,
    *,
    by: str = "snr",
    min_separation: AngleLike = "2 arcmin",
    troughs: bool = False,
    exclude_edges: bool = False,
    noise_maps: Iterable[MapLike] | None = None,
) -> QTable:
    """Find the peaks of a map.

    A peak is a pixel above the threshold with none of its eight neighbors higher. A peak within
    ``min_separation`` of a higher peak is discarded. Masked pixels are ignored.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    threshold : float
        The minimum height of a peak, in units of ``by``. Noise-only maps
        (`lensmap.grid.noise_realizations`) should have few peaks above the threshold. With 3,
        Kaiser-Squires noise maps have one or two in a field of half a degree on a side.
    by : {"snr", "kappa", "kappa_over_error"}
        The image in which peaks are detected: the signal-to-noise ratio (kappa divided by the
        uncertainty of the map), kappa, or, for a map whose uncertainty is the total error about the
        true convergence (``meta["uncertainty"]`` is ``"total"``), kappa divided by this error. The
        ratio to a total error is no significance: ``"snr"`` gives it with a warning for such maps.
        Noise has a Gaussian signal-to-noise ratio only in maps
        from linear estimators. Noise-only maps from networks are close to 0 almost everywhere, but
        have rare peaks as high as those of clusters: with ``uncertainty="rotations"``, a noise-only
        field has several peaks above 4.
    min_separation : `~astropy.units.Quantity` or str
        The minimum separation of two peaks, an angle. Of peaks in neighboring pixels, only the
        highest is kept whatever the separation.
    troughs : bool
        Whether to find minima instead, as the peaks of the map with the opposite sign.
    exclude_edges : bool
        Whether to exclude peaks at edges: those with a neighbor that is masked or outside the map,
        where the field may be higher. Excluded peaks do not suppress lower peaks within
        ``min_separation``.
    noise_maps : iterable or None
        At least 5 noise-only maps of the same field from the same estimator, such as maps of
        randomly rotated galaxies (`lensmap.grid.noise_realizations`), as `~lensmap.ConvergenceMap`
        or arrays ``(ny, nx)``, which tell how many peaks are false. Maps that are among those from
        which the uncertainty was computed have a lower signal-to-noise ratio than others: with N
        maps, a ratio of r stands for :math:`r \\sqrt{(N - 1) / (N - r^2)}`. With None, the record
        of noise maps is used that maps with ``uncertainty="rotations"`` have (their attribute
        ``noise_peaks``), corrected for this. Without a record, the number is not known.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each peak, the highest in ``by`` first; no rows if there are no peaks. The
        columns are

        - ``id``: the number of the peak, from 1;
        - ``ra``, ``dec``: the centroid (ICRS, degrees);
        - ``x``, ``y``: the centroid in 0-based pixel coordinates. This is the maximum of a
          paraboloid fitted to the highest pixel and its eight neighbors or, if a neighbor has no
          data or the fit fails, the highest pixel;
        - ``x_peak``, ``y_peak``: the highest pixel;
        - ``kappa``, ``kappa_err``, ``snr``: the values at the highest pixel; the last two are NaN
          for a map without an uncertainty, ``snr`` also for one whose uncertainty is a total error;
        - ``kappa_over_error``: the ratio of the two, in place of ``snr``, only for a map whose
          uncertainty is a total error;
        - ``n_false``: the expected number of false peaks in the field that are at least as high:
          the mean number in a noise map; only with noise maps or their record, and NaN for peaks
          below the lowest ones of the record;
        - ``smoothing``: the standard deviation of the Gaussian smoothing of the map (arcmin); NaN
          if the smoothing is not known;
        - ``at_edge``: whether a neighbor of the highest pixel is masked or outside the map.

        ``meta`` holds ``by``, ``threshold``, ``min_separation_arcmin`` and ``troughs``. It also
        holds ``n_false``, the expected number of false peaks above the threshold, its standard
        error ``n_false_err``, and ``n_noise_maps``; or, if this number is not known, the reason as
        ``n_false_unknown``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, ``by`` does not suit the uncertainty of the map, or there are
        fewer than 5 noise maps.

    Warns
    -----
    MapWarning
        If ``by`` is ``"snr"``, but the uncertainty of the map is a total error.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from astropy.coordinates import SkyCoord
    >>> from lensmap import ConvergenceMap, find_peaks
    >>> from lensmap.grid import tangent_wcs
    >>> wcs = tangent_wcs(SkyCoord(150, 2, unit="deg"), (64, 64), 0.5 * u.arcmin)
    >>> y, x = np.indices((64, 64))
    >>> kappa = np.exp(-((x - 20.2) ** 2 + (y - 40) ** 2) / 8)
    >>> peaks = find_peaks(ConvergenceMap(kappa, 0.1 * np.ones((64, 64)), wcs=wcs), 5)
    >>> print(f"{len(peaks)} peak at x = {peaks['x'][0]:.1f}, y = {peaks['y'][0]:.1f}")
    1 peak at x = 20.2, y = 40.0
    """
    check_map(kappa)
    check_number(threshold, "threshold", "finite")
    unit = "a convergence" if by == "kappa" else "a signal-to-noise ratio"
    check_plausible(threshold, "threshold", unit)
    separation = check_angle(min_separation, "min_separation", allow_zero=True)
    sign = -1.0 if troughs else 1.0
    values = sign * detection_image(kappa, by)
    selection = PeakSelection(threshold, separation, exclude_edges)
    y, x = selection.of_image(kappa, values)
    table = peak_table(kappa, values, y, x, edge_pixels(kappa.mask)[y, x])
    false = find_false_peaks(kappa, selection, by, troughs, noise_maps)
    table.meta |= {
        "by": by,
        "threshold": float(threshold),
        "min_separation_arcmin": float(separation.to_value(u.arcmin)),
        "troughs": troughs,
    }
    false.add_to(table, values[y, x], threshold)
    return table


def detection_image(kappa: ConvergenceMap, by: str) -> np.ndarray:
    """Return the image in which peaks are detected.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    by : {"snr", "kappa", "kappa_over_error"}
        The quantity, as for `find_peaks`.

    Returns
    -------
    `numpy.ndarray`
        The image, ``(ny, nx)``.

    Raises
    ------
    ValueError
        If ``by`` is not allowed, or does not suit the uncertainty of the map.

    Warns
    -----
    MapWarning
        If ``by`` is ``"snr"``, but the uncertainty of the map is a total error.
    """
    if check_choice(by, "by", _BY) == "kappa":
        return kappa.data
    if kappa.uncertainty is None:
        raise ParameterError(
            "by", "'kappa' for a map without an uncertainty", repr(by),
            "for 'snr', reconstruct the map with an uncertainty, such as {uncertainty='rotations'}",
        )
    if by == "kappa_over_error" and not has_total_error(kappa):
        raise ParameterError(
            "by", "'snr' or 'kappa' for a map whose uncertainty is noise", repr(by)
        )
    if by == "snr" and has_total_error(kappa):
        warn_user(
            "the uncertainty of the map is its total error about the true convergence, not its "
            "noise: kappa divided by it is no significance and has its own name, kappa_over_error",
            MapWarning, "total-error", "by",
        )
    snr = kappa.snr
    if not kappa.mask.all() and not np.isfinite(snr).any():
        highest = float(np.max(kappa.uncertainty.array[~kappa.mask]))
        raise ParameterError(
            "kappa", "an uncertainty above the rounding errors of kappa",
            f"one of at most {highest:.2g} in all unmasked pixels",
            "check how the map was made, or set {by='kappa'}", verb="have",
        )
    return snr


def peak_table(
    kappa: ConvergenceMap, values: np.ndarray, y: np.ndarray, x: np.ndarray, at_edge: np.ndarray
) -> QTable:
    """Make the table of peaks from their highest pixels.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    values : `numpy.ndarray`
        The detection image, in which the peaks are maxima, ``(ny, nx)``.
    y, x : `numpy.ndarray`
        Row and column of the highest pixel of each peak, ``(n,)``, in the order of the table.
    at_edge : `numpy.ndarray`
        Bool, ``(n,)``: whether a neighbor of this pixel is masked or outside the map.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each peak, with the columns that `find_peaks` returns.
    """
    x_centroid, y_centroid = _centroids(values, y, x)
    sky = kappa.wcs.pixel_to_world(x_centroid, y_centroid).icrs
    peak_kappa = kappa.data[y, x]
    smoothing = np.nan if kappa.smoothing is None else kappa.smoothing.to_value(u.arcmin)
    error = np.full(len(y), np.nan)
    if kappa.uncertainty is not None:
        error = kappa.uncertainty.array[y, x]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = peak_kappa / error
    is_total = has_total_error(kappa)
    table = QTable({
        "id": np.arange(1, len(y) + 1),
        "ra": sky.ra.deg * u.deg,
        "dec": sky.dec.deg * u.deg,
        "x": x_centroid,
        "y": y_centroid,
        "x_peak": x,
        "y_peak": y,
        "kappa": peak_kappa,
        "kappa_err": error,
        "snr": np.full(len(y), np.nan) if is_total else ratio,
        **({"kappa_over_error": ratio} if is_total else {}),
        "smoothing": np.full(len(y), smoothing) * u.arcmin,
        "at_edge": at_edge,
    })
    return set_formats(table, {
        "ra dec": ".5f", "x y snr kappa_over_error": ".2f", "kappa kappa_err": ".4f",
        "smoothing": ".3g",
    })


def _centroids(
    values: np.ndarray, y: np.ndarray, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the centroids (x, y) of peaks, from paraboloids fitted to 3 x 3 pixels.

    ``y`` and ``x`` are the rows and the columns of the highest pixels in the image ``values``. The
    centroid is the maximum of the paraboloid or, if the fit has no maximum near the highest pixel,
    the highest pixel itself. The least-squares fit is the same as in photutils'
    centroid_quadratic, which fits one source at a time.
    """
    padded = np.pad(np.asarray(values, dtype=float), 1, constant_values=np.nan)
    nine = np.stack([padded[y + i, x + j] for i in range(3) for j in range(3)], axis=-1)
    _, a, b, cross, aa, bb = _PARABOLOID @ nine.T
    det = 4 * aa * bb - cross**2
    with np.errstate(invalid="ignore", divide="ignore"):
        dx, dy = (b * cross - 2 * bb * a) / det, (a * cross - 2 * aa * b) / det
    # Not used: saddles, minima, and fits with a NaN, for which all comparisons are False.
    is_maximum = (det > 0) & (aa < 0)
    is_near = np.maximum(np.abs(dx), np.abs(dy)) <= _MAX_CENTROID_OFFSET_PIXELS
    used = is_maximum & is_near
    return x + np.where(used, dx, 0.0), y + np.where(used, dy, 0.0)


def _paraboloid() -> np.ndarray:
    """Return the matrix of the least-squares fit of a paraboloid to 3 x 3 pixels, ``(6, 9)``.

    The matrix converts the nine pixel values to the coefficients of 1, x, y, xy, x^2 and y^2.
    """
    y, x = (part.ravel().astype(float) for part in np.mgrid[-1:2, -1:2])
    return np.linalg.pinv(np.stack([np.ones(9), x, y, x * y, x**2, y**2], axis=1))


_PARABOLOID = _paraboloid()
