# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The response of each galaxy relative to the mean response of a catalog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lensmap.catalog._calibration import Calibration
    from lensmap.catalog._shear_catalog import ShearCatalog

__all__ = ["GalaxyResponse", "galaxy_response"]


@dataclass(frozen=True, eq=False)
class GalaxyResponse:
    """The response of each galaxy relative to the mean response of its catalog.

    Attributes
    ----------
    values : `numpy.ndarray`
        The relative responses, whose weighted mean over the catalog is 1, float, ``(n,)``.
    noisy : bool
        Whether the values contain the noise of the shape of each galaxy, so that only the mean over
        many galaxies has a meaning.
    """

    values: np.ndarray
    noisy: bool


def galaxy_response(catalog: ShearCatalog, calibration: Calibration) -> GalaxyResponse | None:
    """Return the response of each galaxy relative to the mean response of a catalog.

    Parameters
    ----------
    catalog : ShearCatalog
        The galaxies.
    calibration : Calibration
        The calibration of the catalog.

    Returns
    -------
    GalaxyResponse or None
        The relative responses: the mean of ``r11`` and ``r22`` or, for distortions, the
        responsivity. None if all galaxies have the same response: that of shears, one that the user
        gives, or one that is measured from sheared versions of all galaxies.
    """
    if calibration.response is not None or calibration.sum_versions is not None:
        return None
    if calibration.has_response:
        r11, r22 = catalog["r11"], catalog["r22"]
        r11, r22 = (r22 if r11 is None else r11), (r11 if r22 is None else r22)
        mean = np.trace(calibration.matrix)
        return GalaxyResponse((np.asarray(r11, dtype=float) + r22) / mean, noisy=True)
    if calibration.kind != "distortion":
        return None
    sigma_e, sigma_m = catalog["sigma_e"], catalog["sigma_m"]
    if sigma_e is not None:
        variance = np.square(sigma_e, dtype=float)
    else:
        variance = 0.5 * (np.square(catalog.e1, dtype=float) + np.square(catalog.e2, dtype=float))
        if sigma_m is not None:
            variance -= np.square(sigma_m, dtype=float)
    return GalaxyResponse((1 - variance) / calibration.responsivity, noisy=sigma_e is None)
