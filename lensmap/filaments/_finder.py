# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Detection of filaments, the ridges between the maxima of a map, and their significance."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from scipy.ndimage import distance_transform_edt

from lensmap.filaments._persistence import BORDERS, CONNECTIVITIES
from lensmap.filaments._skeleton import skeleton_arcs
from lensmap.maps import ConvergenceMap, check_map, each_noise_map
from lensmap.typing import AngleLike, MapLike
from lensmap.utils import (
    ParameterError,
    check_angle,
    check_choice,
    check_count,
    check_number,
    check_plausible,
    rounding_level,
    set_formats,
)

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

        - ``id``: the number of the filament, from 1;
        - ``persistence``, ``persistence_sigma``: the difference in kappa between the saddle of the
          filament and the maximum or minimum paired with the saddle, and the same in units of
          ``sigma``. For a filament that starts at an open border, both are those of kappa along
          the border;
        - ``length``: the length of the path on the sky (arcmin);
        - ``kappa_mean``: the mean of kappa along the path; ``kappa_saddle``: kappa at the saddle,
          the lowest point of the ridge;
        - ``excess``: the mean of kappa at distances of up to ``width`` from the path, minus the
          mean at distances of two to three times ``width``. Pixels within three times ``width`` of
          either end of the path are left out, because the ends are maxima such as clusters. NaN if
          no pixel remains;
        - ``excess_err``, ``n_false``: the error of the excess, and the mean number of filaments in
          a noise map with at least this excess. `filament_significance` adds these columns.
    paths : list of `~astropy.coordinates.SkyCoord`
        The path of each filament, from the lower to the higher maximum or from the border to the
        maximum, ``(n,)``, ICRS.
    maxima : `~astropy.table.QTable`
        The significant maxima, where filaments end, with the columns ``ra``, ``dec``, ``kappa``,
        ``x`` and ``y``.
    sigma : float
        The unit of ``threshold`` and ``persistence_sigma`` in kappa, as chosen by the parameter
        ``by`` of `find_filaments`: the standard deviation of the map, its median uncertainty, or 1.
    threshold : float
        The minimum persistence of a filament, in units of ``sigma``.
    width : `~astropy.units.Quantity`
        The half-width of a filament in the measurement of the excess, an angle.
    """

    table: QTable
    paths: list[SkyCoord]
    maxima: QTable
    sigma: float
    threshold: float
    width: u.Quantity
    _pixels: list[np.ndarray] = field(repr=False, default_factory=list)
    _settings: dict = field(repr=False, default_factory=dict)

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return f"<Filaments: {len(self)} above a persistence of {self.threshold:g} sigma>"


def find_filaments(
    kappa: ConvergenceMap,
    threshold: float = 3.0,
    *,
    by: Literal["scatter", "uncertainty", "kappa"] = "scatter",
    smoothing: AngleLike | None = None,
    smooth_path: int = 6,
    min_length: AngleLike | None = None,
    width: AngleLike = "1 arcmin",
    border: Literal["closed", "open"] = "closed",
    connectivity: Literal["pixels", "triangles"] = "pixels",
) -> Filaments:
    r"""Find the filaments of a map: its persistent ridges, as in DisPerSE.

    A filament is the ridge from a persistent saddle up to a maximum on either side, along the
    steepest paths. Persistent homology pairs each saddle with a maximum or a minimum. A saddle is
    persistent if the difference in kappa between the saddle and its partner is at least the
    threshold. A ridge over several maxima is divided into one filament for each saddle.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    threshold : float
        The minimum persistence, in the unit that ``by`` selects.
    by : {"scatter", "uncertainty", "kappa"}
        The unit of the threshold. ``"scatter"``: the standard deviation of kappa over the unmasked
        pixels, as in Cha et al. 2025. ``"uncertainty"``: the median uncertainty of the map.
        ``"kappa"``: kappa itself.
    smoothing : `~astropy.units.Quantity`, str or None
        The standard deviation of a Gaussian that smooths the map before the search, an angle. None
        does not smooth the map.
    smooth_path : int
        The number of smoothing steps of each path. In a step, each position of the path, except the
        ends and the saddle, is replaced by its mean with the two neighboring positions. The
        smoothing length in pixels is about the square root of the number of steps.
    min_length : `~astropy.units.Quantity`, str or None
        The minimum length of filaments on the sky, an angle. None keeps all filaments.
    width : `~astropy.units.Quantity` or str
        The half-width of a filament in the measurement of the excess, an angle.
    border : {"closed", "open"}
        ``"closed"``: filaments lie between maxima inside the map. ``"open"``: also ridges that
        cross the border of the map or of masked pixels, from a maximum of kappa along the border up
        to a maximum of the map. Such a maximum along the border counts as a saddle, and is paired
        with a minimum along the border. ``"closed"`` and ``"open"`` correspond to the options
        ``torus`` and ``natural`` (the default) of DisPerSE for maps that are not periodic.
    connectivity : {"pixels", "triangles"}
        Which pixels are connected. ``"pixels"``: above a level pixels that share a side or a
        corner, below a level pixels that share a side. ``"triangles"``: four pixels around a corner
        form two triangles, as in DisPerSE, so that persistences equal those of DisPerSE; some
        filaments then change if the map is shifted by one pixel.

    Returns
    -------
    Filaments
        The table of filaments, without rows if none are found, and the paths of the filaments.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, pixels are not square, all pixels are masked, the map does not
        vary, or ``by`` is ``"uncertainty"`` for a map without an uncertainty.

    References
    ----------
    Sousbie 2011, MNRAS 414, 350; Sousbie, Pichon & Kawahara 2011, MNRAS 414, 384 (DisPerSE).
    """
    check_map(kappa, unmasked=True, pixels="square")
    check_number(threshold, "threshold", "positive", low=1e-12)
    check_plausible(threshold, "threshold", "a signal-to-noise ratio")
    check_choice(by, "by", _UNITS)
    check_count(smooth_path, "smooth_path")
    check_choice(border, "border", BORDERS)
    check_choice(connectivity, "connectivity", CONNECTIVITIES)
    width = check_angle(width, "width")
    if width < 0.5 * kappa.pixel_scale:
        half_pixel = 0.5 * kappa.pixel_scale.to(u.arcmin)
        raise ParameterError("width", f"at least half a pixel ({half_pixel:.3g})", str(width))
    if min_length is not None:
        min_length = check_angle(min_length, "min_length", allow_zero=True)
    if by == "uncertainty" and kappa.uncertainty is None:
        raise ParameterError(
            "kappa",
            "an uncertainty for {by='uncertainty'}",
            remedy="this map has none; set {by='scatter'} or {by='kappa'}",
            verb="have",
        )
    smoothed = kappa.replace(uncertainty=None, kappa_b=None, counts=None)
    if smoothing is not None:
        smoothed = smoothed.smooth(check_angle(smoothing, "smoothing"))
    sigma = {
        "scatter": lambda: float(np.std(smoothed.data[~smoothed.mask])),
        "uncertainty": lambda: float(np.median(kappa.uncertainty.array[~kappa.mask])),
        "kappa": lambda: 1.0,
    }[by]()
    # The scatter of a map without structure consists of rounding errors.
    if not (0 if by == "kappa" else rounding_level(kappa.data)) < sigma < np.inf:
        allowed = {"scatter": "values that vary", "uncertainty": "a positive uncertainty"}[by]
        same = ("the same value in all unmasked pixels" if by == "scatter" else
                "an uncertainty of 0, up to rounding errors")
        raise ParameterError(
            "kappa",
            allowed,
            same if sigma < np.inf else "values whose square overflows",
            "check how the map was made",
            verb="have",
        )
    search = {"smooth_path": smooth_path, "min_length": min_length, "border": border,
              "connectivity": connectivity}
    filaments = _extract(smoothed, threshold * sigma, width, sigma, **search)
    settings = {"smoothing": smoothing, "search": search}
    return replace(filaments, threshold=float(threshold), _settings=settings)


def _extract(
    kappa, threshold, width, sigma, *, smooth_path, min_length, border, connectivity
):
    """Find the filaments of a map that is already smoothed.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    threshold : float
        The minimum persistence of a filament, in kappa.
    width : `~astropy.units.Quantity`
        The half-width of a filament.
    sigma : float
        The unit of the threshold in kappa, for the column ``persistence_sigma``.
    smooth_path, min_length, border, connectivity : object
        As for `find_filaments`; the minimum length is a quantity or None.

    Returns
    -------
    Filaments
        The filaments.
    """
    arcs, maximum_pixels = skeleton_arcs(
        kappa.data, threshold, kappa.mask, border=border, connectivity=connectivity
    )
    rows, paths, pixels = [], [], []
    for arc in arcs:
        x, y = _smooth(arc, smooth_path)
        sky = kappa.wcs.pixel_to_world(x, y).icrs
        length = np.sum(sky[1:].separation(sky[:-1]).to_value(u.arcmin))
        if min_length is not None and length < min_length.to_value(u.arcmin):
            continue
        path_kappa = kappa.data[arc.pixels[:, 0], arc.pixels[:, 1]]
        rows.append((
            len(rows) + 1, arc.persistence, arc.persistence / sigma, length, path_kappa.mean(),
            path_kappa[arc.saddle], _excess(kappa, arc.pixels, width),
        ))
        paths.append(sky)
        pixels.append(arc.pixels)
    names = ("id", "persistence", "persistence_sigma", "length", "kappa_mean", "kappa_saddle",
             "excess")
    columns = np.array(rows, dtype=float).reshape(-1, len(names)).T
    table = QTable(dict(zip(names, columns, strict=True)))
    table["id"], table["length"] = table["id"].astype(int), table["length"] * u.arcmin
    y, x = maximum_pixels.T
    sky = kappa.wcs.pixel_to_world(x, y).icrs
    maxima = QTable({
        "ra": sky.ra.deg * u.deg, "dec": sky.dec.deg * u.deg, "kappa": kappa.data[y, x], "x": x,
        "y": y,
    })
    set_formats(table, _FORMATS)
    set_formats(maxima, {"ra dec": ".5f", "kappa": ".4f"})
    return Filaments(table, paths, maxima, sigma, threshold / sigma, width, pixels)


def filament_significance(
    kappa: ConvergenceMap, filaments: Filaments, noise_maps: Iterable[MapLike]
) -> tuple[Filaments, float]:
    """Measure the significance of filaments by comparison with noise-only maps.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map in which the filaments were found.
    filaments : Filaments
        The filaments, as returned by `find_filaments`.
    noise_maps : iterable
        At least two noise-only maps from the same estimator, such as maps of randomly rotated
        galaxies, as `~lensmap.ConvergenceMap` or arrays ``(ny, nx)``.

    Returns
    -------
    filaments : Filaments
        The filaments with two additional columns. ``excess_err`` is the standard deviation, over
        the noise maps, of the excess along the path of the filament. ``n_false`` is the mean number
        of filaments found in a noise map, above the same threshold, with at least the excess of
        this filament. Judge filaments by ``n_false``: ridges found in noise also have an excess of
        several ``excess_err`` along their own paths. The smallest nonzero ``n_false`` is 1 over the
        number of noise maps.
    false_filaments : float
        The mean number of filaments found in a noise map above the threshold.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two noise maps, or a noise map and the map differ in shape.
    """
    check_map(kappa, pixels="square")
    settings = filaments._settings
    template = kappa.replace(uncertainty=None, kappa_b=None, counts=None, meta=None)
    excesses, counts, false_excesses = [], [], []
    for data in each_noise_map(noise_maps, kappa):
        noise = template.replace(data=data)
        if settings["smoothing"] is not None:
            noise = noise.smooth(settings["smoothing"])
        excesses.append([_excess(noise, pixels, filaments.width) for pixels in filaments._pixels])
        false = _extract(noise, filaments.threshold * filaments.sigma, filaments.width,
                         filaments.sigma, **settings["search"])
        counts.append(len(false))
        false_excesses.extend(false.table["excess"])
    table = filaments.table.copy()
    error = np.std(np.array(excesses).reshape(len(counts), -1), axis=0, ddof=1)
    table["excess_err"] = error
    sorted_excesses = np.sort(np.nan_to_num(false_excesses, nan=-np.inf))
    n_above = len(sorted_excesses) - np.searchsorted(sorted_excesses, table["excess"])
    table["n_false"] = np.where(np.isfinite(table["excess"]), n_above / len(counts), np.nan)
    set_formats(table, _FORMATS)
    return replace(filaments, table=table), float(np.mean(counts))


def _smooth(arc, n_times):
    """Smooth the path of an `Arc`, a ridge of a map, and return x and y in pixels, ``(2, n)``.

    In each of the ``n_times`` steps, each position is replaced by its mean with the two
    neighboring positions. The ends and the saddle stay fixed.
    """
    path = arc.pixels[:, ::-1].astype(float)
    fixed = [0, arc.saddle, len(path) - 1]
    for _ in range(n_times):
        if len(path) < 3:
            break
        means = (path[:-2] + path[1:-1] + path[2:]) / 3
        means = np.concatenate([path[:1], means, path[-1:]])
        means[fixed] = path[fixed]
        path = means
    return path.T


def _excess(kappa, pixels, width):
    """Return the excess convergence of a filament, a float.

    It is the mean of ``kappa`` up to ``width`` (an angle) from the path minus the mean at two to
    three times ``width``, without the pixels within three times ``width`` of the two ends.
    ``pixels`` are y and x along the path, int, ``(n, 2)``. The result is NaN if no pixel remains.
    """
    scale = width.to_value(u.arcmin) / kappa.pixel_scale.to_value(u.arcmin)
    reach = int(np.ceil(3 * scale)) + 1
    low = np.maximum(pixels.min(axis=0) - reach, 0)
    high = np.minimum(pixels.max(axis=0) + reach + 1, kappa.shape)
    window = np.s_[low[0] : high[0], low[1] : high[1]]

    def distance_to(positions):
        elsewhere = np.ones(tuple(high - low), dtype=bool)
        elsewhere[tuple((positions - low).T)] = False
        return distance_transform_edt(elsewhere)

    distance = distance_to(pixels)
    # The ends of a path are clusters or noise peaks, which are not part of the filament.
    usable = ~kappa.mask[window] & (distance_to(pixels[[0, -1]]) > 3 * scale)
    values = kappa.data[window]
    near = usable & (distance <= scale)
    beside = usable & (distance > 2 * scale) & (distance <= 3 * scale)
    if not near.any() or not beside.any():
        return np.nan
    return float(values[near].mean() - values[beside].mean())
