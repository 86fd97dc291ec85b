# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Conversion of the arrays of an inversion to a `~lensmap.ConvergenceMap`."""

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from lensmap.catalog import calibration_facts
from lensmap.estimators._declarations import Inversion
from lensmap.estimators._target import Target
from lensmap.grid import ShearGrid
from lensmap.maps import ConvergenceMap
from lensmap.utils import MapWarning, ParameterError, warn_user

if TYPE_CHECKING:
    from lensmap.estimators._base import Estimator

__all__ = ["check_inversion", "mask_of", "to_map"]


def check_inversion(estimator: "Estimator", grid: ShearGrid, inversion: object) -> None:
    """Check the result of an inversion of a grid.

    Parameters
    ----------
    estimator : Estimator
        The estimator that inverted the grid.
    grid : `lensmap.ShearGrid`
        The grid that was inverted.
    inversion : object
        The result of `Estimator.invert`.

    Raises
    ------
    TypeError
        If the result is not an `Inversion`, if its arrays do not have the shape of the grid, or if
        the chosen uncertainty is missing.
    """
    name = type(estimator).__name__
    if not isinstance(inversion, Inversion):
        raise TypeError(f"{name}.invert must return an Inversion, not {type(inversion).__name__}")
    for field in ("kappa", "kappa_b", "unsupported", "inpainted", "uncertainty"):
        plane = getattr(inversion, field)
        if plane is not None and np.shape(plane) != grid.shape:
            raise TypeError(
                f"{name}.invert must return arrays of the shape of the grid, {grid.shape} "
                f"(ny, nx), but the shape of {field!r} is {np.shape(plane)}"
            )
    kind = estimator.chosen_uncertainty
    if kind is not None and kind.with_map and inversion.uncertainty is None:
        raise TypeError(
            f"{name}.invert must return an Inversion with an uncertainty, because {name} declares "
            f"the uncertainty {kind.name!r} with_map=True, but this uncertainty is None"
        )


def mask_of(estimator: "Estimator", grid: ShearGrid, inversion: Inversion) -> np.ndarray:
    """Return the mask of a map, on the pixels of the inversion.

    Parameters
    ----------
    estimator : Estimator
        The estimator, whose ``fill_holes`` decides whether inpainted pixels are unmasked.
    grid : `lensmap.ShearGrid`
        The grid that was inverted.
    inversion : Inversion
        The result of the inversion.

    Returns
    -------
    `numpy.ndarray`
        True where masked, bool, ``(ny, nx)``.
    """
    mask = grid.mask if inversion.unsupported is None else grid.mask | inversion.unsupported
    if estimator.fill_holes and inversion.inpainted is not None:
        mask = mask & ~inversion.inpainted
    return mask | ~np.isfinite(inversion.kappa)


def to_map(
    estimator: "Estimator", grid: ShearGrid, inversion: Inversion, target: Target
) -> ConvergenceMap:
    """Convert the result of an inversion to a map on the user's pixels.

    Parameters
    ----------
    estimator : Estimator
        The estimator that inverted the grid.
    grid : `lensmap.ShearGrid`
        The grid that was inverted.
    inversion : Inversion
        The result of the inversion.
    target : Target
        The pixels of the inversion and of the map.

    Returns
    -------
    ConvergenceMap or HealpixMap
        The map. It has an uncertainty if the inversion has one, unless resampling drops it.

    Raises
    ------
    ValueError
        If all pixels of a resampled map are masked.
    """
    planes = {"data": inversion.kappa}
    if inversion.kappa_b is not None:
        # The sign of the B-mode is fixed to the sky, so it flips on mirrored images.
        planes["kappa_b"] = inversion.kappa_b * grid.handedness
    meta = _meta(estimator, grid) | dict(inversion.meta or {}) | target.meta
    kind = estimator.chosen_uncertainty
    if kind is not None and kind.with_map and inversion.uncertainty is not None:
        if target.resampled and kind.meaning == "noise":
            warn_user(
                "the uncertainty is dropped, because the map was resampled to the pixels of wcs, "
                "and the correlation of its noise between pixels is not known: use "
                "{uncertainty='rotations'}, which resamples noise maps as well",
                MapWarning,
                "uncertainty_dropped",
                placeholders=True,
            )
        else:
            planes["uncertainty"] = inversion.uncertainty
            meta["uncertainty"] = kind.meaning
    masked = mask_of(estimator, grid, inversion)
    values, mask = target.to_user(list(planes.values()), masked)
    # Inpainted pixels are not masked, but have no shear either.
    missing = grid.mask if inversion.unsupported is None else grid.mask | inversion.unsupported
    missing = mask if np.array_equal(missing, masked) else target.to_user([], missing)[1]
    meta["missing_fraction"] = float(np.mean(missing))
    if target.resampled and mask.all():
        raise ParameterError(
            "wcs",
            "at least one pixel that is not masked and has galaxies near it",
            remedy="check that wcs covers the field of the catalog",
            verb="contain",
        )
    on_user_pixels: dict[str, Any] = dict(zip(planes, values, strict=True))
    return target.make_map(
        **on_user_pixels, mask=mask, counts=target.counts_to_user(grid.count), meta=meta
    )


def _meta(estimator: "Estimator", grid: ShearGrid) -> dict:
    # The response is recorded where it was measured from sheared versions of the galaxies.
    error = grid.calibration.matrix_error
    measured = {} if error is None else {
        "response": grid.calibration.matrix.tolist(), "response_error": error.tolist(),
    }
    return {
        "estimator": type(estimator).__name__,
        "quantity": estimator.quantity,
        "parameters": estimator.describe_params(),
        "convention": grid.convention,
        "kind": grid.kind,
        "frame": grid.frame,
        "origins": dict(grid.origins),
        "survey": grid.survey,
        "n_galaxies": grid.n_used,
        "n_outside": grid.n_outside,
        "n_masked": grid.n_masked,
        "n_left_out": grid.n_left_out,
        **measured,
        "catalog": _catalog_facts(grid),
        "zero_mode": "set to 0: the mass sheet is not measured",
        "versions": {name: _version(name) for name in ("lensmap", "numpy", "astropy")},
    }


def _catalog_facts(grid: ShearGrid) -> dict:
    """Return the columns, the counts and the calibration of the catalog of a grid."""
    return {**grid.selection, "calibration": calibration_facts(grid.calibration)}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # lensmap runs from a source tree without being installed
        return "unknown"
