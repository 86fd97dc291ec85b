# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What networks are trained to make small."""

from keras import ops

__all__ = ["map_loss", "LEVELS"]

#: The probabilities of the intervals that networks predict: one and two standard deviations of a
#: Gaussian, called 68 and 95 per cent.
LEVELS = (0.6827, 0.9545)

# How much the intervals count beside the map.
_SHARE_OF_WIDTHS = 0.3


def map_loss(y_true, y_pred):
    r"""Return the mean loss of a batch of maps.

    The weighted square of the error of the map; and, for a network of three planes, the quantile
    loss of its half-widths: :math:`\rho_q(|\kappa - \hat\kappa| - h_q)`, which is smallest where
    a part q of the truth lies within :math:`h_q`. What is learned about errors does not pull
    at the map.

    Parameters
    ----------
    y_true : tensor
        ``(n, ny, nx, 3)``: the truth, the weight of its square error, the weight of its interval.
    y_pred : tensor
        ``(n, ny, nx, 1)`` or ``(n, ny, nx, 3)``, as of a `Network`'s model.

    Returns
    -------
    tensor
        A number.

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
            loss = loss + _SHARE_OF_WIDTHS * y_true[..., 2] * pinball
    return ops.mean(loss)
