# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The power spectrum of a map."""

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.flatsky import measure_power
from lensmap.maps import check_map
from lensmap.utils import set_formats

__all__ = ["power_spectrum"]


def power_spectrum(kappa, *, n_bins=20, taper=0.1):
    r"""Measure the power spectrum of a map.

    The map less its mean, tapered and with masked pixels at 0, in rings of multipoles; the power is
    divided by the mean square of this window and by that of the pixel (twice the window of an
    average over a pixel). Right on scales below the field and the distances between holes.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    n_bins : int
        The number of rings, even in the logarithm.
    taper : float
        The part of each side over which the weight falls to 0 at the edges, 0 to 0.5.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each ring, with the columns ``ell`` (the mean of its modes), ``power``
        (:math:`C_\ell`, steradians, noise and smoothing in it), ``power_err`` (that of a Gaussian
        field) and ``n_modes`` (independent ones: less where pixels are masked, as if they lay
        together; with half of the map in small holes, errors come out too large).

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or no pixel is open.
    """
    check_map(kappa)
    found = measure_power(np.where(kappa.mask, np.nan, kappa.data),
                          kappa.pixel_scale.to_value(u.rad), n_bins=n_bins, taper=taper)
    error = found.power / np.sqrt(found.n_modes)
    table = QTable({"ell": found.ell, "power": found.power * u.sr, "power_err": error * u.sr,
                    "n_modes": found.n_modes})
    return set_formats(table, {"ell": ".1f"}, others=".3g")
