# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Domain`: the range of data that a network was trained for."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

__all__ = ["Domain"]


@dataclass(frozen=True)
class Domain:
    """The ranges of pixel scale, depth and noise that a network was trained for.

    Attributes
    ----------
    pixel_scale : tuple of float
        The smallest and the largest pixel scale, arcmin.
    galaxies_per_pixel : tuple of float
        The smallest and the largest mean number of galaxies per pixel.
    shape_noise : tuple of float
        The smallest and the largest ellipticity dispersion per component, including measurement
        errors.
    measurement_error : tuple of float
        The smallest and the largest measurement error of a field, for networks that have it as an
        input. The measurement error of a field is the rms over its galaxies of the error of the
        shear per component, weighted with the squared weights.
    """

    pixel_scale: tuple[float, float] = (0.41, 0.41)
    galaxies_per_pixel: tuple[float, float] = (1.0, 30.0)
    shape_noise: tuple[float, float] = (0.15, 0.5)
    measurement_error: tuple[float, float] = (0.0, 0.6)

    @classmethod
    def from_card(cls, card: Mapping) -> "Domain":
        """Return the ranges for which a network was trained, from the card of the network.

        Parameters
        ----------
        card : dict
            The card, a description of the network, as returned by `lensmap.networks.read_card`.

        Returns
        -------
        Domain
            The ranges of pixel scale, depth and noise.

        Raises
        ------
        ValueError
            If one of the ranges is missing in the card, or is not a pair of increasing numbers.
        """
        missing = [item.name for item in fields(cls) if item.name not in card]
        if missing:
            raise ValueError(
                f"the card of the network lacks {' and '.join(missing)}, the range of the training "
                "data: add [smallest, largest] to the JSON file, or write the network anew with "
                "save_network"
            )
        return cls(**{item.name: _as_range(card[item.name], item.name) for item in fields(cls)})

    def to_card(self) -> dict[str, tuple[float, float]]:
        """Return the ranges as stored in the card of a network, a JSON file that describes it.

        Returns
        -------
        dict
            The smallest and the largest value of each quantity, keyed by the name of the quantity,
            such as ``"pixel_scale"``.
        """
        return asdict(self)


def _as_range(value: Any, name: str) -> tuple[float, float]:
    try:
        low, high = map(float, value)
        usable = 0 <= low <= high < math.inf
    except (TypeError, ValueError):
        usable = False
    if not usable:
        raise ValueError(
            f"the range {name!r} in the card of the network must be [smallest, largest], two "
            f"numbers of at least 0, not {value!r}"
        )
    return low, high
