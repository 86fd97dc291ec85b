# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Compare Kaiser-Squires maps of one field on a tangent plane and on the sphere.

    python scripts/plane_and_sphere.py --density 30

The field has 5 degrees, and galaxies around it to 9 degrees from its center. The convergence is
Gaussian with the power of the theory, and 0 outside of the field, so that the edges of the data
change neither map. Printed is the scatter of the difference of the maps in units of the scatter of
the map on the plane, without noise and with noise.
"""

import argparse

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from lensmap import KaiserSquires, ShearCatalog
from lensmap.cosmology import convergence_power
from lensmap.estimators import SphericalKaiserSquires
from lensmap.grid import tangent_wcs
from lensmap.sphere import HealpixPixels, LensingInterpolator, SphericalTransform

CENTER = SkyCoord(150, 30, unit="deg")
RADIUS_DEG = 9.0
# The convergence falls to 0 between these distances from the center, degrees.
INNER_DEG, OUTER_DEG = 2.5, 3.5


def gaussian_sky(nside, rng):
    """Return the coefficients of a Gaussian convergence in a disk, and their highest multipole."""
    lmax = 2 * nside
    transform = SphericalTransform(HealpixPixels(nside), lmax=lmax)
    power = np.zeros(lmax + 1)
    power[2:] = convergence_power(np.arange(2.0, lmax + 1), 1.0)
    modes = rng.standard_normal(len(transform.ell)) + 1j * rng.standard_normal(len(transform.ell))
    modes *= np.sqrt(power / 2)[transform.ell]
    modes[: lmax + 1] = np.sqrt(2) * modes[: lmax + 1].real
    kappa = transform.to_map(modes)
    index = np.arange(transform.pixels.n_pixels)
    distance = SkyCoord(*transform.pixels.centers(index), unit="deg").separation(CENTER).deg
    phase = np.clip((distance - INNER_DEG) / (OUTER_DEG - INNER_DEG), 0, 1)
    window = np.cos(np.pi / 2 * phase) ** 2
    kappa = window * (kappa - np.sum(kappa * window) / np.sum(window))
    return transform.to_coefficients(kappa), lmax


def main():
    """Print the differences."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nside", type=int, default=512, help="pixels of the sphere")
    parser.add_argument("--pixels", type=float, nargs="+", default=[3.5, 7.0],
                        help="the smoothing, in pixels of the sphere")
    parser.add_argument("--density", type=float, default=30.0, help="galaxies per arcmin^2")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    kappa, lmax = gaussian_sky(arguments.nside, rng)
    scale = HealpixPixels(arguments.nside).scale
    # Fewer galaxies with the noise of all: 1 per square arcminute.
    n = int(2 * np.pi * (1 - np.cos(np.radians(RADIUS_DEG))) * (u.sr / u.arcmin**2).to(""))
    cosine = 1 - rng.random(n) * (1 - np.cos(np.radians(RADIUS_DEG)))
    sky = CENTER.directional_offset_by(rng.uniform(0, 360, n) * u.deg, np.arccos(cosine) * u.rad)
    interpolator = LensingInterpolator(kappa, lmax, [150], [30], RADIUS_DEG + 0.2)
    shear = interpolator.kappa_and_shear(sky.ra.deg, sky.dec.deg)[1]
    noise = rng.standard_normal(n) + 1j * rng.standard_normal(n)
    side = int(2 * RADIUS_DEG * u.deg / scale)
    wcs = tangent_wcs(CENTER, (side, side), scale)
    y, x = np.abs(np.indices((side, side)) - side / 2) * scale.to_value(u.deg)
    for sigma in (0.0, 0.26 / np.sqrt(arguments.density)):
        e = shear + sigma * noise
        catalog = ShearCatalog(
            Table({"ra": sky.ra, "dec": sky.dec, "e1": e.real, "e2": e.imag}),
            convention="celestial", kind="shear",
        )
        for factor in arguments.pixels:
            smoothing = factor * scale
            plane = KaiserSquires(smoothing=smoothing).reconstruct(catalog, wcs)
            sphere = SphericalKaiserSquires(smoothing=smoothing)
            curved = sphere.reconstruct(catalog, arguments.nside).cutout(wcs)
            inside = (x < INNER_DEG) & (y < INNER_DEG) & ~plane.mask & ~curved.mask
            one, other = plane.data[inside], curved.data[inside]
            print(
                f"{'noise' if sigma else 'no noise'}, smoothing {smoothing.to(u.arcmin):.1f}: "
                f"difference {np.std(one - other) / np.std(one):.4f}, B-mode on the plane "
                f"{np.std(plane.kappa_b[inside]) / np.std(one):.4f}, r "
                f"{np.corrcoef(one, other)[0, 1]:.5f}", flush=True,
            )


if __name__ == "__main__":
    main()
