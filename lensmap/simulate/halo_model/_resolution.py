# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the finite resolution of a ray-traced simulation leaves of the power."""

import numpy as np

__all__ = ["RESOLUTIONS", "resolution_transfer"]

# The power of one massless MassiveNuS map (z_s = 1; Liu et al. 2018, JCAP 03, 049) relative to
# halofit with the same cosmology, by multipole.
_MASSIVENUS = (
    (472, 962, 1939, 3885, 7772, 15555),
    (0.925, 0.863, 0.775, 0.602, 0.322, 0.0765),
)
RESOLUTIONS = {"massivenus": _MASSIVENUS}


def resolution_transfer(ell, resolution):
    """Return what amplitudes are multiplied by.

    Parameters
    ----------
    ell : `numpy.ndarray`
        Multipoles.
    resolution : None, str or callable
        None changes nothing; ``"massivenus"``; or a function of multipoles that gives the factor
        of the amplitudes (the root of that of the power).

    Returns
    -------
    `numpy.ndarray`
        Of the shape of ``ell``.
    """
    if resolution is None:
        return np.ones(np.shape(ell))
    if callable(resolution):
        transfer = np.asarray(resolution(ell), dtype=float)
        if transfer.shape != np.shape(ell) or not np.all(np.isfinite(transfer)):
            raise ValueError("resolution must return a finite number for each multipole")
        return transfer
    if resolution not in RESOLUTIONS:
        known = ", ".join(map(repr, RESOLUTIONS))
        raise ValueError(f"resolution must be None, a callable or one of {known}, not "
                         f"{resolution!r}")
    nodes, ratio = (np.array(values, dtype=float) for values in RESOLUTIONS[resolution])
    # A map loses nothing on the largest scales, and beyond the table as it did at its end.
    log_ell, log_nodes = np.log(np.maximum(ell, 1.0)), np.log(nodes)
    log_ratio = np.interp(log_ell, log_nodes, np.log(ratio))
    slope = np.diff(np.log(ratio))[-1] / np.diff(log_nodes)[-1]
    log_ratio += slope * np.maximum(log_ell - log_nodes[-1], 0.0)
    return np.exp(log_ratio / 2)
