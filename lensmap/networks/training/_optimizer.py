# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``FanInAdam``: Adam with steps scaled by the fan-in of a layer."""

import math
from typing import Any

import keras

__all__ = ["FanInAdam"]

# Kernels with a larger fan-in take smaller steps.
_MAX_FAN_IN = 1500


class FanInAdam(keras.optimizers.AdamW):
    """Adam with decoupled weight decay, clipped gradients, and steps scaled by the fan-in.

    Adam changes each weight by about the learning rate. The output of a layer changes by up to this
    times the number of its inputs, the fan-in: 57 624 for 49 x 49 pixels of 24 channels, for which
    training diverges at once. The steps of kernels with more than 1500 inputs are multiplied by
    1500 over the fan-in.

    Parameters
    ----------
    learning_rate : float
        The learning rate of biases and of kernels with up to 1500 inputs.
    weight_decay : float
        The weight decay relative to the learning rate.
    global_clipnorm : float
        The upper limit of the norm of all gradients together.
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
        """Update one variable.

        Parameters
        ----------
        gradient, variable, learning_rate : tensor
            The gradient, the variable and the learning rate that Keras passes.
        """
        super().update_step(gradient, variable, learning_rate * self.step_scale(variable.shape))

    @staticmethod
    def step_scale(shape: tuple[int, ...]) -> float:
        """Return the factor of the steps of a kernel.

        Parameters
        ----------
        shape : tuple of int
            The shape of a kernel, ``(height, width, inputs, outputs)``, or of biases, ``(n,)``.

        Returns
        -------
        float
            At most 1.
        """
        fan_in = math.prod(shape[:3]) if len(shape) == 4 else 1
        return min(1.0, _MAX_FAN_IN / fan_in)
