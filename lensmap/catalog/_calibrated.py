# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Catalogs whose ellipticities are calibrated already, with the numbers of several parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lensmap.catalog._calibration import Calibration
    from lensmap.catalog._shear_catalog import ShearCatalog

__all__ = ["PartNumbers", "calibrated_catalog"]

# The columns that a calibration uses up.
_USED_UP = ("m", "c1", "c2", "r11", "r12", "r21", "r22")


@dataclass(frozen=True)
class PartNumbers:
    """The numbers that calibrate the galaxies of one part of a survey.

    Attributes
    ----------
    calibration : Calibration
        The calibration of the part, which also holds the noise as a function of the weight.
    n_galaxies : int
        The number of galaxies from which the numbers were measured.
    mean : complex
        The mean calibrated shear in the celestial basis that is subtracted; 0 subtracts nothing.
    """

    calibration: Calibration
    n_galaxies: int
    mean: complex = 0j


def calibrated_catalog(
    catalog: ShearCatalog,
    part: np.ndarray,
    numbers: Sequence[PartNumbers],
    sigma_e: float | None = None,
) -> ShearCatalog:
    """Return a catalog whose ellipticities are calibrated by the numbers of the galaxies' parts.

    Means of such a catalog are the calibrated means: the calibration is linear in the
    ellipticities. Single galaxies have no meaning.

    Parameters
    ----------
    catalog : ShearCatalog
        The galaxies.
    part : `numpy.ndarray`
        The index of the part of each galaxy in ``numbers``, integer, ``(n,)``.
    numbers : sequence of PartNumbers
        The numbers of the parts.
    sigma_e : float or None
        The intrinsic dispersion of the uncalibrated ellipticities per component. If None, the
        column ``sigma_e`` or, without it, the scatter of the ellipticities of the part.

    Returns
    -------
    ShearCatalog
        The galaxies of kind ``"shear"`` with a response of 1 and without columns of the bias. The
        columns ``sigma_e`` and ``sigma_m`` hold the noise of the calibrated ellipticities.
    """
    shear = np.empty(len(catalog), dtype=complex)
    intrinsic = np.empty(len(catalog))
    gain = np.empty(len(catalog))
    for number in np.unique(part):
        rows = np.flatnonzero(part == number)
        here, calibration = catalog.select(rows), numbers[number].calibration
        shear[rows] = calibration.shear(here) - numbers[number].mean
        intrinsic[rows] = calibration.intrinsic_variance(here, sigma_e)
        gain[rows] = calibration.gain
    arrays = {name: values for name, values in catalog._arrays.items() if name not in _USED_UP}
    arrays |= {"e1": shear.real, "e2": shear.imag, "sigma_e": np.sqrt(intrinsic) * gain}
    if "sigma_m" in arrays:
        arrays["sigma_m"] = arrays["sigma_m"] * gain
    return catalog._copy(
        _arrays=arrays, kind="shear", response=None, _version_sums=None, _sheared={}
    )
