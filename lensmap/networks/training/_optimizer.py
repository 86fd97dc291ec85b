# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``FanInAdam``: Adam with smaller steps for layers with many inputs."""

import math
from typing import Any

import keras

__all__ = ["FanInAdam"]

# The fan-in, the number of inputs of a kernel, above which its steps are reduced.
_MAX_FAN_IN = 1500


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
