# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The weights of bright pixels, in the loss of networks and in the score that is like it."""

import numpy as np

__all__ = ["focal_weights"]


def focal_weights(kappa, exponent):
    r"""Return the weights of a pixel by its convergence.

    .. math:: w = (1 + |\kappa| / \max\kappa)^p

    Parameters
    ----------
    kappa : `numpy.ndarray`
        The true convergence, ``(ny, nx)``.
    exponent : float
        6 in Cha et al. 2025 (eq. 8), 1 in Hong et al. 2021 (eq. 6); 0 for none.

    Returns
    -------
    `numpy.ndarray`
        ``(ny, nx)``.
    """
    if exponent == 0:
        return np.ones_like(kappa)
    top = max(float(kappa.max()), np.finfo(np.float32).tiny)
    return (1 + np.abs(kappa) / top) ** exponent
