# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Network architectures by name."""

from collections.abc import Callable
from typing import Any, cast

import keras

from lensmap.networks._architecture import Architecture
from lensmap.networks._session import keras_session
from lensmap.networks.models._cha2025 import cha2025_network
from lensmap.networks.models._cha2025_start import start_from_wiener
from lensmap.networks.models._h21like import h21like_network
from lensmap.networks.models._lensmap import lensmap_network
from lensmap.utils import look_up

__all__ = ["ARCHITECTURES", "build", "get_architecture"]


#: The architectures by name.
ARCHITECTURES = {
    "lensmap": Architecture(
        "multiscale", stride=16, reach=160, large_scales=18.0, build=lensmap_network,
        # The influence of the edge falls from 3 per cent of the scatter of the map at 80 pixels to
        # 1 per cent at 112, 0.1 per cent at 128, and 1e-6 at 152 pixels.
        tile_overlap=256,
    ),
    "cha2025": Architecture(
        "paper", reach=120, margin=24, build=cha2025_network, start=start_from_wiener
    ),
    "h21like": Architecture("smoothed", stride=4, reach=112, build=h21like_network),
}


def get_architecture(name: str) -> Architecture:
    """Return an architecture by name.

    Parameters
    ----------
    name : {"lensmap", "cha2025", "h21like"}
        The name of the architecture.

    Returns
    -------
    Architecture
        The architecture.

    Raises
    ------
    ValueError
        If there is no architecture of this name.
    """
    return look_up(ARCHITECTURES, name, "architecture")


def build(name: str, **options: Any) -> keras.Model:
    """Build the Keras model of an architecture, with random weights.

    Parameters
    ----------
    name : {"lensmap", "cha2025", "h21like"}
        The name of the architecture, whose model is built by ``lensmap_network``,
        ``cha2025_network`` or ``h21like_network``.
    **options
        Parameters of the function that builds the model.

    Returns
    -------
    `keras.Model`
        The model.

    Raises
    ------
    ValueError
        If there is no architecture of this name.
    """
    make_model = cast(Callable[..., keras.Model], get_architecture(name).build)
    with keras_session():
        return make_model(**options)
