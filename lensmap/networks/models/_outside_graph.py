# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The choice of how networks compute large kernels when they make maps: in the graph or outside.

In the graph, Fourier transforms are products of matrices (module `_large_kernel`). Outside, they
are fast Fourier transforms of scipy (module `_overlap_save`), which have no gradients. Which of
them is faster depends on the processor: the products gain from wide vector units.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import keras
import numpy as np

from lensmap.networks.models._overlap_save import (
    KeptSpectrum,
    correlate,
    kernel_spectrum,
    tile_steps,
)
from lensmap.utils import ParameterError, n_threads

__all__ = ["correlate_outside", "is_outside_faster", "maps_only"]

#: The environment variable that sets the way for all kernels.
VARIABLE = "LENSMAP_LARGE_KERNELS"

_WAYS = ("auto", "graph", "scipy")

# Ways are compared with at most this number of channels, so that a trial takes less than 0.3 s.
_MAX_TRIAL_CHANNELS = 24

# More threads than this may wait for each other.
_MAX_BUSY_THREADS = 8

# The number of pixels of the map for which the ways are compared.
_USUAL_MAP_PIXELS = 512**2

# The way of this block of code; "graph" outside the blocks of `maps_only`.
_way: ContextVar[str] = ContextVar("way", default="graph")

# The choices of this process, keyed by kernel size and numbers of channels.
_choices: dict[tuple, bool] = {}
_lock = threading.Lock()


@contextmanager
def maps_only(*, save_memory: bool = False) -> Iterator[None]:
    """Allow large kernels to be computed outside the graph while a block runs or traces a model.

    The block must need no gradients, and must not save or compile the graph. The environment
    variable LENSMAP_LARGE_KERNELS decides between the ways. If it is "auto" or not set, the faster
    way is used.

    Parameters
    ----------
    save_memory : bool
        Whether to compute kernels outside the graph, which takes less memory, even if that is
        slower.

    Yields
    ------
    None
        Nothing.

    Raises
    ------
    ValueError
        If the environment variable has another value than "auto", "graph" or "scipy".
    """
    way = os.environ.get(VARIABLE, "auto")
    if way not in _WAYS:
        raise ParameterError(
            VARIABLE, f"one of {', '.join(map(repr, _WAYS))}", repr(way),
            "correct or unset this environment variable",
        )
    if way == "auto" and save_memory:
        way = "scipy"
    token = _way.set(way)
    try:
        yield
    finally:
        _way.reset(token)


def is_outside_faster(
    layer: keras.layers.Layer, c_in: int, in_graph: Callable[[Any, Any], Any], steps: list[int]
) -> bool:
    """Return whether a layer computes its kernel outside the graph.

    Outside the blocks of `maps_only`, with other backends than TensorFlow, and with a GPU, the
    answer is False. If both ways are allowed, they are timed once in each process for each shape of
    kernels.

    Parameters
    ----------
    layer : `keras.layers.Layer`
        The convolution layer.
    c_in : int
        The number of channels of its input.
    in_graph : callable
        The correlation by products of matrices, called as ``in_graph(images, kernel)``.
    steps : list of int
        The steps ``(y, x)`` from one tile to the next of this correlation, pixels.

    Returns
    -------
    bool
        Whether to call `correlate_outside`.
    """
    way = _way.get()
    if way == "graph" or keras.backend.backend() != "tensorflow":
        return False
    if way == "scipy":
        return True
    if _has_gpu():
        return False
    shape = (*layer.kernel_size, c_in, layer.filters)
    with _lock:
        if shape not in _choices:
            _choices[shape] = _is_scipy_faster(shape, in_graph, steps)
        return _choices[shape]


def _has_gpu():
    import tensorflow

    return bool(tensorflow.config.list_logical_devices("GPU"))


def _is_scipy_faster(shape, in_graph, steps):
    """Time both ways for a kernel of random numbers of a shape ``(ny, nx, c_in, c_out)``."""
    import tensorflow

    shape = (*shape[:2], *(min(c, _MAX_TRIAL_CHANNELS) for c in shape[2:]))
    kernel = np.random.default_rng(0).standard_normal(shape, np.float32)
    spectrum = kernel_spectrum(kernel)
    outside = _seconds_per_map(
        lambda images: correlate(images, spectrum), shape, tile_steps(shape[:2]),
        has_fixed_part=False,
    )
    # Layers are traced into a graph, but the trial must run at once.
    with tensorflow.init_scope():
        tensor = tensorflow.constant(kernel)
        inside = _seconds_per_map(
            lambda images: in_graph(tensorflow.constant(images), tensor).numpy(),
            shape, steps, has_fixed_part=True,
        )
    return outside < inside


def _seconds_per_map(correlate, shape, steps, *, has_fixed_part):
    """Estimate the time of a correlation for a usual map, from images of three by three tiles.

    Parameters
    ----------
    correlate : callable
        The correlation with a kernel, called with images.
    shape : tuple of int
        The shape ``(ny, nx, c_in, c_out)`` of the kernel.
    steps : list of int
        The steps ``(y, x)`` from one tile to the next in pixels.
    has_fixed_part : bool
        Whether part of the time does not depend on the size of the map, as that of the transform of
        the kernel. An image of a single tile is then timed as well.

    Returns
    -------
    float
        The time in seconds.
    """
    def seconds(n_tiles, repeats):
        sides = [n_tiles * step + k - 1 for step, k in zip(steps, shape)]
        images = np.ones((1, *sides, shape[2]), np.float32)
        return min(_seconds(correlate, images) for _ in range(repeats))

    n_tiles = _USUAL_MAP_PIXELS / (steps[0] * steps[1])
    # The first call also prepares products and transforms.
    nine = seconds(3, repeats=2)
    if not has_fixed_part:
        return nine / 9 * n_tiles
    return nine + max(nine - seconds(1, repeats=1), 0.0) / 8 * (n_tiles - 9)


def _seconds(function, *arguments):
    # With few threads, the time that all of them spend is in proportion to the time of the call,
    # and does not depend on other processes, as those of a survey.
    clock = time.process_time if n_threads() <= _MAX_BUSY_THREADS else time.perf_counter
    start = clock()
    function(*arguments)
    return clock() - start


def correlate_outside(
    images: Any,
    kernel: Any,
    kept: KeptSpectrum,
    before: tuple[int, int],
    after: tuple[int, int],
    *,
    transposed: bool = False,
) -> Any:
    """Correlate images with the kernel of a layer, outside the graph.

    Parameters
    ----------
    images : tensor
        The images, ``(n, ny, nx, c_in)``.
    kernel : tensor
        The kernel as the layer stores it, of the same type.
    kept : KeptSpectrum
        The spectrum of the layer's kernel.
    before, after : tuple of int
        The numbers ``(y, x)`` of rows and columns of zeros with which the images are padded.
    transposed : bool
        Whether the layer is a transposed convolution.

    Returns
    -------
    tensor
        The filtered images.
    """
    import tensorflow

    def compute(images, kernel):
        return correlate(images, kept.of(kernel, transposed=transposed), before, after)

    outputs = tensorflow.numpy_function(compute, [images, kernel], images.dtype)
    outputs.set_shape((images.shape[0], None, None, kernel.shape[2 if transposed else 3]))
    return outputs
