# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The loss functions of the training."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from lensmap.utils import ParameterError, ParameterTypeError

__all__ = ["LEVELS", "describe_loss", "make_loss", "map_loss"]

#: The exact confidence levels of the intervals that networks predict, called 68 and 95 per cent for
#: short: the probabilities within one and two standard deviations of a Gaussian.
LEVELS = (0.6827, 0.9545)

# The weight of the loss of the confidence intervals relative to the loss of the map.
_INTERVAL_WEIGHT = 0.3

# The name of `map_loss`.
_MAP = "map"


def map_loss(y_true: Any, y_pred: Any) -> Any:
    r"""Compute the mean loss of a batch of maps.

    The loss is the weighted square error of the map. For networks with three output planes, the
    quantile loss of the half-widths, :math:`\rho_q(|\kappa - \hat\kappa| - h_q)`, is added. On
    average it is smallest if the true convergence lies within :math:`h_q` of the map with the
    probability q. The map itself gets no gradients from the quantile loss.

    Parameters
    ----------
    y_true : tensor
        The targets, ``(n, ny, nx, 3)``. The three planes are the true convergence, the weight of
        the square error, and the weight of the quantile loss.
    y_pred : tensor
        The output of a model: the convergence, ``(n, ny, nx, 1)``; or the convergence and the
        logarithms of two half-widths, ``(n, ny, nx, 3)``.

    Returns
    -------
    tensor
        The mean loss over all pixels, a scalar.

    References
    ----------
    Cha et al. 2025, ApJ, eq. 8; Koenker & Bassett 1978, Econometrica 46, 33 (quantile loss).
    """
    error = y_true[..., 0] - y_pred[..., 0]
    loss = y_true[..., 1] * ops.square(error)
    return ops.mean(_with_intervals(loss, error, y_true, y_pred))


def _with_intervals(loss, error, y_true, y_pred):
    """Add the quantile loss of the half-widths, if a model predicts them, to the loss of a map.

    ``error`` is the true convergence minus the map, ``(n, ny, nx)``.
    """
    if y_pred.shape[-1] != 3:
        return loss
    distance = ops.abs(ops.stop_gradient(error))
    for i, level in enumerate(LEVELS, start=1):
        beyond = distance - ops.exp(y_pred[..., i])
        pinball = ops.maximum(level * beyond, (level - 1) * beyond)
        loss = loss + _INTERVAL_WEIGHT * y_true[..., 2] * pinball
    return loss


def make_loss(loss: Any) -> Callable[[Any, Any], Any]:
    """Return the loss function of a training.

    Parameters
    ----------
    loss : str or callable
        ``"map"`` for `map_loss`; the name of a loss of Keras, or such a loss; or a function of the
        targets, as for `map_loss`, and the output of the model.

    Returns
    -------
    callable
        A function of the targets and the output. A loss of Keras is applied to the convergence in
        each pixel and multiplied by the weights of the square error. For networks with three output
        planes, the quantile loss of the half-widths is added.

    Raises
    ------
    TypeError, ValueError
        If ``loss`` is neither the name of a loss nor callable, or a loss of Keras does not have one
        value for each pixel.
    """
    if loss == _MAP:
        return map_loss
    if isinstance(loss, str):
        try:
            return _of_pixels(keras.losses.get(loss), loss)
        except (ValueError, TypeError) as error:
            if isinstance(error, ParameterError):
                raise
            raise ParameterError(
                "loss", "'map', the name of a loss of Keras such as 'mae' or 'huber', or a "
                "function of the targets and the output", repr(loss),
            ) from None
    if not callable(loss):
        raise ParameterTypeError(
            "loss", "the name of a loss or a function of the targets and the output",
            type(loss).__name__,
        )
    kind = type(loss) if isinstance(loss, keras.losses.Loss) else loss
    # On the three planes of the targets, a loss of Keras would be wrong without an error.
    if str(getattr(kind, "__module__", "")).startswith("keras."):
        return _of_pixels(loss, describe_loss(loss))
    return loss


def describe_loss(loss: Any) -> str:
    """Return the name of a loss, with which a training can be compared with an earlier one.

    Parameters
    ----------
    loss : str or callable
        The loss, as for `make_loss`.

    Returns
    -------
    str
        The name itself, or the name of the function or class.
    """
    if isinstance(loss, str):
        return loss
    name = getattr(loss, "__qualname__", type(loss).__qualname__)
    return f"{getattr(loss, '__module__', None) or type(loss).__module__}.{name}"


def _of_pixels(loss, name):
    """Return a loss of Keras as a function of the targets and the output of a network."""
    function = loss.call if isinstance(loss, keras.losses.Loss) else loss
    zeros = ops.zeros((1, 2, 3, 1))
    if tuple(function(zeros, zeros).shape) != (1, 2, 3):
        raise ParameterError("loss", "a loss of single pixels", repr(name))

    def weighted_loss(y_true, y_pred):
        values = y_true[..., 1] * function(y_true[..., :1], y_pred[..., :1])
        error = y_true[..., 0] - y_pred[..., 0]
        return ops.mean(_with_intervals(values, error, y_true, y_pred))

    return weighted_loss
