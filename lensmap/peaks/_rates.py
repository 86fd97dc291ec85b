# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How many clusters a map finds, how many of its peaks are clusters, and how many by chance."""

import numpy as np
from astropy import units as u
from astropy.stats import binom_conf_interval
from astropy.table import QTable, Table

from lensmap.maps import check_map
from lensmap.peaks._matching import match_positions
from lensmap.utils import (
    as_skycoord,
    check_angle,
    check_count,
    check_number,
    check_rising,
    seeded_generator,
    set_formats,
)

__all__ = [
    "binomial_rate",
    "completeness",
    "open_area",
    "peaks_at_density",
    "purity",
    "without_chance",
]


def completeness(
    peaks, reference, radius, *, by=None, bins=None, kappa=None, n_random=20, rng=None
):
    r"""Return the part of a reference catalog that has a peak, in bins of one of its columns.

    Peaks and reference are matched one to one (`match_peaks`). Some matches are chance: their
    rate is measured with the peaks moved about the map, and subtracted,
    :math:`c = (f - f_0) / (1 - f_0)`.

    What completeness means depends on the reference: halos or observed clusters, or the peaks of
    the true map with their projected mass (Cha et al. 2025). Say which, and give the purity, too.

    Parameters
    ----------
    peaks : `~astropy.table.Table` or `~astropy.coordinates.SkyCoord`
        What was found.
    reference : `~astropy.table.Table` or `~astropy.coordinates.SkyCoord`
        What is there.
    radius : `~astropy.units.Quantity` or str
        The largest distance of a match, an angle.
    by : str or None
        The column of ``reference`` that is binned, such as ``"m200c"`` or ``"redshift"``; None
        takes all of it together.
    bins : array_like or None
        The edges, rising, in the unit of the column if they have none; a bin holds its lower edge,
        not its upper one, but for the last. Needed with ``by``.
    kappa : `~lensmap.ConvergenceMap` or None
        The map, for the chance matches: peaks are moved together, around its edges, and those that
        would lie on masked pixels anywhere else on it. Rows of either list whose nearest pixel is
        masked or off the map are left out of all that is counted. None: chance is not measured,
        and nothing is left out: cut both lists to the same area before.
    n_random : int
        How often.
    rng : None, int or `numpy.random.Generator`
        The seed or generator of the displacements; None draws a seed.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin, with the columns

        - ``bin_low``, ``bin_high``: its edges; ``n``: how many of the reference it has (on open
          pixels, with ``kappa``), where none, all rates are NaN;
        - ``n_matched``; ``rate``: the part of them; ``rate_low``, ``rate_high``: its 68 per cent
          interval (binomial, Jeffreys);
        - ``chance``: the part that is matched with the peaks moved; NaN if not measured;
        - ``corrected``, ``corrected_low``, ``corrected_high``: the same as ``rate`` without chance.

        ``meta`` has ``rate``, ``"completeness"`` or ``"purity"``, ``by`` and, with ``kappa``, the
        ``seed``.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or all pixels of ``kappa`` are masked.

    References
    ----------
    Brown, Cai & DasGupta 2001, Stat. Sci. 16, 101 (the interval).
    """
    return _rates(reference, peaks, radius, by, bins, kappa, n_random, rng,
                  names=("reference", "peaks"), what="completeness")


def purity(peaks, reference, radius, *, by=None, bins=None, kappa=None, n_random=20, rng=None):
    """Return the part of the peaks that has a counterpart, in bins of one of their columns.

    As `completeness`, with the parts exchanged: ``by`` is a column of ``peaks``, such as
    ``"snr"``, and the reference is moved about the map. With ``kappa``, of both lists those on open
    pixels count; without, cut both to the same area before.

    Parameters
    ----------
    peaks, reference, radius, by, bins, kappa, n_random, rng : object
        As for `completeness`.

    Returns
    -------
    `~astropy.table.QTable`
        As of `completeness`.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used.
    """
    return _rates(peaks, reference, radius, by, bins, kappa, n_random, rng,
                  names=("peaks", "reference"), what="purity")


def open_area(kappa):
    """Return the solid angle of the pixels that are not masked.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.

    Returns
    -------
    `~astropy.units.Quantity`
        Square degrees, by the size of the pixel at the center.
    """
    check_map(kappa)
    return (np.count_nonzero(~kappa.mask) * kappa.pixel_scale**2).to(u.deg**2)


def peaks_at_density(peaks, peak_density, kappa):
    """Return the highest peaks of a map, as many as a density on the sky says.

    Methods whose signal to noise means different things are compared at equal density.

    Parameters
    ----------
    peaks : `~astropy.table.Table`
        The highest first, as of `find_peaks`.
    peak_density : `~astropy.units.Quantity`
        A number per solid angle.
    kappa : `~lensmap.ConvergenceMap`
        Their map.

    Returns
    -------
    `~astropy.table.Table`
        The first rows.

    Raises
    ------
    TypeError, ValueError
        If there are fewer peaks than that: find them with a lower threshold.
    """
    if not isinstance(peak_density, u.Quantity) or (
        not peak_density.unit.is_equivalent(1 / u.deg**2)
    ):
        raise TypeError(f"peak_density must be a number per solid angle, not {peak_density!r}")
    number = float(peak_density * open_area(kappa))
    check_number(number, "peak_density", "positive", low=1e-12)
    if round(number) > len(peaks):
        raise ValueError(
            f"peak_density asks for {round(number)} peaks, but there are {len(peaks)}: find more "
            "with a lower threshold"
        )
    return peaks[: round(number)]


def _rates(ours, theirs, radius, by, bins, kappa, n_random, rng, names, what):
    """Return how many of ours have one of theirs."""
    radius = check_angle(radius, "radius")
    our_sky, their_sky = as_skycoord(ours, names[0]), as_skycoord(theirs, names[1])
    which, low, high = _in_bins(ours, by, bins, len(our_sky), names[0])
    if kappa is not None:
        # Moved around the edges, what lies off the map would be folded into it.
        ours_open, theirs_open = (_on_open_pixels(sky, kappa) for sky in (our_sky, their_sky))
        our_sky, which, their_sky = our_sky[ours_open], which[ours_open], their_sky[theirs_open]

    def count(sky):
        first, _, _ = match_positions(our_sky, sky, radius)
        chosen = which[first]
        return np.bincount(chosen[chosen >= 0], minlength=len(low))

    n = np.bincount(which[which >= 0], minlength=len(low))
    matched = count(their_sky)
    rate, interval = binomial_rate(matched, n)
    chance, seed = np.full(len(low), np.nan), {}
    if kappa is not None:
        rng, seed = seeded_generator(rng)
        moved = [
            count(_moved(their_sky, kappa, rng))
            for _ in range(check_count(n_random, "n_random", minimum=1))
        ]
        with np.errstate(invalid="ignore", divide="ignore"):
            chance = np.mean(moved, axis=0) / n
    rates = {"rate": rate, "rate_low": interval[0], "rate_high": interval[1]}
    table = QTable({"bin_low": low, "bin_high": high, "n": n, "n_matched": matched, **rates,
                    "chance": chance, **without_chance(rates, chance)},
                   meta={"rate": what, "by": by, **seed})
    return set_formats(table, {"bin_low bin_high": ".4g"}, others=".3f")


def without_chance(rates, chance):
    """Return rates less what is chance, :math:`(f - f_0) / (1 - f_0)`; NaN where all of it is.

    Parameters
    ----------
    rates : dict
        From names with ``rate`` in them to numbers or arrays.
    chance : float or `numpy.ndarray`
        The rate of chance.

    Returns
    -------
    dict
        The same with ``corrected`` in the names.
    """
    chance = np.asarray(chance, dtype=float)
    rest = np.where(chance < 1, 1 - chance, np.nan)
    return {name.replace("rate", "corrected"): (value - chance) / rest
            for name, value in rates.items()}


def _in_bins(table, by, bins, n, name):
    """Return the bin of each row, -1 for none, and the edges."""
    if by is None:
        if bins is not None:
            raise ValueError("bins need by, the column that they are of")
        return np.zeros(n, dtype=int), np.array([-np.inf]), np.array([np.inf])
    if not isinstance(table, Table) or by not in table.colnames:
        there = ", ".join(getattr(table, "colnames", [])) or "none: it is no table"
        raise ValueError(f"by must be a column of {name}, not {by!r}; there are {there}")
    values = u.Quantity(table[by])
    if bins is None:
        raise ValueError("by needs bins, the edges")
    edges = u.Quantity(bins)
    if edges.unit == u.dimensionless_unscaled:
        edges = edges.value * values.unit
    try:
        edges = edges.to(values.unit)
    except u.UnitConversionError:
        raise ValueError(
            f"bins must be in units of the column {by!r}, {values.unit}, not {edges.unit}"
        ) from None
    check_rising(edges.value, "bins", given=bins)
    which = np.searchsorted(edges.value, values.value, side="right") - 1
    which[values.value == edges.value[-1]] = len(edges) - 2
    which[which >= len(edges) - 1] = -1
    return which, edges[:-1], edges[1:]


def binomial_rate(k, n):
    """Return a rate and its 68 per cent interval; NaN where there is nothing to count.

    Parameters
    ----------
    k, n : `numpy.ndarray`
        How many, and of how many, ``(m,)``, int.

    Returns
    -------
    rate : `numpy.ndarray`
        ``(m,)``.
    interval : `numpy.ndarray`
        Its lower and its upper end (Jeffreys), ``(2, m)``.
    """
    some = n > 0
    rate = np.divide(k, n, out=np.full(len(n), np.nan), where=some)
    interval = np.full((2, len(n)), np.nan)
    if some.any():
        interval[:, some] = binom_conf_interval(k[some], n[some], interval="jeffreys")
    return rate, interval


def _on_open_pixels(sky, kappa):
    """Return which positions have a nearest pixel that is on the map and not masked."""
    check_map(kappa)
    if kappa.mask.all():
        raise ValueError("kappa has no pixel that is not masked")
    ny, nx = kappa.shape
    x, y = (np.rint(v) for v in kappa.wcs.world_to_pixel(sky))
    # The other side of the sky is NaN, which is in no range.
    there = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
    there[there] = ~kappa.mask[y[there].astype(int), x[there].astype(int)]
    return there


def _moved(sky, kappa, rng):
    """Move positions on a map about it, together and around its edges."""
    ny, nx = kappa.shape
    x, y = kappa.wcs.world_to_pixel(sky)
    x, y = ((v + 0.5 + n * rng.random()) % n - 0.5 for v, n in ((x, nx), (y, ny)))
    closed = kappa.mask[_pixel(y, ny), _pixel(x, nx)]
    open_y, open_x = np.nonzero(~kappa.mask)
    there = rng.integers(len(open_y), size=int(closed.sum()))
    x[closed] = open_x[there] + rng.uniform(-0.5, 0.5, len(there))
    y[closed] = open_y[there] + rng.uniform(-0.5, 0.5, len(there))
    return kappa.wcs.pixel_to_world(x, y)


def _pixel(position, n):
    return np.clip(np.rint(position).astype(int), 0, n - 1)
