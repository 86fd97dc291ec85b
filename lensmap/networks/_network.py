# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Network`: a Keras model with its architecture and domain."""

from dataclasses import dataclass, field
from functools import cached_property

import keras
import numpy as np

from lensmap.grid import ShearGrid
from lensmap.networks._architecture import Architecture
from lensmap.networks._calibration import LEVELS, IntervalCalibration
from lensmap.networks._domain import Domain
from lensmap.networks._inputs import INPUTS, MEASUREMENT_ERROR, GridArrays, InputKind
from lensmap.networks._large_scales import large_scale_correction
from lensmap.networks._residuals import ResidualSpectrum, mean_variables
from lensmap.networks._session import keras_session
from lensmap.networks._symmetries import SYMMETRIES, apply_symmetry, undo_symmetry
from lensmap.networks._tiles import Tiling
from lensmap.networks.models._outside_graph import maps_only
from lensmap.utils import ParameterError, ParameterTypeError

__all__ = ["Network", "Prediction"]

# Smaller maps are padded to this side, because some networks need as many pixels.
_MIN_SIDE_PIXELS = 64

# Larger images use the way of large kernels that needs less memory, even if it is slower.
_MAX_USUAL_PIXELS = 1100**2


@dataclass(frozen=True)
class Prediction:
    """The convergence map that a network predicts, with confidence intervals.

    Attributes
    ----------
    kappa : `numpy.ndarray`
        The convergence, float32, ``(ny, nx)``.
    half_widths : dict
        The half-widths of the confidence intervals around ``kappa``, ``(ny, nx)``, keyed by the
        confidence level (0.68, 0.95). Empty if the network predicts no intervals.
    means : dict
        The means over the field, by name, of the input channels on which the correlation of errors
        between pixels depends. Empty if the network does not know this correlation.
    """

    kappa: np.ndarray
    half_widths: dict[float, np.ndarray]
    means: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Network:
    """A Keras model for mass maps, with its architecture and domain.

    Attributes
    ----------
    model : `keras.Model`
        A model with the input ``(n, ny, nx, n_channels)``. Its output is ``(n, ny, nx, 1)``, the
        convergence, or ``(n, ny, nx, 3)``, the convergence and the natural logarithms of the
        half-widths of the 68 and 95 per cent confidence intervals. The kind of input determines
        the unit of the convergence and the half-widths.
    architecture : Architecture
        The kind of input and the geometry of the model.
    domain : Domain
        The ranges of data that the network was trained for.
    calibration : IntervalCalibration or None
        The factors that multiply the half-widths for 68 and 95 per cent. None leaves them as the
        model predicts them.
    residuals : ResidualSpectrum or None
        The correlation of the errors of the map between pixels. None if it is not known.
    card : dict
        A description of the network and its training, as returned by `lensmap.networks.read_card`.
        Empty for a network that was not loaded from a file.

    Raises
    ------
    TypeError
        If ``model`` or ``architecture`` has the wrong type.
    ValueError
        If the number of input channels does not fit the kind of input, or the model does not
        convert images of any size to 1 or 3 planes; or if the calibration or the
        residuals need other channels.
    """

    model: keras.Model
    architecture: Architecture
    domain: Domain = Domain()
    calibration: IntervalCalibration | None = None
    residuals: ResidualSpectrum | None = None
    card: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.model, keras.Model):
            raise ParameterTypeError("model", "a keras.Model", type(self.model).__name__)
        if not isinstance(self.architecture, Architecture):
            raise ParameterTypeError(
                "architecture", "a lensmap.networks.Architecture", repr(self.architecture)
            )
        n_in, n_out = _channels(self.model)
        names = self._kind.channels
        if n_in != len(names):
            raise ParameterError(
                "model",
                f"{len(names)} input channels ({', '.join(names)}), as "
                f"inputs={self.architecture.inputs!r} of its architecture states",
                str(n_in),
                verb="have",
            )
        if n_out not in (1, 3):
            raise ParameterError(
                "model",
                "1 output channel (the convergence) or 3 (also the logarithms of two half-widths)",
                str(n_out),
                verb="have",
            )
        for name in ("calibration", "residuals"):
            part = getattr(self, name)
            if part is not None and not set(part.channels) <= set(names):
                raise ParameterError(
                    name, f"channels of the input ({', '.join(names)})",
                    ", ".join(part.channels), verb="have",
                )

    @property
    def _kind(self) -> InputKind:
        return INPUTS[self.architecture.inputs]

    @property
    def takes_measurement_error(self) -> bool:
        """Whether an input channel of the network is the measurement error of the shear."""
        return MEASUREMENT_ERROR in self._kind.channels

    @property
    def predicts_errors(self) -> bool:
        """Whether the network predicts confidence intervals."""
        return self.model.output_shape[-1] == 3

    @keras_session()
    def predict(
        self,
        arrays: GridArrays | ShearGrid,
        *,
        symmetrize: bool = False,
        tile_size: int = 1024,
    ) -> Prediction:
        """Predict the convergence from binned shear.

        Parameters
        ----------
        arrays : GridArrays or `~lensmap.ShearGrid`
            The binned reduced shear and its inverse variance.
        symmetrize : bool
            Whether to average the predictions over the eight rotations and reflections of the
            field.
        tile_size : int
            The approximate side, in pixels, of the tiles into which larger maps are divided.
            Tiles have up to 2.3 times the pixels of such a square where smaller ones would overlap
            so much that more than 1.3 times the pixels of the map are computed.

        Returns
        -------
        Prediction
            The convergence and, if the network predicts them, its confidence intervals.
        """
        if not isinstance(arrays, GridArrays):
            arrays = GridArrays.from_grid(arrays)
        planes, unit = self._kind.make(arrays)
        n_out = self.model.output_shape[-1]
        function = self._run_symmetrized if symmetrize else self._run
        sides = [self._padded_side(n) for n in planes.shape[:2]]
        planes, inner = _center(planes, sides, self._kind.extended)
        result = self._tiling(tile_size).apply(function, planes, n_out)[inner]
        kappa = result[..., 0] * unit
        if self.architecture.large_scales is not None:
            kappa = kappa + large_scale_correction(arrays, kappa, self.architecture.large_scales)
        if not self.predicts_errors:
            return Prediction(kappa, {})
        planes = planes[inner]
        widths = np.exp(result[..., 1:]) * np.asarray(unit, np.float32)[..., np.newaxis]
        if self.calibration is not None:
            height = kappa / widths[..., 0]
            widths *= self.calibration.factors(planes, self._kind.channels, height)
            # The 95 per cent interval contains the 68 per cent interval.
            np.maximum(widths[..., 1], widths[..., 0], out=widths[..., 1])
        half_widths = dict(zip(LEVELS, np.moveaxis(widths, -1, 0), strict=True))
        channels = () if self.residuals is None else self.residuals.channels
        means = mean_variables(planes, self._kind.channels, channels)
        return Prediction(kappa, half_widths, means)

    def draw_error(self, prediction: Prediction, rng: np.random.Generator) -> np.ndarray:
        """Draw a random map of the error of a prediction, with its correlation between pixels.

        In each pixel, the intervals of ``prediction.half_widths`` contain 68 and 95 per cent of all
        draws.

        Parameters
        ----------
        prediction : Prediction
            A prediction of this network.
        rng : `numpy.random.Generator`
            The generator of random numbers.

        Returns
        -------
        `numpy.ndarray`
            The error, that is the true convergence minus the map, ``(ny, nx)``.

        Raises
        ------
        ValueError
            If the network does not know the correlation of its errors.
        """
        if self.residuals is None:
            raise ValueError(
                "the card of the network must have an entry 'residuals', the correlation of its "
                "errors between pixels: fit it with lensmap.networks.calibrate"
            )
        draw = self.residuals.draw(prediction.kappa.shape, prediction.means, rng)
        one, two = (prediction.half_widths[level] for level in LEVELS)
        # A Gaussian draw is stretched such that its 2 sigma are the half-width of 95 per cent.
        exponent = np.log(two / one) / np.float32(np.log(2))
        return np.copysign(one * np.abs(draw) ** exponent, draw)

    def _padded_side(self, n):
        """Return the side of the network input, in pixels, for a map with a side of n pixels.

        The margin of the network is added on both sides, and the side is rounded up to a multiple
        of the stride of the network. Small maps are padded to a minimum side.
        """
        stride, margin = self.architecture.stride, self.architecture.margin
        return stride * -(-max(n + 2 * margin, _MIN_SIDE_PIXELS) // stride)

    def _tiling(self, tile_size):
        stride, reach = self.architecture.stride, self.architecture.reach
        overlap, blend = 2 * reach, 0
        if self.architecture.tile_overlap is not None:
            overlap = min(overlap, self.architecture.tile_overlap)
            blend = overlap // 8
        overlap = -(-overlap // stride) * stride
        size = max(-(-tile_size // stride) * stride, overlap + stride)
        return Tiling(size, overlap, (overlap - blend) // 2, stride)

    @cached_property
    def _call(self):
        return self._compiled(save_memory=False)

    @cached_property
    def _call_large(self):
        return self._compiled(save_memory=True)

    def _compiled(self, save_memory):
        """Return the Keras model as a function that converts input images to output images.

        With the TensorFlow backend, the function is one graph for all map sizes, which is twice as
        fast as eager execution. `keras.Model.predict` would trace a new graph for each size.
        """
        def call(images):
            with maps_only(save_memory=save_memory):
                return self.model(images, training=False)

        if keras.backend.backend() != "tensorflow":
            return call
        import tensorflow

        images = tensorflow.TensorSpec((None, None, None, self.model.input_shape[-1]), "float32")
        # A Keras model has no Python control flow, so autograph is not needed.
        return tensorflow.function(call, input_signature=[images], autograph=False)

    def __getstate__(self):
        # A graph can be neither copied nor pickled. It is built again when needed.
        graphs = ("_call", "_call_large")
        return {name: value for name, value in self.__dict__.items() if name not in graphs}

    def _run(self, planes):
        is_large = planes.shape[0] * planes.shape[1] > _MAX_USUAL_PIXELS
        call = self._call_large if is_large else self._call
        images = keras.ops.convert_to_tensor(planes[np.newaxis], dtype="float32")
        result = keras.ops.convert_to_numpy(call(images))[0]
        if result.shape[:2] != planes.shape[:2]:
            raise ParameterError(
                "model",
                f"maps of the size of its input, {planes.shape[:2]} (ny, nx)",
                str(result.shape[:2]),
                verb="return",
            )
        return result

    def _run_symmetrized(self, planes):
        signs = self._kind.signs
        total = 0.0
        for symmetry in SYMMETRIES:
            transformed = apply_symmetry(planes, symmetry, signs)
            total = total + undo_symmetry(self._run(transformed), symmetry)
        return total / len(SYMMETRIES)


def _channels(model):
    """Return the numbers of input and output channels of a Keras model.

    A `ParameterError` is raised if the model does not convert one image of any size to another.
    """
    channels = []
    for name in ("input_shape", "output_shape"):
        try:
            shape = tuple(getattr(model, name))
        except (AttributeError, TypeError):  # a subclass of keras.Model that is not built
            raise ParameterError(
                "model", f"built with keras.Input, so that its {name} is known"
            ) from None
        if len(shape) != 4 or isinstance(shape[0], (tuple, list)) or shape[1:3] != (None, None):
            raise ParameterError(
                "model",
                f"one {name} of (None, None, None, channels), so that maps can have any size",
                str(shape),
                "begin the model with keras.Input((None, None, channels))",
                verb="have",
            )
        channels.append(shape[-1])
    return channels


def _center(planes, sides, extended):
    """Pad planes equally on opposite sides, so that padding and mirroring commute.

    Parameters
    ----------
    planes : `numpy.ndarray`
        The input channels, ``(ny, nx, n)``.
    sides : list of int
        The height and the width after padding, pixels.
    extended : `numpy.ndarray`
        Bool, ``(n,)``. A channel is padded with its edge values if True, and with 0 if False.

    Returns
    -------
    planes : `numpy.ndarray`
        The padded channels.
    inner : tuple of slice
        The slices ``(y, x)`` of the original pixels in the padded channels.
    """
    before = [(side - n) // 2 for side, n in zip(sides, planes.shape)]
    inner = tuple(slice(b, b + n) for b, n in zip(before, planes.shape))
    pad = [(b, side - n - b) for b, side, n in zip(before, sides, planes.shape)]
    if not any(map(any, pad)):
        return planes, inner
    padded = np.pad(planes, [*pad, (0, 0)])
    if extended.any():
        padded[..., extended] = np.pad(planes[..., extended], [*pad, (0, 0)], mode="edge")
    return padded, inner
