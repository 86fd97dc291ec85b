# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The loss function of the training."""

from typing import Any

from keras import ops

__all__ = ["map_loss", "LEVELS"]

#: The exact confidence levels of the intervals that networks predict, called 68 and 95 per cent for
#: short: the probabilities within one and two standard deviations of a Gaussian.
LEVELS = (0.6827, 0.9545)

# The weight of the loss of the confidence intervals relative to the loss of the map.
_INTERVAL_WEIGHT = 0.3


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
    if y_pred.shape[-1] == 3:
        distance = ops.abs(ops.stop_gradient(error))
        for i, level in enumerate(LEVELS, start=1):
            beyond = distance - ops.exp(y_pred[..., i])
            pinball = ops.maximum(level * beyond, (level - 1) * beyond)
            loss = loss + _INTERVAL_WEIGHT * y_true[..., 2] * pinball
    return ops.mean(loss)
