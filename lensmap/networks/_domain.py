# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Domain`: the data that a network was trained for."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

__all__ = ["Domain"]


@dataclass(frozen=True)
class Domain:
    """The pixels, depths and noise that a network was trained for.

    Attributes
    ----------
    pixel_scale : tuple of float
        The smallest and the largest pixel scale, arcmin.
    galaxies_per_pixel : tuple of float
        The smallest and the largest mean number of galaxies per pixel.
    shape_noise : tuple of float
        The smallest and the largest dispersion of ellipticities per component, including
        measurement errors.
    """

    pixel_scale: tuple[float, float] = (0.41, 0.41)
    galaxies_per_pixel: tuple[float, float] = (1.0, 30.0)
    shape_noise: tuple[float, float] = (0.15, 0.5)

    @classmethod
    def from_card(cls, card: Mapping) -> "Domain":
        """Return the domain in the card of a network.

        Parameters
        ----------
        card : dict
            The card, see `lensmap.networks.read_card`.

        Returns
        -------
        Domain
            The domain.

        Raises
        ------
        KeyError
            If the card lacks a range.
        """
        return cls(**{item.name: tuple(card[item.name]) for item in fields(cls)})

    def to_card(self) -> dict[str, tuple[float, float]]:
        """Return the ranges as a card holds them.

        Returns
        -------
        dict
            The ranges by name.
        """
        return asdict(self)
