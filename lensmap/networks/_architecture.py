# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Architecture`: the description of a network without its weights."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from lensmap.networks._inputs import INPUTS
from lensmap.utils import check_choice, check_count, check_number

__all__ = ["Architecture"]


@dataclass(frozen=True)
class Architecture:
    """The description of a network without its weights: input, geometry and Keras model.

    Attributes
    ----------
    inputs : str
        The kind of input, a key of ``lensmap.networks.INPUTS``: ``"multiscale"`` (18 channels),
        ``"paper"`` (mean g1, g2 and measurement error) or ``"smoothed"`` (the channels of
        ``"paper"``, smoothed). The output of the network is kappa divided by the shear noise per
        pixel for ``"multiscale"``, and kappa itself for the other kinds.
    stride : int
        The sides of the input must be multiples of this number of pixels.
    reach : int
        The distance from the edge of the input image, in pixels, within which the edge affects the
        predicted map. Large maps are predicted in tiles that overlap by twice this distance, so
        that the map does not depend on the tiles.
    margin : int
        The width, in pixels, of the border of the input image where the predicted map is
        unreliable. The field is therefore padded with an empty border of at least this width, and
        the border is cut off the predicted map.
    tile_overlap : int or None
        The number of pixels that neighboring tiles of a large map share, if less than twice the
        reach, for networks on whose maps the edge has little influence close to the reach. A
        sixteenth of the overlap on either side of its center is blended. None takes twice the
        reach.
    large_scales : float or None
        The standard deviation, in pixels, of the Gaussian that separates small from large scales.
        The large scales of the map come from a Wiener filter, which also solves for the mass
        beyond the edges. If None, all scales come from the network.
    build : callable or None
        The function that builds the Keras model with random weights. None for a Keras model that
        the user built.
    start : callable or None
        The function that sets the initial weights of a model before training. None leaves the
        weights random.

    Raises
    ------
    ValueError
        If ``inputs`` is not a key of ``lensmap.networks.INPUTS``, or a number is out of range.
    """

    inputs: str
    stride: int = 1
    reach: int = 64
    margin: int = 0
    large_scales: float | None = None
    build: Callable[..., Any] | None = None
    start: Callable[[Any], None] | None = None
    tile_overlap: int | None = None

    def __post_init__(self) -> None:
        check_choice(self.inputs, "inputs", tuple(INPUTS))
        check_count(self.stride, "stride", minimum=1)
        check_count(self.reach, "reach")
        check_count(self.margin, "margin")
        if self.tile_overlap is not None:
            check_count(self.tile_overlap, "tile_overlap")
        if self.large_scales is not None:
            check_number(
                self.large_scales, "large_scales", "a positive number of pixels", low=1e-3
            )

    def to_card(self) -> dict[str, object]:
        """Return the attributes as stored in the card of a network, a JSON file that describes it.

        Returns
        -------
        dict
            All attributes except ``build``, ``start`` and ``tile_overlap``, keyed by name.
        """
        skipped = ("build", "start", "tile_overlap")
        names = (item.name for item in fields(self) if item.name not in skipped)
        return {name: getattr(self, name) for name in names}
