# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The surroundings in which lensmap makes and runs networks, whatever the user's program has set.

Keras has global settings, and its backends have threads that a forked process lacks.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import keras

__all__ = ["keras_session"]

_FLOAT = "float32"

# Keras' own defaults.
_DEFAULTS = {"image_data_format": "channels_last", "floatx": _FLOAT, "epsilon": 1e-7}


class _Process:
    """Whether this process has used a network, and whether it was forked from one that had."""

    has_used = False
    is_forked = False


def _note_fork():
    _Process.is_forked = _Process.has_used


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_note_fork)


@contextmanager
def keras_session() -> Iterator[None]:
    """Give Keras' global settings their defaults while a block makes or runs a network.

    The settings are those of ``keras.json`` and ``keras.config``: the order of the axes of images,
    the type of numbers, the policy of types, and epsilon. They are restored afterwards.

    Yields
    ------
    None
        Nothing.

    Raises
    ------
    RuntimeError
        If this process was forked from one that had used a network, where the backend would wait
        for threads that do not exist.
    """
    if _Process.is_forked:
        raise RuntimeError(
            "a network cannot be used in a process that was forked from one that has used a "
            f"network, because Keras' backend {keras.backend.backend()} would never answer: start "
            "the processes by the method 'spawn', as by "
            "multiprocessing.get_context('spawn').Pool() or "
            "ProcessPoolExecutor(mp_context=multiprocessing.get_context('spawn'))"
        )
    _Process.has_used = True
    config = keras.config
    before = {name: getattr(config, name)() for name in _DEFAULTS}
    policy = config.dtype_policy()  # its name is that of floatx, or of a mixed precision
    try:
        _set(_DEFAULTS, _FLOAT if policy.name != _FLOAT else None)
        yield
    finally:
        _set(before, policy if policy.name != _FLOAT else None)


def _set(values, policy):
    """Set Keras' global settings; a policy of None leaves that of types as it is."""
    for name, value in values.items():
        if getattr(keras.config, name)() != value:
            getattr(keras.config, f"set_{name}")(value)
    if policy is not None:
        keras.config.set_dtype_policy(policy)
