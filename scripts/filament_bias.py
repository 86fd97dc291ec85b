# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Measure the bias of the matched filter for filaments on an arm whose convergence is known.

    python scripts/filament_bias.py
    python scripts/filament_bias.py --redshift 0.2 --mass 7e14 --ellipticity 0.3 --angle 90

The arm has the profile of the template, from 0.7 to 2.7 Mpc, with or without an elliptical cluster
at its end; the galaxies have no noise. Printed are the ratio of the fitted ``kappa0`` to that of
the arm and its error for 30 galaxies per square arcminute with a dispersion of 0.26, for the
elliptical and for the round cluster of `lensmap.filaments.matched_filter`.
"""

import argparse

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from scipy.ndimage import map_coordinates

from lensmap import ShearCatalog
from lensmap.cosmology import get_cosmology
from lensmap.filaments import matched_filter
from lensmap.flatsky import convergence_to_shear
from lensmap.grid import tangent_wcs
from lensmap.halos import NFWHalo, concentration
from lensmap.simulate import ClusterField

CENTER = SkyCoord(194.9, 27.96, unit="deg")
# The arm in Mpc, and its position angle.
CORE, INNER, OUTER, DIRECTION = 0.15, 0.7, 2.7, 110 * u.deg
# Pixels along the half-width of the core, and the half side of the field in units of the outer end.
PIXELS, ROOM = 6, 1.5
DENSITY, SIGMA_E, MOST = 30.0, 0.26, 400_000


def arm(shape, pixel, redshift, kappa0):
    """Return the convergence of the arm, ``(ny, nx)``; ``pixel`` is in Mpc."""
    y, x = np.indices(shape)
    east, north = -(x - (shape[1] - 1) / 2) * pixel, (y - (shape[0] - 1) / 2) * pixel
    along = east * np.sin(DIRECTION) + north * np.cos(DIRECTION)
    across = np.abs(east * np.cos(DIRECTION) - north * np.sin(DIRECTION))
    radius = np.hypot(east, north)
    inside = (along > 0) & (radius > INNER) & (radius < OUTER)
    wings = (np.maximum(across - CORE, 0) / CORE) ** 2
    return np.where(inside, kappa0 / (1 + wings), 0)


def catalog_of(options):
    """Return galaxies without noise behind the arm and the cluster."""
    distance = get_cosmology(None).angular_diameter_distance(options.redshift)
    pixel = CORE / PIXELS
    scale = (pixel * u.Mpc / distance).to(u.arcmin, u.dimensionless_angles())
    side = 2 * int(np.ceil(ROOM * OUTER / pixel))
    kappa = arm((side, side), pixel, options.redshift, options.kappa0)
    gamma = convergence_to_shear(kappa, padding=3.0)
    wcs = tangent_wcs(CENTER, (side, side), scale)
    if options.mass:
        mass = options.mass * u.solMass
        halo = NFWHalo(
            mass, float(concentration(mass, options.redshift)), options.redshift,
            ellipticity=options.ellipticity, angle=DIRECTION + (options.angle + 90) * u.deg,
        )
        field = ClusterField(
            halo, shape=(side, side), pixel_scale=scale, center=CENTER, z_source=1.0,
            dtype="float64",
        ).draw(0)
        kappa, gamma, wcs = kappa + field.kappa.data, gamma + field.gamma, field.kappa.wcs
    reduced = gamma / (1 - kappa)
    expected = DENSITY * (side * scale.to_value(u.arcmin)) ** 2
    n = int(min(MOST, expected))
    x, y = np.random.default_rng(0).uniform(0, side - 1, (2, n))
    g1, g2 = (map_coordinates(one, [y, x], order=1) for one in (reduced.real, reduced.imag))
    sky = wcs.pixel_to_world(x, y)
    # Fewer galaxies stand for all of them. On the sky, x is to the east and not to the west.
    sigma_e = np.full(n, SIGMA_E * np.sqrt(n / expected))
    table = Table({"ra": sky.ra, "dec": sky.dec, "e1": g1, "e2": -g2, "sigma_e": sigma_e})
    return ShearCatalog(table, convention="celestial", kind="shear")


def main():
    """Print the ratio of the fitted convergence to that of the arm."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--redshift", type=float, default=0.2)
    parser.add_argument("--kappa0", type=float, default=0.02, help="the convergence of the arm")
    parser.add_argument("--mass", type=float, default=0.0, help="of the cluster (default none)")
    parser.add_argument("--ellipticity", type=float, default=0.3)
    parser.add_argument("--angle", type=float, default=0.0,
                        help="between the long axis of the cluster and the arm, degrees")
    options = parser.parse_args()
    catalog = catalog_of(options)
    ways = {"elliptical": {}, "round": {"elliptical": False}} if options.mass else {
        "no cluster": {"cluster": False}
    }
    for name, more in ways.items():
        table = matched_filter(
            catalog, CENTER, z_lens=options.redshift, z_source=1.0, n_directions=36, **more
        ).table
        row = table[np.argmin(np.abs(table["angle"] - DIRECTION))]
        print(f"{name}: kappa0 {row['kappa0'] / options.kappa0:.3f} +- "
              f"{row['kappa0_err'] / options.kappa0:.3f} of that of the arm", flush=True)


if __name__ == "__main__":
    main()
