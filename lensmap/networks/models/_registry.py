# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The networks by name."""

from dataclasses import dataclass

from lensmap.networks.models._cha2025 import cha2025_network
from lensmap.networks.models._cha2025_start import start_from_wiener
from lensmap.networks.models._h21like import h21like_network
from lensmap.networks.models._lensmap import lensmap_network
from lensmap.utils import look_up

__all__ = ["ARCHITECTURES", "Architecture", "build", "get_architecture"]


@dataclass(frozen=True)
class Architecture:
    """A network without its weights.

    Attributes
    ----------
    build : callable
        Makes the Keras model.
    inputs : str
        The kind of its input, a name of `lensmap.networks.INPUTS`.
    stride : int
        The sides of its input are multiples of this.
    reach : int
        How many pixels at the edge of a tile feel that it is one.
    margin : int
        How many pixels at the edges of its input it cannot map well, see `Network`.
    large_scales : float or None
        Where the Wiener filter takes over, see `Network`.
    start : callable or None
        Gives a new model the weights from which training starts; None leaves them random.
    """

    build: object
    inputs: str
    stride: int
    reach: int
    margin: int = 0
    large_scales: float | None = None
    start: object = None


#: The architectures by name.
ARCHITECTURES = {
    "lensmap": Architecture(
        lensmap_network, "multiscale", stride=16, reach=160, large_scales=18.0
    ),
    "cha2025": Architecture(
        cha2025_network, "paper", stride=1, reach=120, margin=24, start=start_from_wiener
    ),
    "h21like": Architecture(h21like_network, "smoothed", stride=4, reach=112),
}


def get_architecture(name):
    """Return an architecture by its name.

    Parameters
    ----------
    name : str
        The name.

    Returns
    -------
    Architecture
        The architecture.

    Raises
    ------
    ValueError
        If there is none.
    """
    return look_up(ARCHITECTURES, name, "architecture")


def build(name, **options):
    """Build a network with random weights.

    Parameters
    ----------
    name : {"lensmap", "cha2025", "h21like"}
        `lensmap_network`, `cha2025_network` or `h21like_network`.
    **options
        What these take.

    Returns
    -------
    `keras.Model`
        The model.

    Raises
    ------
    ValueError
        If there is no network of that name.
    """
    return get_architecture(name).build(**options)
