# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A 512 x 512 Wiener map from gridded data, with and without holes, and its posterior error."""

import numpy as np
from astropy import units as u
from floors import transforms
from mock import columns
from timing import report, say_machine, timed

from lensmap import ShearCatalog, ShearGrid, WienerFilter, make_wcs
from lensmap.flatsky import padded_shape

N = 1_450_000  # 33 per square arcmin
SIDE = 3.49  # degrees: 512 pixels of 0.41 arcmin
MODES = {"float32": "complex64", "float64": "complex128"}


def stars(shape):
    """Return a mask of 150 round holes and one of half a degree."""
    y, x = np.indices(shape)
    mask = np.hypot(y - 150, x - 350) < 37
    for j, i in np.random.default_rng(1).uniform(0, shape[0], (150, 2)):
        mask |= np.hypot(y - j, x - i) < 5
    return mask


def main():
    """Print the table."""
    say_machine()
    catalog = ShearCatalog(columns(N, SIDE, SIDE, dec=0), "generic", "celestial", "shear")
    wcs = make_wcs(catalog, 0.41 * u.arcmin)
    print(f"map of {wcs.array_shape} pixels, sources at redshift 2.5\n")
    whole = ShearGrid.from_catalog(catalog, wcs)
    holes = ShearGrid.from_catalog(catalog, wcs, stars(wcs.array_shape))
    for what, grid in (("whole", whole), ("with holes", holes)):
        for dtype, target in (("float32", None), ("float64", 3)):
            estimator = WienerFilter(z_source=2.5, dtype=dtype)
            solver = estimator.prepare(grid, None).solver
            solver.solve(grid.shear)
            # Each step takes both shear components of a convergence, and back.
            floor = transforms(
                grid.shape, padded_shape(grid.shape, estimator.padding), MODES[dtype],
                pairs=2 * solver.n_iterations + 1)
            report(f"gridded data to ConvergenceMap, {what}, {dtype}",
                   timed(lambda e=estimator, g=grid: e.reconstruct(g), 5), target, floor)
            print(f"    {solver.n_iterations} steps")
    for dtype in ("float32", "float64"):
        posterior = WienerFilter(
            z_source=2.5, dtype=dtype, uncertainty="posterior", n_realizations=10
        )
        report(f"the same with posterior error of 10 solutions, holes, {dtype}",
               timed(lambda e=posterior: e.reconstruct(holes), 1, 0))


if __name__ == "__main__":
    main()
