# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The model that a training is to train: of lensmap by name, or of the user."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from lensmap.networks._architecture import Architecture
from lensmap.networks._cards import KERAS_SUFFIX
from lensmap.networks._keras_files import copy_model
from lensmap.networks._network import Network
from lensmap.networks._weights import architecture_of, load_network
from lensmap.networks.models import ARCHITECTURES, build, get_architecture
from lensmap.utils import ParameterError, ParameterTypeError

__all__ = ["ModelSource", "model_digest"]


@dataclass(frozen=True)
class ModelSource:
    """The source of a model.

    Attributes
    ----------
    make : callable
        The function that returns a new model with its initial weights.
    name : str or None
        The name of an architecture of lensmap; None for a model of the user.
    architecture : Architecture or None
        The kind of input and the geometry. If None, they follow from the number of input channels.
    start : str or None
        The ``.keras`` file of the model, if it comes from a file.
    """

    make: Callable[[], keras.Model]
    name: str | None = None
    architecture: Architecture | None = None
    start: str | None = None

    @classmethod
    def of(
        cls, model: Any, architecture: Architecture | None, options: Mapping[str, Any]
    ) -> "ModelSource":
        """Return the source of a model.

        Parameters
        ----------
        model : str, path-like, `keras.Model`, Architecture or callable
            The name of an architecture of lensmap, a ``.keras`` file, a model, an architecture with
            ``build``, or a function that builds a model.
        architecture : Architecture or None
            The kind of input and the geometry of a model of the user, or None.
        options : dict
            The parameters of the function that builds the model.

        Returns
        -------
        ModelSource
            The source.

        Raises
        ------
        TypeError, ValueError
            If ``model`` is none of these, or the other parameters do not apply to it.
        """
        if isinstance(model, Architecture):
            if model.build is None:
                raise ParameterError(
                    "model", "an Architecture whose attribute build is a function",
                    "one without it", "give the Keras model itself, and {architecture}",
                )
            _refuse(architecture, "architecture", "an Architecture")
            build = model.build
            return cls(lambda: build(**options), architecture=model)
        if isinstance(model, keras.Model):
            _refuse(options, "options", "a Keras model")
            return cls(lambda: copy_model(model), architecture=architecture)
        if isinstance(model, (str, Path)):
            return cls._of_name(model, architecture, options)
        if callable(model):
            return cls(lambda: model(**options), architecture=architecture)
        raise ParameterTypeError(
            "model",
            "the name of an architecture, a .keras file, a keras.Model, a function that builds "
            "one, or an Architecture",
            type(model).__name__,
        )

    @classmethod
    def _of_name(cls, name, architecture, options):
        if Path(name).suffix == KERAS_SUFFIX:
            for value, parameter in ((architecture, "architecture"), (options, "options")):
                _refuse(value, parameter, "a .keras file, whose card describes the model")
            network = load_network(name)
            return cls(lambda: network.model, architecture=network.architecture, start=str(name))
        get_architecture(name)  # raises an error for other names
        _refuse(architecture, "architecture", f"the architecture {name!r} of lensmap")
        return cls(lambda: build(name, **options), str(name), ARCHITECTURES[str(name)])

    def build(self) -> tuple[keras.Model, Architecture]:
        """Build the model, and check that it converts the inputs of its architecture to a map.

        Returns
        -------
        model : `keras.Model`
            A new model with its initial weights.
        architecture : Architecture
            The kind of input and the geometry.

        Raises
        ------
        TypeError, ValueError
            If it is not such a model, or a model of the user cannot be written to a file.
        """
        model = self.make()
        if not isinstance(model, keras.Model):
            raise ParameterTypeError(
                "model", "a function that returns a keras.Model", type(model).__name__
            )
        architecture = self.architecture or architecture_of(model)
        Network(model, architecture)  # checks the channels
        if self.name is None:
            copy_model(model)  # checks that it can be written to a file
        return model, architecture


def _refuse(value, parameter, model):
    if value:
        raise ParameterError(parameter, f"left out if {{model}} is {model}")


def model_digest(model: keras.Model) -> str:
    """Return a digest of the layers of a model, which does not depend on their names and weights.

    Keras numbers the layers that a program makes, so that the names of a model that is built twice
    differ.

    Parameters
    ----------
    model : `keras.Model`
        The model.

    Returns
    -------
    str
        The first 16 hexadecimal digits of a SHA-256 digest.
    """
    names = {layer.name: f"layer {i}" for i, layer in enumerate(model.layers)}
    names[model.name] = "model"
    config = _renamed(json.loads(model.to_json()), names)
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]


def _renamed(config, names):
    if isinstance(config, dict):
        return {key: _renamed(value, names) for key, value in config.items()}
    if isinstance(config, list):
        return [_renamed(value, names) for value in config]
    return names.get(config, config) if isinstance(config, str) else config
