# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The power spectrum of the convergence fitted to a field: its amplitude and small-scale cutoff."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from astropy import units as u

from lensmap.flatsky import MaskedPower, interpolate_power, masked_power
from lensmap.grid import ShearGrid
from lensmap.typing import CosmologyLike
from lensmap.utils import MapWarning, warn_user

__all__ = ["FieldSums", "FittedPower", "fit_power", "theory_table"]

# The mean of the source redshift distribution of the theory that the amplitude multiplies, and the
# exponents of this distribution, n(z) ~ z^2 exp(-(z / z0)^1.5), for which z0 is 0.6646 of the mean.
_MEAN_REDSHIFT = 0.9
_SMAIL_ALPHA = 1.5
_SMAIL_Z0_OF_MEAN = 0.66464

# The multipole at which the amplitude is the ratio to the theory, and the exponent of the fall: 1
# fits the power of MassiveNuS, 2 that of a particle mesh or of smoothed maps.
_PIVOT = 1000.0
_FALL_EXPONENT = 1.5

# The prior: means and standard deviations of the logarithms of the amplitude, of the multipole of
# the fall and of the ratio of the noise to that of the catalog.
_PRIOR_MEAN = np.array([0.0, np.log(5000.0), 0.0])
_PRIOR_SIGMA = np.array([0.7, 1.5, 0.1])

# The limits of these logarithms, far beyond all that the data allow.
_LOWEST = np.array([-7.0, np.log(200.0), -3.0])
_HIGHEST = np.array([7.0, np.log(1e7), 3.0])

# The standard deviation of the logarithm of the amplitude of fields of a reference area about that
# of the sky, in excess of that of Gaussian fields, for an amplitude of 1, and its exponent of the
# amplitude. They follow from the scatter of 68 simulated fields of 12.2 deg^2 for each of the
# source redshifts 0.5, 1 and 2.5: 0.29, 0.12 and 0.06 in excess, for the amplitudes 0.37, 1.3 and
# 4.4. The excess of fields of 3 deg^2 is not twice as large, as the inverse root of the area would
# have it, but 0.23, 0.13 and 0.07.
_EXCESS_SCATTER = 0.144
_EXCESS_EXPONENT = -0.6
_EXCESS_AREA_DEG2 = 12.2

# Below this significance, the amplitude is said to be undetermined.
_MIN_SIGNIFICANCE = 2.0

_MAX_STEPS = 200


class FittedPower(NamedTuple):
    r"""A power spectrum of the convergence that was fitted to a field or survey.

    .. math:: C_\ell = A\, C_\ell^\mathrm{theory}
              \exp\left[(1000 / \ell_c)^{1.5} - (\ell / \ell_c)^{1.5}\right]

    Attributes
    ----------
    amplitude : float
        The ratio A of the fitted power to that of the theory at the multipole 1000.
    amplitude_error : float
        The standard deviation of A, which includes the scatter between fields of the same area.
    cutoff : float
        The multipole :math:`\ell_c` of the cutoff on small scales.
    ln_cutoff_error : float
        The standard deviation of the logarithm of the cutoff.
    prior_weight : float
        The share of the prior in the amplitude, from 0 to 1: the ratio of the variance of the
        logarithm of the amplitude to that of the prior.
    noise_ratio : float
        The ratio of the measured noise, mostly that of the B-mode, to the noise of the catalog.
    significance : float
        The significance of the signal in sigma: the amplitude of the fitted spectrum, measured
        without the prior, divided by its error for pure noise. It is negative if the E-mode power
        is below the noise.
    e_minus_b : float
        The significance of the signal in sigma, measured from the E-mode minus the B-mode power
        alone. Systematic errors and a wrong sign convention lower it.
    """

    amplitude: float
    amplitude_error: float
    cutoff: float
    ln_cutoff_error: float
    prior_weight: float
    noise_ratio: float
    significance: float
    e_minus_b: float

    def power(self, ell: np.ndarray, theory: np.ndarray) -> np.ndarray:
        """Return the fitted power spectrum at given multipoles.

        Parameters
        ----------
        ell : `numpy.ndarray`
            The multipoles.
        theory : `numpy.ndarray`
            The theoretical power at these multipoles, with the same shape, in steradians.

        Returns
        -------
        `numpy.ndarray`
            The fitted power, with the same shape, in steradians.
        """
        return theory * np.exp(_ln_ratio(ell, np.log(self.amplitude), np.log(self.cutoff)))

    def meta(self) -> dict[str, object]:
        """Return the fitted numbers in the form stored in the metadata of a map.

        Returns
        -------
        dict
            The numbers keyed by name, and texts that describe the model and its prior.
        """
        return {
            "model": f"theory for sources of mean redshift {_MEAN_REDSHIFT} x amplitude "
                     f"x exp(({_PIVOT:g}/cutoff)^{_FALL_EXPONENT} - (l/cutoff)^{_FALL_EXPONENT})",
            "prior": f"ln amplitude 0 +- {_PRIOR_SIGMA[0]:g}, "
                     f"ln cutoff {_PRIOR_MEAN[1]:.3g} +- {_PRIOR_SIGMA[1]:g}",
            **{name: float(f"{value:.6g}") for name, value in self._asdict().items()},
        }


class FieldSums:
    """Binned galaxies of one or more fields, which can be added.

    Grids on the same pixels are added. Grids on other pixels, such as those of other tiles, are
    kept side by side.

    Parameters
    ----------
    *grids : `lensmap.ShearGrid`
        The grids, on different pixels.
    spectra : tuple of `lensmap.flatsky.MaskedPower`
        The power of further fields, whose grids are no longer needed.
    """

    def __init__(self, *grids: ShearGrid, spectra: tuple[MaskedPower, ...] = ()) -> None:
        self.grids, self.spectra = grids, spectra

    def compact(self, dtype: str = "float64") -> "FieldSums":
        """Return the same sums with the power of each grid in place of the grid.

        ``dtype`` is the precision of the transforms, ``"float64"`` or ``"float32"``.
        """
        return FieldSums(spectra=tuple(self.all_spectra(dtype)))

    def all_spectra(self, dtype: str = "float64") -> list[MaskedPower]:
        """Return the power of all fields whose power can be measured."""
        found = [one for grid in self.grids if (one := _spectra(grid, dtype)) is not None]
        return [*self.spectra, *found]

    def __add__(self, other: "FieldSums") -> "FieldSums":
        if not isinstance(other, FieldSums):
            return NotImplemented
        grids = list(self.grids)
        for grid in other.grids:
            for i, mine in enumerate(grids):
                if _same_pixels(mine, grid):
                    grids[i] = mine + grid
                    break
            else:
                grids.append(grid)
        return FieldSums(*grids, spectra=self.spectra + other.spectra)


def _same_pixels(one: ShearGrid, other: ShearGrid) -> bool:
    return one.shape == other.shape and (
        one.wcs is other.wcs
        or one.wcs.to_header_string(relax=True) == other.wcs.to_header_string(relax=True)
    )


def theory_table(
    cosmology: CosmologyLike, code: str = "halofit"
) -> tuple[np.ndarray, np.ndarray]:
    """Return the theoretical power spectrum of the convergence, whose amplitude is fitted.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology; None is the default cosmology of lensmap.
    code : {"halofit", "camb"}
        What computes the matter power spectrum; see `lensmap.cosmology.nonlinear_power`.

    Returns
    -------
    ell, power : `numpy.ndarray`
        A table of multipoles and power in steradians, for `lensmap.flatsky.interpolate_power`.
    """
    from lensmap.cosmology import convergence_power

    ell = np.geomspace(1.0, 1e7, 400)
    return ell, convergence_power(ell, _sources(), cosmology, power=code)


@functools.cache
def _sources():
    from lensmap.cosmology import SourceRedshifts

    return SourceRedshifts.smail(_SMAIL_Z0_OF_MEAN * _MEAN_REDSHIFT, _SMAIL_ALPHA)


def fit_power(
    sums: FieldSums,
    theory: tuple[np.ndarray, np.ndarray],
    dtype: str = "float64",
    method: str = "WienerFilter",
) -> FittedPower:
    """Fit the amplitude and the small-scale cutoff of a power spectrum to the shear of fields.

    The fit maximizes the posterior for the E-mode and B-mode power in bins of the multipole, by
    Fisher scoring. The power in a bin is assumed to have the gamma distribution of a Gaussian
    field. The noise level of the catalog, which may be wrong by some per cent, is fitted as well,
    mostly to the B-mode.

    Parameters
    ----------
    sums : FieldSums
        The binned galaxies of the fields.
    theory : tuple of `numpy.ndarray`
        The result of `theory_table`.
    dtype : {"float64", "float32"}
        The precision of the transforms.
    method : str
        The name of the estimator, for the warning.

    Returns
    -------
    FittedPower
        The fitted spectrum. Without usable data, it is the mean of the prior.

    Warns
    -----
    MapWarning
        If the signal is below two standard deviations of the noise.

    References
    ----------
    Bond, Jaffe & Knox 1998, Phys. Rev. D 57, 2117 (Fisher scoring).
    """
    spectra = sums.all_spectra(dtype)
    if not spectra:
        return FittedPower(
            amplitude=1.0,
            amplitude_error=float(_PRIOR_SIGMA[0]),
            cutoff=float(np.exp(_PRIOR_MEAN[1])),
            ln_cutoff_error=float(_PRIOR_SIGMA[1]),
            prior_weight=1.0, noise_ratio=1.0, significance=0.0, e_minus_b=0.0,
        )
    fit = _PowerFit(spectra, theory)
    fitted = fit.result()
    if fitted.significance < _MIN_SIGNIFICANCE:
        _warn_of_no_signal(fitted, method)
    return fitted


def _warn_of_no_signal(fitted: FittedPower, method: str) -> None:
    """Warn that the shear of the fields has no significant power above the noise."""
    measured = "is negative" if fitted.significance < 0 else "is not significant"
    cause = remedy = ""
    if fitted.e_minus_b < -_MIN_SIGNIFICANCE:
        cause = f" and the B-mode exceeds the E-mode by {-fitted.e_minus_b:.1f} sigma"
        remedy = "test the sign convention of the catalog (lensmap check), and "
    warn_user(
        f"the lensing power that {method} measures in the catalog {measured} "
        f"({fitted.significance:.1f} sigma){cause}, so the power spectrum of the prior is "
        f"uncertain: {fitted.amplitude:.2g} +- {fitted.amplitude_error:.2g} times the theory for "
        f"galaxies of mean redshift {_MEAN_REDSHIFT}; {remedy}give {{z_source}}, the "
        "redshift of the galaxies, or the power spectrum itself",
        MapWarning,
        "undetermined_power",
        "z_source",
        placeholders=True,
    )


def _spectra(grid: ShearGrid, dtype: str) -> MaskedPower | None:
    """Return the E-mode and B-mode power of the weighted shear of a grid, in multipole bins.

    The result is None if the power cannot be measured, for example without noise.
    """
    shear = grid.sum_wg
    if dtype == "float32":
        shear = shear.astype(np.complex64)
    return masked_power(
        shear, grid.sum_w, grid.noise_sum, grid.pixel_frame.scale.to_value(u.rad),
        smoothed=2 if grid.scheme == "cloud-in-cell" else 1,
    )


def _ln_ratio(ell: np.ndarray, ln_amplitude: float, ln_cutoff: float) -> np.ndarray:
    """Return the natural logarithm of the ratio of the fitted to the theoretical power."""
    pivot, x = ((v / np.exp(ln_cutoff)) ** _FALL_EXPONENT for v in (_PIVOT, ell))
    return ln_amplitude + pivot - x


def _excess_scatter(amplitude: float, area: float) -> float:
    """Return the scatter of ln amplitude between fields, in excess of that of Gaussian fields.

    ``area`` is the total area of the fields in square degrees.
    """
    ratio = area / _EXCESS_AREA_DEG2
    return _EXCESS_SCATTER * amplitude**_EXCESS_EXPONENT * ratio ** (-0.5 if ratio > 1 else -0.25)


class _PowerFit:
    """The posterior of a power spectrum that is fitted to the shear of fields.

    The parameters, ``(3,)``, are the natural logarithms of the amplitude, of the multipole of the
    cutoff, and of the noise ratio: the ratio of the noise in the measured power to the noise that
    follows from the catalog.

    Parameters
    ----------
    spectra : sequence of MaskedPower
        The measured E-mode and B-mode power of each field.
    theory : tuple of `numpy.ndarray`
        The table ``(ell, C_ell)`` of the theoretical power spectrum.
    """

    def __init__(
        self, spectra: Sequence[MaskedPower], theory: tuple[np.ndarray, np.ndarray]
    ) -> None:
        self._spectra = spectra
        self._theory = [interpolate_power(one.ell, *theory) for one in spectra]
        self._power = np.concatenate([one.power.ravel() for one in spectra])
        self._noise = np.concatenate([np.tile(one.noise, 2) for one in spectra])
        self._modes = np.zeros_like(self._power)

    def result(self) -> FittedPower:
        """Return the power spectrum at the maximum of the posterior, with its errors."""
        best = _PRIOR_MEAN.copy()
        # The number of independent modes depends on the ratio of signal to noise.
        for _ in range(2):
            signal, _ = self._signal(best)
            self._set_modes(signal)
            starts = [np.array([best[0], ln_cutoff, best[2]])
                      for ln_cutoff in np.log([1500.0, 6000.0, 30000.0])]
            best, covariance = min(map(self._maximum, starts), key=lambda found: found[2])[:2]
        prior_weight = float(np.clip(covariance[0, 0] / _PRIOR_SIGMA[0] ** 2, 0.0, 1.0))
        amplitude, cutoff, noise = np.exp(best)
        area = np.degrees(np.degrees(sum(one.area for one in self._spectra)))
        # The prior shrinks the scatter between fields, too.
        between_fields = (1 - prior_weight) * _excess_scatter(amplitude, area)
        error = amplitude * np.hypot(np.sqrt(covariance[0, 0]), between_fields)
        return FittedPower(
            amplitude=float(amplitude),
            amplitude_error=float(error),
            cutoff=float(cutoff),
            ln_cutoff_error=float(np.sqrt(covariance[1, 1])),
            prior_weight=prior_weight,
            noise_ratio=float(noise),
            significance=self._significance(best),
            e_minus_b=self._e_minus_b(best),
        )

    def _signal(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the expected signal power in all bins, and its derivative by ln cutoff.

        ``parameters`` are the logarithms of amplitude, cutoff and noise ratio. The bins are the
        E-mode and B-mode bins of all fields in succession, ``(n,)``.
        """
        ln_amplitude, ln_cutoff, _ = parameters
        signals, derivatives = [], []
        for one, theory in zip(self._spectra, self._theory, strict=True):
            power = theory * np.exp(_ln_ratio(one.ell, ln_amplitude, ln_cutoff))
            x, pivot = ((v / np.exp(ln_cutoff)) ** _FALL_EXPONENT for v in (one.ell, _PIVOT))
            slope = _FALL_EXPONENT * (x - pivot) * power
            signals.append((one.response @ power).ravel())
            derivatives.append((one.response @ slope).ravel())
        return np.concatenate(signals), np.concatenate(derivatives)

    def _set_modes(self, signal: np.ndarray) -> None:
        parts, start = [], 0
        for one in self._spectra:
            part = signal[start : start + one.power.size].reshape(2, -1)
            parts.append(one.independent_modes(part).ravel())
            start += one.power.size
        self._modes = np.concatenate(parts)

    def _posterior(self, parameters: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return minus the log posterior, its gradient and its expected second derivatives.

        ``parameters`` are the logarithms of amplitude, cutoff and noise ratio, ``(3,)``.
        """
        signal, slope = self._signal(parameters)
        noise = np.exp(parameters[2]) * self._noise
        total = signal + noise
        ratio = self._power / total
        pull = (parameters - _PRIOR_MEAN) / _PRIOR_SIGMA
        if total.min() > 0:
            misfit = np.sum(self._modes * (ratio + np.log(total / self._noise)))
            value = 0.5 * (misfit + pull @ pull)
        else:  # responses of the B-mode may be slightly negative: no power has such parameters
            value = np.inf
        relative = np.array([signal, slope, noise]) / total
        gradient = 0.5 * relative @ (self._modes * (1 - ratio)) + pull / _PRIOR_SIGMA
        curvature = 0.5 * (relative * self._modes) @ relative.T + np.diag(_PRIOR_SIGMA**-2.0)
        return float(value), gradient, curvature

    def _maximum(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Return the parameters at the maximum of the posterior, and their covariance.

        The search starts at ``parameters``, the logarithms of amplitude, cutoff and noise ratio.
        The third result is minus the log posterior at the maximum.
        """
        damping = 1e-3
        value, gradient, curvature = self._posterior(parameters)
        for _ in range(_MAX_STEPS):
            damped = curvature + damping * np.diag(np.diag(curvature))
            step = np.clip(np.linalg.solve(damped, gradient), -1.0, 1.0)
            trial = np.clip(parameters - step, _LOWEST, _HIGHEST)
            new = self._posterior(trial)
            if new[0] <= value:
                parameters, (value, gradient, curvature) = trial, new
                damping = max(damping / 10, 1e-12)
            else:
                damping *= 10
            if damping > 1e8 or np.abs(step).max() < 1e-10:
                break
        return parameters, np.linalg.inv(curvature), value

    def _significance(self, parameters: np.ndarray) -> float:
        """Return the significance of the signal: the amplitude divided by its error for pure noise.

        Two numbers are fitted to the E-mode and B-mode power by least squares, without a prior: the
        noise level, and the amplitude of the spectrum whose shape ``parameters`` give.
        """
        signal, _ = self._signal(parameters)
        root = np.sqrt(self._modes / 2) / self._noise
        design = np.array([signal, self._noise]) * root
        normal = design @ design.T
        solution = np.linalg.solve(normal, design @ (self._power * root))
        return float(solution[0] / np.sqrt(np.linalg.inv(normal)[0, 0]))

    def _e_minus_b(self, parameters: np.ndarray) -> float:
        """Return the significance of the signal from the E-mode minus the B-mode power alone.

        The amplitude of the spectrum with the shape given by ``parameters`` is fitted to the
        difference of the E-mode and the B-mode power by least squares, and divided by its error for
        pure noise.
        """
        signal, _ = self._signal(parameters)
        above = below = 0.0
        start = 0
        for one in self._spectra:
            part = slice(start, start + one.power.size)
            start += one.power.size
            template, modes = (v[part].reshape(2, -1) for v in (signal, self._modes))
            difference = template[0] - template[1]
            weight = difference * modes[1] / (2 * np.exp(parameters[2]) * one.noise) ** 2
            above += float(weight @ (one.power[0] - one.power[1]))
            below += float(weight @ difference)
        return float(above / np.sqrt(max(below, 1e-300)))
