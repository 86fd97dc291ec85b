# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`find_filaments`: the ridges of a mass map, as paths on the sky."""

from dataclasses import dataclass, field, replace

import numpy as np
from astropy import units as u
from astropy.table import QTable
from scipy.ndimage import distance_transform_edt

from lensmap.filaments._skeleton import skeleton_arcs
from lensmap.maps import check_map, each_noise_map
from lensmap.utils import check_angle, check_choice, check_count, check_number, set_formats

__all__ = ["Filaments", "filament_significance", "find_filaments"]

_FORMATS = {
    "persistence kappa_mean kappa_saddle excess excess_err": ".4f",
    "persistence_sigma length n_false": ".2f",
}

_UNITS = ("scatter", "uncertainty", "kappa")


@dataclass(frozen=True, eq=False)
class Filaments:
    """The filaments of a map.

    Attributes
    ----------
    table : `~astropy.table.QTable`
        One row for each filament, the most persistent first, with the columns

        - ``id``: from 1; ``persistence``, ``persistence_sigma``: of its saddle, in kappa and in the
          unit of the threshold;
        - ``length``: along the path, on the sky, arcmin;
        - ``kappa_mean``, ``kappa_saddle``: along the path, and at its lowest point;
        - ``excess``: the mean of kappa within ``width`` of the path, less that between two and
          three times as far; within three times the width of its ends, which are maxima, nothing
          counts (NaN if nothing is left);
        - after `filament_significance`, ``excess_err`` and ``n_false``.
    paths : list of `~astropy.coordinates.SkyCoord`
        From the lower maximum to the higher one, ``(n,)`` each, ICRS.
    maxima : `~astropy.table.QTable`
        The ends of filaments: ``ra``, ``dec``, ``kappa``, ``x``, ``y``.
    sigma : float
        The unit of the threshold, kappa.
    threshold : float
        The smallest persistence, in units of sigma.
    width : `~astropy.units.Quantity`
        As it was asked for.
    """

    table: QTable
    paths: list
    maxima: QTable
    sigma: float
    threshold: float
    width: u.Quantity
    _pixels: list = field(repr=False, default_factory=list)
    _settings: dict = field(repr=False, default_factory=dict)

    def __len__(self):
        return len(self.table)

    def __repr__(self):
        return f"<Filaments: {len(self)} above a persistence of {self.threshold:g} sigma>"


def find_filaments(
    kappa, threshold=3.0, *, by="scatter", smoothing=None, smooth_path=6, min_length=None,
    width="1 arcmin",
):
    r"""Find the filaments of a map: its ridges, simplified by persistence, as DisPerSE does.

    From each saddle that lasts, the steepest ways up to a maximum on either side. A saddle lasts
    if its persistence, the difference of kappa to the maximum or the minimum that it is paired
    with, is at least the threshold. Long chains of maxima are as many filaments as there are
    saddles between.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    threshold : float
        The smallest persistence, in the unit that ``by`` names.
    by : {"scatter", "uncertainty", "kappa"}
        The standard deviation of the map over its open pixels, as Cha et al. 2025 have it; the
        median of the map's uncertainty; or kappa itself.
    smoothing : `~astropy.units.Quantity`, str or None
        The standard deviation of a Gaussian that the map is smoothed with first, an angle.
    smooth_path : int
        How often each position of a path is replaced by the mean of its neighbors and itself, the
        ends and the saddle fixed; in pixels, the scale is the root of about this number.
    min_length : `~astropy.units.Quantity`, str or None
        Shorter filaments are left out.
    width : `~astropy.units.Quantity` or str
        For the excess, an angle.

    Returns
    -------
    Filaments
        A table and the paths; without rows if there is none.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or the uncertainty is asked of a map without any.

    References
    ----------
    Sousbie 2011, MNRAS 414, 350; Sousbie, Pichon & Kawahara 2011, MNRAS 414, 384 (DisPerSE).
    """
    check_map(kappa)
    check_number(threshold, "threshold", "positive", low=1e-12)
    check_choice(by, "by", _UNITS)
    check_count(smooth_path, "smooth_path")
    width = check_angle(width, "width")
    if width < 0.5 * kappa.pixel_scale:
        raise ValueError(
            f"width must be at least half a pixel, {0.5 * kappa.pixel_scale.to(u.arcmin):.3g}, not "
            f"{width}"
        )
    if min_length is not None:
        min_length = check_angle(min_length, "min_length", allow_zero=True)
    if by == "uncertainty" and kappa.uncertainty is None:
        raise ValueError("the map has no uncertainty: take by='scatter' or 'kappa'")
    plain = kappa.replace(uncertainty=None, kappa_b=None, counts=None)
    if smoothing is not None:
        plain = plain.smooth(check_angle(smoothing, "smoothing"))
    if plain.mask.all():
        raise ValueError("the map has no pixel that is not masked")
    sigma = {
        "scatter": lambda: float(np.std(plain.data[~plain.mask])),
        "uncertainty": lambda: float(np.median(kappa.uncertainty.array[~kappa.mask])),
        "kappa": lambda: 1.0,
    }[by]()
    found = _extract(plain, threshold * sigma, smooth_path, min_length, width, sigma)
    settings = {"smoothing": smoothing, "smooth_path": smooth_path, "min_length": min_length}
    return replace(found, threshold=float(threshold), _settings=settings)


def _extract(kappa, threshold, smooth_path, min_length, width, sigma):
    """Find filaments above a persistence in kappa."""
    arcs, tops = skeleton_arcs(kappa.data, threshold, kappa.mask)
    rows, paths, pixels = [], [], []
    for arc in arcs:
        x, y = _smooth(arc, smooth_path)
        sky = kappa.wcs.pixel_to_world(x, y).icrs
        length = np.sum(sky[1:].separation(sky[:-1]).to_value(u.arcmin))
        if min_length is not None and length < min_length.to_value(u.arcmin):
            continue
        along = kappa.data[arc.pixels[:, 0], arc.pixels[:, 1]]
        rows.append((
            len(rows) + 1, arc.persistence, arc.persistence / sigma, length, along.mean(),
            along[arc.saddle], _excess(kappa, arc.pixels, width),
        ))
        paths.append(sky)
        pixels.append(arc.pixels)
    names = ("id", "persistence", "persistence_sigma", "length", "kappa_mean", "kappa_saddle",
             "excess")
    columns = np.array(rows, dtype=float).reshape(-1, len(names)).T
    table = QTable(dict(zip(names, columns, strict=True)))
    table["id"], table["length"] = table["id"].astype(int), table["length"] * u.arcmin
    sky = kappa.wcs.pixel_to_world(tops[:, 1], tops[:, 0]).icrs
    maxima = QTable({
        "ra": sky.ra.deg * u.deg, "dec": sky.dec.deg * u.deg,
        "kappa": kappa.data[tops[:, 0], tops[:, 1]], "x": tops[:, 1], "y": tops[:, 0],
    })
    set_formats(table, _FORMATS)
    set_formats(maxima, {"ra dec": ".5f", "kappa": ".4f"})
    return Filaments(table, paths, maxima, sigma, threshold / sigma, width, pixels)


def filament_significance(kappa, filaments, noise_maps):
    """Say how filaments compare with noise.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map that they were found in.
    filaments : Filaments
        Of `find_filaments`.
    noise_maps : iterable
        Maps of noise alone by the same estimator, as `~lensmap.ConvergenceMap` or arrays
        ``(ny, nx)``: of galaxies turned at random, for instance. At least two.

    Returns
    -------
    filaments : Filaments
        With the columns ``excess_err``, the scatter of the excess along the same path in noise, and
        ``n_false``: the mean number of filaments that are *found* in a noise map, above the same
        threshold, with at least this excess. (A ridge of noise has an excess along its own path of
        several ``excess_err``, since it was found there.) No less than 1 / (noise maps) can be
        told: 0 is below that.
    false_filaments : float
        The mean number of filaments above the threshold in a noise map.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two maps, or of another shape.
    """
    check_map(kappa)
    settings = filaments._settings
    plain = kappa.replace(uncertainty=None, kappa_b=None, counts=None, meta=None)
    excesses, counts, false = [], [], []
    for data in each_noise_map(noise_maps, kappa):
        one = plain.replace(data=data)
        if settings["smoothing"] is not None:
            one = one.smooth(settings["smoothing"])
        excesses.append([_excess(one, pixels, filaments.width) for pixels in filaments._pixels])
        found = _extract(one, filaments.threshold * filaments.sigma, settings["smooth_path"],
                         settings["min_length"], filaments.width, filaments.sigma)
        counts.append(len(found))
        false.extend(found.table["excess"])
    table = filaments.table.copy()
    error = np.std(np.array(excesses).reshape(len(counts), -1), axis=0, ddof=1)
    table["excess_err"] = error
    false = np.sort(np.nan_to_num(false, nan=-np.inf))
    above = len(false) - np.searchsorted(false, table["excess"])
    table["n_false"] = np.where(np.isfinite(table["excess"]), above / len(counts), np.nan)
    set_formats(table, _FORMATS)
    return replace(filaments, table=table), float(np.mean(counts))


def _smooth(arc, times):
    """Return x and y of a path after so many means with the neighbors."""
    path = arc.pixels[:, ::-1].astype(float)
    fixed = [0, arc.saddle, len(path) - 1]
    for _ in range(times):
        if len(path) < 3:
            break
        means = (path[:-2] + path[1:-1] + path[2:]) / 3
        means = np.concatenate([path[:1], means, path[-1:]])
        means[fixed] = path[fixed]
        path = means
    return path.T


def _excess(kappa, pixels, width):
    """Return the mean of kappa near a path less that beside it, away from its ends."""
    scale = width.to_value(u.arcmin) / kappa.pixel_scale.to_value(u.arcmin)
    reach = int(np.ceil(3 * scale)) + 1
    low = np.maximum(pixels.min(axis=0) - reach, 0)
    high = np.minimum(pixels.max(axis=0) + reach + 1, kappa.shape)
    window = np.s_[low[0] : high[0], low[1] : high[1]]

    def distance_to(places):
        away = np.ones(tuple(high - low), dtype=bool)
        away[tuple((places - low).T)] = False
        return distance_transform_edt(away)

    distance = distance_to(pixels)
    # At the ends are clusters, or what noise has for them: they are no part of the filament.
    open_ = ~kappa.mask[window] & (distance_to(pixels[[0, -1]]) > 3 * scale)
    values = kappa.data[window]
    near = open_ & (distance <= scale)
    beside = open_ & (distance > 2 * scale) & (distance <= 3 * scale)
    if not near.any() or not beside.any():
        return np.nan
    return float(values[near].mean() - values[beside].mean())
