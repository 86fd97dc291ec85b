# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""10 million galaxies onto 1024 x 1024 pixels, in parts, for several kinds of WCS.

Public packages that do something like it are timed in the same run if they are installed.
"""

import dataclasses

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from floors import reading, wcslib
from mock import columns
from timing import report, say_machine, timed

from lensmap import ShearCatalog, ShearGrid, make_wcs
from lensmap.grid import PixelAssignment, PixelFrame

N = 10_000_000
SIDE = 3.41  # degrees: 1024 pixels of 0.2 arcmin


def image_wcs(kind):
    """Return a WCS of 1024 x 1024 pixels centered on the galaxies."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = {"galactic TAN": ["GLON-TAN", "GLAT-TAN"], "ZEA": ["RA---ZEA", "DEC--ZEA"]}.get(
        kind, ["RA---TAN", "DEC--TAN"]
    )
    center = SkyCoord(10, 45, unit="deg")
    if kind == "galactic TAN":
        wcs.wcs.crval = [center.galactic.l.deg, center.galactic.b.deg]
    else:
        wcs.wcs.crval = [10, 45]
    wcs.wcs.radesys = "FK5" if kind == "FK5 TAN" else "ICRS"
    wcs.wcs.crpix = [512.5, 512.5]
    wcs.wcs.cdelt = [-0.2 / 60, 0.2 / 60]
    c, s = np.cos(0.5), np.sin(0.5)
    wcs.wcs.pc = [[c, -s], [s, c]] if kind == "turned TAN" else np.eye(2)
    wcs.array_shape = (1024, 1024)
    return wcs


def peers(catalog):
    """Print the times of public packages that are installed: projection and binned means."""
    try:
        from lenspack.geometry.projections.gnom import radec2xy
        from lenspack.utils import bin2d
    except ImportError:
        print("lenspack is not installed")
        return

    def binned():
        x, y = radec2xy(10, 45, catalog.ra, catalog.dec)
        half = np.radians(0.5 * SIDE)
        bin2d(x, y, npix=1024, v=[catalog.e1, catalog.e2], w=catalog.weight,
              extent=(-half, half, -half, half))

    report("lenspack: radec2xy and bin2d, without the rotation of the ellipticities",
           timed(binned, 3))


def main():
    """Print the table."""
    say_machine()
    catalog = ShearCatalog(columns(N, SIDE, SIDE), "generic", "celestial", "shear")
    floor = wcslib(image_wcs("TAN"), catalog.ra, catalog.dec)
    report("make_wcs", timed(lambda: make_wcs(catalog, 0.2 * u.arcmin), 3),
           floor=reading(catalog.ra, catalog.dec))
    for kind in ("TAN", "turned TAN", "ZEA", "FK5 TAN", "galactic TAN"):
        wcs = image_wcs(kind)
        report(f"ShearGrid.from_catalog, {kind}",
               timed(lambda: ShearGrid.from_catalog(catalog, wcs), 3), 3, floor)
    wcs = image_wcs("TAN")
    report("ShearGrid.from_catalog, TAN, cloud-in-cell",
           timed(lambda: ShearGrid.from_catalog(catalog, wcs, scheme="cloud-in-cell"), 3),
           floor=floor)
    peers(catalog)
    print("\nthe parts (one core each, TAN, whole catalog)")
    frame = PixelFrame(wcs)
    report("wcslib", timed(lambda: frame.positions(catalog.ra, catalog.dec), 3))
    assignment = PixelAssignment(catalog, wcs)
    lon, lat = (assignment.column(name) for name in ("ra", "dec"))
    report("rotation", timed(lambda: frame.rotation(lon, lat, assignment.pixel), 3))
    report("one column binned", timed(lambda: assignment.sums(assignment.shear.real), 3))
    print("\nthe parts (all cores)")
    report("assignment: projection, rotation, pixels",
           timed(lambda: PixelAssignment(catalog, wcs), 3))
    report("sums: five columns, calibration",
           timed(lambda: ShearGrid.from_assignment(assignment), 3))
    grid = ShearGrid.from_assignment(assignment)
    report("noise of each pixel from the weights of its galaxies",
           timed(lambda: dataclasses.replace(grid).sigma, 3))


if __name__ == "__main__":
    main()
