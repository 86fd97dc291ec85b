# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ResidualSpectrum`: the correlation between pixels of the errors of a network's maps."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft

from lensmap.networks._calibration import as_rows, scaled_variables, terms
from lensmap.utils import ParameterError

__all__ = ["ResidualSpectrum", "mean_variables"]

# Random fields are drawn on a grid that is wider by this number of pixels, so that opposite edges
# of the field are independent.
_PAD_PIXELS = 64


@dataclass(frozen=True)
class ResidualSpectrum:
    r"""The power spectrum of the error of a map in units of its error bar.

    The error of a map, :math:`\kappa_\mathrm{true} - \hat\kappa`, is described as the 68 per cent
    half-width of each pixel times a random field of unit variance. The logarithm of the power
    spectrum of this field is, at each of some wavenumbers, a polynomial of the second degree in the
    means over the field of some channels of the network input.

    Attributes
    ----------
    channels : tuple of str
        The names of the input channels.
    ranges : tuple of tuple of float
        The lowest and the highest mean of each channel in the fields of the calibration.
    wavenumbers : tuple of float
        The wavenumbers, in cycles per pixel, increasing.
    coefficients : tuple of tuple of float
        The coefficients of the polynomial at each wavenumber, in the order of the products from
        ``lensmap.networks._calibration.terms``.

    Raises
    ------
    ValueError
        If the numbers of channels, ranges, wavenumbers and coefficients do not match.
    """

    channels: tuple[str, ...]
    ranges: tuple[tuple[float, ...], ...]
    wavenumbers: tuple[float, ...]
    coefficients: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        shape = (len(self.wavenumbers), len(terms(len(self.channels))))
        coefficients = np.asarray(self.coefficients, dtype=float)
        usable = (
            coefficients.shape == shape
            and np.all(np.isfinite(coefficients))
            and [len(pair) for pair in self.ranges] == [2] * len(self.channels)
            and np.all(np.diff(self.wavenumbers) > 0)
            and self.wavenumbers[0] > 0
        )
        if not usable:
            raise ParameterError(
                "coefficients",
                f"{shape[0]} rows of {shape[1]} finite numbers, with a range for each channel and "
                "increasing positive wavenumbers",
                repr(coefficients.shape), verb="have",
            )

    def power(self, wavenumber: np.ndarray, means: Mapping[str, float]) -> np.ndarray:
        """Return the power at wavenumbers in cycles per pixel, up to a factor.

        Parameters
        ----------
        wavenumber : `numpy.ndarray`
            The wavenumbers. Beyond the range of `wavenumbers`, the power is that at its ends.
        means : dict
            The mean over the field of each input channel, by name, as from `mean_variables`.

        Returns
        -------
        `numpy.ndarray`
            The power, of the same shape.
        """
        scaled = scaled_variables([np.array(means[name]) for name in self.channels], self.ranges)
        products = [float(np.prod([scaled[i] for i in term])) for term in terms(len(scaled))]
        logarithm = np.asarray(self.coefficients) @ products
        with np.errstate(divide="ignore"):  # the logarithm of 0 is beyond the range
            return np.exp(np.interp(np.log(wavenumber), np.log(self.wavenumbers), logarithm))

    def draw(
        self, shape: tuple[int, int], means: Mapping[str, float], rng: np.random.Generator
    ) -> np.ndarray:
        """Draw a Gaussian random field of unit variance and mean 0.

        Parameters
        ----------
        shape : tuple of int
            The shape of the field, ``(ny, nx)``.
        means : dict
            The means over the map of the input channels, as for `power`.
        rng : `numpy.random.Generator`
            The generator of random numbers.

        Returns
        -------
        `numpy.ndarray`
            The field, float32, ``(ny, nx)``.
        """
        ny, nx = (scipy.fft.next_fast_len(n + _PAD_PIXELS, real=True) for n in shape)
        amplitude, scatter = _amplitude(self, ny, nx, tuple(means[name] for name in self.channels))
        white = rng.standard_normal((ny, nx), dtype=np.float32)
        field = scipy.fft.irfft2(amplitude * scipy.fft.rfft2(white), (ny, nx))
        return field[: shape[0], : shape[1]] / scatter

    def to_card(self) -> dict[str, Any]:
        """Return the attributes as stored in the card of a network, keyed by name."""
        return asdict(self)

    @classmethod
    def from_card(cls, entry: Mapping[str, Any]) -> "ResidualSpectrum":
        """Return the spectrum stored in the card of a network.

        Parameters
        ----------
        entry : dict
            The entry, as returned by `to_card`.

        Returns
        -------
        ResidualSpectrum
            The spectrum.

        Raises
        ------
        ValueError
            If the entry lacks an attribute, or an attribute is invalid.
        """
        try:
            return cls(
                tuple(str(name) for name in entry["channels"]),
                as_rows(entry["ranges"]),
                tuple(float(value) for value in entry["wavenumbers"]),
                as_rows(entry["coefficients"]),
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ValueError(
                f"the entry 'residuals' of the card is damaged ({error})"
            ) from error


@lru_cache(maxsize=1)  # all realizations of the error of a map share it
def _amplitude(
    spectrum: ResidualSpectrum, ny: int, nx: int, means: tuple[float, ...]
) -> tuple[np.ndarray, np.float32]:
    """Return the amplitude of each mode of ``rfft2``, and the scatter of a field that has it."""
    wavenumber = np.hypot(np.fft.fftfreq(ny)[:, np.newaxis], np.fft.rfftfreq(nx))
    power = spectrum.power(wavenumber, dict(zip(spectrum.channels, means, strict=True)))
    amplitude = np.sqrt(power).astype(np.float32)
    amplitude[0, 0] = 0
    # The columns of rfft2 other than the first and, for even nx, the last count twice.
    counts = np.full(nx // 2 + 1, 2.0)
    counts[[0] if nx % 2 else [0, -1]] = 1.0
    variance = float(np.sum(np.square(amplitude, dtype=float) * counts)) / (ny * nx)
    return amplitude, np.float32(np.sqrt(variance))


def mean_variables(
    planes: np.ndarray, names: Sequence[str], channels: Sequence[str]
) -> dict[str, float]:
    """Return the means over a field of some input channels, by their names.

    ``planes`` are all channels, ``(ny, nx, n_channels)``, and ``names`` their names.
    """
    return {name: float(planes[..., list(names).index(name)].mean(dtype=float))
            for name in channels}
