# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The domain of a network: the galaxies and pixels for which it was trained."""

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u

from lensmap.catalog import ShearCatalog
from lensmap.flatsky import near_data
from lensmap.grid import PixelFrame, ShearGrid, make_wcs, tangent_wcs_of

if TYPE_CHECKING:
    from astropy.wcs import WCS

    from lensmap.networks import Network

__all__ = [
    "SCALE_TOLERANCE",
    "galaxy_density",
    "native_scale",
    "out_of_domain",
    "scale_in_domain",
]

# The number of galaxies per pixel that is aimed at if the network was trained for a range of pixel
# scales. It is that of Cha et al. 2025: 33 galaxies per square arcminute, pixels of 0.41 arcmin.
_GALAXIES_PER_PIXEL = 5.5

# The fewest galaxies per pixel of pixels that are chosen by default. With fewer, maps are less
# accurate, even if the network was trained for them.
_MIN_GALAXIES_PER_PIXEL = 1.5

# The cells in which the density of a catalog is measured.
_CELL = 2 * u.arcmin

#: The largest relative difference between a pixel scale and those of the training.
SCALE_TOLERANCE = 0.03

# On larger fields, the flat-sky approximation distorts the shear.
_MAX_FIELD = 22 * u.deg


def galaxy_density(catalog: ShearCatalog, wcs: "WCS | None") -> float:
    """Return the number density of galaxies in the covered area, from counts in 2 arcmin cells.

    Parameters
    ----------
    catalog : ShearCatalog
        The galaxies. Galaxies with zero weight do not count.
    wcs : `~astropy.wcs.WCS` or None
        The WCS of the map, to which the measurement is limited. None uses all galaxies.

    Returns
    -------
    float
        The number of galaxies per square arcminute, or 0 if there are none.
    """
    cells = make_wcs(catalog, _CELL) if wcs is None else tangent_wcs_of(wcs, _CELL)
    ny, nx = cells.array_shape
    lon, lat, weight = catalog.ra, catalog.dec, catalog.weight
    if weight is not None and not np.all(weight > 0):
        lon, lat = lon[weight > 0], lat[weight > 0]
    x, y = PixelFrame(cells, catalog.frame).positions(lon, lat)
    with np.errstate(invalid="ignore"):
        inside = (np.abs(2 * x + 1 - nx) < nx) & (np.abs(2 * y + 1 - ny) < ny)
    cell = np.rint(y[inside]).astype(np.intp) * nx + np.rint(x[inside]).astype(np.intp)
    counts = np.bincount(np.clip(cell, 0, ny * nx - 1), minlength=1)
    counts = counts[counts > 0]
    # Cells at the edge of the survey are not full.
    full = counts[counts > 0.5 * counts.mean()] if len(counts) else counts
    return float(full.mean() / _CELL.to_value(u.arcmin) ** 2) if len(full) else 0.0


def native_scale(network: "Network", density: float) -> u.Quantity:
    """Return the pixel scale that suits a galaxy density, within the range of a network.

    Parameters
    ----------
    network : `lensmap.networks.Network`
        The network.
    density : float
        The number of galaxies per square arcminute.

    Returns
    -------
    `~astropy.units.Quantity`
        The side of a pixel, an angle.
    """
    scale = np.sqrt(_GALAXIES_PER_PIXEL / density) if density > 0 else np.inf  # arcmin
    return float(np.clip(scale, *network.domain.pixel_scale)) * u.arcmin


def scale_in_domain(network: "Network", scale: u.Quantity, density: float | None = None) -> bool:
    """Return whether a pixel scale is in the range for which a network was trained.

    Parameters
    ----------
    network : `lensmap.networks.Network`
        The network.
    scale : `~astropy.units.Quantity`
        The side of a pixel, an angle.
    density : float or None
        The number of galaxies per square arcminute. If the network was trained for more than one
        pixel scale, the number of galaxies per pixel must be in the range of the training, too, and
        at least 1.5 if the network was trained for that. None tests the pixel scale alone.

    Returns
    -------
    bool
        Whether the scale is in the range, with a tolerance of 3 per cent.
    """
    arcmin, (low, high) = scale.to_value(u.arcmin), network.domain.pixel_scale
    if not low * (1 - SCALE_TOLERANCE) <= arcmin <= high * (1 + SCALE_TOLERANCE):
        return False
    min_number, max_number = network.domain.galaxies_per_pixel
    if max_number > _MIN_GALAXIES_PER_PIXEL:
        min_number = max(min_number, _MIN_GALAXIES_PER_PIXEL)
    return density is None or low == high or min_number <= density * arcmin**2 <= max_number


def out_of_domain(network: "Network", grid: ShearGrid) -> list[str]:
    """Return the properties of a grid for which a network was not trained.

    Parameters
    ----------
    network : `lensmap.networks.Network`
        The network.
    grid : `lensmap.ShearGrid`
        The binned reduced shear.

    Returns
    -------
    list of str
        A phrase for each property outside the range of the training, with its value and this range.
        The list is empty if all properties are in their ranges.
    """
    outside = []
    scale = grid.pixel_frame.scale
    if not scale_in_domain(network, scale):
        low, high = network.domain.pixel_scale
        trained = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        outside.append(f"pixels of {scale.to_value(u.arcmin):.3g} arcmin (trained for {trained})")
    occupied = grid.sum_w > 0
    # The effective number of galaxies, as if of equal weights, in the occupied pixels.
    number = np.sum(grid.sum_w[occupied] ** 2 / grid.sum_w2[occupied])
    density = float(number / np.count_nonzero(near_data(occupied, 1.5)))
    low, high = network.domain.galaxies_per_pixel
    if not low <= density <= high:
        outside.append(
            f"{density:.3g} galaxies per pixel (trained for {low:.3g} to {high:.3g})"
        )
    # The weighted dispersion of the ellipticities per component.
    noise = float(np.sqrt(np.sum(grid.noise_sum) / np.sum(grid.sum_w2)))
    low, high = network.domain.shape_noise
    if not low <= noise <= high:
        outside.append(
            f"ellipticities with a dispersion of {noise:.3g} per component (trained for "
            f"{low:.3g} to {high:.3g})"
        )
    error, (low, high) = grid.mean_measurement_error, network.domain.measurement_error
    if network.takes_measurement_error and error is not None and not low <= error <= high:
        outside.append(
            f"a measurement error (sigma_m) of {error:.3g} per component of the shear (trained for "
            f"{low:.3g} to {high:.3g})"
        )
    side = (max(grid.shape) * scale).to(u.deg)
    if side > _MAX_FIELD:
        outside.append(
            f"a field of {side.value:.3g} deg (the flat-sky approximation holds up to "
            f"{_MAX_FIELD.value:g})"
        )
    return outside
