# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The linear methods as good as they can be: a network that beats poor ones has shown nothing."""

from typing import NamedTuple

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.cosmology import convergence_power, get_cosmology
from lensmap.estimators import KaiserSquires, WienerFilter
from lensmap.flatsky import measure_power
from lensmap.scores import pearson_r, rmse
from lensmap.simulate import draw_fields, resolution_transfer
from lensmap.utils import check_count, set_formats
from lensmap.validation._setup import ValidationSetup, series_seed

__all__ = ["LinearRivals", "measured_power", "tune_linear"]

_SMOOTHINGS = (0.5, 0.6, 0.7, 0.85, 1.0, 1.25, 1.5, 2.0, 2.5) * u.arcmin

# Where the best smoothing is the widest of all, wider ones are tried, up to this.
_STEP, _WIDEST = 1.25, 30 * u.arcmin


class LinearRivals(NamedTuple):
    """The linear methods at their best, and how that was found.

    Attributes
    ----------
    kaiser_squires : KaiserSquires
        At the smoothing with the lowest error.
    wiener : WienerFilter
        With the power measured on other fields of the simulation, or with that of the theory.
    scores : `~astropy.table.QTable`
        All that was tried: ``method``, ``smoothing`` (NaN for the Wiener filter), ``rmse`` (of
        all pixels of all fields) and ``pearson_r`` (the mean over fields).
    """

    kaiser_squires: KaiserSquires
    wiener: WienerFilter
    scores: QTable


def tune_linear(
    setup, n_fields=8, *, seed=0, smoothings=_SMOOTHINGS, workers=None, progress=None
):
    """Find the best smoothing of Kaiser-Squires and the best prior of the Wiener filter.

    They are chosen by their root mean square error on fields of the same set-up that are not those
    of `compare`.

    Parameters
    ----------
    setup : ValidationSetup
        What is simulated. For one without lensing, the same with lensing.
    n_fields : int
        How many fields, at least 1; all are held in memory.
    seed : int
        Which series of fields, see `series_seed`.
    smoothings : `~astropy.units.Quantity`
        What is tried for Kaiser-Squires, angles; wider ones are tried as well as long as the
        widest is the best.
    workers : int or None
        How many processes draw fields, as for `lensmap.simulate.draw_fields`.
    progress : None, bool or callable
        As for `lensmap.utils.track`.

    Returns
    -------
    LinearRivals
        ``(kaiser_squires, wiener, scores)``.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.
    """
    if not isinstance(setup, ValidationSetup):
        raise TypeError(f"setup must be a ValidationSetup, not {type(setup).__name__}")
    check_count(n_fields, "n_fields", minimum=1)
    smoothings = u.Quantity(smoothings).to(u.arcmin)
    if smoothings.ndim != 1 or len(smoothings) == 0 or not np.all(smoothings > 0):
        raise ValueError(f"smoothings must be one or more positive angles, not {smoothings}")
    setup = setup.replace(null=False)
    observations = list(
        draw_fields(
            setup, n_fields, seed=series_seed("tuning", seed), workers=workers, progress=progress
        )
    )
    tried = _try_smoothings(observations, np.sort(smoothings))
    best = min(tried, key=tried.get)
    power = measured_power(observations, setup)
    filters = {
        "Wiener, measured power": WienerFilter(power=power, dtype="float32"),
        "Wiener, power of the theory": _theoretical(setup),
    }
    rows = [("Kaiser-Squires", smoothing, *score) for smoothing, score in tried.items()]
    errors = {}
    for name, wiener in filters.items():
        score = errors[name] = _score(wiener, observations)
        rows.append((name, np.nan * u.arcmin, *score))
    scores = QTable(rows=rows, names=("method", "smoothing", "rmse", "pearson_r"))
    set_formats(scores, {}, others=".4g")
    return LinearRivals(_kaiser_squires(best), filters[min(errors, key=errors.get)], scores)


def _try_smoothings(observations, smoothings):
    """Return (error, correlation) by smoothing, with wider ones until one is too wide."""
    tried = {s: _score(_kaiser_squires(s), observations) for s in smoothings}
    while True:
        widest = max(tried)
        if min(tried, key=tried.get) != widest or widest * _STEP > _WIDEST:
            return tried
        wider = widest * _STEP
        tried[wider] = _score(_kaiser_squires(wider), observations)


def _kaiser_squires(smoothing):
    return KaiserSquires(smoothing=smoothing, dtype="float32")


def _score(estimator, observations):
    """Return the error over all pixels and the mean correlation: the lower, the better."""
    squares, correlations, n = 0.0, [], 0
    for truth, grid, _ in observations:
        kappa = estimator.reconstruct(grid)
        size = np.count_nonzero(~kappa.mask)
        squares += size * rmse(truth, kappa.data, kappa.mask) ** 2
        n += size
        correlations.append(pearson_r(truth, kappa.data, kappa.mask))
    return float(np.sqrt(squares / n)), float(np.mean(correlations))


def measured_power(observations, setup):
    """Return the power of the true fields, in the form in which the Wiener filter takes it.

    That is without the window of the pixels, by which the filter multiplies. (Power from beyond
    the frequencies of the grid is in it: next to the last of them, some ten per cent.)

    Parameters
    ----------
    observations : iterable of Observation
        The fields.
    setup : ValidationSetup
        What they are of.

    Returns
    -------
    tuple of `numpy.ndarray`
        Multipoles and power.
    """
    pixel = setup.sky.pixel_scale.to_value(u.rad)
    return measure_power((truth for truth, *_ in observations), pixel)[:2]


def _theoretical(setup):
    sky = setup.sky
    if sky.resolution is None:
        # Without the default cosmology, the repr in reports stays short.
        cosmology = None if sky.cosmology == get_cosmology(None) else sky.cosmology
        return WienerFilter(z_source=sky.z_source, cosmology=cosmology, dtype="float32")
    ell = np.geomspace(1.0, 1e6, 400)
    power = convergence_power(ell, sky.z_source, sky.cosmology)
    power = power * resolution_transfer(ell, sky.resolution) ** 2
    # The filter needs a positive power, also on scales that the resolution has erased.
    return WienerFilter(power=(ell, np.maximum(power, 1e-20 * power.max())), dtype="float32")
