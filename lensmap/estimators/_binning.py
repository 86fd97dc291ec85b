# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The shear grid that an estimator inverts, binned from a catalog or given by the user."""

import dataclasses
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from astropy.wcs import WCS

from lensmap.catalog import ShearCatalog, as_shear_catalog
from lensmap.estimators._target import SphericalTarget, Target, conformal_frame
from lensmap.grid import (
    BinnedShear,
    MapPixels,
    PixelAssignment,
    ShearGrid,
    SphericalAssignment,
    SphericalPixels,
    SphericalShearGrid,
)
from lensmap.masks import SkyMask, pixel_mask
from lensmap.sphere import HealpixPixels
from lensmap.typing import CatalogLike
from lensmap.utils import (
    MapWarning,
    ParameterError,
    ParameterTypeError,
    check_celestial_wcs,
    warn_user,
)

if TYPE_CHECKING:
    from lensmap.estimators._base import Estimator

__all__ = ["make_grid"]

# The pixels in which the density of a catalog is measured have sides of 14 arcmin.
_DENSITY_NSIDE = 256


def make_grid(
    estimator: "Estimator", catalog: CatalogLike | ShearGrid, wcs: Any, mask: object
) -> tuple[Any, Any, Any]:
    """Return the binned shear that an estimator inverts, with its pixels.

    Parameters
    ----------
    estimator : Estimator
        The estimator, which chooses the pixels.
    catalog : ShearCatalog, `~astropy.table.Table` or ShearGrid
        The galaxies, or a grid in which they are already binned.
    wcs : `~astropy.wcs.WCS`, HealpixPixels, int or None
        The pixels of the map; for estimators on the sphere, HealpixPixels or their nside. None if
        the estimator chooses them, or if ``catalog`` is a grid.
    mask : object or None
        Anything that `lensmap.masks.SkyMask` accepts. None masks nothing.

    Returns
    -------
    grid : `lensmap.ShearGrid`
        The sums over the galaxies in each pixel.
    assignment : ``lensmap.grid.PixelAssignment`` or None
        The galaxies and their pixels. None if the user gave a grid.
    target : Target
        The pixels of the inversion and of the map.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or if no galaxy with nonzero weight is on the map.
    """
    if hasattr(catalog, "geometry"):
        given = _given_grid(estimator, cast(ShearGrid, catalog), wcs, mask)
        if isinstance(given, SphericalShearGrid):
            return given, None, SphericalTarget(given.pixels, given.index)
        return given, None, Target(given.pixel_frame, given.wcs)
    if estimator.geometry == "sphere":
        return _binned_on_sphere(estimator, catalog, wcs, mask)
    if isinstance(wcs, HealpixPixels):
        raise ParameterTypeError(
            "wcs", f"a WCS for {type(estimator).__name__}, which works on a plane",
            "HealpixPixels",
            "use SphericalKaiserSquires or SphericalWiener for a map of the sphere",
        )
    return _binned(estimator, catalog, wcs, mask)


def _binned_on_sphere(
    estimator: Any, catalog: CatalogLike, pixels: Any, mask: object
) -> tuple[SphericalShearGrid, SphericalAssignment, SphericalTarget]:
    """Bin the galaxies of a catalog on HEALPix pixels; None lets the estimator choose them."""
    catalog = as_shear_catalog(catalog)
    if pixels is None and hasattr(estimator, "pixels_for"):
        pixels = estimator.pixels_for(_density(catalog))
    elif isinstance(pixels, int):
        pixels = HealpixPixels(pixels)
    elif not isinstance(pixels, HealpixPixels):
        raise ParameterTypeError(
            "wcs", f"HealpixPixels for {type(estimator).__name__}, which works on the sphere",
            type(pixels).__name__, "such as HealpixPixels(1024)",
        )
    on = SphericalPixels.around([catalog], pixels, cast(Any, mask))
    assignment = SphericalAssignment(catalog, on)
    grid = SphericalShearGrid.from_assignment(
        assignment, sigma_e=estimator.sigma_e, extra_sums=estimator.extra_sums
    )
    _require_galaxies(grid, len(catalog))
    return grid, assignment, SphericalTarget(on.pixels, on.index)


def _density(catalog: ShearCatalog) -> float:
    """Return the number of galaxies per square arcminute, from the pixels that hold galaxies."""
    coarse = HealpixPixels(_DENSITY_NSIDE)
    n_pixels = len(np.unique(coarse.at(catalog.ra, catalog.dec)))
    return len(catalog) / (n_pixels * float(coarse.scale.to_value("arcmin") ** 2))


def _binned(
    estimator: "Estimator", catalog: CatalogLike, wcs: WCS | None, mask: object
) -> tuple[ShearGrid, PixelAssignment, Target]:
    """Bin the galaxies of a catalog on the pixels on which an estimator inverts the shear.

    Return the grid, the pixel of each galaxy, and the pixels of the inversion and of the map.
    """
    catalog = as_shear_catalog(catalog)
    if wcs is not None:
        wcs = check_celestial_wcs(wcs)
    target = estimator.choose_pixels(catalog, wcs, masked=mask is not None)
    if target.resampled and mask is not None:
        # A mask given as a boolean array refers to the user's pixels. Convert it to an image with
        # a WCS, because the inversion uses other pixels.
        excluded = pixel_mask(mask, target.wcs)
        mask = SkyMask((excluded, target.wcs))
        if not estimator.fill_holes:
            target = dataclasses.replace(target, mask=excluded)
    pixels = MapPixels.from_wcs(target.frame.wcs, mask, target.frame)
    assignment = PixelAssignment(
        catalog, target.frame.wcs, scheme=estimator.scheme, pixels=pixels
    )
    grid = ShearGrid.from_assignment(
        assignment, sigma_e=estimator.sigma_e, extra_sums=estimator.extra_sums,
        keep_galaxies=estimator.needs_galaxies,
    )
    _check_geometry(estimator, grid)
    _require_galaxies(grid, len(catalog))
    if mask is not None and grid.n_masked == 0 and not (grid.mask & ~pixels.frame.off_sky).any():
        warn_user(
            "mask excludes no galaxy and no pixel of the map: check that the mask is one of this "
            "field, in the same coordinates",
            MapWarning,
            "mask_without_effect",
            "mask",
        )
    return grid, assignment, target


def _given_grid(
    estimator: "Estimator", grid: Any, wcs: WCS | None, mask: object
) -> Any:
    """Check a grid that the user gave in place of a catalog, and return it.

    If the estimator has the parameter ``sigma_e``, the returned grid has this intrinsic dispersion.
    ``wcs`` and ``mask`` must be None, because a grid has its own.
    """
    _check_geometry(estimator, grid)
    if wcs is not None or mask is not None:
        raise TypeError(
            "wcs and mask must be None if catalog is a ShearGrid, which has its own WCS and mask"
        )
    kind = estimator.chosen_uncertainty
    if kind is not None and kind.from_galaxies:
        others = [repr(kind.name) for kind in estimator.uncertainties if not kind.from_galaxies]
        raise ValueError(
            f"uncertainty={kind.name!r} rotates the single galaxies, which a ShearGrid does not "
            "hold: give the catalog and its WCS instead of the grid"
            + (f", or use uncertainty={' or '.join(others)}" if others else "")
        )
    if estimator.needs_galaxies and grid.galaxies is None:
        raise ParameterError(
            "catalog", f"a catalog for {estimator!r}, which needs the single galaxies", "a grid",
            "give the catalog and its WCS instead of the grid",
        )
    missing = set(estimator.extra_sums) - grid.extra.keys()
    if missing:
        raise ParameterError(
            "catalog",
            f"a grid with the sums {', '.join(map(repr, sorted(missing)))}",
            "one without them",
            f"make the grid with extra_sums={estimator.extra_sums!r}",
        )
    if estimator.sigma_e is not None:
        grid = dataclasses.replace(grid, sigma_e=estimator.sigma_e)
    on_plane = grid.geometry == "plane"
    if on_plane and conformal_frame(grid.pixel_frame, grid.frame) is not grid.pixel_frame:
        low, high = (scale.to_value("arcmin") for scale in grid.pixel_frame.scales)
        raise ValueError(
            "the pixels of the grid must be nearly square and of nearly the same size, but their "
            f"sides range from {low:.3g} to {high:.3g} arcmin: bin the galaxies on another WCS, "
            "such as that of make_wcs, or give the catalog and wcs instead of the grid"
        )
    _require_galaxies(grid, grid.n_used + grid.n_outside + grid.n_masked)
    return grid


def _check_geometry(estimator: "Estimator", grid: BinnedShear) -> None:
    """Raise an error if an estimator for a plane gets a grid on a sphere, or the reverse."""
    if grid.geometry != estimator.geometry:
        raise ParameterTypeError(
            "catalog",
            f"binned on a {estimator.geometry} for {type(estimator).__name__}",
            f"on a {grid.geometry}",
        )


def _require_galaxies(grid: BinnedShear, n_total: int) -> None:
    if grid.n_used == 0:
        raise ValueError(
            f"no galaxy is left on the map: of the {n_total} galaxies, {grid.n_outside} lie "
            f"outside wcs and {grid.n_masked} are masked; check that the catalog, wcs and the mask "
            "are of the same field"
        )
    if not (grid.sum_w > 0).any():
        raise ValueError(
            "at least one galaxy on the map must have a weight above 0, but the weights of all "
            f"{grid.n_used} galaxies are 0: check the column weight"
        )
