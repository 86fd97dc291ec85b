# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The reasons to doubt the kind of ellipticity of a catalog, from its dispersion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lensmap.catalog import Calibration

if TYPE_CHECKING:
    from lensmap.catalog import ShearCatalog

__all__ = ["kind_hint"]

# The usual intrinsic dispersion per component: of lensfit shears (Giblin et al. 2021), and of HSC
# distortions (Mandelbaum et al. 2018).
_TYPICAL_DISPERSION = {"shear": 0.27, "distortion": 0.38}

# The dispersion differs by some five per cent between surveys, and more between their samples.
_TOLERANCE = 1.05


def kind_hint(
    catalog: ShearCatalog, calibration: Calibration | None = None, *, only_intrinsic: bool = False
) -> str | None:
    """Return the reason to doubt the kind of ellipticity of a catalog, shear or distortion.

    No statistic of the galaxies distinguishes the two kinds with certainty. In current surveys,
    however, they have different intrinsic dispersions, which is a hint.

    Parameters
    ----------
    catalog : ShearCatalog
        The galaxies.
    calibration : Calibration or None
        The shear calibration of the catalog. None computes it.
    only_intrinsic : bool
        Whether to ignore the scatter of catalogs without the columns ``sigma_e`` (intrinsic
        dispersion) and ``sigma_m`` (measurement error), because it includes unknown measurement
        errors.

    Returns
    -------
    str or None
        The reason. None if there is no reason to doubt the kind, which does not confirm it.
    """
    sums = Calibration.from_catalog(catalog) if calibration is None else calibration
    if sums.response is not None or sums.has_response or not sums.sum_w > 0:
        return None  # ellipticities of any scale are calibrated by their response
    if sums.sum_wv_e is not None:
        variance, whose = sums.sum_wv_e, "the intrinsic dispersion (column sigma_e)"
    elif sums.sum_wv_m is not None:
        variance = sums.sum_we2 - sums.sum_wv_m
        whose = "the scatter of e1 and e2 minus sigma_m in quadrature"
    elif not only_intrinsic:
        variance, whose = sums.sum_we2, "the scatter of e1 and e2, including measurement errors,"
    else:
        return None
    sigma = float(np.sqrt(max(variance, 0.0) / sums.sum_w))
    between = float(np.prod(list(_TYPICAL_DISPERSION.values()))) ** 0.5
    if catalog.kind == "shear" and sigma > _TOLERANCE * between:
        other = "distortion"
    elif catalog.kind == "distortion" and sigma < between / _TOLERANCE:
        other = "shear"
    else:
        return None
    return (
        f"{whose} is {sigma:.2f} per component, which is usual for kind={other!r} (about "
        f"{_TYPICAL_DISPERSION[other]:g}), not for kind={catalog.kind!r} (about "
        f"{_TYPICAL_DISPERSION[catalog.kind]:g})"
    )
