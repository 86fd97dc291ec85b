# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The optimizers of the training: ``FanInAdam``, ``ConvolutionMuon``, and those of the user."""

import math
from typing import Any

import keras
from keras import ops

from lensmap.utils import ParameterError

__all__ = ["ConvolutionMuon", "FanInAdam", "describe_optimizer", "make_optimizer"]

# The fan-in, the number of inputs of a kernel, above which its steps are reduced.
_MAX_FAN_IN = 1500

# The learning rate of the optimizers that are given by name.
_LEARNING_RATE = 1e-3

# Kernels with fewer input or output channels are no matrices worth making orthogonal: those of the
# first layer of images, and those of the output.
_MIN_CHANNELS = 4

# Keras has Muon since 3.12.
_HAS_MUON = hasattr(keras.optimizers, "Muon")
_Muon: Any = getattr(keras.optimizers, "Muon", keras.optimizers.Optimizer)


class FanInAdam(keras.optimizers.AdamW):
    """Adam with weight decay, clipped gradients, and smaller steps for kernels with many inputs.

    Each step of Adam changes a weight by about the learning rate. The output of a layer then
    changes by up to the learning rate times the number of its inputs, the fan-in. For kernels of
    49 x 49 pixels and 24 channels, the fan-in is 57 624, and training diverges at once. Steps of
    kernels with a fan-in above 1500 are therefore multiplied by 1500 / fan-in.

    Parameters
    ----------
    learning_rate : float
        The learning rate of biases and of kernels with a fan-in of up to 1500.
    weight_decay : float
        The weight decay, relative to the learning rate.
    global_clipnorm : float
        The upper limit of the norm of the gradient of all weights together.
    **kwargs
        Further parameters of `keras.optimizers.AdamW`.

    References
    ----------
    Kingma & Ba 2014, arXiv:1412.6980; Loshchilov & Hutter 2017, arXiv:1711.05101.
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-4,
        global_clipnorm: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate, weight_decay=weight_decay, global_clipnorm=global_clipnorm, **kwargs
        )

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable. Keras calls this method in each step.

        Parameters
        ----------
        gradient, variable, learning_rate : tensor
            The gradient of the variable, the variable itself and the learning rate.
        """
        super().update_step(gradient, variable, learning_rate * self.step_scale(variable.shape))

    @staticmethod
    def step_scale(shape: tuple[int, ...]) -> float:
        """Return the factor by which the steps of a kernel are multiplied.

        Parameters
        ----------
        shape : tuple of int
            The shape of a kernel, ``(height, width, inputs, outputs)``, or of biases, ``(n,)``.

        Returns
        -------
        float
            The factor, at most 1.
        """
        fan_in = math.prod(shape[:3]) if len(shape) == 4 else 1
        return min(1.0, _MAX_FAN_IN / fan_in)


class ConvolutionMuon(_Muon):
    """Muon for convolutions, with Adam for biases and for kernels of few channels.

    Muon makes the step of a matrix orthogonal, so that all directions of its inputs learn equally
    fast. Keras applies Muon to matrices only, and Adam to all kernels of convolutions. Here, a
    kernel ``(height, width, inputs, outputs)`` is a matrix of height x width x inputs rows. Kernels
    with fewer than four input or output channels, among them those of the output, and biases have
    the steps of `FanInAdam`.

    Parameters
    ----------
    learning_rate : float
        The learning rate. The steps of both kinds have about the same root mean square, 0.2 to 1
        times this number.
    weight_decay : float
        The weight decay of all weights, relative to the learning rate.
    global_clipnorm : float
        The upper limit of the norm of the gradient of all weights together.
    **kwargs
        Further parameters of ``keras.optimizers.Muon``.

    References
    ----------
    Liu et al. 2025, arXiv:2502.16982, eq. 4 (size of the steps).
    """

    def __init__(
        self,
        learning_rate: float = _LEARNING_RATE,
        weight_decay: float = 1e-4,
        global_clipnorm: float = 1.0,
        **kwargs: Any,
    ) -> None:
        kwargs = {"adam_weight_decay": weight_decay, **kwargs}
        super().__init__(
            learning_rate, weight_decay=weight_decay, global_clipnorm=global_clipnorm, **kwargs
        )

    def _should_use_adamw(self, variable):
        shape = variable.shape
        return len(shape) not in (2, 4) or min(shape[-2:]) < _MIN_CHANNELS

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable. Keras calls this method in each step.

        Parameters
        ----------
        gradient, variable, learning_rate : tensor
            The gradient of the variable, the variable itself and the learning rate.
        """
        if self._should_use_adamw(variable):
            learning_rate = learning_rate * FanInAdam.step_scale(variable.shape)
        super().update_step(gradient, variable, learning_rate)

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """Make a kernel orthogonal, as a matrix of its inputs and outputs.

        Parameters
        ----------
        x : tensor
            The kernel.
        steps : int
            The number of iterations.

        Returns
        -------
        tensor
            The orthogonal kernel.
        """
        matrix = ops.reshape(x, (-1, x.shape[-1]))
        return ops.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x: Any) -> Any:
        """Multiply the step of a kernel by a factor that makes it as large as a step of Adam.

        Parameters
        ----------
        x : tensor
            The step.

        Returns
        -------
        tensor
            The step times ``rms_rate`` and the root of the larger side of the matrix.
        """
        return ops.reshape(super().lr_adjust(ops.reshape(x, (-1, x.shape[-1]))), x.shape)


def make_optimizer(
    optimizer: str | keras.optimizers.Optimizer, learning_rate: float | None
) -> tuple[keras.optimizers.Optimizer, float, bool]:
    """Return the optimizer of a training.

    Parameters
    ----------
    optimizer : {"adam", "muon"} or `keras.optimizers.Optimizer`
        The name of an optimizer: `FanInAdam` or `ConvolutionMuon`. Or an optimizer of Keras, of
        which a copy without its state is taken.
    learning_rate : float or None
        The learning rate before its decay. None takes that of the optimizer, 1e-3 for a name.

    Returns
    -------
    optimizer : `keras.optimizers.Optimizer`
        The optimizer.
    learning_rate : float
        The learning rate before its decay.
    has_schedule : bool
        Whether the optimizer has a schedule of its own for the learning rate.

    Raises
    ------
    TypeError, ValueError
        If it is no optimizer, the installed Keras does not have it, or ``learning_rate`` is given
        for an optimizer with a schedule of its own.
    """
    if isinstance(optimizer, str) and optimizer == "muon" and not _HAS_MUON:
        raise ParameterError(
            "optimizer", "'adam' with this version of Keras", "'muon'",
            f"Keras {keras.__version__} has no Muon: install keras 3.12 or later",
        )
    classes = {"adam": FanInAdam, "muon": ConvolutionMuon}
    if isinstance(optimizer, str) and optimizer in classes:
        rate = _LEARNING_RATE if learning_rate is None else learning_rate
        return classes[optimizer](rate), rate, False
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise ParameterError(
            "optimizer", "'adam', 'muon' or an optimizer of Keras, such as "
            "keras.optimizers.Lion(1e-4)", repr(optimizer),
        )
    config = optimizer.get_config()
    has_schedule = isinstance(config["learning_rate"], dict)
    if has_schedule and learning_rate is not None:
        raise ParameterError(
            "learning_rate", "left out for an optimizer with a schedule of its own",
            f"{learning_rate:g}",
        )
    copy = type(optimizer).from_config(config)
    if has_schedule:
        return copy, float(ops.convert_to_numpy(copy.learning_rate)), True
    return copy, float(config["learning_rate"] if learning_rate is None else learning_rate), False


def describe_optimizer(optimizer: str | keras.optimizers.Optimizer) -> Any:
    """Return the description of an optimizer, to compare a training with an earlier one.

    Parameters
    ----------
    optimizer : str or `keras.optimizers.Optimizer`
        The optimizer, as for `make_optimizer`.

    Returns
    -------
    str or dict
        The name, or the settings of an optimizer of Keras.
    """
    if isinstance(optimizer, str):
        return optimizer
    return {"class": type(optimizer).__name__, **keras.optimizers.serialize(optimizer)["config"]}
