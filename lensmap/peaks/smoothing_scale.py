# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""With how wide a Gaussian a map was smoothed, as far as it says."""

import numpy as np
from astropy import units as u

__all__ = ["smoothing_of"]


def smoothing_of(kappa):
    """Return the standard deviation of all Gaussians that a map was smoothed with.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map: the parameter ``smoothing`` of its estimator, and what `ConvergenceMap.smooth`
        did since.

    Returns
    -------
    float
        Arcminutes; NaN if the map does not say that it was smoothed with any.
    """
    first = kappa.meta.get("parameters", {}).get("smoothing")
    scales = ([] if first is None else [first]) + list(kappa.meta.get("smoothed_by", []))
    if not scales:
        return np.nan
    try:
        squares = [u.Quantity(scale).to_value(u.arcmin) ** 2 for scale in scales]
    except (TypeError, ValueError, u.UnitConversionError):  # a map of another origin
        return np.nan
    return float(np.sqrt(sum(squares)))
