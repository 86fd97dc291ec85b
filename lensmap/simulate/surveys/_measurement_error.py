# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Magnitudes of galaxies, and the measurement errors of their ellipticities."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from functools import cached_property, partial

import numpy as np
from numpy.typing import ArrayLike

from lensmap.utils import ParameterError, ParameterTypeError

__all__ = ["MeasurementError", "hsc_measurement_error"]

# The slope of galaxy counts in the i band, log10 N(<m) = 0.31 m + const.
_COUNTS_SLOPE = 0.31

# Galaxies brighter than the limit by more than this are 0.3 percent of all, and are left out.
_MAGNITUDE_RANGE = 8.0

# The noisiest shapes of a real catalog; noisier ones are excluded by its selection.
_MAX_ERROR = 0.6

# From distortion to shear: twice the responsivity of 0.84.
_RESPONSE = 1.68


def hsc_measurement_error(magnitude: ArrayLike, m5: float) -> np.ndarray:
    r"""Return the shape measurement error of the Subaru/HSC survey.

    The error is :math:`0.264\,(\mathrm{SNR} / 20)^{-0.891}` for distortions at the survey's
    resolution factor of 0.5, divided by 1.68 for shear, at most 0.6, with
    :math:`\mathrm{SNR} = 3 \times 10^{0.4 (m_5 - m)}`. The SNR is 3 rather than 5 at ``m5``
    because a galaxy covers a larger area than a point source.

    Parameters
    ----------
    magnitude : array_like
        i-band magnitudes.
    m5 : float
        The magnitude of a point source with a signal-to-noise ratio of 5.

    Returns
    -------
    `numpy.ndarray`
        The error per component in units of shear.

    References
    ----------
    Mandelbaum et al. 2018, MNRAS 481, 3170; PASJ 70, S25.
    """
    snr = 5 * 0.6 * 10 ** (0.4 * (m5 - np.asarray(magnitude, dtype=float)))
    return np.minimum(0.264 * (snr / 20) ** -0.891 / _RESPONSE, _MAX_ERROR)


class MeasurementError:
    r"""Magnitudes of galaxies with their measurement errors and weights.

    Magnitudes follow the number counts :math:`p(m) \propto 10^{0.31 m}` up to a limit. Weights are
    :math:`1 / (\sigma_e^2 + \sigma_m^2)`.

    Parameters
    ----------
    model : {"hsc"}, float or callable
        The error per component in units of shear: ``hsc_measurement_error``, one error for all
        galaxies (0 for none), or a function from magnitudes to errors.
    sigma_e : float
        The intrinsic dispersion per component.
    magnitude_limit : float
        The faintest magnitude.
    m5 : float
        The magnitude of a point source with a signal-to-noise ratio of 5, for ``"hsc"``.

    Raises
    ------
    TypeError
        If a parameter has the wrong type.
    ValueError
        If a parameter is not finite, or errors are negative or not one for each magnitude.
    """

    def __init__(
        self,
        model: str | float | Callable[[np.ndarray], ArrayLike],
        sigma_e: float,
        magnitude_limit: float,
        m5: float,
    ) -> None:
        for name, value in (("magnitude_limit", magnitude_limit), ("m5", m5)):
            if isinstance(value, bool) or not isinstance(value, numbers.Real):
                raise ParameterTypeError(name, "a magnitude", repr(value))
            if not np.isfinite(value):
                raise ParameterError(name, "finite", repr(value))
        self._function = _as_function(model, m5)
        self._sigma_e, self._limit = sigma_e, float(magnitude_limit)
        # Functions of the user fail here, before any work is done.
        self.errors(np.array([self._limit - 1.0, self._limit]))

    def magnitudes(self, fraction: ArrayLike) -> np.ndarray:
        """Return quantiles of the magnitudes.

        Parameters
        ----------
        fraction : array_like
            Fractions of the galaxies, 0 to 1.

        Returns
        -------
        `numpy.ndarray`
            The magnitudes below which these fractions lie.
        """
        brightest = 10 ** (-_COUNTS_SLOPE * _MAGNITUDE_RANGE)
        fraction = np.asarray(fraction)
        return self._limit + np.log10(brightest + (1 - brightest) * fraction) / _COUNTS_SLOPE

    def draw(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw galaxies.

        Parameters
        ----------
        size : int
            The number of galaxies.
        rng : `numpy.random.Generator`
            The random number generator.

        Returns
        -------
        magnitude, sigma_m : `numpy.ndarray`
            Magnitudes and measurement errors, ``(size,)``.
        """
        magnitude = self.magnitudes(rng.random(size))
        return magnitude, self.errors(magnitude)

    def errors(self, magnitude: np.ndarray) -> np.ndarray:
        """Return the measurement errors at magnitudes.

        Parameters
        ----------
        magnitude : `numpy.ndarray`
            Magnitudes.

        Returns
        -------
        `numpy.ndarray`
            The error per component, in the shape of ``magnitude``.

        Raises
        ------
        ValueError
            If the function of the user does not return one finite, non-negative error for each.
        """
        sigma_m = np.asarray(self._function(magnitude), dtype=float)
        if sigma_m.shape != np.shape(magnitude):
            raise ParameterError(
                "measurement_error", "one error per magnitude",
                f"the shape {sigma_m.shape} for {np.shape(magnitude)}", verb="return",
            )
        if not (np.all(np.isfinite(sigma_m)) and np.all(sigma_m >= 0)):
            raise ParameterError(
                "measurement_error", "finite errors that are not negative", verb="return"
            )
        return sigma_m

    def weights(self, sigma_m: np.ndarray) -> np.ndarray:
        """Return the inverse variance of ellipticities with measurement errors.

        Parameters
        ----------
        sigma_m : `numpy.ndarray`
            The measurement errors per component.

        Returns
        -------
        `numpy.ndarray`
            The weights, in the shape of ``sigma_m``.
        """
        return 1 / (self._sigma_e**2 + sigma_m**2)

    @cached_property
    def weight_quantiles(self) -> np.ndarray:
        """The weights at 65536 evenly spaced quantiles of the magnitudes."""
        fraction = (np.arange(65536) + 0.5) / 65536
        return self.weights(self.errors(self.magnitudes(fraction)))


def _as_function(model, m5):
    """Return the function from magnitudes to errors."""
    allowed = "'hsc', a number or a function"
    if isinstance(model, str):
        if model != "hsc":
            raise ParameterError("measurement_error", allowed, repr(model))
        return partial(hsc_measurement_error, m5=m5)
    if callable(model):
        return model
    if isinstance(model, bool) or not isinstance(model, numbers.Real):
        raise ParameterTypeError("measurement_error", allowed, repr(model))
    if not (np.isfinite(model) and model >= 0):
        raise ParameterError("measurement_error", "0 or positive and finite", repr(model))
    return partial(_constant_error, float(model))


def _constant_error(error, magnitude):
    return np.full(np.shape(magnitude), error)
