# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Calibration of the confidence intervals of a network on simulated observations."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from astropy.table import Table
from scipy.optimize import minimize
from scipy.special import expit

from lensmap.networks._calibration import (
    IntervalCalibration,
    calibration_variables,
    scaled_variables,
    terms,
)
from lensmap.networks._inputs import INPUTS, GridArrays
from lensmap.networks._network import Network
from lensmap.networks._residuals import ResidualSpectrum, mean_variables
from lensmap.networks.training._examples import SurveyRange, TrainingExamples
from lensmap.networks.training._field_set import FieldSet
from lensmap.networks.training._losses import LEVELS
from lensmap.typing import PathLike, ProgressLike
from lensmap.utils import ParameterError, check_count, track

__all__ = ["calibrate", "fit_calibration", "observations_of"]

# The channels on which the factors depend, where the network has them: pixel scale, noise, and the
# fraction of the neighborhood that has data. With the gains as well, the coverage varies more with
# the source redshift: the network has made use of the gains already.
_CHANNELS = ("log pixel", "log noise", "weight 3")

# The fraction of the highest pixels of a map, which are all used.
_HIGH_FRACTION = 0.005

# Masked pixels are used if at least this fraction of their neighborhood has data.
_MIN_WEIGHT = 0.2

# The total weight of the highest pixels relative to that of the random pixels.
_HIGH_WEIGHT = 0.5

# The range of each variable covers all pixels but this fraction on either side.
_BEYOND = 0.002

# The channels whose means over the field determine the correlation of errors, where the network has
# them, and the edges of the bands of wavenumbers at which it is measured, in cycles per pixel.
_FIELD_CHANNELS = ("log pixel", "log noise", "gain 1.5", "gain 6")
_BAND_EDGES = np.geomspace(0.008, 0.5, 15)

# The smallest width of the range of a variable. If all observations are alike, other observations
# would be at the end of a narrow range, where the polynomial is not determined.
_MIN_WIDTH = 0.5

# The penalty for the square of each coefficient but the constant, for few observations. The loss of
# an observation has a weight of 1.5.
_RIDGE = 0.5

# The widths over which the kink of the quantile loss is rounded, in turn.
_ROUNDINGS = (0.3, 0.1, 0.03)


def calibrate(
    network: Network,
    sets: FieldSet | PathLike | Sequence[FieldSet | PathLike],
    *,
    survey: SurveyRange | None = None,
    n_surveys: int = 1,
    seed: int = 0,
    progress: ProgressLike = None,
) -> Network:
    """Calibrate the confidence intervals of a network on fields that its training did not use.

    The half-widths that the network predicts are multiplied by smooth functions of the pixel scale,
    the noise, the fraction of the neighborhood that has data, and the height of the map, such that
    the intervals contain the truth with 68 and 95 per cent probability. The correlation of the
    errors between pixels is measured as well, for the uncertainty ``"posterior"`` of
    `lensmap.CNNReconstructor`. Some hundred fields that cover the domain of the network are needed.

    Parameters
    ----------
    network : Network
        A network that predicts confidence intervals.
    sets : FieldSet, path-like or sequence
        Sets of fields, or their folders. All files and source redshifts are used.
    survey : SurveyRange or None
        The range of simulated surveys; None for the default `SurveyRange`. Null fields are useless.
    n_surveys : int
        The number of random surveys that observe each field.
    seed : int
        The seed of the surveys.
    progress : None, bool or callable
        How to show the progress, as for ``lensmap.utils.track``. None shows no progress.

    Returns
    -------
    Network
        The calibrated network, which `save_network` writes to files.

    Raises
    ------
    ValueError
        If the network predicts no intervals, or there are no fields.
    """
    if not network.predicts_errors:
        raise ParameterError(
            "network", "one that predicts confidence intervals, with three output channels",
            f"one with {network.model.output_shape[-1]}",
        )
    several = [sets] if isinstance(sets, (FieldSet, str, os.PathLike)) else sets
    shares: dict[FieldSet | PathLike, float] = dict.fromkeys(several, 1.0)
    examples = TrainingExamples(
        shares, network.architecture, survey, seed=check_count(seed, "seed")
    )
    check_count(n_surveys, "n_surveys", minimum=1)
    calibration, residuals, _ = fit_calibration(
        network, observations_of(examples, n_surveys, progress)
    )
    return replace(network, calibration=calibration, residuals=residuals)


def observations_of(
    examples: TrainingExamples, n_surveys: int, progress: ProgressLike
) -> Iterator[tuple[GridArrays, np.ndarray, np.ndarray]]:
    """Yield observations of all fields of some sets, as for `fit_calibration`."""
    indices = [
        (i, number, redshift, survey)
        for i, fields in enumerate(examples.sets) for number in range(len(fields))
        for redshift in range(fields.n_redshifts) for survey in range(n_surveys)
    ]
    for index in track(indices, len(indices), progress, "fields"):
        rng = np.random.default_rng((examples.seed, *index))
        i, number, redshift, _ = index
        yield examples.observe(i, number, redshift, rng)[:3]


def fit_calibration(
    network: Network,
    observations: Iterable[tuple[GridArrays, np.ndarray, np.ndarray]],
    n_pixels: int = 1500,
) -> tuple[IntervalCalibration, ResidualSpectrum, Table]:
    """Fit the factors of the half-widths, and the correlation of the errors between pixels.

    The factors are such that the intervals contain the truth with the probability of their level.

    Parameters
    ----------
    network : Network
        A network that predicts confidence intervals. Its present calibration is ignored.
    observations : iterable of tuple
        For each observation of a field on which the network was not trained: the `GridArrays`; the
        true convergence, ``(ny, nx)``, whose mean does not matter; and whether each pixel is inside
        the survey and not masked, bool, ``(ny, nx)``.
    n_pixels : int
        The number of random pixels that are used of each observation, besides the highest.

    Returns
    -------
    calibration : IntervalCalibration
        The factors of the half-widths.
    residuals : ResidualSpectrum
        The power spectrum of the errors in units of the 68 per cent half-width.
    table : `~astropy.table.Table`
        The coverage of the intervals, before and after the calibration, in bins of each variable.
        Each half of the observations is calibrated with the factors from the other half.

    References
    ----------
    Koenker & Bassett 1978, Econometrica 46, 33 (quantile regression).
    """
    bare = replace(network, calibration=None)
    channels = _known(network, _CHANNELS)
    samples, spectra = [], []
    for index, one in enumerate(observations):
        sample, spectrum = _sample(bare, index, n_pixels, *one)
        samples.append(sample)
        spectra.append(spectrum)
    number, weight, variables, distance = (
        np.concatenate(parts) for parts in zip(*samples, strict=True)
    )
    ranges = _ranges(*np.quantile(variables, (_BEYOND, 1 - _BEYOND), axis=0))
    design = _design(variables, ranges)
    crossed = np.empty((len(number), len(LEVELS)))
    for half in (0, 1):
        mine = number % 2 == half
        crossed[mine] = design[mine] @ _fit(design[~mine], distance[~mine], weight[~mine]).T
    coefficients = _fit(design, distance, weight)
    rounded = tuple(tuple(round(float(c), 5) for c in row) for row in coefficients)
    calibration = IntervalCalibration(channels, tuple(ranges), rounded)
    residuals = _fit_residuals(spectra, _known(network, _FIELD_CHANNELS))
    table = _coverage([*channels, "height"], variables, weight, distance, crossed)
    return calibration, residuals, table


def _ranges(low, high):
    """Return the ranges of variables as pairs, each widened to a smallest width."""
    margin = np.maximum(_MIN_WIDTH - (high - low), 0) / 2
    return [(float(a), float(b)) for a, b in zip(low - margin, high + margin, strict=True)]


def _known(network, channels):
    """Return those of some input channels that a network has."""
    names = INPUTS[network.architecture.inputs].channels
    return tuple(name for name in channels if name in names)


def _sample(network, number, n_pixels, arrays, truth, is_unmasked):
    """Return a sample of the pixels of an observation, and the spectrum of its errors.

    Returns
    -------
    sample : tuple of `numpy.ndarray`
        The number of the observation; the weight; the variables of the calibration; and the
        logarithms of the distance of the map from the truth in units of the two half-widths.
    spectrum : tuple
        The means of the field channels, and the logarithms of the power in each band.
    """
    rng = np.random.default_rng(number)
    prediction = network.predict(arrays)
    kappa = prediction.kappa
    widths = np.stack(list(prediction.half_widths.values()), axis=-1)
    kind = INPUTS[network.architecture.inputs]
    planes, _ = kind.make(arrays)
    # The mass sheet is not measured.
    error = truth - truth.mean() - kappa
    high = is_unmasked & (kappa >= np.quantile(kappa[is_unmasked], 1 - _HIGH_FRACTION))
    usable = is_unmasked
    if "weight 3" in kind.channels:
        usable = usable | (planes[..., kind.channels.index("weight 3")] > _MIN_WEIGHT)
    chosen = rng.choice(np.flatnonzero(usable & ~high), n_pixels)
    high = np.flatnonzero(high)
    pixels = np.concatenate([chosen, high])
    weight = np.concatenate([np.full(len(chosen), 1 / len(chosen)),
                             np.full(len(high), _HIGH_WEIGHT / len(high))])
    height = kappa / widths[..., 0]
    variables = np.stack(calibration_variables(
        planes.reshape(-1, len(kind.channels))[pixels], kind.channels,
        _known(network, _CHANNELS), height.ravel()[pixels],
    ), axis=-1)
    with np.errstate(divide="ignore"):
        distance = np.log(np.abs(error).ravel()[pixels, np.newaxis] / widths.reshape(-1, 2)[pixels])
    sample = np.full(len(pixels), number), weight, variables, np.maximum(distance, -10)
    means = mean_variables(planes, kind.channels, _known(network, _FIELD_CHANNELS))
    return sample, (list(means.values()), _log_power(error / widths[..., 0]))


def _log_power(field):
    """Return the logarithm of the mean power of a field of unit variance in each band."""
    window = np.multiply.outer(*(np.hanning(n + 2)[1:-1] for n in field.shape))
    field = (field - np.average(field, weights=window)) * window
    ny, nx = field.shape
    power = np.square(np.abs(np.fft.fft2(field))) / np.sum(np.square(field))
    wavenumber = np.hypot(np.fft.fftfreq(ny)[:, np.newaxis], np.fft.fftfreq(nx))
    band = np.digitize(wavenumber, _BAND_EDGES) - 1
    inside = (band >= 0) & (band < len(_BAND_EDGES) - 1)
    counts = np.bincount(band[inside], minlength=len(_BAND_EDGES) - 1)
    total = np.bincount(band[inside], power[inside], minlength=len(_BAND_EDGES) - 1)
    return np.log(np.divide(total, counts, out=np.full(len(counts), np.nan), where=counts > 0))


def _fit_residuals(spectra, channels):
    """Return the `ResidualSpectrum` that fits the spectra of all observations best."""
    means, powers = (np.array(parts, dtype=float) for parts in zip(*spectra, strict=True))
    ranges = _ranges(means.min(axis=0), means.max(axis=0))
    design = _design(means, ranges)
    rows = []
    for values in powers.T:
        measured = np.isfinite(values)
        # The small constant keeps coefficients finite where all observations are alike.
        matrix = design[measured].T @ design[measured] + 1e-3 * np.eye(design.shape[1])
        rows.append(np.linalg.solve(matrix, design[measured].T @ values[measured]))
    centers = np.sqrt(_BAND_EDGES[:-1] * _BAND_EDGES[1:])
    return ResidualSpectrum(
        channels, tuple(ranges), tuple(float(f"{k:.5g}") for k in centers),
        tuple(tuple(round(float(c), 5) for c in row) for row in rows),
    )


def _design(variables, ranges):
    scaled = scaled_variables(list(variables.T), ranges)
    return np.stack([np.prod([scaled[i] for i in term], axis=0) * np.ones(len(variables))
                     for term in terms(len(scaled))], axis=-1)


def _fit(design, distance, weight):
    """Return the coefficients of both levels, ``(2, n_terms)``, by quantile regression."""
    rows = []
    for level, values in zip(LEVELS, distance.T, strict=True):
        start = np.zeros(design.shape[1])
        start[0] = np.quantile(values, level)
        for rounding in _ROUNDINGS:
            def loss(coefficients, rounding=rounding, level=level, values=values):
                beyond = values - design @ coefficients
                value = level * beyond + rounding * np.logaddexp(0, -beyond / rounding)
                slope = level - expit(-beyond / rounding)
                penalty = _RIDGE * np.r_[0, coefficients[1:]]
                return (weight @ value + 0.5 * penalty @ coefficients,
                        penalty - design.T @ (weight * slope))
            start = minimize(loss, start, jac=True, method="L-BFGS-B").x
        rows.append(start)
    return np.array(rows)


def _coverage(names, variables, weight, distance, crossed):
    """Return a table of the coverage in bins of each variable, before and after calibration."""
    rows = []
    for name, values in zip(names, variables.T, strict=True):
        edges = np.unique(np.quantile(values, np.linspace(0, 1, 6)))
        for low, high in zip(edges, edges[1:]):
            inside = (values >= low) & (values <= high)
            before, after = (
                np.average(distance[inside] < limit, axis=0, weights=weight[inside])
                for limit in (0.0, crossed[inside])
            )
            rows.append([name, low, high, *before, *after])
    columns = ["variable", "low", "high", "before_68", "before_95", "after_68", "after_95"]
    table = Table(rows=rows, names=columns)
    for name in columns[1:]:
        table[name].info.format = ".3f"
    return table
