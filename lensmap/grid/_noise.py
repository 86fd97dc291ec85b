# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Noise realizations: random rotations of the galaxies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lensmap.catalog import as_shear_catalog
from lensmap.grid._assignment import Assignment, PixelAssignment
from lensmap.grid._binned_shear import BinnedShear
from lensmap.grid._shear_grid import ShearGrid
from lensmap.utils import as_generator, check_count

if TYPE_CHECKING:
    from astropy.wcs import WCS

    from lensmap.typing import CatalogLike, MaskLike, RNGLike

__all__ = ["noise_realizations"]


def noise_realizations(
    catalog: CatalogLike | Assignment,
    wcs: WCS | None = None,
    mask: MaskLike | None = None,
    *,
    n_realizations: int = 100,
    rng: RNGLike = None,
    grid: BinnedShear | None = None,
) -> Iterator[Any]:
    """Yield shear grids of randomly rotated galaxies, one at a time.

    Rotating each galaxy by a random angle removes the lensing signal. It keeps all that determines
    the noise: the positions, the weights, the moduli of the ellipticities and the mask. Memory does
    not grow with the number of realizations.

    Parameters
    ----------
    catalog : ShearCatalog, `~astropy.table.Table` or Assignment
        The galaxies. A ``PixelAssignment`` holds galaxies that are already assigned to the pixels
        of a map; its WCS and mask replace ``wcs`` and ``mask``. A ``SphericalAssignment`` needs
        ``grid``.
    wcs : `~astropy.wcs.WCS` or None
        The celestial WCS of the map, with its ``array_shape``. Required unless ``catalog`` is a
        ``PixelAssignment``.
    mask : mask-like or None
        Anything that `lensmap.masks.SkyMask` accepts. None excludes nothing.
    n_realizations : int
        The number of realizations.
    rng : None, int or `numpy.random.Generator`
        Seed or generator for the random rotations. None draws a new seed in each call. Each
        realization has its own generator, so that the first realizations do not depend on
        ``n_realizations``.
    grid : ShearGrid, SphericalShearGrid or None
        The grid of the galaxies without rotations. If None, it is computed.

    Yields
    ------
    ShearGrid or SphericalShearGrid
        The grid of one noise realization.

    Raises
    ------
    TypeError, ValueError
        If the catalog, the WCS, the mask or ``n_realizations`` cannot be used.
    """
    check_count(n_realizations, "n_realizations")
    if isinstance(catalog, Assignment):
        assignment: Assignment = catalog
    else:
        assignment = PixelAssignment(as_shear_catalog(catalog), wcs, mask)
    if grid is None:
        grid = ShearGrid.from_assignment(cast(PixelAssignment, assignment))
    weighted = assignment.shear
    if assignment.weight is not None:
        weighted = weighted * assignment.weight.astype(np.float32)
    parent = as_generator(rng)
    for _ in range(n_realizations):
        phases = _random_phases(parent.spawn(1)[0], len(weighted))
        rotated = weighted * phases
        real, imaginary = assignment.sums(rotated.real, rotated.imag)
        galaxies = getattr(grid, "galaxies", None)
        single = {} if galaxies is None else {"galaxies": galaxies.rotated(phases)}
        yield grid.with_ellipticities(real + 1j * imaginary, **single)


def _random_phases(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return ``n`` complex numbers of modulus 1 with random phases, complex64, ``(n,)``."""
    angle = rng.random(n, dtype=np.float32)
    angle *= np.float32(2 * np.pi)
    phases = np.empty(n, dtype=np.complex64)
    np.cos(angle, out=phases.real)
    np.sin(angle, out=phases.imag)
    return phases
