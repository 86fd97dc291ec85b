# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Reading and writing of whole Keras models (``.keras``), which hold no code.

A ``.keras`` file is a zip archive with the configuration of the model (JSON) and its weights
(HDF5). Layers whose configuration holds code, such as ``Lambda``, are refused.
"""

import io
import json
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from lensmap.networks._session import keras_session
from lensmap.utils import ParameterError, check_plain_hdf5, printable, reading

__all__ = ["check_model_file", "copy_model", "load_model", "save_model"]

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"

# The members of the archive. Others, such as the assets of text layers, are no part of a network
# for maps.
_MEMBERS = {"metadata.json", _CONFIG, _WEIGHTS}

# Layers whose configuration holds Python code, or that run a program of another library.
_LAYERS_WITH_CODE = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")

_NO_CODE_REMEDY = (
    "replace it by layers of Keras, or by a layer class of your own that is registered with "
    "keras.saving.register_keras_serializable"
)


def copy_model(model: keras.Model) -> keras.Model:
    """Return a copy of a Keras model as a file would give it back: not compiled, and without code.

    Parameters
    ----------
    model : `keras.Model`
        The model.

    Returns
    -------
    `keras.Model`
        A new model with the same layers and weights.

    Raises
    ------
    ValueError
        If a layer holds code, such as ``Lambda``, or the configuration of a layer cannot be written
        and read, as that of a class that is not registered.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about code, which is an error below
            config = json.loads(model.to_json())
        config.pop("compile_config", None)
        for kind, name in _layers_with_code(config):
            raise ParameterError(
                "model", "layers that hold no code", f"the layer {name!r} of the class {kind}",
                _NO_CODE_REMEDY, verb="have",
            )
        with keras_session():
            copy = keras.saving.deserialize_keras_object(config, safe_mode=True)
        copy.set_weights(model.get_weights())
    except ParameterError:
        raise
    except Exception as error:  # Keras raises errors of many classes
        raise ParameterError(
            "model", "one that Keras can write to a file and read again",
            remedy=f"it fails with {_reason(error)!r}; layers and functions of your own must "
            "be registered with keras.saving.register_keras_serializable",
        ) from error
    return copy


def check_model_file(path: Path) -> None:
    """Check a file of a Keras model without loading the model.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Raises
    ------
    ValueError
        If the file is not a ``.keras`` archive, a layer holds code, or the weights lie in other
        files.
    """
    name = repr(str(path))
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"{name} is not a Keras model in the format .keras, or it is damaged: copy the file "
            "again, or write it with lensmap.networks.save_network"
        )
    with reading(path, "Keras model"), zipfile.ZipFile(path) as archive:
        members = set(archive.namelist())
        if members != _MEMBERS:
            other = min(members ^ _MEMBERS)
            raise ValueError(
                f"{name} must hold {', '.join(sorted(_MEMBERS))} and nothing else, but "
                f"{printable(other)!r} is {'missing' if other in _MEMBERS else 'another file'}: "
                "write the model with lensmap.networks.save_network"
            )
        config = json.loads(archive.read(_CONFIG))
        for kind, layer in _layers_with_code(config):
            raise ValueError(
                f"{name} has the layer {printable(layer)!r} of the class {kind}, which can execute "
                f"code, and which lensmap does not load: {_NO_CODE_REMEDY}"
            )
        with h5py.File(io.BytesIO(archive.read(_WEIGHTS)), "r") as file:
            check_plain_hdf5(file, path)


def load_model(path: Path) -> keras.Model:
    """Load a Keras model from a ``.keras`` file, which must not hold code.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    `keras.Model`
        The model, which is not compiled.

    Raises
    ------
    ValueError
        As for `check_model_file`, if a layer is neither one of Keras or lensmap nor registered, or
        if weights are not finite.
    """
    check_model_file(path)
    try:
        with keras_session():
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises errors of many classes
        raise ValueError(
            f"Keras cannot load {str(path)!r} ({_reason(error)}): layers of your own must be "
            "registered with keras.saving.register_keras_serializable by a module that is imported "
            "before"
        ) from error
    for variable in model.weights:
        if not np.all(np.isfinite(keras.ops.convert_to_numpy(variable.value))):
            raise ValueError(
                f"the weights {variable.path!r} in {str(path)!r} have values that are NaN or "
                "infinite: the training failed, so train the network again"
            )
    return model


def save_model(model: keras.Model, path: Path) -> None:
    """Write a Keras model to a ``.keras`` file, without its optimizer.

    Parameters
    ----------
    model : `keras.Model`
        The model.
    path : pathlib.Path
        The file, which is replaced if it exists.

    Raises
    ------
    ValueError
        As for `copy_model`.
    """
    # The file of a compiled model would hold its optimizer and loss.
    copy = copy_model(model)
    with keras_session():
        copy.save(path, overwrite=True)


def _layers_with_code(config: Any) -> Iterator[tuple[str, str]]:
    """Yield the classes and the names of the layers with code in the configuration of a model."""
    if isinstance(config, dict):
        kind = config.get("class_name")
        if kind in (*_LAYERS_WITH_CODE, "__lambda__"):
            inner = config.get("config")
            name = inner.get("name", "") if isinstance(inner, dict) else ""
            yield str(kind).strip("_"), str(name)
        for value in config.values():
            yield from _layers_with_code(value)
    elif isinstance(config, list):
        for value in config:
            yield from _layers_with_code(value)


def _reason(error):
    """Return the cause at the end of an error of Keras, without configurations."""
    text = str(error).rpartition("Exception encountered: ")[2].strip()
    line = text.partition("\n")[0][:200] or type(error).__name__
    return line.replace("{", "(").replace("}", ")")
