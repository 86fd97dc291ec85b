# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`IntervalCalibration`: factors that make the confidence intervals of a network hold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from lensmap.utils import ParameterError

__all__ = ["IntervalCalibration", "LEVELS"]

#: The confidence levels of the intervals of a network, as they are called for short.
LEVELS = (0.68, 0.95)

# The largest change of a half-width by the calibration, as a logarithm: a factor of 2.
_MAX_LOG_FACTOR = float(np.log(2))

# The degree of the polynomial.
_DEGREE = 2


@dataclass(frozen=True)
class IntervalCalibration:
    r"""Factors of the half-widths of confidence intervals, a smooth function of what is known.

    The logarithm of a factor is a polynomial of the second degree in some channels of the network
    input, such as the logarithms of the pixel scale and of the noise, and in the height of the map,
    :math:`\mathrm{asinh}(\kappa / h_{68})`, where :math:`h_{68}` is the half-width of the 68 per
    cent interval that the network predicts. Each variable is limited to the range of the fields of
    the calibration, and this range is mapped to -1 to 1. Factors are limited to 0.5 to 2.

    Attributes
    ----------
    channels : tuple of str
        The names of the input channels.
    ranges : tuple of tuple of float
        The lowest and the highest value of each channel, and of the height.
    coefficients : tuple of tuple of float
        The coefficients of the polynomials for the 68 and the 95 per cent intervals, in the order
        of the products from `terms`.

    Raises
    ------
    ValueError
        If the numbers of channels, ranges and coefficients do not match, or are not finite.
    """

    channels: tuple[str, ...]
    ranges: tuple[tuple[float, ...], ...]
    coefficients: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        n_variables = len(self.channels) + 1
        ranges = np.asarray(self.ranges, dtype=float)
        usable = ranges.shape == (n_variables, 2) and bool(np.all(ranges[:, 0] < ranges[:, 1]))
        if not (usable and np.all(np.isfinite(ranges))):
            raise ParameterError(
                "ranges", f"{n_variables} pairs of increasing numbers, one for each channel and "
                "one for the height", repr(self.ranges),
            )
        coefficients = np.asarray(self.coefficients, dtype=float)
        shape = (len(LEVELS), len(terms(n_variables)))
        if coefficients.shape != shape or not np.all(np.isfinite(coefficients)):
            raise ParameterError(
                "coefficients", f"{shape[0]} rows of {shape[1]} finite numbers",
                f"an array of shape {coefficients.shape}", verb="have",
            )

    def factors(
        self, planes: np.ndarray, names: Sequence[str], height: np.ndarray
    ) -> np.ndarray:
        """Return the factors of the half-widths in each pixel.

        Parameters
        ----------
        planes : `numpy.ndarray`
            The input channels of the network, ``(..., n_channels)``.
        names : sequence of str
            The names of these channels.
        height : `numpy.ndarray`
            The convergence over the half-width of its 68 per cent interval, as the network predicts
            both, ``(...)``.

        Returns
        -------
        `numpy.ndarray`
            The factors for 68 and 95 per cent, float32, ``(..., 2)``.
        """
        variables = calibration_variables(planes, names, self.channels, height)
        scaled = scaled_variables(variables, self.ranges)
        result = np.zeros((*height.shape, len(LEVELS)), dtype=np.float32)
        for number, term in enumerate(terms(len(scaled))):
            product: Any = np.float32(1)
            for variable in term:
                product = product * scaled[variable]
            for level in range(len(LEVELS)):
                result[..., level] += np.float32(self.coefficients[level][number]) * product
        return np.exp(np.clip(result, -_MAX_LOG_FACTOR, _MAX_LOG_FACTOR, out=result), out=result)

    def to_card(self) -> dict[str, Any]:
        """Return the attributes as stored in the card of a network, keyed by name."""
        return asdict(self)

    @classmethod
    def from_card(cls, entry: Mapping[str, Any]) -> "IntervalCalibration":
        """Return the calibration stored in the card of a network.

        Parameters
        ----------
        entry : dict
            The entry, as returned by `to_card`.

        Returns
        -------
        IntervalCalibration
            The calibration.

        Raises
        ------
        ValueError
            If the entry lacks an attribute, or an attribute is invalid.
        """
        try:
            channels = tuple(str(name) for name in entry["channels"])
            ranges, rows = as_rows(entry["ranges"]), as_rows(entry["coefficients"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"the calibration of the card is damaged ({error})") from error
        return cls(channels, ranges, rows)


def as_rows(rows: Iterable[Iterable[Any]]) -> tuple[tuple[float, ...], ...]:
    """Return rows of numbers as tuples, from the lists in a card."""
    return tuple(tuple(float(value) for value in row) for row in rows)


def terms(n_variables: int) -> list[tuple[int, ...]]:
    """Return the products of variables in the polynomial, each as the indices of its factors."""
    return [term for degree in range(_DEGREE + 1)
            for term in combinations_with_replacement(range(n_variables), degree)]


def calibration_variables(
    planes: np.ndarray, names: Sequence[str], channels: Sequence[str], height: np.ndarray
) -> list[np.ndarray]:
    """Return the variables of the polynomial: some input channels, and the height of the map."""
    return [*(planes[..., list(names).index(name)] for name in channels), np.arcsinh(height)]


def scaled_variables(
    variables: Sequence[np.ndarray], ranges: Sequence[tuple[float, ...]]
) -> list[np.ndarray]:
    """Return the variables limited to their ranges, which are mapped to -1 to 1."""
    return [
        ((2 * np.clip(values, low, high) - (low + high)) / (high - low)).astype(np.float32)
        for values, (low, high) in zip(variables, ranges, strict=True)
    ]
