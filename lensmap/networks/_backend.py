# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The import of Keras and its backend: without messages, with errors that name the backend."""

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from lensmap.utils import import_optional, kept_from_terminal

__all__ = ["import_keras"]

_BACKEND, _HOME, _LOG_LEVEL = "KERAS_BACKEND", "KERAS_HOME", "TF_CPP_MIN_LOG_LEVEL"

_DEFAULT = "tensorflow"


def import_keras() -> None:
    """Import Keras without TensorFlow's start-up messages.

    The messages are shown if the user has set the environment variable TF_CPP_MIN_LOG_LEVEL, or if
    the import fails.

    Raises
    ------
    ImportError
        If Keras or its backend cannot be imported. If the user has chosen another backend than
        TensorFlow, the message says where.
    """
    if sys.modules.get("keras") is not None:  # None there makes an import fail
        return
    if _LOG_LEVEL in os.environ:
        _import()
        return
    os.environ[_LOG_LEVEL] = "3"
    with kept_from_terminal():
        _import()


def _import():
    backend, place, remedy = _chosen_backend()
    if backend == _DEFAULT or find_spec("keras") is None:
        import_optional("keras", purpose="a neural network", install="tensorflow")
        return
    try:
        import keras  # noqa: F401
    # A name that Keras does not know is a ValueError.
    except Exception as error:
        raise ImportError(
            f"a neural network needs Keras' backend {backend!r}, which {place} asks for and which "
            f"cannot be imported ({error}): {remedy}, or install {backend}"
        ) from error


def _chosen_backend():
    """Return the name of Keras' backend, what chooses it, and how to choose the default."""
    name = os.environ.get(_BACKEND)
    if name:
        return name, f"the environment variable {_BACKEND}={name}", f"unset {_BACKEND}"
    folder = os.environ.get(_HOME)
    path = (Path(folder) if folder else Path("~").expanduser() / ".keras") / "keras.json"
    try:
        name = json.loads(path.read_text(encoding="utf-8")).get("backend")
    except (OSError, ValueError, AttributeError):  # Keras ignores such a file, too
        name = None
    remedy = f"write {_DEFAULT!r} into this file"
    return (name, f"the file {str(path)!r}", remedy) if name else (_DEFAULT, "", "")
