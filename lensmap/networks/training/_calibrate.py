# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Calibration of the confidence intervals of a network on simulated observations."""

from collections.abc import Iterable
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
from lensmap.networks.training._losses import LEVELS

__all__ = ["fit_calibration"]

# The channels on which the factors depend: pixel scale, noise, the strength of the signal on small
# and on large scales, and the fraction of the neighborhood that has data.
_CHANNELS = ("log pixel", "log noise", "gain 1.5", "gain 6", "weight 3")

# The fraction of the highest pixels of a map, which are all used.
_HIGH_FRACTION = 0.005

# Masked pixels are used if at least this fraction of their neighborhood has data.
_MIN_WEIGHT = 0.2

# The total weight of the highest pixels relative to that of the random pixels.
_HIGH_WEIGHT = 0.5

# The range of each variable covers all pixels but this fraction on either side.
_BEYOND = 0.002

# The channels whose means over the field determine the correlation of errors, and the wavenumbers
# at which it is measured: the edges of bands, in cycles per pixel.
_FIELD_CHANNELS = ("log pixel", "log noise", "gain 1.5", "gain 6")
_BAND_EDGES = np.geomspace(0.008, 0.5, 15)

# The strength of the penalty for large coefficients, where the observations do not determine them.
_RIDGE = 1e-3

# The widths over which the kink of the quantile loss is rounded, in turn.
_ROUNDINGS = (0.3, 0.1, 0.03)


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
    samples, spectra = [], []
    for index, one in enumerate(observations):
        sample, spectrum = _sample(bare, index, n_pixels, *one)
        samples.append(sample)
        spectra.append(spectrum)
    number, weight, variables, distance = (
        np.concatenate(parts) for parts in zip(*samples, strict=True)
    )
    ranges = [(float(low), float(high))
              for low, high in np.quantile(variables, (_BEYOND, 1 - _BEYOND), axis=0).T]
    design = _design(variables, ranges)
    crossed = np.empty((len(number), len(LEVELS)))
    for half in (0, 1):
        mine = number % 2 == half
        crossed[mine] = design[mine] @ _fit(design[~mine], distance[~mine], weight[~mine]).T
    coefficients = _fit(design, distance, weight)
    calibration = IntervalCalibration(
        _CHANNELS, tuple(ranges), tuple(tuple(round(float(c), 5) for c in row)
                                        for row in coefficients),
    )
    return calibration, _fit_residuals(spectra), _coverage(variables, weight, distance, crossed)


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
    near = planes[..., kind.channels.index("weight 3")] > _MIN_WEIGHT
    chosen = rng.choice(np.flatnonzero((is_unmasked | near) & ~high), n_pixels)
    high = np.flatnonzero(high)
    pixels = np.concatenate([chosen, high])
    weight = np.concatenate([np.full(len(chosen), 1 / len(chosen)),
                             np.full(len(high), _HIGH_WEIGHT / len(high))])
    variables = np.stack(calibration_variables(
        planes.reshape(-1, len(kind.channels))[pixels], kind.channels, _CHANNELS,
        (kappa / widths[..., 0]).ravel()[pixels],
    ), axis=-1)
    with np.errstate(divide="ignore"):
        distance = np.log(np.abs(error).ravel()[pixels, np.newaxis] / widths.reshape(-1, 2)[pixels])
    sample = np.full(len(pixels), number), weight, variables, np.maximum(distance, -10)
    means = mean_variables(planes, kind.channels)
    return sample, (
        [means[name] for name in _FIELD_CHANNELS], _log_power(error / widths[..., 0])
    )


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


def _fit_residuals(spectra):
    """Return the `ResidualSpectrum` that fits the spectra of all observations best."""
    means, powers = (np.array(parts, dtype=float) for parts in zip(*spectra, strict=True))
    ranges = [(float(low) - 1e-6, float(high) + 1e-6)
              for low, high in zip(means.min(axis=0), means.max(axis=0), strict=True)]
    design = _design(means, ranges)
    rows = []
    for values in powers.T:
        measured = np.isfinite(values)
        # The small constant keeps coefficients finite where all observations are alike.
        matrix = design[measured].T @ design[measured] + 1e-3 * np.eye(design.shape[1])
        rows.append(np.linalg.solve(matrix, design[measured].T @ values[measured]))
    centers = np.sqrt(_BAND_EDGES[:-1] * _BAND_EDGES[1:])
    return ResidualSpectrum(
        _FIELD_CHANNELS, tuple(ranges), tuple(float(f"{k:.5g}") for k in centers),
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
                penalty = _RIDGE * weight.sum() * coefficients
                return (weight @ value + 0.5 * penalty @ coefficients,
                        penalty - design.T @ (weight * slope))
            start = minimize(loss, start, jac=True, method="L-BFGS-B").x
        rows.append(start)
    return np.array(rows)


def _coverage(variables, weight, distance, crossed):
    """Return a table of the coverage in bins of each variable, before and after calibration."""
    rows = []
    for name, values in zip([*_CHANNELS, "height"], variables.T, strict=True):
        edges = np.unique(np.quantile(values, np.linspace(0, 1, 6)))
        for low, high in zip(edges, edges[1:]):
            inside = (values >= low) & (values <= high)
            before, after = (
                np.average(distance[inside] < limit, axis=0, weights=weight[inside])
                for limit in (0.0, crossed[inside])
            )
            rows.append([name, low, high, *before, *after])
    names = ["variable", "low", "high", "before_68", "before_95", "after_68", "after_95"]
    table = Table(rows=rows, names=names)
    for name in names[1:]:
        table[name].info.format = ".3f"
    return table
