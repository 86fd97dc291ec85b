# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Magnitudes of the galaxies, and how well the shape of each can be measured."""

import numbers
from functools import cached_property, partial

import numpy as np

__all__ = ["MeasurementError", "hsc_measurement_error"]

# The slope of galaxy counts in the i band, log10 N(<m) = 0.31 m + const.
_SLOPE = 0.31

# Brighter galaxies than this below the limit are 0.3 per cent of all.
_BRIGHT = 8.0

# What the noisiest shapes of a real catalog have; a cut there is part of their selection.
_LARGEST = 0.6

# From distortion to shear: twice the responsivity of 0.84.
_RESPONSE = 1.68


def hsc_measurement_error(magnitude, m5):
    r"""Return the error of the shape as in the Subaru/HSC survey.

    :math:`0.264\,(\mathrm{SNR} / 20)^{-0.891}` for distortions at the survey's resolution factor
    of 0.5, over 1.68 for shear, at most 0.6; with :math:`\mathrm{SNR} = 3 \times 10^{0.4
    (m_5 - m)}`: a galaxy spreads over a larger area than the star that ``m5`` is for.

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
    return np.minimum(0.264 * (snr / 20) ** -0.891 / _RESPONSE, _LARGEST)


class MeasurementError:
    r"""Magnitudes, the measurement errors that go with them, and the weights.

    Magnitudes follow number counts :math:`p(m) \propto 10^{0.31 m}` up to a limit; weights are
    :math:`1 / (\sigma_e^2 + \sigma_m^2)`.

    Parameters
    ----------
    model : {"hsc"}, float or callable
        `hsc_measurement_error`, the error of all galaxies (0 for none), or a function from
        magnitudes to errors, per component in units of shear.
    sigma_e : float
        The intrinsic dispersion per component.
    magnitude_limit : float
        The faintest magnitude.
    m5 : float
        As for `hsc_measurement_error`, where that is used.

    Raises
    ------
    TypeError, ValueError
        If ``model`` is none of these, or what a function returns is no error.
    """

    def __init__(self, model, sigma_e, magnitude_limit, m5):
        for name, value in (("magnitude_limit", magnitude_limit), ("m5", m5)):
            if isinstance(value, bool) or not isinstance(value, numbers.Real):
                raise TypeError(f"{name} must be a magnitude, not {value!r}")
            if not np.isfinite(value):
                raise ValueError(f"{name} must be finite, not {value!r}")
        self._function = _as_function(model, m5)
        self._sigma_e, self._limit = sigma_e, float(magnitude_limit)
        self.errors(np.array([self._limit - 1.0, self._limit]))  # complains now, not later

    def magnitudes(self, fraction):
        """Return the magnitudes below which fractions (0 to 1) of the galaxies are."""
        faintest = 10 ** (-_SLOPE * _BRIGHT)
        return self._limit + np.log10(faintest + (1 - faintest) * fraction) / _SLOPE

    def draw(self, size, rng):
        """Draw the magnitudes and errors of ``size`` galaxies, a pair of arrays."""
        magnitude = self.magnitudes(rng.random(size))
        return magnitude, self.errors(magnitude)

    def errors(self, magnitude):
        """Return the measurement errors at magnitudes."""
        sigma_m = np.asarray(self._function(magnitude), dtype=float)
        if sigma_m.shape != np.shape(magnitude):
            raise ValueError(
                "measurement_error must return one error per magnitude: of shape "
                f"{np.shape(magnitude)} it made {sigma_m.shape}"
            )
        if not (np.all(np.isfinite(sigma_m)) and np.all(sigma_m >= 0)):
            raise ValueError("measurement_error must return finite errors that are not negative")
        return sigma_m

    def weights(self, sigma_m):
        """Return the weights that go with measurement errors."""
        return 1 / (self._sigma_e**2 + sigma_m**2)

    @cached_property
    def weight_quantiles(self):
        """The weights of 65536 galaxies that stand for all, evenly along the distribution."""
        fraction = (np.arange(65536) + 0.5) / 65536
        return self.weights(self.errors(self.magnitudes(fraction)))


def _as_function(model, m5):
    if isinstance(model, str):
        if model != "hsc":
            raise ValueError(
                f"measurement_error must be 'hsc', a number or a function, not {model!r}"
            )
        return partial(hsc_measurement_error, m5=m5)
    if callable(model):
        return model
    if isinstance(model, bool) or not isinstance(model, numbers.Real):
        raise TypeError(f"measurement_error must be 'hsc', a number or a function, not {model!r}")
    if not (np.isfinite(model) and model >= 0):
        raise ValueError(f"measurement_error must be 0 or positive and finite, not {model!r}")
    return partial(_same_for_all, float(model))


def _same_for_all(error, magnitude):
    return np.full(np.shape(magnitude), error)
