# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Architecture`: a network without its weights."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from lensmap.networks._inputs import INPUTS
from lensmap.utils import check_choice

__all__ = ["Architecture"]


@dataclass(frozen=True)
class Architecture:
    """A network without its weights: the input, the geometry and the Keras model.

    Attributes
    ----------
    inputs : str
        The kind of input, a key of ``lensmap.networks.INPUTS``: ``"multiscale"`` (18 channels, in
        units of the noise of a pixel), ``"paper"`` (mean g1, g2 and measurement error, in units of
        kappa) or ``"smoothed"`` (the channels of ``"paper"``, smoothed).
    stride : int
        The sides of the input are multiples of ``stride`` pixels.
    reach : int
        The distance, in pixels, up to which the edge of a tile affects the map.
    margin : int
        The width, in pixels, of the border of the input that the network cannot map well. The
        input is padded with as many empty pixels, which are cut off the map.
    large_scales : float or None
        The standard deviation, in pixels, of the Gaussian that separates the scales. Larger scales
        are those of a Wiener filter, which also solves for the mass beyond the edges. None leaves
        all scales to the network.
    build : callable or None
        Makes the Keras model with random weights. None for a model that was built elsewhere.
    start : callable or None
        Sets the weights of a new model before training. None leaves them random.

    Raises
    ------
    ValueError
        If ``inputs`` is not a key of ``lensmap.networks.INPUTS``.
    """

    inputs: str
    stride: int = 1
    reach: int = 64
    margin: int = 0
    large_scales: float | None = None
    build: Callable[..., Any] | None = None
    start: Callable[[Any], None] | None = None

    def __post_init__(self) -> None:
        check_choice(self.inputs, "inputs", tuple(INPUTS))

    def to_card(self) -> dict[str, object]:
        """Return the attributes that a card holds: all but the two functions.

        Returns
        -------
        dict
            The values by name.
        """
        names = (item.name for item in fields(self) if item.name not in ("build", "start"))
        return {name: getattr(self, name) for name in names}
