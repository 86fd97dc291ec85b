# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The optimizer: Adam with steps that suit the size of a layer."""

import math

import keras

__all__ = ["FanInAdam"]

# Kernels with more inputs than this take smaller steps: as many inputs that change in step would
# otherwise move an output by their number.
_USUAL_FAN_IN = 1500


class FanInAdam(keras.optimizers.AdamW):
    """Adam with decoupled weight decay, clipped gradients, and steps scaled with the fan-in.

    Adam moves each weight by about the learning rate. An output of a layer moves by that times the
    number of its inputs, 57 624 for 49 x 49 pixels of 24 channels, and training explodes at once.
    Where a kernel has more than 1500 inputs, its steps are smaller by the ratio.

    Parameters
    ----------
    learning_rate : float
        Of the other kernels, and of biases.
    weight_decay : float
        Relative to the learning rate.
    global_clipnorm : float
        The largest norm of all gradients together.
    **kwargs
        As for `keras.optimizers.AdamW`.

    References
    ----------
    Kingma & Ba 2014, arXiv:1412.6980; Loshchilov & Hutter 2017, arXiv:1711.05101.
    """

    def __init__(self, learning_rate=1e-3, weight_decay=1e-4, global_clipnorm=1.0, **kwargs):
        super().__init__(
            learning_rate, weight_decay=weight_decay, global_clipnorm=global_clipnorm, **kwargs
        )

    def update_step(self, gradient, variable, learning_rate):
        """Move one variable.

        Parameters
        ----------
        gradient, variable, learning_rate : tensor
            As Keras gives them.
        """
        super().update_step(gradient, variable, learning_rate * self.step_scale(variable.shape))

    @staticmethod
    def step_scale(shape):
        """Return what the steps of a kernel are multiplied by.

        Parameters
        ----------
        shape : tuple of int
            ``(height, width, inputs, outputs)`` of a kernel, or ``(n,)`` of biases.

        Returns
        -------
        float
            At most 1.
        """
        fan_in = math.prod(shape[:3]) if len(shape) == 4 else 1
        return min(1.0, _USUAL_FAN_IN / fan_in)
