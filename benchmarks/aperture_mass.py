# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Aperture masses on 512 x 512 pixels: apertures of 60 pixels, by transforms and exactly."""

from astropy import units as u
from floors import transforms, wcslib
from mock import columns
from timing import report, say_machine, timed

from lensmap import ShearCatalog, ShearGrid, make_wcs
from lensmap.estimators import ApertureMass

N = 1_400_000
SIDE = 3.49  # degrees: 512 pixels of 0.41 arcmin
RADIUS = 60 * 0.41 * u.arcmin
EXACT_SIDE = 0.35  # degrees: 51 pixels


def main():
    """Print the table."""
    say_machine()
    catalog = ShearCatalog(columns(N, SIDE, SIDE, dec=0), "generic", "celestial", "shear")
    wcs = make_wcs(catalog, 0.41 * u.arcmin)
    print(f"maps of {wcs.array_shape} pixels, radius 60 pixels, with B-mode and significance\n")
    grid = ShearGrid.from_catalog(
        catalog, wcs, scheme="cloud-in-cell", extra_sums=ApertureMass.extra_sums
    )
    floor = transforms((512, 512), (576, 576), "complex128", pairs=4, repeats=15)
    for filter in ("schneider", "schirmer", "matched"):
        estimator = ApertureMass(radius=RADIUS, filter=filter)
        report(f"gridded data to map, {filter}", timed(lambda: estimator.reconstruct(grid), 15, 3),
               0.3 if filter == "schneider" else None, floor)
    sky = wcslib(wcs, catalog.ra, catalog.dec)
    estimator = ApertureMass(radius=RADIUS)
    report("catalog to map, schneider", timed(lambda: estimator.reconstruct(catalog, wcs), 5),
           floor=sky)
    n = int(N * (EXACT_SIDE / SIDE) ** 2)
    small = ShearCatalog(
        columns(n, EXACT_SIDE, EXACT_SIDE, dec=0), "generic", "celestial", "shear"
    )
    exact = ApertureMass(radius=6 * u.arcmin, exact=True)
    pixels = make_wcs(small, 0.41 * u.arcmin)
    report(f"exact sums, {n} galaxies, {pixels.array_shape} pixels, radius 6 arcmin",
           timed(lambda: exact.reconstruct(small, pixels), 1, 0))


if __name__ == "__main__":
    main()
