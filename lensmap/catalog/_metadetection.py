# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Catalogs with several sheared versions of each galaxy, as metadetection writes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy import log

from lensmap.catalog._shear_response import response_of_versions, sums_of_versions
from lensmap.catalog._version_names import UNSHEARED, VERSIONS
from lensmap.utils import ParameterError

__all__ = [
    "MIN_GALAXIES_OF_PART",
    "check_versions",
    "measured_response",
    "variance_weights",
    "versions_of_rows",
]

#: A part of a catalog with fewer galaxies has the response of the whole catalog.
MIN_GALAXIES_OF_PART = 500_000

_MAX_RELATIVE_ERROR = 0.05

# The lowest intrinsic dispersion per component, where the stated errors exceed the scatter.
_MIN_DISPERSION = 0.05

_NAMES = ", ".join(VERSIONS)


def check_versions(
    codes: np.ndarray, others: Sequence[str], column: str, has_response: bool
) -> None:
    """Check that a catalog has the versions that it needs.

    Parameters
    ----------
    codes : `numpy.ndarray`
        The version of each row, ``(n,)``, as places in ``VERSIONS``; -1 for none.
    others : sequence of str
        The names that are not versions.
    column : str
        The name of the column of versions, for errors.
    has_response : bool
        Whether the response of the galaxies is known without the sheared versions.

    Raises
    ------
    ValueError
        If the galaxies without artificial shear are missing, or if a sheared version is missing
        and the response is not known.
    """
    present = np.bincount(codes[codes >= 0], minlength=len(VERSIONS)) > 0
    missing = [name for name, there in zip(VERSIONS, present, strict=True) if not there]
    if not missing or (has_response and present[UNSHEARED]):
        return
    found = [name for name, there in zip(VERSIONS, present, strict=True) if there]
    names = ", ".join([*found, *others[:6]]) or "no version"
    if not found:
        raise ParameterError(
            "columns",
            f"a column of the versions {_NAMES} of each galaxy for 'variant'",
            f"{column!r}",
            f"it holds {names}; if it is something else, leave it out by "
            "{columns={'variant': None}}",
            verb="name",
        )
    needs = "the versions" if len(missing) > 1 else "the version"
    raise ParameterError(
        "response",
        "given for a catalog without all sheared versions of the galaxies",
        "None",
        f"the response is measured from the versions {_NAMES}, but of these the selected rows "
        f"have only {', '.join(found)} in the column {column!r}; keep {needs} "
        f"{', '.join(missing)}, too, or give the mean response, as in {{response=0.8}}",
    )


def versions_of_rows(codes: np.ndarray) -> dict[str, np.ndarray]:
    """Return the rows of each version.

    Parameters
    ----------
    codes : `numpy.ndarray`
        The version of each row, ``(n,)``, as places in ``VERSIONS``; -1 for none.

    Returns
    -------
    dict
        Indices of rows, by the names in ``VERSIONS``.
    """
    return {name: np.flatnonzero(codes == number) for number, name in enumerate(VERSIONS)}


def variance_weights(
    codes: np.ndarray, e1: np.ndarray, e2: np.ndarray, sigma_m: np.ndarray
) -> np.ndarray:
    r"""Return inverse-variance weights, by one rule for all versions.

    The weight is :math:`1 / (\sigma_e^2 + \sigma_m^2)` with the intrinsic dispersion
    :math:`\sigma_e` per component of the galaxies without artificial shear (Sheldon et al. 2023,
    OJAp 6, 17).

    Parameters
    ----------
    codes : `numpy.ndarray`
        The version of each row, ``(n,)``, as places in ``VERSIONS``; -1 for none.
    e1, e2 : `numpy.ndarray`
        The ellipticities, ``(n,)``.
    sigma_m : `numpy.ndarray`
        The measurement errors per component, ``(n,)``: their squares are the means of the
        variances of e1 and e2.

    Returns
    -------
    `numpy.ndarray`
        The weights, ``(n,)``.
    """
    rows = codes == UNSHEARED
    measurement = np.square(sigma_m, dtype=float)
    noise = measurement[rows]
    excess = 0.5 * (np.square(e1[rows], dtype=float) + np.square(e2[rows], dtype=float)) - noise
    intrinsic = max(float(np.mean(excess)), _MIN_DISPERSION**2)
    for _ in range(5):
        # Galaxies with small errors determine the intrinsic dispersion best.
        weight = np.square(1.0 / (intrinsic + noise))
        intrinsic = max(float(np.sum(weight * excess) / np.sum(weight)), _MIN_DISPERSION**2)
    log.info(
        "lensmap: the catalog has no weights: those of the inverse variance are used, 1 / (sigma_e"
        f"^2 + sigma_m^2) with the intrinsic dispersion sigma_e = {np.sqrt(intrinsic):.3f} of e1 "
        "and e2"
    )
    return 1.0 / (intrinsic + measurement)


def measured_response(
    codes: np.ndarray,
    ra: np.ndarray,
    dec: np.ndarray,
    e1: np.ndarray,
    e2: np.ndarray,
    weight: np.ndarray | None,
) -> np.ndarray:
    """Measure the response of galaxies, and check that it is known well enough.

    Parameters
    ----------
    codes, ra, dec, e1, e2, weight
        As for ``sums_of_versions``.

    Returns
    -------
    `numpy.ndarray`
        The sums that give the response, as ``sums_of_versions`` returns them.

    Raises
    ------
    ValueError
        If the error of the response exceeds 5 per cent, or the response is not positive.
    """
    sums = sums_of_versions(codes, ra, dec, e1, e2, weight)
    response, error = response_of_versions(sums)
    mean = 0.5 * float(np.trace(response))
    mean_error = 0.5 * float(np.hypot(error[0, 0], error[1, 1]))
    n_galaxies = int(np.count_nonzero(codes == UNSHEARED))
    if not mean_error <= _MAX_RELATIVE_ERROR * mean:
        raise ParameterError(
            "response",
            "given for a catalog whose own response has an error of more than 5 per cent",
            "None",
            f"the sheared versions of {n_galaxies} galaxies give {mean:.3g} +- {mean_error:.2g}; "
            "use more galaxies, or give the mean response of the survey, as in {response=0.8}",
        )
    log.info(
        f"lensmap: the mean response of {n_galaxies} galaxies to shear is {mean:.4f} +- "
        f"{mean_error:.4f}, from their sheared versions"
    )
    return sums
