# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Gaussian fields of known power, their shear, and holes."""

import numpy as np
from astropy.table import Table

from lensmap import ShearCatalog, ShearGrid
from lensmap.flatsky import convergence_to_shear, interpolate_power, mode_power

__all__ = ["gaussian_fields", "grid_of_pixels", "lensing_power", "round_holes"]

# The lensing power of sources at a redshift of 1, roughly.
_TABLE = (np.array([10.0, 30, 100, 400, 1600, 6400, 25_000]),
          np.array([5e-8, 2.7e-8, 8.3e-9, 1.38e-9, 2.6e-10, 2.75e-11, 1.5e-12]))


def lensing_power(ell):
    """The power of the fields in steradians."""
    return interpolate_power(np.maximum(ell, 1.0), *_TABLE)


def gaussian_fields(shape, pixel_scale, seed):
    """Return convergence and shear, averaged over pixels, cut out of a field twice as large.

    ``pixel_scale`` is in radians. The moduli of the modes are fixed, which lowers the scatter.
    """
    large = tuple(2 * n for n in shape)
    modes = np.fft.fft2(np.random.default_rng(seed).standard_normal(large))
    modes *= np.sqrt(np.prod(large) * mode_power(large, pixel_scale, lensing_power)) / abs(modes)
    kappa = np.fft.ifft2(modes).real
    crop = tuple(slice(n) for n in shape)
    return kappa[crop], convergence_to_shear(kappa)[crop]


def round_holes(shape, radii, fraction, seed):
    """Return a mask with round holes of some radii (pixels), which cover a fraction of it."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)
    mask = np.zeros(shape, dtype=bool)
    while mask.mean() < fraction:
        j, i = rng.uniform(0, shape)
        mask |= np.hypot(y - j, x - i) < rng.choice(radii)
    return mask


def grid_of_pixels(wcs, weight, sigma_e=0.25):
    """Return a grid with a galaxy of zero shear and some weight at the center of each pixel."""
    y, x = np.nonzero(weight > 0)
    sky = wcs.pixel_to_world(x, y)
    zero = np.zeros(len(x))
    columns = {"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": zero, "e2": zero, "weight": weight[y, x]}
    catalog = ShearCatalog(Table(columns), convention="celestial", kind="shear")
    return ShearGrid.from_catalog(catalog, wcs, sigma_e=sigma_e)
