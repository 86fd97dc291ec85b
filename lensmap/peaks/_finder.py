# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`find_peaks`: the local maxima of a map, as a table."""

import warnings

import numpy as np
from astropy import units as u
from astropy.coordinates import search_around_sky
from astropy.table import QTable
from photutils.detection import find_peaks as local_maxima
from photutils.utils.exceptions import NoDetectionsWarning
from scipy import ndimage

from lensmap.maps import check_map
from lensmap.utils import check_angle, check_choice, check_number, set_formats

__all__ = ["find_peaks", "heights", "peak_table"]

_BY = ("snr", "kappa")

# The distance of neighboring pixels, corners included, in pixels, and a little more.
_NEIGHBORS = 1.5

# A centroid further than this from its pixel, in pixels, is none.
_FARTHEST = 1.0


def find_peaks(
    kappa,
    threshold=3.0,
    *,
    by="snr",
    min_separation="2 arcmin",
    troughs=False,
    exclude_edges=False,
):
    """Find the peaks of a map.

    A peak is a pixel above the threshold that none of its eight neighbors exceeds; of peaks closer
    to each other than ``min_separation``, the highest counts. Masked pixels are neither peaks nor
    in the way of any.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    threshold : float
        What a peak exceeds, in units of ``by``. Choose it such that maps of noise alone
        (`lensmap.grid.noise_realizations`) have few peaks; 3 leaves one or two in a field of half
        a degree by Kaiser-Squires.
    by : {"snr", "kappa"}
        Signal to noise, kappa over the map's own uncertainty; or kappa. For linear estimators it is
        a number of Gaussian sigmas. Of networks it is none: their noise is close to 0 nearly
        everywhere and rarely as high as a cluster, and with ``uncertainty="rotations"`` a map
        without any signal has several peaks above "4 sigma".
    min_separation : `~astropy.units.Quantity` or str
        An angle on the sky. Peaks in neighboring pixels are one in any case.
    troughs : bool
        Whether minima are found instead: what exceeds the threshold is minus the map.
    exclude_edges : bool
        Whether peaks are left out that have a neighbor without data, or outside of the map: that
        they are the highest place is not sure. They hide no lower peak close to them.

    Returns
    -------
    `~astropy.table.QTable`
        One row per peak, the highest in ``by`` first; no rows if there is none. The columns are

        - ``id``: from 1;
        - ``ra``, ``dec``: ICRS, degrees, of the centroid;
        - ``x``, ``y``: its pixel position, 0-based: the maximum of a paraboloid through the
          pixels around the highest one, where they have data, else that pixel;
        - ``x_peak``, ``y_peak``: the highest pixel;
        - ``kappa``, ``kappa_err``, ``snr``: its value; errors are NaN in a map without any;
        - ``smoothing``: the standard deviation of the Gaussian that the map was smoothed with,
          arcmin; NaN if the map does not say;
        - ``at_edge``: whether it has a neighbor without data.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or S/N is asked of a map without uncertainty.

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
    separation = check_angle(min_separation, "min_separation", allow_zero=True)
    sign = -1.0 if troughs else 1.0
    values = sign * heights(kappa, by, "peaks")
    y, x = _maxima(values, kappa.mask, threshold)
    at_edge = _at_edge(kappa.mask)
    if exclude_edges:  # before the separation, so that none of them hides another
        inner = ~at_edge[y, x]
        y, x = y[inner], x[inner]
    order = np.argsort(-values[y, x], kind="stable")
    y, x = y[order], x[order]
    keep = _apart(kappa, y, x, separation)
    y, x = y[keep], x[keep]
    return peak_table(kappa, values, y, x, at_edge[y, x])


def heights(kappa, by, what):
    """Return what the peaks of a map are peaks of.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    by : {"snr", "kappa"}
        Signal to noise, or kappa.
    what : str
        What is looked for, for the error message.

    Returns
    -------
    `numpy.ndarray`
        ``(ny, nx)``.

    Raises
    ------
    ValueError
        If ``by`` is neither, or the map has no uncertainty and S/N is asked for.
    """
    if check_choice(by, "by", _BY) == "kappa":
        return kappa.data
    if kappa.uncertainty is None:
        raise ValueError(
            "kappa has no uncertainty, so that there is no S/N: reconstruct it with one, or find "
            f"{what} by='kappa'"
        )
    return kappa.snr


def peak_table(kappa, values, y, x, at_edge):
    """Return the table of peaks at some pixels.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    values : `numpy.ndarray`
        What has its maxima there, ``(ny, nx)``.
    y, x : `numpy.ndarray`
        The pixels, ``(n,)``, in the order of the table.
    at_edge : `numpy.ndarray`
        Bool, ``(n,)``.

    Returns
    -------
    `~astropy.table.QTable`
        As of `find_peaks`.
    """
    x_fine, y_fine = _centroids(values, y, x)
    sky = kappa.wcs.pixel_to_world(x_fine, y_fine).icrs
    height = kappa.data[y, x]
    error = np.full(len(y), np.nan)
    if kappa.uncertainty is not None:
        error = kappa.uncertainty.array[y, x]
    with np.errstate(divide="ignore", invalid="ignore"):
        snr = height / error
    return _shown(QTable(
        {
            "id": np.arange(1, len(y) + 1),
            "ra": sky.ra.deg * u.deg,
            "dec": sky.dec.deg * u.deg,
            "x": x_fine,
            "y": y_fine,
            "x_peak": x,
            "y_peak": y,
            "kappa": height,
            "kappa_err": error,
            "snr": snr,
            "smoothing": np.full(len(y), _arcmin(kappa.smoothing)) * u.arcmin,
            "at_edge": at_edge,
        }
    ))


def _shown(table):
    return set_formats(table, {
        "ra dec": ".5f", "x y snr": ".2f", "kappa kappa_err": ".4f", "smoothing": ".3g",
    })


def _arcmin(angle):
    return np.nan if angle is None else angle.to_value(u.arcmin)


def _maxima(values, mask, threshold):
    """Return the pixels (y, x) that no neighbor exceeds."""
    bad = mask | ~np.isfinite(values)
    if bad.all():
        return np.zeros(0, dtype=int), np.zeros(0, dtype=int)
    lowest = values[~bad].min()
    # photutils lets masked pixels hide their neighbors, and takes what lies outside for 0: here
    # all that is not data is lower than the data, and the data are positive.
    filled = np.where(bad, 0.0, values - lowest + 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        found = local_maxima(filled, threshold - lowest + 1.0, box_size=3, mask=bad)
    if found is None:
        return np.zeros(0, dtype=int), np.zeros(0, dtype=int)
    return np.asarray(found["y_peak"]), np.asarray(found["x_peak"])


def _apart(kappa, y, x, separation):
    """Of peaks closer to each other than an angle, the highest first, keep the highest."""
    if len(y) == 0:
        return np.zeros(0, dtype=bool)
    radius = max(separation, _NEIGHBORS * kappa.pixel_scale)
    sky = kappa.wcs.pixel_to_world(x, y)
    one, other, _, _ = search_around_sky(sky, sky, radius)
    lower = one < other
    starts = np.searchsorted(one[lower], np.arange(len(y) + 1))
    others = other[lower]
    keep = np.ones(len(y), dtype=bool)
    for i in range(len(y)):
        if keep[i]:
            keep[others[starts[i] : starts[i + 1]]] = False
    return keep


def _at_edge(mask):
    return ndimage.binary_dilation(mask, np.ones((3, 3), dtype=bool), border_value=1)


def _centroids(values, y, x):
    """Return x and y of the maxima of paraboloids through the pixels around the highest ones.

    By least squares, as photutils' centroid_quadratic does for one source at a time.
    """
    padded = np.pad(np.asarray(values, dtype=float), 1, constant_values=np.nan)
    around = np.stack([padded[y + i, x + j] for i in range(3) for j in range(3)], axis=-1)
    _, a, b, cross, aa, bb = _PARABOLOID @ around.T
    det = 4 * aa * bb - cross**2
    with np.errstate(invalid="ignore", divide="ignore"):
        dx, dy = (b * cross - 2 * bb * a) / det, (a * cross - 2 * aa * b) / det
    # NaN, where a pixel has no data, is in no range. Not a maximum: a saddle, or a minimum.
    good = (det > 0) & (aa < 0) & (np.abs(dx) <= _FARTHEST) & (np.abs(dy) <= _FARTHEST)
    return x + np.where(good, dx, 0.0), y + np.where(good, dy, 0.0)


def _paraboloid():
    """Return what makes the coefficients of 1, x, y, xy, x^2, y^2 of nine pixels."""
    y, x = (part.ravel().astype(float) for part in np.mgrid[-1:2, -1:2])
    return np.linalg.pinv(np.stack([np.ones(9), x, y, x * y, x**2, y**2], axis=1))


_PARABOLOID = _paraboloid()
