# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Weights by convergence, for the loss of networks and for the score of the same form."""

import numpy as np

__all__ = ["focal_weights"]


def focal_weights(kappa: np.ndarray, exponent: float) -> np.ndarray:
    r"""Return weights of pixels that rise with the convergence.

    .. math:: w = (1 + |\kappa| / \max\kappa)^p

    Parameters
    ----------
    kappa : `numpy.ndarray`
        The true convergence, ``(ny, nx)``.
    exponent : float
        6 in Cha et al. 2025 (eq. 8), 1 in Hong et al. 2021 (eq. 6); 0 gives equal weights.

    Returns
    -------
    `numpy.ndarray`
        ``(ny, nx)``.
    """
    if exponent == 0:
        return np.ones_like(kappa)
    top = max(float(kappa.max()), np.finfo(np.float32).tiny)
    return (1 + np.abs(kappa) / top) ** exponent
