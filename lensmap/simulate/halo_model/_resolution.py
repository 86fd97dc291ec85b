# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The finite resolution of ray-traced simulations, as a factor on amplitudes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from lensmap.utils import ParameterError

__all__ = ["RESOLUTIONS", "Resolution", "resolution_transfer"]

#: No loss of resolution, the name of a simulation, or a function of multipoles.
Resolution: TypeAlias = str | Callable[[np.ndarray], np.ndarray] | None

# The power of one massless MassiveNuS map (z_s = 1; Liu et al. 2018, JCAP 03, 049) relative to
# halofit in the same cosmology: multipoles, ratios.
_MASSIVENUS = (
    (472, 962, 1939, 3885, 7772, 15555),
    (0.925, 0.863, 0.775, 0.602, 0.322, 0.0765),
)
RESOLUTIONS = {"massivenus": _MASSIVENUS}


def resolution_transfer(ell: np.ndarray, resolution: Resolution) -> np.ndarray:
    """Return the factor by which finite resolution reduces amplitudes.

    Parameters
    ----------
    ell : `numpy.ndarray`
        Multipoles.
    resolution : None, str or callable
        The name of a simulation, ``"massivenus"``, or a function from multipoles to the factor of
        the amplitudes (the square root of that of the power). None is a factor of 1.

    Returns
    -------
    `numpy.ndarray`
        The factor, in the shape of ``ell``.

    Raises
    ------
    ValueError
        If the simulation does not exist, or a function does not return a finite number for each
        multipole.
    """
    if resolution is None:
        return np.ones(np.shape(ell))
    if callable(resolution):
        transfer = np.asarray(resolution(ell), dtype=float)
        if transfer.shape != np.shape(ell) or not np.all(np.isfinite(transfer)):
            raise ParameterError(
                "resolution", "a finite number for each multipole", verb="return"
            )
        return transfer
    if resolution not in RESOLUTIONS:
        names = ", ".join(map(repr, RESOLUTIONS))
        raise ParameterError(
            "resolution", f"None, a callable or one of {names}", repr(resolution)
        )
    nodes, ratio = (np.array(values, dtype=float) for values in RESOLUTIONS[resolution])
    # Below the table the loss is that of its first node; above it, the last slope continues.
    log_ell, log_nodes = np.log(np.maximum(ell, 1.0)), np.log(nodes)
    log_ratio = np.interp(log_ell, log_nodes, np.log(ratio))
    slope = np.diff(np.log(ratio))[-1] / np.diff(log_nodes)[-1]
    log_ratio += slope * np.maximum(log_ell - log_nodes[-1], 0.0)
    return np.exp(log_ratio / 2)
