# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Reading and writing of networks.

A network is stored in two files. ``NAME.h5`` (HDF5) holds the weights of an architecture of lensmap
as plain arrays, or ``NAME.keras`` a whole Keras model. ``NAME.json`` is the card, with the origin
of the network and the SHA-256 checksum of the other file. Files that hold code are refused.
"""

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np

from lensmap.networks._architecture import Architecture
from lensmap.networks._calibration import IntervalCalibration
from lensmap.networks._cards import (
    CARD_FORMAT,
    CARD_REMEDY,
    KERAS_SUFFIX,
    is_whole_hdf5_model,
    network_files,
    read_card,
    whole_hdf5_model_message,
)
from lensmap.networks._domain import Domain
from lensmap.networks._inputs import INPUTS
from lensmap.networks._keras_files import load_model, save_model
from lensmap.networks._network import Network
from lensmap.networks._residuals import ResidualSpectrum
from lensmap.networks.models import build, get_architecture
from lensmap.typing import PathLike
from lensmap.utils import (
    NETWORK_SUFFIXES,
    UNSEALED,
    ParameterError,
    ParameterTypeError,
    atomic_writes,
    check_plain_hdf5,
    hdf5_file,
    printable,
    provenance,
    seal,
)

__all__ = ["architecture_of", "as_network", "load_network", "save_network"]

# The reach and stride, in pixels, assumed for a Keras model without a card: those of a U-Net of
# five levels.
_DEFAULT_REACH, _DEFAULT_STRIDE = 96, 32

_MAX_NAMES_BYTES = 10**6  # of the list of the arrays in a weights file


def load_network(name: PathLike) -> Network:
    """Load a network from its files.

    A ``.keras`` file is loaded with Keras' ``safe_mode`` and without its optimizer and loss. Its
    layers are those of Keras and lensmap, and layers of your own that are registered with
    ``keras.saving.register_keras_serializable``. Load only files from people that you trust.

    Parameters
    ----------
    name : str or path-like
        One of the names in `available_networks`, an edition such as ``"lensmap-2"``, or the path of
        a weights file (``.h5``) or a Keras model (``.keras``) written by `save_network`.

    Returns
    -------
    Network
        The network. Each call builds a new Keras model.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If there is no network of this name, its files are damaged, do not match each other, or
        have the format of another version of lensmap, or a Keras model holds code, as ``Lambda``
        layers do.
    """
    card, (path, card_path) = read_card(name), network_files(name)
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no weights file {str(path)!r}, which belongs to the card of the same name: "
            "copy it to the folder of the card"
        )
    if is_whole_hdf5_model(path):
        raise ValueError(whole_hdf5_model_message(path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != card["sha256"]:
        raise ValueError(
            f"the weights file {str(path)!r} is damaged or does not belong to its card: the "
            f"SHA-256 checksum of the file is {digest[:12]}..., but that in the card is "
            f"{card['sha256'][:12]}...; if a training was interrupted while it wrote the two "
            "files, repeat its call, which writes both again; otherwise copy both files again from "
            "the folder of the training, or install lensmap again if the network came with it"
        )
    is_keras = path.suffix == KERAS_SUFFIX
    model = load_model(path) if is_keras else None
    architecture = Architecture("paper") if is_keras else get_architecture(card["architecture"])
    try:
        domain = Domain.from_card(card)
        description = {name: card[name] for name in architecture.to_card()}
        architecture = replace(architecture, **description)
        if model is None:
            model = build(card["architecture"], **card["options"])
        entry = card["calibration"]
        calibration = None if entry is None else IntervalCalibration.from_card(entry)
        entry = card.get("residuals")
        residuals = None if entry is None else ResidualSpectrum.from_card(entry)
        network = Network(model, architecture, domain, calibration, residuals, card)
    except KeyError as error:
        raise ValueError(
            f"the card {str(card_path)!r} has no entry {error}: {CARD_REMEDY}"
        ) from None
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the card {str(card_path)!r} describes no network: {error}; {CARD_REMEDY}"
        ) from error
    if not is_keras:
        _set_weights(model, path)
    return network


def as_network(network: PathLike | Network | keras.Model) -> Network:
    """Convert a network name, a path or a Keras model to a `Network`.

    Parameters
    ----------
    network : str, path-like, Network or `keras.Model`
        The name of a bundled network, the path of a weights file (``.h5``) or of a Keras model
        (``.keras``), a Keras model, or a `Network`, which is returned unchanged. The kind of input
        of a Keras model without a card follows from its number of input channels.

    Returns
    -------
    Network
        The network. A network loaded from files is cached until one of the files changes.

    Raises
    ------
    TypeError, ValueError
        If ``network`` is none of these, or `load_network` fails.
    """
    if isinstance(network, Network):
        return network
    if isinstance(network, (str, Path)):
        weights, card = network_files(network)
        state = weights.stat() if weights.is_file() else None
        return _load_cached(
            str(network),
            card.read_bytes() if card.is_file() else b"",
            state and (state.st_size, state.st_mtime_ns),
        )
    if not isinstance(network, keras.Model):
        raise ParameterTypeError(
            "network",
            "the name of a network, the path of its file (.h5 or .keras), a "
            "lensmap.networks.Network or a keras.Model",
            type(network).__name__,
        )
    return Network(network, architecture_of(network, "network"))


def architecture_of(model: keras.Model, parameter: str = "model") -> Architecture:
    """Return the architecture that is assumed for a Keras model without a description.

    Parameters
    ----------
    model : `keras.Model`
        The model.
    parameter : str
        The name of the parameter that holds the model, for error messages.

    Returns
    -------
    Architecture
        The kind of input that has the number of input channels of the model, ``"paper"`` for three
        channels, and the geometry of a U-Net of five levels.

    Raises
    ------
    ValueError
        If no kind of input has this number of channels.
    """
    kinds = {len(kind.channels): name for name, kind in reversed(INPUTS.items())}
    n_channels = getattr(model, "input_shape", (None,))[-1]
    if n_channels not in kinds:
        allowed = " or ".join(str(n) for n in sorted(kinds))
        raise ParameterError(
            parameter, f"a model with {allowed} input channels", str(n_channels)
        )
    return Architecture(kinds[n_channels], reach=_DEFAULT_REACH, stride=_DEFAULT_STRIDE)


@functools.lru_cache(maxsize=4)
def _load_cached(name, card, weights):
    """Load a network. The cache compares the content of its card and the state of its weights."""
    return load_network(name)


def _set_weights(model, path):
    """Set the weights of a Keras model to the arrays in a weights file.

    A ValueError is raised if the arrays do not lie in the file itself, if their names, shapes or
    types do not match the model, or if their values are not finite.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"the weights file {str(path)!r} is not an HDF5 file") from error
    with file:
        check_plain_hdf5(file, path)
        _check_names(model, file, path)
        arrays = [_checked_array(model, variable, file, path) for variable in model.weights]
        # No array is read before the shapes of all arrays are known.
        with np.errstate(over="ignore"):  # infinite values raise the error below
            values = [array[()].astype(np.float32) for array in arrays]
    for variable, value in zip(model.weights, values, strict=True):
        if not np.all(np.isfinite(value)):
            raise ValueError(
                f"the array {variable.path!r} in the weights file {str(path)!r} has values that "
                "are NaN or infinite: the training failed, so train the network again"
            )
    model.set_weights(values)


def _check_names(model, file, path):
    """Raise ValueError unless a weights file has the arrays of a model and no others."""
    names, stored = {variable.path for variable in model.weights}, file.get("names")
    if isinstance(stored, h5py.Dataset) and h5py.check_string_dtype(stored.dtype) is not None:
        stored_names = set(stored.asstr()[()]) if stored.nbytes < _MAX_NAMES_BYTES else set()
    else:
        stored_names = set()
    if names != stored_names:
        name = min(names ^ stored_names)
        raise ValueError(
            f"{_misfit(model, path)}: the array {printable(name)!r} is "
            + ("missing in the file" if name in names else "not a weight of the architecture")
        )


def _checked_array(model, variable, file, path):
    """Return the dataset of a weight, without reading it, if its shape and type are right."""
    array = file.get(variable.path)
    if not isinstance(array, h5py.Dataset):
        raise ValueError(
            f"the weights file {str(path)!r} is damaged: the array {variable.path!r} is missing, "
            "although the file lists it; copy the file again from the folder of the training"
        )
    if array.shape != tuple(variable.shape):
        raise ValueError(
            f"{_misfit(model, path)}: the array {variable.path!r} has the "
            f"shape {array.shape} instead of {tuple(variable.shape)}"
        )
    if array.dtype.kind != "f":
        raise ValueError(
            f"the array {variable.path!r} in the weights file {str(path)!r} must hold real "
            f"floating-point numbers, not {array.dtype}: write the weights with save_network"
        )
    return array


def _misfit(model, path):
    return (
        f"the weights file {str(path)!r} does not fit the architecture {model.name!r} and the "
        "options in its card"
    )


def save_network(
    network: Network,
    path: PathLike,
    *,
    architecture: str | None = None,
    options: Mapping | None = None,
    edition: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write a network to two files: its weights or its Keras model, and its card.

    The card is a JSON file with the kind of input, the geometry, the domain and the training of the
    network, and with the SHA-256 checksum of the other file.

    Parameters
    ----------
    network : Network
        The network.
    path : path-like
        The path of the file. With the suffix ``.keras``, the whole Keras model is written. With
        the suffix ``.h5``, the weights alone are written, in half precision. The card gets the same
        name with the suffix ``.json``.
    architecture : str or None
        The name of the architecture, with which `load_network` builds the Keras model of a weights
        file (``.h5``) again. None for a whole Keras model (``.keras``).
    options : dict or None
        The options of the architecture with which the Keras model was built; None for the default
        options.
    edition : str or None
        The edition of a network that comes with lensmap, such as ``"lensmap-2"``, for its card.
        None for all other networks.
    overwrite : bool
        Whether to replace existing files.

    Raises
    ------
    ValueError
        If ``path`` ends neither in ``.h5`` nor in ``.keras``, there is no architecture of this
        name, weights are not finite in half precision, or a layer of the Keras model holds code, as
        ``Lambda`` layers do.
    FileExistsError
        If a file exists and ``overwrite`` is False.

    Examples
    --------
    >>> import tempfile
    >>> import keras
    >>> from lensmap.networks import Architecture, Domain, Network, load_network, save_network
    >>> image = keras.Input((None, None, 3))
    >>> model = keras.Model(image, keras.layers.Conv2D(1, 9, padding="same")(image))
    >>> network = Network(model, Architecture("paper", reach=4), Domain(pixel_scale=(0.4, 0.5)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_network(network, f"{folder}/mine.keras")
    ...     loaded = load_network(f"{folder}/mine.keras")
    >>> loaded.domain.pixel_scale
    (0.4, 0.5)
    """
    path = Path(path)
    if path.suffix not in NETWORK_SUFFIXES:
        raise ParameterError("path", "in .h5 or .keras", repr(path.name), verb="end")
    is_keras = path.suffix == KERAS_SUFFIX
    calibration = None if network.calibration is None else network.calibration.to_card()
    card_path = path.with_suffix(".json")
    card = {
        **_without_build(network.card),
        "format": CARD_FORMAT,
        **({} if is_keras else _how_to_build(architecture, options)),
        "n_parameters": int(network.model.count_params()),
        **network.architecture.to_card(),
        **network.domain.to_card(),
        "calibration": calibration,
        "residuals": None if network.residuals is None else network.residuals.to_card(),
        "provenance": provenance(seal=UNSEALED),
    }
    # The edition of the network from which a training started is that of other weights.
    card.pop("edition", None)
    if edition is not None:
        card["edition"] = edition
    with atomic_writes([path, card_path], overwrite=overwrite) as (weights_file, card_file):
        (save_model if is_keras else _write_weights)(network.model, weights_file)
        card["sha256"] = hashlib.sha256(weights_file.read_bytes()).hexdigest()
        card_file.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
        seal(card_file)


def _how_to_build(architecture, options):
    """Return the entries of a card by which `load_network` builds the Keras model of weights."""
    if architecture is None:
        raise ParameterError(
            "architecture", "the name of an architecture if {path} ends in .h5",
            remedy="for a Keras model of your own, give a path that ends in .keras",
        )
    get_architecture(architecture)
    return {"architecture": architecture, "options": dict(options or {})}


def _without_build(card):
    """Return a card without the entries by which a Keras model was built from an architecture."""
    return {name: value for name, value in card.items() if name not in ("architecture", "options")}


def _write_weights(model, path):
    with hdf5_file(path) as file:
        for variable in model.weights:
            with np.errstate(over="ignore"):  # overflows raise the error below
                value = keras.ops.convert_to_numpy(variable.value).astype(np.float16)
            if not np.all(np.isfinite(value)):
                raise ValueError(
                    f"the network cannot be saved: its weights {variable.path!r} are not finite in "
                    "half precision (float16, at most 65504)"
                )
            file.create_dataset(variable.path, data=value)
        file["names"] = [variable.path for variable in model.weights]
