# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Network`: a Keras model together with what it is to be fed with and where it may be used."""

from dataclasses import dataclass, field
from functools import cached_property

import keras
import numpy as np

from lensmap.networks._inputs import INPUTS, GridArrays
from lensmap.networks._large_scales import large_scale_correction
from lensmap.networks._symmetries import SYMMETRIES, turned, turned_back
from lensmap.networks._tiles import Tiling
from lensmap.utils import check_choice

__all__ = ["Network", "Prediction"]

# Smaller maps are surrounded with nothing: some networks need this much to begin with.
_SMALLEST = 64


@dataclass(frozen=True)
class Prediction:
    """What a network says of a grid.

    Attributes
    ----------
    kappa : `numpy.ndarray`
        Float32, ``(ny, nx)``.
    half_widths : dict
        From levels of confidence (0.68, 0.95) to the half-widths of intervals about ``kappa`` that
        hold the truth as often, ``(ny, nx)``; empty if the network does not say.
    """

    kappa: np.ndarray
    half_widths: dict


@dataclass(frozen=True, eq=False)
class Network:
    """A Keras model for mass maps, with what it needs to be used.

    Attributes
    ----------
    model : `keras.Model`
        From ``(n, ny, nx, n_channels)`` to ``(n, ny, nx, 1)``, the convergence in the unit of its
        kind of input; or to ``(n, ny, nx, 3)`` with the natural logarithms of the half-widths of
        the 68 and 95 per cent intervals about it, in the same unit.
    inputs : str
        The kind of input: ``"multiscale"`` (18 channels; in units of the noise of a pixel),
        ``"paper"`` or ``"smoothed"`` (mean g1, g2 and measurement error, not smoothed or smoothed;
        in units of kappa).
    pixel_scale : tuple of float
        The smallest and the largest pixel it knows, arcminutes.
    galaxies_per_pixel : tuple of float
        The fewest and the most galaxies per pixel it knows.
    shape_noise : tuple of float
        The least and the largest dispersion of ellipticities per component, with their measurement
        errors, that it knows.
    stride : int
        The sides of its input are multiples of this.
    reach : int
        How many pixels at the edge of a tile feel that it is one.
    margin : int
        How many pixels at the edges of its input it cannot map well: as many empty ones surround
        what it is given, and are cut off the map.
    large_scales : float or None
        The standard deviation (pixels) of the Gaussian beyond which the Wiener filter makes the
        map, which solves for the mass beyond the edges as well; None leaves all scales to the
        network.
    half_width_factors : tuple of float
        The factors by which calibration multiplies the half-widths of the two intervals.
    card : dict
        Where it comes from.
    """

    model: keras.Model
    inputs: str
    pixel_scale: tuple = (0.41, 0.41)
    galaxies_per_pixel: tuple = (1.0, 30.0)
    shape_noise: tuple = (0.15, 0.5)
    stride: int = 1
    reach: int = 64
    margin: int = 0
    large_scales: float | None = None
    half_width_factors: tuple = (1.0, 1.0)
    card: dict = field(default_factory=dict)

    def __post_init__(self):
        if not isinstance(self.model, keras.Model):
            raise TypeError(f"model must be a keras.Model, not {type(self.model).__name__}")
        check_choice(self.inputs, "inputs", tuple(INPUTS))
        n_in, n_out = _channels(self.model)
        wanted = len(INPUTS[self.inputs].channels)
        if n_in != wanted:
            raise ValueError(
                f"model takes {n_in} channels, but the inputs {self.inputs!r} have {wanted}: "
                + ", ".join(INPUTS[self.inputs].channels)
            )
        if n_out not in (1, 3):
            raise ValueError(f"model must return 1 plane or 3 (ny, nx, n), not {n_out}")

    @property
    def predicts_errors(self):
        """Whether it says how wrong it may be."""
        return self.model.output_shape[-1] == 3

    def predict(self, arrays, *, symmetrize=False, tile_size=1024):
        """Make a map of a grid.

        Parameters
        ----------
        arrays : GridArrays
            The grid.
        symmetrize : bool
            Whether the mean over the eight rotations and mirrors is taken.
        tile_size : int
            Larger maps are made in tiles of about this many pixels a side.

        Returns
        -------
        Prediction
            The map.
        """
        if not isinstance(arrays, GridArrays):
            arrays = GridArrays.from_grid(arrays)
        kind = INPUTS[self.inputs]
        planes, unit = kind.make(arrays)
        n_out = self.model.output_shape[-1]
        function = self._symmetric if symmetrize else self._run
        sides = [self._side(n) for n in planes.shape[:2]]
        planes, inner = _centered(planes, sides, kind.extended)
        result = self._tiling(tile_size).apply(function, planes, n_out)[inner]
        kappa = result[..., 0] * unit
        if self.large_scales is not None:
            kappa = kappa + large_scale_correction(arrays, kappa, self.large_scales)
        if not self.predicts_errors:
            return Prediction(kappa, {})
        widths = np.exp(result[..., 1:]) * np.asarray(
            self.half_width_factors, dtype=np.float32
        )
        half_widths = {0.68: widths[..., 0] * unit, 0.95: widths[..., 1] * unit}
        return Prediction(kappa, half_widths)

    def _side(self, n):
        """Return the side of the input for a map of a side of n pixels."""
        return self.stride * -(-max(n + 2 * self.margin, _SMALLEST) // self.stride)

    def _tiling(self, tile_size):
        overlap = -(-2 * self.reach // self.stride) * self.stride
        size = max(-(-tile_size // self.stride) * self.stride, overlap + self.stride)
        return Tiling(size, overlap, self.reach // 2, self.stride)

    @cached_property
    def _call(self):
        """The model as a function of images.

        On TensorFlow it is one graph for all sizes of map, which takes half the time of one
        operation after the other; `keras.Model.predict` would trace it anew for each size.
        """
        def call(images):
            return self.model(images, training=False)

        if keras.backend.backend() != "tensorflow":
            return call
        import tensorflow

        images = tensorflow.TensorSpec((None, None, None, self.model.input_shape[-1]), "float32")
        # Nothing in a model is Python that would have to be translated.
        return tensorflow.function(call, input_signature=[images], autograph=False)

    def __getstate__(self):
        # A graph cannot be copied or sent to another process; it is made again there.
        return {name: value for name, value in self.__dict__.items() if name != "_call"}

    def _run(self, planes):
        images = keras.ops.convert_to_tensor(planes[np.newaxis], dtype="float32")
        result = keras.ops.convert_to_numpy(self._call(images))[0]
        if result.shape[:2] != planes.shape[:2]:
            raise ValueError(
                f"model must return maps of the size of its input: it made {result.shape[:2]} of "
                f"{planes.shape[:2]} (ny, nx)"
            )
        return result

    def _symmetric(self, planes):
        signs = INPUTS[self.inputs].signs
        total = 0.0
        for symmetry in SYMMETRIES:
            total = total + turned_back(self._run(turned(planes, symmetry, signs)), symmetry)
        return total / len(SYMMETRIES)


def _channels(model):
    """Return how many channels a model takes and returns."""
    shapes = []
    for name in ("input_shape", "output_shape"):
        try:
            shape = tuple(getattr(model, name))
        except (AttributeError, TypeError):  # of a class of its own, not built yet
            raise ValueError(
                f"model must be built with keras.Input, so that its {name} is known"
            ) from None
        if len(shape) != 4 or isinstance(shape[0], (tuple, list)) or shape[1:3] != (None, None):
            raise ValueError(
                f"model must have one {name} of (None, None, None, channels), for maps of any "
                f"size, not {shape}"
            )
        shapes.append(shape[-1])
    return shapes


def _centered(planes, sides, extended):
    """Put planes into the middle of larger ones; also return where they are in them.

    In the middle, so that a mirrored map is padded like the map.
    """
    before = [(side - n) // 2 for side, n in zip(sides, planes.shape)]
    inner = tuple(slice(b, b + n) for b, n in zip(before, planes.shape))
    pad = [(b, side - n - b) for b, side, n in zip(before, sides, planes.shape)]
    if not any(map(any, pad)):
        return planes, inner
    filled = np.pad(planes, [*pad, (0, 0)])
    if extended.any():
        filled[..., extended] = np.pad(planes[..., extended], [*pad, (0, 0)], mode="edge")
    return filled, inner
