# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Noise realizations: the same galaxies, each turned by a random angle."""

import numpy as np

from lensmap.catalog import as_shear_catalog
from lensmap.grid._assignment import PixelAssignment
from lensmap.grid._shear_grid import ShearGrid
from lensmap.utils import as_generator, check_count

__all__ = ["noise_realizations"]


def noise_realizations(catalog, wcs=None, mask=None, *, n_realizations=100, rng=None, grid=None):
    """Yield grids in which each galaxy is turned by a random angle, one at a time.

    Turning destroys what the galaxies have in common, the lensing signal, and keeps all that
    makes noise: positions, weights, ellipticities, mask. Memory does not grow with their number.

    Parameters
    ----------
    catalog : ShearCatalog, `~astropy.table.Table` or PixelAssignment
        The galaxies; an assignment says its own WCS and mask.
    wcs : `~astropy.wcs.WCS`
        A celestial WCS with its ``array_shape``; None with an assignment.
    mask : object or None
        What `lensmap.masks.SkyMask` takes.
    n_realizations : int
        How many.
    rng : None, int or `numpy.random.Generator`
        The source of random numbers; None is different in each call. Each realization has a
        generator of its own, so that the first ones are the same however many are asked.
    grid : ShearGrid or None
        The grid of the galaxies as they are, if it was made already.

    Yields
    ------
    ShearGrid
        The noise.

    Raises
    ------
    TypeError, ValueError
        As for `ShearGrid.from_catalog`.
    """
    check_count(n_realizations, "n_realizations")
    if isinstance(catalog, PixelAssignment):
        assignment = catalog
    else:
        assignment = PixelAssignment(as_shear_catalog(catalog), wcs, mask)
    if grid is None:
        grid = ShearGrid.from_assignment(assignment)
    weighted = assignment.shear
    if assignment.weight is not None:
        weighted = weighted * assignment.weight.astype(np.float32)
    parent = as_generator(rng)
    for _ in range(n_realizations):
        turned = weighted * _random_turns(parent.spawn(1)[0], len(weighted))
        real, imaginary = assignment.sums(turned.real, turned.imag)
        yield grid.with_ellipticities(real + 1j * imaginary)


def _random_turns(rng, n):
    """Return unit complex numbers with uniform phases, complex64."""
    angle = rng.random(n, dtype=np.float32)
    angle *= np.float32(2 * np.pi)
    turns = np.empty(n, dtype=np.complex64)
    np.cos(angle, out=turns.real)
    np.sin(angle, out=turns.imag)
    return turns
