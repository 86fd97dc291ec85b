# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pixel weights that increase with convergence, for the training loss and for `weighted_loss`."""

import numpy as np

__all__ = ["focal_weights"]


def focal_weights(kappa: np.ndarray, exponent: float) -> np.ndarray:
    r"""Return pixel weights that increase with the absolute convergence.

    .. math:: w = (1 + |\kappa| / \max\kappa)^p

    Parameters
    ----------
    kappa : `numpy.ndarray`
        The true convergence, ``(ny, nx)``.
    exponent : float
        The exponent p: 6 in Cha et al. 2025 (eq. 8), 1 in Hong et al. 2021 (eq. 6 of Cha et al.).
        With 0, all weights are 1.

    Returns
    -------
    `numpy.ndarray`
        The weights, ``(ny, nx)``.
    """
    if exponent == 0:
        return np.ones_like(kappa)
    top = max(float(kappa.max()), np.finfo(np.float32).tiny)
    return (1 + np.abs(kappa) / top) ** exponent
