# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Magnitudes of galaxies, and the measurement errors of galaxy ellipticities."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from functools import cached_property, partial

import numpy as np
from numpy.typing import ArrayLike

from lensmap.utils import ParameterError, ParameterTypeError, check_plausible

__all__ = ["MeasurementError", "hsc_measurement_error"]

# The slope of galaxy number counts in the i band, log10 N(<m) = 0.31 m + const.
_COUNTS_SLOPE = 0.31

# The range of magnitudes, which ends at the magnitude limit. Brighter galaxies are 0.3 percent of
# all, and are left out.
_MAGNITUDE_RANGE = 8.0

# The largest measurement error. The selection of a real catalog excludes galaxies with larger ones.
_MAX_ERROR = 0.6

# The conversion factor from distortion to shear, which is twice the responsivity of 0.84.
_RESPONSE = 1.68


def hsc_measurement_error(magnitude: ArrayLike, m5: float) -> np.ndarray:
    r"""Return the shape measurement error of the Subaru/HSC survey.

    For distortions, the error at a resolution factor of 0.5 is
    :math:`0.264\,(\mathrm{SNR} / 20)^{-0.891}`. It is divided by 1.68 to convert it to shear, and
    clipped at 0.6. The signal-to-noise ratio is
    :math:`\mathrm{SNR} = 3 \times 10^{0.4 (m_5 - m)}`. At ``m5``, it is 3 rather than 5, because a
    galaxy covers a larger area than a point source.

    Parameters
    ----------
    magnitude : array_like
        The i-band magnitudes of the galaxies.
    m5 : float
        The magnitude of a point source with a signal-to-noise ratio of 5.

    Returns
    -------
    `numpy.ndarray`
        The error per component in units of shear, with the same shape as ``magnitude``.

    References
    ----------
    Mandelbaum et al. 2018, MNRAS 481, 3170; PASJ 70, S25.
    """
    snr = 5 * 0.6 * 10 ** (0.4 * (m5 - np.asarray(magnitude, dtype=float)))
    return np.minimum(0.264 * (snr / 20) ** -0.891 / _RESPONSE, _MAX_ERROR)


class MeasurementError:
    r"""Model of the magnitudes, ellipticity measurement errors and weights of galaxies.

    Magnitudes follow the number counts :math:`p(m) \propto 10^{0.31 m}` up to a limit. The weights
    are :math:`1 / (\sigma_e^2 + \sigma_m^2)`, where :math:`\sigma_m` is the measurement error.

    Parameters
    ----------
    model : {"hsc"}, float or callable
        The measurement error per component in units of shear: ``"hsc"`` for
        ``hsc_measurement_error``, a number for the same error in all galaxies (0 for no error), or
        a function that returns the errors for given magnitudes.
    sigma_e : float
        The intrinsic dispersion of the ellipticities per component.
    magnitude_limit : float
        The magnitude of the faintest galaxies.
    m5 : float
        The magnitude of a point source with a signal-to-noise ratio of 5, used for ``"hsc"`` only.

    Raises
    ------
    TypeError
        If a parameter has the wrong type.
    ValueError
        If a parameter is not finite, an error is negative, or the function does not return one
        error for each magnitude.
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
                raise ParameterTypeError(name, "a number, the magnitude", repr(value))
            if not np.isfinite(value):
                raise ParameterError(name, "a finite magnitude", repr(value))
        self._function = _as_function(model, m5)
        self._sigma_e, self._limit = sigma_e, float(magnitude_limit)
        # If the function of a user is invalid, raise an error now rather than during a draw.
        self.errors(np.array([self._limit - 1.0, self._limit]))

    def magnitudes(self, fraction: ArrayLike) -> np.ndarray:
        """Return quantiles of the magnitude distribution.

        Parameters
        ----------
        fraction : array_like
            Fractions of the galaxies, from 0 to 1.

        Returns
        -------
        `numpy.ndarray`
            The magnitudes. The given fraction of all galaxies is brighter than each of them.
        """
        brightest = 10 ** (-_COUNTS_SLOPE * _MAGNITUDE_RANGE)
        fraction = np.asarray(fraction)
        return self._limit + np.log10(brightest + (1 - brightest) * fraction) / _COUNTS_SLOPE

    def draw(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw random magnitudes of galaxies, and their ellipticity measurement errors.

        Parameters
        ----------
        size : int
            The number of galaxies.
        rng : `numpy.random.Generator`
            The random number generator.

        Returns
        -------
        magnitude, sigma_m : `numpy.ndarray`
            Magnitudes, and ellipticity measurement errors per component, each ``(size,)``.
        """
        magnitude = self.magnitudes(rng.random(size))
        return magnitude, self.errors(magnitude)

    def errors(self, magnitude: np.ndarray) -> np.ndarray:
        """Return the ellipticity measurement errors of galaxies with given magnitudes.

        Parameters
        ----------
        magnitude : `numpy.ndarray`
            The magnitudes of the galaxies.

        Returns
        -------
        `numpy.ndarray`
            The error per component, with the same shape as ``magnitude``.

        Raises
        ------
        ValueError
            If the function of the user does not return a finite, non-negative error for each
            magnitude.
        """
        sigma_m = np.asarray(self._function(magnitude), dtype=float)
        if sigma_m.shape != np.shape(magnitude):
            raise ParameterError(
                "measurement_error", "one error per magnitude",
                f"an array of the shape {sigma_m.shape} for magnitudes of the shape "
                f"{np.shape(magnitude)}",
                verb="return",
            )
        bad = ~(np.isfinite(sigma_m) & (sigma_m >= 0))
        if np.any(bad):
            raise ParameterError(
                "measurement_error", "finite, non-negative errors",
                f"{sigma_m[bad][0]:g} for the magnitude {np.asarray(magnitude)[bad][0]:g}",
                verb="return",
            )
        return sigma_m

    def weights(self, sigma_m: np.ndarray) -> np.ndarray:
        """Return the inverse-variance weights of galaxies with given measurement errors.

        Parameters
        ----------
        sigma_m : `numpy.ndarray`
            The measurement errors per component.

        Returns
        -------
        `numpy.ndarray`
            The weights, with the same shape as ``sigma_m``.
        """
        return 1 / (self._sigma_e**2 + sigma_m**2)

    @cached_property
    def weight_quantiles(self) -> np.ndarray:
        """The galaxy weights at 65536 evenly spaced quantiles of the magnitudes, ``(65536,)``."""
        fraction = (np.arange(65536) + 0.5) / 65536
        return self.weights(self.errors(self.magnitudes(fraction)))


def _as_function(model, m5):
    """Convert the parameter ``model`` to a function from magnitudes to ellipticity errors."""
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
        raise ParameterError("measurement_error", "a finite number of at least 0", repr(model))
    check_plausible(float(model), "measurement_error", "a measurement error")
    return partial(_constant_error, float(model))


def _constant_error(error, magnitude):
    return np.full(np.shape(magnitude), error)
