# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A 512 x 512 map from gridded data, and noise realizations of 1.4 million galaxies."""

from astropy import units as u
from floors import transforms, wcslib
from mock import columns
from timing import report, say_machine, timed

from lensmap import KaiserSquires, ShearCatalog, ShearGrid, make_wcs
from lensmap.grid import noise_realizations

N = 1_400_000
SIDE = 3.49  # degrees: 512 pixels of 0.41 arcmin
MODES = {"float32": "complex64", "float64": "complex128"}


def main():
    """Print the table."""
    say_machine()
    catalog = ShearCatalog(columns(N, SIDE, SIDE, dec=0), "generic", "celestial", "shear")
    wcs = make_wcs(catalog, 0.41 * u.arcmin)
    print(f"map of {wcs.array_shape} pixels, twofold padding, smoothing 1 arcmin\n")
    grid = ShearGrid.from_catalog(catalog, wcs)
    for dtype, target in (("float32", 0.06), ("float64", None)):
        estimator = KaiserSquires(dtype=dtype)
        floor = transforms((512, 512), (1024, 1024), MODES[dtype], repeats=15)
        report(f"inversion of gridded data, {dtype}",
               timed(lambda: estimator.invert(grid, estimator.prepare(grid, None)), 15, 3), target,
               floor)
        report(f"gridded data to ConvergenceMap, {dtype}",
               timed(lambda: estimator.reconstruct(grid), 15, 3), floor=floor)
    sky = wcslib(wcs, catalog.ra, catalog.dec)
    report("catalog to ConvergenceMap, float64",
           timed(lambda: KaiserSquires().reconstruct(catalog, wcs), 5), floor=sky)
    report("the same with analytic uncertainty",
           timed(lambda: KaiserSquires(uncertainty="analytic").reconstruct(catalog, wcs), 5),
           floor=sky)
    for dtype, target in (("float32", 12), ("float64", None)):
        rotations = KaiserSquires(uncertainty="rotations", dtype=dtype)
        report(f"catalog to ConvergenceMap with 100 rotations, {dtype}",
               timed(lambda: rotations.reconstruct(catalog, wcs), 1, 0), target,
               transforms((512, 512), (1024, 1024), MODES[dtype], pairs=100))
    report("100 noise realizations, binned only",
           timed(lambda: sum(1 for _ in noise_realizations(catalog, wcs)), 1, 0))


if __name__ == "__main__":
    main()
