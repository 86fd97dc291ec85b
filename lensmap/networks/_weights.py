# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Weights in files: plain arrays, a card that says where they come from, and a check of both.

Nothing in these files is executed. A network is two files of one name: ``NAME.h5`` holds the arrays
(HDF5), ``NAME.json`` the card, with the SHA-256 of the other.
"""

import functools
import hashlib
import json
from pathlib import Path

import h5py
import keras
import numpy as np

from lensmap.networks._cards import CARD_FORMAT, network_files, read_card
from lensmap.networks._inputs import INPUTS
from lensmap.networks._network import Network
from lensmap.networks.models import build, get_architecture
from lensmap.utils import atomic_write

__all__ = ["as_network", "load_network", "save_network"]

# The keys of a card that a network is made of, beside its weights.
_USE = (
    "inputs", "pixel_scale", "galaxies_per_pixel", "shape_noise", "stride", "reach", "margin",
    "large_scales", "half_width_factors",
)


def load_network(name):
    """Load a network.

    Parameters
    ----------
    name : str or path-like
        A name of `available_networks`, or the path of a file of weights (``.h5``) that
        `save_network` wrote.

    Returns
    -------
    Network
        The network, with a model of its own.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If there is no such network, or its files are damaged, do not belong together, or do not fit
        this version of lensmap.
    """
    card, (path, _) = read_card(name), network_files(name)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file of weights {str(path)!r}")
    found, digest = hashlib.sha256(path.read_bytes()).hexdigest(), card["sha256"]
    if found != digest:
        raise ValueError(
            f"the weights in {str(path)!r} are not those of its card: SHA-256 {found[:12]}... "
            f"instead of {digest[:12]}...; the file is damaged or another: install it again"
        )
    model = build(card["architecture"], **card["options"])
    _fill(model, path)
    use = {key: tuple(v) if isinstance(v := card[key], list) else v for key in _USE}
    return Network(model, card=card, **use)


def as_network(network):
    """Return what a user may call a network as a `Network`.

    Parameters
    ----------
    network : str, path-like, Network or `keras.Model`
        As for `load_network`, or a model; what it is fed with is told by the number of channels
        that it takes.

    Returns
    -------
    Network
        The network. One of a file is loaded once, and kept while its card stays what it is.

    Raises
    ------
    TypeError, ValueError
        If it is none, or as for `load_network`.
    """
    if isinstance(network, Network):
        return network
    if isinstance(network, (str, Path)):
        _, card = network_files(network)
        return _kept(str(network), card.read_bytes() if card.is_file() else b"")
    if not isinstance(network, keras.Model):
        raise TypeError(
            "network must be a name, a path, a lensmap.networks.Network or a keras.Model, not "
            f"{type(network).__name__}"
        )
    kinds = {len(kind.channels): name for name, kind in reversed(INPUTS.items())}
    n_channels = network.input_shape[-1]
    if n_channels not in kinds:
        allowed = " or ".join(str(n) for n in sorted(kinds))
        raise ValueError(f"network must be a model that takes {allowed} channels, not {n_channels}")
    return Network(network, kinds[n_channels], reach=96, stride=32)


@functools.lru_cache(maxsize=4)
def _kept(name, card):
    return load_network(name)


def _fill(model, path):
    """Put the arrays of a file into a model."""
    values = []
    with h5py.File(path, "r") as file:
        wanted = {variable.path for variable in model.weights}
        there = set(file["names"].asstr()[()]) if "names" in file else set()
        if wanted != there:
            name = min(wanted ^ there)
            raise ValueError(
                f"the weights in {str(path)!r} do not fit the network {model.name!r}: "
                f"{name!r} is {'missing' if name in wanted else 'not known'}"
            )
        for variable in model.weights:
            value = file[variable.path][()]
            if value.shape != tuple(variable.shape):
                raise ValueError(
                    f"the weights in {str(path)!r} do not fit the network {model.name!r}: "
                    f"{variable.path!r} has the shape {value.shape} instead of "
                    f"{tuple(variable.shape)}"
                )
            values.append(value.astype(np.float32))
    model.set_weights(values)


def save_network(network, path, *, architecture, options=None, overwrite=False):
    """Write a network: the arrays in half precision, and its card.

    Parameters
    ----------
    network : Network
        The network; its ``card`` says how it was made.
    path : path-like
        The file of weights, which ends in ``.h5``; the card lies beside it.
    architecture : str
        What `build` makes the model by.
    options : dict or None
        What else `build` was given.
    overwrite : bool
        Whether existing files may be replaced.

    Raises
    ------
    ValueError
        If ``path`` does not end in ``.h5``, the architecture is not known, or weights are not
        finite in half precision.
    FileExistsError
        If a file exists and ``overwrite`` is False.
    """
    path = Path(path)
    if path.suffix != ".h5":
        raise ValueError(f"path must end in .h5, not {path.name!r}")
    get_architecture(architecture)
    card_path = path.with_suffix(".json")
    if card_path.exists() and not overwrite:
        raise FileExistsError(f"{str(card_path)!r} exists; overwrite=True replaces it")
    use = {key: getattr(network, key) for key in _USE}
    card = {
        **network.card,
        "format": CARD_FORMAT,
        "architecture": architecture,
        "options": dict(options or {}),
        "n_parameters": int(network.model.count_params()),
        **use,
    }
    # Both are written before one of them takes its place.
    with (
        atomic_write(card_path, overwrite=overwrite) as card_file,
        atomic_write(path, overwrite=overwrite) as weights_file,
    ):
        _write_weights(network.model, weights_file)
        card["sha256"] = hashlib.sha256(weights_file.read_bytes()).hexdigest()
        card_file.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def _write_weights(model, path):
    with h5py.File(path, "w") as file:
        for variable in model.weights:
            with np.errstate(over="ignore"):  # told below
                value = keras.ops.convert_to_numpy(variable.value).astype(np.float16)
            if not np.all(np.isfinite(value)):
                raise ValueError(f"the weights {variable.path!r} are not finite as float16")
            file.create_dataset(variable.path, data=value)
        file["names"] = [variable.path for variable in model.weights]
