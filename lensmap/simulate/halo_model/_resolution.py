# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The finite resolution of ray-traced simulations, as a factor on Fourier amplitudes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from lensmap.utils import ParameterError

__all__ = ["RESOLUTIONS", "Resolution", "resolution_transfer"]

#: The name of a simulation, a function of multipoles, or None for no loss of resolution.
Resolution: TypeAlias = str | Callable[[np.ndarray], np.ndarray] | None

# The power of one MassiveNuS map (z_s = 1, massless neutrinos; Liu et al. 2018, JCAP 03, 049)
# divided by halofit power in the same cosmology: the multipoles, and the ratios at them.
_MASSIVENUS = (
    (472, 962, 1939, 3885, 7772, 15555),
    (0.925, 0.863, 0.775, 0.602, 0.322, 0.0765),
)
RESOLUTIONS = {"massivenus": _MASSIVENUS}


def resolution_transfer(ell: np.ndarray, resolution: Resolution) -> np.ndarray:
    """Return the factor by which finite resolution reduces Fourier amplitudes.

    Parameters
    ----------
    ell : `numpy.ndarray`
        The multipoles.
    resolution : None, str or callable
        The name of a simulation, ``"massivenus"``, or a function that returns the factor for given
        multipoles. The factor on amplitudes is the square root of the factor on the power spectrum.
        If None, the factor is 1.

    Returns
    -------
    `numpy.ndarray`
        The factor, with the same shape as ``ell``.

    Raises
    ------
    ValueError
        If the name of the simulation is unknown, or the function does not return a finite number
        for each multipole.
    """
    if resolution is None:
        return np.ones(np.shape(ell))
    if callable(resolution):
        transfer = np.asarray(resolution(ell), dtype=float)
        if transfer.shape != np.shape(ell):
            raise ParameterError(
                "resolution", "one factor for each multipole",
                f"an array of the shape {transfer.shape} for multipoles of the shape "
                f"{np.shape(ell)}",
                verb="return",
            )
        if not np.all(np.isfinite(transfer)):
            raise ParameterError(
                "resolution", "a finite factor for each multipole", "NaN or infinity",
                verb="return",
            )
        return transfer
    if resolution not in RESOLUTIONS:
        names = ", ".join(map(repr, RESOLUTIONS))
        raise ParameterError(
            "resolution", f"None, a function of the multipoles or one of {names}", repr(resolution)
        )
    nodes, ratio = (np.array(values, dtype=float) for values in RESOLUTIONS[resolution])
    # The ratio is constant below the first multipole of the table. Above the last one, its
    # logarithmic slope continues.
    log_ell, log_nodes = np.log(np.maximum(ell, 1.0)), np.log(nodes)
    log_ratio = np.interp(log_ell, log_nodes, np.log(ratio))
    slope = np.diff(np.log(ratio))[-1] / np.diff(log_nodes)[-1]
    log_ratio += slope * np.maximum(log_ell - log_nodes[-1], 0.0)
    return np.exp(log_ratio / 2)
