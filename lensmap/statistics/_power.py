# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The power spectrum of a map."""

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.flatsky import measure_power
from lensmap.maps import ConvergenceMap, check_map
from lensmap.utils import set_formats

__all__ = ["power_spectrum"]


def power_spectrum(kappa: ConvergenceMap, *, n_bins: int = 20, taper: float = 0.1) -> QTable:
    r"""Measure the power spectrum of a map.

    The mean of the map is subtracted, the edges are tapered, and masked pixels are set to 0. The
    power is averaged in rings of multipoles, and divided by the mean square of the window (taper
    and mask) and by the squared pixel window. It is unbiased on scales smaller than both the field
    and the distances between masked holes.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    n_bins : int
        The number of rings, logarithmically spaced in multipole.
    taper : float
        The width over which the weight falls to 0 at each edge, as a fraction of the side, from 0
        to 0.5.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each ring, with the columns ``ell`` (the mean multipole of the modes), ``power``
        (:math:`C_\ell`, steradians), ``power_err`` (for a Gaussian field) and ``n_modes``, the
        number of independent modes. The power contains noise and is not corrected for the smoothing
        of the map. The number of modes is reduced by the masked fraction as if the unmasked pixels
        were contiguous; if small holes cover much of the map, errors are therefore overestimated.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, pixels are not square, or all pixels are masked.
    """
    check_map(kappa, unmasked=True, pixels="square")
    measured = measure_power(np.where(kappa.mask, np.nan, kappa.data),
                             kappa.pixel_scale.to_value(u.rad), n_bins=n_bins, taper=taper)
    error = measured.power / np.sqrt(measured.n_modes)
    table = QTable({"ell": measured.ell, "power": measured.power * u.sr, "power_err": error * u.sr,
                    "n_modes": measured.n_modes})
    return set_formats(table, {"ell": ".1f"}, others=".3g")
